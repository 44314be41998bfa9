// Contract of the neuron kernels: the ternary product where whole neurons of a feed-forward network
// can be skipped.
//
// A neuron is a row of `up` and a column of `down`. While it is inactive its row is not
// needed, and where its int8 activation is zero its column adds nothing; so both matrices are kept
// one neuron after the other, `width` trits (the residual width) of one neuron together. What is
// skipped is exactly zero: the integers are those of TernaryKernel::product.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {

// Sums of 256 c q over a neuron's width must fit int32: 256 * 2 * 127 * 2^15 is below 2^31.
constexpr size_t kMaxNeuronWidth = size_t{1} << 15;

// q of a row product is zero padded to this: a multiple of every neuron kernel's block.
constexpr size_t kNeuronPad = 640;

// find_active may write this many ids more than it finds.
constexpr size_t kActiveSlack = 16;

/** A batch: all neurons of a matrix with `n` >= 1 tokens. Pointers are 64-byte aligned. */
struct NeuronProduct {
  const uint8_t* neurons; // [neurons, neuron_bytes(width)]
  size_t neuron_bytes;
  size_t width;
  size_t count;         // neurons in the matrix
  const int8_t* q;      // [n, q_stride] in [-127, 127]; zeros up to q_stride
  size_t q_stride;      // >= width padded to kNeuronPad (rows), >= count padded to 64 (columns)
  const int32_t* q_sum; // [n]
  size_t n;
  int32_t* out; // [n, out_stride], from row_begin on
  size_t out_stride;
  uint8_t* scratch; // scratch_bytes(width) bytes of this thread's own
};

/** Layout, packers and products of neurons together; the only external symbol of a kernel file. */
struct NeuronKernel {
  const char* family;
  const char* isa;
  uint32_t features;
  size_t block; // trits of a neuron that are packed together; neuron_bytes() holds whole ones
  // The smallest skipped share (inactive neurons and zero activations averaged) at which one token
  // is faster than with the tiles of the ternary kernel of the same name.
  double break_even;
  size_t (*neuron_bytes)(size_t width);
  size_t (*scratch_bytes)(size_t width);

  /** Rows of up. codes: [width padded to block], 1 in the padding. */
  void (*pack_up)(const uint8_t* codes, size_t width, uint8_t* neuron);
  /** out[i] = Σ_k t[ids[i]][k] q[k], for `count` neurons in increasing order. */
  void (*up_some)(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count,
                  const int8_t* q, int32_t q_sum, int32_t* out);
  /** Rows [begin, end) of the batch: out[i][r] = Σ_k t[r][k] q[i][k]. */
  void (*up_all)(const NeuronProduct& p, size_t begin, size_t end);

  /**
   * Columns of down. codes: [block, count] of rows [row, row + block), 1 in the padding; `row` is a
   * multiple of block. Fills the part of every neuron that holds these rows.
   */
  void (*pack_down)(const uint8_t* codes, size_t count, size_t row, uint8_t* neurons,
                    size_t neuron_bytes);
  /**
   * Indices of the values that are not zero, in increasing order; returns how many.
   * ids: [count + kActiveSlack].
   */
  size_t (*find_active)(const int8_t* q, size_t count, int32_t* ids);
  /** acc[r] += Σ_i c[ids[i]][r] q[ids[i]] (codes, not trits); acc: [width padded to block]. */
  void (*down_some)(const uint8_t* neurons, size_t width, const int32_t* ids, size_t count,
                    const int8_t* q, int32_t* acc);
  /** down_all() of `n` tokens takes ranges that begin and end at multiples of this. */
  size_t (*down_step)(size_t n);
  /** Rows [begin, end) of the batch: out[i][r] = Σ_j t[r][j] q[i][j] over all neurons. */
  void (*down_all)(const NeuronProduct& p, size_t begin, size_t end);
};

} // namespace bitnet
