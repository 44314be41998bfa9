// Reads one tensor of a model file into the memory layout its kernel wants.
#pragma once
#include <string>
#include <vector>

#include <functional>

#include "../common/arena.h"
#include "../common/byte_source.h"
#include "../common/thread_pool.h"
#include "../formats/formats.h"
#include "../graph/linear.h"
#include "../graph/row_table.h"
#include "../graph/spec.h"
#include "load_plan.h"

namespace bitnet {

class TensorLoader {
public:
  /** Reads from `file`, and a scale of its own from `scale_file`. Matrices live in `arena`. */
  TensorLoader(const ByteSource& file, const ByteSource& scale_file, const KernelSet& kernels,
               ThreadPool& pool, Arena& arena)
      : file_(file), scale_file_(scale_file), kernels_(kernels), pool_(pool), arena_(arena) {}

  /**
   * A matrix: ternary types are decoded and packed, dense types kept as stored. What only the
   * weights tell may change the plan: scales that differ inside a row, and the level +2.
   */
  Status load_linear(const TensorSpec& tensor, PlannedTensor* planned, Linear* out);

  /**
   * A matrix of each expert, the same way; those that are there already are replaced. What the
   * weights of one tell is then in the plan, which has a single layout for all.
   */
  Status load_experts(const TensorSpec& tensor, PlannedTensor* planned, std::vector<Linear>* out);

  /**
   * The rows of an embedding or head. Of those that stay in the file a head prefilter reads a few
   * hundred per token, an embedding one.
   */
  Status load_table(const TensorSpec& tensor, const PlannedTensor& planned,
                    const std::shared_ptr<const ByteSource>& file, RowTable* out);

  /**
   * A vector as f32; every value must be finite. Of a table of several rows the columns are kept, one
   * after the other: [cols, rows].
   */
  Status load_vector(const TensorSpec& tensor, std::vector<float>* out);

private:
  Status load_ternary(const TensorSpec& tensor, const TernaryFormat& format, PlannedTensor* planned,
                      Linear* out);

  /** Multiplies what the matrix gives by the scale of its own tensor, if it has one. */
  Status apply_scale(const TensorSpec& tensor, Linear* w);

  /**
   * Keeps a matrix of a type with f16 scales of blocks, and codes up to 3, in the same numbers as
   * Q4_0, which dense products and tables can use.
   */
  Status load_as_q4_0(const TensorSpec& tensor, const TernaryFormat& format, Linear* out);

  /** What receives decoded rows: codes [count, cols], on any thread. */
  using UseRows =
      std::function<void(size_t row, size_t count, const uint8_t* codes, size_t thread)>;

  /**
   * Reads and decodes all rows of a matrix, `tile_rows` or a multiple at a time. Codes have room for whole
   * tiles and hold 1, the zero weight, in rows behind the last. Writes `scales` where rows have
   * any. Codes of 3 are for `use` to take where `four_levels` and they are sound, that is where the
   * format has them; else the tensor is refused, with kType where they are sound.
   */
  Status decode_rows(const TensorSpec& tensor, const TernaryFormat& format, size_t tile_rows,
                     float* scales, const UseRows& use, bool four_levels = false);

  /** Packs the matrix without its scales, or with one for each group of the format's columns. */
  Status pack_tiles(const TensorSpec& tensor, const TernaryFormat& format,
                    const TernaryKernel& kernel, Linear* out, float* scales);
  Status pack_groups(const TensorSpec& tensor, const TernaryFormat& format,
                     const GroupKernel& kernel, Linear* out, float* scales);
  Status pack_neurons(const TensorSpec& tensor, const TernaryFormat& format, TensorLayout layout,
                      Linear* out, float* scales);
  Status describe_dense(const TensorSpec& tensor, DenseType type, Linear* out);
  Status load_dense(const TensorSpec& tensor, DenseType type, Linear* out);

  const ByteSource& file_;
  const ByteSource& scale_file_;
  const KernelSet& kernels_;
  ThreadPool& pool_;
  Arena& arena_;
  size_t first_row_ = 0; // of the tensor, where the matrix that is being loaded begins
};

/** The dense type called `type`; false when there is none. */
bool find_dense_type(const std::string& type, DenseType* out);

/** Bytes of `cols` stored values of `type`. */
size_t dense_row_bytes(DenseType type, size_t cols);

/** Bytes of a row of `cols` values in memory, padded to kFloatPad values and whole blocks. */
size_t held_row_bytes(DenseType type, size_t cols);

/** Whether values of the type are floats of their own, not of a block. */
bool is_float(DenseType type);

} // namespace bitnet
