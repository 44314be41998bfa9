// The benchmarks, one for each family of kernels.
#pragma once
#include <stddef.h>

#include "kernels/kernels.h"

struct Shape {
  size_t rows, cols;
};

/** One ternary kernel on one shape: verified on the first tiles, then timed at every batch size. */
void bench_ternary(const bitnet::TernaryKernel& kernel, const Shape& shape, double peak);

/** Matrix-vector products of every stored type, in and out of cache, and a batch. */
void bench_dense(const bitnet::DenseKernel& kernel);

/** Nanoseconds of each vector operation at the sizes of a 2B-4T layer. */
void bench_vector(const bitnet::VectorKernel& kernel);
