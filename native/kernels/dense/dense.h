// Contract of the dense products: stored rows (floats and quantized blocks, the types of DenseType)
// times f32 activations.
//
// Float results are defined, so that every ISA, batch and thread split gives the same bits:
//
//   w[k]    = the stored weight as f32
//   lane[j] = fma over k = j, j + 16, j + 32, … of (w[k], x[k]) starting from +0, j = 0..15
//   result  = tree(lane)
//
//   tree:  lane[j] += lane[j + 8]   j = 0..7
//          lane[j] += lane[j + 4]   j = 0..3
//          lane[j] += lane[j + 2]   j = 0..1
//          lane[0] +  lane[1]
//
// A weight of a block type takes several steps, which are rounded to f32 one by one as
// dense_scalar.cpp writes them. All products are exact, sums with a minimum are not.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

enum DenseType : uint32_t {
  kDenseF32,
  kDenseF16,
  kDenseBf16,
  kDenseQ8_0,
  kDenseQ6_K,
  kDenseQ4_0,
  kDenseQ4_K,
  kDenseQ4_1,
  kDenseQ5_0,
  kDenseQ5_1,
  kDenseQ5_K,
  kDenseIq4Nl,
  kDenseTypes
};

/** How a type is stored: `block` values of a row in `block_bytes` bytes. */
struct DenseStorage {
  const char* name; // in TensorSpec
  size_t block;
  size_t block_bytes;
};

/** In the order of DenseType. */
constexpr DenseStorage kDenseStorage[kDenseTypes] = {
    {"F32", 1, 4},      {"F16", 1, 2},    {"BF16", 1, 2},     {"Q8_0", 32, 34},
    {"Q6_K", 256, 210}, {"Q4_0", 32, 18}, {"Q4_K", 256, 144}, {"Q4_1", 32, 20},
    {"Q5_0", 32, 22},   {"Q5_1", 32, 24}, {"Q5_K", 256, 176}, {"IQ4_NL", 32, 18},
};
static_assert(kDenseStorage[kDenseTypes - 1].name != nullptr, "a row for every type");

/** Rows of one type times `n` vectors. */
struct DenseProduct {
  const uint8_t* rows; // [rows, row_bytes], 2-byte aligned at least, zero from the true columns on
  size_t row_bytes;    // distance between rows
  size_t cols;         // multiple of 16, of the block size for block types
  const float* x;      // [n, x_stride], 64-byte aligned, zero from the true columns up to cols
  size_t x_stride;     // >= cols, a multiple of 16
  size_t n;            // >= 1
  float* out; // [n, out_stride]; out[i * out_stride + (r - row_begin)] is row r of vector i
  size_t out_stride;
};

/** One function for each DenseType. */
template <class Function> struct DenseFunctions {
  Function f32;
  Function f16;
  Function bf16;
  Function q8_0;
  Function q6_k;
  Function q4_0;
  Function q4_k;
  Function q4_1;
  Function q5_0;
  Function q5_1;
  Function q5_k;
  Function iq4_nl;

  Function operator[](uint32_t type) const {
    switch (static_cast<DenseType>(type)) {
    case kDenseF32:
      return f32;
    case kDenseF16:
      return f16;
    case kDenseBf16:
      return bf16;
    case kDenseQ8_0:
      return q8_0;
    case kDenseQ6_K:
      return q6_k;
    case kDenseQ4_0:
      return q4_0;
    case kDenseQ4_K:
      return q4_k;
    case kDenseQ4_1:
      return q4_1;
    case kDenseQ5_0:
      return q5_0;
    case kDenseQ5_1:
      return q5_1;
    case kDenseQ5_K:
      return q5_k;
    case kDenseIq4Nl:
      return iq4_nl;
    case kDenseTypes:
      break;
    }
    return nullptr;
  }
};

struct DenseKernel {
  const char* isa;   // "scalar", "avx2", "avx512", "neon"
  uint32_t features; // CpuFeature bits it needs
  /** Rows [row_begin, row_end), any n >= 1. */
  DenseFunctions<void (*)(const DenseProduct& p, size_t row_begin, size_t row_end)> product;
  /** One stored row as f32: out[cols], any cols that the type's block size divides. */
  DenseFunctions<void (*)(const uint8_t* row, size_t cols, float* out)> decode;
};

} // namespace bitnet
