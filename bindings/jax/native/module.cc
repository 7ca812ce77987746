// The Python module _native: configurations, host functions on NumPy arrays,
// and the XLA custom calls as capsules.
#include <functional>

#include "arguments.h"
#include "journal.h"
#include "xla_calls.h"

namespace nb = nanobind;
using namespace nb::literals;
using namespace infonoise::python;

namespace {

nb::dict preset(const std::string& name) {
  infonoise_config record = {};
  record.struct_size = sizeof(record);
  check(infonoise_config_init(&record, code_of("preset", INFONOISE_NAME_KIND_PRESET, nb::str(name.c_str()))));
  return dict_of(record);
}

void init(Words state, const nb::object& config, std::uint64_t seed, std::optional<Table> weight,
          std::optional<Table> baseline) {
  infonoise_config record = checked(config);
  infonoise_status status =
      infonoise_init_with(state_of(state), bytes_of(state), &record, seed, table_of(weight, "weight", record.bins),
                          table_of(baseline, "baseline_table", record.bins));
  check(status);
}

nb::list list_of(const std::vector<double>& numbers) {
  nb::list list;
  for (double number : numbers) list.append(number);
  return list;
}

// The tables of a state: (weight, baseline).
nb::tuple tables(WordsIn state) {
  infonoise_config config = {};
  config.struct_size = sizeof(config);
  check(infonoise_config_get(state_of(state), bytes_of(state), &config));
  std::vector<double> weight(config.bins), baseline(config.bins);
  check(infonoise_tables_get(state_of(state), bytes_of(state), weight.data(), baseline.data()));
  return nb::make_tuple(list_of(weight), list_of(baseline));
}

void reconfigure(Words state, const nb::object& config, std::optional<Table> weight, std::optional<Table> baseline) {
  infonoise_config record = checked_for(state, config, weight, baseline);
  check(infonoise_reconfigure(state_of(state), bytes_of(state), &record, table_of(weight, "weight", record.bins)));
}

nb::dict config_get(WordsIn state) {
  infonoise_config record = {};
  record.struct_size = sizeof(record);
  check(infonoise_config_get(state_of(state), bytes_of(state), &record));
  return dict_of(record);
}

std::size_t observe(Words state, FloatsIn sigma, FloatsIn error, std::optional<Bytes> mask) {
  std::size_t rejected = 0, n = sigma.shape(0);
  if (error.shape(0) != n || (mask && mask->shape(0) != n)) check(INFONOISE_LENGTH);
  check(infonoise_observe_masked(state_of(state), bytes_of(state), sigma.data(), error.data(),
                                 mask ? mask->data() : nullptr, n, &rejected));
  return rejected;
}

std::size_t advance(Words state, FloatsIn sigma, FloatsIn error, Floats next, std::optional<Bytes> mask) {
  std::size_t rejected = 0, n = sigma.shape(0);
  if (error.shape(0) != n || (mask && mask->shape(0) != n)) check(INFONOISE_LENGTH);
  check(infonoise_advance(state_of(state), bytes_of(state), sigma.data(), error.data(), mask ? mask->data() : nullptr,
                          n, next.data(), next.shape(0), &rejected, nullptr));
  return rejected;
}

// advance for arguments that need no conversion: takes float32 rows of equal length,
// returns the sigmas of the next batch. Returns None for all others; the general path
// then handles them and reports their errors. Uses the buffer protocol, since
// nb::ndarray costs ten times as much.
nb::object advance_rows(nb::handle state, nb::handle sigma, nb::handle error) {
  Row words(state, "I", PyBUF_WRITABLE), sigmas(sigma, "f"), errors(error, "f");
  if (!words || !sigmas || !errors || sigmas.length() != errors.length()) return nb::none();
  // Never freed: looking them up costs as much as the rest.
  static const nb::handle numpy_empty = nb::object(nb::module_::import_("numpy").attr("empty")).release();
  static const nb::handle float32 = nb::object(nb::module_::import_("numpy").attr("float32")).release();
  nb::object following = numpy_empty(sigmas.length(), float32);
  Row next(following, "f", PyBUF_WRITABLE);
  if (!next) return nb::none();
  check(infonoise_advance(block(static_cast<std::uint32_t*>(words.data())), 4 * words.length(), sigmas.floats(), errors.floats(), nullptr, sigmas.length(),
                          next.floats(), next.length(), nullptr, nullptr));
  return following;
}

nb::dict report(WordsIn state) {
  infonoise_report record = {};
  record.struct_size = sizeof(record);
  check(infonoise_report_get(state_of(state), bytes_of(state), &record));
  nb::dict fields;
#define NAME(name, kind) fields[#name] = infonoise_name(kind, record.name);
#define PLAIN(name) fields[#name] = record.name;
  INFONOISE_REPORT_FIELDS(NAME, PLAIN, PLAIN)
#undef NAME
#undef PLAIN
  return fields;
}

nb::dict profile(WordsIn state, std::uint32_t which) {
  infonoise_config config = {};
  config.struct_size = sizeof(config);
  check(infonoise_config_get(state_of(state), bytes_of(state), &config));
  infonoise_profile record = {};
  record.struct_size = sizeof(record);
  record.bins = config.bins;
  nb::dict fields;
  const auto array = [&](const char* name, std::size_t n) {
    double* data = new double[n];
    nb::capsule owner(data, [](void* data) noexcept { delete[] static_cast<double*>(data); });
    fields[name] = nb::ndarray<nb::numpy, double, nb::ndim<1>>(data, {n}, owner).cast();
    return data;
  };
#define EDGES(name) record.name = array(#name, config.bins + 1);
#define BINS(name) record.name = array(#name, config.bins);
  INFONOISE_PROFILE_FIELDS(EDGES, BINS)
#undef EDGES
#undef BINS
  check(infonoise_profile_get(state_of(state), bytes_of(state), which, &record));
  return fields;
}

// `name` is the name of the schedule in messages.
void check_schedule(infonoise_status status, const std::string& name) {
  if (status == INFONOISE_ARGUMENT) {
    std::string text = "schedule " + name +
                       " makes no sense: deviations and shifts are positive, low is below high, masses are not "
                       "negative and not all zero";
    throw nb::value_error(text.c_str());
  }
  check(status);
}

nb::list schedule_masses(const nb::object& config, const std::string& name, const std::string& kind, double a,
                         double b, std::optional<Table> table) {
  infonoise_config record = checked(config);
  std::uint32_t code = code_of("schedule", INFONOISE_NAME_KIND_SCHEDULE_KIND, nb::str(kind.c_str()));
  std::vector<double> masses(record.bins);
  check_schedule(infonoise_schedule_masses(&record, code, a, b, table_of(table, "table", record.bins), masses.data(),
                                           masses.size()),
                 name);
  return list_of(masses);
}

// `target`: K masses to compare with, or the target in force.
nb::dict diagnose(WordsIn state, const std::string& name, const std::string& kind, double a, double b,
                  std::optional<Table> table, std::optional<Table> target) {
  infonoise_config config = {};
  config.struct_size = sizeof(config);
  check(infonoise_config_get(state_of(state), bytes_of(state), &config));
  std::uint32_t code = code_of("schedule", INFONOISE_NAME_KIND_SCHEDULE_KIND, nb::str(kind.c_str()));
  std::vector<double> emphasis(config.bins);
  infonoise_mismatch record = {};
  record.struct_size = sizeof(record);
  record.bins = config.bins;
  record.emphasis = emphasis.data();
  infonoise_status status =
      infonoise_diagnose(state_of(state), bytes_of(state), code, a, b, table_of(table, "table", config.bins),
                         table_of(target, "target", config.bins), &record);
  check_schedule(status, name);
  nb::dict fields;
#define REAL(name) fields[#name] = record.name;
  INFONOISE_MISMATCH_FIELDS(REAL)
#undef REAL
  fields["emphasis"] = list_of(emphasis);
  return fields;
}

nb::bytes save(WordsIn state) {
  std::vector<std::uint8_t> snapshot(infonoise_snapshot_bytes(state_of(state), bytes_of(state)));
  check(infonoise_save(state_of(state), bytes_of(state), snapshot.data(), snapshot.size()));
  return nb::bytes(snapshot.data(), snapshot.size());
}

// How many uint32 words the block of a snapshot needs.
std::size_t snapshot_words(nb::bytes snapshot) {
  std::size_t bytes = 0;
  check(infonoise_snapshot_state_bytes(snapshot.data(), snapshot.size(), &bytes), snapshot.data(), snapshot.size());
  return bytes / 4;
}

// In place: sigma to another coordinate, or back.
void convert(const std::string& coordinate, Doubles values, bool back) {
  std::uint32_t code = code_of("coordinate", INFONOISE_NAME_KIND_COORDINATE, nb::str(coordinate.c_str()));
  auto call = back ? infonoise_to_sigma : infonoise_from_sigma;
  if (call(code, values.data(), values.data(), values.shape(0)) != INFONOISE_OK) {
    throw nb::value_error(
        back ? "values must be finite, flow times from 0 to below 1 (t = 1 is pure noise, sigma infinite)"
             : "sigmas must be finite and positive (0 has no logarithm)");
  }
}

void entropic(WordsIn state, double power, bool gated, Doubles values, bool back) {
  auto call = back ? infonoise_from_entropic_time : infonoise_to_entropic_time;
  check(call(state_of(state), bytes_of(state), power, gated, values.data(), values.data(), values.shape(0)));
}

// Plans by `call` into sigma; what is expected, with the spectrum.
template <typename Call>
nb::dict planned(Floats sigma, double end, bool estimated, Call call) {
  std::vector<double> scratch(infonoise_plan_bytes(sigma.shape(0)) / sizeof(double)), variance(INFONOISE_MOST_VARIANCES),
      mass(INFONOISE_MOST_VARIANCES);
  infonoise_plan record = {};
  record.struct_size = sizeof(record);
  record.end = end, record.estimated = estimated, record.variance = variance.data(), record.mass = mass.data();
  check(call(scratch.data(), scratch.size() * sizeof(double), &record));
  variance.resize(record.variances), mass.resize(record.variances);
  nb::dict fields;
#define FIELD(name) fields[#name] = record.name;
  FIELD(error) FIELD(leaps) FIELD(edm_error) FIELD(edm_leaps) FIELD(edm_levels)
#undef FIELD
  fields["nfe"] = record.evaluations;
  fields["variance"] = list_of(variance), fields["mass"] = list_of(mass);
  return fields;
}

std::uint32_t solver_of(const std::string& solver) {
  return code_of("solver", INFONOISE_NAME_KIND_SOLVER, nb::str(solver.c_str()));
}

nb::dict plan_grid(WordsIn state, const std::string& solver, Floats sigma, double end, bool estimated) {
  const std::uint32_t code = solver_of(solver);
  return planned(sigma, end, estimated, [&](double* scratch, std::size_t bytes, infonoise_plan* record) {
    return infonoise_plan_grid(state_of(state), bytes_of(state), code, sigma.data(), sigma.shape(0), scratch, bytes,
                               record);
  });
}

nb::dict plan_table(Table at, Table error, double low, double high, const std::string& solver, Floats sigma,
                    double end) {
  if (at.shape(0) != error.shape(0)) check(INFONOISE_LENGTH);
  const std::uint32_t code = solver_of(solver);
  return planned(sigma, end, false, [&](double* scratch, std::size_t bytes, infonoise_plan* record) {
    return infonoise_plan_table(at.data(), error.data(), at.shape(0), low, high, code, sigma.data(), sigma.shape(0),
                                scratch, bytes, record);
  });
}

void snap(Floats sigma, Words index, FloatsIn table) {
  if (sigma.shape(0) != index.shape(0)) check(INFONOISE_LENGTH);
  if (infonoise_snap(sigma.data(), index.data(), sigma.shape(0), table.data(), table.shape(0)) != INFONOISE_OK) {
    throw nb::value_error("sigma and table must be positive and finite, and the table strictly monotone");
  }
}

// The code of a name in a report.
std::uint32_t report_code(const std::string& field, const std::string& value) {
#define NAME(name, kind) \
  if (field == #name) return code_of(#name, kind, nb::str(value.c_str()));
#define OTHER(...)
  INFONOISE_REPORT_FIELDS(NAME, OTHER, OTHER)
#undef NAME
#undef OTHER
  throw nb::value_error((field + " holds no code").c_str());
}

// The names of the codes of a report's field, by code.
nb::tuple report_names(const std::string& field) {
  nb::list names;
#define NAME(name, kind) \
  if (field == #name) \
    for (const std::string& entry : names_of(kind)) names.append(entry);
#define OTHER(...)
  INFONOISE_REPORT_FIELDS(NAME, OTHER, OTHER)
#undef NAME
#undef OTHER
  return nb::tuple(names);
}

// Names of the two arrays that the custom call `report` returns.
nb::tuple report_fields() {
  nb::list counts, reals;
#define COUNT(name, ...) counts.append(#name);
#define REAL(name) reals.append(#name);
  INFONOISE_REPORT_FIELDS(COUNT, COUNT, REAL)
#undef COUNT
#undef REAL
  return nb::make_tuple(nb::tuple(counts), nb::tuple(reals));
}

template <typename Handler>
nb::capsule capsule(Handler* handler) {
  return nb::capsule(reinterpret_cast<void*>(handler));
}

}  // namespace

NB_MODULE(_native, m) {
  m.attr("HEADER_ABI_VERSION") = INFONOISE_ABI_VERSION;
  m.def("abi_version", &infonoise_abi_version);
  m.def("preset", &preset, "name"_a);
  m.def("record", [](const nb::object& config) {
    infonoise_config record = checked(config);
    return nb::bytes(&record, sizeof(record));
  });
  m.def("state_words", [](const nb::object& config) {
    infonoise_config record = checked(config);
    return infonoise_state_bytes(&record) / 4;
  });
  m.def("grid_ends", [](const nb::object& config) {
    infonoise_config record = checked(config);
    float ends[2];
    check(infonoise_grid_ends(&record, ends));
    return nb::make_tuple(ends[0], ends[1]);
  });
  m.def("init", &init, "state"_a, "config"_a, "seed"_a, "weight"_a = nb::none(), "baseline"_a = nb::none());
  m.def("check_tables", &check_tables, "config"_a, "weight"_a = nb::none(), "baseline"_a = nb::none());
  m.def("validate", [](WordsIn state) { check(infonoise_validate(state_of(state), bytes_of(state))); });
  m.def("config_get", &config_get);
  m.def("tables", &tables);
  m.def("sample", [](Words state, Floats sigma, std::uint64_t offset, std::uint64_t total) {
    check(infonoise_sample_slice(state_of(state), bytes_of(state), sigma.data(), sigma.shape(0), offset, total));
  });
  m.def("observe", &observe, "state"_a, "sigma"_a, "error"_a, "mask"_a = nb::none());
  m.def("step", [](Words state) { check(infonoise_step(state_of(state), bytes_of(state), nullptr)); });
  m.def("advance", &advance, "state"_a, "sigma"_a, "error"_a, "next"_a, "mask"_a = nb::none());
  m.def("advance_rows", &advance_rows, "state"_a, "sigma"_a.none(), "error"_a.none(),
        nb::sig("def advance_rows(state: object, sigma: object, error: object) -> NDArray[numpy.float32] | None"));
  m.def("set_frozen", [](Words state, bool frozen) {
    check(infonoise_set_frozen(state_of(state), bytes_of(state), frozen));
  });
  m.def("reconfigure", &reconfigure, "state"_a, "config"_a, "weight"_a = nb::none(),
        "baseline"_a = nb::none());
  m.def("diagnose", &diagnose, "state"_a, "name"_a, "kind"_a, "a"_a, "b"_a, "table"_a = nb::none(),
        "target"_a = nb::none());
  m.def("schedule_masses", &schedule_masses, "config"_a, "name"_a, "kind"_a, "a"_a, "b"_a, "table"_a = nb::none());
  m.def("save", &save);
  m.def("snapshot_words", &snapshot_words);
  m.def("load", [](Words state, nb::bytes snapshot) {
    check(infonoise_load(state_of(state), bytes_of(state), snapshot.data(), snapshot.size()));
  });
  define_journal(m);
  m.def("convert", &convert);
  m.def("entropic", &entropic);
  m.def("snap", &snap);
  m.def("report", &report);
  m.def("profile", &profile, "state"_a, "which"_a = 0);
  m.def("info_grid", [](WordsIn state, double power, bool gated, Floats sigma) {
    check(infonoise_info_grid(state_of(state), bytes_of(state), power, gated, sigma.data(), sigma.shape(0)));
  });
  m.def("plan_levels", [](const std::string& solver, std::size_t nfe) {
    return infonoise_plan_levels(solver_of(solver), nfe);
  });
  m.attr("MOST_LEVELS") = INFONOISE_MOST_LEVELS;
  m.def("plan_verdict", [](std::uint32_t levels, std::uint32_t evaluations, std::uint32_t edm_levels) {
    infonoise_plan record = {};
    record.struct_size = sizeof(record);
    record.levels = levels, record.evaluations = evaluations, record.edm_levels = edm_levels;
    char text[128];
    check(infonoise_plan_verdict(&record, text, sizeof(text)));
    return std::string(text);
  });
  m.def("plan_grid", &plan_grid);
  m.def("plan_table", &plan_table);
  m.def("levels", [](WordsIn state, Floats sigma) {
    check(infonoise_levels(state_of(state), bytes_of(state), sigma.data(), sigma.shape(0)));
  });
  m.def("log_density", [](WordsIn state, FloatsIn sigma, Doubles out) {
    if (sigma.shape(0) != out.shape(0)) check(INFONOISE_LENGTH);
    check(infonoise_log_density(state_of(state), bytes_of(state), sigma.data(), sigma.shape(0), out.data()));
  });
  m.def("digest", [](WordsIn state) {
    std::uint64_t digest = 0;
    check(infonoise_digest(state_of(state), bytes_of(state), &digest));
    return digest;
  });
  m.def("hold_remedy", [](const std::string& hold) {
    return infonoise_name(INFONOISE_NAME_KIND_HOLD_REMEDY,
                          code_of("hold_reason", INFONOISE_NAME_KIND_HOLD, nb::str(hold.c_str())));
  });
  m.def("report_code", &report_code);
  m.def("report_names", &report_names);
  m.def("report_fields", &report_fields);
  m.def("registrations", [] {
    nb::dict calls;
    namespace calls_ = infonoise::xla_calls;
    calls["infonoise_init"] = capsule(calls_::kInit);
    calls["infonoise_sample"] = capsule(calls_::kSample);
    calls["infonoise_observe"] = capsule(calls_::kObserve);
    calls["infonoise_advance"] = capsule(calls_::kAdvance);
    calls["infonoise_set_frozen"] = capsule(calls_::kSetFrozen);
    calls["infonoise_reconfigure"] = capsule(calls_::kReconfigure);
    calls["infonoise_snap"] = capsule(calls_::kSnap);
    calls["infonoise_step"] = capsule(calls_::kStep);
    calls["infonoise_report"] = capsule(calls_::kReport);
    calls["infonoise_levels"] = capsule(calls_::kLevels);
    calls["infonoise_log_density"] = capsule(calls_::kLogDensity);
    return calls;
  });
}
