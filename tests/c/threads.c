/* Two threads: each on a block of its own, then both on one block. argv[1] 1:
 * the library is a debug build and must call the second a mistake. */
#include "must.h"
#include <infonoise.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 3000, BATCH = 256 };
static size_t bytes;
static infonoise_state *shared;

static infonoise_state *fresh(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  must(infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT));
  config.warmup_steps = 20, config.refresh_every = 5, config.refresh_growth = 0;
  bytes = infonoise_state_bytes(&config);
  infonoise_state *state = malloc(bytes);
  must(infonoise_init(state, bytes, &config, 5));
  return state;
}

/* Trains a block of its own; returns its digest. */
static void *alone(void *result) {
  infonoise_state *state = fresh();
  float sigma[BATCH], error[BATCH];
  for (int step = 0; step < STEPS; ++step) {
    must(infonoise_sample(state, bytes, sigma, BATCH));
    for (int i = 0; i < BATCH; ++i) error[i] = sigma[i] * sigma[i] / (1 + sigma[i] * sigma[i]);
    must(infonoise_observe(state, bytes, sigma, error, BATCH, NULL));
    must(infonoise_step(state, bytes, NULL));
  }
  must(infonoise_digest(state, bytes, result));
  free(state);
  return NULL;
}

/* Works on the shared block; returns how often it was called busy. */
static void *together(void *result) {
  static const int rounds = 20000;
  float sigma[BATCH];
  for (int i = 0; i < rounds; ++i) {
    infonoise_status status = infonoise_sample(shared, bytes, sigma, BATCH);
    if (status == INFONOISE_BUSY) {
      ++*(int *)result;
    } else {
      must(status);
    }
  }
  return NULL;
}

static void both(void *(*work)(void *), void *first, void *second) {
  pthread_t threads[2];
  if (pthread_create(&threads[0], NULL, work, first) || pthread_create(&threads[1], NULL, work, second)) exit(1);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
}

int main(int argc, char **argv) {
  uint64_t digests[3];
  alone(&digests[0]);
  both(alone, &digests[1], &digests[2]);
  if (digests[0] != digests[1] || digests[0] != digests[2]) return 1;
  if (argc > 1 && argv[1][0] == '1') {
    int busy[2] = {0, 0};
    shared = fresh();
    both(together, &busy[0], &busy[1]);
    free(shared);
    if (busy[0] + busy[1] == 0) return 3;
  }
  puts("ok");
  return 0;
}
