// Declarations that the snippets of the documentation use.
#include <infonoise/cuda.hpp>
#include <infonoise/journal.hpp>

#include <cassert>
#include <fstream>
#include <iostream>

struct Given {
  infonoise::Config config;
  infonoise::Scheduler& scheduler;
  std::vector<float> sigma, error, table;
  std::vector<double> sigmas;
  std::vector<std::uint8_t> snapshot, checkpoint;
  std::ofstream csv;
  int steps;
  std::uint32_t rank, world;
  infonoise::cuda::Stage<>& stage;
  infonoise::cuda::Sampler& sampler;
  cudaStream_t stream;
  float *d_sigma, *d_error;
};
void train(const std::vector<float>& sigma, std::vector<float>& error);
std::vector<float> train(const std::vector<float>& sigma);
void train(const float* d_sigma, float* d_error, cudaStream_t stream);
void train(infonoise::cuda::sampler_ref draw, float* d_sigma, float* d_error, cudaStream_t stream);
void all_gather(const float* mine, float* all, cudaStream_t stream);
void launch(infonoise::cuda::sampler_ref draw, cudaStream_t stream);
std::vector<float> all_gather(const std::vector<float>& mine);
void fail(const char* what);
