// Verifies every kernel this CPU can run against scalar, then times it on one thread beside the
// machine's roofs.
//
//   bitnet_bench [shapes.txt] [filter]      filter: part of "mad2-avx2", "dense-avx512",
//   "vector-avx2", …
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

using namespace bitnet;

namespace {

/**
 * Wall clock: neighbours make a run slower, so the best of many is the kernel's own time. (The
 * thread's CPU clock was tried: on a virtual machine it loses time in short runs, and the best run
 * then beats the hardware's limit.)
 */
double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Timing {
  double best, median; // seconds
};

/** At least five runs and 0.15 s. */
Timing measure(const std::function<void()>& run) {
  std::vector<double> times;
  run();
  for (double total = 0; total < 0.15 || times.size() < 5; total += times.back()) {
    const double start = now();
    run();
    times.push_back(now() - start);
  }
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2]};
}

/** Zeroed array on a 2 MiB boundary, in huge pages where Linux has them. */
template <class T> class Aligned {
public:
  explicit Aligned(size_t count) {
    const size_t kHuge = 2 << 20, bytes = count * sizeof(T);
    base_ = calloc(bytes + kHuge, 1);
    if (base_ == nullptr) {
      printf("Expected %zu bytes of free memory, found less.\n", bytes);
      exit(1);
    }
    data_ = reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(base_) + kHuge - 1) &
                                 ~uintptr_t{kHuge - 1});
#if defined(__linux__)
    if (bytes >= kHuge)
      madvise(data_, bytes & ~(kHuge - 1), MADV_HUGEPAGE);
#endif
    memset(data_, 0, bytes); // touch every page
  }
  ~Aligned() {
    free(base_);
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  T* data() {
    return data_;
  }
  T& operator[](size_t i) {
    return data_[i];
  }

private:
  void* base_;
  T* data_;
};

constexpr size_t kCached = 384 << 10;   // bytes of weights that stay in any L2
constexpr size_t kUncached = 320 << 20; // bytes no cache holds
volatile uint64_t sink;

uint32_t random_bits() {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<uint32_t>(state >> 16);
}

double read_gbps(const uint64_t* p, size_t bytes) {
  return static_cast<double>(bytes) / 1e9 / measure([&] {
                                              uint64_t sum[8] = {};
                                              for (size_t i = 0; i < bytes / 8; i += 8)
                                                for (size_t j = 0; j < 8; j++)
                                                  sum[j] ^= p[i + j];
                                              for (uint64_t s : sum)
                                                sink = s;
                                            }).best;
}

#if (defined(__x86_64__) || defined(_M_X64))
#if defined(__GNUC__)
__attribute__((target("avx512f,avx512vnni")))
#endif
void vpdpbusd_loop(size_t rounds) {
  __m512i acc[12], x[12]; // all different: otherwise the compiler merges them
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++)
    acc[i] = x[i] = _mm512_set1_epi32(static_cast<int>(sink) + i);
  for (size_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
      acc[i] = _mm512_dpbusd_epi32(acc[i], x[i], x[i]);
  }
  __m512i sum = acc[0];
#pragma GCC unroll 12
  for (int i = 1; i < 12; i++)
    sum = _mm512_add_epi32(sum, acc[i]);
  sink = static_cast<uint64_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(sum)));
}
#endif

/** int8 multiply-adds per second of one thread at the VPDPBUSD limit, in 10^9; 0 without the
 * instruction. */
double vpdpbusd_gmacs() {
#if defined(__x86_64__) || defined(_M_X64)
  const size_t kRounds = 200000;
  if (detect_cpu_features() & kCpuAvx512Vnni)
    return kRounds * 12 * 64 / 1e9 / measure([] { vpdpbusd_loop(kRounds); }).best;
#endif
  return 0;
}

struct Shape {
  size_t rows, cols;
};

std::vector<Shape> read_shapes(const char* path) {
  std::vector<Shape> shapes;
  FILE* file = fopen(path, "r");
  char line[256];
  while (file && fgets(line, sizeof line, file)) {
    Shape s;
    if (sscanf(line, "%zu %zu", &s.rows, &s.cols) == 2)
      shapes.push_back(s);
  }
  if (file)
    fclose(file);
  return shapes;
}

size_t rounded_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/** One ternary kernel on one shape: verified on the first tiles, then timed at every batch size. */
void bench_ternary(const TernaryKernel& kernel, const Shape& shape, double peak) {
  const std::string name = std::string(kernel.family) + "-" + kernel.isa;
  const size_t rows = rounded_up(shape.rows, kernel.tile_rows),
               cols = rounded_up(shape.cols, kernel.tile_cols);
  const size_t tile = kernel.tile_bytes(cols), bytes = rows / kernel.tile_rows * tile;
  const size_t copies = kUncached / bytes + 1, most = 512;
  Aligned<uint8_t> packed(copies * bytes), scratch(kernel.scratch_bytes(cols));
  std::vector<uint8_t> codes(kernel.tile_rows * cols);
  for (uint8_t& c : codes)
    c = static_cast<uint8_t>(random_bits() % 3);
  kernel.pack_tile(codes.data(), cols, packed.data());
  for (size_t i = tile; i < copies * bytes; i += tile)
    memcpy(packed.data() + i, packed.data(), std::min(tile, copies * bytes - i));

  const size_t q_stride = rounded_up(cols, 64);
  Aligned<int8_t> q(most * q_stride);
  Aligned<int32_t> q_sum(most), out(most * rows);
  for (size_t i = 0; i < most; i++)
    for (size_t k = 0; k < shape.cols; k++) {
      q[i * q_stride + k] = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
      q_sum[i] += q[i * q_stride + k];
    }
  TernaryProduct p = {packed.data(), cols, q.data(),      q_stride, q_sum.data(), 1,
                      out.data(),    rows, scratch.data()};

  for (size_t n : {1, 4, 16, 37}) {
    p.n = n;
    kernel.product(p, 0, kernel.tile_rows);
    for (size_t i = 0; i < n; i++)
      for (size_t r = 0; r < kernel.tile_rows; r++) {
        int32_t sum = 0;
        for (size_t k = 0; k < cols; k++)
          sum += (codes[r * cols + k] - 1) * q[i * q_stride + k];
        if (out[i * rows + r] != sum) {
          printf("%s is wrong at %zux%zu, n %zu, row %zu: %d instead of %d\n", name.c_str(), rows,
                 cols, n, r, out[i * rows + r], sum);
          exit(1);
        }
      }
  }

  const auto report = [&](const char* where, size_t some_rows, size_t n, const Timing& t) {
    const double macs = static_cast<double>(some_rows * cols * n) / 1e9,
                 gb = static_cast<double>(some_rows / kernel.tile_rows * tile) / 1e9;
    printf("%-18s %5zux%-5zu n %-4zu %-6s %10.1f us %8.1f GMAC/s (median %6.1f) %6.1f GB/s",
           name.c_str(), shape.rows, shape.cols, n, where, t.best * 1e6, macs / t.best,
           macs / t.median, gb / t.best);
    if (n > 1 && peak > 0)
      printf(" %4.0f %% of VPDPBUSD", 100 * macs / t.best / peak);
    printf("\n");
    fflush(stdout);
  };
  p.n = 1;
  const size_t cached_rows = std::max<size_t>(kCached / tile, 1) * kernel.tile_rows;
  report("cache", std::min(cached_rows, rows), 1,
         measure([&] { kernel.product(p, 0, std::min(cached_rows, rows)); }));
  size_t copy = 0;
  report("memory", rows, 1, measure([&] {
           p.packed = packed.data() + copy * bytes;
           copy = (copy + 1) % copies;
           kernel.product(p, 0, rows);
         }));
  p.packed = packed.data();
  for (size_t n : {4, 16, 128, 512}) {
    if (strcmp(kernel.isa, "scalar") == 0 && n > 4)
      break; // seconds per run
    p.n = n;
    report("", rows, n, measure([&] { kernel.product(p, 0, rows); }));
  }
}

/** Matrix-vector products of every stored type, in and out of cache, and a batch. */
void bench_dense(const DenseKernel& kernel) {
  const struct {
    const char* name;
    size_t block, bytes;
    std::vector<size_t> exponents; // top bytes of the block's floats
  } types[kDenseTypes] = {{"F32", 1, 4, {3}},        {"F16", 1, 2, {1}},
                          {"BF16", 1, 2, {1}},       {"Q8_0", 32, 34, {1}},
                          {"Q6_K", 256, 210, {209}}, {"Q4_0", 32, 18, {1}},
                          {"Q4_K", 256, 144, {1, 3}}};
  const DenseKernel& scalar = *usable_dense_kernels(0).back();
  const size_t cols = 2560;
  for (uint32_t type = 0; type < kDenseTypes; type++) {
    const size_t row_bytes = cols / types[type].block * types[type].bytes,
                 rows = kUncached / row_bytes;
    Aligned<uint8_t> weights(rows * row_bytes);
    for (size_t i = 0; i < rows * row_bytes; i++)
      weights[i] =
          static_cast<uint8_t>(i * 2654435761u >> 13 & 0x3b); // no infinities, few subnormals
    for (size_t i = 0; i < rows * row_bytes; i += types[type].bytes)
      for (size_t exponent : types[type].exponents)
        weights[i + exponent] = 0x34;
    Aligned<float> x(128 * cols), out(rows), expected(16);
    for (size_t i = 0; i < 128 * cols; i++)
      x[i] = static_cast<float>(random_bits() % 2001) / 1000 - 1;
    DenseProduct p = {weights.data(), row_bytes, cols, x.data(), cols, 1, out.data(), rows};
    const size_t cached = kCached / row_bytes;
    kernel.product[type](p, 0, cached);
    p.out = expected.data();
    scalar.product[type](p, 0, 16);
    if (memcmp(out.data(), expected.data(), 16 * sizeof(float)) != 0) {
      printf("dense-%s is wrong for %s\n", kernel.isa, types[type].name);
      exit(1);
    }
    p.out = out.data();
    const bool slow = &kernel == &scalar;
    const size_t memory = slow ? cached : rows;
    const Timing near = measure([&] { kernel.product[type](p, 0, cached); });
    const Timing far = measure([&] { kernel.product[type](p, 0, memory); });
    p.n = slow ? 2 : 128;
    p.out_stride = 0 + cached;
    Aligned<float> batch(p.n * cached);
    p.out = batch.data();
    const Timing many = measure([&] { kernel.product[type](p, 0, cached); });
    printf("dense-%-12s %-5s cache %6.1f GB/s   memory %6.1f GB/s (median %5.1f)   n %zu %6.1f "
           "GFMA/s\n",
           kernel.isa, types[type].name, static_cast<double>(cached * row_bytes) / 1e9 / near.best,
           static_cast<double>(memory * row_bytes) / 1e9 / far.best,
           static_cast<double>(memory * row_bytes) / 1e9 / far.median, p.n,
           static_cast<double>(cached * cols * p.n) / 1e9 / many.best);
    fflush(stdout);
  }
}

/** Nanoseconds of each vector operation at the sizes of a 2B-4T layer. */
void bench_vector(const VectorKernel& kernel) {
  const size_t dim = 2560, ffn = 6912, head_dim = 128, q8_bytes = head_dim + head_dim / 16;
  Aligned<float> x(ffn), y(ffn), w(ffn), o(4 * head_dim), m(4), l(4);
  Aligned<int8_t> q(ffn);
  Aligned<int32_t> acc(ffn);
  Aligned<uint16_t> k(64 * head_dim), v(64 * head_dim), half(ffn);
  Aligned<uint8_t> q8(ffn + ffn / 16), k8(64 * q8_bytes), v8(64 * q8_bytes);
  for (size_t i = 0; i < ffn; i++) {
    x[i] = static_cast<float>(random_bits() % 2001) / 1000 - 1;
    w[i] = 1;
    acc[i] = static_cast<int32_t>(random_bits() % 20000);
  }
  kernel.to_f16(x.data(), head_dim * 54, k.data());
  kernel.to_f16(x.data(), head_dim * 54, v.data());
  int32_t sum;
  float step;
  for (size_t j = 0; j < 64; j++)
    for (Aligned<uint8_t>* rows : {&k8, &v8})
      kernel.to_q8_0(x.data() + j % 54 * head_dim, head_dim, rows->data() + j * q8_bytes);
  const auto bytes = [](Aligned<uint16_t>& a) { return reinterpret_cast<uint8_t*>(a.data()); };
  const AttentionBlock block = {x.data(), 4,      head_dim, bytes(k), bytes(v), 2 * head_dim,
                                64,       0.088f, m.data(), l.data(), o.data()};
  AttentionBlock block8 = block;
  block8.k = k8.data();
  block8.v = v8.data();
  block8.row_bytes = q8_bytes;
  const auto ns = [](const std::function<void()>& run) {
    return measure([&] {
             for (int i = 0; i < 100; i++)
               run();
           }).best *
           1e7;
  };
  printf("vector-%-11s rms_norm %5.0f ns   quantise %5.0f ns   scale_all %5.0f ns (2560)   "
         "relu2_mul %5.0f ns   silu_mul %6.0f ns "
         "  to_f16 %5.0f ns   to_q8_0 %5.0f ns (6912)   attention_block %6.0f ns, q8_0 %6.0f ns "
         "(4 rows, 64 x 128)\n",
         kernel.isa, ns([&] { kernel.rms_norm(x.data(), w.data(), dim, 1e-5f, y.data()); }),
         ns([&] { kernel.quantise(x.data(), dim, q.data(), dim, &sum, &step); }),
         ns([&] { kernel.scale_all(acc.data(), 0.01f, dim, y.data()); }),
         ns([&] { kernel.relu2_mul(x.data(), w.data(), ffn, y.data()); }),
         ns([&] { kernel.silu_mul(x.data(), w.data(), ffn, y.data()); }),
         ns([&] { kernel.to_f16(x.data(), ffn, half.data()); }),
         ns([&] { kernel.to_q8_0(x.data(), ffn, q8.data()); }),
         ns([&] { kernel.attention_block[kKvF16](block); }),
         ns([&] { kernel.attention_block[kKvQ8_0](block8); }));
  fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "bench/shapes.txt";
  const std::string filter = argc > 2 ? argv[2] : "";
  const auto wanted = [&](const std::string& name) {
    return name.find(filter) != std::string::npos;
  };
  const std::vector<Shape> shapes = read_shapes(path);
  if (shapes.empty()) {
    printf("Expected lines 'rows cols' in %s, found none.\n", path);
    return 1;
  }
  const double peak = vpdpbusd_gmacs();
  {
    Aligned<uint64_t> memory(kUncached / 8);
    printf("read, one thread: cache %.1f GB/s, memory %.1f GB/s; VPDPBUSD peak %.0f GMAC/s\n",
           read_gbps(memory.data(), kCached), read_gbps(memory.data(), kUncached), peak);
  }
  const uint32_t features = detect_cpu_features();
  for (const TernaryKernel* kernel : usable_ternary_kernels(features))
    for (const Shape& shape : shapes)
      if (wanted(std::string(kernel->family) + "-" + kernel->isa))
        bench_ternary(*kernel, shape, peak);
  for (const DenseKernel* kernel : usable_dense_kernels(features))
    if (wanted(std::string("dense-") + kernel->isa))
      bench_dense(*kernel);
  for (const VectorKernel* kernel : usable_vector_kernels(features))
    if (wanted(std::string("vector-") + kernel->isa))
      bench_vector(*kernel);
  return 0;
}
