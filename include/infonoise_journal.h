/* infonoise: a run as a journal, from which anyone can execute its schedule again.
 * Generated from the ffi crate by `make header`; do not edit.
 *
 * A recorded call does what the function without `journal_` does and writes its record,
 * `used` bytes, to `record`; append these bytes to a file, in order. If a call fails,
 * nothing has changed and nothing is to be appended.
 *
 *   infonoise_recorder run = INFONOISE_RECORDER_INIT;
 *   run.state = state, run.bytes = bytes;
 *   run.recent_bytes = infonoise_recent_bytes(16384), run.recent = malloc(run.recent_bytes);
 *   run.record_bytes = infonoise_journal_begin_bytes(state, bytes) + infonoise_record_bytes(n);
 *   run.record = malloc(run.record_bytes);
 *   infonoise_journal_begin(&run, 16384, seed), fwrite(run.record, 1, run.used, file);
 *   for (;;) {
 *     infonoise_journal_sample(&run, sigma, n, 0, 1), fwrite(run.record, 1, run.used, file);
 *     infonoise_journal_observe(&run, sigma, error, NULL, n, NULL), fwrite(...);
 *     infonoise_journal_step(&run, NULL), fwrite(...);
 *   }
 */

#ifndef INFONOISE_JOURNAL_H
#define INFONOISE_JOURNAL_H

#include "infonoise.h"

#define INFONOISE_RECORDER_INIT INFONOISE_INIT_(infonoise_recorder)
#define INFONOISE_EVENT_INIT INFONOISE_INIT_(infonoise_event)


// What a record of a journal did.
INFONOISE_ENUM_(infonoise_event_kind) {
  INFONOISE_EVENT_KIND_SAMPLED = 0,  // Draws: `first`, `n`, `offset`, `total`.
  INFONOISE_EVENT_KIND_OBSERVED = 1,  // Observations: `n`, `rejected`.
  INFONOISE_EVENT_KIND_STEPPED = 2,  // An optimizer step: `refreshed`, `held`.
  INFONOISE_EVENT_KIND_FROZEN = 3,  // Refreshes stopped (`n` = 1) or resumed (`n` = 0).
  INFONOISE_EVENT_KIND_RECONFIGURED = 4,  // A new configuration.
  INFONOISE_EVENT_KIND_DIGEST = 5,  // A digest: `steps`, `expected`, `found`.
};

// The memory of a journal or of its replay. The caller owns all of it, and no part may
// overlap another. A replay needs no `record`.
typedef struct {
  uint32_t struct_size;  // `sizeof` this struct, set by `INFONOISE_RECORDER_INIT`.
  uint32_t reserved;  // Padding; 0.
  infonoise_state *state;  // The schedule.
  size_t bytes;  // Bytes of `state`.
  void *recent;  // Memory of the recent draws, 8-aligned.
  size_t recent_bytes;  // `infonoise_recent_bytes`.
  void *record;  // Buffer for one record.
  size_t record_bytes;  // Bytes of `record`.
  size_t used;  // Out: bytes that a call wrote to `record` or read from it; 0 if it failed.
} infonoise_recorder;

// What a record of a journal did. Members that the kind does not name are 0.
typedef struct {
  uint32_t struct_size;  // `sizeof` this struct, set by `INFONOISE_EVENT_INIT`.
  uint32_t kind;  // `infonoise_event_kind`.
  uint32_t refreshed;  // 1: the step refreshed the sampler.
  uint32_t held;  // 1: the step's refresh was held.
  uint64_t first;  // The number of the global batch's first draw.
  uint64_t n;  // Draws of this rank, or pairs observed.
  uint64_t offset;  // The place of the first of those draws in the global batch.
  uint64_t total;  // Draws of the global batch.
  uint64_t rejected;  // Pairs rejected.
  uint64_t steps;  // Optimizer steps so far.
  uint64_t expected;  // The digest as recorded.
  uint64_t found;  // The digest that the replay computed.
} infonoise_event;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Bytes that `recent` needs for the last `page` draws: at least a global batch and
// what is drawn before it is observed. 0 if `page` is 0 or above 2^28.
size_t infonoise_recent_bytes(uint32_t page);

// Bytes that are enough for the record of any call on n pairs, except
// `infonoise_journal_begin`.
size_t infonoise_record_bytes(size_t n);

// Bytes that are enough for `infonoise_journal_begin`; 0 if the block holds no
// scheduler.
size_t infonoise_journal_begin_bytes(const infonoise_state *state, size_t bytes);

// Begins the journal of a run, with recent draws of `page` sigmas, none so far.
// `record` then holds the first `used` bytes of the file. If the block has just been
// initialised with `seed`, the journal starts with its configuration, otherwise with
// its snapshot.
//
// Errors: STRUCT_SIZE; those of a state; ARGUMENT (page); TOO_SMALL (`recent_bytes`,
// or `record_bytes` below `infonoise_journal_begin_bytes`).
infonoise_status infonoise_journal_begin(infonoise_recorder *recorder, uint32_t page,
                                         uint64_t seed);

// As `infonoise_sample_slice`; total is below 2^32.
//
// Errors of this and the next five: as without `journal_`; STRUCT_SIZE,
// NOT_A_JOURNAL (`recent`), TOO_SMALL (`record_bytes` below
// `infonoise_record_bytes(n)`, where n is 0 except for observe).
infonoise_status infonoise_journal_sample(infonoise_recorder *recorder, float *sigma, size_t n,
                                          uint64_t offset, uint64_t total);

// As `infonoise_observe_masked`, n at most 2^28. Sigmas that are in `recent` are
// stored by their number in the stream of draws, others by value.
infonoise_status infonoise_journal_observe(infonoise_recorder *recorder, const float *sigma,
                                           const float *error, const uint8_t *mask, size_t n,
                                           size_t *rejected);

// As `infonoise_step`; a refresh, done or held, is followed by its digest.
infonoise_status infonoise_journal_step(infonoise_recorder *recorder, infonoise_report *report);

// As `infonoise_set_frozen`.
infonoise_status infonoise_journal_set_frozen(infonoise_recorder *recorder, uint32_t frozen);

// As `infonoise_reconfigure`.
infonoise_status infonoise_journal_reconfigure(infonoise_recorder *recorder,
                                               const infonoise_config *config,
                                               const double *weight);

// Records the present digest, which a replay compares with its own: at the end of a
// run, or wherever a proof is wanted.
infonoise_status infonoise_journal_digest(infonoise_recorder *recorder);

// Bytes that the replay of a journal needs for its `state` and its `recent`, from the
// journal's first `head_bytes` bytes.
//
// Errors: NULL; TRUNCATED (pass more bytes), NOT_A_JOURNAL, JOURNAL_VERSION, CHECKSUM,
// RECORD; the errors of `infonoise_load`.
infonoise_status infonoise_replay_needs(const void *head, size_t head_bytes, size_t *state_bytes,
                                        size_t *recent_bytes);

// Starts the run of a journal in the recorder's `state` and `recent`. `used` receives
// the bytes read: the next record begins there.
//
// Errors: as `infonoise_replay_needs`; STRUCT_SIZE; MISALIGNED; TOO_SMALL.
infonoise_status infonoise_replay_begin(infonoise_recorder *recorder, const void *head,
                                        size_t head_bytes);

// Executes the record at the start of `record`. `used` receives its length and
// `event`, unless NULL, what it did. More bytes may follow the record.
//
// Errors: those of a state; NOT_A_JOURNAL, STRUCT_SIZE; TRUNCATED (the record is
// longer: pass more bytes, or see `infonoise_journal_is_torn`), CHECKSUM, RECORD;
// DIFFERS if the digests are not equal: `used` and `event` are set then, and the
// replay may continue.
infonoise_status infonoise_replay_next(infonoise_recorder *recorder, const void *record,
                                       size_t record_bytes, infonoise_event *event);

// Copies n draws from number `first` on out of `recent`: after a `sampled` event, for
// example, its global batch.
//
// Errors: NULL, MISALIGNED, STRUCT_SIZE, TOO_SMALL, NOT_A_JOURNAL; ARGUMENT if
// `recent` no longer holds one of them.
infonoise_status infonoise_journal_draws(const infonoise_recorder *recorder, uint64_t first,
                                         float *sigma, size_t n);

// 1 if `rest`, the bytes of a file after its last whole record, are what an
// interrupted write leaves; they can be cut off. 0 if they are damaged, or a whole
// record.
uint32_t infonoise_journal_is_torn(const void *rest, size_t rest_bytes);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* INFONOISE_JOURNAL_H */
