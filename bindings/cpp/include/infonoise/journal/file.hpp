// The file of a journal: locked, without a buffer; each record is written completely or not at all.
#pragma once

#include <fcntl.h>
#include <infonoise_journal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "../scheduler.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {

namespace detail {

// The error of a system call on a file that has just failed; `errno` says why.
inline Error file_failure(const std::string& path, const char* remedy = "") {
  const int reason = errno;
  return Error(file_error, path + ": " + std::strerror(reason) + remedy, reason);
}

// An open file, without a buffer: the operating system has a record when `append`
// returns, so a checkpoint is never ahead of its journal. Child programs do not inherit
// it, since they would keep its lock. If a call fails, errno says why.
class File {
 public:
  File() = default;
  File(const std::string& path, int flags) noexcept {
    // The system would open the path before a zero byte.
    if (path.find('\0') != std::string::npos)
      errno = EINVAL;
    else
      descriptor_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  }
  File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    (void)other.close();
    return *this;
  }
  ~File() { (void)close(); }

  explicit operator bool() const noexcept { return descriptor_ >= 0; }
  bool close() noexcept { return descriptor_ < 0 || ::close(std::exchange(descriptor_, -1)) == 0; }

  // Locks against a second writer, which would overwrite this one's records.
  bool lock() const noexcept { return ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0; }
  bool cut(std::uint64_t length) const noexcept { return ::ftruncate(descriptor_, static_cast<::off_t>(length)) == 0; }
  bool to_end() const noexcept { return ::lseek(descriptor_, 0, SEEK_END) >= 0; }
  bool sync() const noexcept { return ::fsync(descriptor_) == 0; }

  // Reads the next bytes; returns how many, 0 at the end, negative on failure.
  ::ssize_t read(std::uint8_t* bytes, std::size_t n) const noexcept {
    for (;;) {
      const ::ssize_t got = ::read(descriptor_, bytes, n);
      if (got >= 0 || errno != EINTR) return got;
    }
  }

  // Writes all n bytes or none: if only a part fits on the disk, it is cut off again.
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

// The C ABI's record of a run; its pointers are valid until the block or the memory moves.
inline infonoise_recorder run_of(infonoise_state* state, std::size_t bytes, std::vector<std::uint64_t>& memory) {
  infonoise_recorder run = INFONOISE_RECORDER_INIT;
  run.state = state, run.bytes = bytes;
  run.recent = memory.data(), run.recent_bytes = memory.size() * 8;
  return run;
}

}  // namespace detail

}  // namespace INFONOISE_MODE_
}  // namespace infonoise
