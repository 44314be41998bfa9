// Full products of the head.
#include "head.h"

#include <math.h>

#include <algorithm>

#include "head_product.h"
#include "soft_cap.h"

namespace bitnet {
namespace {

// Rows of the head one thread takes at a time.
constexpr size_t kFullRows = 128;

void write_state(const Weights& weights, const Workspace& ws, const StateRow& row) {
  weights.kernels.vector->rms_norm(ws.x.as<float>() + row.row * ws.dim_stride,
                                   weights.output_norm.data(), weights.spec.dim,
                                   weights.spec.norm_eps, row.state);
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

size_t head_vectors(size_t vocab) {
  constexpr size_t most = 32, bytes = size_t{128} << 20;
  return std::min(most, std::max<size_t>(1, bytes / (vocab * sizeof(float))));
}

void normalise_row(const Weights& weights, Workspace& ws, size_t row, size_t i) {
  float* h = ws.h.as<float>() + i * ws.wide_stride;
  write_state(weights, ws, {row, h});
  std::fill(h + weights.spec.dim, h + ws.dim_stride, 0.0f);
}

Status head_rows(const Weights& weights, const Workspace& ws, size_t begin, size_t end,
                 size_t vector, size_t n, ThreadScratch& scratch, float* out, size_t out_stride) {
  const RowTable& head = weights.head();
  const uint8_t* rows = nullptr;
  Status status = head.fetch(begin, end - begin, scratch.kernel, &rows);
  if (status.ok())
    head.linear.dense->product[head.linear.type](
        {rows, head.linear.row_bytes, pad_to(head.cols(), kFloatPad),
         ws.h.as<float>() + vector * ws.wide_stride, ws.wide_stride, n, out, out_stride},
        0, end - begin);
  return status;
}

double log_sum_exp(const float* logits, size_t count) {
  const float max = *std::max_element(logits, logits + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += exp(static_cast<double>(logits[i]) - max);
  return max + log(sum);
}

Status first_failure(std::vector<Status>& statuses) {
  for (Status& status : statuses)
    if (!status.ok())
      return std::move(status);
  return {};
}

Status output_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const LogitsRow* rows,
                     size_t n) {
  if (n == 0)
    return {};
  const size_t vocab = weights.head().rows();
  ws.head_counts.full += n;
  for (size_t i = 0; i < n; ++i)
    normalise_row(weights, ws, rows[i].row, i);
  std::vector<Status> statuses(pool.threads());
  pool.parallel((vocab + kFullRows - 1) / kFullRows, [&](size_t chunk, size_t thread) {
    const size_t begin = chunk * kFullRows;
    const size_t count = std::min(vocab - begin, kFullRows);
    ThreadScratch& scratch = ws.scratch[thread];
    if (!scratch.values.ensure(n * kFullRows * sizeof(float))) {
      statuses[thread] = Status::error(Code::kMemory, "Not enough memory for the logits.");
      return;
    }
    float* out = scratch.values.as<float>(); // [n, kFullRows]
    Status status = head_rows(weights, ws, begin, begin + count, 0, n, scratch, out, kFullRows);
    if (!status.ok()) {
      statuses[thread] = std::move(status);
      return;
    }
    for (size_t i = 0; i < n; ++i) {
      soft_cap(weights.spec.logit_softcapping, out + i * kFullRows, count);
      if (!all_logits(out + i * kFullRows, count))
        statuses[thread] = not_numbers();
      std::copy(out + i * kFullRows, out + i * kFullRows + count, rows[i].logits + begin);
    }
  });
  return first_failure(statuses);
}

Status score_rows(const Weights& weights, Workspace& ws, ThreadPool& pool, const ScoreRow* rows,
                  size_t n) {
  const size_t vocab = weights.spec.vocab;
  const size_t together = std::min(n, head_vectors(vocab));
  std::vector<float> logits(together * vocab);
  std::vector<LogitsRow> group(together);
  for (size_t first = 0; first < n; first += together) {
    const size_t count = std::min(together, n - first);
    for (size_t i = 0; i < count; ++i)
      group[i] = {rows[first + i].row, logits.data() + i * vocab};
    Status status = output_logits(weights, ws, pool, group.data(), count);
    if (!status.ok())
      return status;
    pool.parallel(count, [&](size_t i, size_t) {
      const ScoreRow& row = rows[first + i];
      const float* of_row = group[i].logits;
      *row.score = of_row[static_cast<size_t>(row.next)] - log_sum_exp(of_row, vocab);
    });
    for (size_t i = 0; i < count; ++i)
      if (std::isnan(*rows[first + i].score)) // all logits were minus infinity
        return not_numbers();
  }
  return {};
}

void output_states(const Weights& weights, Workspace& ws, ThreadPool& pool, const StateRow* rows,
                   size_t n) {
  pool.parallel(n, [&](size_t i, size_t) { write_state(weights, ws, rows[i]); });
}

} // namespace bitnet
