/* Any bytes: every function on random blocks, lengths, alignments, NULLs and
 * numbers, on the heap in exact sizes, so that a sanitizer sees any step outside.
 * argv: rounds, seed. Prints how many calls were made. */
#include <infonoise_journal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state;

static uint64_t any(void) {
  random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
  return random_state * 0x2545F4914F6CDD1Du;
}

static size_t below(size_t n) { return (size_t)(any() >> 33) % n; }

/* Sizes that are mostly small, sometimes large. */
static size_t length(void) { return any() & 31 ? below(300) : below((1u << 20) + 1); }

static float number(void) {
  static const float edge[] = {0, 1, 0.002f, 80, -1, 1e-40f, 3e38f, 81, 0.5f, 2, 10, 0.01f};
  uint32_t bits = (uint32_t)any();
  float x;
  if (any() & 7) return edge[below(sizeof edge / sizeof *edge)];
  memcpy(&x, &bits, 4);
  return x;
}

static double real(void) {
  uint64_t bits = any();
  double x;
  if (any() & 3) return (double)number();
  memcpy(&x, &bits, 8);
  return x;
}

static float *floats(size_t n) {
  float *p = malloc(n * sizeof *p + 1);
  for (size_t i = 0; i < n; ++i) p[i] = number();
  return p;
}

static double *doubles(size_t n) {
  double *p = malloc(n * sizeof *p + 1);
  for (size_t i = 0; i < n; ++i) p[i] = real();
  return p;
}

/* A pointer, or now and then NULL or one that is not aligned. */
static void *bent(void *p) {
  uint64_t way = any() & 63;
  return way == 0 ? NULL : way == 1 ? (void *)((char *)p + 1) : p;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  unsigned long rounds = strtoul(argv[1], NULL, 10), calls = 0;
  random_state = strtoull(argv[2], NULL, 10) * 2 + 1;
  for (unsigned long round = 0; round < rounds; ++round) {
    infonoise_config config = INFONOISE_CONFIG_INIT;
    (void)infonoise_config_init(&config, (uint32_t)below(7));
    config.bins = 8 + (uint32_t)below(20), config.window = 8 + (uint32_t)below(20);
    config.min_count = 1, config.warmup_steps = below(3), config.refresh_every = 1 + below(3), config.refresh_growth = 0;
    config.pivot = (uint32_t)below(9), config.pivot_value = 0.5, config.smoothing = (uint32_t)below(3);
    config.draw = (uint32_t)below(2), config.ceiling = (uint32_t)below(2), config.guard = (uint32_t)below(2);
    if (below(8) == 0) ((unsigned char *)&config)[4 + below(sizeof config - 4)] = (unsigned char)any();
    size_t bytes = infonoise_state_bytes(&config), room = bytes ? bytes : 8 * (1 + below(2000));
    unsigned char *block = malloc(room);
    for (size_t i = 0; i < room; ++i) block[i] = (unsigned char)any();
    infonoise_status made = infonoise_init((infonoise_state *)block, room, &config, any());
    unsigned hits = (unsigned)below(6);
    /* Damage anywhere, also in magic, layout and dimensions. */
    for (unsigned i = 0; i < hits; ++i) block[below(room)] ^= (unsigned char)(1u << below(8));
    if (made == INFONOISE_OK && below(4) == 0) room = below(room + 1);
    for (int call = 0; call < 12; ++call, ++calls) {
      size_t n = length(), m = length(), count = 0;
      float *a = floats(n), *b = floats(n), *c = floats(m);
      double *d = doubles(n), *e = doubles(n), *table = doubles(256), *curve = doubles(257), *work = doubles(4 * 256);
      uint8_t *mask = malloc(n + 1);
      uint64_t *thresholds = malloc(257 * sizeof *thresholds);
      float *edges = malloc((257 + 256) * sizeof *edges);
      uint32_t *index = malloc(n * 4 + 1);
      for (size_t i = 0; i < n; ++i) mask[i] = (uint8_t)(any() & 1);
      infonoise_report report = INFONOISE_REPORT_INIT;
      infonoise_profile profile = INFONOISE_PROFILE_INIT;
      infonoise_mismatch mismatch = INFONOISE_MISMATCH_INIT;
      profile.bins = mismatch.bins = (uint32_t)below(300);
      if (profile.bins > 256) profile.bins = mismatch.bins = 256;
      profile.cdf = curve, profile.density = profile.bins ? table : NULL, mismatch.emphasis = work;
      profile.error = work + 256, profile.rate = work + 512, profile.target = below(8) ? work + 768 : NULL;
      if (below(16) == 0) report.struct_size = (uint32_t)below(sizeof report);
      infonoise_state *s = bent(block);
      size_t r = (void *)s == (void *)block || s == NULL ? room : room ? room - 1 : 0;
      uint64_t digest;
      size_t snapshot_bytes = infonoise_snapshot_bytes(s, r);
      switch (below(30)) {
        case 25: (void)infonoise_sample_slice(s, r, a, n, below(200), below(400)); break;
        case 26: (void)infonoise_levels(s, r, bent(a), n ? n - 1 : 0); break;
        case 27: (void)infonoise_log_density(s, r, bent(a), n ? n - 1 : 0, e); break;
        case 28: case 29: {
          size_t few = any() & 3 ? 1 + below(5) : below(250), memory = infonoise_plan_bytes(few);
          if (below(8) == 0) memory = below(memory + 1);
          double *scratch = malloc(memory + 1), *variance = malloc(64 * sizeof *variance);
          float *levels = malloc(few * sizeof *levels + 1);
          infonoise_plan plan = INFONOISE_PLAN_INIT;
          plan.estimated = (uint32_t)below(3), plan.end = below(2) ? 0 : real();
          plan.variance = below(2) ? NULL : bent(variance), plan.mass = below(2) ? NULL : variance + 32;
          if (below(16) == 0) plan.struct_size = (uint32_t)below(sizeof plan + 8);
          double *points = doubles(n);
          if (below(4)) for (size_t i = 0; i < n; ++i) points[i] = .01 * (double)(i + 1);
          if (below(2)) (void)infonoise_plan_grid(s, r, (uint32_t)below(3), bent(levels), few, bent(scratch), memory, bent(&plan));
          else (void)infonoise_plan_table(bent(points), e, n < 300 ? n : 300, real(), real(), (uint32_t)below(3), levels, few, scratch, memory, &plan);
          (void)infonoise_plan_levels((uint32_t)below(3), (size_t)any());
          free(scratch), free(variance), free(levels), free(points);
          break;
        }
        case 0: (void)infonoise_sample(s, r, bent(a), n ? n - 1 : 0); break;
        case 1: (void)infonoise_sample_shard(s, r, a, n, (uint32_t)below(5), (uint32_t)below(5)); break;
        case 2: (void)infonoise_observe(s, r, a, bent(b), n ? n - 1 : 0, &count); break;
        case 3: (void)infonoise_observe_masked(s, r, a, b, mask, n, NULL); break;
        case 4: (void)infonoise_step(s, r, &report); break;
        case 5: (void)infonoise_advance(s, r, a, b, NULL, n, c, m, &count, &report); break;
        case 6: (void)infonoise_set_frozen(s, r, (uint32_t)below(3)); break;
        case 7: (void)infonoise_reconfigure(s, r, &config, below(2) ? NULL : table); break;
        case 8: (void)infonoise_report_get(s, r, bent(&report)); break;
        case 9: (void)infonoise_profile_get(s, r, (uint32_t)below(3), &profile); break;
        case 10: (void)infonoise_info_grid(s, r, real(), (uint32_t)below(3), a, n); break;
        case 11: (void)infonoise_to_entropic_time(s, r, 1.0, 1, d, e, n); break;
        case 12: (void)infonoise_from_entropic_time(s, r, 0.0, 0, d, d, n); break;
        case 13: (void)infonoise_digest(s, r, &digest); break;
        case 14: (void)infonoise_validate(s, r); break;
        case 15: (void)infonoise_diagnose(s, r, (uint32_t)below(7), real(), real(), table, below(2) ? bent(curve) : NULL, &mismatch); break;
        case 16: (void)infonoise_snap(a, index, n, c, m); break;
        case 17: (void)infonoise_from_sigma((uint32_t)below(5), d, d, n), (void)infonoise_to_sigma((uint32_t)below(5), d, e, n); break;
        case 18: (void)infonoise_config_get(s, r, &config), (void)infonoise_tables_get(s, r, table, NULL), (void)infonoise_name((uint32_t)below(17), (uint32_t)below(20)); break;
        case 24: (void)infonoise_sampler_get(s, r, bent(thresholds), edges, below(2) ? edges + 257 : NULL); break;
        case 19: case 20: case 21: case 22: {
          /* Journals: recorded, damaged, cut, replayed, with memory of any content. */
          uint32_t page = (uint32_t)below(400);
          size_t memory = infonoise_recent_bytes(page), at = 0, needed = 0, other_memory = 0;
          size_t whole = infonoise_journal_begin_bytes(s, r) + 3 * infonoise_record_bytes(n);
          unsigned char *journal = malloc(memory + 1), *log = malloc(whole);
          for (size_t i = 0; i < memory; ++i) journal[i] = (unsigned char)any();
          infonoise_recorder run = INFONOISE_RECORDER_INIT;
          run.state = s, run.bytes = r, run.recent = journal, run.recent_bytes = memory;
          run.used = (size_t)any();
          if (below(16) == 0) run.struct_size = (uint32_t)below(sizeof run + 8);
#define RECORDED(call, room) run.record = log + at, run.record_bytes = (room), at += call == INFONOISE_OK ? run.used : 0
          RECORDED(infonoise_journal_begin(&run, page, any()), whole - at);
          if (below(4) == 0 && memory) journal[below(memory)] ^= (unsigned char)(1u << below(8));
          RECORDED(infonoise_journal_sample(&run, a, n, below(100), below(400)), whole - at);
          RECORDED(infonoise_journal_observe(&run, a, b, below(2) ? mask : NULL, n, &count), below(4) ? whole - at : below(whole - at + 1));
          RECORDED(infonoise_journal_step(&run, &report), whole - at);
          RECORDED(infonoise_journal_reconfigure(&run, &config, table), whole - at);
          RECORDED(infonoise_journal_set_frozen(&run, (uint32_t)below(3)), whole - at);
          RECORDED(infonoise_journal_digest(&run), whole - at);
          (void)infonoise_journal_digest(below(2) ? NULL : (infonoise_recorder *)((char *)&run + 1));
          if (at && below(2)) log[below(at)] ^= (unsigned char)(1u << below(8));
          if (below(4) == 0) at = below(at + 1);
          unsigned char *exact = malloc(at + 1);
          memcpy(exact, log, at);
          (void)infonoise_version_of(exact, at);
          if (infonoise_replay_needs(exact, at, &needed, &other_memory) == INFONOISE_OK && other_memory < 1u << 24) {
            unsigned char *other = calloc(needed, 1), *recent = calloc(other_memory, 1);
            infonoise_event event = INFONOISE_EVENT_INIT;
            infonoise_recorder again = INFONOISE_RECORDER_INIT;
            again.state = (infonoise_state *)other, again.bytes = needed;
            again.recent = recent, again.recent_bytes = other_memory;
            infonoise_status status = infonoise_replay_begin(&again, exact, at);
            size_t place = again.used;
            if (below(8) == 0) recent[below(other_memory)] ^= (unsigned char)(1u << below(8));
            while (status == INFONOISE_OK || status == INFONOISE_DIFFERS) {
              status = infonoise_replay_next(&again, exact + place, at - place, &event);
              place += again.used;
            }
            (void)infonoise_journal_is_torn(exact + place, at - place);
            (void)infonoise_journal_draws(&again, event.first, c, m);
            free(other), free(recent);
          }
          free(journal), free(log), free(exact);
          break;
        }
        default: {
          /* Snapshots: saved, damaged, cut, loaded into a block that is too small or not. */
          unsigned char *snapshot = malloc(snapshot_bytes + 1);
          if (infonoise_save(s, r, snapshot, snapshot_bytes) == INFONOISE_OK) {
            if (below(2)) snapshot[below(snapshot_bytes)] ^= (unsigned char)(1u << below(8));
            size_t part = below(4) ? snapshot_bytes : below(snapshot_bytes + 1), needed = 0;
            if (infonoise_snapshot_state_bytes(snapshot, part, &needed) == INFONOISE_OK) {
              void *other = malloc(needed);
              (void)infonoise_load(other, below(4) ? needed : below(needed), snapshot, part);
              free(other);
            }
          }
          free(snapshot);
        }
      }
      free(a), free(b), free(c), free(d), free(e), free(table), free(curve), free(work), free(mask), free(index), free(thresholds), free(edges);
    }
    free(block);
  }
  printf("%lu calls\n", calls);
  return 0;
}
