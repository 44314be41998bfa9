// Vector operations.
#include <stdio.h>

#include <functional>

#include "bench.h"
#include "measure.h"

using namespace bitnet;

void bench_vector(const VectorKernel& kernel) {
  const size_t dim = 2560, ffn = 6912, head_dim = 128;
  Aligned<float> x(ffn), y(ffn), w(ffn), o(4 * head_dim), m(4), l(4);
  Aligned<int8_t> q(ffn);
  Aligned<int32_t> acc(ffn);
  Aligned<uint16_t> k(64 * head_dim), v(64 * head_dim), half(ffn);
  for (size_t i = 0; i < ffn; i++) {
    x[i] = static_cast<float>(random_bits() % 2001) / 1000 - 1;
    w[i] = 1;
    acc[i] = static_cast<int32_t>(random_bits() % 20000);
  }
  kernel.to_f16(x.data(), head_dim * 54, k.data());
  kernel.to_f16(x.data(), head_dim * 54, v.data());
  int32_t sum;
  float step;
  const AttentionBlock block = {x.data(), 4,      head_dim, k.data(), v.data(),
                                64,       0.088f, m.data(), l.data(), o.data()};
  const auto ns = [](const std::function<void()>& run) {
    return measure([&] {
             for (int i = 0; i < 100; i++)
               run();
           }).best *
           1e7;
  };
  printf("vector-%-11s rms_norm %5.0f ns   quantise %5.0f ns   scale_all %5.0f ns (2560)   "
         "relu2_mul %5.0f ns   silu_mul %6.0f ns "
         "  to_f16 %5.0f ns (6912)   attention_block %6.0f ns (4 rows, 64 x 128)\n",
         kernel.isa, ns([&] { kernel.rms_norm(x.data(), w.data(), dim, 1e-5f, y.data()); }),
         ns([&] { kernel.quantise(x.data(), dim, q.data(), dim, &sum, &step); }),
         ns([&] { kernel.scale_all(acc.data(), 0.01f, dim, y.data()); }),
         ns([&] { kernel.relu2_mul(x.data(), w.data(), ffn, y.data()); }),
         ns([&] { kernel.silu_mul(x.data(), w.data(), ffn, y.data()); }),
         ns([&] { kernel.to_f16(x.data(), ffn, half.data()); }),
         ns([&] { kernel.attention_block(block); }));
  fflush(stdout);
}
