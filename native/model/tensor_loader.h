// Reads one tensor of a model file into the memory layout its kernel wants.
#pragma once
#include <string>
#include <vector>

#include "../common/file_reader.h"
#include "../common/thread_pool.h"
#include "../formats/formats.h"
#include "linear.h"
#include "row_table.h"
#include "spec.h"

namespace bitnet {

class TensorLoader {
public:
  TensorLoader(const FileReader& file, const KernelSet& kernels, ThreadPool& pool)
      : file_(file), kernels_(kernels), pool_(pool) {}

  /** A matrix: ternary types are decoded and packed, dense types kept as stored. */
  Status load_linear(const TensorSpec& tensor, Linear* out);

  /**
   * The rows of an embedding or head. Large tables of floats stay in the file: the screened head
   * reads a few hundred rows of them per token, an embedding one.
   */
  Status load_table(const TensorSpec& tensor, const std::shared_ptr<const FileReader>& file,
                    RowTable* out);

  /** A vector as f32; every value must be finite. */
  Status load_vector(const TensorSpec& tensor, std::vector<float>* out);

private:
  Status load_ternary(const TensorSpec& tensor, const TernaryFormat& format, Linear* out);
  /** Packs all rows as matrices of `block_cols` columns; writes the rows' scales where the format
   * has any. */
  Status pack_columns(const TensorSpec& tensor, const TernaryFormat& format, size_t block_cols,
                      Linear* out, float* scales);
  Status describe_dense(const TensorSpec& tensor, DenseType type, Linear* out);
  Status load_dense(const TensorSpec& tensor, DenseType type, Linear* out);

  const FileReader& file_;
  const KernelSet& kernels_;
  ThreadPool& pool_;
};

/** The dense type called `type`; false when there is none. */
bool find_dense_type(const std::string& type, DenseType* out);

/** Bytes of `cols` stored values of `type`. */
size_t dense_row_bytes(DenseType type, size_t cols);

} // namespace bitnet
