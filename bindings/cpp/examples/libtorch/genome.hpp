// The data and the score: windows of a genome, and the Jensen-Shannon
// divergence of generated 3-mers from the training genome's. As in demo/dna.py.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

constexpr std::int64_t window = 64;

using Bases = std::vector<std::uint8_t>;  // A C G T = 0 1 2 3
using Shares = std::array<double, 64>;    // of the 3-mers

// The first nine tenths of a file of two bits per base, the first base in the low bits.
inline Bases training_part(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string packed(std::istreambuf_iterator<char>(file), {});
  Bases bases;
  bases.reserve(4 * packed.size());
  for (const char four : packed)
    for (int shift = 0; shift < 8; shift += 2) bases.push_back(static_cast<std::uint8_t>(four >> shift & 3));
  bases.resize(bases.size() * 9 / 10);
  if (bases.size() <= window) throw std::runtime_error(path + ": is missing, or shorter than a window");
  return bases;
}

// The share of each 3-mer in consecutive sequences of `length` bases.
inline Shares shares(const Bases& bases, std::size_t length) {
  Shares share{};
  double words = 0;
  for (std::size_t first = 0; first + length <= bases.size(); first += length)
    for (std::size_t i = first; i + 3 <= first + length; ++i, ++words)
      ++share[16u * bases[i] + 4u * bases[i + 1] + bases[i + 2]];
  for (double& count : share) count /= words;
  return share;
}

// 1000 x the Jensen-Shannon divergence, in bits.
inline double divergence(const Shares& p, const Shares& q) {
  double sum = 0;
  for (std::size_t word = 0; word < p.size(); ++word) {
    const double middle = (p[word] + q[word]) / 2;
    if (p[word] > 0) sum += p[word] * std::log2(p[word] / middle);
    if (q[word] > 0) sum += q[word] * std::log2(q[word] / middle);
  }
  return 1000 * sum / 2;
}
