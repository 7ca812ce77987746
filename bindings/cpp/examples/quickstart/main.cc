// A complete trainer in one file: a denoiser that learns the standard deviation of
// Gaussian data in each dimension, from samples.
//
//   quickstart STEPS CHECKPOINT    trains up to STEPS, from CHECKPOINT if that exists
//
// A run in two parts prints the same as a run in one part, to the last digit.
#include <infonoise/infonoise.hpp>

#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <random>

namespace {

constexpr std::size_t dimensions = 6, batch = 256;
constexpr std::array<double, dimensions> deviation = {0.1, 0.2, 0.4, 0.8, 1.6, 3.2};  // of the data

// D(x, sigma) = s^2 / (s^2 + sigma^2) x, the best denoiser where s is right; s = exp(theta)
// is learned by Adam. Plain bytes, so that a checkpoint is a copy.
struct Model {
  std::array<double, dimensions> theta{}, mean{}, square{};

  // One step at these sigmas; the per-sample errors, unweighted, averaged over dimensions.
  void train(std::uint64_t step, const std::vector<float>& sigma, std::vector<float>& error) {
    std::mt19937_64 random(step);
    std::normal_distribution<double> normal;
    std::array<double, dimensions> gradient{};
    for (std::size_t i = 0; i < sigma.size(); ++i) {
      const double noise = double{sigma[i]} * double{sigma[i]};
      double sum = 0;
      for (std::size_t k = 0; k < dimensions; ++k) {
        const double x0 = deviation[k] * normal(random), x = x0 + sigma[i] * normal(random);
        const double s = std::exp(2 * theta[k]), denoised = s / (s + noise) * x, miss = denoised - x0;
        sum += miss * miss;
        gradient[k] += 2 * miss * x * 2 * s * noise / ((s + noise) * (s + noise));
      }
      error[i] = static_cast<float>(sum / dimensions);
    }
    for (std::size_t k = 0; k < dimensions; ++k) {
      const double g = gradient[k] / static_cast<double>(sigma.size());
      mean[k] += 0.1 * (g - mean[k]);
      square[k] += 0.01 * (g * g - square[k]);
      theta[k] -= 0.01 * mean[k] / (std::sqrt(square[k]) + 1e-12);
    }
  }
};
static_assert(std::is_trivially_copyable_v<Model>);

// The model, then the schedule's snapshot. The file is renamed into place, so that a
// crash leaves the old or the new one.
void save(const std::string& path, const Model& model, const infonoise::Scheduler& scheduler) {
  std::vector<std::uint8_t> bytes(sizeof model);
  std::memcpy(bytes.data(), &model, sizeof model);
  const std::vector<std::uint8_t> snapshot = scheduler.save();
  bytes.insert(bytes.end(), snapshot.begin(), snapshot.end());
  std::ofstream file(path + ".new", std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file || std::rename((path + ".new").c_str(), path.c_str()) != 0)
    throw std::runtime_error(path + " cannot be written: is there room?");
}

infonoise::Scheduler load(std::istream& file, Model& model) {
  const std::vector<char> text(std::istreambuf_iterator<char>(file), {});
  std::vector<std::uint8_t> bytes(text.begin(), text.end());
  if (bytes.size() < sizeof model) throw std::runtime_error("the checkpoint is shorter than the model");
  std::memcpy(&model, bytes.data(), sizeof model);
  bytes.erase(bytes.begin(), bytes.begin() + sizeof model);
  return infonoise::Scheduler::load(bytes);
}

void run(std::uint64_t steps, const std::string& path) {
  Model model;
  std::ifstream checkpoint(path, std::ios::binary);
  infonoise::Scheduler scheduler =
      checkpoint ? load(checkpoint, model)
                 : infonoise::Scheduler(infonoise::Config(), 42);

  std::vector<float> sigma(batch), error(batch);
  for (std::uint64_t step = scheduler.report().steps; step < steps; ++step) {
    scheduler.sample(sigma);
    model.train(step, sigma, error);
    scheduler.observe(sigma, error);
    const infonoise::Report report = scheduler.step();
    if (report.steps % 200 == 0) {
      std::cout << report << '\n';
      save(path, model, scheduler);
    }
  }
  for (std::size_t k = 0; k < dimensions; ++k)
    std::cout << "deviation " << deviation[k] << " learned " << std::setprecision(9) << std::exp(model.theta[k])
              << std::setprecision(6) << '\n';
  std::cout << "digest " << scheduler.digest() << '\n';
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::cerr << "usage: quickstart STEPS CHECKPOINT\n";
    return 2;
  }
  run(std::stoull(argv[1]), argv[2]);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
