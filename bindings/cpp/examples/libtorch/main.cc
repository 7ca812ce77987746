// Trains a denoiser of DNA by one of three schedules of noise levels: the demo of
// this repository, as a LibTorch trainer.
//
//   dna GENOME ARM [seed=0] [steps=1800] [batch=128] [samples=1024] [checkpoint=FILE] [write=FILE]
//
//   GENOME       demo/genome/NC_008253.2bits
//   ARM          edm (its log-normal and its weight), loguniform (w = 1), infonoise (w = 1)
//   steps        a multiple of 18: warm-up is a sixth, a score is taken every sixth
//   checkpoint   written at every line; a run continues from it if it exists
//   write        the samples of the last score, a window in a line
//
// A run that is killed and resumed prints the same as an uninterrupted one, to the last digit.
#include <infonoise/infonoise.hpp>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <optional>

#include "denoiser.hpp"
#include "genome.hpp"

namespace {

struct Options {
  std::string genome, arm, checkpoint, write;
  std::int64_t seed = 0, steps = 1800, batch = 128, samples = 1024;

  // The options that must be the same when a run continues.
  std::string name() const {
    return "arm=" + arm + " seed=" + std::to_string(seed) + " steps=" + std::to_string(steps) +
           " batch=" + std::to_string(batch);
  }
};

// How an arm draws noise levels, weights the loss, and uses the errors. The two fixed
// arms have no schedule.
class Arm {
 public:
  explicit Arm(const Options& options) : name_(options.arm) {
    if (name_ == "infonoise")
      schedule_.emplace(infonoise::Config::discrete().sigma_min(sigma_min).sigma_max(sigma_max),
                        static_cast<std::uint64_t>(options.seed));
    else if (name_ != "edm" && name_ != "loguniform")
      throw std::runtime_error("ARM = " + name_ + " must be edm, loguniform or infonoise");
  }

  torch::Tensor draw(std::int64_t n) {
    if (name_ == "edm") return torch::exp(-1.2 + 1.2 * torch::randn({n}));
    if (name_ == "loguniform")
      return torch::exp(std::log(sigma_min) + std::log(sigma_max / sigma_min) * torch::rand({n}));
    torch::Tensor sigma = torch::empty({n});
    schedule_->sample({sigma.data_ptr<float>(), static_cast<std::size_t>(n)});
    return sigma;
  }

  torch::Tensor weight(const torch::Tensor& sigma) const {
    if (name_ != "edm") return torch::ones_like(sigma);
    return (sigma * sigma + sigma_data * sigma_data) / (sigma * sigma_data).square();
  }

  // The squared error of each sample, a mean over dimensions, before any weight.
  void learn(const torch::Tensor& sigma, const torch::Tensor& error) {
    if (!schedule_) return;
    const auto n = static_cast<std::size_t>(sigma.numel());
    const torch::Tensor values = error.detach().contiguous();
    schedule_->observe({sigma.data_ptr<float>(), n}, {values.data_ptr<float>(), n});
    schedule_->step();
  }

  std::optional<infonoise::Scheduler>& schedule() { return schedule_; }

 private:
  std::string name_;
  std::optional<infonoise::Scheduler> schedule_;
};

// The complete state of a run, which a checkpoint holds.
struct Run {
  Options options;
  Arm arm{options};
  Denoiser model, average;
  torch::optim::Adam adam{model.parameters(), torch::optim::AdamOptions(1e-3)};
  std::int64_t step = 0;

  explicit Run(const Options& chosen) : options(chosen) { blend(1); }

  // Moves the average towards the weights.
  void blend(double rate) {
    const torch::NoGradGuard off;
    const std::vector<torch::Tensor> to = average.parameters(), from = model.parameters();
    for (std::size_t i = 0; i < to.size(); ++i) to[i].lerp_(from[i], rate);
  }

  // One optimizer step; the loss. Data and noise depend on the seed and the step alone:
  // they are the same in every arm, and no generator's state has to be saved.
  double train(const torch::Tensor& windows) {
    torch::manual_seed(static_cast<std::uint64_t>(options.seed * 1'000'003 + step + 1));
    const torch::Tensor which = torch::randint(windows.size(0) - 1, {options.batch}, torch::kLong);
    const torch::Tensor x0 = encode(windows.index_select(0, which));
    const torch::Tensor noise = torch::randn_like(x0);
    const torch::Tensor sigma = arm.draw(options.batch);

    const torch::Tensor denoised = model.forward(x0 + sigma.view({-1, 1, 1}) * noise, sigma);
    const torch::Tensor error = (denoised - x0).square().mean({1, 2});
    const torch::Tensor loss = (arm.weight(sigma) * error).mean();
    adam.zero_grad();
    loss.backward();
    adam.step();
    arm.learn(sigma, error);

    // The average covers about the last twentieth of the run so far, without the start.
    blend(1 / (1 + 0.05 * static_cast<double>(++step)));
    return loss.item<double>();
  }

  // Model, average, optimizer and schedule go into one file, which is renamed into place:
  // a crash leaves the old checkpoint or the new one, never a schedule with the weights
  // of another step.
  void save(const std::string& path) {
    torch::serialize::OutputArchive file;
    const auto put = [&](const char* key, auto& part) {
      torch::serialize::OutputArchive inner(file.compilation_unit());
      part.save(inner);
      file.write(key, inner);
    };
    put("model", model);
    put("average", average);
    put("adam", adam);
    file.write("run", c10::IValue(options.name()));
    file.write("step", c10::IValue(step));
    std::vector<std::uint8_t> snapshot;
    if (arm.schedule()) snapshot = arm.schedule()->save();
    file.write("schedule", torch::from_blob(snapshot.data(), {static_cast<std::int64_t>(snapshot.size())}, torch::kByte));
    file.save_to(path + ".new");
    if (std::rename((path + ".new").c_str(), path.c_str()) != 0)
      throw std::runtime_error(path + " cannot be written: " + std::strerror(errno));
  }

  void load(const std::string& path) {
    torch::serialize::InputArchive file;
    file.load_from(path);
    c10::IValue value;
    file.read("run", value);
    if (value.toStringRef() != options.name())
      throw std::runtime_error(path + " is of the run " + value.toStringRef() + ", not " + options.name());
    file.read("step", value);
    step = value.toInt();
    const auto get = [&](const char* key, auto& part) {
      torch::serialize::InputArchive inner;
      file.read(key, inner);
      part.load(inner);
    };
    get("model", model);
    get("average", average);
    get("adam", adam);
    torch::Tensor snapshot;
    file.read("schedule", snapshot);
    const auto bytes = static_cast<std::size_t>(snapshot.numel());
    if (arm.schedule()) arm.schedule() = infonoise::Scheduler::load({snapshot.data_ptr<std::uint8_t>(), bytes});
  }

  // A number that changes with any bit of the averaged weights: FNV-1a.
  std::uint64_t fingerprint() const {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const torch::Tensor& part : average.parameters()) {
      const torch::Tensor flat = part.detach().contiguous();
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(flat.data_ptr<float>());
      for (std::size_t i = 0; i < flat.nbytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
    }
    return hash;
  }
};

void write(const std::string& path, const Bases& bases) {
  std::ofstream file(path);
  for (std::size_t i = 0; i < bases.size(); ++i) file << "ACGT"[bases[i]] << ((i + 1) % window ? "" : "\n");
  if (!file.flush()) throw std::runtime_error(path + " cannot be written");
}

void run(const Options& options) {
  // With one thread sums are always in the same order.
  torch::set_num_threads(1);
  const auto began = std::chrono::steady_clock::now();
  Bases bases = training_part(options.genome);
  const Shares truth = shares(bases, bases.size());
  // Every window of the genome, as a view.
  const torch::Tensor windows =
      torch::from_blob(bases.data(), {static_cast<std::int64_t>(bases.size())}, torch::kByte).unfold(0, window, 1);

  torch::manual_seed(static_cast<std::uint64_t>(options.seed));  // the same start in every arm
  Run run(options);
  if (std::ifstream(options.checkpoint).good()) run.load(options.checkpoint);

  double loss = 0;
  while (run.step < options.steps) {
    loss += run.train(windows);
    const std::int64_t every = options.steps / 18;
    if (run.step % every != 0) continue;
    std::cout << "arm=" << options.arm << " examples=" << run.step * options.batch << std::setprecision(9)
              << " loss=" << loss / static_cast<double>(every);
    if (run.step % (options.steps / 6) == 0) {
      torch::manual_seed(static_cast<std::uint64_t>(options.seed));
      const Bases generated = generate(run.average, options.samples);
      std::cout << " js3=" << divergence(shares(generated, window), truth);
      if (!options.write.empty()) write(options.write, generated);
    }
    if (run.arm.schedule()) std::cout << ' ' << run.arm.schedule()->report();
    std::cout << std::endl;  // before the checkpoint, so that a line may come twice but is never lost
    if (!options.checkpoint.empty()) run.save(options.checkpoint);
    loss = 0;
  }
  std::cout << "weights=" << std::hex << run.fingerprint();
  if (run.arm.schedule()) std::cout << " digest=" << run.arm.schedule()->digest();
  std::cout << std::endl;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  std::cerr << options.name() << " seconds=" << seconds.count() << '\n';
}

Options parse(int argc, char** argv) {
  if (argc < 3) throw std::runtime_error("usage: dna GENOME ARM [name=value ...]; the head of main.cc explains");
  Options options;
  options.genome = argv[1], options.arm = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i], name = word.substr(0, word.find('=')), value = word.substr(word.find('=') + 1);
    if (name == "seed") options.seed = std::stoll(value);
    else if (name == "steps") options.steps = std::stoll(value);
    else if (name == "batch") options.batch = std::stoll(value);
    else if (name == "samples") options.samples = std::stoll(value);
    else if (name == "checkpoint") options.checkpoint = value;
    else if (name == "write") options.write = value;
    else throw std::runtime_error(word + " must be name=value, a name of seed, steps, batch, samples, checkpoint, write");
  }
  if (options.steps < 18 || options.steps % 18 != 0)
    throw std::runtime_error("steps = " + std::to_string(options.steps) + " must be a multiple of 18, 18 or more");
  return options;
}

}  // namespace

int main(int argc, char** argv) try {
  run(parse(argc, argv));
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
