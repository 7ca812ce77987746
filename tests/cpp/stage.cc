// The documented behaviour of Stage and Sampler, on the stand-in or, compiled by nvcc,
// on a GPU.
#include "stage.h"

using infonoise::Scheduler;
using infonoise::cuda::Sampler;
using infonoise::cuda::sampler_ref;
using infonoise::cuda::Stage;

namespace {

// With any delays, the digests are those of a host loop with the same lag.
void is_the_late_host_loop(unsigned seed) {
  const Stream stream;
  Digests last;
  for (std::uint32_t lag : {0u, 1u, 2u, 5u}) {
    for (std::uint32_t micro : {1u, 3u}) {
      Run run;
      run.lag = lag, run.micro = micro;
      const Digests expected = plain(run);
      CHECK(micro > 1 || expected != last);
      if (micro == 1) last = expected;
      const Buffer d_error(pairs);
      Stage stage(Scheduler(quick(), 5), pairs, lag);
      CHECK(staged(stage, run, stream, d_error) == expected);
      CHECK(stage.scheduler().report().refreshes > 3);
      CHECK(stage.in_flight() == lag);
      stage.drain();
      CHECK(stage.in_flight() == 0 && stage.scheduler().report().observations > stage.scheduler().report().steps);
      if (seed == 0) std::cout << "lag " << lag << ", " << micro << " a step: " << stage.waits() << " waits in " << run.steps << " steps\n";
    }
  }
}

#if defined(__CUDACC__)
__global__ void draw_kernel(sampler_ref draw, const std::uint32_t* word, float* sigma, std::size_t n) {
  const std::size_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) sigma[i] = draw(word[i]);
}
#endif

// The sigmas of all words, drawn on the device.
std::vector<float> drawn(sampler_ref draw, const std::vector<std::uint32_t>& words, cudaStream_t stream) {
  std::vector<float> sigma(words.size());
#if defined(__CUDACC__)
  std::uint32_t* d_word = nullptr;
  const Buffer d_sigma(words.size());
  CUDA(cudaMalloc(&d_word, words.size() * 4));
  CUDA(cudaMemcpy(d_word, words.data(), words.size() * 4, cudaMemcpyHostToDevice));
  draw_kernel<<<static_cast<unsigned>((words.size() + 255) / 256), 256, 0, stream>>>(draw, d_word, d_sigma, words.size());
  CUDA(cudaStreamSynchronize(stream));
  CUDA(cudaMemcpy(sigma.data(), d_sigma, words.size() * 4, cudaMemcpyDeviceToHost));
  CUDA(cudaFree(d_word));
#else
  standin::enqueue(stream, [&] { std::transform(words.begin(), words.end(), sigma.begin(), draw); });
  CUDA(cudaStreamSynchronize(stream));
#endif
  return sigma;
}

void draws_the_hosts_bits() {
  const Stream stream;
  std::vector<double> masses(16, 1e-20);  // too little for a word
  masses[2] = 0.25, masses[4] = 0.5, masses[5] = 1e-9, masses[9] = 0.25;
  // Gaps before, between and after the bins that are drawn.
  const auto gaps = quick().warmup_steps(100).coverage(0).baseline_table(masses);
  for (const auto& config : {quick(), gaps, infonoise::Config().bins(256).warmup_steps(500)}) {
    Scheduler scheduler(config, 3);
    Sampler sampler(scheduler, stream);
    const sampler_ref draw = sampler.ref();
    int changes = 0;
    if (config.warmup_steps() == 100) CHECK(scheduler.draw_table().threshold[12] == std::uint64_t{1} << 32);
    for (int step = 0; step < 30; ++step) {
      const infonoise::DrawTable table = scheduler.draw_table();
      if (step % 10 == 0) {
        const std::vector<std::uint32_t> words = telling_words(table);
        const std::vector<float> sigma = drawn(draw, words, stream);
        for (std::size_t i = 0; i < words.size(); ++i) {
          const float expected = sigma_of(table, words[i]);
          CHECK(std::memcmp(&sigma[i], &expected, 4) == 0);
        }
      }
      std::vector<float> sigma = scheduler.sample(pairs), error;
      for (float s : sigma) error.push_back(error_at(s, 1));
      scheduler.observe(sigma, error);
      const std::uint64_t before = scheduler.report().refreshes;
      const bool refreshed = scheduler.step().refreshes != before;
      CHECK(sampler.update(scheduler, stream) == refreshed);
      changes += refreshed;
    }
    CHECK(changes > 2 || config.warmup_steps() > 30);
    Sampler moved = std::move(sampler);
    CHECK(drawn(draw, {0x80000000}, stream)[0] == sigma_of(scheduler.draw_table(), 0x80000000));
  }
}

// Sigmas that a kernel drew are observed as if the host had drawn them.
void observes_what_a_kernel_drew() {
  const Stream stream;
  const Buffer d_sigma(pairs), d_error(pairs);
  Scheduler host(quick(), 1);
  Stage stage(Scheduler(host), pairs, 1), source(Scheduler(quick(), 8), pairs, 0);
  Scheduler twin(quick(), 8);
  std::deque<std::vector<float>> late;
  for (std::uint64_t step = 0; step < 40; ++step) {
    const float* sigma = source.sample(stream);
    errors(sigma, d_error, pairs, scale_of(step), stream);
    stage.observe(sigma, d_error, stream);
    source.observe(d_error, stream);
    late.push_back(twin.sample(pairs));
    if (late.size() > 1) {
      std::vector<float> error;
      for (float s : late.front()) error.push_back(error_at(s, scale_of(step - 1)));
      host.observe(late.front(), error);
      late.pop_front();
    }
    host.step();
    stage.step();
    CHECK(stage.scheduler().digest() == host.digest());
  }
  CHECK(host.report().refreshes > 3 && host.report().draws == 0);
}

// Copies and kernels are still running when their buffers are freed.
void may_end_with_work_in_flight() {
  const Stream stream;
  const Buffer d_error(pairs);
  for (int i = 0; i < 8; ++i) {
    Stage stage(Scheduler(quick(), 5), pairs, 3);
    for (int step = 0; step < i; ++step) {
      errors(stage.sample(stream), d_error, pairs, 1, stream);
      if (step < 7) stage.observe(d_error, stream), stage.step();
    }
    Stage other(Scheduler(quick(), 6), pairs);
    errors(other.sample(stream), d_error, pairs, 1, stream);
    if (i % 2) stage = std::move(other);
    Sampler sampler(stage.scheduler(), stream);
  }
}

}  // namespace

int main(int argc, char** argv) try {
#if !defined(__CUDACC__)
  const unsigned seeds = argc > 1 ? static_cast<unsigned>(std::stoul(argv[1])) : 1;
  for (unsigned seed = 0; seed < seeds; ++seed) {
    standin::start(standin::Way::threads, seed, seed % 4 * 40);
#else
  (void)argc, (void)argv;
  { Stage first(Scheduler(quick(), 5), pairs); }  // reports the error if there is no GPU
  for (unsigned seed = 0; seed < 20; ++seed) {
#endif
    is_the_late_host_loop(seed);
    observes_what_a_kernel_drew();
    may_end_with_work_in_flight();
    if (seed == 0) draws_the_hosts_bits();
#if !defined(__CUDACC__)
    CHECK(standin::alive() == 0);
#endif
  }
  std::cout << "ok\n";
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
