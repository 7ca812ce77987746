// What Python's and JAX's calls say and check beyond the C ABI.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

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

// The baseline's table is fixed at init, as its mean and deviation are; the C ABI takes
// none when it reconfigures. What changed, if the block has another.
inline std::optional<std::string> changed_baseline(const infonoise_state* state, std::size_t bytes, const infonoise_config& config,
                                                   const double* table) {
  std::vector<double> stored(config.bins);
  if (config.baseline != INFONOISE_BASELINE_TABLE || !table ||
      infonoise_tables_get(state, bytes, nullptr, stored.data()) != INFONOISE_OK)
    return std::nullopt;
  for (std::uint32_t i = 0; i < config.bins; ++i) {
    if (stored[i] == table[i]) continue;
    char message[160];
    std::snprintf(message, sizeof(message),
                  "baseline_table[%u] = %.17g must be left at %.17g: it is fixed at init; start a new schedule to "
                  "change it",
                  unsigned{i}, table[i], stored[i]);
    return message;
  }
  return std::nullopt;
}

// Whether a block may take on a configuration: the message that names the field, if not.
inline std::optional<std::string> reconfiguration_error(const infonoise_state* state, std::size_t bytes,
                                                        const infonoise_config& config, const double* baseline) {
  char message[512];
  infonoise_status status = infonoise_reconfigure_check(state, bytes, &config, message, sizeof(message));
  if (status == INFONOISE_INVALID_CONFIG) return message;
  if (status != INFONOISE_OK) return message_of(status);
  return changed_baseline(state, bytes, config, baseline);
}

}  // namespace infonoise::python
