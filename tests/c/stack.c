/* The stack that each call takes, on a painted stack of its own: prints
 * "name bytes" for each. K = 256, the largest tables; half of the calls are made
 * twice, with other options. */
#include "must.h"
#include <infonoise.h>
#include <infonoise_journal.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

enum { STACK = 1 << 18, K = 256, N = 4096, CURVE = K + 1 };
static ucontext_t home, away;
static _Alignas(64) unsigned char stack[STACK];
static void (*body)(void);

static void run(void) { body(); }

/* Bytes of the painted stack that `f` wrote to. */
static size_t depth(void (*f)(void)) {
  memset(stack, 0xa5, sizeof stack);
  body = f;
  getcontext(&away);
  away.uc_stack.ss_sp = stack, away.uc_stack.ss_size = sizeof stack, away.uc_link = &home;
  makecontext(&away, run, 0);
  swapcontext(&home, &away);
  size_t untouched = 0;
  while (untouched < STACK && stack[untouched] == 0xa5) ++untouched;
  return STACK - untouched;
}

static infonoise_config config;
static infonoise_state *state, *other;
static size_t bytes, snapshot_bytes, used;
static float sigma[N], error[N];
static uint8_t mask[N];
static double curves[10][CURVE], table[K], time_[64];
static unsigned char *snapshot, *journal;
static infonoise_recorder recorder = INFONOISE_RECORDER_INIT, player = INFONOISE_RECORDER_INIT;
static char message[512];

static void learn(void) {
  for (int i = 0; i < N; ++i) error[i] = sigma[i] * sigma[i] * .25f / (sigma[i] * sigma[i] + .25f);
}

static infonoise_profile profile(void) {
  infonoise_profile all = INFONOISE_PROFILE_INIT;
  all.bins = K;
  all.sigma = curves[0], all.edges = curves[1], all.cdf = curves[2], all.entropy = curves[3];
  all.count = curves[4], all.error = curves[5], all.rate = curves[6], all.gate = curves[7];
  all.target = curves[8], all.density = curves[9];
  return all;
}

static infonoise_profile all;
static infonoise_mismatch mismatch = INFONOISE_MISMATCH_INIT;
static infonoise_plan plan = INFONOISE_PLAN_INIT, estimated = INFONOISE_PLAN_INIT;
static double at[K], mmse[K], *room;
static size_t room_bytes;
static infonoise_report report = INFONOISE_REPORT_INIT;
static infonoise_event event = INFONOISE_EVENT_INIT;
static uint64_t number;
static size_t count;

#define CALL(name, ...) \
  static void name(void) { __VA_ARGS__; }
CALL(nothing, (void)0)
CALL(config_check, must(infonoise_config_check(&config, message, sizeof message)))
CALL(init, must(infonoise_init_with(state, bytes, &config, 1, table, NULL)))
CALL(validate, must(infonoise_validate(state, bytes)))
CALL(sample, must(infonoise_sample(state, bytes, sigma, N)))
CALL(sample_shard, must(infonoise_sample_shard(state, bytes, sigma, N, 1, 2)))
CALL(sample_slice, must(infonoise_sample_slice(state, bytes, sigma, N, 3, N + 3)))
CALL(levels, must(infonoise_levels(state, bytes, sigma, 64)))
CALL(log_density, must(infonoise_log_density(state, bytes, sigma, 64, curves[0])))
CALL(observe, must(infonoise_observe(state, bytes, sigma, error, N, &count)))
CALL(observe_masked, must(infonoise_observe_masked(state, bytes, sigma, error, mask, N, &count)))
CALL(refresh, must(infonoise_step(state, bytes, &report)))
CALL(advance, must(infonoise_advance(state, bytes, sigma, error, NULL, N, sigma, N, NULL, &report)))
CALL(reconfigure, must(infonoise_reconfigure(state, bytes, &config, table)))
CALL(report_get, must(infonoise_report_get(state, bytes, &report)))
CALL(profile_in_force, must(infonoise_profile_get(state, bytes, INFONOISE_PROFILE_KIND_IN_FORCE, &all)))
CALL(profile_estimated, must(infonoise_profile_get(state, bytes, INFONOISE_PROFILE_KIND_ESTIMATED, &all)))
CALL(diagnose, must(infonoise_diagnose(state, bytes, INFONOISE_SCHEDULE_KIND_LOG_NORMAL, -1.2, 1.2, NULL, NULL, &mismatch)))
CALL(diagnose_table, must(infonoise_diagnose(state, bytes, INFONOISE_SCHEDULE_KIND_TABLE, 0, 0, table, curves[8], &mismatch)))
CALL(info_grid, must(infonoise_info_grid(state, bytes, 1, 1, sigma, 64)))
CALL(plan_in_force, must(infonoise_plan_grid(state, bytes, INFONOISE_SOLVER_HEUN, sigma, 18, room, room_bytes, &plan)))
CALL(plan_estimated, must(infonoise_plan_grid(state, bytes, INFONOISE_SOLVER_EULER, sigma, 18, room, room_bytes, &estimated)))
CALL(plan_table, must(infonoise_plan_table(at, mmse, K, at[0], at[K - 1], INFONOISE_SOLVER_HEUN, sigma, 18, room, room_bytes, &plan)))
CALL(to_time, must(infonoise_to_entropic_time(state, bytes, 0, 1, curves[0], time_, 64)))
CALL(from_time, must(infonoise_from_entropic_time(state, bytes, 0, 1, time_, time_, 64)))
CALL(digest, must(infonoise_digest(state, bytes, &number)))
CALL(save, must(infonoise_save(state, bytes, snapshot, snapshot_bytes)))
CALL(load, must(infonoise_load(other, bytes, snapshot, snapshot_bytes)))
CALL(journal_begin, must(infonoise_journal_begin(&recorder, N, 1)))
CALL(journal_sample, must(infonoise_journal_sample(&recorder, sigma, N, 0, N)))
CALL(journal_observe, must(infonoise_journal_observe(&recorder, sigma, error, mask, N, &count)))
CALL(journal_step, must(infonoise_journal_step(&recorder, &report)))
CALL(journal_reconfigure, must(infonoise_journal_reconfigure(&recorder, &config, table)))
CALL(replay_begin, must(infonoise_replay_begin(&player, journal, used)))
CALL(replay_next, must(infonoise_replay_next(&player, journal, used, &event)))

static void say(const char *name, void (*f)(void)) { printf("%s %zu\n", name, depth(f) - depth(nothing)); }
#define SAY(name) say(#name, name)
/* Records a call, then replays its record. */
#define RECORDED(name) \
  SAY(name), memcpy(journal, recorder.record, recorder.used), used = recorder.used, say("replay of " #name, replay_next)

int main(void) {
  config = (infonoise_config)INFONOISE_CONFIG_INIT;
  must(infonoise_config_init(&config, INFONOISE_PRESET_EDM));
  config.bins = K, config.warmup_steps = 1, config.refresh_every = 1, config.refresh_growth = 0, config.min_count = 4, config.smoothing = 2;
  config.objective = INFONOISE_OBJECTIVE_VELOCITY;
  bytes = infonoise_state_bytes(&config);
  state = malloc(bytes), other = malloc(bytes);
  for (int k = 0; k < K; ++k) table[k] = 1 + k % 3;
  memset(mask, 1, sizeof mask);
  SAY(config_check), SAY(init), SAY(validate);
  for (int i = 0; i < 8; ++i) SAY(sample), learn(), SAY(observe), SAY(observe_masked);
  SAY(sample_shard), SAY(sample_slice), SAY(levels), SAY(log_density), SAY(refresh), SAY(report_get), SAY(advance), SAY(reconfigure);
  infonoise_report now = INFONOISE_REPORT_INIT;
  must(infonoise_report_get(state, bytes, &now));
  if (now.refreshes < 1) return 3;
  all = profile();
  mismatch.bins = K, mismatch.emphasis = curves[1];
  SAY(profile_estimated), SAY(profile_in_force), SAY(diagnose), SAY(diagnose_table);
  room_bytes = infonoise_plan_bytes(18), room = malloc(room_bytes);
  memcpy(at, all.sigma, sizeof at), memcpy(mmse, all.error, sizeof mmse);
  estimated.estimated = 1, estimated.end = .01;
  SAY(plan_in_force), SAY(plan_estimated), SAY(plan_table);
  SAY(to_time), SAY(from_time), SAY(info_grid), SAY(digest), SAY(validate);
  snapshot_bytes = infonoise_snapshot_bytes(state, bytes);
  snapshot = malloc(snapshot_bytes);
  SAY(save), SAY(load);
  recorder.state = state, recorder.bytes = bytes;
  recorder.recent_bytes = infonoise_recent_bytes(N), recorder.recent = malloc(recorder.recent_bytes);
  recorder.record_bytes = infonoise_journal_begin_bytes(state, bytes) + infonoise_record_bytes(N);
  recorder.record = malloc(recorder.record_bytes), journal = malloc(recorder.record_bytes);
  player.state = other, player.bytes = bytes;
  player.recent_bytes = recorder.recent_bytes, player.recent = malloc(player.recent_bytes);
  must(infonoise_sample(state, bytes, sigma, N));
  SAY(journal_begin);
  memcpy(journal, recorder.record, recorder.used), used = recorder.used;
  SAY(replay_begin);
  RECORDED(journal_sample), learn(), RECORDED(journal_observe), RECORDED(journal_step), RECORDED(journal_reconfigure);
  return 0;
}
