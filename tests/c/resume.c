/* A run that is saved and killed: argv holds the snapshot's path, the last step
 * and the step at which to save and wait for kill -9 (0: never). Each later step
 * prints a hash of its sigmas and the digest. */
#include <inttypes.h>
#include "must.h"
#include <infonoise.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  uint64_t last = strtoull(argv[2], NULL, 10), stop = strtoull(argv[3], NULL, 10);
  static unsigned char snapshot[1 << 18];
  infonoise_state *state;
  size_t bytes;
  FILE *file = fopen(argv[1], "rb");
  if (file) {
    size_t length = fread(snapshot, 1, sizeof snapshot, file);
    fclose(file);
    must(infonoise_snapshot_state_bytes(snapshot, length, &bytes));
    state = malloc(bytes);
    must(infonoise_load(state, bytes, snapshot, length));
  } else {
    infonoise_config config = INFONOISE_CONFIG_INIT;
    must(infonoise_config_init(&config, INFONOISE_PRESET_DISCRETE));
    config.bins = 32, config.warmup_steps = 20, config.refresh_every = 7, config.refresh_growth = 0, config.min_count = 5;
    bytes = infonoise_state_bytes(&config);
    state = malloc(bytes);
    must(infonoise_init(state, bytes, &config, 11));
  }
  infonoise_report report = INFONOISE_REPORT_INIT;
  must(infonoise_report_get(state, bytes, &report));
  while (report.steps < last) {
    float sigma[64], error[64];
    uint64_t hash = 0, digest;
    must(infonoise_sample(state, bytes, sigma, 64));
    for (int i = 0; i < 64; ++i) {
      error[i] = sigma[i] * sigma[i] / (1 + sigma[i] * sigma[i]);
      hash = hash * 31 + (uint64_t)(sigma[i] * 1e6f);
    }
    must(infonoise_observe(state, bytes, sigma, error, 64, NULL));
    must(infonoise_step(state, bytes, &report));
    if (report.steps == stop) {
      size_t length = infonoise_snapshot_bytes(state, bytes);
      must(infonoise_save(state, bytes, snapshot, sizeof snapshot));
      file = fopen(argv[1], "wb");
      if (!file || fwrite(snapshot, 1, length, file) != length || fclose(file)) return 1;
      puts("saved");
      fflush(stdout);
      getchar(); /* until the parent kills this process */
    }
    must(infonoise_digest(state, bytes, &digest));
    printf("%" PRIu64 " %" PRIx64 "\n", hash, digest);
  }
  printf("refreshes %" PRIu64 "\n", report.refreshes);
  free(state);
  return 0;
}
