// A stand-in for the CUDA runtime, for tests on machines without a GPU: streams are
// queues, device memory is the heap's, a kernel is a host function. A copy whose host
// side is not pinned, or whose device side is not device memory, aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNotReady = 600,
  cudaErrorIllegalAddress = 700
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
constexpr unsigned cudaHostAllocPortable = 1, cudaEventDisableTiming = 2;
using cudaStream_t = struct CUstream_st*;
using cudaEvent_t = struct CUevent_st*;

cudaError_t cudaGetLastError();
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaMalloc(void** memory, std::size_t bytes);
template <typename T>
cudaError_t cudaMalloc(T** memory, std::size_t bytes) { return cudaMalloc(reinterpret_cast<void**>(memory), bytes); }
cudaError_t cudaFree(void* memory);
cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaStreamCreate(cudaStream_t* stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventSynchronize(cudaEvent_t event);

// With these, a .cu file is C++ once its <<<>>> are rewritten as standin::launch.
#define __global__
#define __device__
#define __host__
struct dim3 {
  unsigned x = 1;
};
inline thread_local dim3 blockIdx, threadIdx, blockDim;

namespace standin {

// How streams run: each call's work inside the call; in a thread for each stream, with
// a pause before each piece of work; or only at `run` or when a call waits for it.
enum class Way { at_once, threads, by_hand };
void start(Way way, unsigned seed = 0, unsigned longest_pause_us = 0);
// By hand: runs the oldest `pieces` of work.
void run(std::size_t pieces);
std::size_t queued();

// The call of this name fails with `code`, once, after it has succeeded `times` times.
void fail(const char* call, unsigned times, cudaError_t code);
bool failed();

// Since `start`: how often a call was made, all calls, bytes copied; and what was not freed.
unsigned calls(const char* call);
unsigned all_calls();
std::size_t copied();
std::size_t alive();
// What cudaGetLastError would return.
cudaError_t last_error();

void enqueue(cudaStream_t stream, std::function<void()> work);

template <typename Kernel>
void launch(unsigned blocks, unsigned threads, cudaStream_t stream, Kernel kernel) {
  enqueue(stream, [=] {
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
      for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel();
  });
}

}  // namespace standin
