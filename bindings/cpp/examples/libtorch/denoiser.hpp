// The denoiser of demo/model.py in LibTorch: a dilated convolution over 64 positions,
// about 50,000 parameters, with EDM's preconditioning; and a sampler for it.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "genome.hpp"

constexpr double sigma_data = 0.5, sigma_min = 0.002, sigma_max = 80;
constexpr std::int64_t width = 32, hidden = 64, frequencies = 16, kernel = 5;

// Bases (n, window) as +1 in their own channel and -1 in the three others, (n, 4, window).
inline torch::Tensor encode(const torch::Tensor& bases) {
  return 2 * torch::one_hot(bases.to(torch::kLong), 4).transpose(1, 2).to(torch::kFloat).contiguous() - 1;
}

// Normalises over the channels, without scale and shift of its own: those come from the
// noise level.
inline torch::Tensor layer_norm(const torch::Tensor& x) {
  return torch::layer_norm(x.transpose(1, 2), {width}).transpose(1, 2);
}

// A new layer, linear or convolution, with the demo's initialisation.
template <typename Layer>
Layer started(Layer layer, std::int64_t inputs, double gain = 1) {
  torch::NoGradGuard off;
  layer->weight.normal_(0, gain / std::sqrt(static_cast<double>(inputs)));
  layer->bias.zero_();
  return layer;
}

inline torch::nn::Linear linear(std::int64_t inputs, std::int64_t outputs, double gain = 1) {
  return started(torch::nn::Linear(inputs, outputs), inputs, gain);
}

inline torch::nn::Conv1d convolution(std::int64_t inputs, std::int64_t outputs, std::int64_t reach,
                                     std::int64_t dilation = 1, double gain = 1) {
  auto options = torch::nn::Conv1dOptions(inputs, outputs, reach).dilation(dilation);
  return started(torch::nn::Conv1d(options.padding(reach / 2 * dilation)), inputs * reach, gain);
}

struct Block : torch::nn::Module {
  torch::nn::Linear film = register_module("film", linear(hidden, 2 * width, 0.3));
  torch::nn::Conv1d conv{nullptr}, mix{nullptr};

  explicit Block(std::int64_t dilation) {
    conv = register_module("conv", convolution(width, width, kernel, dilation));
    mix = register_module("mix", convolution(width, width, 1, 1, 0.5));
  }

  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& noise) {
    const std::vector<torch::Tensor> scale_shift = film(noise).unsqueeze(2).chunk(2, 1);
    const torch::Tensor h = layer_norm(conv(layer_norm(x)));
    return x + mix(torch::silu(h * (1 + scale_shift[0]) + scale_shift[1]));
  }
};

struct Denoiser : torch::nn::Module {
  torch::nn::Conv1d stem = register_module("stem", convolution(4, width, kernel));
  torch::Tensor position = register_parameter("position", 0.1 * torch::randn({width, window}));
  torch::nn::Linear noise_in = register_module("noise_in", linear(2 * frequencies, hidden));
  torch::nn::Linear noise_out = register_module("noise_out", linear(hidden, hidden));
  std::vector<std::shared_ptr<Block>> blocks;
  // Small initial weights, so that D starts near c_skip x.
  torch::nn::Conv1d out = register_module("out", convolution(width, 4, 1, 1, 0.1));

  Denoiser() {
    for (const std::int64_t dilation : {1, 2, 4, 8})
      blocks.push_back(register_module("block" + std::to_string(dilation), std::make_shared<Block>(dilation)));
  }

  // D(x; sigma), the estimate of the clean windows; one sigma for each.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& sigma) {
    const torch::Tensor s = sigma.view({-1, 1, 1}), total = s * s + sigma_data * sigma_data;
    const torch::Tensor c_skip = sigma_data * sigma_data / total, c_out = s * sigma_data * total.rsqrt();
    return c_skip * x + c_out * network(total.rsqrt() * x, sigma.log() / 4);
  }

 private:
  torch::Tensor network(const torch::Tensor& x, const torch::Tensor& c_noise) {
    const torch::Tensor frequency = torch::exp2(torch::linspace(-2, 3, frequencies));
    const torch::Tensor angle = 2 * 3.14159265358979 * c_noise.unsqueeze(1) * frequency;
    torch::Tensor noise = torch::cat({angle.sin(), angle.cos()}, 1);
    noise = torch::silu(noise_out(torch::silu(noise_in(noise))));
    torch::Tensor h = stem(x) + position;
    for (const auto& block : blocks) h = block->forward(h, noise);
    return out(torch::silu(layer_norm(h)));
  }
};

// n generated windows, by Heun's method on EDM's grid of 18 noise levels.
inline Bases generate(Denoiser& model, std::int64_t n) {
  constexpr int levels = 18;
  constexpr double rho = 7;
  const torch::NoGradGuard off;
  const auto level = [&](int i) {
    const double from = std::pow(sigma_max, 1 / rho), to = std::pow(sigma_min, 1 / rho);
    return i == levels ? 0 : std::pow(from + i * (to - from) / (levels - 1), rho);
  };
  const auto slope = [&](const torch::Tensor& x, double sigma) {
    return (x - model.forward(x, torch::full({x.size(0)}, sigma))) / sigma;
  };
  Bases bases;
  // Small batches stay in the cache.
  for (std::int64_t done = 0; done < n; done += 128) {
    torch::Tensor x = sigma_max * torch::randn({std::min<std::int64_t>(n - done, 128), 4, window});
    for (int i = 0; i < levels; ++i) {
      const double here = level(i), there = level(i + 1);
      const torch::Tensor first = slope(x, here), guess = x + (there - here) * first;
      // There is no slope at sigma = 0, so the last step is Euler's.
      x = there > 0 ? x + (there - here) * (first + slope(guess, there)) / 2 : guess;
    }
    const torch::Tensor best = x.argmax(1).to(torch::kByte).contiguous();
    bases.insert(bases.end(), best.data_ptr<std::uint8_t>(), best.data_ptr<std::uint8_t>() + best.numel());
  }
  return bases;
}
