// For trainers on CUDA devices, over the CUDA runtime and infonoise.hpp. Nothing else
// of the library includes it, and nothing else needs CUDA.
//
//   Stage        a scheduler on the host for a device that never waits      cuda/stage.hpp
//   Sampler      the table of the draws in device memory; its sampler_ref
//                draws inside a kernel, with the host's bits               cuda/sampler.hpp
//   cuda_error   the status of an error of the CUDA runtime                cuda/runtime.hpp
//
// Streams are always arguments: nothing is enqueued on a stream that you did not pass.
#pragma once

#include "cuda/runtime.hpp"
#include "cuda/sampler.hpp"
#include "cuda/stage.hpp"
