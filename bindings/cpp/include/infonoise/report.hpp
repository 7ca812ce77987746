// Queries of a schedule: the report, the curves, the comparison with another schedule.
#pragma once

#include <locale>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "result.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

namespace detail {

/// Six digits, with a decimal point in any locale.
inline std::string number(double value) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  text.precision(6);
  text << value;
  return text.str();
}

/// One line of name=value pairs.
class Line {
 public:
  Line& put(const char* name, const char* value) {
    text_.append(text_.empty() ? "" : " ").append(name).append("=").append(value);
    return *this;
  }
  Line& put(const char* name, std::uint64_t value) { return put(name, std::to_string(value).c_str()); }
  Line& put(const char* name, std::uint32_t value) { return put(name, std::uint64_t{value}); }
  Line& put(const char* name, bool value) { return put(name, std::uint64_t{value}); }
  Line& put(const char* name, double value) { return put(name, number(value).c_str()); }
  friend std::ostream& operator<<(std::ostream& out, const Line& line) { return out << line.text_; }

 private:
  std::string text_;
};

}  // namespace detail

/// The report: `infonoise_report` with names, and in one line for a log.
///
///     infonoise::Report report = scheduler.step();
///     std::cout << report << '\n';
///     // steps=600 phase=adapting observations=153600 rejected=0 refreshes=2 held=0
///     // pivot=0.499 pivot_rule=onset q05=0.0312 q50=0.52 q95=9.1 peak_sigma=0.5 ...
///     if (report.warning != INFONOISE_WARNING_NONE) std::cerr << report.warning_remedy() << '\n';
///     if (report.held > 0) std::cerr << report.hold_remedy() << '\n';
///
/// docs/choosing.md explains every field.
struct Report : infonoise_report {
  Report() : infonoise_report() { struct_size = sizeof(infonoise_report); }

  const char* phase_name() const noexcept { return infonoise_name(INFONOISE_NAME_KIND_PHASE, phase); }
  const char* warning_name() const noexcept { return infonoise_name(INFONOISE_NAME_KIND_WARNING, warning); }
  const char* warning_remedy() const noexcept { return infonoise_name(INFONOISE_NAME_KIND_WARNING_REMEDY, warning); }
  const char* hold_name() const noexcept { return infonoise_name(INFONOISE_NAME_KIND_HOLD, hold_reason); }
  const char* hold_remedy() const noexcept { return infonoise_name(INFONOISE_NAME_KIND_HOLD_REMEDY, hold_reason); }
  const char* pivot_rule_name() const noexcept { return infonoise_name(INFONOISE_NAME_KIND_PIVOT_RULE, pivot_rule); }
};

/// The fields that are useful in a log, as name=value. Problems come last: the poorest
/// bin while a refresh waits, the reason of a hold, the warning and its bins.
inline std::ostream& operator<<(std::ostream& out, const Report& report) {
  detail::Line line;
  line.put("steps", report.steps).put("phase", report.phase_name()).put("observations", report.observations);
  line.put("rejected", report.rejected).put("refreshes", report.refreshes).put("held", report.held);
  line.put("pivot", report.pivot).put("pivot_rule", report.pivot_rule_name());
  line.put("q05", report.q05).put("q50", report.q50).put("q95", report.q95).put("peak_sigma", report.peak_sigma);
  line.put("cdf_change", report.cdf_change).put("information_nats", report.information_nats);
  if (report.phase == INFONOISE_PHASE_WAITING)
    line.put("poorest_bin", report.poorest_bin).put("poorest_count", report.poorest_count);
  if (report.unreachable_bins > 0) line.put("unreachable_bins", report.unreachable_bins);
  if (report.hold_reason != INFONOISE_HOLD_NONE) line.put("hold_reason", report.hold_name());
  if (report.warning != INFONOISE_WARNING_NONE) line.put("warning", report.warning_name());
  if (report.warning_bins > 0) line.put("warning_low", report.warning_low).put("warning_high", report.warning_high);
  return out << line;
}

/// The curves of a schedule, for plots: K numbers each, K + 1 where so marked.
///
///     infonoise::Profile curves = scheduler.profile();
///     for (std::size_t k = 0; k < curves.sigma.size(); ++k)
///       csv << curves.sigma[k] << ',' << curves.error[k] << ',' << curves.density[k] << '\n';
struct Profile {
  std::vector<double> sigma;    ///< Centres of the bins.
  std::vector<double> edges;    ///< Edges of the bins (K + 1).
  std::vector<double> cdf;      ///< Share of the draws below each edge (K + 1).
  std::vector<double> entropy;  ///< Cumulative integral of the rate, nats per dimension (K + 1).
  std::vector<double> count;    ///< Losses that each bin holds.
  std::vector<double> error;    ///< Squared x0 error per dimension, after the ceiling.
  std::vector<double> rate;     ///< mmse / sigma^3, nats per unit sigma (11).
  std::vector<double> gate;     ///< The low-noise gate, 0 to 1.
  std::vector<double> target;   ///< The target rho, masses of bins.
  std::vector<double> density;  ///< The density pi, masses of bins.
};

/// The table of the draws, to draw elsewhere with the same bits as
/// infonoise_sampler_get in infonoise.h explains.
///
///     infonoise::DrawTable table = scheduler.draw_table();
///     std::cout << table.slope.size() << " bins, the first ends at word " << table.threshold[1] << '\n';
struct DrawTable {
  std::vector<std::uint64_t> threshold;  ///< The first word of each bin; 2^32 after the last (K + 1).
  std::vector<float> edge;               ///< Edges of the bins (K + 1).
  std::vector<float> slope;              ///< Increase of sigma from one word to the next (K).
};

/// A schedule that trainers use, as a distribution of sigma, to compare with.
///
///     infonoise::Mismatch edm = scheduler.diagnose(infonoise::Schedule::lognormal(-1.2, 1.2));
///     std::cout << edm << '\n';  // total_variation=0.37 inside_band=0.58 wasted=0.35 ...
struct Schedule {
  infonoise_schedule_kind kind;
  double a = 0;
  double b = 0;
  std::vector<double> masses = {};

  /// ln sigma is normal; the defaults are EDM's.
  static Schedule lognormal(double mean = -1.2, double std = 1.2) {
    return {INFONOISE_SCHEDULE_KIND_LOG_NORMAL, mean, std};
  }
  /// ln sigma is uniform between two sigmas.
  static Schedule loguniform(double low = 0.002, double high = 80) {
    return {INFONOISE_SCHEDULE_KIND_LOG_UNIFORM, low, high};
  }
  /// logit t is normal in flow time; the defaults are SD3's.
  static Schedule logitnormal(double mean = 0, double std = 1) {
    return {INFONOISE_SCHEDULE_KIND_LOGIT_NORMAL, mean, std};
  }
  /// The variance-preserving cosine schedule.
  static Schedule cosine() { return {INFONOISE_SCHEDULE_KIND_COSINE}; }
  /// Uniform flow time, shifted: sigma = shift t / (1 - t). Plain flow is 1.
  static Schedule shifted_flow(double shift = 1) { return {INFONOISE_SCHEDULE_KIND_SHIFTED_FLOW, shift}; }
  /// K masses of bins, as in `Profile::density`.
  static Schedule table(std::vector<double> masses) {
    return {INFONOISE_SCHEDULE_KIND_TABLE, 0, 0, std::move(masses)};
  }
};

/// How far a schedule is from the target: see `infonoise_mismatch`.
struct Mismatch {
  double total_variation = 0;     ///< Total variation between realised emphasis and target, 0 to 1.
  double band_low = 0;            ///< 5 % quantile of the target.
  double band_high = 0;           ///< 95 % quantile of the target.
  double inside_band = 0;         ///< Share of the draws inside that band.
  double off_grid = 0;            ///< Share of the draws off the grid.
  double wasted = 0;              ///< Share of the training budget that is wasted.
  std::vector<double> emphasis;   ///< Realised emphasis, masses of bins.
};

inline std::ostream& operator<<(std::ostream& out, const Mismatch& found) {
  detail::Line line;
  line.put("total_variation", found.total_variation).put("band_low", found.band_low);
  line.put("band_high", found.band_high).put("inside_band", found.inside_band);
  line.put("off_grid", found.off_grid).put("wasted", found.wasted);
  return out << line;
}

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
