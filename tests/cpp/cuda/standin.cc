#include "cuda_runtime.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>

using standin::Way;

struct CUevent_st {
  std::uint64_t recorded = 0, done = 0;
};

namespace {

struct Piece {
  CUstream_st* stream;
  std::function<void()> work;
};

// One lock for everything except the work itself, so that tests find errors in the
// order of the work and not races of the stand-in.
std::mutex lock;
std::condition_variable changed;
Way way = Way::at_once;
unsigned longest_pause = 0, seed = 0, total = 0;
std::map<std::string, unsigned> made;
std::map<void*, std::size_t> device_memory, pinned_memory;
std::set<CUevent_st*> events;
std::set<CUstream_st*> streams;
std::deque<Piece> by_hand;
std::string failing;
unsigned failing_after = 0;
cudaError_t failing_code = cudaSuccess, last = cudaSuccess;
std::size_t bytes_copied = 0;

[[noreturn]] void misuse(const char* what) {
  std::fprintf(stderr, "stand-in: %s\n", what);
  std::abort();
}

cudaError_t remember(cudaError_t code) {
  if (code != cudaSuccess) last = code;
  return code;
}

// Counts a call, and lets it fail if the test asked for that.
cudaError_t enter(const char* name) {
  ++made[name], ++total;
  if (failing != name || failing_after-- > 0) return cudaSuccess;
  failing.clear();
  return remember(failing_code);
}

void within(const std::map<void*, std::size_t>& memory, const void* at, std::size_t bytes, const char* what) {
  auto next = memory.upper_bound(const_cast<void*>(at));
  if (next == memory.begin()) misuse(what);
  --next;
  if (static_cast<const char*>(at) + bytes > static_cast<char*>(next->first) + next->second) misuse(what);
}

}  // namespace

struct CUstream_st {
  std::deque<std::function<void()>> queue;
  bool busy = false, ending = false;
  std::thread worker;

  void work(unsigned own_seed) {
    std::mt19937 random(own_seed);
    std::unique_lock<std::mutex> held(lock);
    for (;;) {
      changed.wait(held, [&] { return ending || !queue.empty(); });
      if (queue.empty()) return;
      auto next = std::move(queue.front());
      queue.pop_front();
      busy = true;
      held.unlock();
      // Often no pause, so that there are runs of fast and of slow work.
      if (longest_pause && random() % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % longest_pause));
      next();
      held.lock();
      busy = false;
      changed.notify_all();
    }
  }
};

namespace {

void run_one(std::unique_lock<std::mutex>& held) {
  auto next = std::move(by_hand.front());
  by_hand.pop_front();
  held.unlock();
  next.work();
  held.lock();
}

// Runs or awaits work until `done`.
template <typename Done>
void wait_until(std::unique_lock<std::mutex>& held, Done done) {
  while (way == Way::by_hand && !done()) {
    if (by_hand.empty()) misuse("waits for work that was never enqueued");
    run_one(held);
  }
  changed.wait(held, done);
}

void add(std::unique_lock<std::mutex>& held, cudaStream_t stream, std::function<void()> work) {
  if (!streams.count(stream)) misuse("no such stream");
  if (way == Way::at_once) {
    held.unlock();
    work();
    held.lock();
  } else if (way == Way::by_hand) {
    by_hand.push_back({stream, std::move(work)});
  } else {
    stream->queue.push_back(std::move(work));
    changed.notify_all();
  }
}

bool idle(cudaStream_t stream) {
  if (way != Way::by_hand) return stream->queue.empty() && !stream->busy;
  for (const Piece& piece : by_hand)
    if (piece.stream == stream) return false;
  return true;
}

cudaError_t allocate(const char* name, std::map<void*, std::size_t>& memory, void** to, std::size_t bytes) {
  std::lock_guard<std::mutex> held(lock);
  if (cudaError_t code = enter(name)) return code;
  *to = std::malloc(bytes);
  // Not zeros, which could be mistaken for a result.
  std::memset(*to, 0x7F, bytes);
  memory[*to] = bytes;
  return cudaSuccess;
}

cudaError_t release(const char* name, std::map<void*, std::size_t>& memory, void* at) {
  std::lock_guard<std::mutex> held(lock);
  const cudaError_t code = enter(name);
  if (!memory.erase(at)) misuse("frees what it has not allocated");
  std::free(at);
  return code;
}

}  // namespace

namespace standin {

void start(Way chosen, unsigned chosen_seed, unsigned longest_pause_us) {
  std::lock_guard<std::mutex> held(lock);
  if (!streams.empty()) misuse("start while streams live");
  way = chosen, seed = chosen_seed, longest_pause = longest_pause_us;
  made.clear(), failing.clear(), last = cudaSuccess, bytes_copied = 0, total = 0;
}
void run(std::size_t pieces) {
  std::unique_lock<std::mutex> held(lock);
  for (; pieces > 0 && !by_hand.empty(); --pieces) run_one(held);
}
std::size_t queued() {
  std::lock_guard<std::mutex> held(lock);
  return by_hand.size();
}
void fail(const char* call, unsigned times, cudaError_t code) {
  std::lock_guard<std::mutex> held(lock);
  failing = call, failing_after = times, failing_code = code;
}
bool failed() {
  std::lock_guard<std::mutex> held(lock);
  return failing.empty();
}
unsigned calls(const char* call) {
  std::lock_guard<std::mutex> held(lock);
  return made[call];
}
unsigned all_calls() {
  std::lock_guard<std::mutex> held(lock);
  return total;
}
std::size_t copied() {
  std::lock_guard<std::mutex> held(lock);
  return bytes_copied;
}
std::size_t alive() {
  std::lock_guard<std::mutex> held(lock);
  return device_memory.size() + pinned_memory.size() + events.size() + streams.size();
}
cudaError_t last_error() {
  std::lock_guard<std::mutex> held(lock);
  return last;
}
void enqueue(cudaStream_t stream, std::function<void()> work) {
  std::unique_lock<std::mutex> held(lock);
  add(held, stream, std::move(work));
}

}  // namespace standin

cudaError_t cudaGetLastError() {
  std::lock_guard<std::mutex> held(lock);
  return std::exchange(last, cudaSuccess);
}
const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    default: return "cudaErrorInvalidValue";
  }
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
    default: return "invalid argument";
  }
}
cudaError_t cudaGetDevice(int* device) {
  std::lock_guard<std::mutex> held(lock);
  *device = 0;
  return enter("cudaGetDevice");
}
cudaError_t cudaSetDevice(int) {
  std::lock_guard<std::mutex> held(lock);
  return enter("cudaSetDevice");
}
cudaError_t cudaDeviceSynchronize() {
  std::unique_lock<std::mutex> held(lock);
  const cudaError_t code = enter("cudaDeviceSynchronize");
  for (CUstream_st* stream : streams) wait_until(held, [&] { return idle(stream); });
  return code;
}
cudaError_t cudaMalloc(void** memory, std::size_t bytes) { return allocate("cudaMalloc", device_memory, memory, bytes); }
cudaError_t cudaFree(void* memory) { return release("cudaFree", device_memory, memory); }
cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  return allocate("cudaHostAlloc", pinned_memory, memory, bytes);
}
cudaError_t cudaFreeHost(void* memory) { return release("cudaFreeHost", pinned_memory, memory); }
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  std::unique_lock<std::mutex> held(lock);
  if (cudaError_t code = enter("cudaMemcpyAsync")) return code;
  within(device_memory, kind == cudaMemcpyHostToDevice ? to : from, bytes, "copies what is not device memory");
  within(pinned_memory, kind == cudaMemcpyHostToDevice ? from : to, bytes, "copies what is not pinned");
  bytes_copied += bytes;
  add(held, stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  cudaDeviceSynchronize();
  std::lock_guard<std::mutex> held(lock);
  if (cudaError_t code = enter("cudaMemcpy")) return code;
  within(device_memory, kind == cudaMemcpyHostToDevice ? to : from, bytes, "copies what is not device memory");
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  std::lock_guard<std::mutex> held(lock);
  *stream = new CUstream_st;
  streams.insert(*stream);
  if (way == Way::threads) {
    const unsigned own_seed = seed * 31 + static_cast<unsigned>(streams.size());
    (*stream)->worker = std::thread([=, made_stream = *stream] { made_stream->work(own_seed); });
  }
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  cudaStreamSynchronize(stream);
  {
    std::lock_guard<std::mutex> held(lock);
    stream->ending = true;
    changed.notify_all();
  }
  if (stream->worker.joinable()) stream->worker.join();
  std::lock_guard<std::mutex> held(lock);
  streams.erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  std::unique_lock<std::mutex> held(lock);
  wait_until(held, [&] { return idle(stream); });
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  std::lock_guard<std::mutex> held(lock);
  if (cudaError_t code = enter("cudaEventCreateWithFlags")) return code;
  events.insert(*event = new CUevent_st);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  std::lock_guard<std::mutex> held(lock);
  const cudaError_t code = enter("cudaEventDestroy");
  if (!events.erase(event)) misuse("destroys no event");
  delete event;
  return code;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  std::unique_lock<std::mutex> held(lock);
  if (cudaError_t code = enter("cudaEventRecord")) return code;
  const std::uint64_t turn = ++event->recorded;
  add(held, stream, [=] {
    std::lock_guard<std::mutex> inside(lock);
    event->done = turn;
    changed.notify_all();
  });
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  std::unique_lock<std::mutex> held(lock);
  const std::uint64_t turn = event->recorded;
  add(held, stream, [=] {
    std::unique_lock<std::mutex> inside(lock);
    wait_until(inside, [=] { return event->done >= turn; });
  });
  return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  std::lock_guard<std::mutex> held(lock);
  if (cudaError_t code = enter("cudaEventQuery")) return code;
  return remember(event->done < event->recorded ? cudaErrorNotReady : cudaSuccess);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  std::unique_lock<std::mutex> held(lock);
  if (cudaError_t code = enter("cudaEventSynchronize")) return code;
  const std::uint64_t turn = event->recorded;
  wait_until(held, [=] { return event->done >= turn; });
  return cudaSuccess;
}
