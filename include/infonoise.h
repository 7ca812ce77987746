/* infonoise: information-guided noise schedules for diffusion training.
 * Generated from the ffi crate by `make header`; do not edit.
 *
 * Caller-owned memory, nothing to free, no global state. A state is a block of
 * infonoise_state_bytes(&config) bytes, 8-aligned, that may be copied, stored
 * and sent like any value. One block serves one thread at a time.
 *
 * What can fail returns an infonoise_status, tolerates NULL by returning
 * INFONOISE_NULL, and changes nothing unless it returns INFONOISE_OK. Arrays of
 * n elements may be NULL where n is 0; an n beyond memory is INFONOISE_ARGUMENT.
 * Numbers in brackets are equations of the paper, arXiv 2602.18647.
 *
 *   infonoise_config config = INFONOISE_CONFIG_INIT;
 *   infonoise_config_init(&config, INFONOISE_PRESET_EDM);
 *   size_t bytes = infonoise_state_bytes(&config);
 *   void *state = malloc(bytes);
 *   infonoise_init(state, bytes, &config, 42);
 *   for (;;) {
 *     infonoise_sample(state, bytes, sigma, n);
 *     ... train at sigma; error[i] = per-sample, unweighted squared error ...
 *     infonoise_observe(state, bytes, sigma, error, n, NULL);
 *     infonoise_step(state, bytes, NULL);
 *   }
 */

#ifndef INFONOISE_H
#define INFONOISE_H

#include <stddef.h>
#include <stdint.h>
/* Initialisers: they set struct_size, by which the library knows the version. */
#ifdef __cplusplus
#define INFONOISE_INIT_(type) [] { type init{}; init.struct_size = sizeof(type); return init; }()
#else
#define INFONOISE_INIT_(type) { .struct_size = sizeof(type) }
#endif
#define INFONOISE_CONFIG_INIT INFONOISE_INIT_(infonoise_config)
#define INFONOISE_REPORT_INIT INFONOISE_INIT_(infonoise_report)
#define INFONOISE_PROFILE_INIT INFONOISE_INIT_(infonoise_profile)
#define INFONOISE_MISMATCH_INIT INFONOISE_INIT_(infonoise_mismatch)
#define INFONOISE_EVENT_INIT INFONOISE_INIT_(infonoise_event)


// The version of this ABI: functions and structs are only ever added within
// one. Compare it with `infonoise_abi_version()` of the library you load.
#define INFONOISE_ABI_VERSION 1

// The result of a call. 0 is success; otherwise nothing has changed.
enum infonoise_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  INFONOISE_OK = 0,
  // A pointer is NULL.
  INFONOISE_NULL = 1,
  // The block or an array is shorter than needed.
  INFONOISE_TOO_SMALL = 2,
  // The block holds no scheduler.
  INFONOISE_NOT_A_STATE = 3,
  // The block comes from a machine of the other byte order.
  INFONOISE_FOREIGN_ENDIAN = 4,
  // The block comes from another layout version.
  INFONOISE_WRONG_LAYOUT = 5,
  // The block's content contradicts itself.
  INFONOISE_CORRUPT = 6,
  // The configuration is invalid; `infonoise_config_check` says why.
  INFONOISE_INVALID_CONFIG = 7,
  // Arrays that must be equally long are not.
  INFONOISE_LENGTH = 8,
  // An argument is outside its range.
  INFONOISE_ARGUMENT = 9,
  // No refresh has been accepted yet, or a bin is empty.
  INFONOISE_NOT_READY = 10,
  // f32 cannot hold that many distinct sigmas.
  INFONOISE_GRID_TOO_FINE = 11,
  // A pointer is not aligned: blocks are 8-aligned.
  INFONOISE_MISALIGNED = 12,
  // A struct's `struct_size` is not one that this library knows.
  INFONOISE_STRUCT_SIZE = 13,
  // Another thread is working on the block (debug builds).
  INFONOISE_BUSY = 14,
  // The bytes are not an image.
  INFONOISE_NOT_AN_IMAGE = 15,
  // The bytes of an image or of a record end early.
  INFONOISE_TRUNCATED = 16,
  // The image comes from another image version.
  INFONOISE_IMAGE_VERSION = 17,
  // The image's length does not fit its dimensions.
  INFONOISE_IMAGE_SIZE = 18,
  // A checksum does not match.
  INFONOISE_CHECKSUM = 19,
  // A table of weights or masses cannot be used, or is missing.
  INFONOISE_TABLE = 20,
  // The bytes are not a journal.
  INFONOISE_NOT_A_JOURNAL = 21,
  // The journal comes from another journal version.
  INFONOISE_JOURNAL_VERSION = 22,
  // A record cannot be read, or does not fit what came before it.
  INFONOISE_RECORD = 23,
  // A replay does not agree with the digest that the journal holds.
  INFONOISE_DIFFERS = 24,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_status infonoise_status;
#else
typedef uint32_t infonoise_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where the schedule stands.
enum infonoise_phase
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Before step N_warm: draws come from the baseline.
  INFONOISE_PHASE_WARMUP = 0,
  // A refresh is due, but a bin is short of losses (`poorest_bin`); or every
  // refresh since the warm-up was held (`hold_reason`).
  INFONOISE_PHASE_WAITING = 1,
  // At least one refresh has been accepted.
  INFONOISE_PHASE_ADAPTING = 2,
  // No refresh until it is unfrozen.
  INFONOISE_PHASE_FROZEN = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_phase infonoise_phase;
#else
typedef uint32_t infonoise_phase;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What looks wrong although the schedule goes on.
enum infonoise_warning
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing.
  INFONOISE_WARNING_NONE = 0,
  // Errors exceed 2 sigma^2 in more than a quarter of the bins: is the
  // objective declared right?
  INFONOISE_WARNING_ERRORS_ABOVE_IDENTITY = 1,
  // The rate peaks inside the grid: declare the endpoint `discrete`?
  INFONOISE_WARNING_LOOKS_DISCRETE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_warning infonoise_warning;
#else
typedef uint32_t infonoise_warning;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Why a refresh was held: the previous sampler stays.
enum infonoise_hold
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // No refresh has been held.
  INFONOISE_HOLD_NONE = 0,
  // Every loss is 0.
  INFONOISE_HOLD_NO_SIGNAL = 1,
  // No pivot rule applies and none was ever accepted.
  INFONOISE_HOLD_NO_PIVOT = 2,
  // The rate grows faster towards low noise than any data's does.
  INFONOISE_HOLD_LOW_END_UNRESOLVED = 3,
  // The draws would crowd at the low end.
  INFONOISE_HOLD_DEGENERATE_LOW = 4,
  // The draws would crowd at the high end.
  INFONOISE_HOLD_DEGENERATE_HIGH = 5,
  // The draws would fall into hardly any bins.
  INFONOISE_HOLD_DEGENERATE_NARROW = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_hold infonoise_hold;
#else
typedef uint32_t infonoise_hold;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The rule that set a pivot.
enum infonoise_pivot_rule
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // No refresh has been accepted, or no rule found a pivot.
  INFONOISE_PIVOT_RULE_NONE = 0,
  // The rate outgrows the data's scale here.
  INFONOISE_PIVOT_RULE_ONSET = 1,
  // It does so already in the highest bin.
  INFONOISE_PIVOT_RULE_ONSET_AT_TOP = 2,
  // Onset, but the rate peaks inside the grid: the data look discrete.
  INFONOISE_PIVOT_RULE_ONSET_INTERIOR_PEAK = 3,
  // The whole grid lies above the onset: no gate.
  INFONOISE_PIVOT_RULE_BELOW_GRID = 4,
  // The paper's onset (18).
  INFONOISE_PIVOT_RULE_ONSET_LITERAL = 5,
  // The foot of the lowest information peak.
  INFONOISE_PIVOT_RULE_FOOT = 6,
  // The end of the low-noise power law.
  INFONOISE_PIVOT_RULE_POWER_LAW = 7,
  // The deepest point below the chord.
  INFONOISE_PIVOT_RULE_KNEE = 8,
  // The configured value.
  INFONOISE_PIVOT_RULE_FIXED = 9,
  // The gate is switched off.
  INFONOISE_PIVOT_RULE_OFF = 10,
  // The last accepted pivot, since no rule found one now.
  INFONOISE_PIVOT_RULE_HELD = 11,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_pivot_rule infonoise_pivot_rule;
#else
typedef uint32_t infonoise_pivot_rule;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The space of the loss that the trainer passes (docs/specification.md#objective).
enum infonoise_objective
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // (D - x0)^2, fixed weight 1.
  INFONOISE_OBJECTIVE_X0 = 0,
  // (D - x0)^2 before lambda, fixed weight (sigma^2 + sd^2) / (sigma sd)^2 (52).
  INFONOISE_OBJECTIVE_EDM = 1,
  // (eps_hat - eps)^2, fixed weight 1 / sigma^2 in x0 space.
  INFONOISE_OBJECTIVE_EPSILON = 2,
  // (v_hat - v)^2 of flow matching, v = eps - x0, t = sigma / (1 + sigma), t = 1 is noise.
  INFONOISE_OBJECTIVE_VELOCITY = 3,
  // (v_hat - v)^2, variance preserving, sigma = sqrt(1 - a^2) / a.
  INFONOISE_OBJECTIVE_V = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_objective infonoise_objective;
#else
typedef uint32_t infonoise_objective;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What follows the target density rho (docs/specification.md#emphasis).
enum infonoise_emphasis
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The realised emphasis pi w does (16): pi is proportional to rho / w.
  INFONOISE_EMPHASIS_TARGET = 0,
  // The draws do: pi = rho, whatever the weight.
  INFONOISE_EMPHASIS_SAMPLES = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_emphasis infonoise_emphasis;
#else
typedef uint32_t infonoise_emphasis;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How the data end: decides which pivot rule makes sense.
enum infonoise_endpoint
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Real-valued data: the rate grows for ever towards low noise.
  INFONOISE_ENDPOINT_CONTINUOUS = 0,
  // Data on finitely many points: the rate dies below a critical sigma.
  INFONOISE_ENDPOINT_DISCRETE = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_endpoint infonoise_endpoint;
#else
typedef uint32_t infonoise_endpoint;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How the pivot of the low-noise gate is found.
enum infonoise_pivot
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // `onset` for continuous data; `foot`, then `power_law`, then `knee` for discrete data.
  INFONOISE_PIVOT_AUTO = 0,
  // `onset_literal` for continuous data; `power_law`, then `knee` for discrete data.
  INFONOISE_PIVOT_PAPER = 1,
  // The anchored onset.
  INFONOISE_PIVOT_ONSET = 2,
  // The paper's onset (18).
  INFONOISE_PIVOT_ONSET_LITERAL = 3,
  // The foot of the lowest information peak.
  INFONOISE_PIVOT_FOOT = 4,
  // The end of the low-noise power law (B.4).
  INFONOISE_PIVOT_POWER_LAW = 5,
  // The deepest point below the chord to the peak.
  INFONOISE_PIVOT_KNEE = 6,
  // `pivot_value`.
  INFONOISE_PIVOT_FIXED = 7,
  // No gate.
  INFONOISE_PIVOT_OFF = 8,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_pivot infonoise_pivot;
#else
typedef uint32_t infonoise_pivot;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What the warm-up draws from.
enum infonoise_baseline
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Uniform in ln sigma.
  INFONOISE_BASELINE_LOG_UNIFORM = 0,
  // Normal in ln sigma (`baseline_mean`, `baseline_std`), truncated to the grid.
  INFONOISE_BASELINE_LOG_NORMAL = 1,
  // The caller's table of K masses.
  INFONOISE_BASELINE_TABLE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_baseline infonoise_baseline;
#else
typedef uint32_t infonoise_baseline;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How the words behind the draws are made.
enum infonoise_draw
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // One random word for each sigma.
  INFONOISE_DRAW_INDEPENDENT = 0,
  // One random word for each global batch, the golden-ratio sequence after it.
  INFONOISE_DRAW_STRATIFIED = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_draw infonoise_draw;
#else
typedef uint32_t infonoise_draw;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Named starting points (docs/specification.md#presets).
enum infonoise_preset
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Continuous data, x0 errors.
  INFONOISE_PRESET_DEFAULT = 0,
  // Discrete data, x0 errors.
  INFONOISE_PRESET_DISCRETE = 1,
  // EDM preconditioning and loss weight, `sigma_data` .5.
  INFONOISE_PRESET_EDM = 2,
  // Flow matching with velocity errors, t from .001 to .999.
  INFONOISE_PRESET_FLOW = 3,
  // Epsilon errors on the range of the Stable Diffusion table.
  INFONOISE_PRESET_EPSILON = 4,
  // The paper's literal rules.
  INFONOISE_PRESET_PAPER = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_preset infonoise_preset;
#else
typedef uint32_t infonoise_preset;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Which profile `infonoise_profile_get` reads.
enum infonoise_profile_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The sampler in force.
  INFONOISE_PROFILE_KIND_IN_FORCE = 0,
  // Estimated from what the rings hold now.
  INFONOISE_PROFILE_KIND_ESTIMATED = 1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_profile_kind infonoise_profile_kind;
#else
typedef uint32_t infonoise_profile_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a record of a journal did.
enum infonoise_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Draws: `first`, `n`, `rank`, `world`.
  INFONOISE_EVENT_KIND_SAMPLED = 0,
  // Observations: `n`, `rejected`.
  INFONOISE_EVENT_KIND_OBSERVED = 1,
  // An optimizer step: `refreshed`, `held`.
  INFONOISE_EVENT_KIND_STEPPED = 2,
  // Refreshes stopped (`n` = 1) or let go on (`n` = 0).
  INFONOISE_EVENT_KIND_FROZEN = 3,
  // Another configuration took over.
  INFONOISE_EVENT_KIND_RECONFIGURED = 4,
  // A digest: `steps`, `expected`, `found`.
  INFONOISE_EVENT_KIND_DIGEST = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_event_kind infonoise_event_kind;
#else
typedef uint32_t infonoise_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A name for a noise level (docs/specification.md#coordinates).
enum infonoise_coordinate
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // sigma itself, the noise's standard deviation in data units.
  INFONOISE_COORDINATE_SIGMA = 0,
  // t = sigma / (1 + sigma) of flow matching: 0 is data, 1 is noise.
  INFONOISE_COORDINATE_FLOW_TIME = 1,
  // -2 ln sigma: falls towards noise.
  INFONOISE_COORDINATE_LOG_SNR = 2,
  // ln(sigma) / 4, EDM's network input.
  INFONOISE_COORDINATE_C_NOISE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_coordinate infonoise_coordinate;
#else
typedef uint32_t infonoise_coordinate;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The kinds of schedule, as the C ABI numbers them.
enum infonoise_schedule_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // ln sigma normal: mean a, standard deviation b. EDM's is -1.2, 1.2.
  INFONOISE_SCHEDULE_KIND_LOG_NORMAL = 0,
  // ln sigma uniform between the sigmas a and b.
  INFONOISE_SCHEDULE_KIND_LOG_UNIFORM = 1,
  // logit t normal in flow time: mean a, standard deviation b. SD3's is 0, 1.
  INFONOISE_SCHEDULE_KIND_LOGIT_NORMAL = 2,
  // The variance-preserving cosine schedule, sigma = tan(pi t / 2), t uniform.
  INFONOISE_SCHEDULE_KIND_COSINE = 3,
  // Flow time uniform, shifted by a: sigma = a t / (1 - t). FLUX's is 3, plain flow's 1.
  INFONOISE_SCHEDULE_KIND_SHIFTED_FLOW = 4,
  // K masses of bins.
  INFONOISE_SCHEDULE_KIND_TABLE = 5,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum infonoise_schedule_kind infonoise_schedule_kind;
#else
typedef uint32_t infonoise_schedule_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The configuration as plain words: `infonoise_config` of the C ABI, and what
// the block stores. Enum fields hold the codes of their enum. Fill it with
// `infonoise_config_init`, then change what differs.
typedef struct {
  // `sizeof` this struct, set by `INFONOISE_CONFIG_INIT`.
  uint32_t struct_size;
  // K, 8 to 256.
  uint32_t bins;
  // B, 8 to 4096.
  uint32_t window;
  // `infonoise_objective`: the space of the errors.
  uint32_t objective;
  // 0: errors are means over dimensions; d: sums over d.
  uint32_t reduction_dim;
  // `infonoise_emphasis`.
  uint32_t emphasis;
  // `infonoise_endpoint`.
  uint32_t endpoint;
  // `infonoise_pivot`.
  uint32_t pivot;
  // 1: cap the profile at sigma^2.
  uint32_t ceiling;
  // 1: hold degenerate refreshes.
  uint32_t guard;
  // Passes of [1 2 1]/4 over ln m.
  uint32_t smoothing;
  // `infonoise_baseline`.
  uint32_t baseline;
  // N_min, at most `window`.
  uint32_t min_count;
  // `infonoise_draw`.
  uint32_t draw;
  // N_warm, in optimizer steps.
  uint64_t warmup_steps;
  // M, in optimizer steps.
  uint64_t refresh_every;
  // Lower end of the grid.
  double sigma_min;
  // Upper end of the grid.
  double sigma_max;
  // The data's standard deviation per dimension; 0 = estimate.
  double sigma_data;
  // c, for pivot `fixed`.
  double pivot_value;
  // p of the onset rules.
  double onset_threshold;
  // n of the gate.
  double gate_exponent;
  // Share of the draws spread over all bins.
  double coverage;
  // Mean of ln sigma, for baseline `lognormal`.
  double baseline_mean;
  // Standard deviation of ln sigma, for baseline `lognormal`.
  double baseline_std;
  // Weight of the NEW mean in the EMA, 0 to 1.
  double ema_rate;
} infonoise_config;

// The report: `infonoise_report` of the C ABI. Sigmas are standard
// deviations in data units.
typedef struct {
  // `sizeof` this struct, set by `INFONOISE_REPORT_INIT`.
  uint32_t struct_size;
  // Warm-up, waiting, adapting or frozen.
  infonoise_phase phase;
  // The warning of the last refresh, done or held.
  infonoise_warning warning;
  // The reason of the last hold.
  infonoise_hold hold_reason;
  // The rule behind the pivot in force.
  infonoise_pivot_rule pivot_rule;
  // Bins at the ceiling at the last refresh, done or held.
  uint32_t clipped_bins;
  // The bin with the fewest losses.
  uint32_t poorest_bin;
  // How many it holds; a refresh needs `min_count`.
  uint32_t poorest_count;
  // The bin that has gone longest without a loss.
  uint32_t stalest_bin;
  // Keeps the words whole; 0.
  uint32_t reserved;
  // Optimizer steps.
  uint64_t steps;
  // Sigmas drawn, over all ranks.
  uint64_t draws;
  // Losses taken.
  uint64_t observations;
  // Pairs rejected: off the grid, negative or not finite.
  uint64_t rejected;
  // Refreshes done.
  uint64_t refreshes;
  // Refreshes held.
  uint64_t held;
  // Observations since the stalest bin's last one.
  uint64_t stalest_age;
  // c, the pivot in force; 0 if the gate is open.
  double pivot;
  // c / sigma_min.
  double pivot_ratio;
  // Largest change of the CDF at the last refresh; below 1e-2 is settled.
  double cdf_change;
  // 5 % quantile of the sampler in force.
  double q05;
  // 25 % quantile.
  double q25;
  // 50 % quantile.
  double q50;
  // 75 % quantile.
  double q75;
  // 95 % quantile.
  double q95;
  // Sigma where the target peaks; 0 before the first refresh.
  double peak_sigma;
  // Integral of the rate over the grid, nats per dimension; 0 before the
  // first refresh.
  double information_nats;
} infonoise_report;

// The K curves of a schedule: `infonoise_profile` of the C ABI. Point the
// members that you want at arrays, leave the others NULL, and set `bins` to
// the number of bins that they have room for (edges, cdf and entropy hold one
// more). On return `bins` is K.
typedef struct {
  // `sizeof` this struct, set by `INFONOISE_PROFILE_INIT`.
  uint32_t struct_size;
  // In: room; out: K.
  uint32_t bins;
  // Centres of the bins, standard deviations in data units (K).
  double *sigma;
  // Edges of the bins (K + 1).
  double *edges;
  // Share of the draws below each edge (K + 1).
  double *cdf;
  // Cumulative integral of the rate, nats per dimension (K + 1).
  double *entropy;
  // Losses that each bin holds (K).
  double *count;
  // Squared x0 error per dimension, after the ceiling (K).
  double *error;
  // Nats per unit sigma (K).
  double *rate;
  // The low-noise gate, 0 to 1 (K).
  double *gate;
  // The target rho, masses of bins (K).
  double *target;
  // The density pi, masses of bins (K).
  double *density;
} infonoise_profile;

// How far a schedule is from what the losses ask for: `infonoise_mismatch` of
// the C ABI.
typedef struct {
  // `sizeof` this struct, set by `INFONOISE_MISMATCH_INIT`.
  uint32_t struct_size;
  // In: room in `emphasis`; out: K. May be 0 where `emphasis` is NULL.
  uint32_t bins;
  // Between realised emphasis and target, 0 to 1.
  double total_variation;
  // 5 % quantile of the target.
  double band_low;
  // 95 % quantile of the target.
  double band_high;
  // Share of the schedule's draws inside that band.
  double inside_band;
  // Share of its draws off the grid.
  double off_grid;
  // Share of the budget wasted, against the density that the losses ask for.
  double wasted;
  // Realised emphasis, masses of bins (K), or NULL.
  double *emphasis;
} infonoise_mismatch;

// What a record of a journal did: `infonoise_event` of the C ABI. Members that
// the kind does not name are 0.
typedef struct {
  // `sizeof` this struct, set by `INFONOISE_EVENT_INIT`.
  uint32_t struct_size;
  // `infonoise_event_kind`.
  uint32_t kind;
  // Whose slice.
  uint32_t rank;
  // Out of how many.
  uint32_t world;
  // 1: the step refreshed the sampler.
  uint32_t refreshed;
  // 1: the step's refresh was held.
  uint32_t held;
  // The number of the global batch's first draw.
  uint64_t first;
  // Draws of this rank, or pairs observed.
  uint64_t n;
  // Pairs rejected.
  uint64_t rejected;
  // Optimizer steps so far.
  uint64_t steps;
  // The digest as recorded.
  uint64_t expected;
  // The digest as it came out.
  uint64_t found;
} infonoise_event;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The ABI version of this library: compare with `INFONOISE_ABI_VERSION`.
uint32_t infonoise_abi_version(void);

// Fills `config` with a preset (`infonoise_preset`). Its `struct_size` must be
// set: `infonoise_config config = INFONOISE_CONFIG_INIT;`.
//
// Errors: NULL, STRUCT_SIZE, ARGUMENT (no such preset).
infonoise_status infonoise_config_init(infonoise_config *config, uint32_t preset);

// Checks a configuration. Unless `message` is NULL, it receives at most
// `message_bytes` bytes: on failure the field, its value, the bound and the
// remedy, otherwise the empty string; always 0-terminated.
//
// Errors: NULL (config), MISALIGNED, STRUCT_SIZE, INVALID_CONFIG.
infonoise_status infonoise_config_check(const infonoise_config *config,
                                        char *message,
                                        size_t message_bytes);

// Bytes of a state block for `config`; 0 if the configuration is invalid.
size_t infonoise_state_bytes(const infonoise_config *config);

// Writes a fresh scheduler into `state`.
//
// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TOO_SMALL. The block
// is untouched then.
infonoise_status infonoise_init(void *state,
                                size_t bytes,
                                const infonoise_config *config,
                                uint64_t seed);

// As `infonoise_init`, with tables of `bins` numbers: `weight`, further
// positive factors on the fixed weight at the bin centres, and `baseline`, the
// masses that the warm-up draws from (required by baseline `table`). Either
// may be NULL.
//
// Errors: as `infonoise_init`; INVALID_CONFIG for a table that cannot be used.
infonoise_status infonoise_init_with(void *state,
                                     size_t bytes,
                                     const infonoise_config *config,
                                     uint64_t seed,
                                     const double *weight,
                                     const double *baseline);

// Checks a block completely: header, configuration, every index and table.
// Worth a call on memory that came from elsewhere; the other functions stay
// inside the block whatever it holds.
//
// Errors: NULL, MISALIGNED, TOO_SMALL, NOT_A_STATE, FOREIGN_ENDIAN,
// WRONG_LAYOUT, CORRUPT.
infonoise_status infonoise_validate(const void *state, size_t bytes);

// Reads the configuration back; the grid's ends are the f32 ones.
//
// Errors: as `infonoise_sample`, STRUCT_SIZE.
infonoise_status infonoise_config_get(const void *state, size_t bytes, infonoise_config *config);

// Reads the caller's tables back, K numbers each: the weight (1 where none was
// given) and the baseline (0 where none was given). Either may be NULL.
//
// Errors: as `infonoise_sample`.
infonoise_status infonoise_tables_get(const void *state,
                                      size_t bytes,
                                      double *weight,
                                      double *baseline);

// Changes what may change while running (cadence, rate, gate, pivot, guard,
// ceiling, smoothing, coverage, emphasis, counts) and, unless `weight` is NULL,
// the table of `bins` weights. It takes effect at the next refresh.
//
// Errors: as `infonoise_sample`; STRUCT_SIZE; INVALID_CONFIG for a field that is
// invalid or fixed at init: `infonoise_reconfigure_check` names it.
infonoise_status infonoise_reconfigure(void *state,
                                       size_t bytes,
                                       const infonoise_config *config,
                                       const double *weight);

// Checks whether `infonoise_reconfigure` would take `config`, as
// `infonoise_config_check` does; `message` may be NULL.
//
// Errors: as `infonoise_reconfigure`.
infonoise_status infonoise_reconfigure_check(const void *state,
                                             size_t bytes,
                                             const infonoise_config *config,
                                             char *message,
                                             size_t message_bytes);

// Draws n sigmas.
//
// Errors: NULL, MISALIGNED, TOO_SMALL, NOT_A_STATE, FOREIGN_ENDIAN,
// WRONG_LAYOUT, CORRUPT; BUSY in debug builds, if another thread is inside.
infonoise_status infonoise_sample(void *state, size_t bytes, float *sigma, size_t n);

// Draws the n sigmas of `rank` out of a global batch of `world * n`: the
// ranks' slices, concatenated, are what one process would have drawn.
//
// Errors: as `infonoise_sample`; ARGUMENT unless rank < world and
// world * n <= 2^32.
infonoise_status infonoise_sample_shard(void *state,
                                        size_t bytes,
                                        float *sigma,
                                        size_t n,
                                        uint32_t rank,
                                        uint32_t world);

// Takes n per-sample, unweighted errors, squared, in the space of the
// configured objective, at the sigmas that they were measured at. Any number
// of calls may come between two steps. `rejected`, unless NULL, receives the
// number of pairs rejected: sigma off the grid, error negative or not finite.
//
// Errors: as `infonoise_sample`.
infonoise_status infonoise_observe(void *state,
                                   size_t bytes,
                                   const float *sigma,
                                   const float *error,
                                   size_t n,
                                   size_t *rejected);

// As `infonoise_observe`; pairs whose mask byte is 0 are left out and not
// counted. `mask` may be NULL.
//
// Errors: as `infonoise_observe`.
infonoise_status infonoise_observe_masked(void *state,
                                          size_t bytes,
                                          const float *sigma,
                                          const float *error,
                                          const uint8_t *mask,
                                          size_t n,
                                          size_t *rejected);

// Counts one optimizer step and refreshes the sampler if that is due.
// `report`, unless NULL, receives the report afterwards.
//
// Errors: as `infonoise_sample`, STRUCT_SIZE.
infonoise_status infonoise_step(void *state, size_t bytes, infonoise_report *report);

// observe, step and sample in one call: the errors of this batch in, the
// sigmas of the next out. `next_sigma` may be `sigma`. `mask`, `rejected` and
// `report` may be NULL.
//
// Errors: as the three. Nothing has changed then, unless the block is CORRUPT.
infonoise_status infonoise_advance(void *state,
                                   size_t bytes,
                                   const float *sigma,
                                   const float *error,
                                   const uint8_t *mask,
                                   size_t n,
                                   float *next_sigma,
                                   size_t next_n,
                                   size_t *rejected,
                                   infonoise_report *report);

// 1 stops refreshes, 0 lets them go on; draws and observations continue.
//
// Errors: as `infonoise_sample`; ARGUMENT for other numbers.
infonoise_status infonoise_set_frozen(void *state, size_t bytes, uint32_t frozen);

// Reads the report.
//
// Errors: as `infonoise_sample`, STRUCT_SIZE.
infonoise_status infonoise_report_get(const void *state, size_t bytes, infonoise_report *report);

// Reads the profile in force or an estimate from what the rings hold now
// (`infonoise_profile_kind`).
//
// Errors: as `infonoise_sample`; STRUCT_SIZE; ARGUMENT (no such kind);
// TOO_SMALL if `bins` is below K; NOT_READY for an estimate while a bin is
// empty.
infonoise_status infonoise_profile_get(const void *state,
                                       size_t bytes,
                                       uint32_t which,
                                       infonoise_profile *profile);

// How far an existing schedule (`infonoise_schedule_kind` with its numbers a
// and b, or a `table` of K masses) is from what the losses ask for, by the
// profile in force or an estimate (`infonoise_profile_kind`).
//
// Errors: as `infonoise_sample`; STRUCT_SIZE; ARGUMENT (no such kind, numbers
// that make no sense); NULL (kind table without table); NOT_READY; TOO_SMALL if
// `emphasis` has no room.
infonoise_status infonoise_diagnose(const void *state,
                                    size_t bytes,
                                    uint32_t which,
                                    uint32_t kind,
                                    double a,
                                    double b,
                                    const double *table,
                                    infonoise_mismatch *mismatch);

// The table behind the draws, to draw elsewhere (in a kernel, say) with the same
// bits. `threshold` receives K + 1 numbers from 0 to 2^32, `edge` K + 1, `slope` K;
// each may be NULL. Word u of 0 to 2^32 - 1 falls into the one bin k with
// `threshold[k] <= u < threshold[k + 1]` and stands for the sigma
// `edge[k] + (float)(u - threshold[k]) * slope[k]`: in float, product and sum
// rounded each, never fused. If that is not below `edge[k + 1]`, it is the largest
// float that is.
//
// Errors: as `infonoise_sample`.
infonoise_status infonoise_sampler_get(const void *state,
                                       size_t bytes,
                                       uint64_t *threshold,
                                       float *edge,
                                       float *slope);

// A number that two equal schedules share, on every platform.
//
// Errors: as `infonoise_sample`.
infonoise_status infonoise_digest(const void *state, size_t bytes, uint64_t *digest);

// Fills `sigma` with n >= 2 noise levels for a sampler, equally spaced in
// entropic time with the given power (1 is usual, 0 for token data at few
// steps), from sigma_max down to sigma_min. Append 0 yourself. `gated` 0 uses
// the bare rate.
//
// Errors: as `infonoise_sample`; NOT_READY before the first refresh; ARGUMENT
// (n < 2, |power| > 64, gated > 1); GRID_TOO_FINE.
infonoise_status infonoise_info_grid(const void *state,
                                     size_t bytes,
                                     double power,
                                     uint32_t gated,
                                     float *sigma,
                                     size_t n);

// Maps n sigmas to entropic time: the share of the information (weighted by
// sigma^power, gated or not) that lies below each, 0 at sigma_min, 1 at
// sigma_max. `time` may be `sigma`.
//
// Errors: as `infonoise_info_grid`, GRID_TOO_FINE apart; ARGUMENT for NaN.
infonoise_status infonoise_to_entropic_time(const void *state,
                                            size_t bytes,
                                            double power,
                                            uint32_t gated,
                                            const double *sigma,
                                            double *time,
                                            size_t n);

// The inverse: the sigmas at which entropic time has the n values `time` of
// 0 to 1. `sigma` may be `time`.
//
// Errors: as `infonoise_to_entropic_time`.
infonoise_status infonoise_from_entropic_time(const void *state,
                                              size_t bytes,
                                              double power,
                                              uint32_t gated,
                                              const double *time,
                                              double *sigma,
                                              size_t n);

// Converts n sigmas into another coordinate (`infonoise_coordinate`). Flow time
// t = sigma / (1 + sigma): t = 1 is noise. `value` may be `sigma`.
//
// Errors: NULL, MISALIGNED, ARGUMENT (no such coordinate; a sigma that is
// negative, not finite, or 0 where a logarithm is taken).
infonoise_status infonoise_from_sigma(uint32_t coordinate,
                                      const double *sigma,
                                      double *value,
                                      size_t n);

// The inverse of `infonoise_from_sigma`. `sigma` may be `value`.
//
// Errors: as `infonoise_from_sigma`; ARGUMENT for a flow time outside [0, 1).
infonoise_status infonoise_to_sigma(uint32_t coordinate,
                                    const double *value,
                                    double *sigma,
                                    size_t n);

// For trainers with discrete timesteps: replaces each of n sigmas by the
// nearest entry (in ln sigma) of `table`, positive and strictly monotone, and
// writes its index. Observe the snapped sigmas.
//
// Errors: NULL, MISALIGNED, ARGUMENT. Nothing has changed then.
infonoise_status infonoise_snap(float *sigma,
                                uint32_t *index,
                                size_t n,
                                const float *table,
                                size_t entries);

// Bytes of the portable image of a block; 0 if it holds no scheduler.
size_t infonoise_image_bytes(const void *state, size_t bytes);

// Writes the portable image of a block: little-endian, with a checksum, good
// for checkpoints and for machines of the other byte order.
//
// Errors: as `infonoise_sample`; TOO_SMALL if `image_bytes` is below
// `infonoise_image_bytes`.
infonoise_status infonoise_save(const void *state, size_t bytes, void *image, size_t image_bytes);

// Bytes of the block that an image needs, after checking the image's head and
// checksum.
//
// Errors: as `infonoise_load`.
infonoise_status infonoise_image_state_bytes(const void *image, size_t image_bytes, size_t *bytes);

// Writes the schedule of an image into `state`, after checking everything.
//
// Errors: NULL, MISALIGNED, NOT_AN_IMAGE, TRUNCATED, IMAGE_VERSION, IMAGE_SIZE,
// CHECKSUM, CORRUPT (values out of range), TOO_SMALL (`bytes`). The block is
// untouched then.
infonoise_status infonoise_load(void *state, size_t bytes, const void *image, size_t image_bytes);

// Bytes of a journal's memory that remembers the last `page` draws: at least a
// global batch and what is drawn ahead of its observations. 0 if `page` is 0 or
// above 2^28.
size_t infonoise_journal_bytes(uint32_t page);

// Room that suffices for the record of any one call on n pairs,
// `infonoise_journal_begin` apart.
size_t infonoise_record_bytes(size_t n);

// Room that suffices for what `infonoise_journal_begin` writes; 0 if the block
// holds no scheduler.
size_t infonoise_journal_begin_bytes(const void *state, size_t bytes);

// Begins the journal of a run: `record` receives its first bytes, `used` of
// them, to be written to a file. Each call below does what the function without
// `journal_` does and leaves its record likewise, to be appended in order; if it
// fails, nothing was done and nothing is to be written. `journal` is 8-aligned
// memory of `infonoise_journal_bytes(page)`; no buffer may overlap another. A
// block that is fresh from `seed` starts the journal by its configuration, any
// other by its image.
//
// Errors: as `infonoise_sample`; ARGUMENT (page), TOO_SMALL (journal, or
// `record_bytes` below `infonoise_journal_begin_bytes`).
infonoise_status infonoise_journal_begin(void *journal,
                                         size_t journal_bytes,
                                         uint32_t page,
                                         void *state,
                                         size_t bytes,
                                         uint64_t seed,
                                         void *record,
                                         size_t record_bytes,
                                         size_t *used);

// As `infonoise_sample_shard`; world * n is below 2^32.
//
// Errors: as there; NOT_A_JOURNAL; TOO_SMALL (`record_bytes` below
// `infonoise_record_bytes(0)`).
infonoise_status infonoise_journal_sample(void *journal,
                                          size_t journal_bytes,
                                          void *state,
                                          size_t bytes,
                                          float *sigma,
                                          size_t n,
                                          uint32_t rank,
                                          uint32_t world,
                                          void *record,
                                          size_t record_bytes,
                                          size_t *used);

// As `infonoise_observe_masked`: `mask` and `rejected` may be NULL. Sigmas that
// were drawn lately are stored by their number in the stream, others as they are.
//
// Errors: as there; NOT_A_JOURNAL; ARGUMENT (n above 2^28); TOO_SMALL
// (`record_bytes` below `infonoise_record_bytes(n)` may be).
infonoise_status infonoise_journal_observe(void *journal,
                                           size_t journal_bytes,
                                           void *state,
                                           size_t bytes,
                                           const float *sigma,
                                           const float *error,
                                           const uint8_t *mask,
                                           size_t n,
                                           size_t *rejected,
                                           void *record,
                                           size_t record_bytes,
                                           size_t *used);

// As `infonoise_step`; a refresh, done or held, is followed by its digest.
//
// Errors: as there; NOT_A_JOURNAL; TOO_SMALL (`record_bytes` below
// `infonoise_record_bytes(0)`).
infonoise_status infonoise_journal_step(void *journal,
                                        size_t journal_bytes,
                                        void *state,
                                        size_t bytes,
                                        infonoise_report *report,
                                        void *record,
                                        size_t record_bytes,
                                        size_t *used);

// As `infonoise_set_frozen`.
//
// Errors: as there; NOT_A_JOURNAL; TOO_SMALL.
infonoise_status infonoise_journal_set_frozen(void *journal,
                                              size_t journal_bytes,
                                              void *state,
                                              size_t bytes,
                                              uint32_t frozen,
                                              void *record,
                                              size_t record_bytes,
                                              size_t *used);

// As `infonoise_reconfigure`.
//
// Errors: as there; NOT_A_JOURNAL; TOO_SMALL.
infonoise_status infonoise_journal_reconfigure(void *journal,
                                               size_t journal_bytes,
                                               void *state,
                                               size_t bytes,
                                               const infonoise_config *config,
                                               const double *weight,
                                               void *record,
                                               size_t record_bytes,
                                               size_t *used);

// Writes the digest down as it is now, for a replay to agree with: at the end of
// a run, or wherever a proof is wanted.
//
// Errors: as `infonoise_sample`; NOT_A_JOURNAL; TOO_SMALL.
infonoise_status infonoise_journal_digest(void *journal,
                                          size_t journal_bytes,
                                          void *state,
                                          size_t bytes,
                                          void *record,
                                          size_t record_bytes,
                                          size_t *used);

// Bytes that the replay of a journal needs for its block and for its memory, by
// the journal's first `head_bytes` bytes (`bytes` in `infonoise_replay_begin`).
//
// Errors: NULL; TRUNCATED (more bytes are needed), NOT_A_JOURNAL,
// JOURNAL_VERSION, CHECKSUM, RECORD; what `infonoise_load` refuses.
infonoise_status infonoise_replay_needs(const void *head,
                                        size_t head_bytes,
                                        size_t *state_bytes,
                                        size_t *journal_bytes);

// Starts the run of a journal in `state`, with `journal` for its recent draws.
// `used` receives the bytes read: the next record begins there.
//
// Errors: as `infonoise_replay_needs`; MISALIGNED; TOO_SMALL.
infonoise_status infonoise_replay_begin(void *journal,
                                        size_t journal_bytes,
                                        void *state,
                                        size_t bytes,
                                        const void *head,
                                        size_t head_bytes,
                                        size_t *used);

// Executes the record that `record` begins with on the block; `used` receives
// its length, `event`, unless NULL, what it did. `record_bytes` may reach beyond
// the record.
//
// Errors: as `infonoise_sample`; NOT_A_JOURNAL, STRUCT_SIZE; TRUNCATED (the
// record goes on: pass more bytes, or see `infonoise_journal_is_torn`), CHECKSUM,
// RECORD; DIFFERS where the digests do not agree: `used` and `event` are set
// then, and the replay may go on.
infonoise_status infonoise_replay_next(void *journal,
                                       size_t journal_bytes,
                                       void *state,
                                       size_t bytes,
                                       const void *record,
                                       size_t record_bytes,
                                       size_t *used,
                                       infonoise_event *event);

// Copies n remembered draws from number `first` on: behind a `Sampled` event,
// its global batch.
//
// Errors: NULL, MISALIGNED, TOO_SMALL, NOT_A_JOURNAL; ARGUMENT if one of them
// is no longer remembered.
infonoise_status infonoise_journal_draws(void *journal,
                                         size_t journal_bytes,
                                         uint64_t first,
                                         float *sigma,
                                         size_t n);

// 1 if `rest`, the bytes of a file behind its last whole record, are what an
// interrupted write leaves: cut them off. 0 if they are damage, or a whole record.
uint32_t infonoise_journal_is_torn(const void *rest, size_t rest_bytes);

// The version that wrote a block (its layout), an image or a journal, by its
// first 12 bytes; 0 if they are of none of them.
uint32_t infonoise_version_of(const void *data, size_t data_bytes);

// One sentence for a status: what is wrong and what to do. Never NULL.
const char *infonoise_status_message(uint32_t status);

// Name of an `infonoise_phase`; "unknown" for other numbers.
const char *infonoise_phase_name(uint32_t phase);

// Name of an `infonoise_pivot_rule`; "unknown" for other numbers.
const char *infonoise_rule_name(uint32_t rule);

// Name of an `infonoise_hold`; "unknown" for other numbers.
const char *infonoise_hold_name(uint32_t hold);

// Name of an `infonoise_warning`; "unknown" for other numbers.
const char *infonoise_warning_name(uint32_t warning);

// Name of an `infonoise_objective`; "unknown" for other numbers.
const char *infonoise_objective_name(uint32_t objective);

// Name of an `infonoise_emphasis`; "unknown" for other numbers.
const char *infonoise_emphasis_name(uint32_t emphasis);

// Name of an `infonoise_endpoint`; "unknown" for other numbers.
const char *infonoise_endpoint_name(uint32_t endpoint);

// Name of an `infonoise_pivot`; "unknown" for other numbers.
const char *infonoise_pivot_name(uint32_t pivot);

// Name of an `infonoise_baseline`; "unknown" for other numbers.
const char *infonoise_baseline_name(uint32_t baseline);

// Name of an `infonoise_draw`; "unknown" for other numbers.
const char *infonoise_draw_name(uint32_t draw);

// Name of an `infonoise_preset`; "unknown" for other numbers.
const char *infonoise_preset_name(uint32_t preset);

// What to do about an `infonoise_hold`.
const char *infonoise_hold_remedy(uint32_t hold);

// Name of an `infonoise_coordinate`; "unknown" for other numbers.
const char *infonoise_coordinate_name(uint32_t coordinate);

// Name of an `infonoise_schedule_kind`; "unknown" for other numbers.
const char *infonoise_schedule_name(uint32_t schedule);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* INFONOISE_H */
