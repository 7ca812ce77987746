/* Runs the C ABI from commands on stdin, one answer line each, so that a test
 * in another language can hold it to the golden vectors. f32 values travel as
 * bits, f64 values as hexadecimal floats. argv[1] 1: flush subnormals to zero. */
#include <inttypes.h>
#include "must.h"
#include <infonoise.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

enum { ROOM = 1 << 16 };
static float sigma[ROOM], error[ROOM];
static uint8_t mask[ROOM];
static double tables[2][256], curves[10][257], density[ROOM];
static infonoise_state *state;
static size_t bytes;

static double real(void) {
  double x = 0;
  if (scanf("%lf", &x) != 1) exit(2);
  return x;
}

static uint64_t whole(void) {
  uint64_t x = 0;
  if (scanf("%" SCNu64, &x) != 1) exit(2);
  return x;
}

static size_t size(void) {
  uint64_t n = whole();
  if (n > ROOM) exit(2);
  return (size_t)n;
}

static void bits(float *to, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    uint32_t word = (uint32_t)whole();
    memcpy(&to[i], &word, 4);
  }
}

static void put_bits(const float *from, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    uint32_t word;
    memcpy(&word, &from[i], 4);
    printf("%" PRIu32 " ", word);
  }
  printf("\n");
}

/* The fields in the struct's order, then the tables, each after a 0 or a 1. */
static void init(void) {
  infonoise_config c = INFONOISE_CONFIG_INIT;
  uint32_t *codes[] = {&c.bins,    &c.window,   &c.objective, &c.reduction_dim, &c.emphasis, &c.endpoint, &c.pivot,
                       &c.ceiling, &c.guard,    &c.smoothing, &c.baseline,      &c.min_count, &c.draw,
                       &c.refresh_growth, &c.fresh_means};
  double *reals[] = {&c.sigma_min,     &c.sigma_max, &c.sigma_data,    &c.pivot_value,  &c.onset_threshold,
                     &c.gate_exponent, &c.coverage,  &c.baseline_mean, &c.baseline_std, &c.ema_rate};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; ++i) *codes[i] = (uint32_t)whole();
  c.warmup_steps = whole(), c.refresh_every = whole();
  for (size_t i = 0; i < sizeof reals / sizeof *reals; ++i) *reals[i] = real();
  const double *given[2] = {NULL, NULL};
  for (int t = 0; t < 2; ++t) {
    if (whole() == 0) continue;
    for (uint32_t k = 0; k < c.bins && k < 256; ++k) tables[t][k] = real();
    given[t] = tables[t];
  }
  uint64_t seed = whole();
  char message[256];
  if (infonoise_config_check(&c, message, sizeof message) != INFONOISE_OK) {
    printf("error %s\n", message);
    exit(1);
  }
  free(state);
  bytes = infonoise_state_bytes(&c);
  state = malloc(bytes);
  must(infonoise_init_with(state, bytes, &c, seed, given[0], given[1]));
  printf("ok\n");
}

static void report(void) {
  infonoise_report r = INFONOISE_REPORT_INIT;
  must(infonoise_step(state, bytes, &r));
  printf("%s %s %s %s", infonoise_name(INFONOISE_NAME_KIND_PHASE, r.phase), infonoise_name(INFONOISE_NAME_KIND_WARNING, r.warning),
         infonoise_name(INFONOISE_NAME_KIND_HOLD, r.hold_reason), infonoise_name(INFONOISE_NAME_KIND_PIVOT_RULE, r.pivot_rule));
  printf(" %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32, r.clipped_bins, r.poorest_bin, r.poorest_count, r.stalest_bin);
  printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, r.steps, r.draws, r.observations, r.rejected);
  printf(" %" PRIu64 " %" PRIu64 " %" PRIu64, r.refreshes, r.held, r.stalest_age);
  printf(" %" PRIu32 " %" PRIu32 " %" PRIu64, r.unreachable_bins, r.warning_bins, r.pivot_age);
  printf(" %a %a %a %a %a %a %a %a %a %a %a %a\n", r.pivot, r.pivot_ratio, r.cdf_change, r.q05, r.q25, r.q50, r.q75, r.q95,
         r.peak_sigma, r.information_nats, r.warning_low, r.warning_high);
}

static void profile(void) {
  infonoise_profile p = INFONOISE_PROFILE_INIT;
  p.bins = 256;
  double **fields[] = {&p.sigma, &p.edges, &p.cdf,  &p.entropy, &p.count,
                       &p.error, &p.rate,  &p.gate, &p.target,  &p.density};
  for (int i = 0; i < 10; ++i) *fields[i] = curves[i];
  must(infonoise_profile_get(state, bytes, (uint32_t)whole(), &p));
  for (int i = 0; i < 10; ++i) {
    uint32_t n = p.bins + (i >= 1 && i <= 3);
    for (uint32_t k = 0; k < n; ++k) printf("%a ", curves[i][k]);
  }
  printf("\n");
}

int main(int argc, char **argv) {
  char command[16];
#if defined(__x86_64__)
  if (argc > 1 && argv[1][0] == '1') _mm_setcsr(_mm_getcsr() | 0x8040);
#else
  (void)argc, (void)argv;
#endif
  while (scanf("%15s", command) == 1) {
    if (strcmp(command, "init") == 0) {
      init();
    } else if (strcmp(command, "sample") == 0) {
      size_t n = size();
      uint32_t rank = (uint32_t)whole(), world = (uint32_t)whole();
      must(infonoise_sample_shard(state, bytes, sigma, n, rank, world));
      put_bits(sigma, n);
    } else if (strcmp(command, "slice") == 0) {
      size_t n = size();
      uint64_t offset = whole(), total = whole();
      must(infonoise_sample_slice(state, bytes, sigma, n, offset, total));
      put_bits(sigma, n);
    } else if (strcmp(command, "levels") == 0) {
      size_t n = size();
      must(infonoise_levels(state, bytes, sigma, n));
      put_bits(sigma, n);
    } else if (strcmp(command, "density") == 0) {
      size_t n = size();
      bits(sigma, n);
      must(infonoise_log_density(state, bytes, sigma, n, density));
      for (size_t i = 0; i < n; ++i) printf("%a ", density[i]);
      printf("\n");
    } else if (strcmp(command, "observe") == 0) {
      size_t n = size(), rejected = 0;
      bits(sigma, n), bits(error, n);
      for (size_t i = 0; i < n; ++i) mask[i] = (uint8_t)whole();
      must(infonoise_observe_masked(state, bytes, sigma, error, mask, n, &rejected));
      printf("%zu\n", rejected);
    } else if (strcmp(command, "set_frozen") == 0) {
      must(infonoise_set_frozen(state, bytes, (uint32_t)whole()));
      printf("ok\n");
    } else if (strcmp(command, "step") == 0) {
      report();
    } else if (strcmp(command, "profile") == 0) {
      profile();
    } else if (strcmp(command, "info_grid") == 0) {
      double power = real();
      uint32_t gated = (uint32_t)whole();
      size_t n = size();
      must(infonoise_info_grid(state, bytes, power, gated, sigma, n));
      put_bits(sigma, n);
    } else if (strcmp(command, "digest") == 0) {
      uint64_t digest = 0;
      must(infonoise_digest(state, bytes, &digest));
      printf("%" PRIu64 "\n", digest);
    } else {
      return 2;
    }
    fflush(stdout);
  }
  free(state);
  return 0;
}
