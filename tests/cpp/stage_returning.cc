// Stage and Sampler under -fno-exceptions -fno-rtti: results instead of exceptions.
#include "stage.h"

using infonoise::Scheduler;
using infonoise::cuda::Sampler;
using infonoise::cuda::Stage;

template <typename T>
bool refused(const infonoise::Expected<T>& result, infonoise_status status, const char* text) {
  return !result.ok() && result.error().status() == status && std::strstr(result.error().what(), text);
}

int main() {
  standin::start(standin::Way::threads, 1, 30);
  {
    const Stream stream;
    const Buffer d_error(pairs);
    standin::fail("cudaHostAlloc", 0, cudaErrorMemoryAllocation);
    CHECK(refused(Stage<>::create(Scheduler::create(quick(), 5).value(), pairs), infonoise::cuda_error, "out of memory"));
    CHECK(refused(Stage<>::create(Scheduler::create(quick(), 5).value(), 0), INFONOISE_ARGUMENT, "batch = 0"));
    auto made = Stage<>::create(Scheduler::create(quick(), 5).value(), pairs);
    CHECK(made.ok());
    Stage<> stage = std::move(made).value();
    auto sampler = Sampler::create(stage.scheduler(), stream);
    CHECK(sampler.ok());
    Scheduler plain = Scheduler::create(quick(), 5).value();
    std::deque<std::vector<float>> late;
    for (std::uint64_t step = 0; step < 40; ++step) {
      CHECK(refused(stage.observe(d_error, stream), INFONOISE_ARGUMENT, "call sample first"));
      auto d_sigma = stage.sample(stream);
      CHECK(d_sigma.ok());
      errors(d_sigma.value(), d_error, pairs, scale_of(step), stream);
      CHECK(stage.observe(d_error, stream).ok());
      if (step == 20) {
        standin::fail("cudaEventQuery", 0, cudaErrorIllegalAddress);
        CHECK(refused(stage.step(), infonoise::cuda_error, "cudaEventQuery: an illegal memory access was encountered"));
      }
      auto report = stage.step();
      CHECK(report.ok() && report.value().steps == step + 1);
      late.push_back(plain.sample(pairs).value());
      if (late.size() > 2) {
        std::vector<float> error;
        for (float s : late.front()) error.push_back(error_at(s, scale_of(step - 2)));
        CHECK(plain.observe(late.front(), error).ok());
        late.pop_front();
      }
      CHECK(plain.step().ok() && stage.scheduler().digest().value() == plain.digest().value());
      auto changed = sampler.value().update(stage.scheduler(), stream);
      CHECK(changed.ok() && changed.value() == (report.value().refreshes > 0 && (step + 1 - 12) % 5 == 0));
    }
    auto snapshot = stage.save();
    CHECK(snapshot.ok());
    auto resumed = Stage<>::load(snapshot.value());
    CHECK(resumed.ok() && resumed.value().in_flight() == 2);
    CHECK(refused(Stage<>::load({snapshot.value().data(), 100}), INFONOISE_SNAPSHOT_SIZE, ""));
    CHECK(stage.drain().ok() && resumed.value().drain().ok());
    CHECK(stage.scheduler().digest().value() == resumed.value().scheduler().digest().value());
  }
  CHECK(standin::alive() == 0);
}
