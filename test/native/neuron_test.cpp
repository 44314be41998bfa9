// Neuron kernels: every usable one gives exactly the integers of a naive sum, whatever is skipped.
#include <algorithm>
#include <string>
#include <vector>

#include "check.h"
#include "evex/evex.h"
#include "guarded.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

using namespace bitnet;
using check::Guarded;
using check::Random;

namespace {

std::vector<const NeuronKernel*> all_neuron_kernels() {
  const uint32_t features = detect_cpu_features();
  std::vector<const NeuronKernel*> kernels = usable_neuron_kernels(features);
  for (const NeuronKernel* kernel : evex_neuron_kernels(features))
    kernels.push_back(kernel);
  return kernels;
}

size_t padded(size_t value, size_t neuron) {
  return (value + neuron - 1) / neuron * neuron;
}

/** `neurons` neurons of `width` trits with `n` tokens of activations, random or all at the limit. */
struct Case {
  const NeuronKernel& kernel;
  size_t width, neurons, n;
  bool extreme;

  std::string name() const {
    return std::string(kernel.family) + "-" + kernel.isa + " width " + std::to_string(width) +
           " neurons " + std::to_string(neurons) + " n " + std::to_string(n) +
           (extreme ? " extreme" : "");
  }
};

struct Weights {
  std::vector<uint8_t> codes; // [neurons, width]

  explicit Weights(const Case& c) : codes(c.neurons * c.width) {
    Random random(c.width + c.neurons);
    for (uint8_t& code : codes)
      code = c.extreme ? 2 : static_cast<uint8_t>(random.below(3));
  }
};

/** [n, stride] values, zeros behind `count`; about a third are zero, or all are ±127. */
struct Inputs {
  size_t stride;
  Guarded<int8_t> q;
  Guarded<int32_t> q_sum;

  Inputs(const Case& c, size_t count, size_t pad)
      : stride(padded(padded(count, pad), 64)), q(c.n * stride), q_sum(c.n) {
    Random random(count);
    for (size_t i = 0; i < c.n; ++i) {
      q_sum[i] = 0;
      for (size_t k = 0; k < stride; ++k) {
        int value = static_cast<int>(random.below(255)) - 127;
        if (c.extreme)
          value = i % 2 ? -127 : 127;
        else if (random.below(3) == 0)
          value = 0;
        q[i * stride + k] = static_cast<int8_t>(k < count ? value : 0);
        q_sum[i] += q[i * stride + k];
      }
    }
  }
};

void check_rows(const Case& c) {
  const std::string in_dot = c.name() + " dot", in_rows = c.name() + " rows";
  const Weights w(c);
  const Inputs in(c, c.width, kNeuronPad);
  const size_t bytes = c.kernel.neuron_bytes(c.width);
  Guarded<uint8_t> packed(c.neurons * bytes);
  for (size_t neuron = 0; neuron < c.neurons; ++neuron) {
    std::vector<uint8_t> codes(padded(c.width, c.kernel.block), 1);
    std::copy_n(&w.codes[neuron * c.width], c.width, codes.begin());
    c.kernel.pack_up(codes.data(), c.width, packed.data() + neuron * bytes);
  }
  const auto expected = [&](size_t i, size_t neuron) {
    int64_t sum = 0;
    for (size_t k = 0; k < c.width; ++k)
      sum += (w.codes[neuron * c.width + k] - 1) * in.q[i * in.stride + k];
    return static_cast<int32_t>(sum);
  };

  std::vector<int32_t> ids;
  for (size_t neuron = 0; neuron < c.neurons; ++neuron)
    if (neuron % 3 != 1)
      ids.push_back(static_cast<int32_t>(neuron));
  Guarded<int32_t> some(ids.size());
  c.kernel.up_some(packed.data(), c.width, ids.data(), ids.size(), in.q.data(), in.q_sum[0],
                   some.data());
  for (size_t i = 0; i < ids.size(); ++i)
    CHECK_EQ(some[i], expected(0, static_cast<size_t>(ids[i])), in_dot);

  const size_t begin = c.neurons / 4, count = c.neurons - begin;
  Guarded<int32_t> out(c.n * count);
  Guarded<uint8_t> scratch(c.kernel.scratch_bytes(c.width));
  c.kernel.up_all({.neurons = packed.data(),
                   .neuron_bytes = bytes,
                   .width = c.width,
                   .count = c.neurons,
                   .q = in.q.data(),
                   .q_stride = in.stride,
                   .q_sum = in.q_sum.data(),
                   .n = c.n,
                   .out = out.data(),
                   .out_stride = count,
                   .scratch = scratch.data()},
                  begin, c.neurons);
  for (size_t i = 0; i < c.n; ++i)
    for (size_t r = 0; r < count; ++r)
      CHECK_EQ(out[i * count + r], expected(i, begin + r), in_rows);
}

void check_columns(const Case& c) {
  const std::string in_active = c.name() + " active", in_accumulate = c.name() + " accumulate",
                    in_columns = c.name() + " columns";
  const Weights w(c);
  const Inputs in(c, c.neurons, 4);
  const size_t bytes = c.kernel.neuron_bytes(c.width), block = c.kernel.block,
               rows = padded(c.width, block);
  Guarded<uint8_t> packed(c.neurons * bytes);
  for (size_t row = 0; row < rows; row += block) {
    std::vector<uint8_t> codes(block * c.neurons, 1);
    for (size_t r = 0; r < block && row + r < c.width; ++r)
      for (size_t neuron = 0; neuron < c.neurons; ++neuron)
        codes[r * c.neurons + neuron] = w.codes[neuron * c.width + row + r];
    c.kernel.pack_down(codes.data(), c.neurons, row, packed.data(), bytes);
  }
  const auto expected = [&](size_t i, size_t row) {
    int64_t sum = 0;
    for (size_t neuron = 0; neuron < c.neurons && row < c.width; ++neuron)
      sum += (w.codes[neuron * c.width + row] - 1) * in.q[i * in.stride + neuron];
    return static_cast<int32_t>(sum);
  };

  Guarded<int32_t> ids(c.neurons + kActiveSlack);
  const size_t active = c.kernel.find_active(in.q.data(), c.neurons, ids.data());
  size_t nonzero = 0;
  for (size_t neuron = 0; neuron < c.neurons; ++neuron)
    if (in.q[neuron] != 0)
      CHECK_EQ(ids[nonzero++], static_cast<int32_t>(neuron), in_active);
  CHECK_EQ(active, nonzero, in_active);

  Guarded<int32_t> acc(rows);
  for (int32_t& a : acc)
    a = -in.q_sum[0];
  const size_t half = active / 2; // two calls add up
  c.kernel.down_some(packed.data(), c.width, ids.data(), half, in.q.data(), acc.data());
  c.kernel.down_some(packed.data(), c.width, ids.data() + half, active - half, in.q.data(),
                     acc.data());
  for (size_t r = 0; r < c.width; ++r)
    CHECK_EQ(acc[r], expected(0, r), in_accumulate);

  const size_t step = c.kernel.down_step(c.n), begin = rows > step ? step : 0;
  const size_t count = rows - begin;
  Guarded<int32_t> out(c.n * count);
  Guarded<uint8_t> scratch(c.kernel.scratch_bytes(c.width));
  c.kernel.down_all({.neurons = packed.data(),
                     .neuron_bytes = bytes,
                     .width = c.width,
                     .count = c.neurons,
                     .q = in.q.data(),
                     .q_stride = in.stride,
                     .q_sum = in.q_sum.data(),
                     .n = c.n,
                     .out = out.data(),
                     .out_stride = count,
                     .scratch = scratch.data()},
                    begin, rows);
  for (size_t i = 0; i < c.n; ++i)
    for (size_t r = begin; r < c.width; ++r)
      CHECK_EQ(out[i * count + r - begin], expected(i, r), in_columns);
}

void check_all(const NeuronKernel& kernel, size_t width, size_t neurons, size_t n, bool extreme) {
  const Case c{kernel, width, neurons, n, extreme};
  check_rows(c);
  check_columns(c);
}

} // namespace

TEST("neuron kernels are exact for every small shape and batch") {
  for (const NeuronKernel* kernel : all_neuron_kernels())
    for (size_t width : {1, 63, 320, 336, 700, 2560})
      for (size_t neurons : {1, 3, 4, 17, 64, 131})
        for (size_t n : check::values({1, 2, 3, 4, 5, 6, 13, 18}, {1, 6, 18})) {
          if (width == 2560 && neurons > 20)
            continue;
          check_all(*kernel, width, neurons, n, false);
        }
}

TEST("neuron kernels are exact for many tokens and more columns than are unpacked together") {
  for (const NeuronKernel* kernel : all_neuron_kernels()) {
    for (size_t neurons : check::values({64, 90, 128, 200}, {90}))
      check_rows({*kernel, 2880, neurons, 40, false});
    check_columns({*kernel, 700, 2700, 40, false});
  }
}

TEST("neuron kernels are exact at the limits of int8 activations and of width") {
  for (const NeuronKernel* kernel : all_neuron_kernels())
    for (size_t n : check::values({1, 2, 5, 18}, {5})) {
      check_all(*kernel, 2560, 300, n, true);
      check_all(*kernel, kMaxNeuronWidth, 5, n, true);
      check_all(*kernel, 64, 40000, n, true);
    }
}
