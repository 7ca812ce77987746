// infonoise for C++17 and newer, over infonoise.h alone.
//
//   Config      the configuration of a schedule          config.hpp
//   Scheduler   a schedule and its memory: a value       scheduler.hpp
//   Report      a summary; also Profile, Mismatch        report.hpp
//   Plan        noise levels for a sampler               plan.hpp
//   Error       what a refused call throws               result.hpp
//
// infonoise/journal.hpp (a run recorded in a file, and its replay; it locks files) and
// infonoise/cuda.hpp (trainers on CUDA devices) must be included separately.
//
// Calls that can fail return Result<T>. With exceptions that is T, and errors are
// thrown as Error. With -fno-exceptions it is an Expected<T> with ok(), value() and
// error(); constructors cannot return one, so use Scheduler::create.
#pragma once

#include "config.hpp"
#include "plan.hpp"
#include "report.hpp"
#include "result.hpp"
#include "scheduler.hpp"
