// What Stage and Sampler share: errors of the CUDA runtime, and memory that frees itself.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "../infonoise.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

/// The status of errors that are the CUDA runtime's. The message names the call, the
/// runtime's text, and its code.
inline constexpr infonoise_status cuda_error = static_cast<infonoise_status>(0x10001);

namespace cuda::detail {

inline std::string message(const char* call, cudaError_t code) {
  // Taken off the runtime, or the trainer's next check of a kernel launch would find it.
  (void)cudaGetLastError();
  return std::string(call) + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ", " +
         std::to_string(static_cast<int>(code)) + ")";
}

// Ends a call with an error unless this one of the runtime succeeds.
#define INFONOISE_CUDA_(name, ...)                                                               \
  do {                                                                                           \
    const cudaError_t code_ = name(__VA_ARGS__);                                                 \
    if (code_ != cudaSuccess) INFONOISE_FAIL_(::infonoise::cuda_error, ::infonoise::cuda::detail::message(#name, code_)); \
  } while (false)

// What frees cannot report a failure; none of them leaves anything to be done.
struct FreeDevice {
  void operator()(void* memory) const noexcept { (void)cudaFree(memory); }
};
struct FreeHost {
  void operator()(void* memory) const noexcept { (void)cudaFreeHost(memory); }
};
struct DestroyEvent {
  using pointer = cudaEvent_t;
  void operator()(cudaEvent_t event) const noexcept { (void)cudaEventDestroy(event); }
};
template <typename T>
using DeviceArray = std::unique_ptr<T[], FreeDevice>;
template <typename T>
using PinnedArray = std::unique_ptr<T[], FreeHost>;
using Event = std::unique_ptr<CUevent_st, DestroyEvent>;

template <typename T>
Result<DeviceArray<T>> device_array(std::size_t n) {
  void* memory = nullptr;
  INFONOISE_CUDA_(cudaMalloc, &memory, n * sizeof(T));
  return DeviceArray<T>(static_cast<T*>(memory));
}

// Pinned for every device: a copy to memory that is not would wait for the device.
template <typename T>
Result<PinnedArray<T>> pinned_array(std::size_t n) {
  void* memory = nullptr;
  INFONOISE_CUDA_(cudaHostAlloc, &memory, n * sizeof(T), cudaHostAllocPortable);
  return PinnedArray<T>(static_cast<T*>(memory));
}

inline Result<Event> event() {
  cudaEvent_t made = nullptr;
  INFONOISE_CUDA_(cudaEventCreateWithFlags, &made, cudaEventDisableTiming);
  return Event(made);
}

// Waits for everything on the device of its making before what was declared above it
// is freed: copies may be on their way, and kernels may still read.
struct Idle {
  int device = 0;
  ~Idle() {
    int current = 0;
    if (cudaGetDevice(&current) != cudaSuccess) return;
    (void)cudaSetDevice(device);
    (void)cudaDeviceSynchronize();
    (void)cudaSetDevice(current);
  }
};

}  // namespace cuda::detail
}  // namespace INFONOISE_MODE_
}  // namespace infonoise
