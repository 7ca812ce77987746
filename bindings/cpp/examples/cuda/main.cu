// A CUDA trainer in one file: a small MLP learns to denoise points on a ring of eight
// Gaussians, which a kernel draws. Nothing in a step waits for the device.
//
//   trainer STEPS CHECKPOINT host      the host draws the sigmas: Stage::sample
//   trainer STEPS CHECKPOINT kernel    the kernel draws them: sampler_ref
//
// Continues from CHECKPOINT if that exists. A run in two parts prints the same as a run
// in one part, to the last digit.
#include <infonoise/cuda.hpp>

#include <cmath>
#include <fstream>
#include <iostream>
#include <iterator>

namespace {

constexpr unsigned batch = 256, hidden = 64, inputs = 4, outputs = 2, threads = 64;
// Parameters: for each hidden unit the weights of its inputs, for each output those of
// the units and a bias.
constexpr unsigned weights = hidden * inputs, parameters = weights + outputs * (hidden + 1);
constexpr float sigma_data = 0.71f;

// Plain floats, so that a checkpoint is a copy.
struct Model {
  float value[parameters], mean[parameters], square[parameters];
};

// Results of a step in device memory, for the kernels after it.
struct Work {
  float input[batch][inputs], unit[batch][hidden + 1], slope[batch][hidden];
  float miss[batch][outputs];  // the loss by the network's outputs
  float gradient[parameters];
  float sigma[batch], error[batch];
};

// Random bits from a counter (SplitMix64), independent of the order of threads.
__host__ __device__ std::uint32_t word_at(std::uint64_t step, std::uint64_t sample, std::uint64_t number) {
  std::uint64_t z = ((step * batch + sample) * 8 + number + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
}
__host__ __device__ float uniform(std::uint32_t word) { return (static_cast<float>(word >> 8) + 0.5f) / 16777216; }
__host__ __device__ float normal(std::uint32_t first, std::uint32_t second) {
  return sqrtf(-2 * logf(uniform(first))) * cosf(6.2831853f * uniform(second));
}

__global__ void draw(infonoise::cuda::sampler_ref sampler, std::uint64_t step, Work* work) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < batch) work->sigma[i] = sampler(word_at(step, i, 7));
}

// Draws a sample, adds noise, denoises it with EDM's preconditioning, and stores its
// unweighted error and what the gradient needs.
__global__ void forward(const Model* model, const float* sigmas, std::uint64_t step, Work* work) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= batch) return;
  const float angle = 0.78539816f * static_cast<float>(word_at(step, i, 0) % 8), sigma = sigmas[i];
  const float place[outputs] = {cosf(angle), sinf(angle)};
  float clean[outputs], noisy[outputs], denoised[outputs];
  for (unsigned d = 0; d < outputs; ++d) {
    // Spread and noise: two normals from two words.
    const std::uint32_t a = word_at(step, i, 1 + 2 * d), b = word_at(step, i, 2 + 2 * d);
    clean[d] = place[d] + 0.05f * normal(a, b);
    noisy[d] = clean[d] + sigma * normal(a, b + 0x40000000u);
  }
  const float total = sigma * sigma + sigma_data * sigma_data;
  const float in = 1 / sqrtf(total), out = sigma * sigma_data * in, skip = sigma_data * sigma_data / total;
  float* const input = work->input[i];
  input[0] = in * noisy[0], input[1] = in * noisy[1], input[2] = logf(sigma) / 4, input[3] = 1;
  work->unit[i][hidden] = 1;
  for (unsigned h = 0; h < hidden; ++h) {
    float sum = 0;
    for (unsigned j = 0; j < inputs; ++j) sum += model->value[h * inputs + j] * input[j];
    const float gate = 1 / (1 + expf(-sum));  // SiLU
    work->unit[i][h] = sum * gate;
    work->slope[i][h] = gate * (1 + sum * (1 - gate));
  }
  float error = 0;
  for (unsigned d = 0; d < outputs; ++d) {
    float sum = 0;
    for (unsigned h = 0; h <= hidden; ++h) sum += model->value[weights + d * (hidden + 1) + h] * work->unit[i][h];
    denoised[d] = skip * noisy[d] + out * sum;
    error += (denoised[d] - clean[d]) * (denoised[d] - clean[d]) / outputs;
    // EDM's weight is 1 / out^2; one factor of out comes from the chain rule.
    work->miss[i][d] = 2 * (denoised[d] - clean[d]) / out / (outputs * batch);
  }
  work->error[i] = error;
}

// One thread for each parameter sums over the batch in order, without atomics, so that a
// run can be repeated to the last bit.
__global__ void backward(const Model* model, Work* work) {
  const unsigned p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= parameters) return;
  float sum = 0;
  for (unsigned i = 0; i < batch; ++i) {
    if (p < weights) {
      const unsigned h = p / inputs;
      float at_unit = 0;
      for (unsigned d = 0; d < outputs; ++d) at_unit += work->miss[i][d] * model->value[weights + d * (hidden + 1) + h];
      sum += at_unit * work->slope[i][h] * work->input[i][p % inputs];
    } else {
      const unsigned q = p - weights;
      sum += work->miss[i][q / (hidden + 1)] * work->unit[i][q % (hidden + 1)];
    }
  }
  work->gradient[p] = sum;
}

// Adam without bias correction, which does not matter after thousands of steps.
__global__ void update(Model* model, const Work* work) {
  const unsigned p = blockIdx.x * blockDim.x + threadIdx.x;
  if (p >= parameters) return;
  const float gradient = work->gradient[p];
  model->mean[p] += 0.1f * (gradient - model->mean[p]);
  model->square[p] += 0.01f * (gradient * gradient - model->square[p]);
  model->value[p] -= 0.002f * model->mean[p] / (sqrtf(model->square[p]) + 1e-8f);
}

Model fresh_model() {
  Model model{};
  for (unsigned p = 0; p < weights; ++p) model.value[p] = 4 * uniform(word_at(0, p, 6)) - 2;
  return model;
}

void check(cudaError_t code, const char* what) {
  if (code != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(code));
}

template <typename T>
struct OnDevice {
  T* data = nullptr;
  OnDevice() { check(cudaMalloc(&data, sizeof(T)), "cudaMalloc"); }
  ~OnDevice() { (void)cudaFree(data); }
  OnDevice(const OnDevice&) = delete;
};

struct Stream {
  cudaStream_t stream = nullptr;
  Stream() { check(cudaStreamCreate(&stream), "cudaStreamCreate"); }
  ~Stream() { (void)cudaStreamDestroy(stream); }
  Stream(const Stream&) = delete;
};

// The model, then the stage's snapshot. The file is renamed into place, so that a crash
// leaves the old or the new one.
void save(const std::string& path, const Model* d_model, cudaStream_t stream, infonoise::cuda::Stage<>& stage) {
  Model model;
  check(cudaStreamSynchronize(stream), "training");
  check(cudaMemcpy(&model, d_model, sizeof model, cudaMemcpyDeviceToHost), "cudaMemcpy");
  const std::vector<std::uint8_t> snapshot = stage.save();
  std::ofstream file(path + ".new", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&model), sizeof model);
  file.write(reinterpret_cast<const char*>(snapshot.data()), static_cast<std::streamsize>(snapshot.size()));
  file.close();
  if (!file || std::rename((path + ".new").c_str(), path.c_str()) != 0)
    throw std::runtime_error(path + " cannot be written: is there room?");
}

infonoise::cuda::Stage<> load(std::istream& file, Model& model) {
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (text.size() < sizeof model) throw std::runtime_error("the checkpoint is shorter than the model");
  std::memcpy(&model, text.data(), sizeof model);
  return infonoise::cuda::Stage<>::load(
      {reinterpret_cast<const std::uint8_t*>(text.data()) + sizeof model, text.size() - sizeof model});
}

void run(std::uint64_t steps, const std::string& path, bool by_kernel) {
  Model model = fresh_model();
  std::ifstream checkpoint(path, std::ios::binary);
  const auto config = infonoise::Config::edm(sigma_data);
  auto stage = checkpoint ? load(checkpoint, model)
                          : infonoise::cuda::Stage<>(infonoise::Scheduler(config, 42), batch);

  const Stream own;
  cudaStream_t stream = own.stream;
  const OnDevice<Model> model_memory;
  const OnDevice<Work> work_memory;
  Model* const d_model = model_memory.data;
  Work* const d_work = work_memory.data;
  check(cudaMemcpy(d_model, &model, sizeof model, cudaMemcpyHostToDevice), "cudaMemcpy");
  infonoise::cuda::Sampler sampler(stage.scheduler(), stream);
  const infonoise::cuda::sampler_ref view = sampler.ref();

  for (std::uint64_t step = stage.scheduler().report().steps; step < steps; ++step) {
    const float* d_sigma = by_kernel ? d_work->sigma : stage.sample(stream);
    if (by_kernel) draw<<<batch / threads, threads, 0, stream>>>(view, step, d_work);
    forward<<<batch / threads, threads, 0, stream>>>(d_model, d_sigma, step, d_work);
    if (by_kernel) stage.observe(d_sigma, d_work->error, stream);
    else stage.observe(d_work->error, stream);
    backward<<<(parameters + threads - 1) / threads, threads, 0, stream>>>(d_model, d_work);
    update<<<(parameters + threads - 1) / threads, threads, 0, stream>>>(d_model, d_work);
    check(cudaGetLastError(), "a kernel");
    const infonoise::Report report = stage.step();
    sampler.update(stage.scheduler(), stream);
    if (report.steps % 200 == 0) {
      std::cout << report << '\n';
      save(path, d_model, stream, stage);
    }
  }
  std::cerr << stage.waits() << " waits for the device\n";
  stage.drain();
  if (stage.scheduler().report().refreshes > 0) {
    const infonoise::Profile curves = stage.scheduler().profile();
    std::size_t k = 0;
    while (curves.sigma[k] < 0.3) ++k;
    const double noise = curves.sigma[k] * curves.sigma[k], data = sigma_data * sigma_data;
    std::cout << "error at sigma " << curves.sigma[k] << ": " << curves.error[k] << ", of the best linear denoiser "
              << data * noise / (data + noise) << '\n';
  }
  std::cout << "digest " << stage.scheduler().digest() << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string draws = argc == 4 ? argv[3] : "";
  if (draws != "host" && draws != "kernel") {
    std::cerr << "usage: trainer STEPS CHECKPOINT host|kernel\n";
    return 2;
  }
  run(std::stoull(argv[1]), argv[2], draws == "kernel");
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
