// The scheduler, and the coordinates of noise levels.
#pragma once

#include <algorithm>

#include "config.hpp"
#include "plan.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

/// A schedule and its memory.
///
///     infonoise::Scheduler scheduler(infonoise::Config::edm(0.5), 42);
///     std::vector<float> sigma = scheduler.sample(256);
///     std::vector<float> error(sigma.size());
///     for (int step = 0; step < steps; ++step) {
///       train(sigma, error);                        // per sample, unweighted, squared
///       infonoise::Report report = scheduler.advance(sigma, error, sigma);
///       if (report.steps % 100 == 0) std::cout << report << '\n';
///     }
///     std::vector<std::uint8_t> snapshot = scheduler.save();
///     infonoise::Scheduler resumed = infonoise::Scheduler::load(snapshot);
///     infonoise::Scheduler branch = resumed;         // a value: an independent copy
///
/// `advance` is `observe`, `step` and `sample` in one call. With -fno-exceptions, make
/// a scheduler with `Scheduler::create`. One scheduler serves one thread at a time. A
/// moved-from scheduler refuses every call with INFONOISE_NULL until a value is
/// assigned to it.
class Scheduler {
 public:
#if defined(__cpp_exceptions)
  explicit Scheduler(const Config& config, std::uint64_t seed = 0) : Scheduler(create(config, seed)) {}
#endif

  /// A fresh schedule.
  static Result<Scheduler> create(const Config& config, std::uint64_t seed = 0) {
    INFONOISE_RUN_(config.check());
    Scheduler fresh;
    fresh.words_.resize(infonoise_state_bytes(&config.raw()) / 8);
    fresh.seed_ = seed;
    INFONOISE_CHECK_(config.init(fresh.words_, seed), detail::message(status_));
    return fresh;
  }

  /// Loads the schedule of a snapshot, which is checked completely.
  static Result<Scheduler> load(Span<const std::uint8_t> snapshot) {
    std::size_t bytes = 0;
    if (snapshot.size() == 0)
      INFONOISE_FAIL_(INFONOISE_TRUNCATED, "the snapshot is empty: the file was cut off, use an older checkpoint");
    INFONOISE_CHECK_(infonoise_snapshot_state_bytes(snapshot.data(), snapshot.size(), &bytes),
                     detail::message(status_, snapshot));
    Scheduler loaded;
    loaded.words_.resize(bytes / 8);
    INFONOISE_CHECK_(infonoise_load(loaded.data(), loaded.bytes(), snapshot.data(), snapshot.size()),
                     detail::message(status_, snapshot));
    return loaded;
  }

  /// The schedule of a block's words, which are checked completely.
  static Result<Scheduler> from_words(Span<const std::uint64_t> words) {
    Scheduler copy;
    copy.words_.assign(words.data(), words.data() + words.size());
    INFONOISE_CHECK_(infonoise_validate(copy.data(), copy.bytes()), detail::message(status_));
    return copy;
  }

  /// Draws as many sigmas as `sigma` has room for.
  Result<void> sample(Span<float> sigma) {
    INFONOISE_CHECK_(infonoise_sample(data(), bytes(), sigma.data(), sigma.size()), why(status_));
    return Result<void>();
  }
  Result<std::vector<float>> sample(std::size_t n) {
    std::vector<float> sigma(n);
    INFONOISE_RUN_(sample(sigma));
    return sigma;
  }

  /// Draws the slice of `rank` in the global batch of `world` equal slices.
  Result<void> sample_shard(Span<float> sigma, std::uint32_t rank, std::uint32_t world) {
    INFONOISE_CHECK_(infonoise_sample_shard(data(), bytes(), sigma.data(), sigma.size(), rank, world),
                     why(status_, shard(sigma.size(), rank, world)));
    return Result<void>();
  }
  Result<std::vector<float>> sample_shard(std::size_t n, std::uint32_t rank, std::uint32_t world) {
    std::vector<float> sigma(n);
    INFONOISE_RUN_(sample_shard(sigma, rank, world));
    return sigma;
  }

  /// Draws the sigmas from number `offset` on of a global batch of `total`, for ranks whose
  /// slices differ in length. Every rank calls it for every batch, with an empty slice too.
  Result<void> sample_slice(Span<float> sigma, std::uint64_t offset, std::uint64_t total) {
    INFONOISE_CHECK_(infonoise_sample_slice(data(), bytes(), sigma.data(), sigma.size(), offset, total),
                     why(status_, slice(sigma.size(), offset, total)));
    return Result<void>();
  }
  Result<std::vector<float>> sample_slice(std::size_t n, std::uint64_t offset, std::uint64_t total) {
    std::vector<float> sigma(n);
    INFONOISE_RUN_(sample_slice(sigma, offset, total));
    return sigma;
  }

  /// Takes per-sample, unweighted, squared errors, any number of times between two
  /// steps. Returns how many pairs were rejected: sigma off the grid, error negative or not finite.
  Result<std::size_t> observe(Span<const float> sigma, Span<const float> error) {
    return observe_masked(sigma, error, nullptr);
  }
  /// Pairs whose mask is 0 are left out.
  Result<std::size_t> observe(Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask) {
    if (mask.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, lengths(sigma, "mask", mask.size()));
    return observe_masked(sigma, error, mask.data());
  }

  /// Counts one optimizer step, and refreshes the sampler if that is due.
  Result<Report> step() {
    Report report;
    INFONOISE_CHECK_(infonoise_step(data(), bytes(), &report), why(status_));
    return report;
  }

  /// observe, step and sample in one call; `next_sigma` may be `sigma`.
  Result<Report> advance(Span<const float> sigma, Span<const float> error, Span<float> next_sigma) {
    return advance_masked(sigma, error, nullptr, next_sigma);
  }
  Result<Report> advance(Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask,
                         Span<float> next_sigma) {
    if (mask.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, lengths(sigma, "mask", mask.size()));
    return advance_masked(sigma, error, mask.data(), next_sigma);
  }

  /// Stops refreshes or resumes them; draws and observations continue.
  Result<void> set_frozen(bool frozen) {
    INFONOISE_CHECK_(infonoise_set_frozen(data(), bytes(), frozen), why(status_));
    return Result<void>();
  }

  /// Changes the configuration, weight included, from the next refresh on; start from
  /// `config()`. A field that is fixed at init (the grid, the meaning of the errors) is
  /// refused, and the error names it.
  Result<void> reconfigure(const Config& config) {
    INFONOISE_RUN_(check_reconfigure(data(), bytes(), config));
    const std::vector<double> weight = weight_or_ones(config);
    INFONOISE_CHECK_(infonoise_reconfigure(data(), bytes(), &config.raw(), weight.data()), why(status_));
    return Result<void>();
  }

  /// The configuration in force; the grid's ends are rounded to float.
  Result<Config> config() const {
    infonoise_config raw = INFONOISE_CONFIG_INIT;
    INFONOISE_CHECK_(infonoise_config_get(data(), bytes(), &raw), why(status_));
    std::vector<double> weight(raw.bins), baseline(raw.bins);
    INFONOISE_CHECK_(infonoise_tables_get(data(), bytes(), weight.data(), baseline.data()), why(status_));
    Config config(raw);
    if (std::any_of(weight.begin(), weight.end(), [](double factor) { return factor != 1.0; }))
      config.weight(std::move(weight));
    if (raw.baseline == INFONOISE_BASELINE_TABLE) config.baseline_table(std::move(baseline));
    return config;
  }

  Result<Report> report() const {
    Report report;
    INFONOISE_CHECK_(infonoise_report_get(data(), bytes(), &report), why(status_));
    return report;
  }

  /// The curves of the sampler in force.
  Result<Profile> profile() const { return curves(INFONOISE_PROFILE_KIND_IN_FORCE); }
  /// The curves that a refresh would give now; the schedule does not change.
  Result<Profile> estimate() const { return curves(INFONOISE_PROFILE_KIND_ESTIMATED); }

  /// The present table of the draws.
  Result<DrawTable> draw_table() const {
    infonoise_config raw = INFONOISE_CONFIG_INIT;
    INFONOISE_CHECK_(infonoise_config_get(data(), bytes(), &raw), why(status_));
    DrawTable table;
    table.threshold.resize(raw.bins + 1u), table.edge.resize(raw.bins + 1u), table.slope.resize(raw.bins);
    INFONOISE_CHECK_(
        infonoise_sampler_get(data(), bytes(), table.threshold.data(), table.edge.data(), table.slope.data()),
        why(status_));
    return table;
  }

  /// n noise levels for a sampler, equally spaced in entropic time, in descending
  /// order; append 0. `power` 1 suits images, 0 token data at few steps.
  Result<std::vector<float>> info_grid(std::size_t n, double power = 1, bool gated = true) const {
    std::vector<float> sigma(n);
    INFONOISE_CHECK_(infonoise_info_grid(data(), bytes(), power, gated, sigma.data(), n),
                     why(status_, "n = " + std::to_string(n) + " must be at least 2, " + power_range(power)));
    return sigma;
  }

  /// n noise levels, at most 240, at which the solver errs least by the profile (by what the
  /// rings hold now, if `estimated`), from sigma_max down; append 0. The last one is `end`, or
  /// chosen too. `infonoise_plan_levels` gives n for a number of evaluations.
  Result<Plan> plan_grid(std::size_t n, infonoise_solver solver = INFONOISE_SOLVER_HEUN, double end = 0,
                         bool estimated = false) const {
    Plan made;
    INFONOISE_CHECK_(detail::plan(made, n, solver, end, estimated,
                                  [&](float* levels, void* scratch, std::size_t room, infonoise_plan* record) {
                                    return infonoise_plan_grid(data(), bytes(), solver, levels, n, scratch, room,
                                                               record);
                                  }),
                     why(status_, detail::plan_bounds(n, end, 0)));
    return made;
  }

  /// Entropic time (14): the share of the information (weighted by sigma^power) below
  /// each sigma, 0 to 1.
  Result<std::vector<double>> to_entropic_time(Span<const double> sigma, double power = 0, bool gated = true) const {
    std::vector<double> time(sigma.size());
    INFONOISE_CHECK_(
        infonoise_to_entropic_time(data(), bytes(), power, gated, sigma.data(), time.data(), time.size()),
        why(status_, "no sigma NaN, " + power_range(power)));
    return time;
  }
  /// The sigmas at which entropic time has these values of 0 to 1.
  Result<std::vector<double>> from_entropic_time(Span<const double> time, double power = 0, bool gated = true) const {
    std::vector<double> sigma(time.size());
    INFONOISE_CHECK_(
        infonoise_from_entropic_time(data(), bytes(), power, gated, time.data(), sigma.data(), sigma.size()),
        why(status_, "no time NaN, " + power_range(power)));
    return sigma;
  }

  /// The midpoints of n equal shares of the draws, in ascending order: evenly spread levels
  /// for a validation loss, which take nothing from the stream.
  Result<std::vector<float>> levels(std::size_t n) const {
    std::vector<float> sigma(n);
    INFONOISE_CHECK_(infonoise_levels(data(), bytes(), sigma.data(), n),
                     why(status_, "n = " + std::to_string(n) + " must be at most 2^31"));
    return sigma;
  }

  /// ln of the density of the draws per unit ln sigma: -infinity off the grid and where
  /// nothing is drawn. A loss divided by the density is an unbiased estimate of its integral.
  Result<std::vector<double>> log_density(Span<const float> sigma) const {
    std::vector<double> out(sigma.size());
    INFONOISE_CHECK_(infonoise_log_density(data(), bytes(), sigma.data(), sigma.size(), out.data()), why(status_));
    return out;
  }

  /// How far another schedule is from the target of the last refresh, or, if
  /// `estimated`, from the target of what the rings hold now.
  Result<Mismatch> diagnose(const Schedule& schedule, bool estimated = false) const {
    infonoise_config raw = INFONOISE_CONFIG_INIT;
    INFONOISE_CHECK_(infonoise_config_get(data(), bytes(), &raw), why(status_));
    if (schedule.kind == INFONOISE_SCHEDULE_KIND_TABLE && schedule.masses.size() != raw.bins)
      INFONOISE_FAIL_(INFONOISE_LENGTH, "the schedule has " + std::to_string(schedule.masses.size()) +
                                            " masses, must have bins = " + std::to_string(raw.bins));
    Mismatch found;
    found.emphasis.resize(raw.bins);
    infonoise_mismatch out = INFONOISE_MISMATCH_INIT;
    out.bins = raw.bins, out.emphasis = found.emphasis.data();
    std::vector<double> target;
    if (estimated) {
      INFONOISE_TRY_(curves, estimate());
      target = std::move(curves.target);
    }
    INFONOISE_CHECK_(infonoise_diagnose(data(), bytes(), schedule.kind, schedule.a, schedule.b,
                                        schedule.masses.empty() ? nullptr : schedule.masses.data(),
                                        estimated ? target.data() : nullptr, &out),
                     why(status_, schedule.kind == INFONOISE_SCHEDULE_KIND_TABLE
                                      ? std::string("masses must be finite, none negative, one positive")
                                      : std::string(infonoise_name(INFONOISE_NAME_KIND_SCHEDULE_KIND, schedule.kind)) +
                                            "(" + detail::number(schedule.a) + ", " + detail::number(schedule.b) +
                                            "): deviations and shifts must be positive, low below high"));
    found.total_variation = out.total_variation, found.band_low = out.band_low, found.band_high = out.band_high;
    found.inside_band = out.inside_band, found.off_grid = out.off_grid, found.wasted = out.wasted;
    return found;
  }

  /// The snapshot: for checkpoints, also on machines of the other byte order.
  Result<std::vector<std::uint8_t>> save() const {
    std::vector<std::uint8_t> snapshot(infonoise_snapshot_bytes(data(), bytes()));
    INFONOISE_CHECK_(infonoise_save(data(), bytes(), snapshot.data(), snapshot.size()), why(status_));
    return snapshot;
  }

  /// The digest: the same for equal schedules, on every platform.
  Result<std::uint64_t> digest() const {
    std::uint64_t digest = 0;
    INFONOISE_CHECK_(infonoise_digest(data(), bytes(), &digest), why(status_));
    return digest;
  }

  /// The block, for the C ABI's functions.
  infonoise_state* data() noexcept { return reinterpret_cast<infonoise_state*>(words_.data()); }
  const infonoise_state* data() const noexcept { return reinterpret_cast<const infonoise_state*>(words_.data()); }
  std::size_t bytes() const noexcept { return words_.size() * 8; }
  /// The block's words, to store or send; `from_words` is the inverse.
  Span<const std::uint64_t> words() const noexcept { return {words_.data(), words_.size()}; }
  /// The seed of a scheduler made from a configuration; 0 for a loaded one.
  std::uint64_t seed() const noexcept { return seed_; }

 private:
  friend class Journal;
  friend class Recorder;
  friend class Replay;

  Scheduler() = default;

  static std::string power_range(double power) {
    return "power = " + detail::number(power) + " must be from -64 to 64";
  }
  static std::string shard(std::size_t n, std::uint32_t rank, std::uint32_t world) {
    return "rank = " + std::to_string(rank) + " must be below world = " + std::to_string(world) +
           ", world * n at most 2^32 with n = " + std::to_string(n);
  }
  static std::string slice(std::size_t n, std::uint64_t offset, std::uint64_t total) {
    return "offset = " + std::to_string(offset) + " and n = " + std::to_string(n) +
           " must lie within total = " + std::to_string(total) + ", which is at most 2^32";
  }
  static std::string lengths(Span<const float> sigma, const char* name, std::size_t size) {
    return detail::message(INFONOISE_LENGTH, std::to_string(sigma.size()) + " sigmas, " + name + " of " +
                                                 std::to_string(size) + ": pass one for each sigma");
  }
  static std::vector<double> weight_or_ones(const Config& config) {
    return config.weight().empty() ? std::vector<double>(config.bins(), 1.0) : config.weight();
  }

  // The message for a refused call on a block of so many bytes.
  static std::string refusal(std::size_t bytes, infonoise_status status, const std::string& numbers = "") {
    if (bytes == 0) return "this scheduler was moved from: assign one to it first";
    return detail::message(status, status == INFONOISE_ARGUMENT ? numbers : "");
  }
  std::string why(infonoise_status status, const std::string& numbers = "") const {
    return refusal(bytes(), status, numbers);
  }

  static Result<void> check_reconfigure(const infonoise_state* block, std::size_t bytes, const Config& config) {
    char text[512] = "";
    INFONOISE_CHECK_(infonoise_reconfigure_check(block, bytes, &config.raw(), config.weight_or_null(),
                                                 config.baseline_or_null(), text, sizeof text),
                     *text ? text : refusal(bytes, status_));
    return config.check_lengths();
  }

  Result<std::size_t> observe_masked(Span<const float> sigma, Span<const float> error, const std::uint8_t* mask) {
    if (error.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, lengths(sigma, "error", error.size()));
    std::size_t rejected = 0;
    INFONOISE_CHECK_(
        infonoise_observe_masked(data(), bytes(), sigma.data(), error.data(), mask, sigma.size(), &rejected),
        why(status_));
    return rejected;
  }

  Result<Report> advance_masked(Span<const float> sigma, Span<const float> error, const std::uint8_t* mask,
                                Span<float> next) {
    if (error.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, lengths(sigma, "error", error.size()));
    Report report;
    INFONOISE_CHECK_(infonoise_advance(data(), bytes(), sigma.data(), error.data(), mask, sigma.size(), next.data(),
                                       next.size(), nullptr, &report),
                     why(status_));
    return report;
  }

  Result<Profile> curves(infonoise_profile_kind kind) const {
    infonoise_config raw = INFONOISE_CONFIG_INIT;
    INFONOISE_CHECK_(infonoise_config_get(data(), bytes(), &raw), why(status_));
    Profile curves;
    infonoise_profile out = INFONOISE_PROFILE_INIT;
    out.bins = raw.bins;
    const auto room = [&](std::vector<double>& curve, std::size_t n) { return curve.resize(n), curve.data(); };
    out.sigma = room(curves.sigma, raw.bins);
    out.edges = room(curves.edges, raw.bins + 1u);
    out.cdf = room(curves.cdf, raw.bins + 1u);
    out.entropy = room(curves.entropy, raw.bins + 1u);
    out.count = room(curves.count, raw.bins);
    out.error = room(curves.error, raw.bins);
    out.rate = room(curves.rate, raw.bins);
    out.gate = room(curves.gate, raw.bins);
    out.target = room(curves.target, raw.bins);
    out.density = room(curves.density, raw.bins);
    INFONOISE_CHECK_(infonoise_profile_get(data(), bytes(), kind, &out), why(status_));
    return curves;
  }

  // Words, because a block is 8-aligned.
  std::vector<std::uint64_t> words_;
  std::uint64_t seed_ = 0;
};

/// Sigmas in another coordinate: flow time t = sigma / (1 + sigma), log-SNR, c_noise.
///
///     std::vector<double> t = infonoise::from_sigma(INFONOISE_COORDINATE_FLOW_TIME, sigmas);
///     double sigma = infonoise::to_sigma(INFONOISE_COORDINATE_FLOW_TIME, 0.5);   // 1
inline Result<std::vector<double>> from_sigma(infonoise_coordinate coordinate, Span<const double> sigma) {
  std::vector<double> value(sigma.size());
  INFONOISE_CHECK_(infonoise_from_sigma(coordinate, sigma.data(), value.data(), value.size()),
                   detail::message(status_, "a sigma must be finite, not negative, and not 0 under a logarithm"));
  return value;
}
inline Result<double> from_sigma(infonoise_coordinate coordinate, double sigma) {
  double value = 0;
  INFONOISE_CHECK_(infonoise_from_sigma(coordinate, &sigma, &value, 1),
                   detail::message(status_, "sigma = " + detail::number(sigma) +
                                                " must be finite, not negative, and not 0 under a logarithm"));
  return value;
}

/// The inverse of `from_sigma`.
inline Result<std::vector<double>> to_sigma(infonoise_coordinate coordinate, Span<const double> value) {
  std::vector<double> sigma(value.size());
  INFONOISE_CHECK_(infonoise_to_sigma(coordinate, value.data(), sigma.data(), sigma.size()),
                   detail::message(status_, "flow time must be at least 0 and below 1; all must be finite"));
  return sigma;
}
inline Result<double> to_sigma(infonoise_coordinate coordinate, double value) {
  double sigma = 0;
  INFONOISE_CHECK_(infonoise_to_sigma(coordinate, &value, &sigma, 1),
                   detail::message(status_, "value = " + detail::number(value) +
                                                " must be finite; flow time at least 0 and below 1"));
  return sigma;
}

/// For trainers with discrete timesteps: replaces each sigma by the nearest entry of
/// `table`, positive and strictly monotone, and returns the entries' indices. Train
/// at, and observe, the snapped sigmas.
///
///     std::vector<std::uint32_t> timestep = infonoise::snap(sigma, table);
inline Result<std::vector<std::uint32_t>> snap(Span<float> sigma, Span<const float> table) {
  std::vector<std::uint32_t> index(sigma.size());
  INFONOISE_CHECK_(infonoise_snap(sigma.data(), index.data(), index.size(), table.data(), table.size()),
                   detail::message(status_, "the table's " + std::to_string(table.size()) +
                                                " entries must be positive and strictly monotone, every sigma positive"));
  return index;
}

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
