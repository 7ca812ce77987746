/* Whole training steps through the C ABI, as one function for a timer in
 * another language. */
#include <infonoise.h>
#include <stddef.h>

/* 0, or the number of the first error. */
int steps(infonoise_state *state, size_t bytes, float *sigma, const float *error, size_t n, size_t times);
int steps(infonoise_state *state, size_t bytes, float *sigma, const float *error, size_t n, size_t times) {
  for (size_t i = 0; i < times; ++i) {
    infonoise_status status = infonoise_sample(state, bytes, sigma, n);
    if (status == INFONOISE_OK) status = infonoise_observe(state, bytes, sigma, error, n, NULL);
    if (status == INFONOISE_OK) status = infonoise_step(state, bytes, NULL);
    if (status != INFONOISE_OK) return (int)status;
  }
  return 0;
}
