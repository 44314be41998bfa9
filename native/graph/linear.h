// One linear layer in kernel layout, and the product of some of its rows with a batch of
// activations.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <variant>
#include <vector>

#include "../common/aligned_buffer.h"
#include "../kernels/kernels.h"
#include "mat.h"
#include "rotation.h"

namespace bitnet {

constexpr size_t kFloatPad = 16;        // the 16 virtual lanes
constexpr size_t kInt8Pad = kNeuronPad; // whole cache lines, and what row neurons are padded to

/** A batch of vectors entering a linear layer, as floats and, for ternary weights, as int8. */
struct Activations {
  ConstMat x;            // [n, cols], zero padded to kFloatPad; null when no consumer reads floats
  MatOf<const int8_t> q; // [n, cols], zero padded to kInt8Pad; null when no consumer is ternary
  const int32_t* q_sum;  // [n]
  MatOf<const int32_t> q_sums; // [n, cols / kGroupSumCols]; null when no consumer has group scales
  const float* q_step;         // [n] value of one int8 step: max(max|x|, 1e-5) / 127

  size_t n() const { return x.rows; }
  size_t cols() const { return x.cols; }
};

/** Tiles of the whole matrix. */
struct TernaryTiles {
  const TernaryKernel* kernel = nullptr;
  size_t padded_cols = 0;
};

/** Tiles of the whole matrix, which hold a scale for every `group` columns of a row. */
struct TernaryGroups {
  const GroupKernel* kernel = nullptr;
  size_t group = 0;
  float factor = 1; // of every scale
};

/** `up`: one neuron's row after the other. */
struct NeuronRows {
  const NeuronKernel* kernel = nullptr;
  size_t neuron_bytes = 0; // of a row
};

/** `down`: one neuron's column after the other. */
struct NeuronColumns {
  const NeuronKernel* kernel = nullptr;
  size_t neuron_bytes = 0; // of a column
};

/** Rows as stored, zero padded to kFloatPad columns. */
struct DenseRows {
  const DenseKernel* kernel = nullptr;
  DenseType type = kDenseF32;
  size_t row_bytes = 0;
};

/** Weights [rows, cols], immutable after load. */
struct Linear {
  using Layout = std::variant<DenseRows, TernaryTiles, TernaryGroups, NeuronRows, NeuronColumns>;
  /** The layouts' names, in the same order. */
  enum class Kind { kDense, kTernary, kTernaryGroups, kRowNeurons, kColumnNeurons };

  Layout layout;
  size_t rows = 0;
  size_t cols = 0;
  AlignedBuffer data;

  // Of ternary weights, but TernaryGroups: one for each row; `scale` where that is empty.
  // What a dense product gives is multiplied by `scale`.
  std::vector<float> row_scale; // [rows]
  float scale = 0;

  std::vector<float> norm_in; // [cols] RMSNorm of what enters this layer alone, or empty
  std::vector<float> bias;    // [rows] added to what leaves it, or empty

  const Rotation* rotation = nullptr; // of what enters it, and all layers beside it; null: none

  /** Its place among the layers that adapters can be beside (adapter.h). */
  size_t slot = kNoSlot;
  static constexpr size_t kNoSlot = SIZE_MAX;

  Kind kind() const { return static_cast<Kind>(layout.index()); }
  bool is_ternary() const { return kind() != Kind::kDense; }
  /** Row ranges given to linear_rows with `n` tokens begin at multiples of this. */
  size_t tile_rows(size_t n) const;
  /** Rows that one of `threads` threads takes at a time with `n` tokens: whole tile_rows(n). */
  size_t chunk_rows(size_t threads, size_t n) const;
};

/** What linear layers read of their input. */
struct ActivationTypes {
  bool floats = false;
  bool int8 = false;
  bool sums = false; // of groups of int8

  void cover(const Linear& layer) {
    (layer.is_ternary() ? int8 : floats) = true;
    sums |= layer.kind() == Linear::Kind::kTernaryGroups;
  }
};

/** Rows [begin, end) of a layer. */
struct RowRange {
  size_t begin;
  size_t end;

  size_t size() const { return end - begin; }
};

/** Sizes of a thread's working memory. */
struct ScratchBytes {
  size_t acc = 0;
  size_t kernel = 0;
  size_t values = 0;

  /** Makes room for `other` as well, at another time. */
  void cover(const ScratchBytes& other);
};

/** Working memory of one thread. */
struct ThreadScratch {
  AlignedBuffer acc;     // int32 [n, rows of a chunk]
  AlignedBuffer kernel;  // whatever the kernel asks for
  AlignedBuffer values;  // float: whatever the caller keeps between two products
  bool has_sums = false; // acc holds this thread's share of a sum over active neurons

  /** False when memory runs out. */
  bool ensure(const ScratchBytes& bytes);
  uint64_t bytes() const { return acc.size() + kernel.size() + values.size(); }
};

/** What linear_rows takes of `acc` and `kernel` for ranges of at most `rows` rows and `n` tokens. */
ScratchBytes linear_scratch(const Linear& w, size_t rows, size_t n);

/**
 * out[i][row - rows.begin] = W[row] · x[i] for rows of the range and all i:
 *
 *   ternary          float(Σ t q) * (scale * q_step)
 *   ternary, groups  (Σ_group float(Σ t q) * scale_group) * q_step      fma in group order from +0
 *   dense            the product, * scale where that is not 1
 *
 * The bias, if any, is added last. `scratch` has the room that linear_scratch says.
 */
void linear_rows(const Linear& w, const VectorKernel& vector, const Activations& a, RowRange rows,
                 Mat out, ThreadScratch& scratch);

/**
 * out[i] = W[ids[i]] · x for a batch of one token and weights in NeuronRows, the same as
 * linear_rows. `scratch.acc` has room for `count` sums.
 */
void linear_some_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                      const int32_t* ids, size_t count, float* out, ThreadScratch& scratch);

/** out[r] = the product without the bias, from the sums acc[r] of rows row + r of one token. */
void scale_sums(const Linear& w, const VectorKernel& vector, const int32_t* acc, float q_step,
                size_t row, size_t count, float* out);

/** out[r] += bias of row `row` + r, for `count` rows; nothing in a layer without. */
void add_bias(const Linear& w, size_t row, size_t count, float* out);

} // namespace bitnet
