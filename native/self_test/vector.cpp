// Vector operations beside those of the scalar kernel, to the bit.
#include <vector>

#include "array.h"
#include "self_test.h"

namespace bitnet {
namespace {

constexpr size_t kCount = 333; // no multiple of any vector's width
constexpr size_t kPadded = 384;
constexpr size_t kHeadDim = 64;
constexpr size_t kPositions = 51;
constexpr size_t kSplit = 19; // of them lie apart from the others
constexpr size_t kQueries = 3;

// What every operation wrote, one after the other, as bytes.
class Results {
public:
  template <class T> void add(Array<T>& values) {
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(values.data());
    bytes_.insert(bytes_.end(), bytes, bytes + values.size() * sizeof(T));
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

private:
  std::vector<uint8_t> bytes_;
};

Array<float> reals(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Array<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = real(random);
  return values;
}

Results elementwise(const VectorKernel& kernel) {
  Results results;
  Array<float> x = reals(kCount, 1), w = reals(kCount, 2), y(kCount);
  kernel.rms_norm(x.data(), w.data(), kCount, 1e-5f, y.data());
  results.add(y);
  Array<int8_t> q(kPadded);
  Array<int32_t> sums(kCount);
  kernel.quantize(x.data(), kCount, q.data(), kPadded, sums.data(), y.data());
  results.add(q);
  results.add(sums);
  std::mt19937 random(3);
  for (size_t i = 0; i < kCount; ++i)
    sums[i] = static_cast<int32_t>(random()) >> 4;
  kernel.scale_rows(sums.data(), w.data(), 0.37f, kCount, y.data());
  results.add(y);
  kernel.scale_all(sums.data(), 0.37f, kCount, y.data());
  results.add(y);
  kernel.relu2_mul(x.data(), w.data(), kCount, y.data());
  results.add(y);
  kernel.silu_mul(x.data(), w.data(), kCount, y.data());
  results.add(y);
  kernel.gelu_tanh_mul(x.data(), w.data(), kCount, y.data());
  results.add(y);
  y = reals(kPadded, 7);
  kernel.hadamard(y.data(), kPadded, kPadded / 3);
  results.add(y);
  Array<uint16_t> halves(kCount);
  kernel.to_f16(x.data(), kCount, halves.data());
  results.add(halves);
  return results;
}

Results recurrent(const VectorKernel& kernel) {
  constexpr size_t kDim = 40, kStride = 48, kTokens = 3, kTaps = 4;
  Results results;
  Array<float> a = reals(kCount, 7), b = reals(kCount, 8), y(kCount);
  kernel.l2_norm(a.data(), kCount, 1e-5f, y.data());
  results.add(y);
  kernel.sigmoid(a.data(), kCount, y.data());
  results.add(y);
  kernel.softplus_of_sum(a.data(), b.data(), kCount, y.data());
  results.add(y);
  kernel.exp_of_product(a.data(), b.data(), kCount, y.data());
  results.add(y);
  const float* x[kTaps];
  for (size_t j = 0; j < kTaps; ++j)
    x[j] = a.data() + 70 * j;
  kernel.convolve_silu(
      {.x = x, .w = b.data(), .taps = kTaps, .w_stride = 77, .count = 69, .y = y.data()});
  results.add(y);
  kernel.convolve_silu({.x = x,
                        .w = b.data(),
                        .taps = kTaps,
                        .w_stride = 77,
                        .count = 69,
                        .y = y.data(),
                        .bias = a.data() + 11});
  results.add(y);
  Array<float> state = reals(kStride * kStride, 9), qkv = reals(3 * kTokens * kDim, 10);
  Array<float> decay = reals(kTokens, 11), beta = reals(kTokens, 12), o(kTokens * kDim);
  for (size_t i = 0; i < kStride * kStride; ++i)
    if (i % kStride >= kDim || i / kStride >= kDim)
      state[i] = 0.0f;
  kernel.delta_rule({.from = state.data(),
                     .to = state.data(),
                     .rows = kDim,
                     .cols = kDim,
                     .stride = kStride,
                     .n = kTokens,
                     .q = qkv.data(),
                     .k = qkv.data() + kDim,
                     .v = qkv.data() + 2 * kDim,
                     .qkv_stride = 3 * kDim,
                     .decay = decay.data(),
                     .beta = beta.data(),
                     .gate_stride = 1,
                     .scale = 0.5f,
                     .o = o.data(),
                     .o_stride = kDim});
  const auto add_state = [&] {
    for (size_t r = 0; r < kDim; ++r) { // padding may hold zeros of either sign
      Array<float> row(kDim);
      for (size_t c = 0; c < kDim; ++c)
        row[c] = state[r * kStride + c];
      results.add(row);
    }
  };
  add_state();
  results.add(o);
  kernel.state_space({.from = state.data(),
                      .to = state.data(),
                      .rows = kDim,
                      .cols = kDim,
                      .stride = kStride,
                      .n = kTokens,
                      .x = qkv.data(),
                      .b = qkv.data() + kDim,
                      .c = qkv.data() + 2 * kDim,
                      .xbc_stride = 3 * kDim,
                      .decay = decay.data(),
                      .delta = beta.data(),
                      .gate_stride = 1,
                      .skip = 0.5f,
                      .y = o.data(),
                      .y_stride = kDim});
  add_state();
  results.add(o);
  return results;
}

Results expansions(const VectorKernel& kernel) {
  constexpr size_t kRank = 21, kTiles = 4;
  Results results;
  Array<float> b = reals(kTiles * kRank * kExpandRows, 13), t = reals(kRank, 14);
  Array<uint16_t> halves(b.size());
  kernel.to_f16(b.data(), b.size(), halves.data());
  Array<float> y = reals(kTiles * kExpandRows, 15);
  Expansion expansion = {.b = reinterpret_cast<const uint8_t*>(b.data()),
                         .rank = kRank,
                         .t = t.data(),
                         .row = 5,
                         .count = 50,
                         .y = y.data()};
  kernel.expand.f32(expansion);
  expansion.b = reinterpret_cast<const uint8_t*>(halves.data());
  expansion.row = 16;
  expansion.count = 40;
  kernel.expand.f16(expansion);
  results.add(y);
  return results;
}

Results attention(const VectorKernel& kernel, KvType type) {
  Results results;
  const size_t row_bytes = kHeadDim * sizeof(uint16_t); // enough for either type
  Array<float> keys = reals(kPositions * kHeadDim, 4), values = reals(kPositions * kHeadDim, 5);
  Array<uint8_t> k(kPositions * row_bytes), v(kPositions * row_bytes);
  for (size_t j = 0; j < kPositions; ++j)
    for (auto [from, to] : {std::pair{&keys, &k}, std::pair{&values, &v}}) {
      const float* x = from->data() + j * kHeadDim;
      uint8_t* row = to->data() + j * row_bytes;
      if (type == kKvF16)
        kernel.to_f16(x, kHeadDim, reinterpret_cast<uint16_t*>(row));
      else
        kernel.to_q8_0(x, kHeadDim, row);
    }
  results.add(k);
  Array<float> q = reals(kQueries * kHeadDim, 6), m(kQueries), l(kQueries);
  Array<float> o(kQueries * kHeadDim);
  kernel.attention_block[type]({.q = q.data(),
                                .rows = kQueries,
                                .head_dim = kHeadDim,
                                .k = k.data(),
                                .v = v.data(),
                                .row_bytes = row_bytes,
                                .positions = kPositions,
                                .split = kSplit,
                                .k_rest = k.data() + kSplit * row_bytes,
                                .v_rest = v.data() + kSplit * row_bytes,
                                .scale = 0.125f,
                                .m = m.data(),
                                .l = l.data(),
                                .o = o.data()});
  kernel.attention_combine(&m[0], &l[0], o.data(), m[1], l[1], o.data() + kHeadDim, kHeadDim);
  results.add(m);
  results.add(l);
  results.add(o);
  return results;
}

} // namespace

std::string check_kernel(const VectorKernel& kernel, const VectorKernel& scalar) {
  if (elementwise(kernel).bytes() != elementwise(scalar).bytes())
    return "norms, activations or roundings differ from those of the scalar kernel";
  if (recurrent(kernel).bytes() != recurrent(scalar).bytes())
    return "recurrent layers differ from those of the scalar kernel";
  if (expansions(kernel).bytes() != expansions(scalar).bytes())
    return "products with low-rank matrices differ from those of the scalar kernel";
  for (uint32_t type = 0; type < kKvTypes; ++type)
    if (attention(kernel, static_cast<KvType>(type)).bytes() !=
        attention(scalar, static_cast<KvType>(type)).bytes())
      return "attention differs from that of the scalar kernel";
  return {};
}

} // namespace bitnet
