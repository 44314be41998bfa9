// The epilogues that turn a kernel's exact integers into floats.
#include "linear.h"

#include <math.h>

namespace bitnet {
namespace {

// Packed tiles hold rows up to a multiple of tile_rows; the kernel computes those too, we keep the
// true ones.
struct TileRange {
  size_t begin;
  size_t end;
};

TileRange tiles(const Linear& w, size_t row_begin, size_t row_end) {
  return {row_begin, pad_to(row_end, w.ternary->tile_rows)};
}

bool ternary_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                  size_t row_begin, size_t row_end, float* out, size_t out_stride,
                  ThreadScratch& scratch) {
  const TileRange range = tiles(w, row_begin, row_end);
  const size_t acc_stride = range.end - range.begin;
  if (!scratch.acc.ensure(a.n * acc_stride * sizeof(int32_t)) ||
      !scratch.kernel.ensure(w.ternary->scratch_bytes(w.padded_cols)))
    return false;
  int32_t* acc = scratch.acc.as<int32_t>();
  w.ternary->product({w.data.data(), w.padded_cols, a.q, a.q_stride, a.q_sum, a.n, acc, acc_stride,
                      scratch.kernel.data()},
                     range.begin, range.end);
  for (size_t i = 0; i < a.n; ++i) {
    if (w.row_scale.empty())
      vector.scale_all(acc + i * acc_stride, w.scale * a.q_step[i], row_end - row_begin,
                       out + i * out_stride);
    else
      vector.scale_rows(acc + i * acc_stride, w.row_scale.data() + row_begin, a.q_step[i],
                        row_end - row_begin, out + i * out_stride);
  }
  return true;
}

bool ternary_block_rows(const Linear& w, const Activations& a, size_t row_begin, size_t row_end,
                        float* out, size_t out_stride, ThreadScratch& scratch) {
  const TileRange range = tiles(w, row_begin, row_end);
  const size_t acc_stride = range.end - range.begin;
  if (!scratch.acc.ensure((a.n * acc_stride + a.n) * sizeof(int32_t)) ||
      !scratch.kernel.ensure(w.ternary->scratch_bytes(w.padded_cols)))
    return false;
  int32_t* acc = scratch.acc.as<int32_t>();
  int32_t* q_sum = acc + a.n * acc_stride; // [n], of this block only
  const size_t count = row_end - row_begin;
  for (size_t i = 0; i < a.n; ++i)
    for (size_t r = 0; r < count; ++r)
      out[i * out_stride + r] = 0.0f;
  for (size_t b = 0; b < w.cols / w.block_cols; ++b) {
    const int8_t* q = a.q + b * w.block_cols;
    for (size_t i = 0; i < a.n; ++i) {
      q_sum[i] = 0;
      for (size_t k = 0; k < w.block_cols; ++k)
        q_sum[i] += q[i * a.q_stride + k];
    }
    w.ternary->product({w.data.data() + b * w.block_bytes, w.padded_cols, q, a.q_stride, q_sum, a.n,
                        acc, acc_stride, scratch.kernel.data()},
                       range.begin, range.end);
    const float* scale = w.row_scale.data() + b * w.rows + row_begin;
    for (size_t i = 0; i < a.n; ++i)
      for (size_t r = 0; r < count; ++r)
        out[i * out_stride + r] =
            fmaf(static_cast<float>(acc[i * acc_stride + r]), scale[r], out[i * out_stride + r]);
  }
  for (size_t i = 0; i < a.n; ++i)
    for (size_t r = 0; r < count; ++r)
      out[i * out_stride + r] *= a.q_step[i];
  return true;
}

} // namespace

bool linear_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                 size_t row_begin, size_t row_end, float* out, size_t out_stride,
                 ThreadScratch& scratch) {
  switch (w.kind) {
  case Linear::Kind::kTernary:
    return ternary_rows(w, vector, a, row_begin, row_end, out, out_stride, scratch);
  case Linear::Kind::kTernaryBlocks:
    return ternary_block_rows(w, a, row_begin, row_end, out, out_stride, scratch);
  case Linear::Kind::kDense:
    w.dense->product[w.type]({w.data.data(), w.row_bytes, pad_to(w.cols, kFloatPad), a.x,
                              a.x_stride, a.n, out, out_stride},
                             row_begin, row_end);
    return true;
  }
  return false;
}

} // namespace bitnet
