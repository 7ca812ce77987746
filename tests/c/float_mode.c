/* A run in every float mode that a host may have set: each prints its digest, and
 * leaves the mode as it found it. */
#define _GNU_SOURCE
#include <fenv.h>
#include <infonoise.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

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
