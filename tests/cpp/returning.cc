// The same calls under -fno-exceptions -fno-rtti: results instead of exceptions.
//
//   returning FOLDER   records FOLDER/returning.journal and prints its last digest
#include "check.h"
#include <infonoise/infonoise.hpp>
#include <infonoise/journal.hpp>

#include <cstring>
#include <iostream>

template <typename T>
bool refused(const infonoise::Expected<T>& result, infonoise_status status, const char* text) {
  return !result.ok() && result.error().status() == status && std::strstr(result.error().what(), text);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string path = std::string(argv[1]) + "/returning.journal";
  auto config = infonoise::Config::discrete().warmup_steps(20).refresh_every(7).refresh_growth(0).min_count(5);
  CHECK(config.check().ok());
  CHECK(refused(infonoise::Scheduler::create(infonoise::Config().min_count(300)), INFONOISE_INVALID_CONFIG,
                "min_count = 300 must be at most window = 256"));
  auto made = infonoise::Scheduler::create(config, 4);
  CHECK(made.ok());
  infonoise::Scheduler scheduler = std::move(made).value(), plain = scheduler;
  CHECK(refused(scheduler.info_grid(18), INFONOISE_NOT_READY, ""));
  CHECK(refused(scheduler.plan_grid(9), INFONOISE_NOT_READY, ""));
  auto begun = infonoise::Journal::create(path, std::move(scheduler));
  CHECK(begun.ok());
  infonoise::Journal journal = std::move(begun).value();
  CHECK(refused(infonoise::Journal::create(path, infonoise::Scheduler(plain)), infonoise::file_error, "resume"));
  std::vector<float> sigma(256), error(256);
  CHECK(plain.sample(sigma).ok() && journal.sample(sigma).ok());
  for (int step = 0; step < 60; ++step) {
    for (std::size_t i = 0; i < 256; ++i) error[i] = sigma[i] * sigma[i] / (1 + sigma[i] * sigma[i]);
    std::vector<float> next(256);
    auto report = plain.advance(sigma, error, next);
    CHECK(report.ok() && report.value().steps == static_cast<std::uint64_t>(step) + 1);
    CHECK(journal.advance(sigma, error, sigma).ok() && next == sigma);
  }
  CHECK(refused(journal.observe(sigma, infonoise::Span<const float>(error.data(), 7)), INFONOISE_LENGTH, "error of 7"));
  CHECK(journal.close().ok());
  CHECK(refused(journal.step(), INFONOISE_NOT_A_JOURNAL, "closed"));
  auto replay = infonoise::Replay::open(path);
  CHECK(replay.ok() && replay.value().finish().ok());
  auto snapshot = plain.save();
  auto resumed = infonoise::Journal::resume(path, infonoise::Scheduler::load(snapshot.value()).value());
  CHECK(resumed.ok() && resumed.value().cut_bytes() == 0);
  CHECK(replay.value().scheduler().digest().value() == plain.digest().value());
  std::cout << plain.report().value() << '\n' << plain.digest().value() << std::endl;
}
