// Journals: a run as a file from which anyone can execute its schedule again.
#pragma once

#include <fcntl.h>
#include <infonoise_journal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "scheduler.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

namespace detail {

// A call of the system on a file that failed just now: `errno` says why.
inline Error file_failure(const std::string& path, const char* remedy = "") {
  const int reason = errno;
  return Error(file_error, path + ": " + std::strerror(reason) + remedy, reason);
}

// An open file, without a buffer: a record is with the operating system when `append`
// returns, so a checkpoint is never ahead of its journal. Programs that this one starts
// do not inherit it, since they would keep its lock. Where a call fails, errno says why.
class File {
 public:
  File() = default;
  File(const std::string& path, int flags) noexcept : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    (void)other.close();
    return *this;
  }
  ~File() { (void)close(); }

  explicit operator bool() const noexcept { return descriptor_ >= 0; }
  bool close() noexcept { return descriptor_ < 0 || ::close(std::exchange(descriptor_, -1)) == 0; }

  // Against a second writer, which would overwrite this one.
  bool lock() const noexcept { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }
  bool cut(std::uint64_t length) const noexcept { return ::ftruncate(descriptor_, static_cast<::off_t>(length)) == 0; }
  bool to_end() const noexcept { return ::lseek(descriptor_, 0, SEEK_END) >= 0; }
  bool sync() const noexcept { return ::fsync(descriptor_) == 0; }

  // The next bytes: how many, 0 at the end, negative where it failed.
  ::ssize_t read(std::uint8_t* bytes, std::size_t n) const noexcept {
    for (;;) {
      const ::ssize_t got = ::read(descriptor_, bytes, n);
      if (got >= 0 || errno != EINTR) return got;
    }
  }

  // Writes all n bytes, or none: a part that fits on a full disk is cut off again.
  bool append(const std::uint8_t* bytes, std::size_t n) const noexcept {
    for (std::size_t done = 0; done < n;) {
      const ::ssize_t more = ::write(descriptor_, bytes + done, n - done);
      if (more < 0 && errno == EINTR) continue;
      if (more <= 0) {
        const int reason = more < 0 ? errno : ENOSPC;
        const ::off_t end = ::lseek(descriptor_, 0, SEEK_CUR), start = end - static_cast<::off_t>(done);
        if (done > 0 && end >= 0 && ::ftruncate(descriptor_, start) == 0) (void)::lseek(descriptor_, start, SEEK_SET);
        errno = reason;
        return false;
      }
      done += static_cast<std::size_t>(more);
    }
    return true;
  }

 private:
  int descriptor_ = -1;
};

// What the C ABI needs of a run; the pointers are good until the block or the memory moves.
inline infonoise_recorder run_of(infonoise_state* state, std::size_t bytes, std::vector<std::uint64_t>& memory) {
  infonoise_recorder run = INFONOISE_RECORDER_INIT;
  run.state = state, run.bytes = bytes;
  run.recent = memory.data(), run.recent_bytes = memory.size() * 8;
  return run;
}

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
    replay.file_ = detail::File(path, O_RDONLY);
    if (!replay.file_) INFONOISE_FAIL_(detail::file_failure(path));
    std::size_t state = 0, memory = 0;
    infonoise_status status;
    for (;;) {
      INFONOISE_TRY_(more, replay.fill());
      status = infonoise_replay_needs(replay.rest(), replay.rest_bytes(), &state, &memory);
      if (status != INFONOISE_TRUNCATED || !more) break;
    }
    if (replay.rest_bytes() == 0)
      INFONOISE_FAIL_(INFONOISE_TRUNCATED, path + " is empty, nothing was recorded: delete it and begin anew");
    INFONOISE_CHECK_(status, path + ": " + detail::message(status_, Span<const std::uint8_t>(replay.buffer_)));
    replay.scheduler_.words_.resize(state / 8);
    replay.memory_.resize(memory / 8);
    infonoise_recorder run = replay.run();
    INFONOISE_CHECK_(infonoise_replay_begin(&run, replay.rest(), replay.rest_bytes()),
                     path + ": " + detail::message(status_));
    replay.skip(run.used);
    return replay;
  }

  /// Executes one record; nothing at the end of the journal.
  Result<std::optional<Event>> next() {
    if (!file_) INFONOISE_FAIL_(INFONOISE_NOT_A_JOURNAL, path_ + ": this replay is closed: begin another");
    Event event;
    infonoise_recorder run = this->run();
    infonoise_status status;
    for (;;) {
      status = infonoise_replay_next(&run, rest(), rest_bytes(), &event);
      if (status != INFONOISE_TRUNCATED) break;
      INFONOISE_TRY_(more, fill());
      if (!more) break;
    }
    skip(run.used);
    if (status == INFONOISE_OK || status == INFONOISE_DIFFERS) {
      steps_ = event.steps;
      if (status == INFONOISE_DIFFERS)
        INFONOISE_FAIL_(status, path_ + " differs at step " + std::to_string(steps_) + ": its digest is " +
                                    detail::hex(event.expected) + ", the run's " + detail::hex(event.found));
      digests_ += event.kind == INFONOISE_EVENT_KIND_DIGEST;
      return std::optional<Event>(event);
    }
    // Whether it is the last, half-written record shows only at the end of the file.
    for (;;) {
      INFONOISE_TRY_(more, fill());
      if (!more) break;
    }
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

  /// The global batch that an event of kind `sampled` drew, directly after that event.
  /// INFONOISE_ARGUMENT if it is larger than the journal's page.
  Result<std::vector<float>> draws(const Event& event) {
    std::vector<float> sigma;
    // No memory for a batch that the page cannot hold.
    const bool held = event.n * event.world <= 2 * memory_.size();
    if (held) sigma.resize(event.n * event.world);
    const infonoise_recorder run = this->run();
    INFONOISE_CHECK_(held ? infonoise_journal_draws(&run, event.first, sigma.data(), sigma.size()) : INFONOISE_ARGUMENT,
                     detail::message(status_, "draws " + std::to_string(event.first) + " to " +
                                                  std::to_string(event.first + event.n * event.world) +
                                                  " are not remembered: record with a larger page"));
    return sigma;
  }

  /// Closes the file; what the replay has found so far stays.
  void close() noexcept { (void)file_.close(); }

  const std::string& path() const noexcept { return path_; }
  /// The schedule so far. Once the replay is done it may be moved out, to train on; before,
  /// a change to it would make the replay differ.
  const Scheduler& scheduler() const noexcept { return scheduler_; }
  Scheduler& scheduler() noexcept { return scheduler_; }
  /// Optimizer steps so far, also where a replay failed.
  std::uint64_t steps() const noexcept { return steps_; }
  /// How many digests agreed.
  std::uint64_t digests() const noexcept { return digests_; }
  /// Bytes of the journal that are done.
  std::uint64_t position() const noexcept { return position_; }
  /// Length of a half-written record at the end of the file, which is left out.
  std::size_t torn_bytes() const noexcept { return torn_bytes_; }

 private:
  friend class Recorder;

  Replay() = default;

  infonoise_recorder run() { return detail::run_of(scheduler_.data(), scheduler_.bytes(), memory_); }

  const std::uint8_t* rest() const { return buffer_.data() + at_; }
  std::size_t rest_bytes() const { return buffer_.size() - at_; }

  void skip(std::size_t used) {
    at_ += used, position_ += used;
    if (head_ == 0) head_ = used;
  }

  // Reads on; false at the end of the file.
  Result<bool> fill() {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    const std::size_t had = buffer_.size();
    buffer_.resize(had + std::max<std::size_t>(had, 1 << 16));
    const ::ssize_t got = file_.read(buffer_.data() + had, buffer_.size() - had);
    buffer_.resize(had + static_cast<std::size_t>(std::max<::ssize_t>(got, 0)));
    if (got < 0) INFONOISE_FAIL_(detail::file_failure(path_));
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

/// Where the block of a schedule lies, of `infonoise_state_bytes` bytes.
struct Block {
  infonoise_state* data;
  std::size_t bytes;
};

/// The file of a journal, for a schedule whose block lies in memory of yours: a `Journal`
/// is one of these with a `Scheduler`. Every call takes the block, which must be the same
/// schedule each time; between the calls it may be read, saved and copied.
///
/// A record is written whole, and is with the operating system when the call returns.
/// Where that fails, the call gives `file_error` with the file's name, the file keeps the
/// records before, and the journal closes: the schedule has moved on, and records after a
/// gap would be worthless.
class Recorder {
 public:
  /// Begins a journal of a block, which is fresh from `seed` or has run before. Otherwise
  /// as `Journal::create`.
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
      INFONOISE_FAIL_(detail::file_failure(path, errno == EEXIST ? ": go on with it by resume, or choose another name" : ""));
    if (!fresh.file_.lock() || !fresh.file_.append(fresh.record_.data(), run.used)) {
      const Error failure = detail::file_failure(path);
      // A beginning that is cut off could not be resumed, and would be in the way.
      (void)std::remove(path.c_str());
      INFONOISE_FAIL_(failure);
    }
    return fresh;
  }

  /// Goes on with a journal at the place where its run was what the block is now. Otherwise
  /// as `Journal::resume`.
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
    // Enough to tell whether the journal was closed here: then its digest is all that is left.
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
    // The digest shows that the run goes on from here.
    if (!closed) INFONOISE_RUN_(again.write(used));
    return again;
  }

  /// As `Scheduler::sample_shard`; the whole global batch can then be observed by number.
  Result<void> sample(Block block, Span<float> sigma, std::uint32_t rank, std::uint32_t world) {
    INFONOISE_RUN_(check_draw(sigma.size(), world));
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_sample(&run, sigma.data(), sigma.size(), rank, world),
                     Scheduler::refusal(block.bytes, status_, Scheduler::shard(sigma.size(), rank, world)));
    return write(run.used);
  }

  /// As `Scheduler::observe`. `mask` has a byte for each sigma, or is empty: all count.
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

  /// As `Scheduler::step`; a refresh leaves its digest in the file.
  Result<Report> step(Block block) {
    INFONOISE_RUN_(check_open());
    Report report;
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_step(&run, &report), Scheduler::refusal(block.bytes, status_));
    INFONOISE_RUN_(write(run.used));
    return report;
  }

  /// As `Scheduler::advance`, in three records. What can be refused is refused before the first.
  Result<Report> advance(Block block, Span<const float> sigma, Span<const float> error, Span<const std::uint8_t> mask,
                         Span<float> next_sigma) {
    INFONOISE_RUN_(check_draw(next_sigma.size(), 1));
    INFONOISE_RUN_(observe(block, sigma, error, mask));
    INFONOISE_TRY_(report, step(block));
    INFONOISE_RUN_(sample(block, next_sigma, 0, 1));
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

  /// Waits until what was recorded is on the disk (fsync).
  Result<void> sync() {
    INFONOISE_RUN_(check_open());
    if (!file_.sync()) INFONOISE_FAIL_(detail::file_failure(path_));
    return Result<void>();
  }

  /// Records the last digest and closes the file; a second time does nothing. A forked
  /// child closes without a record. A `Recorder` that is destroyed without it leaves none
  /// either, as a program that is killed does.
  Result<void> close(Block block) {
    if (file_ && ::getpid() == process_) {
      INFONOISE_TRY_(used, digest_record(block));
      INFONOISE_RUN_(write(used));
    }
    if (!file_.close()) INFONOISE_FAIL_(detail::file_failure(path_));
    return Result<void>();
  }

  /// INFONOISE_ARGUMENT unless a journal can record a global batch of this many draws.
  Result<void> check_draw(std::uint64_t n, std::uint32_t world) const {
    INFONOISE_RUN_(check_open());
    if (n >> 32 != 0 || n * world >> 32 != 0)
      INFONOISE_FAIL_(INFONOISE_ARGUMENT, "n = " + std::to_string(n) + " for each of world = " + std::to_string(world) +
                                              ": world * n must be below 2^32 in a journal");
    return Result<void>();
  }

  const std::string& path() const noexcept { return path_; }
  /// Bytes after the checkpoint that `resume` moved aside, and the file that holds them.
  std::uint64_t cut_bytes() const noexcept { return cut_bytes_; }
  const std::string& cut_path() const noexcept { return cut_path_; }

 private:
  explicit Recorder(const std::string& path) : path_(path) {}

  // With room for the record of a call on n pairs, and in any case for that of a digest.
  infonoise_recorder run(Block block, std::size_t n = 0) {
    const std::size_t needed = infonoise_record_bytes(n);
    if (record_.size() < needed) record_.resize(needed);
    infonoise_recorder run = detail::run_of(block.data, block.bytes, memory_);
    run.record = record_.data(), run.record_bytes = record_.size();
    return run;
  }

  Result<void> check_open() const {
    if (!file_)
      INFONOISE_FAIL_(INFONOISE_NOT_A_JOURNAL, "the journal is closed: resume it, or go on with its scheduler alone");
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

  // Puts the record of the digest as it is now into `record_`: its length.
  Result<std::size_t> digest_record(Block block) {
    infonoise_recorder run = this->run(block);
    INFONOISE_CHECK_(infonoise_journal_digest(&run), Scheduler::refusal(block.bytes, status_));
    return std::size_t{run.used};
  }

  // Copies what is left of a journal to the file `name`, or `name`.2, ... where that
  // exists: a second crash after the same checkpoint does not cost what the first left.
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
  // The recent draws, which let a record name sigmas by number.
  std::vector<std::uint64_t> memory_;
  std::vector<std::uint8_t> record_;
  std::uint64_t cut_bytes_ = 0;
  // A forked child must not write: it shares the file and its place with its parent.
  ::pid_t process_ = ::getpid();
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
///     // After a crash, at the checkpoint `snapshot`; what came after it moves aside:
///     auto again = infonoise::Journal::resume("run.journal", infonoise::Scheduler::load(snapshot));
///
/// The journal takes the scheduler over, so that no call can go past the record; what
/// only reads goes to `journal.scheduler()`. The verbs are the scheduler's own. Each
/// record is whole, and is with the operating system when the call returns; where that
/// fails, the journal closes (see `Recorder`).
class Journal {
 public:
  /// Begins a journal; a file that exists is refused. `page`: at least a global batch
  /// and what is drawn ahead of its observations; sigmas that were drawn earlier are
  /// stored, not named. The scheduler is taken only if this succeeds.
  static Result<Journal> create(const std::string& path, Scheduler&& scheduler, std::uint32_t page = 16384) {
    INFONOISE_TRY_(recorder, Recorder::create(path, block_of(scheduler), scheduler.seed(), page));
    return Journal(std::move(recorder), std::move(scheduler));
  }

  /// Goes on with a journal at the place where its run was what `scheduler` is now
  /// (loaded from a checkpoint, say). What was recorded after it moves to the file
  /// PATH.cut-STEP (.2, .3, ... where that exists): `cut_bytes` says how much, `cut_path`
  /// where. Fails with `file_error` while another writer has the file, and where a file
  /// cannot be written; a file to move to that cannot be written whole is removed.
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
  Result<void> sample(Span<float> sigma) { return sample_shard(sigma, 0, 1); }
  Result<std::vector<float>> sample(std::size_t n) { return sample_shard(n, 0, 1); }

  /// As `Scheduler::sample_shard`; the whole global batch can then be observed by number.
  Result<void> sample_shard(Span<float> sigma, std::uint32_t rank, std::uint32_t world) {
    return recorder_.sample(block(), sigma, rank, world);
  }
  Result<std::vector<float>> sample_shard(std::size_t n, std::uint32_t rank, std::uint32_t world) {
    INFONOISE_RUN_(recorder_.check_draw(n, world));
    std::vector<float> sigma(n);
    INFONOISE_RUN_(sample_shard(sigma, rank, world));
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

  /// As `Scheduler::step`; a refresh leaves its digest in the file.
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

  /// Waits until what was recorded is on the disk (fsync): before a checkpoint that must
  /// survive the machine, not only the process.
  Result<void> sync() { return recorder_.sync(); }

  /// Records the last digest and closes the file; a second time does nothing.
  Result<void> close() { return recorder_.close(block()); }

  /// The schedule, to be read, saved or copied.
  const Scheduler& scheduler() const noexcept { return scheduler_; }
  /// Bytes after the checkpoint that `resume` moved aside, and the file that holds them.
  std::uint64_t cut_bytes() const noexcept { return recorder_.cut_bytes(); }
  const std::string& cut_path() const noexcept { return recorder_.cut_path(); }

 private:
  Journal(Recorder&& recorder, Scheduler&& scheduler)
      : recorder_(std::move(recorder)), scheduler_(std::move(scheduler)) {}

  static Block block_of(Scheduler& scheduler) noexcept { return {scheduler.data(), scheduler.bytes()}; }
  Block block() noexcept { return block_of(scheduler_); }

  // Closes where nobody asks whether that succeeded.
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
