// Shared by the test programs of infonoise/cuda.hpp. They run on the stand-in of
// tests/cpp/cuda or, compiled by nvcc, on a GPU.
#include "check.h"
#include <infonoise/cuda.hpp>
#include <infonoise/journal.hpp>

#include <cstring>
#include <deque>
#include <iostream>
#include <random>

constexpr std::size_t pairs = 64;

inline infonoise::Config quick() { return infonoise::Config().warmup_steps(12).refresh_every(5).refresh_growth(0).min_count(2).bins(16); }

// A denoiser's error, from products only, which no compiler fuses, so that host and
// device compute the same bits. It differs between batches, so that their order
// matters.
#if defined(__CUDACC__)
__host__ __device__
#endif
inline float error_at(float sigma, float scale) {
  const float square = sigma * sigma;
  return scale * (square < 1 ? square : 1);
}
inline float scale_of(std::uint64_t number) { return 1 / (1 + 0.125f * static_cast<float>(number % 7)); }

#if defined(__CUDACC__)
__global__ void errors_kernel(const float* sigma, float* error, std::size_t n, float scale) {
  const std::size_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) error[i] = error_at(sigma[i], scale);
}
inline void errors(const float* d_sigma, float* d_error, std::size_t n, float scale, cudaStream_t stream) {
  errors_kernel<<<static_cast<unsigned>((n + 63) / 64), 64, 0, stream>>>(d_sigma, d_error, n, scale);
}
#else
inline void errors(const float* d_sigma, float* d_error, std::size_t n, float scale, cudaStream_t stream) {
  standin::enqueue(stream, [=] {
    for (std::size_t i = 0; i < n; ++i) d_error[i] = error_at(d_sigma[i], scale);
  });
}
#endif

#define CUDA(call) CHECK((call) == cudaSuccess)

struct Stream {
  cudaStream_t stream = nullptr;
  Stream() { CUDA(cudaStreamCreate(&stream)); }
  ~Stream() { CUDA(cudaStreamDestroy(stream)); }
  Stream(const Stream&) = delete;
  operator cudaStream_t() const { return stream; }
};

struct Buffer {
  float* data = nullptr;
  explicit Buffer(std::size_t n) { CUDA(cudaMalloc(&data, n * sizeof(float))); }
  ~Buffer() { CUDA(cudaFree(data)); }
  Buffer(const Buffer&) = delete;
  operator float*() const { return data; }
};

struct Run {
  std::size_t steps = 60, n = pairs;
  std::uint32_t lag = 2, micro = 1;
};
using Digests = std::vector<std::uint64_t>;

// The mask of a batch: none, or one that leaves some out.
inline std::vector<std::uint8_t> mask_of(std::uint64_t number, std::size_t n) {
  std::vector<std::uint8_t> mask;
  if (number % 4 == 1)
    for (std::size_t i = 0; i < n; ++i) mask.push_back(i % 3 != number % 3);
  return mask;
}

#if defined(__cpp_exceptions)

template <typename Verbs>
const infonoise::Scheduler& scheduler_of(const Verbs& verbs) {
  if constexpr (std::is_same_v<Verbs, infonoise::Scheduler>) return verbs;
  else return verbs.scheduler();
}

// A loop on the host that observes errors `lag` batches late; returns the digest after
// each step.
template <typename Verbs>
Digests plain(Verbs& verbs, const Run& run) {
  struct Late {
    std::vector<float> sigma, error;
    std::vector<std::uint8_t> mask;
  };
  std::deque<Late> late;
  Digests digests;
  std::uint64_t number = 0;
  const auto hand_over = [&] {
    if (late.size() <= run.lag) return;
    const Late& oldest = late.front();
    if (oldest.mask.empty()) verbs.observe(oldest.sigma, oldest.error);
    else verbs.observe(oldest.sigma, oldest.error, oldest.mask);
    late.pop_front();
  };
  for (std::size_t step = 0; step < run.steps; ++step) {
    for (std::uint32_t micro = 0; micro < run.micro; ++micro, ++number) {
      std::vector<float> sigma = verbs.sample(run.n), error;
      for (float s : sigma) error.push_back(error_at(s, scale_of(number)));
      late.push_back({std::move(sigma), std::move(error), mask_of(number, run.n)});
      hand_over();
    }
    verbs.step();
    digests.push_back(scheduler_of(verbs).digest());
  }
  return digests;
}

inline Digests plain(const Run& run) {
  infonoise::Scheduler scheduler(quick(), 5);
  return plain(scheduler, run);
}

// The same through a stage, from step `from` on.
template <typename Verbs>
Digests staged(infonoise::cuda::Stage<Verbs>& stage, const Run& run, cudaStream_t stream, float* d_error, std::size_t from = 0) {
  Digests digests;
  for (std::size_t step = from; step < run.steps; ++step) {
    for (std::uint32_t micro = 0; micro < run.micro; ++micro) {
      const std::uint64_t number = step * run.micro + micro;
      const float* d_sigma = stage.sample(stream);
      errors(d_sigma, d_error, run.n, scale_of(number), stream);
      stage.observe(d_error, stream, mask_of(number, run.n));
    }
    stage.step();
    digests.push_back(stage.scheduler().digest());
  }
  return digests;
}

// Every word near a threshold, and many others, as the table of infonoise_sampler_get
// defines their sigmas.
inline std::vector<std::uint32_t> telling_words(const infonoise::DrawTable& table) {
  std::vector<std::uint32_t> words;
  for (std::uint64_t threshold : table.threshold)
    for (std::uint64_t i = 0; i < 9; ++i)
      if (const std::uint64_t word = threshold + i - 4; word >> 32 == 0) words.push_back(static_cast<std::uint32_t>(word));
  std::mt19937 random(7);
  for (int i = 0; i < 200000; ++i) words.push_back(static_cast<std::uint32_t>(random()));
  return words;
}
inline float sigma_of(const infonoise::DrawTable& table, std::uint32_t word) {
  std::size_t k = 0;
  while (word >= table.threshold[k + 1]) ++k;
  const volatile float product = static_cast<float>(static_cast<std::uint32_t>(word - table.threshold[k])) * table.slope[k];
  return std::min(table.edge[k] + product, std::nextafter(table.edge[k + 1], 0.0f));
}

#endif
