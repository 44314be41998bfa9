// The head prefilter gives exactly what the full product gives: ids, order and bits.
#include <math.h>
#include <string.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "graph/head.h"
#include "kernels/cpu_features.h"

using namespace bitnet;

namespace {

// Weights that are nothing but a head.
struct HeadOnly {
  Weights weights;

  HeadOnly(size_t vocab_size, size_t dim, const std::string& kernel) {
    CHECK(select_kernels(detect_cpu_features(), kernel, &weights.kernels).ok(), kernel);
    weights.spec = {};
    weights.spec.dim = static_cast<uint32_t>(dim);
    weights.spec.n_head = 1;
    weights.spec.n_kv_head = 1;
    weights.spec.head_dim = 16;
    weights.spec.ffn_dim = 16;
    weights.spec.vocab_size = static_cast<uint32_t>(vocab_size);
    weights.spec.norm_eps = 1e-5f;
    weights.spec.rope_scale = 1;
    weights.spec.rope_base = 10000;
    weights.output_norm.assign(dim, 1.0f);
    weights.tied = true;
    Linear& linear = weights.embedding.linear;
    const size_t row_bytes = pad_to(dim, kFloatPad) * sizeof(float);
    linear.layout = DenseRows{weights.kernels.dense, kDenseF32, row_bytes};
    linear.rows = vocab_size;
    linear.cols = dim;
    CHECK(linear.data.allocate(vocab_size * row_bytes), "memory");
  }
  float* row(size_t r) {
    const RowTable& table = weights.embedding;
    return table.linear.data.as<float>(r * table.stored().row_bytes);
  }
  void build(const PrefilterKernel& kernel) {
    ThreadPool pool(2);
    CHECK(build_head_copy(weights.embedding, kernel, pool, &weights.head_copy).ok(), "head_copy");
  }
};

struct Answer {
  std::vector<int32_t> ids;
  std::vector<float> logits, extra_logits;
  double log_sum_exp;
};

Status answer_now(const Weights& weights, Workspace& ws, ThreadPool& pool, const HeadWork& work) {
  CHECK(ws.ensure(ws.x.rows, work).ok(), "workspace");
  return answer(weights, ws, pool, work);
}

Status all_logits_of(const Weights& weights, Workspace& ws, ThreadPool& pool, size_t row,
                     float* logits) {
  HeadWork work;
  work.logits.push_back({row, logits});
  return answer_now(weights, ws, pool, work);
}

// The best `k` of some rows of ws.x together.
Status best_of(const Weights& weights, Workspace& ws, ThreadPool& pool,
               const std::vector<size_t>& of, size_t k, const std::vector<int32_t>& extra_ids,
               std::vector<Answer>* answers) {
  answers->resize(of.size());
  HeadWork work;
  for (size_t i = 0; i < of.size(); ++i) {
    Answer& answer = (*answers)[i];
    answer = {std::vector<int32_t>(k), std::vector<float>(k), std::vector<float>(extra_ids.size()),
              0};
    // Every fifth takes the way through all logits, beside the prefiltered ones.
    work.best.push_back({.row = of[i],
                         .k = k,
                         .ids = answer.ids.data(),
                         .logits = answer.logits.data(),
                         .extra_ids = extra_ids.data(),
                         .extra_count = extra_ids.size(),
                         .extra_logits = answer.extra_logits.data(),
                         .log_sum_exp = of[i] % 5 == 4 ? &answer.log_sum_exp : nullptr});
  }
  return answer_now(weights, ws, pool, work);
}

// Best of the full product of single rows against best_of(), for every k of `ks`; both refuse
// vectors of which a logit is no number, if it is among the best.
void compare(const Weights& weights, Workspace& ws, ThreadPool& pool, size_t n,
             const std::vector<size_t>& ks, const std::vector<int32_t>& extra_ids,
             const std::string& what) {
  const size_t vocab_size = weights.spec.vocab_size;
  std::vector<float> full(vocab_size);
  std::vector<size_t> sound;
  for (size_t row = 0; row < n; ++row) {
    const Status status = all_logits_of(weights, ws, pool, row, full.data());
    if (status.ok()) {
      sound.push_back(row);
      continue;
    }
    CHECK(status.code == Code::kNumeric, what);
    std::vector<Answer> none;
    for (size_t k : ks)
      CHECK(best_of(weights, ws, pool, {row}, k, extra_ids, &none).code == Code::kNumeric, what);
  }
  std::vector<std::vector<Answer>> answers(ks.size()); // [k, sound row]
  for (size_t which = 0; which < ks.size(); ++which)
    CHECK(best_of(weights, ws, pool, sound, ks[which], extra_ids, &answers[which]).ok(), what);
  for (size_t i = 0; i < sound.size(); ++i) {
    const size_t row = sound[i];
    CHECK(all_logits_of(weights, ws, pool, row, full.data()).ok(), what);
    std::vector<int32_t> expected(vocab_size);
    std::iota(expected.begin(), expected.end(), 0);
    std::sort(expected.begin(), expected.end(), [&](int32_t a, int32_t b) {
      const float x = full[static_cast<size_t>(a)], y = full[static_cast<size_t>(b)];
      if (std::isnan(x) != std::isnan(y))
        return std::isnan(x);
      return !std::isnan(x) && x != y ? x > y : a < b;
    });
    for (size_t which = 0; which < ks.size(); ++which) {
      const Answer& answer = answers[which][i];
      const std::string here =
          what + ", k " + std::to_string(ks[which]) + ", row " + std::to_string(row);
      for (size_t j = 0; j < ks[which]; ++j) {
        CHECK_EQ(answer.ids[j], expected[j], here + ", place " + std::to_string(j));
        CHECK(memcmp(&answer.logits[j], &full[static_cast<size_t>(expected[j])], sizeof(float)) ==
                  0,
              here + ", bits of place " + std::to_string(j));
      }
      for (size_t j = 0; j < extra_ids.size(); ++j)
        CHECK(memcmp(&answer.extra_logits[j], &full[static_cast<size_t>(extra_ids[j])],
                     sizeof(float)) == 0,
              here + ", also " + std::to_string(extra_ids[j]));
    }
  }
}

} // namespace

TEST("the head prefilter finds the best rows of random heads") {
  std::mt19937 generator(11);
  std::normal_distribution<float> normal;
  for (const PrefilterKernel* kernel : usable_prefilter_kernels(detect_cpu_features())) {
    HeadOnly head(4099, 130, "");
    for (size_t r = 0; r < 4099; ++r)
      for (size_t k = 0; k < 130; ++k)
        head.row(r)[k] = normal(generator) * (1 + static_cast<float>(r % 7));
    head.build(*kernel);
    Workspace ws(head.weights, 2);
    CHECK(ws.ensure(37, {}).ok(), "workspace");
    ThreadPool pool(2);
    for (size_t n : {1, 2, 3, 16, 37}) { // more than the prefilter takes at a time
      if (check::quick() && (n == 3 || n == 16))
        continue;
      for (size_t row = 0; row < n; ++row)
        for (size_t k = 0; k < 130; ++k)
          ws.x.row(row)[k] = normal(generator);
      compare(head.weights, ws, pool, n, {1, 2, 40, 300}, {0, 4098, 17},
              std::string(kernel->isa) + ", " + std::to_string(n) + " vectors");
    }
  }
}

TEST("the head prefilter survives ties, zero rows, outliers, rows that are no numbers and vectors "
     "that are none") {
  std::mt19937 generator(3);
  std::normal_distribution<float> normal;
  HeadOnly head(2000, 64, "");
  for (size_t r = 0; r < 2000; ++r)
    for (size_t k = 0; k < 64; ++k)
      head.row(r)[k] = r % 5 == 0   ? 0.0f
                       : r % 5 == 1 ? static_cast<float>(k % 3) - 1
                                    : normal(generator);
  head.row(700)[3] = 1e30f;
  head.row(701)[3] = -1e30f;
  head.row(702)[9] = 1e-38f;
  Workspace ws(head.weights, 3);
  CHECK(ws.ensure(6, {}).ok(), "workspace");
  ThreadPool pool(3);
  for (int round = 0; round < 2; ++round) {
    if (round == 1)
      head.row(900)[5] = INFINITY;
    head.build(*usable_prefilter_kernels(detect_cpu_features())[0]);
    for (int vector = 0; vector < 6; ++vector)
      for (size_t k = 0; k < 64; ++k)
        ws.x.row(static_cast<size_t>(vector))[k] = vector == 0   ? 0.0f
                                                   : vector == 1 ? 1.0f
                                                   : vector == 2 ? (k == 3 ? 1e20f : 1e-20f)
                                                   : vector == 3 ? static_cast<float>(k % 3) - 1
                                                   : vector == 4 ? (k == 7 ? NAN : 1.0f)
                                                                 : normal(generator);
    compare(head.weights, ws, pool, 6, {1, 5, 100, 2000}, {900, 0},
            "round " + std::to_string(round));
  }
}

TEST("the head prefilter finds the best soft-capped rows, ties of the cap among them") {
  std::mt19937 generator(12);
  std::normal_distribution<float> normal;
  HeadOnly head(4099, 130, "");
  for (size_t r = 0; r < 4099; ++r)
    for (size_t k = 0; k < 130; ++k)
      head.row(r)[k] = normal(generator) * (1 + static_cast<float>(r % 7));
  head.build(*usable_prefilter_kernels(detect_cpu_features())[0]);
  Workspace ws(head.weights, 2);
  CHECK(ws.ensure(6, {}).ok(), "workspace");
  ThreadPool pool(2);
  for (float cap : {2.0f, 30.0f, 1000.0f}) { // the first two make thousands and dozens of ties
    head.weights.spec.logit_softcapping = cap;
    for (size_t row = 0; row < 6; ++row)
      for (size_t k = 0; k < 130; ++k)
        ws.x.row(row)[k] = normal(generator);
    compare(head.weights, ws, pool, 6, {1, 2, 40, 200}, {0, 4098, 17},
            "capped at " + std::to_string(cap));
  }
  CHECK(ws.head_counts.prefiltered.load() > 0, "prefiltered at all");
}

TEST("the prefilter rules out nearly all rows of a head like a real one") {
  std::mt19937 generator(8);
  std::normal_distribution<float> normal;
  HeadOnly head(8192, 512, "");
  for (size_t r = 0; r < 8192; ++r)
    for (size_t k = 0; k < 512; ++k)
      head.row(r)[k] = normal(generator);
  ThreadPool pool(2);
  head.build(*usable_prefilter_kernels(detect_cpu_features())[0]);
  // error / norm is about (1/127 of the largest) / sqrt(12): 0.9 % of a Gaussian row.
  double error = 0, norm = 0;
  for (size_t r = 0; r < 8192; ++r) {
    error += head.weights.head_copy.error[r];
    norm += head.weights.head_copy.norm[r];
  }
  CHECK(error / norm < 0.012, std::to_string(error / norm));
}
