// The epilogues that turn a kernel's exact integers into floats.
#include "linear.h"

#include <algorithm>

namespace bitnet {
namespace {

// A chunk is what one thread takes at a time: small enough to balance, large enough that taking it
// costs nothing (128 rows of 2560 ternary weights are 80 kB, some microseconds of reading). With
// many tokens their results should stay in the L2 cache beside what a kernel unpacks.
constexpr size_t kChunkRows = 128;
constexpr size_t kManyTokens = 64;
constexpr size_t kChunkRowsOfMany = 64;

// What linear_rows has been asked for.
struct Product {
  const Linear& w;
  const VectorKernel& vector;
  const Activations& a;
  RowRange rows;
  Mat out; // [n, rows]
  ThreadScratch& scratch;
};

// Each layout: the rows that one call of the kernel may begin at, what it takes of the thread's
// memory for ranges of at most `rows` rows, and the product. Packed tiles hold rows up to a multiple
// of their height; the kernel computes those too, we keep the true ones.

// Where a kernel puts its integers: where the floats will be, if it writes nothing but their rows,
// else into the thread's scratch.
MatOf<int32_t> sums_of(const Product& p, size_t written) {
  if (p.rows.size() == written && p.out.stride >= written)
    return {.data = reinterpret_cast<int32_t*>(p.out.data),
            .rows = p.a.n(),
            .cols = written,
            .stride = p.out.stride};
  return packed(p.scratch.acc.as<int32_t>(), p.a.n(), written);
}

void scale_batch(const Product& p, const MatOf<int32_t>& sums) {
  for (size_t i = 0; i < p.a.n(); ++i)
    scale_sums(p.w, p.vector, sums.row(i), p.a.q_step[i], p.rows.begin, p.rows.size(),
               p.out.row(i));
}

size_t tile_rows_of(const TernaryTiles& tiles, size_t) {
  return tiles.kernel->tile_rows;
}

ScratchBytes scratch_of(const TernaryTiles& tiles, const Linear&, size_t rows, size_t n) {
  return {.acc = n * pad_to(rows, tiles.kernel->tile_rows) * sizeof(int32_t),
          .kernel = tiles.kernel->scratch_bytes(tiles.padded_cols)};
}

void multiply(const TernaryTiles& tiles, const Product& p) {
  const size_t end = pad_to(p.rows.end, tiles.kernel->tile_rows);
  const MatOf<int32_t> sums = sums_of(p, end - p.rows.begin);
  tiles.kernel->product({.packed = p.w.data.data(),
                         .cols = tiles.padded_cols,
                         .q = p.a.q.data,
                         .q_stride = p.a.q.stride,
                         .q_sum = p.a.q_sum,
                         .n = p.a.n(),
                         .out = sums.data,
                         .out_stride = sums.stride,
                         .scratch = p.scratch.kernel.data()},
                        p.rows.begin, end);
  scale_batch(p, sums);
}

size_t tile_rows_of(const TernaryGroups& groups, size_t) {
  return groups.kernel->tile_rows;
}

ScratchBytes scratch_of(const TernaryGroups& groups, const Linear&, size_t rows, size_t n) {
  return {.acc = n * pad_to(rows, groups.kernel->tile_rows) * sizeof(float),
          .kernel = groups.kernel->scratch_bytes};
}

void multiply(const TernaryGroups& groups, const Product& p) {
  const size_t n = p.a.n(), end = pad_to(p.rows.end, groups.kernel->tile_rows);
  const size_t written = end - p.rows.begin;
  const bool direct = p.rows.size() == written && p.out.stride >= written;
  const Mat out = direct ? p.out : Mat{p.scratch.acc.as<float>(), n, written, written};
  groups.kernel->product({.packed = p.w.data.data(),
                          .cols = p.w.cols,
                          .group = groups.group,
                          .factor = groups.factor,
                          .q = p.a.q.data,
                          .q_stride = p.a.q.stride,
                          .q_sums = p.a.q_sums.data,
                          .sums_stride = p.a.q_sums.stride,
                          .step = p.a.q_step,
                          .n = n,
                          .out = out.data,
                          .out_stride = out.stride,
                          .scratch = p.scratch.kernel.data()},
                         p.rows.begin, end);
  for (size_t i = 0; i < n && !direct; ++i)
    std::copy_n(out.row(i), p.rows.size(), p.out.row(i));
}

// All neurons of a matrix with all tokens.
NeuronProduct neuron_product(const Product& p, size_t neuron_bytes, size_t width, size_t count,
                             const MatOf<int32_t>& sums) {
  return {.neurons = p.w.data.data(),
          .neuron_bytes = neuron_bytes,
          .width = width,
          .count = count,
          .q = p.a.q.data,
          .q_stride = p.a.q.stride,
          .q_sum = p.a.q_sum,
          .n = p.a.n(),
          .out = sums.data,
          .out_stride = sums.stride,
          .scratch = p.scratch.kernel.data()};
}

size_t tile_rows_of(const NeuronRows&, size_t) {
  return kFloatPad; // any row would do; whole vectors of results are stored faster
}

ScratchBytes scratch_of(const NeuronRows& neurons, const Linear& w, size_t rows, size_t n) {
  return {.acc = n * pad_to(rows, kFloatPad) * sizeof(int32_t),
          .kernel = neurons.kernel->scratch_bytes(w.cols)};
}

void multiply(const NeuronRows& neurons, const Product& p) {
  const MatOf<int32_t> sums = sums_of(p, pad_to(p.rows.size(), kFloatPad));
  neurons.kernel->up_all(neuron_product(p, neurons.neuron_bytes, p.w.cols, p.w.rows, sums),
                         p.rows.begin, p.rows.end);
  scale_batch(p, sums);
}

size_t tile_rows_of(const NeuronColumns& neurons, size_t n) {
  return neurons.kernel->down_step(n);
}

ScratchBytes scratch_of(const NeuronColumns& neurons, const Linear& w, size_t rows, size_t n) {
  const size_t computed = pad_to(rows, neurons.kernel->down_step(n));
  const size_t written = pad_to(computed, kFloatPad);
  return {.acc = n * written * sizeof(int32_t), .kernel = neurons.kernel->scratch_bytes(w.rows)};
}

void multiply(const NeuronColumns& neurons, const Product& p) {
  const size_t end = pad_to(p.rows.end, neurons.kernel->down_step(p.a.n()));
  const MatOf<int32_t> sums = sums_of(p, pad_to(end - p.rows.begin, kFloatPad));
  neurons.kernel->down_all(neuron_product(p, neurons.neuron_bytes, p.w.rows, p.w.cols, sums),
                           p.rows.begin, end);
  scale_batch(p, sums);
}

size_t tile_rows_of(const DenseRows&, size_t) {
  return 1;
}

ScratchBytes scratch_of(const DenseRows&, const Linear&, size_t, size_t) {
  return {};
}

void multiply(const DenseRows& dense, const Product& p) {
  dense.kernel->product[dense.type]({.rows = p.w.data.data(),
                                     .row_bytes = dense.row_bytes,
                                     .cols = pad_to(p.w.cols, kFloatPad),
                                     .x = p.a.x.data,
                                     .x_stride = p.a.x.stride,
                                     .n = p.a.n(),
                                     .out = p.out.data,
                                     .out_stride = p.out.stride},
                                    p.rows.begin, p.rows.end);
  if (p.w.scale == 1.0f)
    return;
  for (size_t i = 0; i < p.a.n(); ++i)
    for (size_t r = 0; r < p.rows.size(); ++r)
      p.out.row(i)[r] *= p.w.scale;
}

} // namespace

size_t Linear::tile_rows(size_t n) const {
  return std::visit([n](const auto& kept) { return tile_rows_of(kept, n); }, layout);
}

size_t Linear::chunk_rows(size_t threads, size_t n) const {
  const size_t fair = rows / (threads * 4) + 1;
  const size_t most = n < kManyTokens ? kChunkRows : kChunkRowsOfMany;
  return pad_to(std::min(most, fair), tile_rows(n));
}

void ScratchBytes::cover(const ScratchBytes& other) {
  acc = std::max(acc, other.acc);
  kernel = std::max(kernel, other.kernel);
  values = std::max(values, other.values);
}

bool ThreadScratch::ensure(const ScratchBytes& bytes) {
  return acc.ensure(bytes.acc) && kernel.ensure(bytes.kernel) && values.ensure(bytes.values);
}

ScratchBytes linear_scratch(const Linear& w, size_t rows, size_t n) {
  return std::visit([&](const auto& kept) { return scratch_of(kept, w, rows, n); }, w.layout);
}

void scale_sums(const Linear& w, const VectorKernel& vector, const int32_t* acc, float q_step,
                size_t row, size_t count, float* out) {
  if (w.row_scale.empty())
    vector.scale_all(acc, w.scale * q_step, count, out);
  else
    vector.scale_rows(acc, w.row_scale.data() + row, q_step, count, out);
}

void linear_some_rows(const Linear& w, const VectorKernel& vector, const Activations& a,
                      const int32_t* ids, size_t count, float* out, ThreadScratch& scratch) {
  int32_t* acc = scratch.acc.as<int32_t>();
  std::get<NeuronRows>(w.layout).kernel->up_some(w.data.data(), w.cols, ids, count, a.q.data,
                                                 a.q_sum[0], acc);
  if (w.row_scale.empty())
    vector.scale_all(acc, w.scale * a.q_step[0], count, out);
  else
    for (size_t i = 0; i < count; ++i)
      out[i] =
          static_cast<float>(acc[i]) * (w.row_scale[static_cast<size_t>(ids[i])] * a.q_step[0]);
  for (size_t i = 0; i < count && !w.bias.empty(); ++i)
    out[i] += w.bias[static_cast<size_t>(ids[i])];
}

void add_bias(const Linear& w, size_t row, size_t count, float* out) {
  if (w.bias.empty())
    return;
  for (size_t r = 0; r < count; ++r)
    out[r] += w.bias[row + r];
}

void linear_rows(const Linear& w, const VectorKernel& vector, const Activations& a, RowRange rows,
                 Mat out, ThreadScratch& scratch) {
  const Product product{w, vector, a, rows, out, scratch};
  std::visit([&](const auto& kept) { multiply(kept, product); }, w.layout);
  for (size_t i = 0; i < a.n(); ++i)
    add_bias(w, rows.begin, rows.size(), out.row(i));
}

} // namespace bitnet
