/* A trainer on Gaussian data of standard deviation 1/2, and a careless one.
 * cc smoke.c libinfonoise.a: no -l flag is needed. */
#include <infonoise.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(what)                                                \
  do {                                                             \
    if (!(what)) {                                                 \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);   \
      exit(1);                                                     \
    }                                                              \
  } while (0)

enum { BATCH = 256, STATE_BYTES = 80 * 1024 };
static alignas(8) unsigned char memory[STATE_BYTES], spare[STATE_BYTES];
static infonoise_state *const state = (infonoise_state *)memory, *const copy = (infonoise_state *)spare;

static size_t fresh(const infonoise_config *config) {
  size_t bytes = infonoise_state_bytes(config);
  CHECK(bytes > 0 && bytes <= STATE_BYTES);
  CHECK(infonoise_init(state, bytes, config, 42) == INFONOISE_OK);
  CHECK(infonoise_validate(state, bytes) == INFONOISE_OK);
  return bytes;
}

/* Xoshiro256++, seeded by SplitMix64: the words that a scheduler draws from. */
static uint64_t rng[4];
static uint64_t rotated(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
static void seed(uint64_t from) {
  for (int i = 0; i < 4; ++i) {
    uint64_t z = from += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u, z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    rng[i] = z ^ (z >> 31);
  }
}
static uint32_t next_word(void) {
  uint64_t result = rotated(rng[0] + rng[3], 23) + rng[0], t = rng[1] << 17;
  rng[2] ^= rng[0], rng[3] ^= rng[1], rng[1] ^= rng[2], rng[0] ^= rng[3], rng[2] ^= t, rng[3] = rotated(rng[3], 45);
  return (uint32_t)(result >> 32);
}

/* By what infonoise_sampler_get hands out, every draw of a run, bit for bit. */
static void can_be_drawn_elsewhere(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DISCRETE) == INFONOISE_OK);
  config.warmup_steps = 20, config.refresh_every = 7, config.refresh_growth = 0, config.min_count = 5;
  size_t bytes = fresh(&config);
  seed(42);
  for (int step = 0; step < 200; ++step) {
    uint64_t threshold[65];
    float sigma[BATCH], error[BATCH], edge[65], slope[64];
    CHECK(infonoise_sampler_get(state, bytes, threshold, edge, slope) == INFONOISE_OK);
    CHECK(threshold[0] == 0 && threshold[64] == (uint64_t)1 << 32);
    CHECK(infonoise_sample(state, bytes, sigma, BATCH) == INFONOISE_OK);
    for (int i = 0; i < BATCH; ++i) {
      uint32_t word = next_word(), below, top;
      int k = 0;
      while (word >= threshold[k + 1]) ++k;
      volatile float product = (float)(uint32_t)(word - threshold[k]) * slope[k];
      float expected = edge[k] + product, most;
      memcpy(&top, &edge[k + 1], 4);
      below = top - 1;
      memcpy(&most, &below, 4);
      if (!(expected < most)) expected = most;
      CHECK(memcmp(&expected, &sigma[i], 4) == 0);
      error[i] = sigma[i] * sigma[i] / (1 + sigma[i] * sigma[i]);
    }
    CHECK(infonoise_observe(state, bytes, sigma, error, BATCH, NULL) == INFONOISE_OK);
    CHECK(infonoise_step(state, bytes, NULL) == INFONOISE_OK);
  }
  infonoise_report report = INFONOISE_REPORT_INIT;
  CHECK(infonoise_report_get(state, bytes, &report) == INFONOISE_OK && report.refreshes > 5);
  CHECK(infonoise_sampler_get(state, bytes, NULL, NULL, NULL) == INFONOISE_OK);
  CHECK(infonoise_sampler_get(state, 64, NULL, NULL, NULL) == INFONOISE_TOO_SMALL);
  CHECK(infonoise_sampler_get(NULL, bytes, NULL, NULL, NULL) == INFONOISE_NULL);
}

static void trains(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT) == INFONOISE_OK);
  config.warmup_steps = 50;
  size_t bytes = fresh(&config), rejected = 99;
  float sigma[BATCH], error[BATCH];
  infonoise_report report = INFONOISE_REPORT_INIT;
  CHECK(infonoise_sample(state, bytes, sigma, BATCH) == INFONOISE_OK);
  for (int step = 0; step < 150; ++step) {
    for (int i = 0; i < BATCH; ++i) {
      float s2 = sigma[i] * sigma[i];
      error[i] = s2 * 0.25f / (s2 + 0.25f);
    }
    CHECK(infonoise_advance(state, bytes, sigma, error, NULL, BATCH, sigma, BATCH, &rejected, &report) ==
          INFONOISE_OK);
    CHECK(rejected == 0);
  }
  CHECK(report.phase == INFONOISE_PHASE_ADAPTING && report.pivot_rule == INFONOISE_PIVOT_RULE_ONSET);
  CHECK(report.pivot > 0.48 && report.pivot < 0.52);
  CHECK(strcmp(infonoise_name(INFONOISE_NAME_KIND_PHASE, report.phase), "adapting") == 0);

  double density[64], cdf[65], total = 0;
  infonoise_profile profile = INFONOISE_PROFILE_INIT;
  profile.bins = 64, profile.density = density, profile.cdf = cdf;
  CHECK(infonoise_profile_get(state, bytes, INFONOISE_PROFILE_KIND_IN_FORCE, &profile) == INFONOISE_OK);
  for (int k = 0; k < 64; ++k) total += density[k];
  CHECK(total > 1 - 1e-12 && total < 1 + 1e-12 && cdf[0] == 0 && cdf[64] == 1);

  float grid[18];
  CHECK(infonoise_info_grid(state, bytes, 1.0, 1, grid, 18) == INFONOISE_OK);
  CHECK(grid[0] == 80.0f && grid[17] == 0.002f);

  /* A grid planned for the solver: from 80 down, as good as a longer one of EDM's. */
  static double scratch[60000];
  double variance[32], mass[32], least = 1e9;
  infonoise_plan plan = INFONOISE_PLAN_INIT;
  plan.variance = variance, plan.mass = mass;
  CHECK(infonoise_plan_bytes(18) <= sizeof scratch && infonoise_plan_levels(INFONOISE_SOLVER_HEUN, 18) == 9);
  CHECK(infonoise_plan_grid(state, bytes, INFONOISE_SOLVER_HEUN, grid, 9, scratch, sizeof scratch, &plan) == INFONOISE_OK);
  CHECK(grid[0] == 80.0f && plan.levels == 9 && plan.evaluations == 17);
  for (int i = 1; i < 9; ++i) CHECK(grid[i] < grid[i - 1] && grid[i] >= 0.002f);
  CHECK(plan.edm_levels > 9 && plan.error + plan.leaps < plan.edm_error + plan.edm_leaps);
  CHECK(plan.variances >= 1 && plan.variances < INFONOISE_MOST_VARIANCES);
  char verdict[64] = "", cut[10];
  CHECK(infonoise_plan_verdict(&plan, verdict, sizeof verdict) == INFONOISE_OK);
  CHECK(strncmp(verdict, "9 levels (17 evaluations): as good as EDM's ", 44) == 0);
  CHECK(infonoise_plan_verdict(&plan, cut, sizeof cut) == INFONOISE_OK && strcmp(cut, "9 levels ") == 0);
  CHECK(infonoise_plan_verdict(NULL, cut, sizeof cut) == INFONOISE_NULL && cut[0] == 0);
  for (uint32_t i = 0; i < plan.variances; ++i) least = variance[i] < least ? variance[i] : least;
  CHECK(least > 0.2 && least < 0.3); /* the data's is 0.25 */
  plan.estimated = 1, plan.end = 0.05;
  CHECK(infonoise_plan_grid(state, bytes, INFONOISE_SOLVER_EULER, grid, 9, scratch, sizeof scratch, &plan) == INFONOISE_OK);
  CHECK(grid[8] == 0.05f && plan.evaluations == 9);
  double at[64], mmse[64];
  profile.sigma = at, profile.error = mmse;
  CHECK(infonoise_profile_get(state, bytes, INFONOISE_PROFILE_KIND_IN_FORCE, &profile) == INFONOISE_OK);
  plan.estimated = 0, plan.end = 0;
  CHECK(infonoise_plan_table(at, mmse, 64, 0.002, 80, INFONOISE_SOLVER_HEUN, grid, 9, scratch, sizeof scratch, &plan) == INFONOISE_OK);
  CHECK(grid[0] == 80.0f && plan.edm_levels > 9);

  /* What is refused changes neither the levels nor the record. */
  infonoise_plan kept = plan;
  float levels[9];
  memcpy(levels, grid, sizeof levels);
#define PLAN(n, solver, room) infonoise_plan_grid(state, bytes, solver, grid, n, scratch, room, &plan)
  CHECK(infonoise_plan_bytes(0) == 0 && infonoise_plan_bytes(241) == 0 && infonoise_plan_levels(2, 9) == 0);
  CHECK(PLAN(0, 0, sizeof scratch) == INFONOISE_ARGUMENT && PLAN(9, 2, sizeof scratch) == INFONOISE_ARGUMENT);
  CHECK(PLAN(9, 0, infonoise_plan_bytes(9) - 8) == INFONOISE_TOO_SMALL);
  plan.end = 80;
  CHECK(PLAN(9, 0, sizeof scratch) == INFONOISE_ARGUMENT);
  plan.end = 0, plan.estimated = 2;
  CHECK(PLAN(9, 0, sizeof scratch) == INFONOISE_ARGUMENT);
  plan.estimated = 0, plan.struct_size = 8;
  CHECK(PLAN(9, 0, sizeof scratch) == INFONOISE_STRUCT_SIZE);
  plan.struct_size = sizeof plan;
  CHECK(infonoise_plan_grid(state, bytes, 0, NULL, 9, scratch, sizeof scratch, &plan) == INFONOISE_NULL);
  CHECK(infonoise_plan_grid(state, bytes, 0, grid, 9, NULL, sizeof scratch, &plan) == INFONOISE_NULL);
  CHECK(infonoise_plan_grid(state, bytes, 0, grid, 9, (char *)scratch + 4, sizeof scratch - 8, &plan) == INFONOISE_MISALIGNED);
  CHECK(infonoise_plan_grid(state, bytes, 0, grid, 9, scratch, sizeof scratch, NULL) == INFONOISE_NULL);
#define TABLE(points, low, high) infonoise_plan_table(at, mmse, points, low, high, 0, grid, 9, scratch, sizeof scratch, &plan)
  CHECK(TABLE(1, 0.002, 80) == INFONOISE_ARGUMENT && TABLE(64, 80, 0.002) == INFONOISE_ARGUMENT);
  at[3] = at[4];
  CHECK(TABLE(64, 0.002, 80) == INFONOISE_ARGUMENT);
  memset(mmse, 0, sizeof mmse);
  at[3] = (at[2] + at[4]) / 2;
  CHECK(TABLE(64, 0.002, 80) == INFONOISE_NOT_READY);
  CHECK(memcmp(levels, grid, sizeof levels) == 0 && memcmp(&kept, &plan, sizeof plan) == 0);

  /* A copy of the block is a copy of the schedule. */
  uint64_t digest, other;
  memcpy(copy, state, bytes);
  CHECK(infonoise_sample(state, bytes, sigma, BATCH) == INFONOISE_OK);
  CHECK(infonoise_sample(copy, bytes, error, BATCH) == INFONOISE_OK);
  CHECK(memcmp(sigma, error, sizeof sigma) == 0);
  CHECK(infonoise_digest(state, bytes, &digest) == INFONOISE_OK);
  CHECK(infonoise_digest(copy, bytes, &other) == INFONOISE_OK && digest == other);
}

static void refuses(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  infonoise_report report = INFONOISE_REPORT_INIT;
  char message[256];
  CHECK(infonoise_config_init(&config, 99) == INFONOISE_ARGUMENT);
  CHECK(infonoise_config_init(NULL, 0) == INFONOISE_NULL);
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_EDM) == INFONOISE_OK);
  CHECK(infonoise_config_check(&config, message, sizeof message) == INFONOISE_OK && message[0] == 0);
  config.min_count = 300;
  CHECK(infonoise_state_bytes(&config) == 0);
  CHECK(infonoise_config_check(&config, message, sizeof message) == INFONOISE_INVALID_CONFIG);
  CHECK(strcmp(message, "min_count = 300 must be at most window = 256: lower min_count or raise window") == 0);
  CHECK(infonoise_config_check(&config, message, 8) == INFONOISE_INVALID_CONFIG && strlen(message) == 7);
  CHECK(infonoise_config_check(&config, NULL, 0) == INFONOISE_INVALID_CONFIG);
  memset(memory, 7, sizeof memory);
  memset(spare, 7, sizeof spare);
  CHECK(infonoise_init(state, sizeof memory, &config, 0) == INFONOISE_INVALID_CONFIG);
  config.min_count = 50;
  CHECK(infonoise_init(state, infonoise_state_bytes(&config) - 8, &config, 0) == INFONOISE_TOO_SMALL);
  CHECK(infonoise_init((infonoise_state *)(memory + 4), sizeof memory - 4, &config, 0) == INFONOISE_MISALIGNED);
  CHECK(memcmp(memory, spare, sizeof memory) == 0);

  float sigma[4] = {1, 1, 1, 1}, error[4] = {1, 1, 1, 1};
  CHECK(infonoise_sample(state, sizeof memory, sigma, 4) == INFONOISE_NOT_A_STATE);
  size_t bytes = fresh(&config), rejected = 0;
  memcpy(copy, state, bytes);
  CHECK(infonoise_sample(NULL, bytes, sigma, 4) == INFONOISE_NULL);
  CHECK(infonoise_sample(state, bytes, NULL, 4) == INFONOISE_NULL);
  CHECK(infonoise_sample(state, bytes, NULL, 0) == INFONOISE_OK);
  CHECK(infonoise_sample(state, bytes - 64, sigma, 4) == INFONOISE_TOO_SMALL);
  CHECK(infonoise_sample(state, 16, sigma, 4) == INFONOISE_TOO_SMALL);
  CHECK(infonoise_sample_shard(state, bytes, sigma, 4, 2, 2) == INFONOISE_ARGUMENT);
  CHECK(infonoise_sample_slice(state, bytes, sigma, 4, 1, 4) == INFONOISE_ARGUMENT);
  CHECK(infonoise_sample_slice(state, bytes, sigma, 4, UINT64_MAX, 8) == INFONOISE_ARGUMENT);
  CHECK(infonoise_levels(state, bytes, NULL, 4) == INFONOISE_NULL);
  CHECK(infonoise_log_density(state, bytes, sigma, 4, NULL) == INFONOISE_NULL);
  CHECK(infonoise_observe(state, bytes, sigma, NULL, 4, NULL) == INFONOISE_NULL);
  CHECK(infonoise_set_frozen(state, bytes, 2) == INFONOISE_ARGUMENT);
  CHECK(infonoise_info_grid(state, bytes, 1.0, 1, sigma, 4) == INFONOISE_NOT_READY);
  static double scratch[60000];
  infonoise_plan plan = INFONOISE_PLAN_INIT;
  CHECK(infonoise_plan_grid(state, bytes, 0, sigma, 4, scratch, sizeof scratch, &plan) == INFONOISE_NOT_READY);
  report.struct_size = 8;
  CHECK(infonoise_step(state, bytes, &report) == INFONOISE_STRUCT_SIZE);
  CHECK(memcmp(state, copy, bytes) == 0);

  /* A newer caller's longer struct is fine while what is new in it is zero. */
  struct { infonoise_report report; uint32_t more[2]; } longer = {INFONOISE_REPORT_INIT, {0, 0}};
  longer.report.struct_size = sizeof longer;
  CHECK(infonoise_report_get(state, bytes, &longer.report) == INFONOISE_OK);
  CHECK(longer.report.struct_size == sizeof longer);
  longer.more[1] = 1;
  CHECK(infonoise_report_get(state, bytes, &longer.report) == INFONOISE_STRUCT_SIZE);

  const float zero = 0.0f;
  float bad[4] = {zero / zero, 1 / zero, -1, 1};
  CHECK(infonoise_observe(state, bytes, sigma, bad, 4, &rejected) == INFONOISE_OK && rejected == 3);
  bad[3] = 81; /* off the grid */
  CHECK(infonoise_observe(state, bytes, bad, error, 4, &rejected) == INFONOISE_OK && rejected == 4);
  CHECK(infonoise_report_get(state, bytes, &(infonoise_report)INFONOISE_REPORT_INIT) == INFONOISE_OK);
  report.struct_size = sizeof report;
  CHECK(infonoise_report_get(state, bytes, &report) == INFONOISE_OK);
  CHECK(report.rejected == 7 && report.observations == 1);

  /* The other byte order has its own error. */
  unsigned char magic[8];
  memcpy(magic, memory, 8);
  for (int i = 0; i < 8; ++i) memory[i] = magic[7 - i];
  CHECK(infonoise_step(state, bytes, NULL) == INFONOISE_FOREIGN_ENDIAN);
}

/* Whatever the block holds, no call leaves it: run under a sanitizer too. */
static void survives(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DISCRETE) == INFONOISE_OK);
  config.bins = 16, config.window = 8, config.min_count = 1, config.warmup_steps = 1, config.refresh_every = 1, config.refresh_growth = 0;
  size_t bytes = infonoise_state_bytes(&config);
  unsigned char *any = aligned_alloc(64, bytes);
  infonoise_state *block = (infonoise_state *)any;
  float sigma[64], error[64];
  double curves[10][17];
  uint64_t digest, random = 88172645463325252u;
  CHECK(block != NULL);
  for (int round = 0; round < 20000; ++round) {
    CHECK(infonoise_init(block, bytes, &config, (uint64_t)round) == INFONOISE_OK);
    for (int flip = 0; flip < 8; ++flip) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      /* Anything but the magic, the layout version and the dimensions. */
      size_t from = flip & 1 ? 28 : bytes / 8;
      any[from + random % (bytes - from)] = (unsigned char)(random >> 40);
    }
    infonoise_profile profile = INFONOISE_PROFILE_INIT;
    profile.bins = 16, profile.sigma = curves[0], profile.edges = curves[1], profile.density = curves[2];
    profile.error = curves[3], profile.rate = curves[4], profile.target = curves[5];
    (void)infonoise_validate(block, bytes);
    (void)infonoise_sample(block, bytes, sigma, 64);
    for (int i = 0; i < 64; ++i) error[i] = sigma[i] = (float)(0.002 * (1 << (i % 16)));
    (void)infonoise_observe(block, bytes, sigma, error, 64, NULL);
    (void)infonoise_step(block, bytes, NULL);
    (void)infonoise_profile_get(block, bytes, (uint32_t)(round & 1), &profile);
    (void)infonoise_info_grid(block, bytes, 1.0, 1, sigma, 64);
    (void)infonoise_digest(block, bytes, &digest);
  }
  free(block);
}

/* Tables are refused by the index of the bad entry, before a state is made and after. */
static void checks_tables(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT) == INFONOISE_OK);
  double weight[64], masses[64];
  for (int k = 0; k < 64; ++k) weight[k] = masses[k] = 1;
  char message[256] = "x";
  CHECK(infonoise_tables_check(&config, weight, NULL, message, sizeof message) == INFONOISE_OK && !*message);
  weight[17] = -1;
  CHECK(infonoise_tables_check(&config, weight, NULL, message, sizeof message) == INFONOISE_TABLE);
  CHECK(strncmp(message, "weight[17] = -1 must be above 0: ", 33) == 0);
  CHECK(infonoise_tables_check(&config, weight, NULL, NULL, 0) == INFONOISE_TABLE);
  CHECK(infonoise_tables_check(&config, NULL, masses, message, sizeof message) == INFONOISE_TABLE);
  CHECK(strncmp(message, "baseline = loguniform must be set to table: ", 44) == 0);
  CHECK(infonoise_tables_check(NULL, weight, NULL, message, sizeof message) == INFONOISE_NULL && !*message);
  config.baseline = INFONOISE_BASELINE_TABLE;
  CHECK(infonoise_tables_check(&config, NULL, NULL, message, sizeof message) == INFONOISE_TABLE);
  CHECK(infonoise_tables_check(&config, NULL, masses, message, sizeof message) == INFONOISE_OK);
  config.pivot = 9;
  CHECK(infonoise_tables_check(&config, weight, masses, message, sizeof message) == INFONOISE_INVALID_CONFIG);
  CHECK(strncmp(message, "pivot = 9 must be the code of a name, at most that of off: ", 59) == 0);
  config.pivot = INFONOISE_PIVOT_AUTO;

  size_t bytes = infonoise_state_bytes(&config);
  CHECK(infonoise_init_with(state, bytes, &config, 1, weight, masses) == INFONOISE_TABLE);
  CHECK(infonoise_init_with(state, bytes, &config, 1, NULL, masses) == INFONOISE_OK);
  CHECK(infonoise_reconfigure_check(state, bytes, &config, NULL, masses, message, sizeof message) == INFONOISE_OK);
  CHECK(infonoise_reconfigure_check(state, bytes, &config, weight, NULL, message, sizeof message) == INFONOISE_TABLE);
  CHECK(strncmp(message, "weight[17] = -1 must be above 0: ", 33) == 0);
  masses[3] = 2;
  CHECK(infonoise_reconfigure_check(state, bytes, &config, NULL, masses, message, sizeof message) == INFONOISE_TABLE);
  CHECK(strncmp(message, "baseline_table[3] = 2 must be left at 1: ", 41) == 0);
  config.bins = 32;
  CHECK(infonoise_reconfigure_check(state, bytes, &config, NULL, masses, message, sizeof message) ==
        INFONOISE_INVALID_CONFIG);
  CHECK(strncmp(message, "bins = 32 must be left at 64: ", 30) == 0);
}

/* Masses of laws on a grid whose edges are powers of 2. */
static void gives_the_masses_of_schedules(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT) == INFONOISE_OK);
  config.bins = 8, config.sigma_min = 1.0 / 16, config.sigma_max = 16;
  double masses[8];
  const uint32_t uniform = INFONOISE_SCHEDULE_KIND_LOG_UNIFORM, flow = INFONOISE_SCHEDULE_KIND_SHIFTED_FLOW;
  CHECK(infonoise_schedule_masses(&config, uniform, 1.0 / 16, 16, NULL, masses, 8) == INFONOISE_OK);
  for (int k = 0; k < 8; ++k) CHECK(masses[k] > 0.125 - 1e-15 && masses[k] < 0.125 + 1e-15);
  CHECK(infonoise_schedule_masses(&config, flow, 1, 0, NULL, masses, 8) == INFONOISE_OK);
  CHECK(masses[7] > 16.0 / 17 - 8.0 / 9 - 1e-15 && masses[7] < 16.0 / 17 - 8.0 / 9 + 1e-15);
  const double first = masses[0];
  CHECK(infonoise_schedule_masses(&config, uniform, 2, 1, NULL, masses, 8) == INFONOISE_ARGUMENT);
  CHECK(infonoise_schedule_masses(&config, 99, 1, 2, NULL, masses, 8) == INFONOISE_ARGUMENT);
  CHECK(infonoise_schedule_masses(&config, flow, 1, 0, NULL, masses, 7) == INFONOISE_TOO_SMALL);
  CHECK(infonoise_schedule_masses(&config, INFONOISE_SCHEDULE_KIND_TABLE, 0, 0, NULL, masses, 8) == INFONOISE_NULL);
  CHECK(infonoise_schedule_masses(&config, flow, 1, 0, NULL, NULL, 8) == INFONOISE_NULL);
  CHECK(masses[0] == first);
}

/* Every kind has names from 0 on, and "unknown" after the last of them. */
static void names(void) {
  static const char *const last[] = {"frozen", "observed_not_drawn", "degenerate_narrow", NULL, "shoulder", "score", "samples",
                                     "discrete", "off", "table", "stratified", "paper", "c_noise", "table", NULL};
  for (uint32_t kind = 0; kind < sizeof last / sizeof *last; ++kind) {
    uint32_t codes = 0;
    while (strcmp(infonoise_name(kind, codes), "unknown")) ++codes;
    CHECK(codes > 1 && codes < 20);
    CHECK(!last[kind] || strcmp(infonoise_name(kind, codes - 1), last[kind]) == 0);
  }
  CHECK(strcmp(infonoise_name(16, 0), "unknown") == 0 && strcmp(infonoise_name(UINT32_MAX, 0), "unknown") == 0);
  CHECK(strcmp(infonoise_name(INFONOISE_NAME_KIND_HOLD, INFONOISE_HOLD_NO_PIVOT), "no_pivot") == 0);
  CHECK(strcmp(infonoise_name(INFONOISE_NAME_KIND_HOLD_REMEDY, INFONOISE_HOLD_NO_PIVOT), "no_pivot") != 0);
}

/* An estimate needs its four arrays; a diagnosis compares with what it is given. */
static void diagnoses(void) {
  infonoise_config config = INFONOISE_CONFIG_INIT;
  CHECK(infonoise_config_init(&config, INFONOISE_PRESET_DEFAULT) == INFONOISE_OK);
  size_t bytes = fresh(&config);
  double error[64], rate[64], target[64], density[64], emphasis[64];
  infonoise_profile profile = INFONOISE_PROFILE_INIT;
  profile.bins = 64, profile.error = error, profile.rate = rate, profile.target = target;
  CHECK(infonoise_profile_get(state, bytes, INFONOISE_PROFILE_KIND_ESTIMATED, &profile) == INFONOISE_NULL);
  CHECK(infonoise_profile_get(state, bytes, INFONOISE_PROFILE_KIND_IN_FORCE, &profile) == INFONOISE_OK);
  profile.density = density;
  CHECK(infonoise_profile_get(state, bytes, INFONOISE_PROFILE_KIND_ESTIMATED, &profile) == INFONOISE_NOT_READY);
  infonoise_mismatch found = INFONOISE_MISMATCH_INIT;
  found.bins = 64, found.emphasis = emphasis;
  const uint32_t kind = INFONOISE_SCHEDULE_KIND_LOG_NORMAL;
  CHECK(infonoise_diagnose(state, bytes, kind, -1.2, 1.2, NULL, NULL, &found) == INFONOISE_NOT_READY);
  CHECK(infonoise_diagnose(state, bytes, kind, -1.2, 1.2, NULL, target, &found) == INFONOISE_OK);
  CHECK(found.total_variation > 0.1 && found.total_variation < 1);
  memcpy(target, emphasis, sizeof target);
  CHECK(infonoise_diagnose(state, bytes, kind, -1.2, 1.2, NULL, target, &found) == INFONOISE_OK);
  CHECK(found.total_variation < 0.01);
  target[3] = -1;
  CHECK(infonoise_diagnose(state, bytes, kind, -1.2, 1.2, NULL, target, &found) == INFONOISE_ARGUMENT);
}

int main(void) {
  CHECK(infonoise_abi_version() == INFONOISE_ABI_VERSION);
  for (uint32_t status = 0; status < 25; ++status)
    CHECK(strlen(infonoise_status_message(status)) > 1 && !strstr(infonoise_status_message(status), "unknown status"));
  CHECK(strstr(infonoise_status_message(25), "unknown status"));
  names();
  trains();
  diagnoses();
  can_be_drawn_elsewhere();
  refuses();
  survives();
  checks_tables();
  gives_the_masses_of_schedules();
  puts("ok");
  return 0;
}
