/* What calls cost as the batch, the bins and the window grow: lines of
 * `axis value call nanoseconds`, the tenth percentile of many repetitions, and
 * `bytes K B size`. */
#include "timing.h"

typedef void part(bench *);
static const struct {
  const char *name;
  part *call;
} parts[] = {{"floor", floor_draws}, {"sample", sample}, {"observe", observe}};

static void report(const char *axis, size_t value, const char *name, bench *b, part *call, int calls) {
  enum { TIMES = 301 };
  double ns[TIMES];
  for (int i = 0; i < TIMES; ++i) {
    double start = now();
    for (int j = 0; j < calls; ++j) call(b);
    ns[i] = (now() - start) / calls;
  }
  printf("%s %zu %s %.2f\n", axis, value, name, quantile(ns, TIMES, .1));
}

/* Draws and observations of 256, and refreshes. */
static void size(const char *axis, uint32_t bins, uint32_t window, size_t value) {
  bench b = schedule(bins, window, 1, 1000000000);
  fill_pool(&b);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) report(axis, value, parts[i].name, &b, parts[i].call, 64);
  bench often = schedule(bins, window, 1, 1);
  report(axis, value, "refresh", &often, step, 4);
  printf("bytes %zu %zu %zu\n", (size_t)bins, (size_t)window, b.bytes);
  dispose(&b), dispose(&often);
}

int main(void) {
  bench b = schedule(64, 256, 1, 1000000000);
  fill_pool(&b);
  for (size_t n = 1; n <= 65536; n *= 4) {
    b.n = n;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
      report("n", n, parts[i].name, &b, parts[i].call, n < 2048 ? (int)(16384 / n) : 8);
    }
  }
  dispose(&b);
  for (uint32_t bins = 8; bins <= 256; bins *= 2) size("K", bins, 256, bins);
  for (uint32_t window = 8; window <= 4096; window *= 2) size("B", 64, window, window);
  return 0;
}
