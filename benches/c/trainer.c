/* The smallest trainer: what it grows by against the same program without the library
 * (-DWITHOUT) is what the calls of a training step cost in a binary. */
#include <infonoise.h>

static uint64_t state[1 << 14];

int main(void) {
  int failed = 0;
#ifndef WITHOUT
  static float sigma[64], error[64];
  infonoise_config config = INFONOISE_CONFIG_INIT;
  infonoise_report report = INFONOISE_REPORT_INIT;
  failed |= (int)infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT);
  failed |= infonoise_state_bytes(&config) > sizeof state;
  failed |= (int)infonoise_init(state, sizeof state, &config, 1);
  failed |= (int)infonoise_sample(state, sizeof state, sigma, 64);
  failed |= (int)infonoise_observe(state, sizeof state, sigma, error, 64, NULL);
  failed |= (int)infonoise_step(state, sizeof state, &report);
#endif
  return failed | (int)state[1 << 13];
}
