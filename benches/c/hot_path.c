/* One path of a training step, again and again, for callgrind: argv holds its
 * name and how often. The difference between two counts is exact. */
#include <infonoise.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Ours, since the C library picks its own by the processor. */
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  unsigned char *restrict t = to;
  const unsigned char *restrict f = from;
  for (; n >= 8; n -= 8, t += 8, f += 8) *(uint64_t *)(void *)t = *(const uint64_t *)(const void *)f;
  for (; n; --n) *t++ = *f++;
  return to;
}

enum { MOST = 4096, N = 256 };
static float sigma[MOST], error[MOST];

static void must(infonoise_status status) {
  if (status != INFONOISE_OK) {
    fprintf(stderr, "%s\n", infonoise_status_message(status));
    exit(2);
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  char path = argv[1][0]; /* sample, observe, count, refresh */
  long times = strtol(argv[2], NULL, 10);
  infonoise_config config = INFONOISE_CONFIG_INIT;
  must(infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT));
  config.warmup_steps = 20, config.refresh_every = path == 'r' ? 1 : 1000000, config.refresh_growth = 0;
  size_t bytes = infonoise_state_bytes(&config);
  infonoise_state *state = malloc(bytes);
  must(infonoise_init(state, bytes, &config, 1));
  for (int step = 0; step < 22; ++step) {
    must(infonoise_sample(state, bytes, sigma, MOST));
    for (int i = 0; i < MOST; ++i) error[i] = sigma[i] * sigma[i] * .25f / (sigma[i] * sigma[i] + .25f);
    must(infonoise_observe(state, bytes, sigma, error, MOST, NULL));
    must(infonoise_step(state, bytes, NULL));
  }
  infonoise_report report = INFONOISE_REPORT_INIT;
  must(infonoise_report_get(state, bytes, &report));
  if (report.refreshes == 0 || report.poorest_count < config.window) return 3;
  for (long i = 0; i < times; ++i) {
    size_t at = (size_t)(i * N) % MOST;
    if (path == 's') must(infonoise_sample(state, bytes, sigma, N));
    if (path == 'o') must(infonoise_observe(state, bytes, sigma + at, error + at, N, NULL));
    if (path == 'c' || path == 'r') must(infonoise_step(state, bytes, NULL));
  }
  return 0;
}
