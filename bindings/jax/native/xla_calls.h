// XLA custom calls over the C ABI. State is uint32[..., N]; every other operand
// has the same leading dimensions, over which the handlers loop (that is what
// vmap's "broadcast_all" needs). State operand and state result are aliased, so
// the copy below happens only where XLA did not honour that.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "fields.h"
#include "float_mode.h"
#include "xla/ffi/api/ffi.h"

namespace infonoise::xla_calls {

namespace ffi = ::xla::ffi;
using U32 = ffi::Buffer<ffi::U32>;
using F32 = ffi::Buffer<ffi::F32>;
using U8 = ffi::Buffer<ffi::U8>;

inline ffi::Error failure(const char* call, infonoise_status status) {
  std::string text = std::string("infonoise.jax.") + call + ": " + infonoise_status_message(status);
  return ffi::Error(ffi::ErrorCode::kInvalidArgument, text);
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

// Runs body(i, state, bytes) on each row of the state result.
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
  FloatMode mode;
  for (std::size_t i = 0; i < rows.count; ++i) {
    infonoise_status status = body(i, words + i * rows.length, 4 * rows.length);
    if (status != INFONOISE_OK) return failure(call, status);
  }
  return ffi::Error::Success();
}

inline ffi::Error init(U32 seed, ffi::Span<const std::int64_t> config, ffi::Span<const std::int64_t> weight,
                       ffi::Span<const std::int64_t> baseline, ffi::Result<U32> state) {
  infonoise_config record;
  if (config.size() * 8 != sizeof(record)) return failure("init", INFONOISE_STRUCT_SIZE);
  std::memcpy(&record, config.begin(), sizeof(record));
  const auto table = [&](ffi::Span<const std::int64_t> words) {
    return words.size() == record.bins ? reinterpret_cast<const double*>(words.begin()) : nullptr;
  };
  Rows rows(*state), seeds(seed);
  if (seeds.length != 2 || seeds.count != rows.count) return failure("init", INFONOISE_LENGTH);
  FloatMode mode;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const std::uint32_t* halves = seed.typed_data() + 2 * i;
    infonoise_status status = infonoise_init_with(
        state->typed_data() + i * rows.length, 4 * rows.length, &record,
        (std::uint64_t{halves[1]} << 32) | halves[0], table(weight), table(baseline));
    if (status != INFONOISE_OK) return failure("init", status);
  }
  return ffi::Error::Success();
}

inline ffi::Error sample(U32 state, std::uint32_t rank, std::uint32_t world, ffi::Result<U32> next,
                         ffi::Result<F32> sigma) {
  Rows rows(*sigma);
  if (rows.count != Rows(state).count) return failure("sample", INFONOISE_LENGTH);
  return for_each_state("sample", state, next, [&](std::size_t i, std::uint32_t* words, std::size_t bytes) {
    return infonoise_sample_shard(words, bytes, sigma->typed_data() + i * rows.length, rows.length, rank, world);
  });
}

inline infonoise_status observe_row(std::uint32_t* words, std::size_t bytes, const F32& sigma, const F32& error,
                                    const std::uint8_t* mask, std::size_t i, std::size_t n) {
  return infonoise_observe_masked(words, bytes, sigma.typed_data() + i * n, error.typed_data() + i * n,
                                  mask ? mask + i * n : nullptr, n, nullptr);
}

inline ffi::Error observe(U32 state, F32 sigma, F32 error, ffi::Result<U32> next) {
  Rows rows(sigma);
  if (rows.count != Rows(state).count || sigma.element_count() != error.element_count()) {
    return failure("observe", INFONOISE_LENGTH);
  }
  return for_each_state("observe", state, next, [&](std::size_t i, std::uint32_t* words, std::size_t bytes) {
    return observe_row(words, bytes, sigma, error, nullptr, i, rows.length);
  });
}

inline ffi::Error observe_masked(U32 state, F32 sigma, F32 error, U8 mask, ffi::Result<U32> next) {
  Rows rows(sigma);
  if (rows.count != Rows(state).count || sigma.element_count() != error.element_count() ||
      sigma.element_count() != mask.element_count()) {
    return failure("observe", INFONOISE_LENGTH);
  }
  return for_each_state("observe", state, next, [&](std::size_t i, std::uint32_t* words, std::size_t bytes) {
    return observe_row(words, bytes, sigma, error, mask.typed_data(), i, rows.length);
  });
}

inline ffi::Error step(U32 state, ffi::Result<U32> next) {
  return for_each_state("step", state, next, [](std::size_t, std::uint32_t* words, std::size_t bytes) {
    return infonoise_step(words, bytes, nullptr);
  });
}

#define INFONOISE_ONE(...) +1
#define INFONOISE_NONE(...)
inline constexpr std::size_t kCounts = 0 INFONOISE_REPORT_FIELDS(INFONOISE_ONE, INFONOISE_ONE, INFONOISE_NONE);
inline constexpr std::size_t kReals = 0 INFONOISE_REPORT_FIELDS(INFONOISE_NONE, INFONOISE_NONE, INFONOISE_ONE);

// The report inside jit: codes and counts as uint32 (saturated), the rest f32.
inline ffi::Error report(U32 state, ffi::Result<U32> counts, ffi::Result<F32> reals) {
  Rows rows(state);
  if (counts->element_count() != rows.count * kCounts || reals->element_count() != rows.count * kReals) {
    return failure("report", INFONOISE_LENGTH);
  }
  FloatMode mode;
  std::uint32_t* count = counts->typed_data();
  float* real = reals->typed_data();
  for (std::size_t i = 0; i < rows.count; ++i) {
    infonoise_report record = {};
    record.struct_size = sizeof(record);
    infonoise_status status =
        infonoise_report_get(state.typed_data() + i * rows.length, 4 * rows.length, &record);
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
                           .Attr<std::uint32_t>("rank")
                           .Attr<std::uint32_t>("world")
                           .Ret<U32>()
                           .Ret<F32>());
XLA_FFI_DEFINE_HANDLER(kObserve, observe, ffi::Ffi::Bind().Arg<U32>().Arg<F32>().Arg<F32>().Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kObserveMasked, observe_masked,
                       ffi::Ffi::Bind().Arg<U32>().Arg<F32>().Arg<F32>().Arg<U8>().Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kStep, step, ffi::Ffi::Bind().Arg<U32>().Ret<U32>());
XLA_FFI_DEFINE_HANDLER(kReport, report, ffi::Ffi::Bind().Arg<U32>().Ret<U32>().Ret<F32>());

}  // namespace infonoise::xla_calls
