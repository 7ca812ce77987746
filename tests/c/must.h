/* Ends a test program whose call fails, with the library's own words. */
#include <infonoise.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must(infonoise_status status) {
  if (status == INFONOISE_OK) return;
  fprintf(stderr, "%s\n", infonoise_status_message(status));
  exit(1);
}
