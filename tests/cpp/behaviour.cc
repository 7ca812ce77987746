// The documented behaviour of infonoise.hpp, with exceptions.
//
//   behaviour FOLDER   writes FOLDER/run.journal and prints its last digest
#include "check.h"
#include <infonoise/infonoise.hpp>
#include <infonoise/journal.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <locale>
#include <sstream>

using infonoise::Config;
using infonoise::Error;
using infonoise::Event;
using infonoise::Journal;
using infonoise::Replay;
using infonoise::Report;
using infonoise::Scheduler;

// The call must fail with this status and with a message that holds `text`.
template <typename Call>
void refused(int line, infonoise_status status, const char* text, Call call) {
  try {
    call();
  } catch (const std::runtime_error& caught) {
    const auto* error = dynamic_cast<const Error*>(&caught);
    if (error && error->status() == status && std::strstr(error->what(), text)) return;
    std::cerr << "line " << line << ": status " << (error ? std::uint32_t{error->status()} : 999u) << ": " << caught.what() << std::endl;
    std::exit(1);
  }
  std::cerr << "line " << line << ": no error, expected " << text << std::endl;
  std::exit(1);
}
#define REFUSED(status, text, ...) refused(__LINE__, status, text, [&] { (void)(__VA_ARGS__); })

Config quick() { return Config::discrete().warmup_steps(20).refresh_every(7).refresh_growth(0).min_count(5); }

std::vector<float> errors(const std::vector<float>& sigma) {
  std::vector<float> error;
  for (float s : sigma) error.push_back(s * s / (1 + s * s));
  return error;
}

// A trainer, on a scheduler or on a journal.
template <typename Verbs>
void train(Verbs& verbs, int steps, std::size_t batch = 256) {
  for (int step = 0; step < steps; ++step) {
    std::vector<float> sigma = verbs.sample(batch);
    CHECK(verbs.observe(sigma, errors(sigma)) == 0);
    verbs.step();
  }
}

// The C ABI gives the same block, byte for byte.
void equals_the_c_abi() {
  const Config config = quick();
  Scheduler scheduler(config, 11);
  std::vector<std::uint64_t> words(infonoise_state_bytes(&config.raw()) / 8);
  infonoise_state* const block = reinterpret_cast<infonoise_state*>(words.data());
  const std::size_t bytes = words.size() * 8;
  CHECK(infonoise_init(block, bytes, &config.raw(), 11) == INFONOISE_OK);
  CHECK(scheduler.seed() == 11 && scheduler.bytes() == bytes);
  const auto same = [&] { return std::memcmp(block, scheduler.data(), bytes) == 0; };
  {
    std::array<float, 64> sigma, levels;
    std::array<double, 64> density;
    CHECK(infonoise_sample_slice(block, bytes, sigma.data(), 64, 7, 100) == INFONOISE_OK);
    const std::vector<float> mine = scheduler.sample_slice(64, 7, 100), midpoints = scheduler.levels(64);
    CHECK(std::memcmp(mine.data(), sigma.data(), sizeof sigma) == 0 && same());
    CHECK(infonoise_levels(block, bytes, levels.data(), 64) == INFONOISE_OK);
    CHECK(std::memcmp(midpoints.data(), levels.data(), sizeof levels) == 0);
    CHECK(infonoise_log_density(block, bytes, sigma.data(), 64, density.data()) == INFONOISE_OK);
    const std::vector<double> logarithms = scheduler.log_density(mine);
    CHECK(std::memcmp(logarithms.data(), density.data(), sizeof density) == 0);
  }
  for (int step = 0; step < 60; ++step) {
    std::array<float, 64> sigma;
    std::vector<float> mine = step % 2 ? scheduler.sample_shard(64, 2, 3) : scheduler.sample(64);
    CHECK((step % 2 ? infonoise_sample_shard(block, bytes, sigma.data(), 64, 2, 3)
                    : infonoise_sample(block, bytes, sigma.data(), 64)) == INFONOISE_OK);
    CHECK(std::memcmp(mine.data(), sigma.data(), sizeof sigma) == 0);
    std::vector<float> error = errors(mine);
    std::vector<std::uint8_t> mask(64);
    for (std::size_t i = 0; i < 64; ++i) mask[i] = i % 5 != 0;
    std::size_t rejected = 9;
    error[3] = -1;
    if (step % 3) {
      CHECK(infonoise_observe(block, bytes, sigma.data(), error.data(), 64, &rejected) == INFONOISE_OK);
      CHECK(scheduler.observe(mine, error) == 1 && rejected == 1);
    } else {
      CHECK(infonoise_observe_masked(block, bytes, sigma.data(), error.data(), mask.data(), 64, &rejected) ==
            INFONOISE_OK);
      CHECK(scheduler.observe(mine, error, mask) == 1 && rejected == 1);
    }
    infonoise_report report = INFONOISE_REPORT_INIT;
    CHECK(infonoise_step(block, bytes, &report) == INFONOISE_OK);
    const Report stepped = scheduler.step(), read = scheduler.report();
    CHECK(std::memcmp(static_cast<const infonoise_report*>(&stepped), &report, sizeof report) == 0);
    CHECK(std::memcmp(static_cast<const infonoise_report*>(&read), &report, sizeof report) == 0);
    // advance, with and without mask, in place.
    std::vector<float> other = mine;
    if (step % 2) {
      CHECK(scheduler.advance(mine, error, mask, mine).steps == report.steps + 1);
    } else {
      CHECK(scheduler.advance(mine, error, mine).steps == report.steps + 1);
    }
    CHECK(infonoise_advance(block, bytes, other.data(), error.data(), step % 2 ? mask.data() : nullptr, 64,
                            other.data(), 64, nullptr, nullptr) == INFONOISE_OK);
    CHECK(mine == other && same());
  }
  std::uint64_t digest = 0;
  CHECK(infonoise_digest(block, bytes, &digest) == INFONOISE_OK && digest == scheduler.digest());
  scheduler.set_frozen(true);
  CHECK(infonoise_set_frozen(block, bytes, 1) == INFONOISE_OK && same());
  CHECK(scheduler.report().phase == INFONOISE_PHASE_FROZEN);
  scheduler.set_frozen(false);

  std::array<float, 18> grid;
  CHECK(infonoise_info_grid(block, bytes, 0.5, 0, grid.data(), grid.size()) == INFONOISE_OK);
  const std::vector<float> mine = scheduler.info_grid(18, 0.5, false);
  CHECK(std::equal(mine.begin(), mine.end(), grid.begin(), grid.end()));
  std::vector<double> scratch(infonoise_plan_bytes(9) / 8);
  infonoise_plan record = INFONOISE_PLAN_INIT;
  CHECK(infonoise_plan_grid(block, bytes, INFONOISE_SOLVER_HEUN, grid.data(), 9, scratch.data(), scratch.size() * 8,
                            &record) == INFONOISE_OK);
  const infonoise::Plan plan = scheduler.plan_grid(9);
  CHECK(plan.sigma.size() == 9 && std::equal(plan.sigma.begin(), plan.sigma.end(), grid.begin()));
  CHECK(plan.error == record.error && plan.leaps == record.leaps && plan.edm_levels == record.edm_levels);
  CHECK(plan.evaluations == 17 && plan.edm_error == record.edm_error && plan.edm_leaps == record.edm_leaps);
  CHECK(plan.variance.size() == record.variances && plan.mass.size() == record.variances && record.variances > 0);
  CHECK(plan.verdict() == "9 levels (17 evaluations): as good as EDM's " + std::to_string(plan.edm_levels));
  CHECK(scheduler.plan_grid(5, INFONOISE_SOLVER_EULER, 0.05, true).sigma.back() == 0.05f);
  const infonoise::Profile shape = scheduler.profile();
  const infonoise::Plan elsewhere = infonoise::plan_grid(shape.sigma, shape.error, shape.edges.front(), shape.edges.back(), 9);
  CHECK(elsewhere.sigma.front() == plan.sigma.front() && elsewhere.variance == plan.variance && elsewhere.mass == plan.mass);
  const double sigmas[] = {0.01, 0.5, 3.0};
  const std::vector<double> time = scheduler.to_entropic_time(sigmas), back = scheduler.from_entropic_time(time);
  double expected[3];
  CHECK(infonoise_to_entropic_time(block, bytes, 0, 1, sigmas, expected, 3) == INFONOISE_OK);
  CHECK(std::memcmp(time.data(), expected, sizeof expected) == 0);
  CHECK(infonoise_from_entropic_time(block, bytes, 0, 1, expected, expected, 3) == INFONOISE_OK);
  CHECK(std::memcmp(back.data(), expected, sizeof expected) == 0);

  std::uint64_t threshold[65];
  float edge[65], slope[64];
  CHECK(infonoise_sampler_get(block, bytes, threshold, edge, slope) == INFONOISE_OK);
  const infonoise::DrawTable table = scheduler.draw_table();
  CHECK(std::equal(table.threshold.begin(), table.threshold.end(), threshold, threshold + 65));
  CHECK(std::equal(table.edge.begin(), table.edge.end(), edge, edge + 65));
  CHECK(std::equal(table.slope.begin(), table.slope.end(), slope, slope + 64));

  double density[64], edges[65], error_now[64], rate[64], target[64];
  infonoise_profile curves = INFONOISE_PROFILE_INIT;
  curves.bins = 64, curves.density = density, curves.edges = edges;
  curves.error = error_now, curves.rate = rate, curves.target = target;
  for (const bool estimated : {false, true}) {
    CHECK(infonoise_profile_get(block, bytes, estimated, &curves) == INFONOISE_OK);
    const infonoise::Profile profile = estimated ? scheduler.estimate() : scheduler.profile();
    CHECK(std::memcmp(profile.density.data(), density, sizeof density) == 0);
    CHECK(std::memcmp(profile.edges.data(), edges, sizeof edges) == 0);
    for (const auto* curve : {&profile.sigma, &profile.count, &profile.error, &profile.rate, &profile.gate, &profile.target})
      CHECK(curve->size() == 64 && curve->back() == curve->back() && *std::max_element(curve->begin(), curve->end()) > 0);
    for (const auto* curve : {&profile.cdf, &profile.entropy}) CHECK(curve->size() == 65 && curve->back() > 0);
  }
  double emphasis[64];
  infonoise_mismatch mismatch = INFONOISE_MISMATCH_INIT;
  mismatch.bins = 64, mismatch.emphasis = emphasis;
  CHECK(infonoise_diagnose(block, bytes, INFONOISE_SCHEDULE_KIND_LOGIT_NORMAL, 0, 1, nullptr, target, &mismatch) ==
        INFONOISE_OK);
  const infonoise::Mismatch found = scheduler.diagnose(infonoise::Schedule::logitnormal(), true);
  CHECK(found.wasted == mismatch.wasted && found.total_variation == mismatch.total_variation);
  CHECK(found.inside_band == mismatch.inside_band && found.off_grid == mismatch.off_grid);
  CHECK(found.band_low == mismatch.band_low && found.band_high == mismatch.band_high);
  CHECK(std::memcmp(found.emphasis.data(), emphasis, sizeof emphasis) == 0);
  // Its own density differs from the target by at most the coverage, a share of .02.
  CHECK(scheduler.diagnose(infonoise::Schedule::table(scheduler.profile().density)).total_variation < 0.03);
  std::ostringstream line;
  line << found;
  CHECK(line.str().rfind("total_variation=0.", 0) == 0 && line.str().find('\n') == std::string::npos);
}

void is_a_value() {
  Scheduler one(quick(), 3);
  train(one, 30);
  Scheduler copy = one;
  CHECK(copy.digest() == one.digest() && copy.seed() == 3);
  train(copy, 1);
  CHECK(copy.digest() != one.digest());
  train(one, 1);
  CHECK(copy.digest() == one.digest());
  const std::uint64_t digest = one.digest();
  Scheduler moved = std::move(one);
  CHECK(moved.digest() == digest);
  // Every call on a moved-from scheduler is refused; none crashes.
  std::vector<float> sigma(4, 1), error(4, 1);
  const char* text = "moved from";
  REFUSED(INFONOISE_NULL, text, one.sample(4));
  REFUSED(INFONOISE_NULL, text, one.sample_shard(4, 0, 1));
  REFUSED(INFONOISE_NULL, text, one.observe(sigma, error));
  REFUSED(INFONOISE_NULL, text, one.step());
  REFUSED(INFONOISE_NULL, text, one.advance(sigma, error, sigma));
  REFUSED(INFONOISE_NULL, text, one.set_frozen(true));
  REFUSED(INFONOISE_NULL, text, one.reconfigure(quick()));
  REFUSED(INFONOISE_NULL, text, one.config());
  REFUSED(INFONOISE_NULL, text, one.report());
  REFUSED(INFONOISE_NULL, text, one.profile());
  REFUSED(INFONOISE_NULL, text, one.estimate());
  REFUSED(INFONOISE_NULL, text, one.info_grid(4));
  REFUSED(INFONOISE_NULL, text, one.diagnose(infonoise::Schedule::cosine()));
  REFUSED(INFONOISE_NULL, text, one.save());
  REFUSED(INFONOISE_NULL, text, one.digest());
  REFUSED(INFONOISE_NULL, text, Journal::create("never", std::move(one)));
  one = moved;
  CHECK(one.digest() == digest);

  const Scheduler loaded = Scheduler::load(one.save()), again = Scheduler::from_words(one.words());
  CHECK(loaded.digest() == digest && again.digest() == digest && loaded.seed() == 0);
  std::vector<std::uint8_t> snapshot = one.save();
  REFUSED(INFONOISE_TRUNCATED, "end early", Scheduler::load({snapshot.data(), snapshot.size() / 2}));
  snapshot[snapshot.size() / 2] ^= 1;
  REFUSED(INFONOISE_CHECKSUM, "checksum", Scheduler::load(snapshot));
  snapshot[8] = 9;
  REFUSED(INFONOISE_SNAPSHOT_VERSION, "(version 9)", Scheduler::load(snapshot));
  snapshot[0] ^= 1;
  REFUSED(INFONOISE_NOT_A_SNAPSHOT, "snapshot", Scheduler::load(snapshot));
  REFUSED(INFONOISE_NOT_A_STATE, "", Scheduler::from_words(std::vector<std::uint64_t>(one.words().size())));
}

void configures() {
  CHECK(Config().endpoint() == INFONOISE_ENDPOINT_CONTINUOUS && Config::edm(0.7).sigma_data() == 0.7);
  CHECK(Config::flow().objective() == INFONOISE_OBJECTIVE_VELOCITY);
  CHECK(Config::epsilon().objective() == INFONOISE_OBJECTIVE_EPSILON);
  CHECK(Config::paper(INFONOISE_ENDPOINT_DISCRETE).endpoint() == INFONOISE_ENDPOINT_DISCRETE);
  CHECK(!Config::paper().guard() && Config().guard());
  Config::edm().check();
  REFUSED(INFONOISE_INVALID_CONFIG, "min_count = 300 must be at most window = 256: lower min_count or raise window",
          Config().min_count(300).check());
  REFUSED(INFONOISE_INVALID_CONFIG, "min_count = 300", Scheduler(Config().min_count(300)));
  REFUSED(INFONOISE_INVALID_CONFIG, "weight has 3 numbers, must have bins = 64", Config().weight({1, 2, 3}).check());
  REFUSED(INFONOISE_INVALID_CONFIG, "baseline_table has 1 numbers", Scheduler(Config().baseline_table({1})));
  std::vector<double> bad(64, 1);
  bad[17] = -1;
  REFUSED(INFONOISE_TABLE, "weight[17] = -1 must be above 0: ", Config().weight(bad).check());
  REFUSED(INFONOISE_TABLE, "baseline_table[17] = -1 must be at least 0: ", Scheduler(Config().baseline_table(bad)));
  REFUSED(INFONOISE_TABLE, "baseline = table must be given with", Config().baseline(INFONOISE_BASELINE_TABLE).check());

  std::vector<double> weight(64, 2), masses(64, 1.0 / 64);
  masses[0] = 3.0 / 64;
  Scheduler scheduler(quick().weight(weight).baseline_table(masses), 1);
  CHECK(scheduler.config().weight() == weight && scheduler.config().baseline_table().size() == 64);
  CHECK(scheduler.config().refresh_every() == 7 && scheduler.config().sigma_max() == 80);
  // Reconfigured: the configuration takes over, its weight too.
  scheduler.reconfigure(scheduler.config().refresh_every(3).weight({}));
  CHECK(scheduler.config().weight().empty() && scheduler.config().refresh_every() == 3);
  REFUSED(INFONOISE_INVALID_CONFIG, "bins = 32 must be left at 64", scheduler.reconfigure(scheduler.config().bins(32)));
  REFUSED(INFONOISE_TABLE, "weight[17] = -1 must be above 0: ", scheduler.reconfigure(scheduler.config().weight(bad)));
  masses[0] = 0.5;
  REFUSED(INFONOISE_TABLE, "baseline_table[0] = 0.5 must be left at 0.046875: it is fixed at init",
          scheduler.reconfigure(scheduler.config().baseline_table(masses)));
  REFUSED(INFONOISE_INVALID_CONFIG, "weight has 2 numbers", scheduler.reconfigure(scheduler.config().weight({1, 2})));

  Scheduler old(quick(), 1);
  train(old, 30);
  Scheduler next(Config::from_profile(old.profile(), old.config()), 2);
  const infonoise::Profile before = old.profile(), after = next.profile();
  // The coverage is mixed in again.
  for (std::size_t k = 0; k < 64; ++k)
    CHECK(std::abs(0.98 * before.density[k] + 0.02 / 64 - after.density[k]) < 1e-6);

  std::ostringstream line;
  line << quick().weight(weight) << '\n' << old.report() << '\n' << old.step();
  std::cout << line.str() << '\n';
}

void names_what_is_wrong() {
  Scheduler scheduler(quick(), 5);
  std::vector<float> sigma = scheduler.sample(8), error(8, 0.1f);
  const std::uint64_t digest = scheduler.digest();
  REFUSED(INFONOISE_NOT_READY, "", scheduler.info_grid(18));
  REFUSED(INFONOISE_NOT_READY, "", scheduler.plan_grid(9));
  REFUSED(INFONOISE_NOT_READY, "", scheduler.estimate());
  REFUSED(INFONOISE_ARGUMENT, "rank = 2 must be below world = 2", scheduler.sample_shard(4, 2, 2));
  REFUSED(INFONOISE_ARGUMENT, "offset = 5 and n = 4 must lie within total = 8", scheduler.sample_slice(4, 5, 8));
  const std::vector<float> seven(7, 0.1f);
  const std::vector<std::uint8_t> mask(7, 1);
  REFUSED(INFONOISE_LENGTH, "8 sigmas, error of 7", scheduler.observe(sigma, seven));
  REFUSED(INFONOISE_LENGTH, "8 sigmas, mask of 7", scheduler.observe(sigma, error, mask));
  REFUSED(INFONOISE_LENGTH, "8 sigmas, mask of 0", scheduler.observe(sigma, error, std::vector<std::uint8_t>()));
  REFUSED(INFONOISE_LENGTH, "8 sigmas, error of 7", scheduler.advance(sigma, seven, sigma));
  REFUSED(INFONOISE_LENGTH, "8 sigmas, mask of 7", scheduler.advance(sigma, error, mask, sigma));
  REFUSED(INFONOISE_LENGTH, "has 3 masses", scheduler.diagnose(infonoise::Schedule::table({1, 2, 3})));
  CHECK(scheduler.digest() == digest);
  train(scheduler, 30);
  REFUSED(INFONOISE_ARGUMENT, "n = 1 must be at least 2", scheduler.info_grid(1));
  REFUSED(INFONOISE_ARGUMENT, "power = 65 must be from -64 to 64", scheduler.info_grid(18, 65));
  REFUSED(INFONOISE_ARGUMENT, "n = 241 must be from 1 to 240", scheduler.plan_grid(241));
  REFUSED(INFONOISE_ARGUMENT, "end = 80 0 (free) or, with n above 1, below the first level", scheduler.plan_grid(9, INFONOISE_SOLVER_HEUN, 80));
  const std::vector<double> three{1, 2, 3};
  REFUSED(INFONOISE_ARGUMENT, "low = 4 below high", infonoise::plan_grid(three, three, 4, 3, 9));
  REFUSED(INFONOISE_LENGTH, "3 sigmas, mmse of 2", infonoise::plan_grid(three, std::vector<double>{1, 2}, 1, 3, 9));
  REFUSED(INFONOISE_ARGUMENT, "power = -65", scheduler.to_entropic_time(std::vector<double>{1}, -65));
  REFUSED(INFONOISE_ARGUMENT, "power = -65", scheduler.from_entropic_time(std::vector<double>{1}, -65));
  REFUSED(INFONOISE_ARGUMENT, "lognormal(0, -1): deviations and shifts must be positive", scheduler.diagnose(infonoise::Schedule::lognormal(0, -1)));

  const double half = infonoise::to_sigma(INFONOISE_COORDINATE_FLOW_TIME, 0.5);
  CHECK(half == 1 && infonoise::from_sigma(INFONOISE_COORDINATE_FLOW_TIME, half) == 0.5);
  const std::vector<double> snr = infonoise::from_sigma(INFONOISE_COORDINATE_LOG_SNR, std::vector<double>{1, 2});
  CHECK(snr[0] == 0 && infonoise::to_sigma(INFONOISE_COORDINATE_LOG_SNR, snr).size() == 2);
  REFUSED(INFONOISE_ARGUMENT, "sigma = -1", infonoise::from_sigma(INFONOISE_COORDINATE_SIGMA, -1));
  REFUSED(INFONOISE_ARGUMENT, "value = 1", infonoise::to_sigma(INFONOISE_COORDINATE_FLOW_TIME, 1));
  std::vector<float> levels = {0.9f, 2.2f};
  const std::vector<float> table = {1, 2, 4};
  CHECK(infonoise::snap(levels, table) == (std::vector<std::uint32_t>{0, 1}) && levels == (std::vector<float>{1, 2}));
  REFUSED(INFONOISE_ARGUMENT, "table's 0 entries", infonoise::snap(levels, std::vector<float>()));
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void records(const std::string& folder) {
  const std::string path = folder + "/run.journal", other = folder + "/other.journal";
  Scheduler plain(quick(), 4);
  Journal journal = Journal::create(path, Scheduler(quick(), 4));
  // A file that exists is refused, and the caller keeps the scheduler.
  Scheduler kept(quick(), 4);
  REFUSED(infonoise::file_error, "continue it with resume", Journal::create(path, std::move(kept)));
  CHECK(kept.digest() == plain.digest());
  REFUSED(infonoise::file_error, "No such file", Journal::create(folder + "/no/run.journal", std::move(kept)));
  REFUSED(INFONOISE_ARGUMENT, "page = 0 must be from 1 to 2^28", Journal::create(folder + "/x", std::move(kept), 0));

  // The calls do what the scheduler's do.
  const auto everything = [](auto& verbs, const Config& config) {
    train(verbs, 60);
    verbs.reconfigure(Config(config).refresh_every(3).weight(std::vector<double>(64, 2)));
    verbs.set_frozen(true);
    std::vector<float> sigma = verbs.sample(100);
    std::vector<std::uint8_t> mask(100);
    for (std::size_t i = 0; i < 100; ++i) mask[i] = i % 2;
    CHECK(verbs.observe(sigma, errors(sigma), mask) == 0);
    std::vector<float> next(32);
    verbs.advance(sigma, errors(sigma), next);
    verbs.advance(sigma, errors(sigma), mask, next);
    verbs.set_frozen(false);
    sigma = verbs.sample_shard(16, 1, 2);
    verbs.observe(sigma, errors(sigma));
    train(verbs, 10, 32);
  };
  everything(journal, quick());
  everything(plain, quick());
  CHECK(journal.scheduler().digest() == plain.digest());
  const std::vector<float> eight(8, 1), seven(7, 1);
  REFUSED(INFONOISE_LENGTH, "8 sigmas, error of 7", journal.observe(eight, seven));
  REFUSED(INFONOISE_ARGUMENT, "rank = 3 must be below world = 3", journal.sample_shard(4, 3, 3));
  REFUSED(INFONOISE_INVALID_CONFIG, "bins = 32", journal.reconfigure(quick().bins(32)));
  journal.close();
  journal.close();
  REFUSED(INFONOISE_NOT_A_JOURNAL, "closed", journal.step());
  REFUSED(INFONOISE_NOT_A_JOURNAL, "closed", journal.sample(4));
  REFUSED(INFONOISE_NOT_A_JOURNAL, "closed", journal.observe(eight, eight));

  // Replayed: the same schedule; `sampled` events give the draws.
  Replay replay = Replay::open(path);
  Scheduler shadow(quick(), 4);
  std::uint64_t draws = 0;
  while (std::optional<Event> event = replay.next())
    if (event->kind == INFONOISE_EVENT_KIND_SAMPLED && event->steps < 20) {
      CHECK(replay.draws(*event) == shadow.sample(256));
      CHECK(std::strcmp(event->kind_name(), "sampled") == 0);
      draws += event->n;
    }
  CHECK(draws == 20 * 256 && replay.torn_bytes() == 0 && replay.steps() == plain.report().steps);
  CHECK(replay.digests() == plain.report().refreshes + plain.report().held + 1);
  CHECK(replay.scheduler().digest() == plain.digest() && replay.position() == read(path).size());
  Event large;
  large.n = large.total = 1ull << 32;
  REFUSED(INFONOISE_ARGUMENT, "larger page", replay.draws(large));

  // A record torn at any byte at the end is left out. For damage elsewhere the error
  // names the byte.
  const std::string whole = read(path);
  for (std::size_t cut : {1u, 5u, 27u}) {
    write(other, whole.substr(0, whole.size() - cut));
    Replay torn = Replay::open(other);
    torn.finish();
    CHECK(torn.torn_bytes() == 28 - cut && torn.steps() == plain.report().steps);
  }
  write(other, whole + std::string(100000, '\0'));
  Replay zeros = Replay::open(other);
  zeros.finish();
  CHECK(zeros.torn_bytes() == 100000);
  std::string damaged = whole;
  damaged[whole.size() / 2] = static_cast<char>(damaged[whole.size() / 2] ^ 1);
  write(other, damaged);
  REFUSED(INFONOISE_CHECKSUM, "at byte ", Replay::open(other).finish());
  damaged = whole;
  damaged[8] = 7;
  write(other, damaged);
  REFUSED(INFONOISE_JOURNAL_VERSION, "(version 7)", Replay::open(other));
  write(other, std::string("nonsense").append(90, 'x'));
  REFUSED(INFONOISE_NOT_A_JOURNAL, "not a journal", Replay::open(other));
  write(other, "");
  REFUSED(INFONOISE_TRUNCATED, "is empty, nothing was recorded", Replay::open(other));
  REFUSED(infonoise::file_error, "No such file", Replay::open(folder + "/none"));
  // The errors of one run with the digests of another: the error names the step of the difference.
  std::remove(other.c_str());
  {
    Journal forged = Journal::create(other, Scheduler(quick(), 4));
    for (int step = 0; step < 20; ++step) {
      std::vector<float> sigma = forged.sample(256);
      forged.observe(sigma, std::vector<float>(256, 1e-4f));
      forged.step();
    }
  }
  damaged = read(other);
  const std::size_t at = Replay::open(other).position();
  std::size_t end = 0;
  for (Replay found = Replay::open(path); found.digests() < 1; end = found.position()) CHECK(found.next());
  CHECK(damaged.size() == end + 28 && at > 0);
  write(other, damaged.replace(end - 28, 28, whole, end - 28, 28));
  Replay differs = Replay::open(other);
  REFUSED(INFONOISE_DIFFERS, "differs at step 20: its digest is ", differs.finish());
  CHECK(differs.steps() == 20 && differs.digests() == 0);
  differs.finish();  // it may continue
  CHECK(differs.digests() == 1);
  differs.close();
  REFUSED(INFONOISE_NOT_A_JOURNAL, "this replay is closed: begin another", differs.next());
  // A replayed schedule can be moved out, and training continued with it.
  const std::uint64_t last = plain.digest();
  Scheduler taken = std::move(replay.scheduler());
  CHECK(taken.digest() == last);
}

// The journal of a block in this program's memory equals that of a scheduler, byte for byte.
void records_a_block(const std::string& folder) {
  const std::string path = folder + "/block.journal", other = folder + "/scheduler.journal";
  Scheduler scheduler(quick(), 4);
  std::vector<std::uint64_t> words(scheduler.words().data(), scheduler.words().data() + scheduler.words().size());
  const infonoise::Block block = {reinterpret_cast<infonoise_state*>(words.data()), words.size() * 8};
  infonoise::Recorder recorder = infonoise::Recorder::create(path, block, 4, 16384);
  Journal journal = Journal::create(other, std::move(scheduler));
  std::vector<float> sigma(64), next(64);
  const std::vector<std::uint8_t> none;
  for (int step = 0; step < 30; ++step) {
    recorder.sample(block, sigma, 0, sigma.size());
    CHECK(journal.sample(64) == sigma);
    CHECK(recorder.observe(block, sigma, errors(sigma)) == 0);
    journal.observe(sigma, errors(sigma));
    CHECK(recorder.step(block).steps == journal.step().steps);
  }
  recorder.advance(block, sigma, errors(sigma), none, next);
  journal.advance(sigma, errors(sigma), sigma);
  CHECK(next == sigma);
  REFUSED(INFONOISE_ARGUMENT, "total = 4294967296 draws of a global batch must be below 2^32", recorder.check_draw(4, 0, 1ull << 32));
  recorder.sync();
  journal.sync();
  recorder.close(block);
  journal.close();
  REFUSED(INFONOISE_NOT_A_JOURNAL, "closed", recorder.sync());
  CHECK(read(path) == read(other) && read(path).size() > 30 * 256);
  infonoise::Recorder again = infonoise::Recorder::resume(path, block);
  CHECK(again.cut_bytes() == 0 && again.path() == path);
}

void resumes(const std::string& folder) {
  const std::string path = folder + "/resumed.journal";
  Scheduler whole(quick(), 4);
  train(whole, 70);
  std::vector<std::uint8_t> snapshot;
  {
    Journal journal = Journal::create(path, Scheduler(quick(), 4));
    train(journal, 23);
    // There is no buffer: the file contains every step now.
    Replay sofar = Replay::open(path);
    sofar.finish();
    CHECK(sofar.steps() == 23 && sofar.digests() == 1 && sofar.torn_bytes() == 0);
    train(journal, 17);
    snapshot = journal.scheduler().save();
    REFUSED(infonoise::file_error, "another writer", Journal::resume(path, Scheduler::load(snapshot)));
    train(journal, 9);  // lost: the trainer dies here, in the middle of a record
  }
  const std::string lost = read(path);
  write(path, read(path) + std::string("\x10\0\0", 3));
  {
    Journal journal = Journal::resume(path, Scheduler::load(snapshot));
    CHECK(journal.cut_bytes() > 9 * 1024);
    const std::string aside = read(path + ".cut-40");
    CHECK(journal.cut_path() == path + ".cut-40");
    CHECK(aside.size() == journal.cut_bytes() && aside.find(lost.substr(lost.size() - 2000)) != std::string::npos);
    train(journal, 30);
    CHECK(journal.scheduler().digest() == whole.digest());
    // A journal closes before another is assigned to it; a moved one continues.
    Journal moved = std::move(journal);
    moved.step();
    whole.step();
    snapshot = moved.scheduler().save();
  }
  Replay replay = Replay::open(path);
  replay.finish();
  CHECK(replay.scheduler().digest() == whole.digest());
  // At the end of a closed journal nothing is cut; a state that never was in it is refused.
  const std::size_t size = read(path).size();
  {
    Journal journal = Journal::resume(path, Scheduler::load(snapshot));
    CHECK(journal.cut_bytes() == 0);
    journal = Journal::create(folder + "/late.journal", Scheduler::load(snapshot));
    train(journal, 10);
    train(whole, 10);
  }
  CHECK(read(path).size() == size + 28);
  Replay late = Replay::open(folder + "/late.journal");
  late.finish();
  CHECK(late.scheduler().digest() == whole.digest());
  REFUSED(INFONOISE_ARGUMENT, "never was where this schedule is", Journal::resume(path, Scheduler(quick(), 5)));
  // Also from the start of the journal.
  Journal from_start = Journal::resume(path, Scheduler(quick(), 4));
  CHECK(from_start.cut_bytes() > 0);
}

// Limits the size of files, which acts as a full disk and needs no privilege.
struct RoomFor {
  explicit RoomFor(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    rlimit limit = before;
    limit.rlim_cur = bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~RoomFor() { CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0); }
  rlimit before;
};

// A second crash after the same checkpoint, a forked child, a path without a file, and
// a first record that did not fit on the disk: no record is lost, and no file prevents
// a new journal.
void leaves_nothing_behind(const std::string& folder) {
  const std::string path = folder + "/twice.journal";
  std::vector<std::uint8_t> snapshot;
  {
    Journal journal = Journal::create(path, Scheduler(quick(), 4));
    train(journal, 10);
    snapshot = journal.scheduler().save();
    train(journal, 9);
  }
  for (const int steps : {3, 2}) {
    Journal journal = Journal::resume(path, Scheduler::load(snapshot));
    train(journal, steps);
  }
  Journal journal = Journal::resume(path, Scheduler::load(snapshot));
  CHECK(read(path + ".cut-10").size() > 9 * 1024 && read(path + ".cut-10.2").size() > 3 * 1024);
  CHECK(read(path + ".cut-10.3").size() > 2 * 1024);
  const pid_t child = fork();
  if (child == 0) {
    bool refused = false;
    try {
      journal.step();
    } catch (const Error& error) {
      refused = error.status() == INFONOISE_NOT_A_JOURNAL;
    }
    journal.close();
    _exit(refused ? 0 : 1);
  }
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  train(journal, 3);
  journal.close();
  Replay replay = Replay::open(path);
  replay.finish();
  CHECK(replay.scheduler().digest() == journal.scheduler().digest());

  const std::string none = folder + "/none.journal";
  REFUSED(infonoise::file_error, "No such file", Journal::resume(none, Scheduler(quick(), 4)));
  {
    const RoomFor limit(100);
    REFUSED(infonoise::file_error, "none.journal: File too large", Journal::create(none, Scheduler(quick(), 4)));
  }
  Journal::create(none, Scheduler(quick(), 4)).close();
  REFUSED(infonoise::file_error, "directory", Replay::open(folder));
}

struct Comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
};

// A line for a log reads the same wherever the program runs.
void prints_points_in_every_locale() {
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  Scheduler scheduler(quick(), 4);
  std::ostringstream text;
  const std::vector<double> sigma{0.01, 1, 10}, mmse{0.0001, 0.2, 0.25};
  text << scheduler.report() << quick() << infonoise::plan_grid(sigma, mmse, 0.01, 10, 3);
  REFUSED(INFONOISE_ARGUMENT, "power = 64.5 must be", scheduler.info_grid(9, 64.5));
  std::locale::global(before);
  CHECK(text.str().find("levels=3 evaluations=5 solver=heun first=10 last=") != std::string::npos);
  CHECK(text.str().find("sigma_min=0.002") != std::string::npos && text.str().find(',') == std::string::npos);
  REFUSED(INFONOISE_TRUNCATED, "the snapshot is empty", Scheduler::load({}));
}

// A full disk: the call that fails reports it, and no record follows the gap.
// tests/test_journal.py tries every byte.
void notices_a_full_disk(const std::string& folder) {
  const std::string path = folder + "/full.journal";
  Journal journal = Journal::create(path, Scheduler(quick(), 4));
  train(journal, 3);
  const std::vector<std::uint8_t> snapshot = journal.scheduler().save();
  {
    const RoomFor limit(10000);
    REFUSED(infonoise::file_error, "full.journal: File too large", train(journal, 20));
  }
  REFUSED(INFONOISE_NOT_A_JOURNAL, "closed", journal.step());
  // No part of a record remains.
  CHECK(read(path).size() <= 10000);
  Replay replay = Replay::open(path);
  replay.finish();
  CHECK(replay.torn_bytes() == 0 && replay.position() == read(path).size());
  // A resume that fails changes nothing and leaves no other file.
  const std::string before = read(path);
  try {
    const RoomFor limit(100);
    (void)Journal::resume(path, Scheduler::load(snapshot));
    CHECK(false);
  } catch (const Error& error) {
    CHECK(error.status() == infonoise::file_error && error.system_error() == EFBIG);
    CHECK(std::strstr(error.what(), "full.journal.cut-3: File too large"));
  }
  CHECK(read(path) == before && access((path + ".cut-3").c_str(), F_OK) != 0);
  Journal again = Journal::resume(path, Scheduler::load(snapshot));
  CHECK(again.cut_bytes() > 1000);
  // The same for the digest that close records.
  {
    const RoomFor limit(read(path).size() + 27);
    REFUSED(infonoise::file_error, "full.journal: File too large", again.close());
  }
  Replay whole = Replay::open(path);
  whole.finish();
  CHECK(whole.steps() == 3 && whole.torn_bytes() == 0);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  equals_the_c_abi();
  is_a_value();
  configures();
  names_what_is_wrong();
  records(argv[1]);
  records_a_block(argv[1]);
  resumes(argv[1]);
  leaves_nothing_behind(argv[1]);
  prints_points_in_every_locale();
  notices_a_full_disk(argv[1]);
  Replay replay = Replay::open(std::string(argv[1]) + "/run.journal");
  replay.finish();
  std::cout << replay.scheduler().digest() << std::endl;
}
