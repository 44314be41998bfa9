// Rows of a stored tensor as floats or, where the type is ternary, as codes and scales.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "../common/aligned_buffer.h"
#include "../common/byte_source.h"
#include "../formats/formats.h"
#include "../kernels/dense/dense.h"

namespace bitnet {

/** A tensor as a file holds it. */
struct StoredTensor {
  const ByteSource* bytes;
  uint64_t offset; // of the tensor in `bytes`
  TensorShape shape;
  const TernaryFormat* ternary; // null: dense
  DenseType dense;

  /** Columns that share a scale; of ternary types. */
  size_t scale_cols() const { return ternary->scale_cols ? ternary->scale_cols : shape.cols; }
};

/** Decodes rows of one tensor; memory of one thread. */
class RowReader {
public:
  /** `tensor_scale` is what `read_tensor_scale` gives. */
  void start(const StoredTensor& tensor, const DenseKernel& kernel, float tensor_scale);

  /** Rows [row, row + count): Code::kFile, Code::kMemory. */
  Status read(size_t row, size_t count);

  /** Of a dense tensor: row `r` of those read, [cols]; valid until the next call. */
  const float* floats(size_t r);
  /** Of a ternary tensor: [count, cols]. */
  const uint8_t* codes() const { return codes_.data(); }
  /** Of a ternary tensor: [count, cols / scale_cols]. */
  const float* scales() const { return scales_.data(); }
  /** Whether a code was 3, or what is no code. */
  bool invalid() const { return invalid_; }

private:
  StoredTensor tensor_ = {};
  const DenseKernel* kernel_ = nullptr;
  float tensor_scale_ = 0;
  size_t row_bytes_ = 0; // of a dense tensor
  bool invalid_ = false;
  AlignedBuffer bytes_, codes_, row_;
  std::vector<float> scales_;
};

/** The one scale of a ternary tensor; 1 of formats that have others, and of dense tensors. */
Status read_tensor_scale(const StoredTensor& tensor, float* scale);

} // namespace bitnet
