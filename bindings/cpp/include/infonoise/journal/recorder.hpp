// Recorders: the journal of a schedule whose block is in the caller's memory.
#pragma once

#include "replay.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

/// The block of a schedule, `infonoise_state_bytes` bytes.
struct Block {
  infonoise_state* data;
  std::size_t bytes;
};

/// The file of a journal, for a schedule whose block is in your memory; a `Journal` is
/// a recorder with a `Scheduler`. Every call takes the block, which must be the same
/// schedule each time; between the calls it may be read, saved and copied.
///
/// A record is written completely, and the operating system has it when the call
/// returns. If that fails, the call returns `file_error` with the file's name, the file
/// keeps the earlier records, and the journal closes: the schedule has changed without
/// a record, and records after that gap could not be replayed.
class Recorder {
 public:
  /// Begins a journal of a block, which may be fresh from `seed` or in the middle of a
  /// run; as `Journal::create`.
  static Result<Recorder> create(const std::string& path, Block block, std::uint64_t seed, std::uint32_t page) {
    Recorder fresh(path);
    fresh.memory_.resize(infonoise_recent_bytes(page) / 8);
    if (fresh.memory_.empty())
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, "page = " + std::to_string(page) + " must be from 1 to 2^28 draws");
    fresh.record_.resize(infonoise_journal_begin_bytes(block.data, block.bytes));
    infonoise_recorder run = fresh.run(block);
    INFONOISE_CHECK_(infonoise_journal_begin(&run, page, seed), Scheduler::refusal(block.bytes, status_));
    fresh.file_ = detail::File(path, O_WRONLY | O_CREAT | O_EXCL);
    if (!fresh.file_)
      INFONOISE_FAIL_(detail::file_failure(path, errno == EEXIST ? ": continue it with resume, or choose another name" : ""));
    if (!fresh.file_.lock() || !fresh.file_.append(fresh.record_.data(), run.used)) {
      const Error failure = detail::file_failure(path);
      // A journal with an incomplete first record could not be resumed, so the file is removed.
      (void)std::remove(path.c_str());
      INFONOISE_FAIL_(failure);
    }
    return fresh;
  }

  /// Continues a journal from the step at which its run had the state of the block; as
  /// `Journal::resume`.
  static Result<Recorder> resume(const std::string& path, Block block) {
    Recorder again(path);
    again.file_ = detail::File(path, O_WRONLY);
    if (!again.file_) INFONOISE_FAIL_(detail::file_failure(path));
    if (!again.file_.lock()) {
      if (errno != EWOULDBLOCK) INFONOISE_FAIL_(detail::file_failure(path, ": the file cannot be locked"));
      INFONOISE_FAIL_(file_error, path + " is open in another writer: close that journal first", errno);
    }
    infonoise_report report = INFONOISE_REPORT_INIT;
    std::uint64_t digest = 0;
    INFONOISE_CHECK_(infonoise_report_get(block.data, block.bytes, &report), Scheduler::refusal(block.bytes, status_));
    INFONOISE_CHECK_(infonoise_digest(block.data, block.bytes, &digest), Scheduler::refusal(block.bytes, status_));
    INFONOISE_TRY_(replay, Replay::open(path));
    INFONOISE_TRY_(found, replay.seek(report.steps, digest));
    if (!found)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT,
                      path + " never was where this schedule is (step " + std::to_string(report.steps) + ", digest " +
                          detail::hex(digest) + "), and ends at step " + std::to_string(replay.steps()) +
                          ": pass the checkpoint of that run, or begin a new journal");
    again.memory_ = std::move(replay.memory_);
    INFONOISE_TRY_(used, again.digest_record(block));
    // If the journal was closed at this step, only its last digest follows.
    for (;;) {
      if (replay.rest_bytes() > used) break;
      INFONOISE_TRY_(more, replay.fill());
      if (!more) break;
    }
    const bool closed =
        replay.rest_bytes() == used && std::memcmp(replay.rest(), again.record_.data(), used) == 0;
    const std::uint64_t length = replay.position();
    if (!closed && replay.rest_bytes() > 0) {
      INFONOISE_RUN_(again.move_aside(replay, path + ".cut-" + std::to_string(report.steps)));
      if (!again.file_.cut(length)) INFONOISE_FAIL_(detail::file_failure(path));
    }
    if (!again.file_.to_end()) INFONOISE_FAIL_(detail::file_failure(path));
    // The digest marks where the run continues.
    if (!closed) INFONOISE_RUN_(again.write(used));
    return again;
  }

  /// As `Scheduler::sample_slice`; the whole global batch can then be observed by number.
  Result<void> sample(Block block, Span<float> sigma, std::uint64_t offset, std::uint64_t total) {
    INFONOISE_RUN_(check_draw(sigma.size(), offset, total));
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_sample(&run, sigma.data(), sigma.size(), offset, total),
                     Scheduler::refusal(block.bytes, status_, Scheduler::slice(sigma.size(), offset, total)));
    return write(run.used);
  }

  /// As `Scheduler::observe`. `mask` has one byte for each sigma, or is empty if all count.
  Result<std::size_t> observe(Block block, Span<const float> sigma, Span<const float> error,
                              Span<const std::uint8_t> mask = {}) {
    INFONOISE_RUN_(check_open());
    if (error.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, Scheduler::lengths(sigma, "error", error.size()));
    if (mask.data() && mask.size() != sigma.size())
      INFONOISE_FAIL_(INFONOISE_LENGTH, Scheduler::lengths(sigma, "mask", mask.size()));
    std::size_t rejected = 0;
    infonoise_recorder run = this->run(block, sigma.size());
    INFONOISE_CHECK_(
        infonoise_journal_observe(&run, sigma.data(), error.data(), mask.data(), sigma.size(), &rejected),
        Scheduler::refusal(block.bytes, status_, std::to_string(sigma.size()) + " pairs must be at most 2^28"));
    INFONOISE_RUN_(write(run.used));
    return rejected;
  }

  /// As `Scheduler::step`; a refresh also records its digest.
  Result<Report> step(Block block) {
    INFONOISE_RUN_(check_open());
    Report report;
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_step(&run, &report), Scheduler::refusal(block.bytes, status_));
    INFONOISE_RUN_(write(run.used));
    return report;
  }

  /// As `Scheduler::advance`, in three records. All arguments are checked before the first.
  Result<Report> advance(Block block, Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask,
                         Span<float> next_sigma) {
    INFONOISE_RUN_(check_draw(next_sigma.size(), 0, next_sigma.size()));
    INFONOISE_RUN_(observe(block, sigma, error, mask));
    INFONOISE_TRY_(report, step(block));
    INFONOISE_RUN_(sample(block, next_sigma, 0, next_sigma.size()));
    return Report(report);
  }

  /// As `Scheduler::set_frozen`.
  Result<void> set_frozen(Block block, bool frozen) {
    INFONOISE_RUN_(check_open());
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_set_frozen(&run, frozen), Scheduler::refusal(block.bytes, status_));
    return write(run.used);
  }

  /// As `Scheduler::reconfigure`.
  Result<void> reconfigure(Block block, const Config& config) {
    INFONOISE_RUN_(check_open());
    INFONOISE_RUN_(Scheduler::check_reconfigure(block.data, block.bytes, config));
    const std::vector<double> weight = Scheduler::weight_or_ones(config);
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_reconfigure(&run, &config.raw(), weight.data()),
                     Scheduler::refusal(block.bytes, status_));
    return write(run.used);
  }

  /// Waits until all records are on the disk (fsync).
  Result<void> sync() {
    INFONOISE_RUN_(check_open());
    if (!file_.sync()) INFONOISE_FAIL_(detail::file_failure(path_));
    return Result<void>();
  }

  /// Records the last digest and closes the file; a second time does nothing. A forked
  /// child closes without a record. A `Recorder` that is destroyed without `close`
  /// writes none either, like a program that is killed.
  Result<void> close(Block block) {
    if (file_ && ::getpid() == process_) {
      INFONOISE_TRY_(used, digest_record(block));
      INFONOISE_RUN_(write(used));
    }
    if (!file_.close()) INFONOISE_FAIL_(detail::file_failure(path_));
    return Result<void>();
  }

  /// INFONOISE_ARGUMENT unless a journal can record this slice of a global batch.
  Result<void> check_draw(std::size_t n, std::uint64_t offset, std::uint64_t total) const {
    INFONOISE_RUN_(check_open());
    if (total >> 32 != 0)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT,
                      "total = " + std::to_string(total) + " draws of a global batch must be below 2^32 in a journal");
    if (offset > total || n > total - offset)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, Scheduler::slice(n, offset, total));
    return Result<void>();
  }

  const std::string& path() const noexcept { return path_; }
  /// Bytes after the checkpoint that `resume` moved aside, and the file that holds them.
  std::uint64_t cut_bytes() const noexcept { return cut_bytes_; }
  const std::string& cut_path() const noexcept { return cut_path_; }

 private:
  explicit Recorder(const std::string& path) : path_(path) {}

  // With memory for the record of a call on n pairs, and at least for that of a digest.
  infonoise_recorder run(Block block, std::size_t n = 0) {
    const std::size_t needed = infonoise_record_bytes(n);
    if (record_.size() < needed) record_.resize(needed);
    infonoise_recorder run = detail::run_of(block.data, block.bytes, memory_);
    run.record = record_.data(), run.record_bytes = record_.size();
    return run;
  }

  Result<void> check_open() const {
    if (!file_)
      INFONOISE_FAIL_(INFONOISE_NOT_A_JOURNAL, "the journal is closed: resume it, or continue with its scheduler only");
    if (::getpid() != process_)
      INFONOISE_FAIL_(INFONOISE_NOT_A_JOURNAL,
                      "the journal belongs to the process that opened it: resume it there, or begin another here");
    return Result<void>();
  }

  Result<void> write(std::size_t used) {
    if (file_.append(record_.data(), used)) return Result<void>();
    const Error failure = detail::file_failure(path_);
    (void)file_.close();
    INFONOISE_FAIL_(failure);
  }

  // Writes the record of the present digest into `record_`; returns its length.
  Result<std::size_t> digest_record(Block block) {
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_digest(&run), Scheduler::refusal(block.bytes, status_));
    return std::size_t{run.used};
  }

  // Copies the rest of a journal to the file `name`, or `name`.2, ... if that exists,
  // so that a second crash after the same checkpoint does not overwrite what the first
  // one left.
  Result<void> move_aside(Replay& replay, const std::string& name) {
    cut_path_ = name;
    detail::File aside(cut_path_, O_WRONLY | O_CREAT | O_EXCL);
    for (int more = 2; !aside && errno == EEXIST; ++more) {
      cut_path_ = name + "." + std::to_string(more);
      aside = detail::File(cut_path_, O_WRONLY | O_CREAT | O_EXCL);
    }
    if (!aside) INFONOISE_FAIL_(detail::file_failure(cut_path_));
    for (;;) {
      if (!aside.append(replay.rest(), replay.rest_bytes())) {
        const Error failure = detail::file_failure(cut_path_);
        (void)std::remove(cut_path_.c_str());
        INFONOISE_FAIL_(failure);
      }
      cut_bytes_ += replay.rest_bytes();
      replay.skip(replay.rest_bytes());
      INFONOISE_TRY_(more, replay.fill());
      if (!more) break;
    }
    if (aside.close()) return Result<void>();
    const Error failure = detail::file_failure(cut_path_);
    (void)std::remove(cut_path_.c_str());
    INFONOISE_FAIL_(failure);
  }

  std::string path_, cut_path_;
  detail::File file_;
  // The recent draws, with which a record names sigmas by number.
  std::vector<std::uint64_t> memory_;
  std::vector<std::uint8_t> record_;
  std::uint64_t cut_bytes_ = 0;
  // A forked child must not write: it shares the file and its position with its parent.
  ::pid_t process_ = ::getpid();
};

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
