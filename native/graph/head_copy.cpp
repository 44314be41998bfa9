// Rounding rows and vectors for the prefilter, and bounding what the rounding can do.
//
//   w                            a row, f32
//   x                            the vector, f32
//   ŵ = scale * q                the copy of the row
//   x̂ = step * (128 high + low)  the vector as two int8 planes
//   error = |w - ŵ|, norm = |ŵ|  of every row
//   u = 2^-24
//
// The copy, by Cauchy-Schwarz:
//
//   |w·x - ŵ·x̂|  <=  |(w - ŵ)·x| + |ŵ·(x - x̂)|
//                <=  error |x| + norm |x - x̂|
//
// The exact product in f32 (Higham 2002, 3.1), whose lanes take cols / 16 fused steps, its tree 4:
//
//   |f32 dot - w·x|  <=  γ |w| |x|
//   |w|  <=  norm + error
//   γ    =  m u / (1 - m u)
//   m    =  cols / 16 + 4
//
// The approximation in f32: two conversions of int32, one fma, two products for scale and step, one
// sum with the bound. Each rounds terms of at most norm * |its plane|:
//
//   |approximation - ŵ·x̂|  <=  16 u norm (|step 128 high| + |step low|)
//
// Together, as error * error_factor + norm * norm_factor:
//
//   error_factor  =  |x| (1 + γ)
//   norm_factor   =  |x - x̂| + γ |x| + 16 u (|step 128 high| + |step low|)
//
// Norms are computed in double and both factors are enlarged by 1e-4, which covers their own
// rounding many times over.
#include "head_copy.h"

#include <math.h>

#include <algorithm>

namespace bitnet {
namespace {

constexpr double kUnit = 1.0 / (1 << 24);
constexpr double kSlack = 1.0001;

// Largest value of `high`: 127, so that step * 128 * 127 is the largest component.
constexpr double kHighest = 127.0 * 128.0;

float rounded_up(double value) {
  return static_cast<float>(value * kSlack);
}

// Rounds one decoded row to int8; returns its scale, error and norm. A head has 10^8 weights: loops
// are short and simple, so that compilers turn them into vectors.
struct RowCopy {
  float scale, error, norm;
};

constexpr size_t kLanes = 16;

/** Largest magnitude; infinite when a value is not finite. */
float largest(const float* w, size_t cols) {
  float top[kLanes] = {}, odd[kLanes] = {}; // odd: not 0 once a value is an infinity or a NaN
  for (size_t k = 0; k + kLanes <= cols; k += kLanes)
    for (size_t i = 0; i < kLanes; ++i) {
      const float size = fabsf(w[k + i]);
      top[i] = size > top[i] ? size : top[i];
      odd[i] += size - size;
    }
  for (size_t k = cols / kLanes * kLanes; k < cols; ++k) {
    top[0] = std::max(top[0], fabsf(w[k]));
    odd[0] += w[k] - w[k];
  }
  float all = 0;
  for (size_t i = 0; i < kLanes; ++i)
    all = odd[i] == 0.0f ? std::max(all, top[i]) : INFINITY;
  return all;
}

/** Half to even for |x| < 2^22: the sum has no bits behind the point. */
inline float rounded(float x) {
  const float shift = 12582912.0f; // 1.5 * 2^23
  return (x + shift) - shift;
}

float sum_of_squares(const float* x, size_t count /* a multiple of kLanes */) {
  float lane[kLanes] = {};
  for (size_t k = 0; k < count; k += kLanes)
    for (size_t i = 0; i < kLanes; ++i)
      lane[i] += x[k + i] * x[k + i];
  float sum = 0;
  for (const float part : lane)
    sum += part;
  return sum;
}

RowCopy copy_row(const float* w, size_t cols, int8_t* q) {
  const float top = largest(w, cols);
  const float scale = top / 127.0f;
  const float inverse = 127.0f / top;
  if (!(scale > 0.0f && std::isfinite(inverse))) { // zero, not finite, or too small to be divided
    std::fill(q, q + cols, int8_t{0});
    return {.scale = 0.0f, .error = top == 0.0f ? 0.0f : INFINITY, .norm = 0.0f};
  }
  // Sums run in floats over kPiece values, whose roundings kSlack covers, and on in doubles.
  constexpr size_t kPiece = 256;
  float value[kPiece], code[kPiece], rest[kPiece];
  double error = 0, norm = 0;
  for (size_t k = 0; k < cols; k += kPiece) {
    const size_t count = std::min(kPiece, cols - k);
    std::copy(w + k, w + k + count, value);
    std::fill(value + count, value + kPiece, 0.0f);
    for (size_t i = 0; i < kPiece; ++i)
      code[i] = std::min(127.0f, std::max(-127.0f, rounded(value[i] * inverse)));
    for (size_t i = 0; i < count; ++i)
      q[k + i] = static_cast<int8_t>(static_cast<int32_t>(code[i]));
    for (size_t i = 0; i < kPiece; ++i)
      rest[i] = value[i] - scale * code[i];
    error += sum_of_squares(rest, kPiece);
    norm += sum_of_squares(code, kPiece);
  }
  // A rest is rounded by at most 2 u times what is subtracted.
  const double size = scale * sqrt(norm);
  return {.scale = scale,
          .error = rounded_up(sqrt(error) + 2 * kUnit * size),
          .norm = rounded_up(size)};
}

} // namespace

uint64_t head_copy_bytes(const PrefilterKernel& kernel, size_t rows, size_t cols) {
  const uint64_t tiles = (rows + kernel.tile_rows - 1) / kernel.tile_rows;
  return tiles *
         (kernel.tile_bytes(pad_to(cols, kernel.tile_cols)) + 3 * kernel.tile_rows * sizeof(float));
}

Status build_head_copy(const RowTable& table, const PrefilterKernel& kernel, ThreadPool& pool,
                       HeadCopy* out) {
  const size_t cols = table.cols();
  const size_t tile_rows = kernel.tile_rows;
  const size_t tiles = (table.rows() + tile_rows - 1) / tile_rows;
  out->kernel = &kernel;
  out->padded_cols = pad_to(cols, kernel.tile_cols);
  const size_t tile_bytes = kernel.tile_bytes(out->padded_cols);
  if (!out->packed.allocate(tiles * tile_bytes, AlignedBuffer::Pages::kHuge))
    return Status::error(Code::kMemory, "Not enough memory for the int8 copy of the output head.");
  out->scale.resize(tiles * tile_rows);
  out->error.resize(tiles * tile_rows);
  out->norm.resize(tiles * tile_rows);

  struct Buffers {
    AlignedBuffer rows;        // as stored
    std::vector<float> values; // one row
    std::vector<int8_t> q;     // [tile_rows, padded_cols]
    Status status;
  };
  std::vector<Buffers> buffers(pool.threads());
  for (Buffers& b : buffers) {
    if (!b.rows.allocate(table.buffer_bytes(tile_rows)))
      return Status::error(Code::kMemory, "Not enough memory to read rows of the head.");
    b.values.resize(cols);
    b.q.resize(tile_rows * out->padded_cols);
  }
  const DenseRows& dense = table.stored();
  pool.parallel(tiles, [&](size_t tile, size_t thread) {
    Buffers& b = buffers[thread];
    if (!b.status.ok())
      return;
    std::fill(b.q.begin(), b.q.end(), int8_t{0});
    const size_t row = tile * tile_rows;
    const size_t count = std::min(tile_rows, table.rows() - row);
    const uint8_t* stored = nullptr;
    b.status = table.fetch(row, count, b.rows.data(), &stored);
    if (!b.status.ok())
      return;
    for (size_t r = 0; r < count; ++r) {
      dense.kernel->decode[dense.type](stored + r * dense.row_bytes, cols, b.values.data());
      const RowCopy head_copy = copy_row(b.values.data(), cols, b.q.data() + r * out->padded_cols);
      out->scale[row + r] = head_copy.scale;
      out->error[row + r] = head_copy.error;
      out->norm[row + r] = head_copy.norm;
    }
    kernel.pack_tile(b.q.data(), out->padded_cols, out->packed.data() + tile * tile_bytes);
  });
  for (Buffers& b : buffers)
    if (!b.status.ok())
      return b.status;
  return {};
}

bool prefilter_vector(const float* x, size_t cols, size_t padded_cols, int8_t* high_plane,
                      int8_t* low_plane, PrefilterVector* out) {
  float top = 0;
  bool finite = true;
  for (size_t k = 0; k < cols; ++k) {
    finite &= std::isfinite(x[k]);
    top = std::max(top, fabsf(x[k]));
  }
  if (!finite)
    return false;
  const double step = std::max(static_cast<double>(top), 1e-30) / kHighest;
  out->step = static_cast<float>(step);
  std::fill(high_plane, high_plane + padded_cols, int8_t{0});
  std::fill(low_plane, low_plane + padded_cols, int8_t{0});
  out->high_sum = out->low_sum = 0;
  double x2 = 0, rest2 = 0, high2 = 0, low2 = 0;
  for (size_t k = 0; k < cols; ++k) {
    const double scaled =
        std::min(kHighest, std::max(-kHighest, rint(x[k] / static_cast<double>(out->step))));
    const int32_t code = static_cast<int32_t>(scaled);
    const int32_t high =
        (code + 64 + 128 * 128) / 128 - 128; // floor((code + 64) / 128), so low is in [-64, 63]
    const int32_t low = code - 128 * high;
    high_plane[k] = static_cast<int8_t>(high);
    low_plane[k] = static_cast<int8_t>(low);
    out->high_sum += high;
    out->low_sum += low;
    const double rest = x[k] - static_cast<double>(out->step) * code;
    x2 += static_cast<double>(x[k]) * x[k];
    rest2 += rest * rest;
    high2 += 128.0 * 128.0 * high * high;
    low2 += static_cast<double>(low) * low;
  }
  const double m = static_cast<double>(pad_to(cols, kFloatPad) / kFloatPad + 4);
  const double gamma = m * kUnit / (1 - m * kUnit);
  const double planes = out->step * (sqrt(high2) + sqrt(low2));
  out->error_factor = rounded_up(sqrt(x2) * (1 + gamma));
  out->norm_factor = rounded_up(sqrt(rest2) + gamma * sqrt(x2) + 16 * kUnit * planes);
  return true;
}

} // namespace bitnet
