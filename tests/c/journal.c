/* A recorded run and its replay through the C ABI.
 *
 *   journal record FILE STEPS   trains on a known mmse, recording to FILE
 *   journal replay FILE         prints "steps STEPS digests COUNT DIGEST", or where
 *                               the run differs, or what is wrong with the file
 */
#include <infonoise_journal.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, RANKS = 2, PAGE = 4096 };

#define CHECK(call)                                                                                \
  do {                                                                                             \
    infonoise_status status = (call);                                                              \
    if (status != INFONOISE_OK) {                                                                  \
      fprintf(stderr, "line %d: %s\n", __LINE__, infonoise_status_message((uint32_t)status));      \
      exit(2);                                                                                     \
    }                                                                                              \
  } while (0)

/* Appends the record of the last call, or ends the program: a journal with a gap is worthless. */
static void append(const infonoise_recorder *run, FILE *file) {
  if (fwrite(run->record, 1, run->used, file) != run->used || fflush(file) != 0) {
    perror("journal");
    exit(2);
  }
}

static int record(const char *path, long steps) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DISCRETE));
  config.warmup_steps = 20, config.refresh_every = 7, config.refresh_growth = 0, config.min_count = 5;
  size_t bytes = infonoise_state_bytes(&config);
  infonoise_state *state = malloc(bytes);
  CHECK(infonoise_init(state, bytes, &config, 11));
  size_t room = infonoise_journal_begin_bytes(state, bytes), most = infonoise_record_bytes(BATCH);
  infonoise_recorder run = INFONOISE_RECORDER_INIT;
  run.state = state, run.bytes = bytes;
  run.recent_bytes = infonoise_recent_bytes(PAGE), run.recent = malloc(run.recent_bytes);
  run.record_bytes = room > most ? room : most, run.record = malloc(run.record_bytes);
  FILE *file = fopen(path, "wb");
  if (!file) return 2;
  CHECK(infonoise_journal_begin(&run, PAGE, 11));
  append(&run, file);
  for (long step = 0; step < steps; ++step) {
    float sigma[BATCH], slice[BATCH / RANKS], error[BATCH];
    uint8_t mask[BATCH];
    /* Rank 1 of 2; the whole batch is then known from the recent draws. */
    CHECK(infonoise_journal_sample(&run, slice, BATCH / RANKS, BATCH / RANKS, BATCH));
    append(&run, file);
    CHECK(infonoise_journal_draws(&run, (uint64_t)step * BATCH, sigma, BATCH));
    if (memcmp(slice, sigma + BATCH / RANKS, sizeof slice)) return 3;
    for (int i = 0; i < BATCH; ++i) {
      error[i] = sigma[i] * sigma[i] / (1 + sigma[i] * sigma[i]);
      mask[i] = (uint8_t)(i % 5 != 0);
    }
    size_t rejected = 1;
    CHECK(infonoise_journal_observe(&run, sigma, error, step % 3 ? NULL : mask, BATCH, &rejected));
    append(&run, file);
    if (rejected) return 3;
    if (step == steps / 2) {
      config.gate_exponent = 4;
      CHECK(infonoise_journal_reconfigure(&run, &config, NULL));
      append(&run, file);
    }
    infonoise_report report = INFONOISE_REPORT_INIT;
    CHECK(infonoise_journal_step(&run, &report));
    append(&run, file);
    if (report.steps != (uint64_t)step + 1) return 3;
  }
  CHECK(infonoise_journal_set_frozen(&run, 1));
  append(&run, file);
  CHECK(infonoise_journal_digest(&run));
  append(&run, file);
  if (fclose(file) != 0) return 2;
  uint64_t digest;
  CHECK(infonoise_digest(state, bytes, &digest));
  printf("%016" PRIx64 "\n", digest);
  free(state), free(run.recent), free(run.record);
  return 0;
}

static int replay(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return 2;
  fseek(file, 0, SEEK_END);
  size_t length = (size_t)ftell(file), at;
  infonoise_recorder run = INFONOISE_RECORDER_INIT;
  rewind(file);
  unsigned char *log = malloc(length + 1);
  if (fread(log, 1, length, file) != length) return 2;
  fclose(file);
  infonoise_status status = infonoise_replay_needs(log, length, &run.bytes, &run.recent_bytes);
  if (status != INFONOISE_OK) {
    printf("at 0: %s (version %u)\n", infonoise_status_message((uint32_t)status), infonoise_version_of(log, length));
    free(log);
    return 1;
  }
  run.state = malloc(run.bytes), run.recent = malloc(run.recent_bytes);
  CHECK(infonoise_replay_begin(&run, log, length));
  at = run.used;
  infonoise_event event = INFONOISE_EVENT_INIT;
  unsigned long digests = 0;
  int failed = 0;
  while (at < length && !failed) {
    status = infonoise_replay_next(&run, log + at, length - at, &event);
    if (status == INFONOISE_DIFFERS) {
      printf("differs at step %" PRIu64 "\n", event.steps);
      failed = 1;
    } else if (status != INFONOISE_OK) {
      if (infonoise_journal_is_torn(log + at, length - at)) {
        printf("torn: %zu bytes\n", length - at);
        break;
      }
      printf("at %zu: %s\n", at, infonoise_status_message((uint32_t)status));
      failed = 1;
    }
    digests += event.kind == INFONOISE_EVENT_KIND_DIGEST;
    at += run.used;
  }
  uint64_t digest;
  CHECK(infonoise_digest(run.state, run.bytes, &digest));
  if (!failed) printf("steps %" PRIu64 " digests %lu %016" PRIx64 "\n", event.steps, digests, digest);
  free(run.state), free(run.recent), free(log);
  return failed;
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "record")) return record(argv[2], strtol(argv[3], NULL, 10));
  if (argc == 3 && !strcmp(argv[1], "replay")) return replay(argv[2]);
  return 2;
}
