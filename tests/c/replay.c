/* Replays a schedule: argv holds steps, batch and 1 to run with subnormals
 * flushed to zero; stdin the errors, f32; stdout gets each batch of sigmas, and
 * the digest after each step. Other bindings must write the same bytes. */
#include "must.h"
#include <infonoise.h>
#include <stdio.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  size_t steps = strtoul(argv[1], NULL, 10), batch = strtoul(argv[2], NULL, 10);
#if defined(__x86_64__)
  if (argv[3][0] == '1') _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
  infonoise_config config = INFONOISE_CONFIG_INIT;
  must(infonoise_config_init(&config, INFONOISE_PRESET_DISCRETE));
  config.warmup_steps = 40, config.refresh_every = 7, config.refresh_growth = 0, config.min_count = 20;
  size_t bytes = infonoise_state_bytes(&config);
  infonoise_state *state = malloc(bytes);
  float *sigma = malloc(batch * sizeof *sigma), *error = malloc(batch * sizeof *error);
  if (!state || !sigma || !error) return 1;
  must(infonoise_init(state, bytes, &config, 7));
  for (size_t step = 0; step < steps; ++step) {
    uint64_t digest;
    must(infonoise_sample(state, bytes, sigma, batch));
    if (fread(error, sizeof *error, batch, stdin) != batch) return 1;
    must(infonoise_observe(state, bytes, sigma, error, batch, NULL));
    must(infonoise_step(state, bytes, NULL));
    must(infonoise_digest(state, bytes, &digest));
    fwrite(sigma, sizeof *sigma, batch, stdout);
    fwrite(&digest, sizeof digest, 1, stdout);
  }
  free(state), free(sigma), free(error);
  return 0;
}
