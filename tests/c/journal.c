/* A recorded run and its replay through the C ABI.
 *
 *   journal record FILE STEPS   trains on a known mmse, recording to FILE
 *   journal replay FILE         prints "steps STEPS digests COUNT DIGEST", or where
 *                               the run differs, or what is wrong with the file
 */
#include <infonoise.h>
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

/* Appends a record, or ends the program: a journal with a gap is worthless. */
static void append(const void *record, size_t bytes, FILE *file) {
  if (fwrite(record, 1, bytes, file) != bytes || fflush(file) != 0) {
    perror("journal");
    exit(2);
  }
}

static int record(const char *path, long steps) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DISCRETE));
  config.warmup_steps = 20, config.refresh_every = 7, config.min_count = 5;
  size_t bytes = infonoise_state_bytes(&config), journal_bytes = infonoise_journal_bytes(PAGE), used;
  void *state = malloc(bytes), *journal = malloc(journal_bytes);
  CHECK(infonoise_init(state, bytes, &config, 11));
  size_t room = infonoise_journal_begin_bytes(state, bytes), most = infonoise_record_bytes(BATCH);
  void *out = malloc(room > most ? room : most);
  if (room < most) room = most;
  FILE *file = fopen(path, "wb");
  if (!file) return 2;
  CHECK(infonoise_journal_begin(journal, journal_bytes, PAGE, state, bytes, 11, out, room, &used));
  append(out, used, file);
  for (long step = 0; step < steps; ++step) {
    float sigma[BATCH], slice[BATCH / RANKS], error[BATCH];
    uint8_t mask[BATCH];
    /* Rank 1 of 2; the whole batch is then known from the recent draws. */
    CHECK(infonoise_journal_sample(journal, journal_bytes, state, bytes, slice, BATCH / RANKS, 1, RANKS, out, room, &used));
    append(out, used, file);
    CHECK(infonoise_journal_draws(journal, journal_bytes, (uint64_t)step * BATCH, sigma, BATCH));
    if (memcmp(slice, sigma + BATCH / RANKS, sizeof slice)) return 3;
    for (int i = 0; i < BATCH; ++i) {
      error[i] = sigma[i] * sigma[i] / (1 + sigma[i] * sigma[i]);
      mask[i] = (uint8_t)(i % 5 != 0);
    }
    size_t rejected = 1;
    CHECK(infonoise_journal_observe(journal, journal_bytes, state, bytes, sigma, error, step % 3 ? NULL : mask, BATCH,
                                    &rejected, out, room, &used));
    append(out, used, file);
    if (rejected) return 3;
    if (step == steps / 2) {
      config.gate_exponent = 4;
      CHECK(infonoise_journal_reconfigure(journal, journal_bytes, state, bytes, &config, NULL, out, room, &used));
      append(out, used, file);
    }
    infonoise_report report = INFONOISE_REPORT_INIT;
    CHECK(infonoise_journal_step(journal, journal_bytes, state, bytes, &report, out, room, &used));
    append(out, used, file);
    if (report.steps != (uint64_t)step + 1) return 3;
  }
  CHECK(infonoise_journal_set_frozen(journal, journal_bytes, state, bytes, 1, out, room, &used));
  append(out, used, file);
  CHECK(infonoise_journal_digest(journal, journal_bytes, state, bytes, out, room, &used));
  append(out, used, file);
  if (fclose(file) != 0) return 2;
  uint64_t digest;
  CHECK(infonoise_digest(state, bytes, &digest));
  printf("%016" PRIx64 "\n", digest);
  free(state), free(journal), free(out);
  return 0;
}

static int replay(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return 2;
  fseek(file, 0, SEEK_END);
  size_t length = (size_t)ftell(file), at, bytes, journal_bytes;
  rewind(file);
  unsigned char *log = malloc(length + 1);
  if (fread(log, 1, length, file) != length) return 2;
  fclose(file);
  infonoise_status status = infonoise_replay_needs(log, length, &bytes, &journal_bytes);
  if (status != INFONOISE_OK) {
    printf("at 0: %s (version %u)\n", infonoise_status_message((uint32_t)status), infonoise_version_of(log, length));
    free(log);
    return 1;
  }
  void *state = malloc(bytes), *journal = malloc(journal_bytes);
  CHECK(infonoise_replay_begin(journal, journal_bytes, state, bytes, log, length, &at));
  infonoise_event event = INFONOISE_EVENT_INIT;
  unsigned long digests = 0;
  int failed = 0;
  while (at < length && !failed) {
    size_t used = 0;
    status = infonoise_replay_next(journal, journal_bytes, state, bytes, log + at, length - at, &used, &event);
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
    at += used;
  }
  uint64_t digest;
  CHECK(infonoise_digest(state, bytes, &digest));
  if (!failed) printf("steps %" PRIu64 " digests %lu %016" PRIx64 "\n", event.steps, digests, digest);
  free(state), free(journal), free(log);
  return failed;
}

int main(int argc, char **argv) {
  if (argc == 4 && !strcmp(argv[1], "record")) return record(argv[2], strtol(argv[3], NULL, 10));
  if (argc == 3 && !strcmp(argv[1], "replay")) return replay(argv[2]);
  return 2;
}
