// The configuration, with setters that chain.
#pragma once

#include "report.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

// The fields of infonoise_config, in its order. Getters, setters and the printed line
// are generated from this list, which `make header` writes from the core's table.
#define INFONOISE_CONFIG_FIELDS_(FIELD) \
  FIELD(std::uint32_t, bins) FIELD(std::uint32_t, window) FIELD(infonoise_objective, objective) \
  FIELD(std::uint32_t, reduction_dim) FIELD(infonoise_emphasis, emphasis) \
  FIELD(infonoise_endpoint, endpoint) FIELD(infonoise_pivot, pivot) FIELD(bool, ceiling) \
  FIELD(bool, guard) FIELD(std::uint32_t, smoothing) FIELD(infonoise_baseline, baseline) \
  FIELD(std::uint32_t, min_count) FIELD(infonoise_draw, draw) \
  FIELD(std::uint32_t, refresh_growth) FIELD(bool, fresh_means) \
  FIELD(std::uint64_t, warmup_steps) FIELD(std::uint64_t, refresh_every) FIELD(double, sigma_min) \
  FIELD(double, sigma_max) FIELD(double, sigma_data) FIELD(double, pivot_value) \
  FIELD(double, onset_threshold) FIELD(double, gate_exponent) FIELD(double, coverage) \
  FIELD(double, baseline_mean) FIELD(double, baseline_std) FIELD(double, ema_rate)

/// The configuration of a schedule. Start from a preset and change what differs:
///
///     auto config = infonoise::Config::edm(0.5)
///                       .sigma_min(0.01).sigma_max(50)
///                       .refresh_every(50);
///     config.check();                        // names the field, its value, the bound, the remedy
///     infonoise::Scheduler scheduler(config, 42);
///     std::cout << config << '\n';           // bins=64 window=256 objective=edm ...
///
/// Every field is a getter `bins()` and a setter `bins(64)`. Grid: `bins` (8 to 256),
/// `window` (losses kept per bin, 8 to 4096), `sigma_min`, `sigma_max`. Errors:
/// `objective` (INFONOISE_OBJECTIVE_X0, _EDM, _EPSILON, _VELOCITY, _V, _SCORE), `sigma_data`
/// (the data's deviation per dimension; required by edm, 0 = unknown), `reduction_dim` (0 for means over dimensions, d for
/// sums over d), `emphasis`. Gate: `endpoint`, `pivot`, `pivot_value`,
/// `onset_threshold`, `gate_exponent`. Safety: `ceiling`, `guard`, `smoothing`,
/// `coverage`. Timing, in optimizer steps: `warmup_steps`, `refresh_every`,
/// `refresh_growth`, and `min_count`, `fresh_means`, `ema_rate`. Draws: `baseline`, `baseline_mean`, `baseline_std`, `draw`.
/// infonoise.h has the constants and what each means.
class Config {
 public:
  /// The preset `default`: continuous data, x0 errors.
  Config() : Config(preset(INFONOISE_PRESET_DEFAULT)) {}
  explicit Config(const infonoise_config& raw) : raw_(raw) {}

  static Config preset(infonoise_preset preset) {
    infonoise_config raw = INFONOISE_CONFIG_INIT;
    // An older library may not have this preset; `check` then finds a configuration of zeros.
    (void)infonoise_config_init(&raw, preset);
    return Config(raw);
  }
  /// Data on finitely many points (tokens, binary images, sequences); x0 errors.
  static Config discrete() { return preset(INFONOISE_PRESET_DISCRETE); }
  /// EDM preconditioning: pass (D - x0)^2 before lambda, averaged over dimensions.
  static Config edm(double sigma_data = 0.5) { return preset(INFONOISE_PRESET_EDM).sigma_data(sigma_data); }
  /// Flow matching: pass velocity errors; the grid is t from .001 to .999.
  static Config flow() { return preset(INFONOISE_PRESET_FLOW); }
  /// Epsilon prediction over the sigmas of the Stable Diffusion table.
  static Config epsilon() { return preset(INFONOISE_PRESET_EPSILON); }
  /// The paper's literal rules, without ceiling, guard and coverage.
  static Config paper(infonoise_endpoint endpoint = INFONOISE_ENDPOINT_CONTINUOUS) {
    return preset(INFONOISE_PRESET_PAPER).endpoint(endpoint);
  }
  /// On another run's grid, with a warm-up that draws from that run's density.
  /// All other fields come from `like`, for example that run's configuration.
  static Config from_profile(const Profile& profile, Config like = Config()) {
    if (!profile.edges.empty()) like.sigma_min(profile.edges.front()).sigma_max(profile.edges.back());
    return like.bins(static_cast<std::uint32_t>(profile.density.size())).baseline_table(profile.density);
  }

#define INFONOISE_FIELD_(type, name)                               \
  type name() const noexcept { return static_cast<type>(raw_.name); } \
  Config& name(type value) noexcept {                              \
    raw_.name = static_cast<decltype(raw_.name)>(value);           \
    return *this;                                                  \
  }
  INFONOISE_CONFIG_FIELDS_(INFONOISE_FIELD_)
#undef INFONOISE_FIELD_

  /// Further positive factors that you apply to the error, at the K bin centres; empty: 1.
  const std::vector<double>& weight() const noexcept { return weight_; }
  Config& weight(std::vector<double> factors) noexcept {
    weight_ = std::move(factors);
    return *this;
  }
  /// K masses that the warm-up draws from; sets `baseline` to INFONOISE_BASELINE_TABLE.
  const std::vector<double>& baseline_table() const noexcept { return baseline_table_; }
  Config& baseline_table(std::vector<double> masses) noexcept {
    baseline_table_ = std::move(masses);
    return baseline(INFONOISE_BASELINE_TABLE);
  }

  /// Fails unless a scheduler can be made from it: INFONOISE_INVALID_CONFIG names the
  /// field, its value, the bound and the remedy; INFONOISE_TABLE a table's entry.
  Result<void> check() const {
    char text[512] = "";
    INFONOISE_CHECK_(infonoise_config_check(&raw_, text, sizeof text), *text ? text : detail::message(status_));
    INFONOISE_RUN_(check_lengths());
    INFONOISE_CHECK_(infonoise_tables_check(&raw_, weight_or_null(), baseline_or_null(), text, sizeof text),
                     *text ? text : detail::message(status_));
    return Result<void>();
  }

  /// The same with the numbers of the grid's ends where they follow sigma_data (0); as it
  /// is, where it cannot be used.
  Config resolved() const {
    Config made = *this;
    float ends[2];
    if (infonoise_grid_ends(&raw_, ends) == INFONOISE_OK) made.sigma_min(ends[0]).sigma_max(ends[1]);
    return made;
  }

  /// The C ABI's struct.
  const infonoise_config& raw() const noexcept { return raw_; }

 private:
  friend class Scheduler;

  Result<void> check_lengths() const {
    if (!weight_.empty() && weight_.size() != raw_.bins)
      INFONOISE_FAIL_(INFONOISE_INVALID_CONFIG, of_bins("weight", weight_.size()));
    if (!baseline_table_.empty() && baseline_table_.size() != raw_.bins)
      INFONOISE_FAIL_(INFONOISE_INVALID_CONFIG, of_bins("baseline_table", baseline_table_.size()));
    return Result<void>();
  }

  // For C. NULL also for a table of the wrong length, which `check_lengths` refuses.
  const double* weight_or_null() const { return weight_.size() == raw_.bins ? weight_.data() : nullptr; }
  const double* baseline_or_null() const {
    return baseline_table_.size() == raw_.bins ? baseline_table_.data() : nullptr;
  }

  std::string of_bins(const char* name, std::size_t size) const {
    return std::string(name) + " has " + std::to_string(size) + " numbers, must have bins = " + std::to_string(raw_.bins);
  }

  infonoise_status init(std::vector<std::uint64_t>& words, std::uint64_t seed) const {
    return infonoise_init_with(reinterpret_cast<infonoise_state*>(words.data()), words.size() * 8, &raw_, seed,
                               weight_or_null(), baseline_or_null());
  }

  infonoise_config raw_;
  std::vector<double> weight_, baseline_table_;
};

namespace detail {
inline const char* printed(infonoise_objective value) { return infonoise_name(INFONOISE_NAME_KIND_OBJECTIVE, value); }
inline const char* printed(infonoise_emphasis value) { return infonoise_name(INFONOISE_NAME_KIND_EMPHASIS, value); }
inline const char* printed(infonoise_endpoint value) { return infonoise_name(INFONOISE_NAME_KIND_ENDPOINT, value); }
inline const char* printed(infonoise_pivot value) { return infonoise_name(INFONOISE_NAME_KIND_PIVOT, value); }
inline const char* printed(infonoise_baseline value) { return infonoise_name(INFONOISE_NAME_KIND_BASELINE, value); }
inline const char* printed(infonoise_draw value) { return infonoise_name(INFONOISE_NAME_KIND_DRAW, value); }
template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
T printed(T value) {
  return value;
}
}  // namespace detail

/// Every field as name=value, in one line; the grid's ends as the numbers that are used.
inline std::ostream& operator<<(std::ostream& out, const Config& given) {
  const Config config = given.resolved();
  detail::Line line;
#define INFONOISE_PRINT_(type, name) line.put(#name, detail::printed(config.name()));
  INFONOISE_CONFIG_FIELDS_(INFONOISE_PRINT_)
#undef INFONOISE_PRINT_
  if (!config.weight().empty()) line.put("weight", "table");
  return out << line;
}

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
