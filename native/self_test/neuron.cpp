// Products of neurons beside plain sums of integers: rows and columns, some of them and all.
#include <algorithm>
#include <vector>

#include "array.h"
#include "self_test.h"

namespace bitnet {
namespace {

constexpr size_t kWidth = 2 * kNeuronPad; // whole blocks
constexpr size_t kNeurons = 64;
constexpr size_t kTokens = 3;

// [kNeurons, kWidth] codes, and [kTokens, stride] activations of which about a third is zero.
struct Values {
  size_t count, stride;
  Array<uint8_t> codes{kNeurons * kWidth};
  Array<int8_t> q;
  Array<int32_t> q_sum{kTokens};

  Values(size_t inputs, bool extreme)
      : count(inputs), stride((inputs + 63) / 64 * 64), q(kTokens * stride) {
    std::mt19937 random(static_cast<uint32_t>(inputs));
    for (size_t i = 0; i < codes.size(); ++i)
      codes[i] = static_cast<uint8_t>(extreme ? 2 : number(random, 0, 2));
    for (size_t i = 0; i < kTokens; ++i)
      for (size_t k = 0; k < count; ++k) {
        const int value = extreme ? 127 : std::max(number(random, -127, 127), -42) + 42;
        q_sum[i] += q[i * stride + k] = static_cast<int8_t>(std::min(value, 127));
      }
  }
  int32_t row(size_t token, size_t neuron) {
    int32_t sum = 0;
    for (size_t k = 0; k < kWidth; ++k)
      sum += (codes[neuron * kWidth + k] - 1) * q[token * stride + k];
    return sum;
  }
  int32_t column(size_t token, size_t row) {
    int32_t sum = 0;
    for (size_t neuron = 0; neuron < kNeurons; ++neuron)
      sum += (codes[neuron * kWidth + row] - 1) * q[token * stride + neuron];
    return sum;
  }
};

std::string check_rows(const NeuronKernel& kernel, bool extreme) {
  Values v(kWidth, extreme);
  const size_t bytes = kernel.neuron_bytes(kWidth);
  Array<uint8_t> packed(kNeurons * bytes);
  for (size_t neuron = 0; neuron < kNeurons; ++neuron)
    kernel.pack_up(v.codes.data() + neuron * kWidth, kWidth, packed.data() + neuron * bytes);
  const int32_t ids[] = {0, 1, 7, 30, static_cast<int32_t>(kNeurons - 1)};
  Array<int32_t> some(5);
  kernel.up_some(packed.data(), kWidth, ids, 5, v.q.data(), v.q_sum[0], some.data());
  for (size_t i = 0; i < 5; ++i)
    if (some[i] != v.row(0, static_cast<size_t>(ids[i])))
      return difference("dot", i, some[i], v.row(0, static_cast<size_t>(ids[i])));
  Array<int32_t> out(kTokens * kNeurons);
  Array<uint8_t> scratch(std::max<size_t>(1, kernel.scratch_bytes(kWidth)));
  kernel.up_all({.neurons = packed.data(),
                 .neuron_bytes = bytes,
                 .width = kWidth,
                 .count = kNeurons,
                 .q = v.q.data(),
                 .q_stride = v.stride,
                 .q_sum = v.q_sum.data(),
                 .n = kTokens,
                 .out = out.data(),
                 .out_stride = kNeurons,
                 .scratch = scratch.data()},
                0, kNeurons);
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i] != v.row(i / kNeurons, i % kNeurons))
      return difference("rows", i, out[i], v.row(i / kNeurons, i % kNeurons));
  return {};
}

std::string check_columns(const NeuronKernel& kernel, bool extreme) {
  Values v(kNeurons, extreme);
  const size_t bytes = kernel.neuron_bytes(kWidth);
  Array<uint8_t> packed(kNeurons * bytes), codes(kernel.block * kNeurons);
  for (size_t row = 0; row < kWidth; row += kernel.block) {
    for (size_t r = 0; r < kernel.block; ++r)
      for (size_t neuron = 0; neuron < kNeurons; ++neuron)
        codes[r * kNeurons + neuron] = v.codes[neuron * kWidth + row + r];
    kernel.pack_down(codes.data(), kNeurons, row, packed.data(), bytes);
  }
  Array<int32_t> ids(kNeurons + kActiveSlack), sums(kWidth);
  const size_t active = kernel.find_active(v.q.data(), kNeurons, ids.data());
  kernel.down_some(packed.data(), kWidth, ids.data(), active, v.q.data(), sums.data());
  for (size_t r = 0; r < kWidth; ++r)
    if (sums[r] - v.q_sum[0] != v.column(0, r))
      return difference("accumulate", r, sums[r] - v.q_sum[0], v.column(0, r));
  Array<int32_t> out(kTokens * kWidth);
  Array<uint8_t> scratch(std::max<size_t>(1, kernel.scratch_bytes(kWidth)));
  kernel.down_all({.neurons = packed.data(),
                   .neuron_bytes = bytes,
                   .width = kWidth,
                   .count = kNeurons,
                   .q = v.q.data(),
                   .q_stride = v.stride,
                   .q_sum = v.q_sum.data(),
                   .n = kTokens,
                   .out = out.data(),
                   .out_stride = kWidth,
                   .scratch = scratch.data()},
                  0, kWidth);
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i] != v.column(i / kWidth, i % kWidth))
      return difference("columns", i, out[i], v.column(i / kWidth, i % kWidth));
  return {};
}

} // namespace

std::string check_kernel(const NeuronKernel& kernel) {
  for (bool extreme : {false, true})
    for (const auto check : {check_rows, check_columns}) {
      const std::string wrong = check(kernel, extreme);
      if (!wrong.empty())
        return wrong;
    }
  return {};
}

} // namespace bitnet
