// Vector operations at the sizes of a 2B-4T layer.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "bench.h"
#include "measure.h"
#include "report.h"

using namespace bitnet;

namespace {

constexpr size_t kDim = 2560, kFfn = 6912, kHeadDim = 128, kHeads = 4, kPositions = 64;
constexpr size_t kBlocks = 6 * 1024; // the values of `kFfn` that fill blocks of the transform
constexpr size_t kF16Row = 2 * kHeadDim, kQ8Row = kHeadDim + kHeadDim / 16; // bytes in a KV cache

struct Operation {
  const char* name;
  size_t count; // elements; for attention, of K
  const void* result;
  size_t bytes;
  std::function<void(const VectorKernel&)> run;
};

} // namespace

void bench_vector(const VectorKernel& kernel) {
  const VectorKernel& scalar = *usable_vector_kernels(0).front();
  Aligned<float> x(kFfn), w(kFfn), y(kFfn), o(kHeads * kHeadDim), m(kHeads), l(kHeads);
  Aligned<int8_t> q(kFfn);
  Aligned<int32_t> acc(kFfn);
  Aligned<uint8_t> k(kPositions * kF16Row), v(kPositions * kF16Row), half(kFfn * 2);
  Aligned<uint8_t> k8(kPositions * kQ8Row), v8(kPositions * kQ8Row), q8(kFfn + kFfn / 16);
  for (size_t i = 0; i < kFfn; i++) {
    x[i] = static_cast<float>(random_bits() % 2001) / 1000 - 1;
    w[i] = static_cast<float>(random_bits() % 2001) / 1000 - 1;
    acc[i] = static_cast<int32_t>(random_bits() % 20000);
  }
  const auto halves = [](uint8_t* bytes) { return reinterpret_cast<uint16_t*>(bytes); };
  for (size_t j = 0; j < kPositions; j++) {
    const float *key = x.data() + j % 54 * kHeadDim, *value = w.data() + j % 54 * kHeadDim;
    scalar.to_f16(key, kHeadDim, halves(k.data() + j * kF16Row));
    scalar.to_f16(value, kHeadDim, halves(v.data() + j * kF16Row));
    scalar.to_q8_0(key, kHeadDim, k8.data() + j * kQ8Row);
    scalar.to_q8_0(value, kHeadDim, v8.data() + j * kQ8Row);
  }
  int32_t sum;
  float step;
  const AttentionBlock block = {.q = x.data(),
                                .rows = kHeads,
                                .head_dim = kHeadDim,
                                .k = k.data(),
                                .v = v.data(),
                                .row_bytes = kF16Row,
                                .positions = kPositions,
                                .scale = 0.088f,
                                .m = m.data(),
                                .l = l.data(),
                                .o = o.data()};
  AttentionBlock block8 = block;
  block8.k = k8.data();
  block8.v = v8.data();
  block8.row_bytes = kQ8Row;
  // A value head of Bonsai 27B, one token.
  Aligned<float> state(kHeadDim * kHeadDim), written(kHeadDim * kHeadDim);
  for (size_t i = 0; i < kHeadDim * kHeadDim; i++)
    state[i] = x[i % kFfn];
  const float decay = 0.9f, beta = 0.5f;
  const DeltaRule rule = {.from = state.data(),
                          .to = written.data(),
                          .rows = kHeadDim,
                          .cols = kHeadDim,
                          .stride = kHeadDim,
                          .n = 1,
                          .q = x.data(),
                          .k = x.data() + kHeadDim,
                          .v = x.data() + 2 * kHeadDim,
                          .qkv_stride = 3 * kHeadDim,
                          .decay = &decay,
                          .beta = &beta,
                          .gate_stride = 1,
                          .scale = 0.088f,
                          .o = o.data(),
                          .o_stride = kHeadDim};
  const Operation operations[] = {
      {"rms_norm", kDim, y.data(), kDim * 4,
       [&](const VectorKernel& by) { by.rms_norm(x.data(), w.data(), kDim, 1e-5f, y.data()); }},
      {"quantize", kDim, q.data(), kDim,
       [&](const VectorKernel& by) { by.quantize(x.data(), kDim, q.data(), kDim, &sum, &step); }},
      {"scale_all", kDim, y.data(), kDim * 4,
       [&](const VectorKernel& by) { by.scale_all(acc.data(), 0.01f, kDim, y.data()); }},
      {"relu2_mul", kFfn, y.data(), kFfn * 4,
       [&](const VectorKernel& by) { by.relu2_mul(x.data(), w.data(), kFfn, y.data()); }},
      {"silu_mul", kFfn, y.data(), kFfn * 4,
       [&](const VectorKernel& by) { by.silu_mul(x.data(), w.data(), kFfn, y.data()); }},
      {"hadamard", kBlocks, y.data(), kBlocks * 4,
       [&](const VectorKernel& by) {
         std::copy_n(x.data(), kBlocks, y.data());
         by.hadamard(y.data(), kBlocks, 1024);
       }},
      {"to_f16", kFfn, half.data(), kFfn * 2,
       [&](const VectorKernel& by) { by.to_f16(x.data(), kFfn, halves(half.data())); }},
      {"to_q8_0", kFfn, q8.data(), kFfn + kFfn / 16,
       [&](const VectorKernel& by) { by.to_q8_0(x.data(), kFfn, q8.data()); }},
      {"attention_block", kPositions * kHeadDim, o.data(), kHeads * kHeadDim * 4,
       [&](const VectorKernel& by) { by.attention_block[kKvF16](block); }},
      {"attention_q8_0", kPositions * kHeadDim, o.data(), kHeads * kHeadDim * 4,
       [&](const VectorKernel& by) { by.attention_block[kKvQ8_0](block8); }},
      {"delta_rule", kHeadDim * kHeadDim, o.data(), kHeadDim * 4,
       [&](const VectorKernel& by) { by.delta_rule(rule); }},
  };
  for (const Operation& operation : operations) {
    operation.run(scalar);
    const uint8_t* result = static_cast<const uint8_t*>(operation.result);
    const std::vector<uint8_t> expected(result, result + operation.bytes);
    operation.run(kernel);
    if (memcmp(expected.data(), result, operation.bytes) != 0) {
      fprintf(stderr, "vector-%s differs from scalar in %s.\n", kernel.isa, operation.name);
      exit(1);
    }
    const int kRepeat = 100;
    const Timing t = measure([&] {
      for (int i = 0; i < kRepeat; i++)
        operation.run(kernel);
    });
    Row()
        .text("kernel", std::string("vector-") + kernel.isa, 18)
        .text("operation", operation.name, 15)
        .number("elements", static_cast<double>(operation.count))
        .number("ns", t.best / kRepeat * 1e9, 0)
        .number("median", t.median / kRepeat * 1e9, 0)
        .print();
  }
}
