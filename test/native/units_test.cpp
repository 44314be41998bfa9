// Unit kernels: every usable one gives exactly the integers of a naive sum, whatever is skipped.
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

std::vector<const UnitKernel*> all_unit_kernels() {
  const uint32_t features = detect_cpu_features();
  std::vector<const UnitKernel*> kernels = usable_unit_kernels(features);
  for (const UnitKernel* kernel : evex_unit_kernels(features))
    kernels.push_back(kernel);
  return kernels;
}

size_t padded(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

/** `units` units of `width` trits with `n` tokens of activations, random or all at the limit. */
struct Case {
  const UnitKernel& kernel;
  size_t width, units, n;
  bool extreme;

  std::string name() const {
    return std::string(kernel.family) + "-" + kernel.isa + " width " + std::to_string(width) +
           " units " + std::to_string(units) + " n " + std::to_string(n) +
           (extreme ? " extreme" : "");
  }
};

struct Weights {
  std::vector<uint8_t> codes; // [units, width]

  explicit Weights(const Case& c) : codes(c.units * c.width) {
    Random random(c.width + c.units);
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
  const Inputs in(c, c.width, kUnitPad);
  const size_t bytes = c.kernel.unit_bytes(c.width);
  Guarded<uint8_t> packed(c.units * bytes);
  for (size_t unit = 0; unit < c.units; ++unit) {
    std::vector<uint8_t> codes(padded(c.width, c.kernel.block), 1);
    std::copy_n(&w.codes[unit * c.width], c.width, codes.begin());
    c.kernel.pack_row(codes.data(), c.width, packed.data() + unit * bytes);
  }
  const auto expected = [&](size_t i, size_t unit) {
    int64_t sum = 0;
    for (size_t k = 0; k < c.width; ++k)
      sum += (w.codes[unit * c.width + k] - 1) * in.q[i * in.stride + k];
    return static_cast<int32_t>(sum);
  };

  std::vector<int32_t> ids;
  for (size_t unit = 0; unit < c.units; ++unit)
    if (unit % 3 != 1)
      ids.push_back(static_cast<int32_t>(unit));
  Guarded<int32_t> some(ids.size());
  c.kernel.dot(packed.data(), c.width, ids.data(), ids.size(), in.q.data(), in.q_sum[0],
               some.data());
  for (size_t i = 0; i < ids.size(); ++i)
    CHECK_EQ(some[i], expected(0, static_cast<size_t>(ids[i])), in_dot);

  const size_t begin = c.units / 4, count = c.units - begin;
  Guarded<int32_t> out(c.n * count);
  Guarded<uint8_t> scratch(c.kernel.scratch_bytes(c.width));
  c.kernel.rows({.units = packed.data(),
                 .unit_bytes = bytes,
                 .width = c.width,
                 .count = c.units,
                 .q = in.q.data(),
                 .q_stride = in.stride,
                 .q_sum = in.q_sum.data(),
                 .n = c.n,
                 .out = out.data(),
                 .out_stride = count,
                 .scratch = scratch.data()},
                begin, c.units);
  for (size_t i = 0; i < c.n; ++i)
    for (size_t r = 0; r < count; ++r)
      CHECK_EQ(out[i * count + r], expected(i, begin + r), in_rows);
}

void check_columns(const Case& c) {
  const std::string in_live = c.name() + " live", in_accumulate = c.name() + " accumulate",
                    in_columns = c.name() + " columns";
  const Weights w(c);
  const Inputs in(c, c.units, 4);
  const size_t bytes = c.kernel.unit_bytes(c.width), block = c.kernel.block,
               rows = padded(c.width, block);
  Guarded<uint8_t> packed(c.units * bytes);
  for (size_t row = 0; row < rows; row += block) {
    std::vector<uint8_t> codes(block * c.units, 1);
    for (size_t r = 0; r < block && row + r < c.width; ++r)
      for (size_t unit = 0; unit < c.units; ++unit)
        codes[r * c.units + unit] = w.codes[unit * c.width + row + r];
    c.kernel.pack_columns(codes.data(), c.units, row, packed.data(), bytes);
  }
  const auto expected = [&](size_t i, size_t row) {
    int64_t sum = 0;
    for (size_t unit = 0; unit < c.units && row < c.width; ++unit)
      sum += (w.codes[unit * c.width + row] - 1) * in.q[i * in.stride + unit];
    return static_cast<int32_t>(sum);
  };

  Guarded<int32_t> ids(c.units + kLiveSlack);
  const size_t live = c.kernel.find_live(in.q.data(), c.units, ids.data());
  size_t nonzero = 0;
  for (size_t unit = 0; unit < c.units; ++unit)
    if (in.q[unit] != 0)
      CHECK_EQ(ids[nonzero++], static_cast<int32_t>(unit), in_live);
  CHECK_EQ(live, nonzero, in_live);

  Guarded<int32_t> acc(rows);
  for (int32_t& a : acc)
    a = -in.q_sum[0];
  const size_t half = live / 2; // two calls add up
  c.kernel.accumulate(packed.data(), c.width, ids.data(), half, in.q.data(), acc.data());
  c.kernel.accumulate(packed.data(), c.width, ids.data() + half, live - half, in.q.data(),
                      acc.data());
  for (size_t r = 0; r < c.width; ++r)
    CHECK_EQ(acc[r], expected(0, r), in_accumulate);

  const size_t step = c.kernel.column_step(c.n), begin = rows > step ? step : 0;
  const size_t count = rows - begin;
  Guarded<int32_t> out(c.n * count);
  Guarded<uint8_t> scratch(c.kernel.scratch_bytes(c.width));
  c.kernel.columns({.units = packed.data(),
                    .unit_bytes = bytes,
                    .width = c.width,
                    .count = c.units,
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

void check_all(const UnitKernel& kernel, size_t width, size_t units, size_t n, bool extreme) {
  const Case c{kernel, width, units, n, extreme};
  check_rows(c);
  check_columns(c);
}

} // namespace

TEST("unit kernels are exact for every small shape and batch") {
  for (const UnitKernel* kernel : all_unit_kernels())
    for (size_t width : {1, 63, 320, 336, 700, 2560})
      for (size_t units : {1, 3, 4, 17, 64, 131})
        for (size_t n : check::values({1, 2, 3, 4, 5, 6, 13, 18}, {1, 6, 18})) {
          if (width == 2560 && units > 20)
            continue;
          check_all(*kernel, width, units, n, false);
        }
}

TEST("unit kernels are exact for many tokens and more columns than are unpacked together") {
  for (const UnitKernel* kernel : all_unit_kernels()) {
    for (size_t units : check::values({64, 90, 128, 200}, {90}))
      check_rows({*kernel, 2880, units, 40, false});
    check_columns({*kernel, 700, 2700, 40, false});
  }
}

TEST("unit kernels are exact at the limits of int8 activations and of width") {
  for (const UnitKernel* kernel : all_unit_kernels())
    for (size_t n : check::values({1, 2, 5, 18}, {5})) {
      check_all(*kernel, 2560, 300, n, true);
      check_all(*kernel, kMaxUnitWidth, 5, n, true);
      check_all(*kernel, 64, 40000, n, true);
    }
}
