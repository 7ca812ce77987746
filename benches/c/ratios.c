/* The cost of the library, as ratios to floors that are timed with it: one table, a few
seconds. Single timings are noisy. The median ratio of many short repetitions,
 * alternating between both sides and each well below a time slice, is not. Inputs
 * rotate over a large pool, since small repeated ones make branches too predictable.
 *
 *   cc -O3 -Iinclude benches/c/ratios.c out/lib/libinfonoise.a -o out/ratios
 *   out/ratios [slack]     fails where a ratio exceeds slack times its target
 */
#include "timing.h"

enum { REPETITIONS = 2001 };

/* A draw from a table of cells without a comparison: cheaper, and wrong wherever an
 * edge falls inside a cell. What is left below the target is for being exact. */
typedef struct {
  uint32_t threshold;
  float low, slope, high;
} entry;
static entry entries[64];
static uint8_t cells[1024];
static __attribute__((noinline, aligned(64))) void inexact_draws(float *to, size_t n) {
  uint64_t a = rng[0], b = rng[1], c = rng[2], d = rng[3];
  for (size_t i = 0; i < n; ++i) {
    uint64_t word = rotl(a + d, 23) + a, t = b << 17;
    c ^= a, d ^= b, b ^= c, a ^= d, c ^= t, d = rotl(d, 45);
    uint32_t u = (uint32_t)(word >> 32);
    const entry *e = &entries[cells[u >> 22]];
    float sigma = e->low + (float)(u - e->threshold) * e->slope;
    to[i] = sigma < e->high ? sigma : e->high;
  }
  rng[0] = a, rng[1] = b, rng[2] = c, rng[3] = d;
}
static void inexact(bench *b) { inexact_draws(out, b->n); }

static void fill_table(void) {
  for (uint32_t k = 0; k < 64; ++k) {
    entries[k] = (entry){k << 26, (float)k, 1.f / (1 << 26), (float)(k + 1)};
    memset(cells + 16 * k, (int)k, 16);
  }
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
  double ratio = quantile(ratios, REPETITIONS, .5);
  printf("%-38s %10.1f %10.1f %8.2f", name, quantile(ours, REPETITIONS, .5), quantile(theirs, REPETITIONS, .5), ratio);
  printf(target > 0 ? " %8.2f\n" : "        -\n", target);
  if (slack > 0 && target > 0 && ratio > slack * target) ++missed;
}

int main(int argc, char **argv) {
  if (argc > 1) slack = atof(argv[1]);
  printf("%-38s %10s %10s %8s %8s\n", "", "ns a call", "floor", "ratio", "target");
  bench uniform = schedule(64, 256, 0, 100), adapted = schedule(64, 256, 1, 100);
  fill_table();
  adapted.n = 4096;
  compare("a draw without a comparison, 4096", &adapted, inexact, floor_draws, 8, 0);
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
