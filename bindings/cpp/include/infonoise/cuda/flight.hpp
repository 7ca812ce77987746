// A stage's snapshot: the scheduler's, and the batches that the scheduler has not observed yet.
#pragma once

#include <cstddef>
#include <cstring>

#include "../infonoise.hpp"

namespace infonoise {
inline namespace INFONOISE_MODE_ {
namespace cuda {
namespace detail {

struct Batch {
  std::vector<float> sigma, error;
  std::vector<std::uint8_t> mask;
};

// Six words, the scheduler's snapshot, then each batch; little-endian, as all hosts of CUDA are.
struct Head {
  char magic[8] = {'I', 'N', 'F', 'S', 'T', 'A', 'G', '1'};
  // The checksum of every byte after it.
  std::uint64_t checksum = 0;
  std::uint64_t snapshot_bytes = 0, n = 0, lag = 0, batches = 0;
};
static_assert(sizeof(Head) == 48);

// FNV-1a, since the core does not export its checksum.
inline std::uint64_t checksum(Span<const std::uint8_t> snapshot) {
  std::uint64_t sum = 0xCBF29CE484222325;
  for (std::size_t i = offsetof(Head, snapshot_bytes); i < snapshot.size(); ++i) sum = (sum ^ snapshot[i]) * 0x100000001B3;
  return sum;
}

inline Result<Head> read_head(Span<const std::uint8_t> snapshot) {
  Head head;
  if (snapshot.size() < sizeof head || std::memcmp(snapshot.data(), head.magic, sizeof head.magic) != 0)
    INFONOISE_FAIL_(INFONOISE_NOT_A_SNAPSHOT,
                    "the bytes are not what Stage::save returned: the snapshot of a scheduler alone is for Scheduler::load");
  std::memcpy(&head, snapshot.data(), sizeof head);
  const bool whole = head.snapshot_bytes <= snapshot.size() && head.n <= std::uint64_t{1} << 48 && head.batches <= 64 &&
                     sizeof head + head.snapshot_bytes + head.batches * head.n * 9 == snapshot.size();
  if (!whole) INFONOISE_FAIL_(INFONOISE_SNAPSHOT_SIZE, infonoise::detail::message(INFONOISE_SNAPSHOT_SIZE));
  if (checksum(snapshot) != head.checksum)
    INFONOISE_FAIL_(INFONOISE_CHECKSUM, infonoise::detail::message(INFONOISE_CHECKSUM));
  return head;
}

inline std::vector<Batch> read_batches(const Head& head, const std::uint8_t* from) {
  std::vector<Batch> batches(head.batches);
  const auto take = [&](auto& to) {
    to.resize(head.n);
    std::memcpy(to.data(), from, head.n * sizeof to[0]);
    from += head.n * sizeof to[0];
  };
  for (Batch& batch : batches) take(batch.sigma), take(batch.error), take(batch.mask);
  return batches;
}

inline Result<std::vector<std::uint8_t>> write_snapshot(const Scheduler& scheduler, const std::vector<Batch>& batches, Head head) {
  INFONOISE_TRY_(snapshot, scheduler.save());
  head.snapshot_bytes = snapshot.size(), head.batches = batches.size();
  std::vector<std::uint8_t> bytes(sizeof head);
  const auto put = [&](const auto& from) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(from.data());
    bytes.insert(bytes.end(), first, first + from.size() * sizeof from[0]);
  };
  put(snapshot);
  for (const Batch& batch : batches) put(batch.sigma), put(batch.error), put(batch.mask);
  std::memcpy(bytes.data(), &head, sizeof head);
  head.checksum = checksum(bytes);
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

}  // namespace detail

/// The scheduler in the bytes of `Stage::save`, without the batches that were in
/// flight: for `Journal::resume` and for inspection.
inline Result<Scheduler> load_scheduler(Span<const std::uint8_t> snapshot) {
  INFONOISE_TRY_(head, detail::read_head(snapshot));
  return Scheduler::load({snapshot.data() + sizeof head, static_cast<std::size_t>(head.snapshot_bytes)});
}

}  // namespace cuda
}  // namespace INFONOISE_MODE_
}  // namespace infonoise
