// Shared by Stage and Sampler: errors of the CUDA runtime, and memory that frees itself.
#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "../infonoise.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

/// The status of an error of the CUDA runtime. The message has the call, the runtime's
/// text, and its code.
inline constexpr infonoise_status cuda_error = static_cast<infonoise_status>(0x10001);

namespace cuda::detail {

inline std::string message(const char* call, cudaError_t code) {
  // Clears the runtime's last error; otherwise the trainer's next check of a kernel
  // launch would find it.
  (void)cudaGetLastError();
  return std::string(call) + ": " + cudaGetErrorString(code) + " (" + cudaGetErrorName(code) + ", " +
         std::to_string(static_cast<int>(code)) + ")";
}

// Ends a call with an error unless this call of the runtime succeeds.
#define INFONOISE_CUDA_(name, ...)                                                               \
  do {                                                                                           \
    const cudaError_t code_ = name(__VA_ARGS__);                                                 \
    if (code_ != cudaSuccess) INFONOISE_FAIL_(::infonoise::cuda_error, ::infonoise::cuda::detail::message(#name, code_)); \
  } while (false)

// Functions that free cannot report a failure, and there is nothing to do about one.
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

// Pinned for every device: a copy to unpinned memory would wait for the device.
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

// Its destructor waits for everything on the device that it was made on, before the
// members declared above it are freed: copies and kernels may still use them.
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
