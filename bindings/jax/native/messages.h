// What Python's and JAX's calls say and check beyond the C ABI.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "infonoise.h"

namespace infonoise::python {

// The block in an array of words.
inline infonoise_state* block(std::uint32_t* words) { return reinterpret_cast<infonoise_state*>(words); }
inline const infonoise_state* block(const std::uint32_t* words) {
  return reinterpret_cast<const infonoise_state*>(words);
}

// A status in one sentence. C's own words name functions and memory that Python has not.
inline const char* message_of(infonoise_status status) {
  switch (status) {
    case INFONOISE_TOO_SMALL:
      return "memory is smaller than needed: pass all words of one block, made with the same configuration";
    case INFONOISE_INVALID_CONFIG:
      return "the configuration is invalid: make it with infonoise.Config, which names the field, the bound and the "
             "remedy";
    default:
      return infonoise_status_message(status);
  }
}

// Whether a block may take on a configuration with these tables (null: its own): the
// message that names the field or the entry, if not.
inline std::optional<std::string> reconfiguration_error(const infonoise_state* state, std::size_t bytes,
                                                        const infonoise_config& config, const double* weight,
                                                        const double* baseline) {
  char message[512] = "";
  infonoise_status status =
      infonoise_reconfigure_check(state, bytes, &config, weight, baseline, message, sizeof(message));
  if (status == INFONOISE_OK) return std::nullopt;
  return *message ? message : message_of(status);
}

}  // namespace infonoise::python
