/* Fifty steps on a known mmse; prints the digest. */
#include <infonoise.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  float sigma[128], error[128];
  uint64_t digest = 0;
  infonoise_config config = INFONOISE_CONFIG_INIT;
  if (infonoise_config_init(&config, INFONOISE_PRESET_DISCRETE) != INFONOISE_OK) return 1;
  config.warmup_steps = 20, config.min_count = 5;
  size_t bytes = infonoise_state_bytes(&config);
  infonoise_state *state = malloc(bytes);
  if (infonoise_init(state, bytes, &config, 9) != INFONOISE_OK) return 1;
  for (int step = 0; step < 50; ++step) {
    if (infonoise_sample(state, bytes, sigma, 128) != INFONOISE_OK) return 1;
    for (int i = 0; i < 128; ++i) error[i] = sigma[i] * sigma[i] / (1 + sigma[i] * sigma[i]);
    if (infonoise_observe(state, bytes, sigma, error, 128, NULL) != INFONOISE_OK) return 1;
    if (infonoise_step(state, bytes, NULL) != INFONOISE_OK) return 1;
  }
  if (infonoise_digest(state, bytes, &digest) != INFONOISE_OK) return 1;
  printf("%" PRIu64 "\n", digest);
  free(state);
  return 0;
}
