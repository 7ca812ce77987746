/* A run in every float mode that a host may have set: each prints its digest, into which
 * the bits of planned grids are mixed, and leaves the mode as it found it. */
#define _GNU_SOURCE
#include <fenv.h>
#include <infonoise.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* Mixes bytes into a digest (FNV-1a of 64 bits, a number at a time). */
static void mix(uint64_t *digest, const void *numbers, size_t count, size_t size) {
  for (size_t i = 0; i < count; ++i) {
    uint64_t bits = 0;
    uint32_t few = 0;
    if (size == 8) memcpy(&bits, (const char *)numbers + 8 * i, 8);
    else memcpy(&few, (const char *)numbers + 4 * i, 4), bits = few;
    *digest = (*digest ^ bits) * 0x100000001b3u;
  }
}

/* Plans for both solvers, from the run and from a table of three numbers of few bits. */
static infonoise_status plans(const infonoise_state *state, size_t bytes, uint64_t *digest) {
  static const double at[] = {0.0078125, 0.5, 64}, mmse[] = {0.00006103515625, 0.125, 0.25};
  infonoise_status status = INFONOISE_OK;
  for (uint32_t solver = 0; solver < 2; ++solver) {
    for (size_t n = 2; n <= 40 && !status; n += 19) {
      double variance[32], mass[32];
      float sigma[40];
      infonoise_plan plan = INFONOISE_PLAN_INIT;
      plan.variance = variance, plan.mass = mass;
      size_t room = infonoise_plan_bytes(n);
      void *scratch = malloc(room);
      for (int table = 0; table < 2 && !status; ++table) {
        plan.estimated = !table;
        status = table ? infonoise_plan_table(at, mmse, 3, at[0], at[2], solver, sigma, n, scratch, room, &plan)
                       : infonoise_plan_grid(state, bytes, solver, sigma, n, scratch, room, &plan);
        if (status) break;
        mix(digest, sigma, n, 4);
        mix(digest, &plan.error, 1, 8), mix(digest, &plan.leaps, 1, 8), mix(digest, &plan.edm_error, 1, 8);
        mix(digest, &plan.edm_leaps, 1, 8), mix(digest, &plan.edm_levels, 1, 4);
        mix(digest, variance, plan.variances, 8), mix(digest, mass, plan.variances, 8);
      }
      free(scratch);
    }
  }
  return status;
}

static infonoise_status run(uint64_t *digest) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  infonoise_status status = infonoise_config_init(&config, INFONOISE_PRESET_EDM);
  config.warmup_steps = 20, config.min_count = 2, config.refresh_every = 7, config.refresh_growth = 0;
  size_t bytes = infonoise_state_bytes(&config);
  infonoise_state *state = malloc(bytes);
  if (!status) status = infonoise_init(state, bytes, &config, 3);
  for (int step = 0; step < 60 && !status; ++step) {
    float sigma[256], error[256];
    status = infonoise_sample(state, bytes, sigma, 256);
    /* Numbers of few bits: this program's own arithmetic must not depend on the mode. */
    for (int i = 0; i < 256; ++i) error[i] = i % 7 ? 0.25f : 1e-40f;
    if (!status) status = infonoise_observe(state, bytes, sigma, error, 256, NULL);
    if (!status) status = infonoise_step(state, bytes, NULL);
  }
  if (!status) status = infonoise_digest(state, bytes, digest);
  if (!status) status = plans(state, bytes, digest);
  free(state);
  return status;
}

int main(void) {
  static const int rounding[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  uint64_t digest[6] = {0};
  for (int i = 0; i < 4; ++i) {
    fesetround(rounding[i]);
    if (run(&digest[i]) != INFONOISE_OK || fegetround() != rounding[i]) return 1;
  }
  fesetround(FE_TONEAREST);
#if defined(__x86_64__)
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040); /* flush-to-zero, denormals-are-zero */
  if (run(&digest[4]) != INFONOISE_OK || (_mm_getcsr() & 0x8040) != 0x8040) return 1;
  _mm_setcsr(before);
#else
  digest[4] = digest[0];
#endif
  feenableexcept(FE_INEXACT | FE_UNDERFLOW | FE_DIVBYZERO);
  int traps = fegetexcept(); /* some processors have none */
  if (run(&digest[5]) != INFONOISE_OK || fegetexcept() != traps) return 1;
  fedisableexcept(FE_ALL_EXCEPT);
  for (int i = 0; i < 6; ++i) printf("%d %016" PRIx64 "\n", i, digest[i]);
  return 0;
}
