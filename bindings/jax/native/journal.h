// Journals: the verbs that append their record to a file, and their replay. A verb
// and its record are one call: no signal handler and no other thread of Python can
// come between them.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>

#include "arguments.h"

namespace infonoise::python {

// Appends the whole record, or cuts off what was written of it and raises OSError.
inline void append(int file, const std::uint8_t* record, std::size_t n) {
  off_t start = ::lseek(file, 0, SEEK_CUR);
  std::size_t written = 0;
  while (written < n) {
    ssize_t more = ::write(file, record + written, n - written);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) {
      int reason = more < 0 ? errno : ENOSPC;
      if (start >= 0 && ::ftruncate(file, start) == 0) ::lseek(file, start, SEEK_SET);
      errno = reason;
      PyErr_SetFromErrno(PyExc_OSError);
      throw nb::python_error();
    }
    written += static_cast<std::size_t>(more);
  }
}

// Calls a recorded verb with room for its record, and appends that.
template <typename Verb>
void recorded(int file, std::size_t room, Verb verb) {
  std::vector<std::uint8_t> record(room);
  std::size_t used = 0;
  check(verb(record.data(), record.size(), &used));
  append(file, record.data(), used);
}

inline void journal_begin(int file, Words journal, Words state, std::uint32_t page, std::uint64_t seed) {
  std::size_t room = infonoise_journal_begin_bytes(state.data(), bytes_of(state));
  recorded(file, room, [&](void* out, std::size_t n, std::size_t* used) {
    return infonoise_journal_begin(journal.data(), bytes_of(journal), page, state.data(), bytes_of(state), seed, out,
                                   n, used);
  });
}

inline void journal_sample(int file, Words journal, Words state, Floats sigma, std::uint32_t rank,
                           std::uint32_t world) {
  recorded(file, infonoise_record_bytes(0), [&](void* out, std::size_t n, std::size_t* used) {
    return infonoise_journal_sample(journal.data(), bytes_of(journal), state.data(), bytes_of(state), sigma.data(),
                                    sigma.shape(0), rank, world, out, n, used);
  });
}

inline std::size_t journal_observe(int file, Words journal, Words state, FloatsIn sigma, FloatsIn error,
                                   std::optional<Bytes> mask) {
  std::size_t rejected = 0, pairs = sigma.shape(0);
  if (error.shape(0) != pairs || (mask && mask->shape(0) != pairs)) check(INFONOISE_LENGTH);
  recorded(file, infonoise_record_bytes(pairs), [&](void* out, std::size_t n, std::size_t* used) {
    return infonoise_journal_observe(journal.data(), bytes_of(journal), state.data(), bytes_of(state), sigma.data(),
                                     error.data(), mask ? mask->data() : nullptr, pairs, &rejected, out, n, used);
  });
  return rejected;
}

inline void journal_step(int file, Words journal, Words state) {
  recorded(file, infonoise_record_bytes(0), [&](void* out, std::size_t n, std::size_t* used) {
    return infonoise_journal_step(journal.data(), bytes_of(journal), state.data(), bytes_of(state), nullptr, out, n,
                                  used);
  });
}

inline void journal_set_frozen(int file, Words journal, Words state, bool frozen) {
  recorded(file, infonoise_record_bytes(0), [&](void* out, std::size_t n, std::size_t* used) {
    return infonoise_journal_set_frozen(journal.data(), bytes_of(journal), state.data(), bytes_of(state), frozen, out,
                                        n, used);
  });
}

inline void journal_reconfigure(int file, Words journal, Words state, const nb::object& config,
                                std::optional<Table> weight, std::optional<Table> baseline) {
  infonoise_config record = checked_for(state, config, baseline);
  const double* table = table_of(weight, "weight", record.bins);
  recorded(file, infonoise_record_bytes(0), [&](void* out, std::size_t n, std::size_t* used) {
    return infonoise_journal_reconfigure(journal.data(), bytes_of(journal), state.data(), bytes_of(state), &record,
                                         table, out, n, used);
  });
}

// The record of the digest as it is now.
inline nb::bytes journal_digest(Words journal, Words state) {
  std::vector<std::uint8_t> record(infonoise_record_bytes(0));
  std::size_t used = 0;
  check(infonoise_journal_digest(journal.data(), bytes_of(journal), state.data(), bytes_of(state), record.data(),
                                 record.size(), &used));
  return nb::bytes(record.data(), used);
}

// (uint32 words of the block, of the journal's memory)
inline nb::tuple replay_needs(Bytes log) {
  std::size_t state = 0, journal = 0;
  check(infonoise_replay_needs(log.data(), log.shape(0), &state, &journal), log.data(), log.shape(0));
  return nb::make_tuple(state / 4, journal / 4);
}

inline std::size_t replay_begin(Words journal, Words state, Bytes log) {
  std::size_t used = 0;
  check(infonoise_replay_begin(journal.data(), bytes_of(journal), state.data(), bytes_of(state), log.data(),
                               log.shape(0), &used));
  return used;
}

// The event of the record at byte `at` of a piece of a journal that begins at byte
// `offset` of its file; None where the piece ends within it.
inline std::optional<nb::dict> replay_next(Words journal, Words state, Bytes log, std::size_t at, std::size_t offset) {
  static const char* const kinds[] = {"sampled", "observed", "stepped", "frozen", "reconfigured", "digest"};
  if (at > log.shape(0)) check(INFONOISE_ARGUMENT);
  std::size_t used = 0;
  infonoise_event event = {};
  event.struct_size = sizeof(event);
  infonoise_status status = infonoise_replay_next(journal.data(), bytes_of(journal), state.data(), bytes_of(state),
                                                  log.data() + at, log.shape(0) - at, &used, &event);
  if (status == INFONOISE_TRUNCATED) return std::nullopt;
  if (status != INFONOISE_OK && status != INFONOISE_DIFFERS) {
    std::string text = "at byte " + std::to_string(offset + at) + ": " + message_of(status);
    throw nb::value_error(text.c_str());
  }
  nb::dict fields;
  fields["kind"] = kinds[event.kind];
  fields["bytes"] = used;
  fields["steps"] = event.steps;
  switch (event.kind) {
    case INFONOISE_EVENT_KIND_SAMPLED:
      fields["first"] = event.first, fields["n"] = event.n, fields["rank"] = event.rank, fields["world"] = event.world;
      break;
    case INFONOISE_EVENT_KIND_OBSERVED:
      fields["n"] = event.n, fields["rejected"] = event.rejected;
      break;
    case INFONOISE_EVENT_KIND_STEPPED:
      fields["refreshed"] = event.refreshed != 0, fields["held"] = event.held != 0;
      break;
    case INFONOISE_EVENT_KIND_FROZEN:
      fields["frozen"] = event.n != 0;
      break;
    case INFONOISE_EVENT_KIND_DIGEST:
      fields["expected"] = event.expected, fields["found"] = event.found;
      break;
    default:
      break;
  }
  return fields;
}

inline void define_journal(nb::module_& m) {
  m.def("journal_words", [](std::uint32_t page) { return infonoise_journal_bytes(page) / 4; });
  m.def("journal_begin", &journal_begin);
  m.def("journal_sample", &journal_sample);
  m.def("journal_observe", &journal_observe, nb::arg("file"), nb::arg("journal"), nb::arg("state"), nb::arg("sigma"), nb::arg("error"),
        nb::arg("mask") = nb::none());
  m.def("journal_step", &journal_step);
  m.def("journal_set_frozen", &journal_set_frozen);
  m.def("journal_reconfigure", &journal_reconfigure);
  m.def("journal_digest", &journal_digest);
  m.def("journal_draws", [](Words journal, std::uint64_t first, Floats sigma) {
    return infonoise_journal_draws(journal.data(), bytes_of(journal), first, sigma.data(), sigma.shape(0)) ==
           INFONOISE_OK;
  });
  m.def("journal_is_torn", [](Bytes rest) { return infonoise_journal_is_torn(rest.data(), rest.shape(0)) != 0; });
  m.def("replay_needs", &replay_needs);
  m.def("replay_begin", &replay_begin);
  m.def("replay_next", &replay_next);
}

}  // namespace infonoise::python
