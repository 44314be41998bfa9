// The benchmarks, one for each family of kernels. Each exits with 1 when a kernel is not bit-equal
// to the scalar one.
#pragma once
#include <memory>
#include <vector>

#include "common/thread_pool.h"
#include "kernels/kernels.h"
#include "options.h"
#include "shapes.h"

/** A number of threads and what the machine does with it. */
struct Crew {
  std::unique_ptr<bitnet::ThreadPool> pool;
  double gmacs; // int8 multiply-adds in registers, 10^9 per second
};

struct Machine {
  std::vector<Crew> crews;
  double memory_gbps; // the best of all crews
};

/** One ternary kernel on one shape: verified on a tile, then timed at every batch size. */
void bench_ternary(const bitnet::TernaryKernel& kernel, const Shape& shape, const Options& options,
                   const Machine& machine);

/** One group kernel on one shape, with groups of 64, 128 and 256 columns; as bench_ternary. */
void bench_groups(const bitnet::GroupKernel& kernel, const Shape& shape, const Options& options,
                  const Machine& machine);

/** The prefilter of an output head, 2B-4T's width. */
void bench_prefilter(const bitnet::PrefilterKernel& kernel, const Machine& machine);

/** Active neurons of 2B-4T's matrices times one token, all of them times every batch size. */
void bench_neurons(const bitnet::NeuronKernel& kernel, const Options& options,
                   const Machine& machine);

/** Matrix-vector products of every stored type, in and out of cache, and a batch. */
void bench_dense(const bitnet::DenseKernel& kernel);

/** Nanoseconds of each vector operation at the sizes of a 2B-4T layer. */
void bench_vector(const bitnet::VectorKernel& kernel);
