// XLA custom calls over the C ABI. State is uint32[..., N]; every other operand
// has the same leading dimensions, over which the handlers loop, as vmap's
// "broadcast_all" requires. State operand and state result are aliased, so the copy
// below happens only where XLA did not alias them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "fields.h"
#include "messages.h"
#include "xla/ffi/api/ffi.h"

namespace infonoise::xla_calls {

namespace ffi = ::xla::ffi;
using U32 = ffi::Buffer<ffi::U32>;
using F32 = ffi::Buffer<ffi::F32>;
using U8 = ffi::Buffer<ffi::U8>;

using python::block;

inline ffi::Error failure(const char* call, const std::string& message) {
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, std::string("infonoise.jax.") + call + ": " + message);
}

inline ffi::Error failure(const char* call, infonoise_status status) {
  return failure(call, python::message_of(status));
}

// Rows of the last dimension, and how many there are.
template <typename Buffer>
struct Rows {
  std::size_t length, count;
  explicit Rows(Buffer buffer) : length(1), count(1) {
    auto dimensions = buffer.dimensions();
    if (dimensions.size() == 0) return;
    length = static_cast<std::size_t>(dimensions.back());
    for (std::size_t i = 0; i + 1 < dimensions.size(); ++i) {
      count *= static_cast<std::size_t>(dimensions[i]);
    }
  }
};

// Runs body(i, state, bytes) on each row of the state result, a block.
template <typename Body>
ffi::Error for_each_state(const char* call, U32 state, ffi::Result<U32> next, Body body) {
  if (state.element_count() != next->element_count()) {
    return failure(call, INFONOISE_LENGTH);
  }
  std::uint32_t* words = next->typed_data();
  if (words != state.typed_data()) {
    std::memcpy(words, state.typed_data(), state.size_bytes());
  }
  Rows rows(state);
  for (std::size_t i = 0; i < rows.count; ++i) {
    infonoise_status status = body(i, block(words + i * rows.length), 4 * rows.length);
    if (status != INFONOISE_OK) return failure(call, status);
  }
  return ffi::Error::Success();
}

// A table of doubles, passed as its bits; a span of any other length means no table.
inline const double* table_of(ffi::Span<const std::int64_t> words, const infonoise_config& record) {
  return words.size() == record.bins ? reinterpret_cast<const double*>(words.begin()) : nullptr;
}

inline ffi::Error init(U32 seed, ffi::Span<const std::int64_t> config, ffi::Span<const std::int64_t> weight,
                       ffi::Span<const std::int64_t> baseline, ffi::Result<U32> state) {
  infonoise_config record;
  if (config.size() * 8 != sizeof(record)) return failure("init", INFONOISE_STRUCT_SIZE);
  std::memcpy(&record, config.begin(), sizeof(record));
  Rows rows(*state), seeds(seed);
  if (seeds.length != 2 || seeds.count != rows.count) return failure("init", INFONOISE_LENGTH);
  for (std::size_t i = 0; i < rows.count; ++i) {
    const std::uint32_t* halves = seed.typed_data() + 2 * i;
    infonoise_status status = infonoise_init_with(
        block(state->typed_data() + i * rows.length), 4 * rows.length, &record,
        (std::uint64_t{halves[1]} << 32) | halves[0], table_of(weight, record), table_of(baseline, record));
    if (status != INFONOISE_OK) return failure("init", status);
  }
  return ffi::Error::Success();
}

// offset is an operand, uint32[..., 1]: it may be traced.
inline ffi::Error sample(U32 state, U32 offset, std::uint64_t total, ffi::Result<U32> next, ffi::Result<F32> sigma) {
  Rows rows(*sigma);
  if (rows.count != Rows(state).count || offset.element_count() != rows.count) {
    return failure("sample", INFONOISE_LENGTH);
  }
  for (std::size_t i = 0; i < rows.count; ++i) {
    const std::uint64_t first = offset.typed_data()[i];
    if (first + rows.length > total)
      return failure("sample", "offset = " + std::to_string(first) + " and n = " + std::to_string(rows.length) +
                                   " must lie within total = " + std::to_string(total));
  }
  return for_each_state("sample", state, next, [&](std::size_t i, infonoise_state* one, std::size_t bytes) {
    return infonoise_sample_slice(one, bytes, sigma->typed_data() + i * rows.length, rows.length,
                                  offset.typed_data()[i], total);
  });
}

// A row of n sigmas for each state, the same whatever is drawn later.
inline ffi::Error levels(U32 state, ffi::Result<F32> sigma) {
  Rows states(state);
  Rows rows(*sigma);
  if (rows.count != states.count) return failure("levels", INFONOISE_LENGTH);
  for (std::size_t i = 0; i < rows.count; ++i) {
    infonoise_status status = infonoise_levels(block(state.typed_data() + i * states.length), 4 * states.length,
                                               sigma->typed_data() + i * rows.length, rows.length);
    if (status != INFONOISE_OK) return failure("levels", status);
  }
  return ffi::Error::Success();
}

inline ffi::Error log_density(U32 state, F32 sigma, ffi::Result<F32> out) {
  Rows states(state);
  Rows rows(sigma);
  if (rows.count != states.count || out->element_count() != sigma.element_count())
    return failure("log_density", INFONOISE_LENGTH);
  std::vector<double> row(rows.length);
  for (std::size_t i = 0; i < rows.count; ++i) {
    infonoise_status status =
        infonoise_log_density(block(state.typed_data() + i * states.length), 4 * states.length,
                              sigma.typed_data() + i * rows.length, rows.length, row.data());
    if (status != INFONOISE_OK) return failure("log_density", status);
    for (std::size_t j = 0; j < rows.length; ++j)
      out->typed_data()[i * rows.length + j] = static_cast<float>(row[j]);
  }
  return ffi::Error::Success();
}

// A batch of pairs for each state, with or without a mask.
struct Pairs {
  const float* sigma;
  const float* error;
  const std::uint8_t* mask;
  std::size_t n, count;

  static ffi::ErrorOr<Pairs> of(F32 sigma, F32 error, ffi::RemainingArgs rest) {
    Rows rows(sigma);
    Pairs pairs = {sigma.typed_data(), error.typed_data(), nullptr, rows.length, rows.count};
    bool equal = sigma.element_count() == error.element_count();
    if (rest.size() > 0) {
      auto mask = rest.get<U8>(0);
      if (!mask) return ffi::Unexpected(mask.error());
      pairs.mask = mask->typed_data();
      equal = equal && sigma.element_count() == mask->element_count();
    }
    if (!equal) return ffi::Unexpected(failure("observe", INFONOISE_LENGTH));
    return pairs;
  }

  Pairs row(std::size_t i) const {
    return {sigma + i * n, error + i * n, mask ? mask + i * n : nullptr, n, 1};
  }
};

inline ffi::Error observe(U32 state, F32 sigma, F32 error, ffi::RemainingArgs rest, ffi::Result<U32> next) {
  auto pairs = Pairs::of(sigma, error, rest);
  if (!pairs) return pairs.error();
  if (pairs->count != Rows(state).count) return failure("observe", INFONOISE_LENGTH);
  return for_each_state("observe", state, next, [&](std::size_t i, infonoise_state* one, std::size_t bytes) {
    Pairs row = pairs->row(i);
    return infonoise_observe_masked(one, bytes, row.sigma, row.error, row.mask, row.n, nullptr);
  });
}

inline ffi::Error step(U32 state, ffi::Result<U32> next) {
  return for_each_state("step", state, next, [](std::size_t, infonoise_state* one, std::size_t bytes) {
    return infonoise_step(one, bytes, nullptr);
  });
}

inline ffi::Error advance(U32 state, F32 sigma, F32 error, ffi::RemainingArgs rest, ffi::Result<U32> next,
                          ffi::Result<F32> next_sigma) {
  auto pairs = Pairs::of(sigma, error, rest);
  if (!pairs) return pairs.error();
  Rows drawn(*next_sigma);
  if (pairs->count != Rows(state).count || drawn.count != pairs->count) return failure("advance", INFONOISE_LENGTH);
  return for_each_state("advance", state, next, [&](std::size_t i, infonoise_state* one, std::size_t bytes) {
    Pairs row = pairs->row(i);
    return infonoise_advance(one, bytes, row.sigma, row.error, row.mask, row.n,
                             next_sigma->typed_data() + i * drawn.length, drawn.length, nullptr, nullptr);
  });
}

inline ffi::Error set_frozen(U32 state, std::uint32_t frozen, ffi::Result<U32> next) {
  return for_each_state("freeze", state, next, [&](std::size_t, infonoise_state* one, std::size_t bytes) {
    return infonoise_set_frozen(one, bytes, frozen);
  });
}

inline ffi::Error reconfigure(U32 state, ffi::Span<const std::int64_t> config, ffi::Span<const std::int64_t> weight,
                              ffi::Span<const std::int64_t> baseline, ffi::Result<U32> next) {
  infonoise_config record;
  if (config.size() * 8 != sizeof(record)) return failure("reconfigure", INFONOISE_STRUCT_SIZE);
  std::memcpy(&record, config.begin(), sizeof(record));
  const double *table = table_of(weight, record), *masses = table_of(baseline, record);
  // Checked before anything is changed, for a message that names the field.
  Rows rows(state);
  for (std::size_t i = 0; i < rows.count; ++i) {
    const std::uint32_t* words = state.typed_data() + i * rows.length;
    if (auto message = python::reconfiguration_error(block(words), 4 * rows.length, record, table, masses))
      return failure("reconfigure", *message);
  }
  return for_each_state("reconfigure", state, next, [&](std::size_t, infonoise_state* one, std::size_t bytes) {
    return infonoise_reconfigure(one, bytes, &record, table);
  });
}

// Overwrites sigma by the nearest entries of the table; index receives their indices.
inline ffi::Error snap(F32 sigma, F32 table, ffi::Result<F32> snapped, ffi::Result<U32> index) {
  Rows rows(sigma), tables(table);
  if (snapped->element_count() != sigma.element_count() || index->element_count() != sigma.element_count() ||
      tables.count != rows.count) {
    return failure("snap", INFONOISE_LENGTH);
  }
  std::memmove(snapped->typed_data(), sigma.typed_data(), sigma.size_bytes());
  for (std::size_t i = 0; i < rows.count; ++i) {
    infonoise_status status =
        infonoise_snap(snapped->typed_data() + i * rows.length, index->typed_data() + i * rows.length, rows.length,
                       table.typed_data() + i * tables.length, tables.length);
    if (status != INFONOISE_OK)
      return failure("snap", "sigma and table must be positive and finite, and the table strictly monotone");
  }
  return ffi::Error::Success();
}

#define INFONOISE_ONE(...) +1
#define INFONOISE_NONE(...)
inline constexpr std::size_t kCounts = 0 INFONOISE_REPORT_FIELDS(INFONOISE_ONE, INFONOISE_ONE, INFONOISE_NONE);
inline constexpr std::size_t kReals = 0 INFONOISE_REPORT_FIELDS(INFONOISE_NONE, INFONOISE_NONE, INFONOISE_ONE);

// The report inside jit: codes and counts as uint32 (saturated), all other fields as f32.
inline ffi::Error report(U32 state, ffi::Result<U32> counts, ffi::Result<F32> reals) {
  Rows rows(state);
  if (counts->element_count() != rows.count * kCounts || reals->element_count() != rows.count * kReals) {
    return failure("report", INFONOISE_LENGTH);
  }
  std::uint32_t* count = counts->typed_data();
  float* real = reals->typed_data();
  for (std::size_t i = 0; i < rows.count; ++i) {
    infonoise_report record = {};
    record.struct_size = sizeof(record);
    infonoise_status status =
        infonoise_report_get(block(state.typed_data() + i * rows.length), 4 * rows.length, &record);
    if (status != INFONOISE_OK) return failure("report", status);
    const auto saturated = [](std::uint64_t x) {
      return x > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(x);
    };
#define INFONOISE_COUNT(name, ...) *count++ = saturated(record.name);
#define INFONOISE_REAL(name) *real++ = static_cast<float>(record.name);
    INFONOISE_REPORT_FIELDS(INFONOISE_COUNT, INFONOISE_COUNT, INFONOISE_REAL)
#undef INFONOISE_COUNT
#undef INFONOISE_REAL
  }
  return ffi::Error::Success();
}

XLA_FFI_DEFINE_HANDLER(kInit, init,
                       ffi::Ffi::Bind()
                           .Arg<U32>()
                           .Attr<ffi::Span<const std::int64_t>>("config")
                           .Attr<ffi::Span<const std::int64_t>>("weight")
                           .Attr<ffi::Span<const std::int64_t>>("baseline")
                           .Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kSample, sample,
                       ffi::Ffi::Bind()
                           .Arg<U32>()
                           .Arg<U32>()
                           .Attr<std::uint64_t>("total")
                           .Ret<U32>()
                           .Ret<F32>());
XLA_FFI_DEFINE_HANDLER(kObserve, observe,
                       ffi::Ffi::Bind().Arg<U32>().Arg<F32>().Arg<F32>().RemainingArgs().Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kStep, step, ffi::Ffi::Bind().Arg<U32>().Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kAdvance, advance,
                       ffi::Ffi::Bind().Arg<U32>().Arg<F32>().Arg<F32>().RemainingArgs().Ret<U32>().Ret<F32>());
XLA_FFI_DEFINE_HANDLER(kSetFrozen, set_frozen,
                       ffi::Ffi::Bind().Arg<U32>().Attr<std::uint32_t>("frozen").Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kReconfigure, reconfigure,
                       ffi::Ffi::Bind()
                           .Arg<U32>()
                           .Attr<ffi::Span<const std::int64_t>>("config")
                           .Attr<ffi::Span<const std::int64_t>>("weight")
                           .Attr<ffi::Span<const std::int64_t>>("baseline")
                           .Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kSnap, snap, ffi::Ffi::Bind().Arg<F32>().Arg<F32>().Ret<F32>().Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kLevels, levels, ffi::Ffi::Bind().Arg<U32>().Ret<F32>());
XLA_FFI_DEFINE_HANDLER(kLogDensity, log_density, ffi::Ffi::Bind().Arg<U32>().Arg<F32>().Ret<F32>());
XLA_FFI_DEFINE_HANDLER(kReport, report, ffi::Ffi::Bind().Arg<U32>().Ret<U32>().Ret<F32>());

}  // namespace infonoise::xla_calls
