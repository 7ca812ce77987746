// infonoise for C++17 and newer, over infonoise.h alone.
//
//   Config      what a schedule needs to know            config.hpp
//   Scheduler   a schedule and its memory: a value       scheduler.hpp
//   Report      where it stands; also Profile, Mismatch  report.hpp
//   Error       what a refused call throws               result.hpp
//
// infonoise/journal.hpp (a run recorded in a file, and its replay; it locks files) and
// infonoise/cuda.hpp (trainers on CUDA devices) are included by themselves.
//
// Calls that can fail return Result<T>: T itself, and Error is thrown; under
// -fno-exceptions an Expected<T> with ok(), value() and error(). Constructors cannot
// return one: there, use Scheduler::create.
#pragma once

#include "config.hpp"
#include "report.hpp"
#include "result.hpp"
#include "scheduler.hpp"
