/* What the timing programs share: a clock, the floors, schedules whose rings are
 * full, and the calls to time. */
#pragma once
#define _POSIX_C_SOURCE 200809L
#include <infonoise.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POOL = 1 << 18, LARGEST = 1 << 16, MOST = 4096 };
static float pool_sigma[POOL], pool_error[POOL], out[LARGEST];

static inline void must(infonoise_status status) {
  if (status != INFONOISE_OK) {
    fprintf(stderr, "%s\n", infonoise_status_message(status));
    exit(2);
  }
}

static inline double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

/* The floor of a draw: a xoshiro256++ word, converted to f32 and stored. */
static uint64_t rng[4] = {1, 2, 3, 4};
static __attribute__((noinline, aligned(64))) void words(float *to, size_t n) {
  uint64_t a = rng[0], b = rng[1], c = rng[2], d = rng[3];
  for (size_t i = 0; i < n; ++i) {
    uint64_t word = rotl(a + d, 23) + a, t = b << 17;
    c ^= a, d ^= b, b ^= c, a ^= d, c ^= t, d = rotl(d, 45);
    to[i] = (float)(uint32_t)(word >> 32);
  }
  rng[0] = a, rng[1] = b, rng[2] = c, rng[3] = d;
}

typedef struct {
  infonoise_config config;
  infonoise_state *state;
  size_t bytes;
  size_t n; /* batch */
  size_t at; /* in the pool */
  float *from, *to; /* the floor of a refresh */
} bench;

static inline float mmse(float sigma) { return sigma * sigma * .25f / (sigma * sigma + .25f); }

/* One batch through the schedule. */
static inline void train(bench *b) {
  float error[MOST];
  must(infonoise_sample(b->state, b->bytes, out, MOST));
  for (size_t i = 0; i < MOST; ++i) error[i] = mmse(out[i]);
  must(infonoise_observe(b->state, b->bytes, out, error, MOST, NULL));
  must(infonoise_step(b->state, b->bytes, NULL));
}

/* A schedule whose rings are full; adapted, or drawing log-uniformly still. */
static inline bench schedule(uint32_t bins, uint32_t window, int adapted, uint64_t every) {
  bench b = {.n = 256};
  memset(&b.config, 0, sizeof b.config);
  b.config.struct_size = sizeof b.config;
  must(infonoise_config_init(&b.config, INFONOISE_PRESET_DEFAULT));
  uint64_t filled = 4 * (uint64_t)bins * window / MOST + 10;
  b.config.bins = bins, b.config.window = window, b.config.refresh_every = every, b.config.refresh_growth = 0;
  if (b.config.min_count > window) b.config.min_count = window;
  b.config.warmup_steps = adapted ? filled : 1000000000;
  b.bytes = infonoise_state_bytes(&b.config);
  b.state = aligned_alloc(64, (b.bytes + 63) / 64 * 64);
  must(infonoise_init(b.state, b.bytes, &b.config, 1));
  for (uint64_t i = 0; i < filled + (adapted ? 500 : 0); ++i) train(&b);
  infonoise_report report = INFONOISE_REPORT_INIT;
  must(infonoise_report_get(b.state, b.bytes, &report));
  if (report.poorest_count < window || (report.refreshes == 0) == adapted) fprintf(stderr, "the rings did not fill\n"), exit(2);
  size_t rings = (size_t)bins * window;
  b.from = malloc(rings * sizeof(float)), b.to = malloc(rings * sizeof(float));
  for (size_t i = 0; i < rings; ++i) b.from[i] = 1, b.to[i] = 2;
  return b;
}

static inline void dispose(bench *b) { free(b->state), free(b->from), free(b->to); }

static inline void fill_pool(bench *b) {
  for (size_t i = 0; i < POOL; i += MOST) must(infonoise_sample(b->state, b->bytes, pool_sigma + i, MOST));
  for (size_t i = 0; i < POOL; ++i) pool_error[i] = mmse(pool_sigma[i]) * (float)((i * 2654435761u >> 8) % 1024) / 512;
}

static inline size_t turn(bench *b) { return b->at = b->at + 2 * b->n > POOL ? 0 : b->at + b->n; }

static inline void floor_draws(bench *b) { words(out, b->n); }
static inline void sample(bench *b) { must(infonoise_sample(b->state, b->bytes, out, b->n)); }
static inline void observe(bench *b) {
  size_t i = turn(b);
  must(infonoise_observe(b->state, b->bytes, pool_sigma + i, pool_error + i, b->n, NULL));
}
static inline void step(bench *b) { must(infonoise_step(b->state, b->bytes, NULL)); }
static inline void whole(bench *b) {
  sample(b);
  observe(b);
  step(b);
}
/* Through a pointer: the compiler must not see that nothing reads the copy. */
static void *(*volatile copying)(void *, const void *, size_t) = memcpy;
static inline void copy(bench *b) { copying(b->to, b->from, (size_t)b->config.bins * b->config.window * sizeof(float)); }

static inline int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static inline double quantile(double *numbers, int n, double share) {
  qsort(numbers, (size_t)n, sizeof *numbers, ascending);
  return numbers[(int)(share * (n - 1))];
}
