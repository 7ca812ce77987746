// Messages and checks that the Python and JAX calls add to the C ABI's.
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

// A status in one sentence. Some sentences of the C ABI name functions and memory that
// do not exist in Python, so these have their own.
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

// Checks whether a block may be reconfigured to a configuration with these tables
// (null: its own). If not, the message names the field or the entry.
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
