// The behaviour of Stage that only the stand-in can show: when it waits, what each
// failure of the runtime does, what it costs; also snapshots, journals and ranks.
//
//   stage_standin FOLDER   writes FOLDER/stage.journal; prints the cost of a step
#include "stage.h"

#include <chrono>

using infonoise::Journal;
using infonoise::Scheduler;
using infonoise::cuda::Sampler;
using infonoise::cuda::Shard;
using infonoise::cuda::Stage;

namespace {

template <typename Call>
void refused(int line, infonoise_status status, const char* text, Call call) {
  try {
    call();
  } catch (const infonoise::Error& error) {
    if (error.status() == status && std::strstr(error.what(), text)) return;
    std::cerr << "line " << line << ": status " << std::uint32_t{error.status()} << ": " << error.what() << std::endl;
    std::exit(1);
  }
  std::cerr << "line " << line << ": no error, expected " << text << std::endl;
  std::exit(1);
}
#define REFUSED(status, text, ...) refused(__LINE__, status, text, [&] { (void)(__VA_ARGS__); })

Stage<> fresh(std::uint32_t lag = 2) { return Stage(Scheduler(quick(), 5), pairs, lag); }

// The device is exactly `behind` batches behind the host at every step.
void waits_only_for_what_is_late() {
  for (std::uint32_t lag : {0u, 1u, 2u, 4u}) {
    for (std::uint32_t behind : {0u, 1u, 2u, 3u, 4u, 5u}) {
      standin::start(standin::Way::by_hand);
      const Stream stream;
      const Buffer d_error(pairs);
      Stage stage = fresh(lag);
      Digests digests;
      for (std::uint64_t step = 0; step < 60; ++step) {
        errors(stage.sample(stream), d_error, pairs, scale_of(step), stream);
        stage.observe(d_error, stream, mask_of(step, pairs));
        // For each batch: sigmas, kernel, errors, event.
        while (standin::queued() > 4 * behind) standin::run(1);
        stage.step();
        digests.push_back(stage.scheduler().digest());
      }
      Run run;
      run.lag = lag;
      CHECK(digests == plain(run));
      const bool in_time = behind <= lag;
      CHECK(stage.waits() == (in_time ? 0 : 60 - lag));
      CHECK(standin::calls("cudaEventSynchronize") == stage.waits() && standin::calls("cudaDeviceSynchronize") == 0);
      // An event that is not ready is not an error, and sets none in the runtime.
      CHECK(standin::last_error() == cudaSuccess);
      stage.drain();
    }
  }
}

// Four calls a step, and no copies except the sigmas and the errors.
void costs_four_calls() {
  standin::start(standin::Way::at_once);
  const Stream stream;
  const Buffer d_error(256);
  Stage stage(Scheduler(infonoise::Config::edm().warmup_steps(5000), 5), 256);
  const unsigned before = standin::all_calls();
  const int steps = 2000;
  double sampler_ns = 0;
  Sampler sampler(stage.scheduler(), stream);
  const unsigned made = standin::all_calls();
  CHECK(made - before == 7);  // device, three allocations, and synchronise, copy, record
  const std::size_t table = standin::copied();
  std::vector<double> ns;
  for (int step = 0; step < steps; ++step) {
    const auto begin = std::chrono::steady_clock::now();
    const float* d_sigma = stage.sample(stream);
    const auto sampled = std::chrono::steady_clock::now();
    errors(d_sigma, d_error, 256, 1, stream);
    const auto trained = std::chrono::steady_clock::now();
    stage.observe(d_error, stream);
    stage.step();
    const auto stepped = std::chrono::steady_clock::now();
    CHECK(!sampler.update(stage.scheduler(), stream));
    sampler_ns += std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - stepped).count();
    ns.push_back(std::chrono::duration<double, std::nano>(sampled - begin + (stepped - trained)).count());
  }
  CHECK(stage.scheduler().report().refreshes == 0);
  CHECK(standin::all_calls() - made == 4 * steps - 2);  // the first two steps have nothing to query
  CHECK(standin::copied() - table == steps * 2 * 256 * sizeof(float));
  std::nth_element(ns.begin(), ns.begin() + steps / 2, ns.end());
  std::cout << "batch 256: 4 calls, 2 copies, 2048 bytes a step; " << ns[steps / 2] << " ns of the host with the stand-in's, Sampler::update "
            << sampler_ns / steps << " ns\n";
}

// A run that continues after a failed call.
template <typename Call>
auto retried(unsigned& failures, Call call) {
  for (;;) {
    try {
      return call();
    } catch (const infonoise::Error& error) {
      CHECK(error.status() == infonoise::cuda_error);
      // It was reported, and the runtime's last error is cleared.
      CHECK(standin::last_error() == cudaSuccess);
      ++failures;
    }
  }
}

bool drawn_is_exact(const Sampler& sampler, const Scheduler& scheduler, cudaStream_t stream) {
  CUDA(cudaStreamSynchronize(stream));
  const infonoise::DrawTable table = scheduler.draw_table();
  for (std::uint64_t word = 0; word < std::uint64_t{1} << 32; word += 1u << 24)
    if (sampler.ref()(static_cast<std::uint32_t>(word)) != sigma_of(table, static_cast<std::uint32_t>(word))) return false;
  return true;
}

void survives_every_failure() {
  const Digests expected = plain(Run());
  for (const char* name : {"cudaGetDevice", "cudaMalloc", "cudaHostAlloc", "cudaEventCreateWithFlags", "cudaMemcpyAsync",
                           "cudaEventRecord", "cudaEventQuery", "cudaEventSynchronize"}) {
    for (unsigned times = 0; times < 40; ++times) {
      standin::start(standin::Way::by_hand);
      {
        const Stream stream;
        const Buffer d_error(pairs);
        standin::fail(name, times, cudaErrorIllegalAddress);
        unsigned failures = 0;
        Stage stage = retried(failures, [] { return fresh(); });
        Sampler sampler = retried(failures, [&] { return Sampler(stage.scheduler(), stream); });
        Digests digests;
        for (std::uint64_t step = 0; step < 60; ++step) {
          const float* d_sigma = retried(failures, [&] { return stage.sample(stream); });
          errors(d_sigma, d_error, pairs, scale_of(step), stream);
          retried(failures, [&] { return stage.observe(d_error, stream, mask_of(step, pairs)); });
          retried(failures, [&] { return stage.step(); });
          digests.push_back(stage.scheduler().digest());
          const unsigned before = failures;
          retried(failures, [&] { return sampler.update(stage.scheduler(), stream); });
          if (failures != before) CHECK(drawn_is_exact(sampler, stage.scheduler(), stream));
          if (step == 30) retried(failures, [&] { return stage.save(); });
        }
        CHECK(digests == expected);
        const std::string once = name;
        const bool reached = !(once == "cudaGetDevice" && times > 1) && !(once == "cudaMalloc" && times > 1) &&
                             !(once == "cudaHostAlloc" && times > 1) && !(once == "cudaEventCreateWithFlags" && times > 3);
        CHECK(failures == (reached ? 1 : 0) && standin::failed() == reached);
        CHECK(drawn_is_exact(sampler, stage.scheduler(), stream));
      }
      CHECK(standin::alive() == 0);
    }
  }
  // Calls that free may fail; no exception leaves a destructor.
  for (const char* name : {"cudaFree", "cudaFreeHost", "cudaEventDestroy", "cudaDeviceSynchronize", "cudaSetDevice"}) {
    standin::start(standin::Way::at_once);
    standin::fail(name, 0, cudaErrorIllegalAddress);
    { Stage stage = fresh(); }
    CHECK(standin::failed() && standin::alive() == 0);
  }
  standin::start(standin::Way::at_once);
  standin::fail("cudaHostAlloc", 0, cudaErrorMemoryAllocation);
  REFUSED(infonoise::cuda_error, "cudaHostAlloc: out of memory (cudaErrorMemoryAllocation, 2)", fresh());
  // Refused before the scheduler is taken over.
  Scheduler mine(quick(), 5);
  standin::fail("cudaEventCreateWithFlags", 2, cudaErrorMemoryAllocation);
  REFUSED(infonoise::cuda_error, "cudaEventCreateWithFlags", Stage(std::move(mine), pairs));
  CHECK(mine.digest() == Scheduler(quick(), 5).digest() && standin::alive() == 0);
}

void refuses_misuse() {
  standin::start(standin::Way::at_once);
  const Stream stream;
  const Buffer d_error(pairs);
  REFUSED(INFONOISE_ARGUMENT, "batch = 0", Stage(Scheduler(quick(), 5), 0));
  REFUSED(INFONOISE_ARGUMENT, "lag = 65", fresh(65));
  REFUSED(INFONOISE_ARGUMENT, "rank = 2", Stage(Scheduler(quick(), 5), pairs, 2, Shard{2, 2}));
  Stage stage = fresh();
  REFUSED(INFONOISE_ARGUMENT, "call sample first", stage.observe(d_error, stream));
  stage.sample(stream);
  REFUSED(INFONOISE_ARGUMENT, "has not been observed", stage.sample(stream));
  REFUSED(INFONOISE_ARGUMENT, "observe that one", stage.observe(d_error, d_error, stream));
  REFUSED(INFONOISE_ARGUMENT, "save before sample", stage.save());
  REFUSED(INFONOISE_LENGTH, "mask of 3", stage.observe(d_error, stream, std::vector<std::uint8_t>(3)));
  CHECK(stage.in_flight() == 0);
  stage.observe(d_error, stream);
  Stage moved = std::move(stage);
  REFUSED(INFONOISE_NULL, "moved from", stage.sample(stream));
  REFUSED(INFONOISE_NULL, "moved from", stage.step());
  REFUSED(INFONOISE_NULL, "moved from", stage.drain());
  REFUSED(INFONOISE_NULL, "moved from", stage.save());
  CHECK(moved.in_flight() == 1);
  Sampler sampler(moved.scheduler(), stream);
  REFUSED(INFONOISE_LENGTH, "bins = 64", sampler.update(Scheduler(infonoise::Config(), 1), stream));
  Sampler taken = std::move(sampler);
  REFUSED(INFONOISE_NULL, "moved from", sampler.update(moved.scheduler(), stream));
}

// A checkpoint changes nothing, and a run that continues from it is the same run.
void goes_on_from_every_step() {
  standin::start(standin::Way::threads, 3, 30);
  {
    const Stream stream;
    const Buffer d_error(pairs);
    const Digests expected = plain(Run());
    std::vector<std::uint8_t> snapshot;
    for (std::size_t step = 0; step < 60; step += 7) {
      Stage stage = step == 0 ? fresh() : Stage<>::load(snapshot);
      CHECK(stage.in_flight() == (step == 0 ? 0 : 2));
      Run run;
      run.steps = std::min<std::size_t>(step + 7, 60);
      Digests part = staged(stage, run, stream, d_error, step);
      CHECK(std::equal(part.begin(), part.end(), expected.begin() + static_cast<std::ptrdiff_t>(step)));
      snapshot = stage.save();
      CHECK(infonoise::cuda::load_scheduler(snapshot).digest() == stage.scheduler().digest());
      // Saving does not change this stage either.
      run.steps = 60;
      part = staged(stage, run, stream, d_error, std::min<std::size_t>(step + 7, 60));
      CHECK(part.empty() || part.back() == expected.back());
    }
    REFUSED(INFONOISE_ARGUMENT, "another schedule", Stage<>::resume(Scheduler(quick(), 6), snapshot));
    REFUSED(INFONOISE_ARGUMENT, "must divide", Stage<>::load(snapshot, Shard{0, 3}));
    REFUSED(INFONOISE_NOT_A_SNAPSHOT, "Scheduler::load", Stage<>::load(Scheduler(quick(), 5).save()));
    for (std::size_t size = 0; size < snapshot.size(); size += size < 60 ? 1 : 97) {
      const std::vector<std::uint8_t> cut(snapshot.begin(), snapshot.begin() + static_cast<std::ptrdiff_t>(size));
      REFUSED(size < 48 ? INFONOISE_NOT_A_SNAPSHOT : INFONOISE_SNAPSHOT_SIZE, "", Stage<>::load(cut));
    }
    for (std::size_t at = 0; at < snapshot.size(); at += at < 60 || snapshot.size() - at < 60 ? 1 : 97) {
      std::vector<std::uint8_t> damaged = snapshot;
      damaged[at] ^= 4;
      bool caught = false;
      try {
        (void)Stage<>::load(damaged);
      } catch (const infonoise::Error&) {
        caught = true;
      }
      CHECK(caught);
    }
  }
  CHECK(standin::alive() == 0);
}

// The schedule's journal, resumed with the batches in flight; another program replays it.
void records_a_journal(const std::string& path) {
  standin::start(standin::Way::threads, 4, 30);
  const Stream stream;
  const Buffer d_error(pairs);
  Run run;
  const Digests expected = plain(run);
  std::vector<std::uint8_t> snapshot;
  {
    Stage stage(Journal::create(path, Scheduler(quick(), 5)), pairs);
    run.steps = 25;
    (void)staged(stage, run, stream, d_error);
    snapshot = stage.save();
    // Lost in a crash.
    run.steps = 33;
    (void)staged(stage, run, stream, d_error, 25);
    CHECK(stage.scheduler().digest() == expected[32]);
  }
  Journal journal = Journal::resume(path, infonoise::cuda::load_scheduler(snapshot));
  CHECK(journal.cut_bytes() > 0);
  auto stage = Stage<Journal>::resume(std::move(journal), snapshot);
  run.steps = 60;
  const Digests rest = staged(stage, run, stream, d_error, 25);
  CHECK(rest.size() == 35 && rest.back() == expected.back());
  stage.drain();
  stage.verbs().close();
  REFUSED(INFONOISE_NOT_A_JOURNAL, "closed", stage.sample(stream));
  std::cout << stage.scheduler().digest() << '\n';
}

// Three ranks, whose errors are gathered as by an all-gather, equal one process.
void ranks_are_one_process() {
  standin::start(standin::Way::at_once);
  const Stream stream;
  Run run;
  run.n = 3 * pairs;
  const Digests expected = plain(run);
  std::vector<Stage<>> ranks;
  for (std::uint32_t rank = 0; rank < 3; ++rank) ranks.emplace_back(Scheduler(quick(), 5), pairs, 2u, Shard{rank, 3});
  const Buffer d_error(run.n);
  for (std::uint64_t step = 0; step < run.steps; ++step) {
    for (std::size_t rank = 0; rank < 3; ++rank)
      errors(ranks[rank].sample(stream), d_error + rank * pairs, pairs, scale_of(step), stream);
    for (Stage<>& stage : ranks) {
      stage.observe(d_error, stream, mask_of(step, run.n));
      stage.step();
      CHECK(stage.scheduler().digest() == expected[step]);
    }
    // Only one of them writes the checkpoint.
    if (step == 40) {
      const std::vector<std::uint8_t> snapshot = ranks[1].save();
      for (std::uint32_t rank = 0; rank < 3; ++rank) ranks[rank] = Stage<>::load(snapshot, Shard{rank, 3});
    }
  }
}

// The second stream waits for the first, and observes after its last reader.
void serves_two_streams() {
  for (unsigned seed = 0; seed < 8; ++seed) {
    standin::start(standin::Way::threads, seed, 60);
    const Stream copies, compute;
    const Buffer d_error(pairs);
    cudaEvent_t drawn = nullptr;
    CUDA(cudaEventCreateWithFlags(&drawn, cudaEventDisableTiming));
    const Digests expected = plain(Run());
    Stage stage = fresh();
    for (std::uint64_t step = 0; step < 60; ++step) {
      const float* d_sigma = stage.sample(copies);
      CUDA(cudaEventRecord(drawn, copies));
      CUDA(cudaStreamWaitEvent(compute, drawn, 0));
      errors(d_sigma, d_error, pairs, scale_of(step), compute);
      stage.observe(d_error, compute, mask_of(step, pairs));
      stage.step();
      CHECK(stage.scheduler().digest() == expected[step]);
    }
    CUDA(cudaStreamSynchronize(compute));
    CUDA(cudaEventDestroy(drawn));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  waits_only_for_what_is_late();
  costs_four_calls();
  survives_every_failure();
  refuses_misuse();
  goes_on_from_every_step();
  ranks_are_one_process();
  serves_two_streams();
  records_a_journal(std::string(argv[1]) + "/stage.journal");
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  std::_Exit(1);
}
