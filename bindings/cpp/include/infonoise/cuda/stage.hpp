// A scheduler on the host for a device that never waits for it.
#pragma once

#include "flight.hpp"
#include "runtime.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {
namespace cuda {

/// The slice of the global batch that belongs to this process.
struct Shard {
  std::uint32_t rank = 0, world = 1;
};

/// Copies sigmas to the device and errors back, without waiting in a step.
///
///     infonoise::cuda::Stage<> stage(infonoise::Scheduler(config, 42), 256);    // the batch
///     for (int step = 0; step < steps; ++step) {
///       const float* d_sigma = stage.sample(stream);        // 256 sigmas in device memory
///       train(d_sigma, d_error, stream);                    // yours: enqueues, does not wait
///       stage.observe(d_error, stream);                     // per sample, unweighted, squared
///       const infonoise::Report report = stage.step();
///       if (report.steps % 1000 == 0) checkpoint = stage.save();
///     }
///     stage.drain();
///     std::cerr << stage.waits() << " waits\n";             // 0: the device kept up
///     auto resumed = infonoise::cuda::Stage<>::load(checkpoint);
///
/// The scheduler observes errors `lag` batches late (default 2), in order: those of a
/// batch just before the first sample or step after the `lag`th later batch was passed
/// to `observe`. This does not depend on when the device computes them, so the schedule
/// does not depend on timing; it has the same bits as that of a host loop that observes
/// its errors equally late. If the device has not finished by then, the call waits for
/// it, and `waits` counts that.
///
/// `sample` returns one of lag + 1 buffers. With one stream no synchronisation is
/// needed. With several, make yours wait for the stream of `sample`, and call `observe`
/// after the last kernel that reads the sigmas. `d_error` may be written again by work
/// that comes later on the stream of `observe`.
///
/// Data-parallel ranks each have a stage of the same scheduler, batch and lag, with their
/// shard: `sample` returns the rank's slice, `observe` takes the world * batch errors
/// of all ranks, in the order of the ranks, as an all-gather on `stream` writes them.
///
/// Verbs is Scheduler or Journal. A call that fails may be repeated: nothing is drawn,
/// observed or counted twice. One thread at a time; the current device is the one that
/// the stage was made on. Its destructor waits for that device.
template <typename Verbs = Scheduler>
class Stage {
 public:
#if defined(__cpp_exceptions)
  explicit Stage(Verbs&& verbs, std::size_t batch, std::uint32_t lag = 2, Shard shard = {})
      : Stage(create(std::move(verbs), batch, lag, shard)) {}
#endif

  /// Takes over a scheduler or a journal if it succeeds; `batch` is this rank's. A
  /// journal's page should hold lag + 1 global batches, otherwise the journal stores
  /// sigmas instead of their numbers.
  static Result<Stage> create(Verbs&& verbs, std::size_t batch, std::uint32_t lag = 2, Shard shard = {}) {
    if (batch == 0 || batch > 1u << 28 || lag > 64 || shard.rank >= shard.world)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT,
                      "batch = " + std::to_string(batch) + " must be from 1 to 2^28, lag = " + std::to_string(lag) +
                          " at most 64, rank = " + std::to_string(shard.rank) +
                          " below world = " + std::to_string(shard.world));
    auto ring = std::make_unique<Ring>();
    ring->batch = batch, ring->n = batch * shard.world, ring->lag = lag, ring->rank = shard.rank;
    const std::size_t slots = std::size_t{lag} + 1;
    INFONOISE_CUDA_(cudaGetDevice, &ring->idle.device);
    INFONOISE_TRY_(pinned, detail::pinned_array<float>(2 * slots * ring->n));
    INFONOISE_TRY_(device, detail::device_array<float>(slots * batch));
    ring->pinned = std::move(pinned), ring->device = std::move(device);
    for (std::size_t i = 0; i < slots; ++i) {
      INFONOISE_TRY_(done, detail::event());
      float* const sigma = ring->pinned.get() + 2 * i * ring->n;
      ring->slots.push_back({sigma, sigma + ring->n, ring->device.get() + i * batch, {}, std::move(done)});
    }
    return Stage(std::move(verbs), std::move(ring));
  }

  /// Continues from the bytes of `save`, including the batches in flight.
  static Result<Stage> load(Span<const std::uint8_t> snapshot, Shard shard = {}) {
    static_assert(std::is_same_v<Verbs, Scheduler>, "resume a journal with load_scheduler(snapshot), then Stage::resume");
    INFONOISE_TRY_(scheduler, load_scheduler(snapshot));
    return resume(std::move(scheduler), snapshot, shard);
  }

  /// As `load`, on a journal that was resumed with `load_scheduler(snapshot)`.
  static Result<Stage> resume(Verbs&& verbs, Span<const std::uint8_t> snapshot, Shard shard = {}) {
    INFONOISE_TRY_(head, detail::read_head(snapshot));
    const std::vector<detail::Batch> batches = detail::read_batches(head, snapshot.data() + sizeof head + head.snapshot_bytes);
    INFONOISE_TRY_(saved, load_scheduler(snapshot));
    INFONOISE_TRY_(expected, saved.digest());
    INFONOISE_TRY_(found, scheduler_of(verbs).digest());
    if (found != expected)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, "the snapshot is of another schedule: pass a scheduler or a journal that is where "
                                          "load_scheduler(snapshot) is");
    if (shard.world == 0 || head.n % shard.world != 0)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, "world = " + std::to_string(shard.world) + " must divide the global batch of " +
                                              std::to_string(head.n));
    INFONOISE_TRY_(stage, create(std::move(verbs), static_cast<std::size_t>(head.n / shard.world),
                                 static_cast<std::uint32_t>(head.lag), shard));
    for (const detail::Batch& batch : batches) {
      Slot& slot = stage.ring_->slot(stage.observed_++);
      std::copy(batch.sigma.begin(), batch.sigma.end(), slot.sigma);
      std::copy(batch.error.begin(), batch.error.end(), slot.error);
      slot.mask = batch.mask;
    }
    return Stage(std::move(stage));
  }

  Stage(Stage&&) = default;
  Stage& operator=(Stage&&) = default;
  // Two stages cannot both receive the copies that are in flight: copy `scheduler()`.
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Draws the batch and enqueues its copy; the sigmas, in device memory.
  Result<const float*> sample(cudaStream_t stream) {
    INFONOISE_RUN_(settle());
    if (pending_ == Pending::sent)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT,
                      "the batch drawn before has not been observed: observe it first, with a mask of zeros to leave it out");
    Slot& slot = ring_->slot(observed_);
    if (pending_ == Pending::none) INFONOISE_RUN_(verbs_.sample(Span<float>(slot.sigma, ring_->n)));
    pending_ = Pending::drawn;
    INFONOISE_CUDA_(cudaMemcpyAsync, slot.device_sigma, slot.sigma + ring_->rank * ring_->batch,
                    ring_->batch * sizeof(float), cudaMemcpyHostToDevice, stream);
    pending_ = Pending::sent;
    return static_cast<const float*>(slot.device_sigma);
  }

  /// Enqueues the copy of the errors at the sigmas of the last `sample` to the host.
  /// `mask` is host memory with one byte for each error of the global batch, 0 to leave
  /// it out, or empty.
  Result<void> observe(const float* d_error, cudaStream_t stream, Span<const std::uint8_t> mask = {}) {
    INFONOISE_RUN_(settle());
    if (pending_ != Pending::sent) INFONOISE_FAIL_(INFONOISE_ARGUMENT, "there is no batch to observe: call sample first");
    return fly(nullptr, d_error, stream, mask);
  }

  /// As above, for sigmas that a kernel has drawn with a `sampler_ref`.
  Result<void> observe(const float* d_sigma, const float* d_error, cudaStream_t stream,
                       Span<const std::uint8_t> mask = {}) {
    if (!d_sigma) INFONOISE_FAIL_(INFONOISE_NULL, "d_sigma is null: pass the sigmas that the kernel drew, in device memory");
    INFONOISE_RUN_(settle());
    if (pending_ != Pending::none)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, "sample drew a batch: observe that one, without sigmas, first");
    return fly(d_sigma, d_error, stream, mask);
  }

  /// Counts one optimizer step, and refreshes the sampler if that is due; any number of
  /// batches may come between two steps.
  Result<Report> step() {
    INFONOISE_RUN_(settle());
    return verbs_.step();
  }

  /// Waits for the batches in flight and observes them: for the end of a run, before
  /// its schedule is read. Called earlier, it changes the schedule, so call it on all
  /// ranks at the same step.
  Result<void> drain() {
    INFONOISE_RUN_(arrive());
    return hand_over(0);
  }

  /// A snapshot of the schedule and of the batches in flight, for which it waits. It
  /// does not change the run, nor does continuing from it. (Batches that the next call
  /// would observe are observed first, so read the digest after `save`.) Not between
  /// `sample` and `observe`.
  Result<std::vector<std::uint8_t>> save() {
    INFONOISE_RUN_(settle());
    if (pending_ != Pending::none)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, "a batch was drawn and not observed: save before sample, or after observe");
    INFONOISE_RUN_(arrive());
    std::vector<detail::Batch> batches;
    for (std::uint64_t i = handed_; i < observed_; ++i) {
      const Slot& slot = ring_->slot(i);
      batches.push_back({{slot.sigma, slot.sigma + ring_->n}, {slot.error, slot.error + ring_->n}, slot.mask});
      if (slot.mask.empty()) batches.back().mask.assign(ring_->n, 1);
    }
    detail::Head head;
    head.n = ring_->n, head.lag = ring_->lag;
    return detail::write_snapshot(scheduler(), batches, head);
  }

  /// How often `sample`, `observe` or `step` had to wait for the device. If it grows with
  /// the steps, the device is more than `lag` batches behind.
  std::uint64_t waits() const noexcept { return waits_; }
  /// Batches whose errors the scheduler has not observed.
  std::uint64_t in_flight() const noexcept { return observed_ - handed_; }

  /// The scheduler, for reading; without the batches in flight.
  const Scheduler& scheduler() const noexcept { return scheduler_of(verbs_); }
  /// The scheduler or the journal, to freeze, reconfigure or close it. Leave its
  /// observe and step to the stage.
  Verbs& verbs() noexcept { return verbs_; }

 private:
  struct Slot {
    float *sigma, *error, *device_sigma;
    std::vector<std::uint8_t> mask;
    // Recorded after the copies to the host.
    detail::Event done;
  };
  // On the heap, so that the copies of a moved stage still find it.
  struct Ring {
    std::size_t batch = 0, n = 0, lag = 0, rank = 0;
    detail::PinnedArray<float> pinned;
    detail::DeviceArray<float> device;
    std::vector<Slot> slots;
    detail::Idle idle;
    Slot& slot(std::uint64_t batches) { return slots[batches % slots.size()]; }
  };
  // State of the batch that is to be observed next: drawn but not sent where the copy failed.
  enum class Pending { none, drawn, sent };

  Stage(Verbs&& verbs, std::unique_ptr<Ring>&& ring) : verbs_(std::move(verbs)), ring_(std::move(ring)) {}

  static const Scheduler& scheduler_of(const Verbs& verbs) noexcept {
    if constexpr (std::is_same_v<Verbs, Scheduler>) return verbs;
    else return verbs.scheduler();
  }

  Result<void> settle() {
    if (!ring_) INFONOISE_FAIL_(INFONOISE_NULL, "this stage was moved from: assign one to it first");
    return hand_over(ring_->lag);
  }

  // Enqueues the copies to the host. Afterwards the batch is in flight, or nothing has changed.
  Result<void> fly(const float* d_sigma, const float* d_error, cudaStream_t stream, Span<const std::uint8_t> mask) {
    const std::size_t n = ring_->n, bytes = n * sizeof(float);
    if (!d_error) INFONOISE_FAIL_(INFONOISE_NULL, "d_error is null: pass the errors of the global batch, in device memory");
    if (!mask.empty() && mask.size() != n)
      INFONOISE_FAIL_(INFONOISE_LENGTH, "mask of " + std::to_string(mask.size()) + ", must be of the global batch of " +
                                            std::to_string(n) + ", or empty");
    Slot& slot = ring_->slot(observed_);
    if (d_sigma) INFONOISE_CUDA_(cudaMemcpyAsync, slot.sigma, d_sigma, bytes, cudaMemcpyDeviceToHost, stream);
    INFONOISE_CUDA_(cudaMemcpyAsync, slot.error, d_error, bytes, cudaMemcpyDeviceToHost, stream);
    INFONOISE_CUDA_(cudaEventRecord, slot.done.get(), stream);
    slot.mask.assign(mask.data(), mask.data() + mask.size());
    ++observed_;
    pending_ = Pending::none;
    return Result<void>();
  }

  // Observes batches, in order, until at most `keep` are in flight.
  Result<void> hand_over(std::uint64_t keep) {
    while (in_flight() > keep) {
      Slot& slot = ring_->slot(handed_);
      const cudaError_t ready = cudaEventQuery(slot.done.get());
      if (ready == cudaErrorNotReady) {
        // Not an error of the trainer: clear it.
        (void)cudaGetLastError();
        ++waits_;
        INFONOISE_CUDA_(cudaEventSynchronize, slot.done.get());
      } else if (ready != cudaSuccess) {
        INFONOISE_FAIL_(cuda_error, detail::message("cudaEventQuery", ready));
      }
      const Span<const float> sigma(slot.sigma, ring_->n), error(slot.error, ring_->n);
      if (slot.mask.empty()) INFONOISE_RUN_(verbs_.observe(sigma, error));
      else INFONOISE_RUN_(verbs_.observe(sigma, error, slot.mask));
      ++handed_;
    }
    return Result<void>();
  }

  // Waits for the batches in flight; this wait is not counted, since the caller asked for it.
  Result<void> arrive() {
    INFONOISE_RUN_(settle());
    for (std::uint64_t i = handed_; i < observed_; ++i) INFONOISE_CUDA_(cudaEventSynchronize, ring_->slot(i).done.get());
    return Result<void>();
  }

  Verbs verbs_;
  std::unique_ptr<Ring> ring_;
  // Batches passed to `observe`, and how many of them the scheduler has observed.
  std::uint64_t observed_ = 0, handed_ = 0, waits_ = 0;
  Pending pending_ = Pending::none;
};

}  // namespace cuda
}  // namespace INFONOISE_MODE_
}  // namespace infonoise
