/* infonoise: information-guided noise schedules for diffusion training.
 * Generated from the ffi crate by `make header`; do not edit.
 *
 * The caller owns all memory, nothing needs to be freed, and there is no global state.
 * A state is a block of infonoise_state_bytes(&config) bytes, 8-aligned, that may be
 * copied, stored and sent like any value. One block serves one thread at a time.
 *
 * A function that can fail returns an infonoise_status. It returns INFONOISE_NULL for a
 * NULL pointer, and changes nothing unless it returns INFONOISE_OK. Arrays of n
 * elements may be NULL where n is 0; an n beyond memory is INFONOISE_ARGUMENT.
 * Functions that take a state refuse one that cannot be used; their "those of a state"
 * means NULL, MISALIGNED, TOO_SMALL, NOT_A_STATE, FOREIGN_ENDIAN, WRONG_LAYOUT,
 * CORRUPT, and, in debug builds, BUSY. Sigmas are standard deviations in data units.
 * Numbers in brackets are equations of the paper, arXiv 2602.18647. infonoise_journal.h
 * records a run and executes it again.
 *
 *   infonoise_config config = INFONOISE_CONFIG_INIT;
 *   infonoise_config_init(&config, INFONOISE_PRESET_EDM);
 *   size_t bytes = infonoise_state_bytes(&config);
 *   infonoise_state *state = malloc(bytes);
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
#define INFONOISE_PLAN_INIT INFONOISE_INIT_(infonoise_plan)

/* Enums of 32 bits, also before C23. */
#if defined(__cplusplus)
#define INFONOISE_ENUM_(name) enum name : uint32_t
#elif __STDC_VERSION__ >= 202311L
#define INFONOISE_ENUM_(name) enum name : uint32_t; typedef enum name name; enum name : uint32_t
#else
#define INFONOISE_ENUM_(name) typedef uint32_t name; enum
#endif


// The version of this ABI. Within a version, functions and structs are only added.
#define INFONOISE_ABI_VERSION 2

// The most levels of a plan.
#define INFONOISE_MOST_LEVELS 240

// The most variances of a plan's spectrum.
#define INFONOISE_MOST_VARIANCES 32

// The result of a call. 0 is success; otherwise nothing has changed.
INFONOISE_ENUM_(infonoise_status) {
  INFONOISE_OK = 0,  // Done.
  INFONOISE_NULL = 1,  // A pointer is NULL.
  INFONOISE_TOO_SMALL = 2,  // The block or an array is shorter than needed.
  INFONOISE_NOT_A_STATE = 3,  // The block holds no scheduler.
  INFONOISE_FOREIGN_ENDIAN = 4,  // The block comes from a machine of the other byte order.
  INFONOISE_WRONG_LAYOUT = 5,  // The block comes from another layout version.
  INFONOISE_CORRUPT = 6,  // The block's content contradicts itself.
  INFONOISE_INVALID_CONFIG = 7,  // The configuration is invalid; `infonoise_config_check` says why.
  INFONOISE_LENGTH = 8,  // Arrays that must be equally long are not.
  INFONOISE_ARGUMENT = 9,  // An argument is outside its range.
  INFONOISE_NOT_READY = 10,  // No refresh has been accepted yet, or a bin is empty.
  INFONOISE_GRID_TOO_FINE = 11,  // f32 cannot hold that many distinct sigmas.
  INFONOISE_MISALIGNED = 12,  // A pointer is not aligned: blocks are 8-aligned.
  INFONOISE_STRUCT_SIZE = 13,  // A struct's `struct_size` is not one that this library supports.
  INFONOISE_BUSY = 14,  // Another thread is working on the block (debug builds).
  INFONOISE_NOT_A_SNAPSHOT = 15,  // The bytes are not a snapshot.
  INFONOISE_TRUNCATED = 16,  // The bytes of a snapshot or of a record end early.
  INFONOISE_SNAPSHOT_VERSION = 17,  // The snapshot comes from another snapshot version.
  INFONOISE_SNAPSHOT_SIZE = 18,  // The snapshot's length does not fit its dimensions.
  INFONOISE_CHECKSUM = 19,  // A checksum does not match.
  INFONOISE_TABLE = 20,  // A table of weights or masses cannot be used, or is missing.
  INFONOISE_NOT_A_JOURNAL = 21,  // The bytes are not a journal.
  INFONOISE_JOURNAL_VERSION = 22,  // The journal comes from another journal version.
  INFONOISE_RECORD = 23,  // A record cannot be read, or does not fit what came before it.
  INFONOISE_DIFFERS = 24,  // The digest of a replay differs from the journal's.
};

// The phase of the schedule.
INFONOISE_ENUM_(infonoise_phase) {
  INFONOISE_PHASE_WARMUP = 0,  // Before step N_warm: draws come from the baseline.
  // A refresh is due, but a bin has too few losses (`poorest_bin`); or every refresh
  // since the warm-up was held (`hold_reason`).
  INFONOISE_PHASE_WAITING = 1,
  INFONOISE_PHASE_ADAPTING = 2,  // At least one refresh has been accepted.
  INFONOISE_PHASE_FROZEN = 3,  // No refresh until it is unfrozen.
};

// A warning.
INFONOISE_ENUM_(infonoise_warning) {
  INFONOISE_WARNING_NONE = 0,  // Nothing.
  // Errors exceed 2 sigma^2 in more than a quarter of the bins: check the declared
  // objective.
  INFONOISE_WARNING_ERRORS_ABOVE_IDENTITY = 1,
  // The rate peaks inside the grid: the endpoint may have to be `discrete`.
  INFONOISE_WARNING_LOOKS_DISCRETE = 2,
  // Errors go on growing where the data's variance bounds them: an epsilon or score
  // network has an error floor there. Set sigma_data, or lower sigma_max.
  INFONOISE_WARNING_ERRORS_ABOVE_VARIANCE = 3,
  // Most draws fall at the low end of the grid: widen it, unless this model trains
  // only this range.
  INFONOISE_WARNING_BAND_AT_LOW_END = 4,
  INFONOISE_WARNING_BAND_AT_HIGH_END = 5,  // Most draws fall at the high end of the grid, likewise.
  // Fewer than two thirds of the draws came back as observations: are the errors of all
  // ranks gathered?
  INFONOISE_WARNING_DRAWS_NOT_OBSERVED = 6,
  // More than three observations for two draws: does every rank draw its own slice?
  INFONOISE_WARNING_OBSERVED_NOT_DRAWN = 7,
};

// Why a refresh was held: the previous sampler stays.
INFONOISE_ENUM_(infonoise_hold) {
  INFONOISE_HOLD_NONE = 0,  // No refresh has been held.
  INFONOISE_HOLD_NO_SIGNAL = 1,  // Every loss is 0.
  INFONOISE_HOLD_NO_PIVOT = 2,  // No pivot rule applies and none was ever accepted.
  // The rate grows faster towards low noise than that of any data.
  INFONOISE_HOLD_LOW_END_UNRESOLVED = 3,
  // Too many draws would fall at the low end of the grid, and the errors contradict
  // those of a denoiser.
  INFONOISE_HOLD_DEGENERATE_LOW = 4,
  // Too many draws would fall at the high end of the grid, likewise.
  INFONOISE_HOLD_DEGENERATE_HIGH = 5,
  INFONOISE_HOLD_DEGENERATE_NARROW = 6,  // The draws would fall into too few bins.
};

// The rule that set a pivot.
INFONOISE_ENUM_(infonoise_pivot_rule) {
  INFONOISE_PIVOT_RULE_NONE = 0,  // No refresh has been accepted, or no rule found a pivot.
  // The anchored onset: below this sigma the rate exceeds what the data's scale explains.
  INFONOISE_PIVOT_RULE_ONSET = 1,
  INFONOISE_PIVOT_RULE_ONSET_AT_TOP = 2,  // As `onset`, but beyond the highest bin: extrapolated.
  // As `onset`, but the rate peaks inside the grid: the data look discrete.
  INFONOISE_PIVOT_RULE_ONSET_INTERIOR_PEAK = 3,
  INFONOISE_PIVOT_RULE_BELOW_GRID = 4,  // The whole grid lies above the onset: no gate.
  INFONOISE_PIVOT_RULE_ONSET_LITERAL = 5,  // The paper's onset (18).
  INFONOISE_PIVOT_RULE_FOOT = 6,  // The foot of the lowest information peak.
  INFONOISE_PIVOT_RULE_POWER_LAW = 7,  // The end of the low-noise power law.
  INFONOISE_PIVOT_RULE_KNEE = 8,  // The deepest point below the chord.
  INFONOISE_PIVOT_RULE_FIXED = 9,  // The configured value.
  INFONOISE_PIVOT_RULE_OFF = 10,  // The gate is switched off.
  // The last accepted pivot, since no rule found one at this refresh.
  INFONOISE_PIVOT_RULE_HELD = 11,
  // The shoulder of a young network, which the peak of the information grows from.
  INFONOISE_PIVOT_RULE_SHOULDER = 12,
};

// The space of the loss that the trainer passes (docs/specification.md#objective).
INFONOISE_ENUM_(infonoise_objective) {
  INFONOISE_OBJECTIVE_X0 = 0,  // (D - x0)^2, fixed weight 1.
  // (D - x0)^2 before lambda, fixed weight (sigma^2 + sd^2) / (sigma sd)^2 (52).
  INFONOISE_OBJECTIVE_EDM = 1,
  INFONOISE_OBJECTIVE_EPSILON = 2,  // (eps_hat - eps)^2, fixed weight 1 / sigma^2 in x0 space.
  // (v_hat - v)^2 of flow matching, v = eps - x0, t = sigma / (1 + sigma), t = 1 is noise.
  INFONOISE_OBJECTIVE_VELOCITY = 3,
  INFONOISE_OBJECTIVE_V = 4,  // (v_hat - v)^2, variance preserving, sigma = sqrt(1 - a^2) / a.
  // (s_hat - s)^2 of the score of x0 + sigma eps, s = -eps / sigma, fixed weight 1 / sigma^4.
  INFONOISE_OBJECTIVE_SCORE = 5,
};

// What equals the target rho (docs/specification.md#emphasis).
INFONOISE_ENUM_(infonoise_emphasis) {
  // The realised emphasis, density times weight: pi is proportional to rho / w (16).
  INFONOISE_EMPHASIS_TARGET = 0,
  INFONOISE_EMPHASIS_SAMPLES = 1,  // The density of the draws: pi = rho, whatever the weight.
};

// How the information behaves at low noise; this decides which pivot rule applies.
INFONOISE_ENUM_(infonoise_endpoint) {
  // Real-valued data: the rate grows without bound towards low noise.
  INFONOISE_ENDPOINT_CONTINUOUS = 0,
  // Data on finitely many points: the rate vanishes below a critical sigma.
  INFONOISE_ENDPOINT_DISCRETE = 1,
};

// How the pivot of the low-noise gate is found.
INFONOISE_ENUM_(infonoise_pivot) {
  // `onset` for continuous data; `foot`, then `power_law`, `shoulder` and `knee` for discrete data.
  INFONOISE_PIVOT_AUTO = 0,
  // `onset_literal` for continuous data; `power_law`, then `knee` for discrete data.
  INFONOISE_PIVOT_PAPER = 1,
  INFONOISE_PIVOT_ONSET = 2,  // The anchored onset.
  INFONOISE_PIVOT_ONSET_LITERAL = 3,  // The paper's onset (18).
  INFONOISE_PIVOT_FOOT = 4,  // The foot of the lowest information peak.
  INFONOISE_PIVOT_POWER_LAW = 5,  // The end of the low-noise power law (B.4).
  INFONOISE_PIVOT_KNEE = 6,  // The deepest point below the chord to the peak.
  INFONOISE_PIVOT_FIXED = 7,  // `pivot_value`.
  INFONOISE_PIVOT_OFF = 8,  // No gate.
};

// What the warm-up draws from.
INFONOISE_ENUM_(infonoise_baseline) {
  INFONOISE_BASELINE_LOG_UNIFORM = 0,  // Uniform in ln sigma.
  // Normal in ln sigma (`baseline_mean`, `baseline_std`), truncated to the grid.
  INFONOISE_BASELINE_LOG_NORMAL = 1,
  INFONOISE_BASELINE_TABLE = 2,  // The caller's table of K masses.
};

// How the random words of the draws are made.
INFONOISE_ENUM_(infonoise_draw) {
  INFONOISE_DRAW_INDEPENDENT = 0,  // One random word for each sigma.
  // One random word for each global batch; the golden-ratio sequence continues from it.
  INFONOISE_DRAW_STRATIFIED = 1,
};

// Named starting points (docs/specification.md#presets).
INFONOISE_ENUM_(infonoise_preset) {
  INFONOISE_PRESET_DEFAULT = 0,  // Continuous data, x0 errors.
  INFONOISE_PRESET_DISCRETE = 1,  // Discrete data, x0 errors.
  INFONOISE_PRESET_EDM = 2,  // EDM preconditioning and loss weight, `sigma_data` .5.
  INFONOISE_PRESET_FLOW = 3,  // Flow matching with velocity errors, t from .001 to .999.
  INFONOISE_PRESET_EPSILON = 4,  // Epsilon errors on the range of the Stable Diffusion table.
  INFONOISE_PRESET_PAPER = 5,  // The paper's literal rules.
};

// Which profile `infonoise_profile_get` reads.
INFONOISE_ENUM_(infonoise_profile_kind) {
  INFONOISE_PROFILE_KIND_IN_FORCE = 0,  // The sampler in force.
  INFONOISE_PROFILE_KIND_ESTIMATED = 1,  // Estimated from what the rings hold now.
};

// A quantity that names a noise level (docs/specification.md#coordinates).
INFONOISE_ENUM_(infonoise_coordinate) {
  INFONOISE_COORDINATE_SIGMA = 0,  // sigma itself, the noise's standard deviation in data units.
  // t = sigma / (1 + sigma) of flow matching: 0 is data, 1 is noise.
  INFONOISE_COORDINATE_FLOW_TIME = 1,
  INFONOISE_COORDINATE_LOG_SNR = 2,  // log-SNR, -2 ln sigma: lower is noisier.
  INFONOISE_COORDINATE_C_NOISE = 3,  // ln(sigma) / 4, EDM's network input.
};

// The kinds of schedule, as the C ABI numbers them.
INFONOISE_ENUM_(infonoise_schedule_kind) {
  // ln sigma normal: mean a, standard deviation b. EDM's is -1.2, 1.2.
  INFONOISE_SCHEDULE_KIND_LOG_NORMAL = 0,
  INFONOISE_SCHEDULE_KIND_LOG_UNIFORM = 1,  // ln sigma uniform between the sigmas a and b.
  // logit t normal in flow time: mean a, standard deviation b. SD3's is 0, 1.
  INFONOISE_SCHEDULE_KIND_LOGIT_NORMAL = 2,
  // The variance-preserving cosine schedule, sigma = tan(pi t / 2), t uniform.
  INFONOISE_SCHEDULE_KIND_COSINE = 3,
  // Flow time uniform, shifted by a: sigma = a t / (1 - t). FLUX's is 3, plain flow's 1.
  INFONOISE_SCHEDULE_KIND_SHIFTED_FLOW = 4,
  INFONOISE_SCHEDULE_KIND_TABLE = 5,  // K masses of bins.
};

// A solver of the probability flow.
INFONOISE_ENUM_(infonoise_solver) {
  // Heun's second-order rule, two evaluations a step, the last step to 0 Euler's.
  INFONOISE_SOLVER_HEUN = 0,
  INFONOISE_SOLVER_EULER = 1,  // Euler's rule, which is DDIM: one evaluation a step.
};

// The enum whose names `infonoise_name` returns.
INFONOISE_ENUM_(infonoise_name_kind) {
  INFONOISE_NAME_KIND_PHASE = 0,  // `infonoise_phase`.
  INFONOISE_NAME_KIND_WARNING = 1,  // `infonoise_warning`.
  INFONOISE_NAME_KIND_HOLD = 2,  // `infonoise_hold`.
  INFONOISE_NAME_KIND_HOLD_REMEDY = 3,  // What to do about an `infonoise_hold`.
  INFONOISE_NAME_KIND_PIVOT_RULE = 4,  // `infonoise_pivot_rule`.
  INFONOISE_NAME_KIND_OBJECTIVE = 5,  // `infonoise_objective`.
  INFONOISE_NAME_KIND_EMPHASIS = 6,  // `infonoise_emphasis`.
  INFONOISE_NAME_KIND_ENDPOINT = 7,  // `infonoise_endpoint`.
  INFONOISE_NAME_KIND_PIVOT = 8,  // `infonoise_pivot`.
  INFONOISE_NAME_KIND_BASELINE = 9,  // `infonoise_baseline`.
  INFONOISE_NAME_KIND_DRAW = 10,  // `infonoise_draw`.
  INFONOISE_NAME_KIND_PRESET = 11,  // `infonoise_preset`.
  INFONOISE_NAME_KIND_COORDINATE = 12,  // `infonoise_coordinate`.
  INFONOISE_NAME_KIND_SCHEDULE_KIND = 13,  // `infonoise_schedule_kind`.
  // What an `infonoise_warning` means, and what to do about it.
  INFONOISE_NAME_KIND_WARNING_REMEDY = 14,
  INFONOISE_NAME_KIND_SOLVER = 15,  // `infonoise_solver`.
};

// A schedule: `infonoise_state_bytes(config)` bytes of the caller's memory, 8-aligned,
// that may be copied, stored and sent.
typedef struct infonoise_state infonoise_state;

// The configuration as plain words. Start with `INFONOISE_CONFIG_INIT` and
// `infonoise_config_init`, then change the fields that differ.
typedef struct {
  uint32_t struct_size;  // `sizeof` this struct, set by `INFONOISE_CONFIG_INIT`.
  uint32_t bins;  // Bins of the log-sigma grid, K: 8 to 256.
  uint32_t window;  // Losses kept in each bin's ring, B: 8 to 4096.
  uint32_t objective;  // `infonoise_objective`: the space of the errors passed to `observe`.
  // 0: errors are means over dimensions; d: they are sums over d dimensions.
  uint32_t reduction_dim;
  // `infonoise_emphasis`: what equals the target: density times weight, or the density.
  uint32_t emphasis;
  uint32_t endpoint;  // `infonoise_endpoint`: continuous or discrete data.
  uint32_t pivot;  // `infonoise_pivot`: the pivot rule.
  uint32_t ceiling;  // 0 or 1: cap the profile at the error of the best linear denoiser.
  uint32_t guard;  // 0 or 1: hold refreshes that would produce a degenerate sampler.
  uint32_t smoothing;  // Passes of [1 2 1]/4 over ln m.
  uint32_t baseline;  // `infonoise_baseline`: what the warm-up draws from.
  uint32_t min_count;  // Losses that every bin must hold before a refresh, N_min; at most `window`.
  uint32_t draw;  // `infonoise_draw`: independent or stratified draws.
  // After a refresh at step s the next is due after s / growth steps, at most
  // `refresh_every`; 0 = always `refresh_every`.
  uint32_t refresh_growth;
  // 0 or 1: average the newest half of what a bin ever got, instead of its whole ring.
  uint32_t fresh_means;
  // Optimizer steps before the first refresh, N_warm; 0 = as soon as every bin holds `min_count`.
  uint64_t warmup_steps;
  uint64_t refresh_every;  // Most optimizer steps between refreshes, M.
  // Lower end of the grid, rounded to f32; 0 = 0.004 `sigma_data`, or 0.002 where that is 0.
  double sigma_min;
  // Upper end of the grid, rounded to f32; 0 = 160 `sigma_data`, or 80 where that is 0.
  double sigma_max;
  // Standard deviation of the data per dimension, which bounds the errors of a
  // denoiser; 0 = unknown. Required by objective `edm`.
  double sigma_data;
  double pivot_value;  // Sigma of the pivot, c, for pivot `fixed`.
  double onset_threshold;  // Threshold p of the onset rules (18).
  double gate_exponent;  // Exponent n of the gate (17).
  double coverage;  // Share of the draws spread evenly over the bins.
  double baseline_mean;  // Mean of ln sigma for baseline `lognormal`.
  double baseline_std;  // Standard deviation of ln sigma for baseline `lognormal`.
  double ema_rate;  // Weight of the NEW mean in the EMA across refreshes, beta: 0 to 1.
} infonoise_config;

// The report: `infonoise_report` of the C ABI. Sigmas are standard
// deviations in data units.
typedef struct {
  uint32_t struct_size;  // `sizeof` this struct, set by `INFONOISE_REPORT_INIT`.
  infonoise_phase phase;  // Warm-up, waiting, adapting or frozen.
  infonoise_warning warning;  // The warning of the last refresh, done or held.
  infonoise_hold hold_reason;  // The reason of the last hold.
  infonoise_pivot_rule pivot_rule;  // The rule that set the pivot in force.
  uint32_t clipped_bins;  // Bins at the ceiling at the last refresh, done or held.
  uint32_t poorest_bin;  // The bin with the fewest losses, of those that can be reached.
  uint32_t poorest_count;  // How many it holds; a refresh needs `min_count`.
  uint32_t stalest_bin;  // The bin that has gone longest without a loss.
  // Bins that a refresh does not wait for, since hardly any sigma of the trainer's falls there.
  uint32_t unreachable_bins;
  uint32_t warning_bins;  // How many bins the warning is about; 0 where it names none.
  uint32_t reserved;  // Padding to whole words; 0.
  uint64_t steps;  // Optimizer steps.
  uint64_t draws;  // Sigmas drawn, over all ranks.
  uint64_t observations;  // Losses taken.
  uint64_t rejected;  // Pairs rejected: off the grid, negative or not finite.
  uint64_t refreshes;  // Refreshes done.
  uint64_t held;  // Refreshes held.
  uint64_t stalest_age;  // Observations since the stalest bin's last one.
  // Observations since the oldest loss of the mean in the pivot's bin, the age of what
  // the gate's foot rests on; 0 before the first refresh and for an open gate.
  uint64_t pivot_age;
  double pivot;  // c, the pivot in force; 0 if the gate is open.
  double pivot_ratio;  // c / sigma_min.
  // Largest change of the CDF at the last refresh; below 1e-2 the schedule has settled.
  double cdf_change;
  double q05;  // 5 % quantile of the sampler in force.
  double q25;  // 25 % quantile.
  double q50;  // 50 % quantile.
  double q75;  // 75 % quantile.
  double q95;  // 95 % quantile.
  double peak_sigma;  // Sigma where the target peaks; 0 before the first refresh.
  // Integral of the rate over the grid, nats per dimension; 0 before the
  // first refresh.
  double information_nats;
  // Lower edge of the lowest bin that the warning is about; 0 where it names none.
  double warning_low;
  double warning_high;  // Upper edge of the highest one.
} infonoise_report;

// The curves of a schedule over its K bins. Point the members that you want to arrays,
// leave the others NULL, and set `bins` to the number of bins that the arrays have
// room for. An estimate works in `error`, `rate`, `target` and `density`, so it needs
// these four.
typedef struct {
  uint32_t struct_size;  // `sizeof` this struct, set by `INFONOISE_PROFILE_INIT`.
  uint32_t bins;  // In: room; out: K.
  double *sigma;  // Centres of the bins, standard deviations in data units (K).
  double *edges;  // Edges of the bins (K + 1).
  double *cdf;  // Share of the draws below each edge (K + 1).
  double *entropy;  // Cumulative integral of the rate, nats per dimension (K + 1).
  double *count;  // Losses that each bin holds (K).
  double *error;  // Squared x0 error per dimension, after the ceiling (K).
  double *rate;  // Nats per unit sigma (K).
  double *gate;  // The low-noise gate, 0 to 1 (K).
  double *target;  // The target rho, masses of bins (K).
  double *density;  // The density pi, masses of bins (K).
} infonoise_profile;

// How far a schedule is from the target.
typedef struct {
  uint32_t struct_size;  // `sizeof` this struct, set by `INFONOISE_MISMATCH_INIT`.
  uint32_t bins;  // In: room in `emphasis`; out: K. May be 0 where `emphasis` is NULL.
  double total_variation;  // Total variation between realised emphasis and target, 0 to 1.
  double band_low;  // 5 % quantile of the target.
  double band_high;  // 95 % quantile of the target.
  double inside_band;  // Share of the schedule's draws inside that band.
  double off_grid;  // Share of its draws off the grid.
  // Share of the training budget that is wasted, compared with the density that the
  // target gives.
  double wasted;
  double *emphasis;  // Realised emphasis, masses of bins (K), or NULL.
} infonoise_mismatch;

// What a plan starts from and what it expects. Costs are sums over the steps, the last one
// to 0 included: `error`, the solver's error on Gaussian data of the same mmse, a weighted
// difference of logarithms, and `leaps`, the squared shares of the information that the
// steps pass. The plan minimises their sum.
typedef struct {
  uint32_t struct_size;  // `sizeof` this struct, set by `INFONOISE_PLAN_INIT`.
  uint32_t estimated;  // In: 1 plans from an estimate instead of the profile in force.
  double end;  // In: the last level; 0 lets the plan choose it.
  double error;  // Error of the planned levels.
  double leaps;  // Leaps of the planned levels.
  // Error of EDM's grid (rho = 7) with as many levels, from sigma_max to sigma_min.
  double edm_error;
  double edm_leaps;  // Leaps of that grid.
  uint32_t evaluations;  // Evaluations of the network that a sampler spends on the planned levels.
  uint32_t levels;  // The planned levels, n.
  // The fewest levels with which EDM's grid costs no more; 0 if that takes more than 1024.
  uint32_t edm_levels;
  uint32_t variances;  // Variances of the spectrum, at most 32.
  double *variance;  // The variances, ascending (room for 32), or NULL.
  double *mass;  // Their masses (room for 32), or NULL.
} infonoise_plan;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The ABI version of the library: compare it with `INFONOISE_ABI_VERSION`.
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
infonoise_status infonoise_config_check(const infonoise_config *config, char *message,
                                        size_t message_bytes);

// Writes sigma_min and sigma_max of the grid of `config` to `ends`, two numbers in data
// units: as given, or those that follow `sigma_data` where a field is 0.
//
// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG.
infonoise_status infonoise_grid_ends(const infonoise_config *config, float *ends);

// Bytes of a state block for `config`; 0 if the configuration is invalid.
size_t infonoise_state_bytes(const infonoise_config *config);

// Writes a fresh scheduler into `state`.
//
// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TOO_SMALL; TABLE for
// baseline `table`, whose masses `infonoise_init_with` takes. The block is unchanged
// then.
infonoise_status infonoise_init(infonoise_state *state, size_t bytes,
                                const infonoise_config *config, uint64_t seed);

// As `infonoise_init`, with tables of `bins` numbers: `weight`, further
// positive factors on the fixed weight at the bin centres, and `baseline`, the
// masses that the warm-up draws from (required by baseline `table`). Either
// may be NULL.
//
// Errors: as `infonoise_init`; TABLE for a table that cannot be used:
// `infonoise_tables_check` names its entry.
infonoise_status infonoise_init_with(infonoise_state *state, size_t bytes,
                                     const infonoise_config *config, uint64_t seed,
                                     const double *weight, const double *baseline);

// Checks a block completely: header, configuration, every index and table.
// Call it on memory from an untrusted source; the other functions access only the
// block, whatever it holds.
//
// Errors: those of a state.
infonoise_status infonoise_validate(const infonoise_state *state, size_t bytes);

// Reads the configuration back; the grid's ends are rounded to f32.
//
// Errors: those of a state, STRUCT_SIZE.
infonoise_status infonoise_config_get(const infonoise_state *state, size_t bytes,
                                      infonoise_config *config);

// Reads the caller's tables back, K numbers each: the weight (1 where none was
// given) and the baseline (0 where none was given). Either may be NULL.
//
// Errors: those of a state.
infonoise_status infonoise_tables_get(const infonoise_state *state, size_t bytes, double *weight,
                                      double *baseline);

// Changes the fields that are not fixed at init (cadence, EMA rate, gate, pivot,
// guard, ceiling, smoothing, coverage, emphasis, counts) and, unless `weight` is NULL,
// the table of `bins` weights. It takes effect at the next refresh.
//
// Errors: those of a state; STRUCT_SIZE; INVALID_CONFIG for a field that is
// invalid or fixed at init, TABLE for a weight: `infonoise_reconfigure_check`
// names either.
infonoise_status infonoise_reconfigure(infonoise_state *state, size_t bytes,
                                       const infonoise_config *config, const double *weight);

// Checks whether `infonoise_reconfigure` would accept `config` and `weight`, and,
// unless `baseline` is NULL, whether the state has those masses, which are fixed at
// init. `message` as in `infonoise_tables_check`.
//
// Errors: as `infonoise_reconfigure`; TABLE.
infonoise_status infonoise_reconfigure_check(const infonoise_state *state, size_t bytes,
                                             const infonoise_config *config, const double *weight,
                                             const double *baseline, char *message,
                                             size_t message_bytes);

// Checks a configuration and the tables that `infonoise_init_with` would get with
// it: `weight` and `baseline`, `bins` numbers each, or NULL. `message` as in
// `infonoise_config_check`; for a table it names the index of the bad entry, its
// value, the bound and the remedy.
//
// Errors: NULL (config), MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TABLE.
infonoise_status infonoise_tables_check(const infonoise_config *config, const double *weight,
                                        const double *baseline, char *message,
                                        size_t message_bytes);

// The share of a schedule's draws in each bin of the grid of `config`; if they sum to
// less than 1, the rest of the draws is off the grid. The schedule is an
// `infonoise_schedule_kind` with its numbers a and b, or a `table` of `bins` masses;
// `masses` has room for n numbers and receives `bins`.
//
// Errors: NULL, MISALIGNED, STRUCT_SIZE, INVALID_CONFIG, TOO_SMALL (n is below
// `bins`), ARGUMENT (no such kind, invalid numbers).
infonoise_status infonoise_schedule_masses(const infonoise_config *config, uint32_t kind, double a,
                                           double b, const double *table, double *masses, size_t n);

// Draws n sigmas.
//
// Errors: those of a state.
infonoise_status infonoise_sample(infonoise_state *state, size_t bytes, float *sigma, size_t n);

// Draws the n sigmas of `rank` in a global batch of `world * n`. The concatenated
// slices of all ranks are what one process would have drawn.
//
// Errors: those of a state; ARGUMENT unless rank < world and
// world * n <= 2^32.
infonoise_status infonoise_sample_shard(infonoise_state *state, size_t bytes, float *sigma,
                                        size_t n, uint32_t rank, uint32_t world);

// Draws the n sigmas from number `offset` on of a global batch of `total`. Slices of any
// lengths that cover the batch are together what one process would have drawn; every
// rank calls this for every batch, with n = 0 too.
//
// Errors: those of a state; ARGUMENT unless offset + n <= total <= 2^32.
infonoise_status infonoise_sample_slice(infonoise_state *state, size_t bytes, float *sigma,
                                        size_t n, uint64_t offset, uint64_t total);

// Takes n per-sample, unweighted errors, squared, in the space of the
// configured objective, at the sigmas that they were measured at. Any number
// of calls may come between two steps. `rejected`, unless NULL, receives the
// number of pairs rejected: sigma off the grid, error negative or not finite.
//
// Errors: those of a state.
infonoise_status infonoise_observe(infonoise_state *state, size_t bytes, const float *sigma,
                                   const float *error, size_t n, size_t *rejected);

// As `infonoise_observe`; pairs whose mask byte is 0 are left out and not
// counted. `mask` may be NULL.
//
// Errors: as `infonoise_observe`.
infonoise_status infonoise_observe_masked(infonoise_state *state, size_t bytes, const float *sigma,
                                          const float *error, const uint8_t *mask, size_t n,
                                          size_t *rejected);

// Counts one optimizer step and refreshes the sampler if that is due.
// `report`, unless NULL, receives the report afterwards.
//
// Errors: those of a state, STRUCT_SIZE.
infonoise_status infonoise_step(infonoise_state *state, size_t bytes, infonoise_report *report);

// observe, step and sample in one call: takes the errors of this batch and draws the
// sigmas of the next. `next_sigma` may be `sigma`. `mask`, `rejected` and `report` may
// be NULL.
//
// Errors: as those three. Nothing has changed then, unless the block is CORRUPT.
infonoise_status infonoise_advance(infonoise_state *state, size_t bytes, const float *sigma,
                                   const float *error, const uint8_t *mask, size_t n,
                                   float *next_sigma, size_t next_n, size_t *rejected,
                                   infonoise_report *report);

// 1 stops refreshes, 0 resumes them; draws and observations continue.
//
// Errors: those of a state; ARGUMENT for other numbers.
infonoise_status infonoise_set_frozen(infonoise_state *state, size_t bytes, uint32_t frozen);

// Reads the report.
//
// Errors: those of a state, STRUCT_SIZE.
infonoise_status infonoise_report_get(const infonoise_state *state, size_t bytes,
                                      infonoise_report *report);

// Reads the profile in force or an estimate from what the rings hold now
// (`infonoise_profile_kind`).
//
// Errors: those of a state; STRUCT_SIZE; ARGUMENT (no such kind); TOO_SMALL (`bins`
// below K); for an estimate NULL (one of its four arrays) and NOT_READY (a bin is empty).
infonoise_status infonoise_profile_get(const infonoise_state *state, size_t bytes, uint32_t which,
                                       infonoise_profile *profile);

// How far an existing schedule (`infonoise_schedule_kind` with its numbers a and b, or
// a `table` of K masses) is from the target: from `target`, K masses (of an estimated
// profile, for example), or from the target in force where `target` is NULL.
//
// Errors: those of a state; STRUCT_SIZE; ARGUMENT (no such kind, invalid numbers or
// masses); NULL (kind table without table); NOT_READY (no target in force yet);
// TOO_SMALL (`emphasis` has no room).
infonoise_status infonoise_diagnose(const infonoise_state *state, size_t bytes, uint32_t kind,
                                    double a, double b, const double *table, const double *target,
                                    infonoise_mismatch *mismatch);

// The table of the draws, to draw elsewhere (in a GPU kernel, for example) with the
// same bits. `threshold` receives K + 1 numbers from 0 to 2^32, `edge` K + 1, `slope`
// K; each may be NULL. Word u of 0 to 2^32 - 1 falls into the one bin k with
// `threshold[k] <= u < threshold[k + 1]` and gives the sigma
// `edge[k] + (float)(u - threshold[k]) * slope[k]`, in float, with product and sum
// each rounded, never fused. If that is not below `edge[k + 1]`, sigma is the largest
// float below it.
//
// Errors: those of a state.
infonoise_status infonoise_sampler_get(const infonoise_state *state, size_t bytes,
                                       uint64_t *threshold, float *edge, float *slope);

// The digest: a number that is the same for equal schedules, on every platform.
//
// Errors: those of a state.
infonoise_status infonoise_digest(const infonoise_state *state, size_t bytes, uint64_t *digest);

// Fills `sigma` with n >= 2 noise levels for a sampler, equally spaced in
// entropic time with the given power (1 is usual, 0 for token data at few steps), from
// sigma_max down to sigma_min (19). It does not append 0. `gated` 0 uses the rate
// without the gate.
//
// Errors: those of a state; NOT_READY before the first refresh; ARGUMENT
// (n < 2, |power| > 64, gated > 1); GRID_TOO_FINE.
infonoise_status infonoise_info_grid(const infonoise_state *state, size_t bytes, double power,
                                     uint32_t gated, float *sigma, size_t n);

// Fills `sigma` with the midpoints of n equal shares of the draws in force, in ascending
// order: evenly spread levels for a validation loss. The state does not change.
//
// Errors: those of a state; ARGUMENT (n > 2^31).
infonoise_status infonoise_levels(const infonoise_state *state, size_t bytes, float *sigma,
                                  size_t n);

// Writes the natural logarithms of the density of the draws at n sigmas, per unit
// ln sigma: -infinity off the grid and where nothing is ever drawn, NaN for NaN. It is
// exact for the draws in force, and what a loss is divided by (as a probability) to make
// it unbiased.
//
// Errors: those of a state.
infonoise_status infonoise_log_density(const infonoise_state *state, size_t bytes,
                                       const float *sigma, size_t n, double *out);

// Maps n sigmas to entropic time (14): the share of the information (weighted by
// sigma^power, gated or not) below each sigma, from 0 at sigma_min to 1 at sigma_max.
// `time` may be `sigma`.
//
// Errors: as `infonoise_info_grid`, except GRID_TOO_FINE; ARGUMENT for NaN.
infonoise_status infonoise_to_entropic_time(const infonoise_state *state, size_t bytes,
                                            double power, uint32_t gated, const double *sigma,
                                            double *time, size_t n);

// The inverse of `infonoise_to_entropic_time`: the sigmas at which entropic time has
// the n values `time`, 0 to 1. `sigma` may be `time`.
//
// Errors: as `infonoise_to_entropic_time`.
infonoise_status infonoise_from_entropic_time(const infonoise_state *state, size_t bytes,
                                              double power, uint32_t gated, const double *time,
                                              double *sigma, size_t n);

// Converts n sigmas into another coordinate (`infonoise_coordinate`). Flow time
// t = sigma / (1 + sigma): t = 1 is noise. `value` may be `sigma`.
//
// Errors: NULL, MISALIGNED, ARGUMENT (no such coordinate; a sigma that is
// negative, not finite, or 0 where a logarithm is taken).
infonoise_status infonoise_from_sigma(uint32_t coordinate, const double *sigma, double *value,
                                      size_t n);

// The inverse of `infonoise_from_sigma`. `sigma` may be `value`.
//
// Errors: as `infonoise_from_sigma`; ARGUMENT for a flow time outside [0, 1).
infonoise_status infonoise_to_sigma(uint32_t coordinate, const double *value, double *sigma,
                                    size_t n);

// For trainers with discrete timesteps: replaces each of n sigmas by the
// nearest entry (in ln sigma) of `table`, positive and strictly monotone, and
// writes its index. Observe the snapped sigmas.
//
// Errors: NULL, MISALIGNED, ARGUMENT. Nothing has changed then.
infonoise_status infonoise_snap(float *sigma, uint32_t *index, size_t n, const float *table,
                                size_t entries);

// Bytes of scratch memory, 8-aligned, that a plan of n levels needs; 0 unless n is from 1
// to 240.
size_t infonoise_plan_bytes(size_t n);

// The most levels for which so many evaluations of the network suffice with a solver
// (`infonoise_solver`), the step to 0 included; 0 for no such solver.
size_t infonoise_plan_levels(uint32_t solver, size_t evaluations);

// Fills `sigma` with the n noise levels of the least predicted cost for a solver
// (`infonoise_solver`), from sigma_max down. It does not append 0. Heun's rule then
// takes 2 n - 1 evaluations, Euler's (DDIM) n.
//
// Errors: those of a state; STRUCT_SIZE; NOT_READY before the first refresh, or, for an
// estimate, while a bin is empty; TOO_SMALL (`scratch_bytes` below
// `infonoise_plan_bytes(n)`); ARGUMENT (no such solver, n is not 1 to 240, `end` not below
// sigma_max).
infonoise_status infonoise_plan_grid(const infonoise_state *state, size_t bytes, uint32_t solver,
                                     float *sigma, size_t n, void *scratch, size_t scratch_bytes,
                                     infonoise_plan *plan);

// The same from a profile that was measured elsewhere: `error[i]`, squared x0 errors per
// dimension, at `points` ascending standard deviations `at[i]`; from `high` down to `low` at
// most. There is no gate.
//
// Errors: as `infonoise_plan_grid`; NOT_READY if every error is 0; ARGUMENT for numbers that
// are no profile.
infonoise_status infonoise_plan_table(const double *at, const double *error, size_t points,
                                      double low, double high, uint32_t solver, float *sigma,
                                      size_t n, void *scratch, size_t scratch_bytes,
                                      infonoise_plan *record);

// Writes a plan's verdict, such as "9 levels (17 evaluations): as good as EDM's 24", from
// its members `levels`, `evaluations` and `edm_levels`; at most `bytes`, 0-terminated.
//
// Errors: NULL (plan), MISALIGNED, STRUCT_SIZE.
infonoise_status infonoise_plan_verdict(const infonoise_plan *plan, char *text, size_t bytes);

// Bytes of the snapshot of a block; 0 if it holds no scheduler.
size_t infonoise_snapshot_bytes(const infonoise_state *state, size_t bytes);

// Writes the snapshot of a block for a checkpoint: portable (little-endian, any
// processor), with a checksum.
//
// Errors: those of a state; TOO_SMALL (`snapshot_bytes`).
infonoise_status infonoise_save(const infonoise_state *state, size_t bytes, void *snapshot,
                                size_t snapshot_bytes);

// Bytes of the block that a snapshot needs; its head and checksum are checked.
//
// Errors: as `infonoise_load`.
infonoise_status infonoise_snapshot_state_bytes(const void *snapshot, size_t snapshot_bytes,
                                                size_t *bytes);

// Writes the schedule of a snapshot into `state`, after checking everything.
//
// Errors: NULL, MISALIGNED, NOT_A_SNAPSHOT, TRUNCATED, SNAPSHOT_VERSION, SNAPSHOT_SIZE,
// CHECKSUM, CORRUPT (values out of range), TOO_SMALL (`bytes`).
infonoise_status infonoise_load(infonoise_state *state, size_t bytes, const void *snapshot,
                                size_t snapshot_bytes);

// The version of a block (its layout), a snapshot or a journal, from its first 16
// bytes (12 are enough for a snapshot or a journal); 0 for anything else.
uint32_t infonoise_version_of(const void *data, size_t data_bytes);

// One sentence for a status: what is wrong and what to do. Never NULL.
const char *infonoise_status_message(uint32_t status);

// The name of a `code` of an enum (`infonoise_name_kind`), as every binding spells it;
// "unknown" for any other code. Never NULL.
const char *infonoise_name(uint32_t kind, uint32_t code);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* INFONOISE_H */
