// Full products of the head, and what is made of them.
#include "head.h"

#include <math.h>

#include <algorithm>

#include "head_product.h"
#include "norm.h"
#include "soft_cap.h"

namespace bitnet {
namespace {

void write_state(const Weights& weights, const Workspace& ws, const StateRow& row) {
  norm_row(weights, ws.x.row(row.row), weights.output_norm, row.state);
}

} // namespace

Status not_numbers() {
  return Status::error(Code::kNumeric,
                       "Expected finite logits from the model, but some are not numbers; the model "
                       "file is probably damaged or uses weights this version misreads.");
}

bool all_logits(const float* values, size_t count) {
  bool odd = false;
  for (size_t i = 0; i < count; ++i)
    odd |= !(values[i] < INFINITY);
  return !odd;
}

size_t head_vectors(size_t vocab_size) {
  constexpr size_t most = 32, bytes = size_t{128} << 20;
  return std::min(most, std::max<size_t>(1, bytes / (vocab_size * sizeof(float))));
}

void normalize_row(const Weights& weights, Workspace& ws, size_t row, size_t i) {
  float* h = ws.h.row(i);
  write_state(weights, ws, {row, h});
  // Logits are scaled by what all products of the head read, so that the prefilter's bounds hold.
  for (size_t d = 0; weights.spec.logit_scale != 1.0f && d < weights.spec.dim; ++d)
    h[d] /= weights.spec.logit_scale;
  if (const Rotation* rotation = weights.head().linear.rotation)
    rotation->apply(*weights.kernels.vector, h);
  std::fill(h + weights.spec.dim, h + pad_to(weights.spec.dim, kFloatPad), 0.0f);
}

Status head_rows(const Weights& weights, const Workspace& ws, RowRange rows, size_t vector,
                 size_t n, ThreadScratch& scratch, Mat out) {
  const RowTable& head = weights.head();
  const DenseRows& dense = head.stored();
  const uint8_t* stored = nullptr;
  Status status = head.fetch(rows.begin, rows.size(), scratch.kernel.data(), &stored);
  if (status.ok())
    dense.kernel->product[dense.type]({.rows = stored,
                                       .row_bytes = dense.row_bytes,
                                       .cols = pad_to(head.cols(), kFloatPad),
                                       .x = ws.h.row(vector),
                                       .x_stride = ws.h.stride,
                                       .n = n,
                                       .out = out.data,
                                       .out_stride = out.stride},
                                      0, rows.size());
  return status;
}

double log_sum_exp(const float* logits, size_t count) {
  const float max = *std::max_element(logits, logits + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += exp(static_cast<double>(logits[i]) - max);
  return max + log(sum);
}

void clear_failures(Workspace& ws) {
  for (Status& status : ws.head.statuses)
    status = {};
}

Status first_failure(Workspace& ws) {
  for (Status& status : ws.head.statuses)
    if (!status.ok())
      return std::move(status);
  return {};
}

float* logits_row(Workspace& ws, size_t i) {
  return ws.head.logits.as<float>() + i * ws.head.logits_stride;
}

Status output_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const LogitsRow* rows,
                     size_t n) {
  if (n == 0)
    return {};
  const size_t vocab_size = weights.head().rows();
  ws.head_counts.full += n;
  for (size_t i = 0; i < n; ++i)
    normalize_row(weights, ws, rows[i].row, i);
  clear_failures(ws);
  pool.parallel((vocab_size + kFullRows - 1) / kFullRows, [&](size_t chunk, size_t thread) {
    const RowRange range = {chunk * kFullRows, std::min(vocab_size, (chunk + 1) * kFullRows)};
    ThreadScratch& scratch = ws.scratch[thread];
    Status& failure = ws.head.statuses[thread];
    const Mat out = packed(scratch.values.as<float>(), n, range.size());
    Status status = head_rows(weights, ws, range, 0, n, scratch, out);
    if (!status.ok()) {
      failure = std::move(status);
      return;
    }
    for (size_t i = 0; i < n; ++i) {
      soft_cap(weights.spec.logit_softcapping, out.row(i), out.cols);
      if (!all_logits(out.row(i), out.cols))
        failure = not_numbers();
      std::copy_n(out.row(i), out.cols, rows[i].logits + range.begin);
    }
  });
  return first_failure(ws);
}

namespace {

Status score_rows(const Weights& weights, Workspace& ws, ThreadPool& pool, const ScoreRow* rows,
                  size_t n) {
  const size_t vocab_size = weights.spec.vocab_size;
  const size_t together = std::min(n, head_vectors(vocab_size));
  std::vector<LogitsRow>& group = ws.head.full;
  for (size_t first = 0; first < n; first += together) {
    const size_t count = std::min(together, n - first);
    group.clear();
    for (size_t i = 0; i < count; ++i)
      group.push_back({rows[first + i].row, logits_row(ws, i)});
    Status status = output_logits(weights, ws, pool, group.data(), count);
    if (!status.ok())
      return status;
    pool.parallel(count, [&](size_t i, size_t) {
      const ScoreRow& row = rows[first + i];
      const float* of_row = group[i].logits;
      *row.score = of_row[static_cast<size_t>(row.next)] - log_sum_exp(of_row, vocab_size);
    });
    for (size_t i = 0; i < count; ++i)
      if (std::isnan(*rows[first + i].score)) // all logits were minus infinity
        return not_numbers();
  }
  return {};
}

} // namespace

void HeadWork::clear() {
  logits.clear();
  best.clear();
  scores.clear();
  states.clear();
}

Status answer(const Weights& weights, Workspace& ws, ThreadPool& pool, const HeadWork& work) {
  Status status = output_logits(weights, ws, pool, work.logits.data(), work.logits.size());
  const auto asks_sum = [](const LogitsRow& row) { return row.log_sum_exp != nullptr; };
  if (status.ok() && std::any_of(work.logits.begin(), work.logits.end(), asks_sum))
    pool.parallel(work.logits.size(), [&](size_t i, size_t) {
      const LogitsRow& row = work.logits[i];
      if (row.log_sum_exp) // others in the step may not ask for it
        *row.log_sum_exp = log_sum_exp(row.logits, weights.spec.vocab_size);
    });
  if (status.ok())
    status = best_logits(weights, ws, pool, work.best.data(), work.best.size());
  if (status.ok())
    status = score_rows(weights, ws, pool, work.scores.data(), work.scores.size());
  if (status.ok())
    pool.parallel(work.states.size(),
                  [&](size_t i, size_t) { write_state(weights, ws, work.states[i]); });
  return status;
}

ScratchBytes head_thread_scratch(const Weights& weights, const HeadWork& work) {
  const size_t group = head_vectors(weights.spec.vocab_size);
  const size_t n =
      std::max(work.logits.size(), std::min(group, std::max(work.best.size(), work.scores.size())));
  if (n == 0)
    return {};
  return {.kernel = weights.head().buffer_bytes(kFullRows),
          .values = n * kFullRows * sizeof(float)};
}

} // namespace bitnet
