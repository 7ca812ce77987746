// The planned grid: noise levels for a sampler, chosen for its solver.
#pragma once

#include "report.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

/// Planned noise levels, and what they are expected to cost: see `infonoise_plan`.
///
///     infonoise::Plan plan = scheduler.plan_grid(9);
///     std::cerr << plan.verdict() << '\n';   // 9 levels (17 evaluations): as good as EDM's 24
///     plan.sigma.push_back(0);               // the sampler's last step goes to 0
struct Plan {
  std::vector<float> sigma;                          ///< Noise levels, descending; append 0.
  infonoise_solver solver = INFONOISE_SOLVER_HEUN;   ///< The solver that they are for.
  std::uint32_t evaluations = 0;                     ///< Evaluations of the network that it spends.
  double error = 0;                                  ///< Error of the levels on the spectrum.
  double leaps = 0;                                  ///< Squared shares of the information of its steps.
  double edm_error = 0;                              ///< Error of EDM's grid with as many levels.
  double edm_leaps = 0;                              ///< Leaps of that grid.
  std::uint32_t edm_levels = 0;                      ///< As many levels of EDM's grid are as good; 0: over 1024.
  std::vector<double> variance;                      ///< The spectrum: variances, ascending.
  std::vector<double> mass;                          ///< Their masses.

  /// In one line: how many levels of EDM's grid are as good.
  std::string verdict() const {
    infonoise_plan record = INFONOISE_PLAN_INIT;
    record.levels = static_cast<std::uint32_t>(sigma.size());
    record.evaluations = evaluations, record.edm_levels = edm_levels;
    char text[128];
    infonoise_plan_verdict(&record, text, sizeof text);
    return text;
  }
};

inline std::ostream& operator<<(std::ostream& out, const Plan& plan) {
  detail::Line line;
  line.put("levels", std::uint64_t{plan.sigma.size()}).put("evaluations", plan.evaluations);
  line.put("solver", infonoise_name(INFONOISE_NAME_KIND_SOLVER, plan.solver));
  if (!plan.sigma.empty()) line.put("first", double{plan.sigma.front()}).put("last", double{plan.sigma.back()});
  line.put("error", plan.error).put("leaps", plan.leaps);
  line.put("edm_error", plan.edm_error).put("edm_leaps", plan.edm_leaps).put("edm_levels", plan.edm_levels);
  return out << line;
}

namespace detail {

/// Fills a plan by `call`, which gets the levels, the scratch memory and the record.
template <typename Call>
infonoise_status plan(Plan& made, std::size_t n, infonoise_solver solver, double end, bool estimated, Call call) {
  std::vector<double> scratch(infonoise_plan_bytes(n) / sizeof(double));
  made.sigma.resize(n), made.variance.resize(INFONOISE_MOST_VARIANCES), made.mass.resize(INFONOISE_MOST_VARIANCES), made.solver = solver;
  infonoise_plan record = INFONOISE_PLAN_INIT;
  record.end = end, record.estimated = estimated;
  record.variance = made.variance.data(), record.mass = made.mass.data();
  const infonoise_status status =
      call(made.sigma.data(), static_cast<void*>(scratch.data()), scratch.size() * sizeof(double), &record);
  made.evaluations = record.evaluations, made.edm_levels = record.edm_levels;
  made.error = record.error, made.leaps = record.leaps;
  made.edm_error = record.edm_error, made.edm_leaps = record.edm_leaps;
  made.variance.resize(record.variances), made.mass.resize(record.variances);
  return status;
}

inline std::string plan_bounds(std::size_t n, double end, double high) {
  return "n = " + std::to_string(n) + " must be from 1 to " + std::to_string(INFONOISE_MOST_LEVELS) + ", end = " + number(end) +
         " 0 (free) or, with n above 1, below the first level" + (high > 0 ? ", " + number(high) : "");
}

}  // namespace detail

/// `Scheduler::plan_grid` from a profile that was measured elsewhere: `mmse`, squared x0
/// errors per dimension, at the ascending standard deviations `sigma`; from `high` down to
/// `low` at most.
inline Result<Plan> plan_grid(Span<const double> sigma, Span<const double> mmse, double low, double high,
                              std::size_t n, infonoise_solver solver = INFONOISE_SOLVER_HEUN, double end = 0) {
  if (mmse.size() != sigma.size())
    INFONOISE_FAIL_(INFONOISE_LENGTH,
                    detail::message(INFONOISE_LENGTH, std::to_string(sigma.size()) + " sigmas, mmse of " +
                                                          std::to_string(mmse.size()) + ": pass one for each sigma"));
  Plan made;
  INFONOISE_CHECK_(
      detail::plan(made, n, solver, end, false,
                   [&](float* levels, void* scratch, std::size_t bytes, infonoise_plan* record) {
                     return infonoise_plan_table(sigma.data(), mmse.data(), sigma.size(), low, high, solver, levels, n,
                                                 scratch, bytes, record);
                   }),
      detail::message(status_, status_ != INFONOISE_ARGUMENT
                                   ? ""
                                   : detail::plan_bounds(n, end, high) + ", low = " + detail::number(low) +
                                         " below high, two sigmas or more, ascending, no mmse negative"));
  return made;
}

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
