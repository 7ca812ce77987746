// The fields of the C structs, by kind, in the structs' order; packing, unpacking and
// naming use these lists. `make header` writes that of the configuration from the
// core's table, and the others from infonoise.h.
#pragma once

#include "infonoise.h"

#define INFONOISE_CONFIG_FIELDS(COUNT, NAME, SWITCH, STEPS, REAL) \
  COUNT(bins) COUNT(window) NAME(objective) COUNT(reduction_dim) NAME(emphasis) NAME(endpoint) \
  NAME(pivot) SWITCH(ceiling) SWITCH(guard) COUNT(smoothing) NAME(baseline) COUNT(min_count) \
  NAME(draw) COUNT(refresh_growth) SWITCH(fresh_means) STEPS(warmup_steps) STEPS(refresh_every) \
  REAL(sigma_min) REAL(sigma_max) REAL(sigma_data) REAL(pivot_value) REAL(onset_threshold) \
  REAL(gate_exponent) REAL(coverage) REAL(baseline_mean) REAL(baseline_std) REAL(ema_rate)

#define INFONOISE_REPORT_FIELDS(NAME, COUNT, REAL) \
  NAME(phase, INFONOISE_NAME_KIND_PHASE) NAME(warning, INFONOISE_NAME_KIND_WARNING) \
  NAME(hold_reason, INFONOISE_NAME_KIND_HOLD) NAME(pivot_rule, INFONOISE_NAME_KIND_PIVOT_RULE) \
  COUNT(clipped_bins) COUNT(poorest_bin) COUNT(poorest_count) COUNT(stalest_bin) \
  COUNT(unreachable_bins) COUNT(warning_bins) COUNT(steps) COUNT(draws) COUNT(observations) \
  COUNT(rejected) COUNT(refreshes) COUNT(held) COUNT(stalest_age) COUNT(pivot_age) REAL(pivot) \
  REAL(pivot_ratio) REAL(cdf_change) REAL(q05) REAL(q25) REAL(q50) REAL(q75) REAL(q95) \
  REAL(peak_sigma) REAL(information_nats) REAL(warning_low) REAL(warning_high)

// Arrays of K + 1 numbers, then of K.
#define INFONOISE_PROFILE_FIELDS(EDGES, BINS) \
  BINS(sigma) EDGES(edges) EDGES(cdf) EDGES(entropy) BINS(count) BINS(error) BINS(rate) \
  BINS(gate) BINS(target) BINS(density)

#define INFONOISE_MISMATCH_FIELDS(REAL) \
  REAL(total_variation) REAL(band_low) REAL(band_high) REAL(inside_band) REAL(off_grid) \
  REAL(wasted)
