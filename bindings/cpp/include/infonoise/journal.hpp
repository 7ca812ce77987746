// Journals: a run as a file from which anyone can execute its schedule again.
//
//   File       what a file must do for a journal                journal/file.hpp
//   Replay     executes a journal again                         journal/replay.hpp
//   Recorder   the journal of a block in memory of the caller   journal/recorder.hpp
//   Journal    a recorder with its scheduler                    here
#pragma once

#include "journal/recorder.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

/// Records what a scheduler is asked to do, in a file of about 1 KB a step.
///
///     infonoise::Scheduler scheduler(config, 42);
///     auto journal = infonoise::Journal::create("run.journal", std::move(scheduler));
///     for (int step = 0; step < steps; ++step) {
///       std::vector<float> sigma = journal.sample(256);
///       train(sigma, error);
///       journal.observe(sigma, error);
///       journal.step();
///     }
///     journal.close();                               // or its destructor
///     // After a crash, at the checkpoint `snapshot`; what came after it moves aside:
///     auto again = infonoise::Journal::resume("run.journal", infonoise::Scheduler::load(snapshot));
///
/// The journal takes over the scheduler, so that no call can bypass the record; use
/// `journal.scheduler()` to read. The calls are the scheduler's. Each record is written
/// completely, and the operating system has it when the call returns; if that fails,
/// the journal closes (see `Recorder`).
class Journal {
 public:
  /// Begins a journal; a file that exists is refused. `page`: at least a global batch
  /// and what is drawn before it is observed; sigmas that were drawn earlier are stored
  /// by value, not by number. The scheduler is taken over only if this succeeds.
  static Result<Journal> create(const std::string& path, Scheduler&& scheduler, std::uint32_t page = 16384) {
    INFONOISE_TRY_(recorder, Recorder::create(path, block_of(scheduler), scheduler.seed(), page));
    return Journal(std::move(recorder), std::move(scheduler));
  }

  /// Continues a journal from the step at which its run had the state of `scheduler`
  /// (loaded from a checkpoint, for example). Later records move to the file
  /// PATH.cut-STEP (.2, .3, ... if that exists); see `cut_bytes` and `cut_path`. Fails
  /// with `file_error` while another writer has the file, and if a file cannot be
  /// written; a file for the later records that cannot be written completely is
  /// removed.
  static Result<Journal> resume(const std::string& path, Scheduler&& scheduler) {
    INFONOISE_TRY_(recorder, Recorder::resume(path, block_of(scheduler)));
    return Journal(std::move(recorder), std::move(scheduler));
  }

  Journal(Journal&&) = default;
  Journal& operator=(Journal&& other) noexcept {
    if (this != &other) {
      end();
      recorder_ = std::move(other.recorder_), scheduler_ = std::move(other.scheduler_);
    }
    return *this;
  }
  /// Closes; call `close` to learn whether that succeeded.
  ~Journal() { end(); }

  /// As `Scheduler::sample`.
  Result<void> sample(Span<float> sigma) { return sample_slice(sigma, 0, sigma.size()); }
  Result<std::vector<float>> sample(std::size_t n) { return sample_slice(n, 0, n); }

  /// As `Scheduler::sample_shard`; the whole global batch can then be observed by number.
  Result<void> sample_shard(Span<float> sigma, std::uint32_t rank, std::uint32_t world) {
    INFONOISE_RUN_(check_shard(sigma.size(), rank, world));
    return sample_slice(sigma, std::uint64_t{sigma.size()} * rank, std::uint64_t{sigma.size()} * world);
  }
  Result<std::vector<float>> sample_shard(std::size_t n, std::uint32_t rank, std::uint32_t world) {
    INFONOISE_RUN_(check_shard(n, rank, world));
    return sample_slice(n, std::uint64_t{n} * rank, std::uint64_t{n} * world);
  }

  /// As `Scheduler::sample_slice`.
  Result<void> sample_slice(Span<float> sigma, std::uint64_t offset, std::uint64_t total) {
    return recorder_.sample(block(), sigma, offset, total);
  }
  Result<std::vector<float>> sample_slice(std::size_t n, std::uint64_t offset, std::uint64_t total) {
    INFONOISE_RUN_(recorder_.check_draw(n, offset, total));
    std::vector<float> sigma(n);
    INFONOISE_RUN_(sample_slice(sigma, offset, total));
    return sigma;
  }

  /// As `Scheduler::observe`.
  Result<std::size_t> observe(Span<const float> sigma, Span<const float> error) {
    return recorder_.observe(block(), sigma, error);
  }
  Result<std::size_t> observe(Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask) {
    if (mask.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, Scheduler::lengths(sigma, "mask", mask.size()));
    return recorder_.observe(block(), sigma, error, mask);
  }

  /// As `Scheduler::step`; a refresh also records its digest.
  Result<Report> step() { return recorder_.step(block()); }

  /// As `Scheduler::advance`, in three records.
  Result<Report> advance(Span<const float> sigma, Span<const float> error, Span<float> next_sigma) {
    return recorder_.advance(block(), sigma, error, {}, next_sigma);
  }
  Result<Report> advance(Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask,
                         Span<float> next_sigma) {
    if (mask.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, Scheduler::lengths(sigma, "mask", mask.size()));
    return recorder_.advance(block(), sigma, error, mask, next_sigma);
  }

  /// As `Scheduler::set_frozen`.
  Result<void> set_frozen(bool frozen) { return recorder_.set_frozen(block(), frozen); }

  /// As `Scheduler::reconfigure`.
  Result<void> reconfigure(const Config& config) { return recorder_.reconfigure(block(), config); }

  /// Waits until all records are on the disk (fsync): call it before a checkpoint that
  /// must survive a crash of the machine, not only of the process.
  Result<void> sync() { return recorder_.sync(); }

  /// Records the last digest and closes the file; a second time does nothing.
  Result<void> close() { return recorder_.close(block()); }

  /// The schedule, for reading, saving or copying.
  const Scheduler& scheduler() const noexcept { return scheduler_; }
  /// Bytes after the checkpoint that `resume` moved aside, and the file that holds them.
  std::uint64_t cut_bytes() const noexcept { return recorder_.cut_bytes(); }
  const std::string& cut_path() const noexcept { return recorder_.cut_path(); }

 private:
  static Result<void> check_shard(std::size_t n, std::uint32_t rank, std::uint32_t world) {
    if (rank >= world || n >> 32 != 0) INFONOISE_FAIL_(INFONOISE_ARGUMENT, Scheduler::shard(n, rank, world));
    return Result<void>();
  }

  Journal(Recorder&& recorder, Scheduler&& scheduler)
      : recorder_(std::move(recorder)), scheduler_(std::move(scheduler)) {}

  static Block block_of(Scheduler& scheduler) noexcept { return {scheduler.data(), scheduler.bytes()}; }
  Block block() noexcept { return block_of(scheduler_); }

  // Closes and ignores errors.
  void end() noexcept {
#if defined(__cpp_exceptions)
    try {
      close();
    } catch (...) {
    }
#else
    (void)close();
#endif
  }

  Recorder recorder_;
  Scheduler scheduler_;
};

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
