// What the snippets of the documentation take for granted.
#include <infonoise/infonoise.hpp>

#include <cassert>
#include <fstream>
#include <iostream>

struct Given {
  infonoise::Config config;
  infonoise::Scheduler& scheduler;
  std::vector<float> sigma, error, table;
  std::vector<double> sigmas;
  std::vector<std::uint8_t> image, checkpoint;
  std::ofstream csv;
  int steps;
  std::uint32_t rank, world;
};
void train(const std::vector<float>& sigma, std::vector<float>& error);
std::vector<float> train(const std::vector<float>& sigma);
std::vector<float> all_gather(const std::vector<float>& mine);
void fail(const char* what);
