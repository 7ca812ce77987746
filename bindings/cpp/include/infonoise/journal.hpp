// Journals: a run as a file from which anyone can execute its schedule again.
#pragma once

#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "scheduler.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

namespace detail {

struct Closer {
  void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

// Files are closed in programs that this one starts ("e"): they would hold the lock.
// Every record goes to the operating system at once, so that a checkpoint is never
// ahead of its journal; two writers would write over each other.
inline bool take(std::FILE* file) noexcept {
  return std::setvbuf(file, nullptr, _IONBF, 0) == 0 && ::flock(::fileno(file), LOCK_EX | LOCK_NB) == 0;
}

inline std::string file_message(const std::string& path) { return path + ": " + std::strerror(errno); }

}  // namespace detail

/// What a record of a journal did: `infonoise_event` with a name.
struct Event : infonoise_event {
  Event() : infonoise_event() { struct_size = sizeof(infonoise_event); }

  const char* kind_name() const noexcept {
    static constexpr const char* names[] = {"sampled", "observed", "stepped", "frozen", "reconfigured", "digest"};
    return kind < 6 ? names[kind] : "unknown";
  }
};

/// A journal, executed again record by record.
///
///     infonoise::Replay replay = infonoise::Replay::open("run.journal");
///     while (std::optional<infonoise::Event> event = replay.next())
///       if (event->kind == INFONOISE_EVENT_KIND_SAMPLED)
///         for (float sigma : replay.draws(*event)) std::cout << event->steps << ' ' << sigma << '\n';
///     std::cout << replay.digests() << " digests agreed, the last is " << replay.scheduler().digest() << '\n';
///
/// Where the run is not what the journal says, `next` fails with INFONOISE_DIFFERS and
/// may be called again; damage is an error with its byte.
class Replay {
 public:
  static Result<Replay> open(const std::string& path) {
    Replay replay;
    replay.path_ = path;
    replay.file_.reset(std::fopen(path.c_str(), "rbe"));
    if (!replay.file_) INFONOISE_FAIL_(file_error, detail::file_message(path));
    std::size_t state = 0, memory = 0, used = 0;
    infonoise_status status;
    if (!replay.fill() && std::ferror(replay.file_.get())) INFONOISE_FAIL_(file_error, detail::file_message(path));
    do status = infonoise_replay_needs(replay.rest(), replay.rest_bytes(), &state, &memory);
    while (status == INFONOISE_TRUNCATED && replay.fill());
    if (replay.rest_bytes() == 0)
      INFONOISE_FAIL_(INFONOISE_TRUNCATED, path + " is empty, nothing was recorded: delete it and begin anew");
    INFONOISE_CHECK_(status, path + ": " + detail::message(status_, Span<const std::uint8_t>(replay.buffer_)));
    replay.scheduler_.words_.resize(state / 8);
    replay.memory_.resize(memory / 8);
    INFONOISE_CHECK_(infonoise_replay_begin(replay.memory_.data(), memory, replay.scheduler_.data(), state,
                                            replay.rest(), replay.rest_bytes(), &used),
                     path + ": " + detail::message(status_));
    replay.skip(used);
    return replay;
  }

  /// Executes one record; nothing at the end of the journal.
  Result<std::optional<Event>> next() {
    Event event;
    std::size_t used = 0;
    infonoise_status status;
    do status = infonoise_replay_next(memory_.data(), memory_.size() * 8, scheduler_.data(), scheduler_.bytes(), rest(),
                                      rest_bytes(), &used, &event);
    while (status == INFONOISE_TRUNCATED && fill());
    skip(used);
    if (status == INFONOISE_OK || status == INFONOISE_DIFFERS) {
      steps_ = event.steps;
      if (status == INFONOISE_DIFFERS)
        INFONOISE_FAIL_(status, path_ + " differs at step " + std::to_string(steps_) + ": its digest is " +
                                    detail::hex(event.expected) + ", the run's " + detail::hex(event.found));
      digests_ += event.kind == INFONOISE_EVENT_KIND_DIGEST;
      return std::optional<Event>(event);
    }
    // Whether it is the last, half-written record shows only at the end of the file.
    while (fill()) {
    }
    if (std::ferror(file_.get())) INFONOISE_FAIL_(file_error, detail::file_message(path_));
    if (rest_bytes() > 0 && !infonoise_journal_is_torn(rest(), rest_bytes()))
      INFONOISE_FAIL_(status, path_ + " at byte " + std::to_string(position_) + ": " + detail::message(status));
    torn_bytes_ = rest_bytes();
    return std::optional<Event>();
  }

  /// Executes what is left.
  Result<void> finish() {
    for (;;) {
      INFONOISE_TRY_(event, next());
      if (!event) return Result<void>();
    }
  }

  /// Goes on to where the run has made `steps` steps and has this digest; false if it
  /// never was there.
  Result<bool> seek(std::uint64_t steps, std::uint64_t digest) {
    for (;;) {
      if (steps_ == steps || position_ == head_) {
        INFONOISE_TRY_(found, scheduler_.digest());
        if (found == digest) return true;
      }
      INFONOISE_TRY_(event, next());
      if (!event) return false;
    }
  }

  /// The global batch that an event of kind `sampled` drew, right behind that event.
  /// INFONOISE_ARGUMENT if it is larger than the journal's page.
  Result<std::vector<float>> draws(const Event& event) {
    std::vector<float> sigma;
    // No memory for a batch that the page cannot hold.
    const bool held = event.n * event.world <= 2 * memory_.size();
    if (held) sigma.resize(event.n * event.world);
    INFONOISE_CHECK_(held ? infonoise_journal_draws(memory_.data(), memory_.size() * 8, event.first, sigma.data(),
                                                    sigma.size())
                          : INFONOISE_ARGUMENT,
                     detail::message(status_, "draws " + std::to_string(event.first) + " to " +
                                                  std::to_string(event.first + event.n * event.world) +
                                                  " are not remembered: record with a larger page"));
    return sigma;
  }

  /// The schedule so far.
  const Scheduler& scheduler() const noexcept { return scheduler_; }
  /// Optimizer steps so far, also where a replay failed.
  std::uint64_t steps() const noexcept { return steps_; }
  /// How many digests agreed.
  std::uint64_t digests() const noexcept { return digests_; }
  /// Bytes of the journal that are done.
  std::uint64_t position() const noexcept { return position_; }
  /// Length of a half-written record at the end of the file, which is left out.
  std::size_t torn_bytes() const noexcept { return torn_bytes_; }

 private:
  friend class Journal;

  Replay() = default;

  const std::uint8_t* rest() const { return buffer_.data() + at_; }
  std::size_t rest_bytes() const { return buffer_.size() - at_; }

  void skip(std::size_t used) {
    at_ += used, position_ += used;
    if (head_ == 0) head_ = used;
  }

  // Reads on; false at the end of the file.
  bool fill() {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    const std::size_t had = buffer_.size();
    buffer_.resize(had + std::max<std::size_t>(had, 1 << 16));
    const std::size_t got = std::fread(buffer_.data() + had, 1, buffer_.size() - had, file_.get());
    buffer_.resize(had + got);
    return got > 0;
  }

  std::string path_;
  detail::File file_;
  // Bytes read, of which `at_` are done.
  std::vector<std::uint8_t> buffer_;
  std::size_t at_ = 0, torn_bytes_ = 0;
  std::uint64_t position_ = 0, head_ = 0, steps_ = 0, digests_ = 0;
  // The recent draws, as a recorder would go on with them.
  std::vector<std::uint64_t> memory_;
  Scheduler scheduler_;
};

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
///     // After a crash, at the checkpoint `image`; what came behind it moves aside:
///     auto again = infonoise::Journal::resume("run.journal", infonoise::Scheduler::load(image));
///
/// The journal takes the scheduler over, so that no call can go past the record; what
/// only reads goes to `journal.scheduler()`. The verbs are the scheduler's own. Each
/// record reaches the operating system before the call returns.
class Journal {
 public:
  /// Begins a journal; a file that exists is refused. `page`: at least a global batch
  /// and what is drawn ahead of its observations; sigmas that were drawn earlier are
  /// stored, not named. The scheduler is taken only if this succeeds.
  static Result<Journal> create(const std::string& path, Scheduler&& scheduler, std::uint32_t page = 16384) {
    Journal journal;
    journal.path_ = path;
    journal.memory_.resize(infonoise_journal_bytes(page) / 8);
    if (journal.memory_.empty())
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, "page = " + std::to_string(page) + " must be from 1 to 2^28 draws");
    journal.record_.resize(infonoise_journal_begin_bytes(scheduler.data(), scheduler.bytes()));
    (void)journal.room(0);
    std::size_t used = 0;
    INFONOISE_CHECK_(
        infonoise_journal_begin(journal.memory_.data(), journal.memory_bytes(), page, scheduler.data(),
                                scheduler.bytes(), scheduler.seed(), journal.record_.data(), journal.record_.size(), &used),
        scheduler.why(status_));
    journal.file_.reset(std::fopen(path.c_str(), "wbxe"));
    if (!journal.file_)
      INFONOISE_FAIL_(file_error, detail::file_message(path) +
                                      (errno == EEXIST ? ": go on with it by Journal::resume, or choose another name" : ""));
    if (!detail::take(journal.file_.get()) || std::fwrite(journal.record_.data(), 1, used, journal.file_.get()) != used) {
      const std::string text = detail::file_message(path);
      journal.file_.reset();
      // A beginning that is cut off could not be resumed, and would be in the way.
      (void)std::remove(path.c_str());
      INFONOISE_FAIL_(file_error, text);
    }
    journal.scheduler_ = std::move(scheduler);
    return journal;
  }

  /// Goes on with a journal at the place where its run was what `scheduler` is now
  /// (loaded from a checkpoint, say). What was recorded behind it moves to the file
  /// PATH.cut-STEP (.2, .3, ... where that exists): `cut_bytes` says how much.
  static Result<Journal> resume(const std::string& path, Scheduler&& scheduler) {
    Journal journal;
    journal.path_ = path;
    journal.file_.reset(std::fopen(path.c_str(), "r+be"));
    if (!journal.file_) INFONOISE_FAIL_(file_error, detail::file_message(path));
    if (!detail::take(journal.file_.get()))
      INFONOISE_FAIL_(file_error, path + " is open in another writer: close that journal first");
    INFONOISE_TRY_(replay, Replay::open(path));
    INFONOISE_TRY_(report, scheduler.report());
    INFONOISE_TRY_(digest, scheduler.digest());
    INFONOISE_TRY_(found, replay.seek(report.steps, digest));
    if (!found)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, path + " never was where this schedule is (step " + std::to_string(report.steps) +
                                              ", digest " + detail::hex(digest) + "), and ends at step " +
                                              std::to_string(replay.steps()) + ": pass the checkpoint of that run, or begin a new journal");
    journal.memory_ = std::move(replay.memory_);
    // A digest to show that the run goes on from here; after a close it is there already.
    std::size_t used = 0;
    void* const out = journal.room(0);
    INFONOISE_CHECK_(infonoise_journal_digest(journal.memory_.data(), journal.memory_bytes(), scheduler.data(),
                                              scheduler.bytes(), out, journal.record_.size(), &used),
                     detail::message(status_));
    while (replay.fill()) {
    }
    const bool closed =
        replay.rest_bytes() == used && std::memcmp(replay.rest(), journal.record_.data(), used) == 0;
    if (!closed && replay.rest_bytes() > 0) {
      const std::string name = path + ".cut-" + std::to_string(report.steps);
      std::string aside = name;
      detail::File file(std::fopen(aside.c_str(), "wbxe"));
      for (int more = 2; !file && errno == EEXIST; ++more) {
        aside = name + "." + std::to_string(more);
        file.reset(std::fopen(aside.c_str(), "wbxe"));
      }
      if (!file || std::fwrite(replay.rest(), 1, replay.rest_bytes(), file.get()) != replay.rest_bytes() ||
          std::fflush(file.get()) != 0)
        INFONOISE_FAIL_(file_error, detail::file_message(aside));
      journal.cut_bytes_ = replay.rest_bytes();
    }
    std::error_code failed;
    std::filesystem::resize_file(path, replay.position(), failed);
    if (failed) INFONOISE_FAIL_(file_error, path + ": " + failed.message());
    if (std::fseek(journal.file_.get(), 0, SEEK_END) != 0) INFONOISE_FAIL_(file_error, detail::file_message(path));
    INFONOISE_RUN_(journal.write(used));
    journal.scheduler_ = std::move(scheduler);
    return journal;
  }

  Journal(Journal&&) = default;
  Journal& operator=(Journal&& other) noexcept {
    if (this != &other) {
      (void)end();
      path_ = std::move(other.path_), file_ = std::move(other.file_), memory_ = std::move(other.memory_);
      record_ = std::move(other.record_), scheduler_ = std::move(other.scheduler_);
      cut_bytes_ = other.cut_bytes_, process_ = other.process_;
    }
    return *this;
  }
  /// Closes; call `close` to learn whether that succeeded.
  ~Journal() { (void)end(); }

  /// As `Scheduler::sample`.
  Result<void> sample(Span<float> sigma) { return sample_shard(sigma, 0, 1); }
  Result<std::vector<float>> sample(std::size_t n) { return sample_shard(n, 0, 1); }

  /// As `Scheduler::sample_shard`; the whole global batch can then be observed by number.
  Result<void> sample_shard(Span<float> sigma, std::uint32_t rank, std::uint32_t world) {
    INFONOISE_RUN_(check_open());
    std::size_t used = 0;
    void* const out = room(0);
    INFONOISE_CHECK_(infonoise_journal_sample(memory_.data(), memory_bytes(), scheduler_.data(), scheduler_.bytes(),
                                              sigma.data(), sigma.size(), rank, world, out, record_.size(), &used),
                     scheduler_.why(status_, Scheduler::shard(sigma.size(), rank, world)));
    return write(used);
  }
  Result<std::vector<float>> sample_shard(std::size_t n, std::uint32_t rank, std::uint32_t world) {
    std::vector<float> sigma(n);
    INFONOISE_RUN_(sample_shard(sigma, rank, world));
    return sigma;
  }

  /// As `Scheduler::observe`.
  Result<std::size_t> observe(Span<const float> sigma, Span<const float> error) {
    return observe_masked(sigma, error, nullptr);
  }
  Result<std::size_t> observe(Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask) {
    if (mask.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, Scheduler::lengths(sigma, "mask", mask.size()));
    return observe_masked(sigma, error, mask.data());
  }

  /// As `Scheduler::step`; a refresh leaves its digest in the file.
  Result<Report> step() {
    INFONOISE_RUN_(check_open());
    Report report;
    std::size_t used = 0;
    void* const out = room(0);
    INFONOISE_CHECK_(infonoise_journal_step(memory_.data(), memory_bytes(), scheduler_.data(), scheduler_.bytes(),
                                            &report, out, record_.size(), &used),
                     scheduler_.why(status_));
    INFONOISE_RUN_(write(used));
    return report;
  }

  /// As `Scheduler::advance`, in three records.
  Result<Report> advance(Span<const float> sigma, Span<const float> error, Span<float> next_sigma) {
    INFONOISE_RUN_(observe(sigma, error));
    return step_and_sample(next_sigma);
  }
  Result<Report> advance(Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask,
                         Span<float> next_sigma) {
    INFONOISE_RUN_(observe(sigma, error, mask));
    return step_and_sample(next_sigma);
  }

  /// As `Scheduler::set_frozen`.
  Result<void> set_frozen(bool frozen) {
    INFONOISE_RUN_(check_open());
    std::size_t used = 0;
    void* const out = room(0);
    INFONOISE_CHECK_(infonoise_journal_set_frozen(memory_.data(), memory_bytes(), scheduler_.data(), scheduler_.bytes(),
                                                  frozen, out, record_.size(), &used),
                     scheduler_.why(status_));
    return write(used);
  }

  /// As `Scheduler::reconfigure`.
  Result<void> reconfigure(const Config& config) {
    INFONOISE_RUN_(check_open());
    INFONOISE_RUN_(scheduler_.check_reconfigure(config));
    const std::vector<double> weight = Scheduler::weight_or_ones(config);
    std::size_t used = 0;
    void* const out = room(0);
    INFONOISE_CHECK_(
        infonoise_journal_reconfigure(memory_.data(), memory_bytes(), scheduler_.data(), scheduler_.bytes(),
                                      &config.raw(), weight.data(), out, record_.size(), &used),
        scheduler_.why(status_));
    return write(used);
  }

  /// Records the last digest and closes the file; a second time does nothing.
  Result<void> close() {
    if (!end()) INFONOISE_FAIL_(file_error, detail::file_message(path_));
    return Result<void>();
  }

  /// The schedule, to be read, saved or copied.
  const Scheduler& scheduler() const noexcept { return scheduler_; }
  /// Bytes behind the checkpoint that `resume` moved aside.
  std::uint64_t cut_bytes() const noexcept { return cut_bytes_; }

 private:
  Journal() = default;

  std::size_t memory_bytes() const { return memory_.size() * 8; }

  // Room for the record of a call on n pairs, and in any case for that of a digest.
  void* room(std::size_t n) {
    const std::size_t needed = infonoise_record_bytes(n);
    if (record_.size() < needed) record_.resize(needed);
    return record_.data();
  }

  Result<void> check_open() const {
    if (!file_)
      INFONOISE_FAIL_(INFONOISE_NOT_A_JOURNAL, "the journal is closed: copy its scheduler, or resume the journal");
    if (::getpid() != process_)
      INFONOISE_FAIL_(INFONOISE_NOT_A_JOURNAL,
                      "the journal belongs to the process that opened it: copy its scheduler here, or begin another");
    return Result<void>();
  }

  Result<void> write(std::size_t used) {
    if (std::fwrite(record_.data(), 1, used, file_.get()) != used) return broken();
    return Result<void>();
  }

  // The scheduler has moved on: records behind a gap would be worthless.
  Result<void> broken() {
    const std::string text = detail::file_message(path_);
    file_.reset();
    INFONOISE_FAIL_(file_error, text);
  }

  bool end() noexcept {
    if (!file_) return true;
    if (::getpid() != process_) return file_.reset(), true;
    std::size_t used = 0;
    const infonoise_status status =
        infonoise_journal_digest(memory_.data(), memory_bytes(), scheduler_.data(), scheduler_.bytes(), record_.data(),
                                 record_.size(), &used);
    const bool written = status == INFONOISE_OK && std::fwrite(record_.data(), 1, used, file_.get()) == used;
    return (std::fclose(file_.release()) == 0) && written;
  }

  Result<Report> step_and_sample(Span<float> next_sigma) {
    INFONOISE_TRY_(report, step());
    INFONOISE_RUN_(sample(next_sigma));
    return Report(report);
  }

  Result<std::size_t> observe_masked(Span<const float> sigma, Span<const float> error, const std::uint8_t* mask) {
    INFONOISE_RUN_(check_open());
    if (error.size() != sigma.size()) INFONOISE_FAIL_(INFONOISE_LENGTH, Scheduler::lengths(sigma, "error", error.size()));
    std::size_t rejected = 0, used = 0;
    void* const out = room(sigma.size());
    INFONOISE_CHECK_(
        infonoise_journal_observe(memory_.data(), memory_bytes(), scheduler_.data(), scheduler_.bytes(), sigma.data(),
                                  error.data(), mask, sigma.size(), &rejected, out, record_.size(), &used),
        scheduler_.why(status_, std::to_string(sigma.size()) + " pairs must be at most 2^28"));
    INFONOISE_RUN_(write(used));
    return rejected;
  }

  std::string path_;
  detail::File file_;
  std::vector<std::uint64_t> memory_;
  std::vector<std::uint8_t> record_;
  Scheduler scheduler_;
  std::uint64_t cut_bytes_ = 0;
  // A forked child must not write: it shares the file and its place with its parent.
  ::pid_t process_ = ::getpid();
};

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
