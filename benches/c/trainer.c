/* The smallest trainer: what it grows by against the same program without the library
 * (-DWITHOUT) is what the calls of a training step cost in a binary. */
#include <infonoise.h>

static uint64_t memory[1 << 14];

int main(void) {
  int failed = 0;
#ifndef WITHOUT
  static float sigma[64], error[64];
  infonoise_state *state = (infonoise_state *)memory;
  infonoise_config config = INFONOISE_CONFIG_INIT;
  infonoise_report report = INFONOISE_REPORT_INIT;
  failed |= (int)infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT);
  failed |= infonoise_state_bytes(&config) > sizeof memory;
  failed |= (int)infonoise_init(state, sizeof memory, &config, 1);
  failed |= (int)infonoise_sample(state, sizeof memory, sigma, 64);
  failed |= (int)infonoise_observe(state, sizeof memory, sigma, error, 64, NULL);
  failed |= (int)infonoise_step(state, sizeof memory, &report);
#endif
  return failed | (int)memory[1 << 13];
}
