// Replays: a journal executed again, record by record.
#pragma once

#include "file.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

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
/// If the run differs from the journal, `next` fails with INFONOISE_DIFFERS and may be
/// called again. If the file is damaged, the error names the byte.
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
      INFONOISE_FAIL_(INFONOISE_TRUNCATED, path + " is empty, nothing was recorded: delete it and start again");
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
    // Only at the end of the file is it known whether this is an incomplete last record.
    for (;;) {
      INFONOISE_TRY_(more, fill());
      if (!more) break;
    }
    if (rest_bytes() > 0 && !infonoise_journal_is_torn(rest(), rest_bytes()))
      INFONOISE_FAIL_(status, path_ + " at byte " + std::to_string(position_) + ": " + detail::message(status));
    torn_bytes_ = rest_bytes();
    return std::optional<Event>();
  }

  /// Executes the remaining records.
  Result<void> finish() {
    for (;;) {
      INFONOISE_TRY_(event, next());
      if (!event) return Result<void>();
    }
  }

  /// Executes records until the run has made `steps` steps and has this digest; false
  /// if it never does.
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
    // Does not allocate for a batch that the page cannot hold.
    const bool held = event.total <= 2 * memory_.size();
    if (held) sigma.resize(event.total);
    const infonoise_recorder run = this->run();
    INFONOISE_CHECK_(held ? infonoise_journal_draws(&run, event.first, sigma.data(), sigma.size()) : INFONOISE_ARGUMENT,
                     detail::message(status_, "draws " + std::to_string(event.first) + " to " +
                                                  std::to_string(event.first + event.total) +
                                                  " are not remembered: record with a larger page"));
    return sigma;
  }

  /// Closes the file; the schedule and the counts so far stay.
  void close() noexcept { (void)file_.close(); }

  const std::string& path() const noexcept { return path_; }
  /// The schedule so far. After the replay it may be moved out, to continue training;
  /// before that, a change to it would make the replay differ.
  const Scheduler& scheduler() const noexcept { return scheduler_; }
  Scheduler& scheduler() noexcept { return scheduler_; }
  /// Optimizer steps so far, also where a replay failed.
  std::uint64_t steps() const noexcept { return steps_; }
  /// How many digests agreed.
  std::uint64_t digests() const noexcept { return digests_; }
  /// Bytes of the journal that were executed.
  std::uint64_t position() const noexcept { return position_; }
  /// Length of an incomplete record at the end of the file, which is left out.
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

  // Reads more bytes; false at the end of the file.
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
  // Bytes read; the first `at_` are executed.
  std::vector<std::uint8_t> buffer_;
  std::size_t at_ = 0, torn_bytes_ = 0;
  std::uint64_t position_ = 0, head_ = 0, steps_ = 0, digests_ = 0;
  // The recent draws, with which a recorder could continue.
  std::vector<std::uint64_t> memory_;
  Scheduler scheduler_;
};

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
