// Draws inside a kernel.
#pragma once

#include <cmath>
#include <cstring>

#include "runtime.hpp"

#if defined(__CUDACC__)
#define INFONOISE_DEVICE_ __host__ __device__
#else
#define INFONOISE_DEVICE_
#endif

namespace infonoise {
inline namespace INFONOISE_MODE_ {
namespace cuda {

/// The table of the draws for kernels: pass it by value. It is valid as long as its
/// `Sampler` lives, also inside a captured graph.
///
///     const infonoise::cuda::sampler_ref draw = sampler.ref();
///     std::uint32_t word = 0x9E3779B9;        // 32 random bits; the generator is yours
///     float one_sigma = draw(word);
///
/// The sigma of a word has the same bits as on the host: one product and one sum, never
/// fused, whatever -fmad says. (-ftz=true changes nothing: neither is subnormal.)
class sampler_ref {
 public:
  /// A bin that is drawn: its first word, its lower edge, the increase of sigma from
  /// one word to the next, and the largest float inside it.
  struct alignas(16) Entry {
    std::uint32_t first;
    float edge, slope, top;
  };

  sampler_ref(const Entry* entries, std::uint32_t bins) : entries_(entries), bins_(bins) {}

  /// The sigma of `word`.
  INFONOISE_DEVICE_ float operator()(std::uint32_t word) const {
    // The last entry that begins at or before the word.
    std::uint32_t low = 0, high = bins_;
    while (high - low > 1) {
      const std::uint32_t middle = (low + high) / 2;
      if (entries_[middle].first <= word) low = middle;
      else high = middle;
    }
    const Entry entry = entries_[low];
#if defined(__CUDA_ARCH__)
    const float steps = __uint2float_rn(word - entry.first);
    const float sigma = __fadd_rn(entry.edge, __fmul_rn(steps, entry.slope));
#else
    const float steps = static_cast<float>(word - entry.first);
    // volatile: g++ -mfma would fuse a plain product with the sum.
    const volatile float product = steps * entry.slope;
    const float sigma = entry.edge + product;
#endif
    return sigma < entry.top ? sigma : entry.top;
  }

 private:
  const Entry* entries_;
  std::uint32_t bins_;
};
static_assert(std::is_trivially_copyable_v<sampler_ref>);

/// Keeps the table of a scheduler's draws in device memory, for kernels that draw their
/// own sigmas.
///
///     infonoise::cuda::Sampler sampler(scheduler, stream);
///     for (int step = 0; step < steps; ++step) {
///       train(sampler.ref(), d_sigma, d_error, stream);    // draws, writes both
///       stage.observe(d_sigma, d_error, stream);
///       stage.step();
///       sampler.update(stage.scheduler(), stream);         // copies after a refresh, else nothing
///     }
///
/// Such draws do not advance the scheduler's own generator. One thread at a time.
class Sampler {
 public:
#if defined(__cpp_exceptions)
  Sampler(const Scheduler& scheduler, cudaStream_t stream) : Sampler(create(scheduler, stream)) {}
#endif

  /// A table on the current device, filled on `stream`.
  static Result<Sampler> create(const Scheduler& scheduler, cudaStream_t stream) {
    INFONOISE_TRY_(table, scheduler.draw_table());
    const std::size_t bins = table.slope.size();
    Sampler sampler;
    sampler.memory_ = std::make_unique<Memory>();
    Memory& memory = *sampler.memory_;
    INFONOISE_CUDA_(cudaGetDevice, &memory.idle.device);
    INFONOISE_TRY_(pinned, detail::pinned_array<Entry>(bins));
    INFONOISE_TRY_(device, detail::device_array<Entry>(bins));
    INFONOISE_TRY_(sent, detail::event());
    memory.pinned = std::move(pinned), memory.device = std::move(device), memory.sent = std::move(sent);
    memory.entries.resize(bins);
    INFONOISE_RUN_(sampler.update(scheduler, stream));
    return sampler;
  }

  /// Copies the scheduler's table to the device on `stream`, unless it is there
  /// already; later kernels on that stream use it. Returns whether it had changed.
  /// Waits only for an unfinished copy of an earlier table.
  Result<bool> update(const Scheduler& scheduler, cudaStream_t stream) {
    if (!memory_) INFONOISE_FAIL_(INFONOISE_NULL, "this sampler was moved from: assign one to it first");
    INFONOISE_TRY_(table, scheduler.draw_table());
    std::vector<Entry>& entries = memory_->entries;
    if (table.slope.size() != entries.size())
      INFONOISE_FAIL_(INFONOISE_LENGTH, "the scheduler has bins = " + std::to_string(table.slope.size()) +
                                            ", the sampler " + std::to_string(entries.size()) + ": make another sampler");
    for (std::size_t k = 0; k < entries.size(); ++k) {
      // Copies of the last bin that is drawn follow it, so that the search always ends
      // at a valid bin.
      if (k > 0 && table.threshold[k] > 0xFFFFFFFF) entries[k] = entries[k - 1];
      else
        entries[k] = {static_cast<std::uint32_t>(table.threshold[k]), table.edge[k], table.slope[k],
                      std::nextafter(table.edge[k + 1], 0.0f)};
    }
    const std::size_t bytes = entries.size() * sizeof(Entry);
    if (memory_->filled && std::memcmp(entries.data(), memory_->pinned.get(), bytes) == 0) return false;
    INFONOISE_CUDA_(cudaEventSynchronize, memory_->sent.get());
    memory_->filled = false;
    std::memcpy(memory_->pinned.get(), entries.data(), bytes);
    INFONOISE_CUDA_(cudaMemcpyAsync, memory_->device.get(), memory_->pinned.get(), bytes, cudaMemcpyHostToDevice, stream);
    INFONOISE_CUDA_(cudaEventRecord, memory_->sent.get(), stream);
    memory_->filled = true;
    return true;
  }

  /// The view for kernels; it does not change while the sampler lives.
  sampler_ref ref() const noexcept {
    return {memory_->device.get(), static_cast<std::uint32_t>(memory_->entries.size())};
  }

 private:
  using Entry = sampler_ref::Entry;
  struct Memory {
    std::vector<Entry> entries;
    detail::PinnedArray<Entry> pinned;
    detail::DeviceArray<Entry> device;
    detail::Event sent;
    // Whether the pinned table is on the device or its copy is enqueued.
    bool filled = false;
    detail::Idle idle;
  };

  Sampler() = default;

  // On the heap, so that the views of a moved sampler stay valid.
  std::unique_ptr<Memory> memory_;
};

}  // namespace cuda
}  // namespace INFONOISE_MODE_
}  // namespace infonoise
