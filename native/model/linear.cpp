// The epilogues that turn a kernel's exact integers into floats.
#include "linear.h"

#include <math.h>

#include <algorithm>

namespace bitnet {
namespace {

// A chunk is what one thread takes at a time: small enough to balance, large enough that taking it
// costs nothing (128 rows of 2560 ternary weights are 80 kB, some microseconds of reading). With
// many tokens their results should stay in the L2 cache beside what a kernel unpacks.
constexpr size_t kChunkRows = 128;
constexpr size_t kManyTokens = 64;
constexpr size_t kChunkRowsOfMany = 64;

// Packed tiles hold rows up to a multiple of tile_rows; the kernel computes those too, we keep the
// true ones.
struct TileRange {
  size_t begin;
  size_t end;
};

TileRange tiles(const Linear& w, size_t row_begin, size_t row_end) {
  return {row_begin, pad_to(row_end, w.ternary->tile_rows)};
}

// Where a kernel puts its integers: where the floats will be, if it writes nothing but their rows,
// else into the thread's scratch.
struct Sums {
  int32_t* acc;
  size_t stride;
};

bool find_room(size_t n, size_t rows, size_t written, float* out, size_t out_stride,
               ThreadScratch& scratch, Sums* sums) {
  if (rows == written && out_stride >= rows) {
    *sums = {reinterpret_cast<int32_t*>(out), out_stride};
    return true;
  }
  if (!scratch.acc.ensure(n * written * sizeof(int32_t)))
    return false;
  *sums = {scratch.acc.as<int32_t>(), written};
  return true;
}

// Scales the integers of all tokens.
void scale_batch(const Linear& w, const VectorKernel& vector, const Activations& a,
                 const Sums& sums, size_t row_begin, size_t row_end, float* out,
                 size_t out_stride) {
  for (size_t i = 0; i < a.n; ++i)
    scale_sums(w, vector, sums.acc + i * sums.stride, a.q_step[i], row_begin, row_end - row_begin,
               out + i * out_stride);
}

bool ternary_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                  size_t row_begin, size_t row_end, float* out, size_t out_stride,
                  ThreadScratch& scratch) {
  const TileRange range = tiles(w, row_begin, row_end);
  Sums sums;
  if (!find_room(a.n, row_end - row_begin, range.end - range.begin, out, out_stride, scratch,
                 &sums) ||
      !scratch.kernel.ensure(w.ternary->scratch_bytes(w.padded_cols)))
    return false;
  w.ternary->product({w.data.data(), w.padded_cols, a.q, a.q_stride, a.q_sum, a.n, sums.acc,
                      sums.stride, scratch.kernel.data()},
                     range.begin, range.end);
  scale_batch(w, vector, a, sums, row_begin, row_end, out, out_stride);
  return true;
}

bool unit_rows(const Linear& w, const VectorKernel& vector, const Activations& a, size_t row_begin,
               size_t row_end, float* out, size_t out_stride, ThreadScratch& scratch) {
  const bool by_row = w.kind == Linear::Kind::kRowUnits;
  const size_t width = by_row ? w.cols : w.rows;
  const size_t end = by_row ? row_end : pad_to(row_end, w.units->column_step(a.n));
  Sums sums;
  if (!find_room(a.n, row_end - row_begin, pad_to(end - row_begin, kFloatPad), out, out_stride,
                 scratch, &sums) ||
      !scratch.kernel.ensure(w.units->scratch_bytes(width)))
    return false;
  const auto product = by_row ? w.units->rows : w.units->columns;
  product({w.data.data(), w.unit_bytes, width, by_row ? w.rows : w.cols, a.q, a.q_stride, a.q_sum,
           a.n, sums.acc, sums.stride, scratch.kernel.data()},
          row_begin, end);
  scale_batch(w, vector, a, sums, row_begin, row_end, out, out_stride);
  return true;
}

void dense_rows(const Linear& w, const Activations& a, size_t row_begin, size_t row_end, float* out,
                size_t out_stride) {
  w.dense->product[w.type]({w.data.data(), w.row_bytes, pad_to(w.cols, kFloatPad), a.x, a.x_stride,
                            a.n, out, out_stride},
                           row_begin, row_end);
  if (w.scale == 1.0f)
    return;
  for (size_t i = 0; i < a.n; ++i)
    for (size_t r = 0; r < row_end - row_begin; ++r)
      out[i * out_stride + r] *= w.scale;
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

bool product_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                  size_t row_begin, size_t row_end, float* out, size_t out_stride,
                  ThreadScratch& scratch) {
  switch (w.kind) {
  case Linear::Kind::kTernary:
    return ternary_rows(w, vector, a, row_begin, row_end, out, out_stride, scratch);
  case Linear::Kind::kRowUnits:
  case Linear::Kind::kColumnUnits:
    return unit_rows(w, vector, a, row_begin, row_end, out, out_stride, scratch);
  case Linear::Kind::kTernaryBlocks:
    return ternary_block_rows(w, a, row_begin, row_end, out, out_stride, scratch);
  case Linear::Kind::kDense:
    dense_rows(w, a, row_begin, row_end, out, out_stride);
    return true;
  }
  return false;
}

} // namespace

size_t Linear::tile_rows(size_t n) const {
  switch (kind) {
  case Kind::kDense:
    return 1;
  case Kind::kRowUnits:
    return kFloatPad; // any row would do; whole vectors of results are stored faster
  case Kind::kColumnUnits:
    return units->column_step(n);
  default:
    return ternary->tile_rows;
  }
}

size_t Linear::chunk_rows(size_t threads, size_t n) const {
  const size_t fair = rows / (threads * 4) + 1;
  const size_t most = n < kManyTokens ? kChunkRows : kChunkRowsOfMany;
  return pad_to(std::min(most, fair), tile_rows(n));
}

void scale_sums(const Linear& w, const VectorKernel& vector, const int32_t* acc, float q_step,
                size_t row, size_t count, float* out) {
  if (w.row_scale.empty())
    vector.scale_all(acc, w.scale * q_step, count, out);
  else
    vector.scale_rows(acc, w.row_scale.data() + row, q_step, count, out);
}

bool linear_some_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                      const int32_t* ids, size_t count, float* out, ThreadScratch& scratch) {
  if (!scratch.acc.ensure(count * sizeof(int32_t)))
    return false;
  int32_t* acc = scratch.acc.as<int32_t>();
  w.units->dot(w.data.data(), w.cols, ids, count, a.q, a.q_sum[0], acc);
  if (w.row_scale.empty())
    vector.scale_all(acc, w.scale * a.q_step[0], count, out);
  else
    for (size_t i = 0; i < count; ++i)
      out[i] =
          static_cast<float>(acc[i]) * (w.row_scale[static_cast<size_t>(ids[i])] * a.q_step[0]);
  for (size_t i = 0; i < count && !w.bias.empty(); ++i)
    out[i] += w.bias[static_cast<size_t>(ids[i])];
  return true;
}

void add_bias(const Linear& w, size_t row, size_t count, float* out) {
  if (w.bias.empty())
    return;
  for (size_t r = 0; r < count; ++r)
    out[r] += w.bias[row + r];
}

bool linear_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                 size_t row_begin, size_t row_end, float* out, size_t out_stride,
                 ThreadScratch& scratch) {
  if (!product_rows(w, vector, a, row_begin, row_end, out, out_stride, scratch))
    return false;
  for (size_t i = 0; i < a.n; ++i)
    add_bias(w, row_begin, row_end - row_begin, out + i * out_stride);
  return true;
}

} // namespace bitnet
