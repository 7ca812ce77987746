/* What the library costs, as ratios to floors timed beside it: one table, a few
 * seconds. Timings are noisy; the median ratio of many short repetitions of both
 * sides in turns, each well below a time slice, is not. Inputs rotate over a large pool, since repeated
 * small ones flatter branches.
 *
 *   cc -O3 -Iinclude benches/c/ratios.c out/lib/libinfonoise.a -o out/ratios
 *   out/ratios [slack]     fails where a ratio exceeds slack times its target
 */
#define _POSIX_C_SOURCE 200809L
#include <infonoise.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POOL = 1 << 18, MOST = 4096, REPETITIONS = 2001 };
static float pool_sigma[POOL], pool_error[POOL], out[MOST];

static void must(infonoise_status status) {
  if (status != INFONOISE_OK) {
    fprintf(stderr, "%s\n", infonoise_status_message(status));
    exit(2);
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

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
  void *state;
  size_t bytes;
  size_t n; /* batch */
  size_t at; /* in the pool */
  float *from, *to; /* the floor of a refresh */
} bench;

static float mmse(float sigma) { return sigma * sigma * .25f / (sigma * sigma + .25f); }

/* One batch through the schedule. */
static void train(bench *b) {
  float error[MOST];
  must(infonoise_sample(b->state, b->bytes, out, MOST));
  for (size_t i = 0; i < MOST; ++i) error[i] = mmse(out[i]);
  must(infonoise_observe(b->state, b->bytes, out, error, MOST, NULL));
  must(infonoise_step(b->state, b->bytes, NULL));
}

/* A schedule whose rings are full; adapted, or drawing log-uniformly still. */
static bench schedule(uint32_t bins, uint32_t window, int adapted, uint64_t every) {
  bench b = {.n = 256};
  memset(&b.config, 0, sizeof b.config);
  b.config.struct_size = sizeof b.config;
  must(infonoise_config_init(&b.config, INFONOISE_PRESET_DEFAULT));
  uint64_t filled = 4 * (uint64_t)bins * window / MOST + 10;
  b.config.bins = bins, b.config.window = window, b.config.refresh_every = every;
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

static void fill_pool(bench *b) {
  for (size_t i = 0; i < POOL; i += MOST) must(infonoise_sample(b->state, b->bytes, pool_sigma + i, MOST));
  for (size_t i = 0; i < POOL; ++i) pool_error[i] = mmse(pool_sigma[i]) * (float)((i * 2654435761u >> 8) % 1024) / 512;
}

static size_t turn(bench *b) { return b->at = b->at + 2 * b->n > POOL ? 0 : b->at + b->n; }

static void floor_draws(bench *b) { words(out, b->n); }
static void sample(bench *b) { must(infonoise_sample(b->state, b->bytes, out, b->n)); }
static void observe(bench *b) {
  size_t i = turn(b);
  must(infonoise_observe(b->state, b->bytes, pool_sigma + i, pool_error + i, b->n, NULL));
}
static void step(bench *b) { must(infonoise_step(b->state, b->bytes, NULL)); }
static void whole(bench *b) {
  sample(b);
  observe(b);
  step(b);
}
/* Through a pointer: the compiler must not see that nothing reads the copy. */
static void *(*volatile copying)(void *, const void *, size_t) = memcpy;
static void copy(bench *b) { copying(b->to, b->from, (size_t)b->config.bins * b->config.window * sizeof(float)); }

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *numbers, int n) {
  qsort(numbers, (size_t)n, sizeof *numbers, ascending);
  return numbers[n / 2];
}

static double slack = 0;
static int missed = 0;

/* Times `what` against `floor`, `calls` a repetition, in turns: both sides of a
 * pair see the same clock rate and the same neighbours. */
static void compare(const char *name, bench *b, void (*what)(bench *), void (*floor)(bench *), int calls,
                    double target) {
  static double ours[REPETITIONS], theirs[REPETITIONS], ratios[REPETITIONS];
  for (int i = 0; i < REPETITIONS; ++i) {
    double start = now();
    for (int j = 0; j < calls; ++j) floor(b);
    double middle = now();
    for (int j = 0; j < calls; ++j) what(b);
    double end = now();
    ours[i] = (end - middle) / calls, theirs[i] = (middle - start) / calls, ratios[i] = ours[i] / theirs[i];
  }
  double ratio = median(ratios, REPETITIONS);
  printf("%-38s %10.1f %10.1f %8.2f", name, median(ours, REPETITIONS), median(theirs, REPETITIONS), ratio);
  printf(target > 0 ? " %8.2f\n" : "        -\n", target);
  if (slack > 0 && target > 0 && ratio > slack * target) ++missed;
}

int main(int argc, char **argv) {
  if (argc > 1) slack = atof(argv[1]);
  printf("%-38s %10s %10s %8s %8s\n", "", "ns a call", "floor", "ratio", "target");
  bench uniform = schedule(64, 256, 0, 100), adapted = schedule(64, 256, 1, 100);
  for (int i = 0; i < 2; ++i) {
    bench *b = i ? &uniform : &adapted;
    b->n = 256;
    compare(i ? "sample 256, log-uniform" : "sample 256, adapted", b, sample, floor_draws, 128, 1.4);
    b->n = 4096;
    compare(i ? "sample 4096, log-uniform" : "sample 4096, adapted", b, sample, floor_draws, 8, 1.4);
  }
  for (int i = 0; i < 2; ++i) {
    bench *b = i ? &uniform : &adapted;
    fill_pool(b);
    b->n = 256;
    compare(i ? "observe 256, log-uniform" : "observe 256, adapted", b, observe, floor_draws, 128, 2.2);
    b->n = 4096;
    compare(i ? "observe 4096, log-uniform" : "observe 4096, adapted", b, observe, floor_draws, 8, 2.2);
  }
  fill_pool(&adapted);
  must(infonoise_set_frozen(adapted.state, adapted.bytes, 1));
  adapted.n = 256;
  compare("step, none due", &adapted, step, floor_draws, 128, .1);
  must(infonoise_set_frozen(adapted.state, adapted.bytes, 0));
  /* A hundred calls a repetition hold one refresh. */
  compare("sample + observe + step, 256", &adapted, whole, floor_draws, 100, 4);
  bench often = schedule(64, 256, 1, 1), large = schedule(256, 1024, 1, 1);
  compare("refresh 64 x 256, to a copy of rings", &often, step, copy, 8, 8);
  compare("refresh 256 x 1024, to a copy of rings", &large, step, copy, 1, 3);
  if (missed) printf("%d ratios above %.3g times their targets\n", missed, slack);
  return missed != 0;
}
