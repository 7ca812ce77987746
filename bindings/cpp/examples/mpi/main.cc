// Data-parallel training over the ranks of MPI, with one schedule: every rank keeps a
// replica, and the replicas stay equal, to each other and to a run on one process.
//
//   mpirun -n 4 ranks STEPS SEED [CHECKPOINT]
//
// The number of ranks must divide 8. The model is small: the deviations of Gaussian data,
// one for each dimension, learned from draws. The checkpoint is written at every refresh;
// a run continues from it if it exists, on any number of ranks.
//
// Why the replicas stay equal: a schedule depends on what it observes and in which
// order, so every rank observes the same list: all sigmas and all errors, in the order
// of the global batch. The errors come from the model, so the model must not depend on
// the number of ranks either, to the last bit. MPI_Allreduce does not give that: it
// adds in an order of its own, and floating-point sums depend on the order. Here the
// global batch is cut into 8 blocks, however many ranks there are. A block's data,
// noise and gradient depend on the step and the block alone; each gradient is summed
// within its block, all are gathered, and every rank adds the 8 in the same order. For
// a large model, let every rank add the 8 for its part of the parameters only
// (MPI_Alltoall, then MPI_Allgather); or take MPI_Allreduce and accept that a run on
// another number of ranks is another run: its replicas still agree, since all of them
// observe the same errors.
#include <infonoise/infonoise.hpp>

#include <mpi.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <random>
#include <sstream>

namespace {

constexpr std::size_t blocks = 8, block_size = 32, dimensions = 6;
constexpr std::array<float, dimensions> deviation = {0.1f, 0.2f, 0.4f, 0.8f, 1.6f, 3.2f};  // of the data

using Gradient = std::array<float, dimensions>;

// D(x, sigma) = s^2 / (s^2 + sigma^2) x, the best denoiser where s is right; s = exp(theta)
// is learned by Adam, in float as large models are. It is plain bytes, so that a
// checkpoint is a copy.
struct Model {
  Gradient theta{}, mean{}, square{};

  // The gradient of one block, and its per-sample errors: unweighted, averaged over dimensions.
  Gradient differentiate(std::uint64_t step, std::size_t block, const float* sigma, float* error) const {
    std::mt19937_64 random(step * blocks + block);
    std::normal_distribution<float> normal;
    Gradient gradient{};
    for (std::size_t i = 0; i < block_size; ++i) {
      const float noise = sigma[i] * sigma[i];
      float sum = 0;
      for (std::size_t k = 0; k < dimensions; ++k) {
        const float x0 = deviation[k] * normal(random), x = x0 + sigma[i] * normal(random);
        const float s = std::exp(2 * theta[k]), denoised = s / (s + noise) * x, miss = denoised - x0;
        sum += miss * miss;
        gradient[k] += 2 * miss * x * 2 * s * noise / ((s + noise) * (s + noise));
      }
      error[i] = sum / dimensions;
    }
    return gradient;
  }

  // One step of Adam along the blocks' gradients, added in the order of the blocks.
  void update(const std::vector<Gradient>& gradients) {
    for (std::size_t k = 0; k < dimensions; ++k) {
      float g = 0;
      for (const Gradient& gradient : gradients) g += gradient[k];
      g /= blocks * block_size;
      mean[k] += 0.1f * (g - mean[k]);
      square[k] += 0.01f * (g * g - square[k]);
      theta[k] -= 0.01f * mean[k] / (std::sqrt(square[k]) + 1e-12f);
    }
  }
};
static_assert(std::is_trivially_copyable_v<Model>);

struct Ranks {
  int rank = 0, world = 1;

  Ranks() {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &world);
  }

  // The `mine` of every rank, in the order of the ranks.
  template <typename T>
  std::vector<T> all_gather(const std::vector<T>& mine) const {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> all(mine.size() * static_cast<std::size_t>(world));
    const int bytes = static_cast<int>(mine.size() * sizeof(T));
    MPI_Allgather(mine.data(), bytes, MPI_BYTE, all.data(), bytes, MPI_BYTE, MPI_COMM_WORLD);
    return all;
  }

  // Fails on every rank unless all have the same schedule.
  void compare(const infonoise::Scheduler& scheduler) const {
    const std::vector<std::uint64_t> digests = all_gather<std::uint64_t>({scheduler.digest()});
    for (std::size_t other = 1; other < digests.size(); ++other) {
      if (digests[other] == digests[0]) continue;
      std::ostringstream what;
      what << "at step " << scheduler.report().steps << " the schedule of rank " << other << " has digest " << std::hex
           << digests[other] << ", that of rank 0 " << digests[0] << ": start all ranks with the same configuration, "
           << "seed and checkpoint, and let all observe the same errors in the same order";
      throw std::runtime_error(what.str());
    }
  }
};

// All replicas are equal, so rank 0 writes its own as the checkpoint: the model, then
// the schedule's snapshot. The file is renamed into place, so that a crash leaves the
// old or the new one.
void save(const std::string& path, const Model& model, const infonoise::Scheduler& scheduler) {
  const std::vector<std::uint8_t> snapshot = scheduler.save();
  std::ofstream file(path + ".new", std::ios::binary);
  file.write(reinterpret_cast<const char*>(&model), sizeof model);
  file.write(reinterpret_cast<const char*>(snapshot.data()), static_cast<std::streamsize>(snapshot.size()));
  file.close();
  if (!file || std::rename((path + ".new").c_str(), path.c_str()) != 0)
    throw std::runtime_error(path + " cannot be written: is there room?");
}

// Rank 0 reads the file and sends it to the others; empty if there is no checkpoint.
std::vector<std::uint8_t> load(const std::string& path, const Ranks& ranks) {
  std::vector<std::uint8_t> bytes;
  if (ranks.rank == 0) {
    std::ifstream file(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    if (file.is_open() && bytes.empty())
      throw std::runtime_error(path + " is empty: delete it to start from scratch, or use an older checkpoint");
  }
  std::uint64_t size = bytes.size();
  MPI_Bcast(&size, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
  bytes.resize(size);
  MPI_Bcast(bytes.data(), static_cast<int>(size), MPI_BYTE, 0, MPI_COMM_WORLD);
  return bytes;
}

void run(std::uint64_t steps, std::uint64_t seed, const std::string& path) {
  const Ranks ranks;
  const auto rank = static_cast<std::size_t>(ranks.rank), world = static_cast<std::size_t>(ranks.world);
  if (blocks % world != 0)
    throw std::runtime_error(std::to_string(world) + " ranks must divide " + std::to_string(blocks));

  Model model;
  infonoise::Scheduler scheduler(infonoise::Config().warmup_steps(300).refresh_every(100).refresh_growth(0), seed);
  if (std::vector<std::uint8_t> bytes = load(path, ranks); !bytes.empty()) {
    if (bytes.size() < sizeof model) throw std::runtime_error(path + " is shorter than the model");
    std::memcpy(&model, bytes.data(), sizeof model);
    bytes.erase(bytes.begin(), bytes.begin() + sizeof model);
    scheduler = infonoise::Scheduler::load(bytes);
  }
  ranks.compare(scheduler);

  const std::size_t mine = blocks / world;  // blocks of this rank
  std::vector<float> error(mine * block_size);
  std::vector<Gradient> gradients(mine);
  for (std::uint64_t step = scheduler.report().steps, refreshes = scheduler.report().refreshes; step < steps; ++step) {
    const std::vector<float> sigma = scheduler.sample_shard(error.size(), static_cast<std::uint32_t>(rank),
                                                            static_cast<std::uint32_t>(world));
    for (std::size_t block = 0, first = 0; block < mine; ++block, first += block_size)
      gradients[block] = model.differentiate(step, rank * mine + block, &sigma[first], &error[first]);
    model.update(ranks.all_gather(gradients));
    scheduler.observe(ranks.all_gather(sigma), ranks.all_gather(error));
    const infonoise::Report report = scheduler.step();

    if (report.refreshes == refreshes) continue;
    refreshes = report.refreshes;
    ranks.compare(scheduler);
    if (ranks.rank != 0) continue;
    std::cout << "digest=" << std::hex << scheduler.digest() << std::dec << ' ' << report << std::endl;
    if (!path.empty()) save(path, model, scheduler);
  }
  if (ranks.rank != 0) return;
  for (std::size_t k = 0; k < dimensions; ++k)
    std::cout << "deviation " << deviation[k] << " learned " << std::setprecision(9) << std::exp(model.theta[k])
              << std::setprecision(6) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  try {
    if (argc < 3 || argc > 4) throw std::runtime_error("usage: ranks STEPS SEED [CHECKPOINT]");
    run(std::stoull(argv[1]), std::stoull(argv[2]), argc == 4 ? argv[3] : "");
  } catch (const std::exception& error) {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    std::cerr << "rank " + std::to_string(rank) + ": " + error.what() + "\n" << std::flush;
    MPI_Abort(MPI_COMM_WORLD, 1);  // the others may wait for this rank
  }
  MPI_Finalize();
}
