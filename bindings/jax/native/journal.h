// The journals of infonoise/journal.hpp, on blocks in NumPy's memory. Each call holds
// the interpreter's lock, so that no signal handler and no other Python thread runs
// between a change of the schedule and its record.
#pragma once

#include <infonoise/journal.hpp>

#include "arguments.h"

namespace infonoise::python {

inline Block block_of(const Words& words) { return {state_of(words), bytes_of(words)}; }

template <typename T, typename Array>
Span<const T> span_of(const Array& row) {
  return {row.data(), row.shape(0)};
}

inline Span<const std::uint8_t> span_of(const std::optional<Bytes>& mask) {
  return mask ? span_of<std::uint8_t>(*mask) : Span<const std::uint8_t>();
}

using NewRow = nb::ndarray<nb::numpy, float, nb::ndim<1>>;

// A new row of float32, not initialised.
inline NewRow new_row(std::size_t n) {
  float* const data = new float[n];
  nb::capsule owner(data, [](void* data) noexcept { delete[] static_cast<float*>(data); });
  return {data, {n}, owner};
}

// The exception of a C++ error: OSError with its errno, otherwise ValueError. A path in
// the message may have bytes that are not UTF-8.
inline void raise(const Error& error) {
  if (error.status() == INFONOISE_TOO_SMALL) return PyErr_SetString(PyExc_ValueError, message_of(error.status()));
  nb::object text = nb::steal(PyUnicode_DecodeFSDefault(error.what()));
  if (!text.is_valid()) return;
  if (error.status() != file_error) return PyErr_SetObject(PyExc_ValueError, text.ptr());
  PyErr_SetObject(PyExc_OSError, nb::make_tuple(error.system_error(), text).ptr());
}

inline NewRow draw(Recorder& recorder, Words state, std::size_t n, std::uint64_t offset, std::uint64_t total) {
  recorder.check_draw(n, offset, total);
  NewRow sigma = new_row(n);
  recorder.sample(block_of(state), {sigma.data(), n}, offset, total);
  return sigma;
}

inline NewRow advance_recorded(Recorder& recorder, Words state, std::size_t n, FloatsIn sigma, FloatsIn error,
                               std::optional<Bytes> mask) {
  recorder.check_draw(n, 0, n);
  NewRow next = new_row(n);
  recorder.advance(block_of(state), span_of<float>(sigma), span_of<float>(error), span_of(mask), {next.data(), n});
  return next;
}

inline void reconfigure_recorded(Recorder& recorder, Words state, const nb::object& config, std::optional<Table> weight,
                                 std::optional<Table> baseline) {
  Config changed(checked_for(state, config, weight, baseline));
  if (weight) changed.weight({weight->data(), weight->data() + weight->shape(0)});
  recorder.reconfigure(block_of(state), changed);
}

// The global batch that an event drew; None where the journal's page does not hold it.
inline std::optional<NewRow> sigmas_of(Replay& replay, const Event& event) {
  try {
    const std::vector<float> sigma = replay.draws(event);
    NewRow row = new_row(sigma.size());
    std::copy(sigma.begin(), sigma.end(), row.data());
    return row;
  } catch (const Error& error) {
    if (error.status() != INFONOISE_ARGUMENT) throw;
    return std::nullopt;
  }
}

// What the next record did; None at the end. `sigmas`: include the batches that were drawn.
inline std::optional<nb::dict> next_event(Replay& replay, bool sigmas) {
  const std::uint64_t start = replay.position();
  std::optional<Event> event;
  try {
    event = replay.next();
  } catch (const Error& error) {
    if (error.status() != INFONOISE_DIFFERS) throw;
    const nb::object type = nb::module_::import_("infonoise.journal").attr("ReplayError");
    const nb::object text = nb::steal(PyUnicode_DecodeFSDefault(error.what()));
    PyErr_SetObject(type.ptr(), type(text, replay.steps()).ptr());
    throw nb::python_error();
  }
  if (!event) return std::nullopt;
  nb::dict fields;
  fields["kind"] = event->kind_name();
  fields["bytes"] = replay.position() - start;
  fields["steps"] = event->steps;
  switch (event->kind) {
    case INFONOISE_EVENT_KIND_SAMPLED:
      fields["first"] = event->first, fields["n"] = event->n;
      fields["offset"] = event->offset, fields["total"] = event->total;
      if (sigmas) fields["sigma"] = sigmas_of(replay, *event);
      break;
    case INFONOISE_EVENT_KIND_OBSERVED:
      fields["n"] = event->n, fields["rejected"] = event->rejected;
      break;
    case INFONOISE_EVENT_KIND_STEPPED:
      fields["refreshed"] = event->refreshed != 0, fields["held"] = event->held != 0;
      break;
    case INFONOISE_EVENT_KIND_FROZEN:
      fields["frozen"] = event->n != 0;
      break;
    case INFONOISE_EVENT_KIND_DIGEST:
      fields["expected"] = event->expected, fields["found"] = event->found;
      break;
    default:
      break;
  }
  return fields;
}

// A view of the words of the replay's schedule, which keeps the replay alive.
inline nb::ndarray<nb::numpy, std::uint32_t, nb::ndim<1>> words_of(nb::handle self) {
  Scheduler& scheduler = nb::cast<Replay&>(self).scheduler();
  auto* const words = reinterpret_cast<std::uint32_t*>(scheduler.data());
  return {words, {scheduler.bytes() / 4}, self};
}

inline void define_journal(nb::module_& m) {
  nb::register_exception_translator([](const std::exception_ptr& caught, void*) {
    try {
      std::rethrow_exception(caught);
    } catch (const Error& error) {
      raise(error);
    }
  });

  // Paths are bytes, as from os.fsencode, since not every file name is UTF-8.
  nb::class_<Recorder>(m, "Recorder")
      .def_static("create",
                  [](nb::bytes path, Words state, std::uint64_t seed, const nb::object& page) {
                    const auto draws = number_of<std::uint32_t>("page", page, "an integer from 1 to 2^28: draws to remember");
                    return Recorder::create({path.c_str(), path.size()}, block_of(state), seed, draws);
                  })
      .def_static("resume",
                  [](nb::bytes path, Words state) {
                    return Recorder::resume({path.c_str(), path.size()}, block_of(state));
                  })
      .def("sample", &draw)
      .def("observe",
           [](Recorder& recorder, Words state, FloatsIn sigma, FloatsIn error, std::optional<Bytes> mask) {
             return recorder.observe(block_of(state), span_of<float>(sigma), span_of<float>(error), span_of(mask));
           },
           nb::arg("state"), nb::arg("sigma"), nb::arg("error"), nb::arg("mask") = nb::none())
      .def("step", [](Recorder& recorder, Words state) { recorder.step(block_of(state)); })
      .def("advance", &advance_recorded, nb::arg("state"), nb::arg("n"), nb::arg("sigma"), nb::arg("error"),
           nb::arg("mask") = nb::none())
      .def("set_frozen",
           [](Recorder& recorder, Words state, bool frozen) { recorder.set_frozen(block_of(state), frozen); })
      .def("reconfigure", &reconfigure_recorded, nb::arg("state"), nb::arg("config"), nb::arg("weight") = nb::none(),
           nb::arg("baseline") = nb::none())
      .def("sync", &Recorder::sync)
      .def("close", [](Recorder& recorder, Words state) { recorder.close(block_of(state)); })
      .def_prop_ro("cut_bytes", &Recorder::cut_bytes)
      .def_prop_ro("cut_path",
                   [](const Recorder& recorder) { return nb::bytes(recorder.cut_path().data(), recorder.cut_path().size()); });

  nb::class_<Replay>(m, "Replay")
      .def_static("open", [](nb::bytes path) { return Replay::open({path.c_str(), path.size()}); })
      .def("next", &next_event)
      .def("seek", &Replay::seek)
      .def("close", &Replay::close)
      .def_prop_ro("state", &words_of)
      .def_prop_ro("digests", &Replay::digests)
      .def_prop_ro("position", &Replay::position)
      .def_prop_ro("torn_bytes", &Replay::torn_bytes);
}

}  // namespace infonoise::python
