// Shared by the other headers: errors, results, views of arrays.
#pragma once

#include <infonoise.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#if __cplusplus >= 202002L && __has_include(<span>)
#include <span>
#endif

// Files compiled with and without exceptions may be linked into one program, so the two
// forms of the library have different namespaces.
#if defined(__cpp_exceptions)
#define INFONOISE_MODE_ throwing
#else
#define INFONOISE_MODE_ returning
#endif

namespace infonoise {
inline namespace INFONOISE_MODE_ {

/// The status of errors of files, which the C ABI does not have: a file cannot be
/// opened, read or written. The message has the system's reason.
inline constexpr infonoise_status file_error = static_cast<infonoise_status>(0x10000);

/// Why a call was refused; nothing has changed then.
///
///     try {
///       scheduler.info_grid(18);
///     } catch (const infonoise::Error& error) {
///       if (error.status() != INFONOISE_NOT_READY) throw;
///       std::cerr << error.what() << '\n';  // what is wrong, and what to do
///     }
class Error : public std::runtime_error {
 public:
  Error(infonoise_status status, const std::string& message, int system_error = 0)
      : std::runtime_error(message), status_(status), system_error_(system_error) {}
  /// An `infonoise_status`, `infonoise::file_error`, or `infonoise::cuda_error`.
  infonoise_status status() const noexcept { return status_; }
  /// The `errno` of a `file_error` (ENOSPC: the disk is full), otherwise 0.
  int system_error() const noexcept { return system_error_; }

 private:
  infonoise_status status_;
  int system_error_;
};

/// A value or an error: the return type of calls where exceptions are disabled.
///
///     infonoise::Expected<std::vector<float>> sigma = scheduler.sample(256);
///     if (!sigma.ok()) return fail(sigma.error().what());
///     train(sigma.value());
///
/// There is no conversion to bool, since it could be confused with the value's. Calling
/// value() on an error ends the program with the error's message.
template <typename T>
class [[nodiscard]] Expected {
 public:
  Expected(T&& value) : state_(std::in_place_index<0>, std::move(value)) {}
  Expected(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const noexcept { return state_.index() == 0; }
  /// Only where `ok()` is false.
  const Error& error() const noexcept { return *std::get_if<1>(&state_); }
  T& value() & { return required(); }
  T&& value() && { return std::move(required()); }

 private:
  T& required() {
    if (!ok()) std::fprintf(stderr, "infonoise: %s\n", error().what()), std::abort();
    return *std::get_if<0>(&state_);
  }
  std::variant<T, Error> state_;
};

/// Nothing, or an error.
template <>
class [[nodiscard]] Expected<void> {
 public:
  Expected() = default;
  Expected(Error error) : error_(std::move(error)) {}

  bool ok() const noexcept { return !error_; }
  const Error& error() const noexcept { return *error_; }
  void value() const {
    if (!ok()) std::fprintf(stderr, "infonoise: %s\n", error().what()), std::abort();
  }

 private:
  std::optional<Error> error_;
};

/// The return type of every call that can fail: T, with errors thrown as `Error`; with
/// -fno-exceptions an `Expected<T>`.
#if defined(__cpp_exceptions)
template <typename T>
using Result = T;
#else
template <typename T>
using Result = Expected<T>;
#endif

/// A view of consecutive elements: of a vector, an array, anything with `data()` and
/// `size()`, or a pointer and a length. `std::span` from C++20 on.
#if defined(__cpp_lib_span)
template <typename T>
using Span = std::span<T>;
#else
template <typename T>
class Span {
 public:
  constexpr Span() noexcept = default;
  constexpr Span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  template <std::size_t N>
  constexpr Span(T (&array)[N]) noexcept : data_(array), size_(N) {}
  template <typename C, typename = std::enable_if_t<std::is_convertible_v<
                            std::remove_pointer_t<decltype(std::declval<C&>().data())> (*)[], T (*)[]>>>
  constexpr Span(C&& container) noexcept : data_(container.data()), size_(container.size()) {}

  constexpr T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T* begin() const noexcept { return data_; }
  constexpr T* end() const noexcept { return data_ + size_; }
  constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};
#endif

namespace detail {

/// The sentence of the status, with the numbers involved.
inline std::string message(infonoise_status status, const std::string& numbers = "") {
  std::string text = infonoise_status_message(status);
  return numbers.empty() ? text : text + " (" + numbers + ")";
}

/// As `message`, for bytes that another version may have written.
inline std::string message(infonoise_status status, Span<const std::uint8_t> data) {
  if (status != INFONOISE_SNAPSHOT_VERSION && status != INFONOISE_JOURNAL_VERSION) return message(status);
  return message(status, "version " + std::to_string(infonoise_version_of(data.data(), data.size())));
}

inline std::string hex(std::uint64_t digest) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

}  // namespace detail
}  // namespace INFONOISE_MODE_
}  // namespace infonoise

// Macros with which a function body works with and without exceptions. INFONOISE_FAIL_
// ends a call with an error; INFONOISE_RUN_ ends it if a call without a value fails;
// INFONOISE_TRY_ does so for a call with a value, and names the value; INFONOISE_CHECK_
// ends it unless a call of the C ABI returns INFONOISE_OK: then `text`, which may use
// `status_`, is evaluated.
#if defined(__cpp_exceptions)
#define INFONOISE_FAIL_(...) throw ::infonoise::Error(__VA_ARGS__)
#define INFONOISE_RUN_(call) call
#define INFONOISE_TRY_(name, call) auto name = call
#else
#define INFONOISE_FAIL_(...) return ::infonoise::Error(__VA_ARGS__)
#define INFONOISE_RUN_(call)                            \
  do {                                                  \
    if (auto ran_ = call; !ran_.ok()) return ran_.error(); \
  } while (false)
#define INFONOISE_TRY_(name, call)                 \
  auto name##_or_ = call;                          \
  if (!name##_or_.ok()) return name##_or_.error(); \
  auto& name = name##_or_.value()
#endif
#define INFONOISE_CHECK_(call, text)                                                      \
  do {                                                                                    \
    const infonoise_status status_ = (call);                                              \
    if (status_ != INFONOISE_OK) INFONOISE_FAIL_(status_, text);                          \
  } while (false)
