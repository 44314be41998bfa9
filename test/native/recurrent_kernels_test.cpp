// Operations of recurrent layers: bit-equal to scalar for every size; scalar against the formulas in
// double.
#include <math.h>
#include <string.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "guarded.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

using namespace bitnet;
using check::Guarded;
using check::Random;

namespace {

std::vector<const VectorKernel*> kernels() {
  return usable_vector_kernels(detect_cpu_features());
}
const VectorKernel& scalar() {
  return *usable_vector_kernels(0)[0];
}

void fill(Guarded<float>& x, uint64_t seed, float size = 1.0f) {
  Random random(seed);
  for (float& v : x)
    v = random.real() * size;
}

bool same(const Guarded<float>& a, const Guarded<float>& b) {
  return memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::string at(const VectorKernel& kernel, size_t count) {
  return std::string(kernel.isa) + " count " + std::to_string(count);
}

} // namespace

TEST("gates of recurrent layers equal scalar to the bit and the formulas in double") {
  for (const VectorKernel* kernel : kernels())
    for (size_t count : {1, 7, 16, 31, 48, 200}) {
      Guarded<float> a(count), b(count), y(count), expected(count);
      fill(a, count, 30.0f);
      fill(b, count + 1, 3.0f);
      const auto check = [&](const char* name,
                             const std::function<void(const VectorKernel&, float*)>& run,
                             const std::function<double(double, double)>& formula) {
        run(scalar(), expected.data());
        run(*kernel, y.data());
        CHECK(same(y, expected), at(*kernel, count) + name);
        for (size_t i = 0; i < count; i++) {
          const double exact = formula(static_cast<double>(a[i]), static_cast<double>(b[i]));
          CHECK(fabs(static_cast<double>(y[i]) - exact) <= 4e-7 * fabs(exact) + 1e-37,
                at(*kernel, count) + name + " of " + std::to_string(a[i]));
        }
      };
      check(
          " sigmoid", [&](const VectorKernel& by, float* out) { by.sigmoid(a.data(), count, out); },
          [](double x, double) { return 1 / (1 + exp(-x)); });
      check(
          " softplus",
          [&](const VectorKernel& by, float* out) {
            by.softplus_of_sum(a.data(), b.data(), count, out);
          },
          [](double x, double z) {
            return log1p(exp(static_cast<double>(static_cast<float>(x) + static_cast<float>(z))));
          });
      check(
          " exp",
          [&](const VectorKernel& by, float* out) {
            by.exp_of_product(a.data(), b.data(), count, out);
          },
          [](double x, double z) {
            const float product = static_cast<float>(x) * static_cast<float>(z);
            return product < -87.33f || product > 88.7f ? static_cast<double>(expf(product))
                                                        : exp(static_cast<double>(product));
          });
    }
}

TEST("softplus is exact to the last bits wherever its parts meet") {
  const float xs[] = {0.0f,   -0.0f,  1e-30f, -1e-30f, 0.34657f, -0.8813736f, -16.0f, -17.5f,
                      -87.0f, -88.0f, 20.0f,  25.0f,   88.0f,    1e30f,       -1e30f, 0.88137364f};
  const float zeros[std::size(xs)] = {};
  for (const VectorKernel* kernel : kernels()) {
    float y[std::size(xs)], expected[std::size(xs)];
    scalar().softplus_of_sum(xs, zeros, std::size(xs), expected);
    kernel->softplus_of_sum(xs, zeros, std::size(xs), y);
    CHECK(memcmp(y, expected, sizeof y) == 0, kernel->isa);
    for (size_t i = 0; i < std::size(xs); i++) {
      const double x = static_cast<double>(xs[i]);
      const double exact = x > 700 ? x : log1p(exp(x));
      CHECK(fabs(static_cast<double>(y[i]) - exact) <= 2e-7 * exact + 2e-38, std::to_string(x));
    }
    const float odd[] = {NAN, INFINITY, -INFINITY};
    kernel->softplus_of_sum(odd, zeros, 3, y);
    CHECK(isnan(y[0]) && y[1] == INFINITY && y[2] == 0.0f, kernel->isa);
  }
}

TEST("l2_norm equals scalar to the bit and gives vectors of length one, in place too") {
  for (const VectorKernel* kernel : kernels())
    for (size_t count : {1, 15, 16, 32, 77, 128, 256}) {
      Guarded<float> x(count), y(count), expected(count);
      fill(x, count, 5.0f);
      scalar().l2_norm(x.data(), count, 1e-6f, expected.data());
      kernel->l2_norm(x.data(), count, 1e-6f, y.data());
      CHECK(same(y, expected), at(*kernel, count));
      double sum = 0;
      for (float v : y)
        sum += static_cast<double>(v) * static_cast<double>(v);
      CHECK(fabs(sum - 1) < 1e-4, at(*kernel, count));
      kernel->l2_norm(x.data(), count, 1e-6f, x.data());
      CHECK(same(x, expected), at(*kernel, count) + " in place");
    }
}

TEST("convolutions equal scalar to the bit and the formula in double, in place too") {
  for (const VectorKernel* kernel : kernels())
    for (size_t taps : {size_t{1}, size_t{2}, size_t{4}, kMostTaps})
      for (size_t count : {1, 16, 37, 128}) {
        const size_t stride = count + 5;
        Guarded<float> rows(taps * count), w((taps - 1) * stride + count), y(count),
            expected(count);
        fill(rows, taps);
        fill(w, count);
        const float* x[kMostTaps];
        for (size_t j = 0; j < taps; j++)
          x[j] = rows.data() + j * count;
        Convolution c = {x, w.data(), taps, stride, count, expected.data()};
        scalar().convolve_silu(c);
        c.y = y.data();
        kernel->convolve_silu(c);
        CHECK(same(y, expected), at(*kernel, count));
        for (size_t i = 0; i < count; i++) {
          double sum = 0;
          for (size_t j = 0; j < taps; j++)
            sum += static_cast<double>(w[j * stride + i]) * static_cast<double>(x[j][i]);
          CHECK(fabs(static_cast<double>(y[i]) - sum / (1 + exp(-sum))) < 2e-6, at(*kernel, count));
        }
        c.y = rows.data() + (taps - 1) * count;
        kernel->convolve_silu(c);
        CHECK(memcmp(c.y, expected.data(), count * sizeof(float)) == 0, "in place");
      }
}

TEST("convolutions add a bias before the gate") {
  for (const VectorKernel* kernel : kernels())
    for (size_t count : {1, 16, 37}) {
      Guarded<float> x(count), w(count), bias(count), y(count), expected(count);
      fill(x, 1);
      fill(w, 2);
      fill(bias, 3);
      const float* rows[] = {x.data()};
      Convolution c = {rows, w.data(), 1, count, count, expected.data(), bias.data()};
      scalar().convolve_silu(c);
      c.y = y.data();
      kernel->convolve_silu(c);
      CHECK(same(y, expected), at(*kernel, count));
      for (size_t i = 0; i < count; i++) {
        const double sum =
            static_cast<double>(w[i]) * static_cast<double>(x[i]) + static_cast<double>(bias[i]);
        CHECK(fabs(static_cast<double>(y[i]) - sum / (1 + exp(-sum))) < 1e-6, at(*kernel, count));
      }
    }
}

namespace {

constexpr size_t kTokens = 9;

// A head with random tokens, and what becomes of them.
struct Head {
  size_t dim, stride, padded;
  Guarded<float> qkv, decay, beta, state;

  explicit Head(size_t d)
      : dim(d), stride((d + 15) / 16 * 16), padded(stride), qkv(kTokens * 3 * d), decay(kTokens),
        beta(kTokens), state(padded * stride) {
    fill(qkv, d);
    fill(beta, d + 1);
    Random random(d);
    for (size_t t = 0; t < kTokens; t++) {
      decay[t] = fabsf(random.real());
      scalar().l2_norm(qkv.data() + (3 * t + 1) * d, d, 1e-6f, qkv.data() + (3 * t + 1) * d);
    }
    for (size_t r = 0; r < d; r++)
      for (size_t c = 0; c < d; c++)
        state[r * stride + c] = random.real();
  }

  DeltaRule rule(const float* from, float* to, size_t first, size_t n, float* o) const {
    return {.from = from,
            .to = to,
            .rows = dim,
            .cols = dim,
            .stride = stride,
            .n = n,
            .q = qkv.data() + 3 * first * dim,
            .k = qkv.data() + (3 * first + 1) * dim,
            .v = qkv.data() + (3 * first + 2) * dim,
            .qkv_stride = 3 * dim,
            .decay = decay.data() + first,
            .beta = beta.data() + first,
            .gate_stride = 1,
            .scale = 0.25f,
            .o = o + first * dim,
            .o_stride = dim};
  }
};

} // namespace

TEST("the delta rule equals scalar to the bit, at once and token by token, and the formula") {
  for (size_t dim : {1, 8, 16, 24, 32, 50, 64, 128}) {
    const Head head(dim);
    Guarded<float> expected(head.state.size()), o(kTokens * dim);
    scalar().delta_rule(head.rule(head.state.data(), expected.data(), 0, kTokens, o.data()));
    std::vector<double> s(dim * dim);
    for (size_t r = 0; r < dim; r++)
      for (size_t c = 0; c < dim; c++)
        s[r * dim + c] = static_cast<double>(head.state[r * head.stride + c]);
    for (size_t t = 0; t < kTokens; t++)
      for (size_t r = 0; r < dim; r++) {
        const float *q = head.qkv.data() + 3 * t * dim, *k = q + dim, *v = k + dim;
        double *row = s.data() + r * dim, dot = 0, out = 0;
        for (size_t c = 0; c < dim; c++) {
          row[c] *= static_cast<double>(head.decay[t]);
          dot += row[c] * static_cast<double>(k[c]);
        }
        const double delta = static_cast<double>(head.beta[t]) * (static_cast<double>(v[r]) - dot);
        for (size_t c = 0; c < dim; c++) {
          row[c] += delta * static_cast<double>(k[c]);
          out += row[c] * static_cast<double>(q[c]);
        }
        CHECK(fabs(static_cast<double>(o[t * dim + r]) - out * 0.25) < 1e-5,
              std::to_string(dim) + " token " + std::to_string(t));
      }
    for (const VectorKernel* kernel : kernels()) {
      Guarded<float> to(head.state.size()), y(kTokens * dim);
      kernel->delta_rule(head.rule(head.state.data(), to.data(), 0, kTokens, y.data()));
      CHECK(same(y, o) && same(to, expected), at(*kernel, dim) + " at once");
      for (float& v : to)
        v = 0;
      memcpy(to.data(), head.state.data(), to.size() * sizeof(float));
      for (size_t t = 0; t < kTokens; t++)
        kernel->delta_rule(head.rule(to.data(), to.data(), t, 1, y.data()));
      CHECK(same(y, o) && same(to, expected), at(*kernel, dim) + " in place, token by token");
    }
  }
}

TEST("state spaces equal scalar to the bit, at once and token by token, and the formula") {
  for (const auto& [rows, cols] :
       {std::pair<size_t, size_t>{1, 1}, {8, 24}, {16, 50}, {40, 16}, {50, 33}, {64, 128}}) {
    const size_t stride = (cols + 15) / 16 * 16, width = rows + 2 * cols;
    Guarded<float> xbc(kTokens * width), decay(kTokens), delta(kTokens);
    Guarded<float> state((rows + 15) / 16 * 16 * stride), expected(state.size());
    Guarded<float> y(kTokens * rows), out(kTokens * rows);
    fill(xbc, rows);
    fill(delta, cols);
    Random random(cols);
    for (float& v : decay)
      v = fabsf(random.real());
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < cols; c++)
        state[r * stride + c] = random.real();
    const auto space = [&](const float* from, float* to, size_t first, size_t n, float* o) {
      const float* x = xbc.data() + first * width;
      return StateSpace{.from = from,
                        .to = to,
                        .rows = rows,
                        .cols = cols,
                        .stride = stride,
                        .n = n,
                        .x = x,
                        .b = x + rows,
                        .c = x + rows + cols,
                        .xbc_stride = width,
                        .decay = decay.data() + first,
                        .delta = delta.data() + first,
                        .gate_stride = 1,
                        .skip = 0.75f,
                        .y = o + first * rows,
                        .y_stride = rows};
    };
    scalar().state_space(space(state.data(), expected.data(), 0, kTokens, y.data()));
    std::vector<double> s(rows * cols);
    for (size_t r = 0; r < rows; r++)
      for (size_t c = 0; c < cols; c++)
        s[r * cols + c] = static_cast<double>(state[r * stride + c]);
    for (size_t t = 0; t < kTokens; t++)
      for (size_t r = 0; r < rows; r++) {
        const float *x = xbc.data() + t * width, *b = x + rows, *c = b + cols;
        double sum = 0.75 * static_cast<double>(x[r]);
        for (size_t i = 0; i < cols; i++) {
          double& at = s[r * cols + i];
          at = at * static_cast<double>(decay[t]) + static_cast<double>(delta[t]) *
                                                        static_cast<double>(x[r]) *
                                                        static_cast<double>(b[i]);
          sum += at * static_cast<double>(c[i]);
        }
        CHECK(fabs(static_cast<double>(y[t * rows + r]) - sum) < 1e-5,
              std::to_string(rows) + " token " + std::to_string(t));
      }
    for (const VectorKernel* kernel : kernels()) {
      Guarded<float> to(state.size());
      kernel->state_space(space(state.data(), to.data(), 0, kTokens, out.data()));
      CHECK(same(out, y) && same(to, expected), at(*kernel, cols) + " at once");
      memcpy(to.data(), state.data(), to.size() * sizeof(float));
      for (size_t t = 0; t < kTokens; t++)
        kernel->state_space(space(to.data(), to.data(), t, 1, out.data()));
      CHECK(same(out, y) && same(to, expected), at(*kernel, cols) + " in place, token by token");
    }
  }
}
