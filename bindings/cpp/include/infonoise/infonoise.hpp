// infonoise for C++17 and newer, over infonoise.h alone.
//
//   Config      what a schedule needs to know            config.hpp
//   Scheduler   a schedule and its memory: a value       scheduler.hpp
//   Report      where it stands; also Profile, Mismatch  report.hpp
//   Journal     a run recorded in a file, and Replay     journal.hpp
//   Error       what a refused call throws               result.hpp
//
// infonoise/cuda.hpp is for trainers on CUDA devices, and included by itself.
//
// Calls that can fail return Result<T>: T itself, and Error is thrown; under
// -fno-exceptions an Expected<T> with ok(), value() and error(). Constructors cannot
// return one: there, use Scheduler::create.
#pragma once

#include "config.hpp"
#include "journal.hpp"
#include "report.hpp"
#include "result.hpp"
#include "scheduler.hpp"
