// As main.c.
#include <infonoise/infonoise.hpp>
#include <iostream>

int main() {
  infonoise::Scheduler scheduler(infonoise::Config::discrete().warmup_steps(20).min_count(5), 9);
  for (int step = 0; step < 50; ++step) {
    const std::vector<float> sigma = scheduler.sample(128);
    std::vector<float> error;
    for (float s : sigma) error.push_back(s * s / (1 + s * s));
    scheduler.observe(sigma, error);
    scheduler.step();
  }
  std::cout << scheduler.digest() << '\n';
}
