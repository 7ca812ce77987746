// Conversions between Python arguments and the C ABI's, and of its errors, shared by
// the module's functions.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fields.h"
#include "messages.h"

namespace infonoise::python {

namespace nb = nanobind;

using Words = nb::ndarray<std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using WordsIn = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using FloatsIn = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

inline void check(infonoise_status status) {
  if (status != INFONOISE_OK) throw nb::value_error(message_of(status));
}

template <typename Array>
auto state_of(const Array& words) {
  return block(words.data());
}

template <typename Array>
std::size_t bytes_of(const Array& words) {
  return 4 * words.shape(0);
}

// A view of a row of four-byte numbers, for reading or with PyBUF_WRITABLE; false
// unless the object has this format, is contiguous and has one dimension.
class Row {
 public:
  Row(nb::handle array, const char* format, int flags = 0) {
    held_ = PyObject_GetBuffer(array.ptr(), &view_, PyBUF_FORMAT | PyBUF_C_CONTIGUOUS | flags) == 0;
    if (!held_) PyErr_Clear();
    fits_ = held_ && view_.ndim == 1 && view_.format && std::strcmp(view_.format, format) == 0;
  }
  ~Row() {
    if (held_) PyBuffer_Release(&view_);
  }
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  explicit operator bool() const { return fits_; }
  std::size_t length() const { return static_cast<std::size_t>(view_.shape[0]); }
  void* data() const { return view_.buf; }
  float* floats() const { return static_cast<float*>(view_.buf); }

 private:
  Py_buffer view_;
  bool held_, fits_;
};

inline std::vector<std::string> names_of(std::uint32_t kind) {
  std::vector<std::string> names;
  for (std::uint32_t code = 0; std::strcmp(infonoise_name(kind, code), "unknown") != 0; ++code)
    names.push_back(infonoise_name(kind, code));
  return names;
}

// value = {'name'} must be one of ...
inline std::uint32_t code_of(const char* field, std::uint32_t kind, const nb::handle& value) {
  std::vector<std::string> names = names_of(kind);
  std::string text = nb::cast<std::string>(nb::str(value)), choices;
  for (std::size_t code = 0; code < names.size(); ++code) {
    if (names[code] == text) return static_cast<std::uint32_t>(code);
    choices += (code ? ", " : "") + names[code];
  }
  throw nb::value_error((std::string(field) + " = " + text + " must be one of " + choices).c_str());
}

template <typename T>
T number_of(const char* field, const nb::handle& value, const char* kind) {
  T number;
  if (!nb::try_cast(value, number)) {
    std::string text = nb::cast<std::string>(nb::repr(value));
    throw nb::value_error((std::string(field) + " = " + text + " must be " + kind).c_str());
  }
  return number;
}

// The kind of name of each choice in the configuration.
inline constexpr std::uint32_t kind_objective = INFONOISE_NAME_KIND_OBJECTIVE,
                               kind_emphasis = INFONOISE_NAME_KIND_EMPHASIS,
                               kind_endpoint = INFONOISE_NAME_KIND_ENDPOINT, kind_pivot = INFONOISE_NAME_KIND_PIVOT,
                               kind_baseline = INFONOISE_NAME_KIND_BASELINE, kind_draw = INFONOISE_NAME_KIND_DRAW;

inline infonoise_config record_of(const nb::object& config) {
  infonoise_config record = {};
  record.struct_size = sizeof(record);
#define FIELD(type, name, kind) record.name = number_of<type>(#name, config.attr(#name), kind);
#define COUNT(name) FIELD(std::uint32_t, name, "an integer from 0 to 4294967295")
#define STEPS(name) FIELD(std::uint64_t, name, "an integer from 0 to 281474976710656")
#define REAL(name) FIELD(double, name, "a number")
#define SWITCH(name) record.name = number_of<bool>(#name, config.attr(#name), "True or False");
#define NAME(name) record.name = code_of(#name, kind_##name, config.attr(#name));
  INFONOISE_CONFIG_FIELDS(COUNT, NAME, SWITCH, STEPS, REAL)
#undef COUNT
#undef STEPS
#undef REAL
#undef SWITCH
#undef NAME
#undef FIELD
  return record;
}

inline nb::dict dict_of(const infonoise_config& record) {
  nb::dict fields;
#define PLAIN(name) fields[#name] = record.name;
#define SWITCH(name) fields[#name] = record.name != 0;
#define NAME(name) fields[#name] = infonoise_name(kind_##name, record.name);
  INFONOISE_CONFIG_FIELDS(PLAIN, NAME, SWITCH, PLAIN, PLAIN)
#undef PLAIN
#undef SWITCH
#undef NAME
  return fields;
}

// The record of a valid configuration; ValueError names the field otherwise.
inline infonoise_config checked(const nb::object& config) {
  infonoise_config record = record_of(config);
  char message[512];
  infonoise_status status = infonoise_config_check(&record, message, sizeof(message));
  if (status == INFONOISE_INVALID_CONFIG) throw nb::value_error(message);
  check(status);
  return record;
}

inline const double* table_of(const std::optional<Table>& table, const char* name, std::uint32_t bins) {
  if (!table) return nullptr;
  if (table->shape(0) != bins) {
    std::string text = std::string(name) + " has " + std::to_string(table->shape(0)) +
                       " numbers, must have bins = " + std::to_string(bins);
    throw nb::value_error(text.c_str());
  }
  return table->data();
}

// The record of a configuration to which a block may be reconfigured with these tables;
// ValueError names a field or an entry that is invalid or fixed at init.
inline infonoise_config checked_for(const Words& state, const nb::object& config, const std::optional<Table>& weight,
                                    const std::optional<Table>& baseline) {
  infonoise_config record = record_of(config);
  if (auto message = reconfiguration_error(state_of(state), bytes_of(state), record,
                                           table_of(weight, "weight", record.bins),
                                           table_of(baseline, "baseline_table", record.bins)))
    throw nb::value_error(message->c_str());
  return record;
}

// Throws unless a scheduler can be made from a configuration with these tables.
inline void check_tables(const nb::object& config, const std::optional<Table>& weight,
                         const std::optional<Table>& baseline) {
  infonoise_config record = checked(config);
  char message[512] = "";
  infonoise_status status =
      infonoise_tables_check(&record, table_of(weight, "weight", record.bins),
                             table_of(baseline, "baseline_table", record.bins), message, sizeof(message));
  if (*message) throw nb::value_error(message);
  check(status);
}

// As check, for bytes that may come from another version.
inline void check(infonoise_status status, const void* data, std::size_t bytes) {
  if (status == INFONOISE_SNAPSHOT_VERSION || status == INFONOISE_JOURNAL_VERSION) {
    std::string text = std::string(message_of(status)) + " (version " +
                       std::to_string(infonoise_version_of(data, bytes)) + ")";
    throw nb::value_error(text.c_str());
  }
  check(status);
}

}  // namespace infonoise::python
