// Chunks of rows are read, decoded and encoded in parallel; each thread holds one.
#include "requantize.h"

#include <math.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>

#include "encoders.h"
#include "rounding.h"
#include "ternary_rows.h"

namespace bitnet {
namespace {

// Large enough for the disk, small enough for the cache.
constexpr size_t kChunkWeights = size_t{1} << 18;

// Blocks of I2_S, which run over the flattened tensor.
constexpr size_t kFlatBlock = 128;

Status aborted() {
  return Status::error(Code::kAborted, "The work was aborted.");
}

size_t dense_row_bytes(DenseType type, size_t cols) {
  return cols / kDenseStorage[type].block * kDenseStorage[type].block_bytes;
}

/** Calls use(reader, row, count, thread) for chunks of rows [row, row + count) in parallel. */
template <class Use>
Status for_chunks(const StoredTensor& tensor, size_t row, size_t count,
                  const QuantizeContext& context, Use&& use) {
  float scale = 1.0f;
  Status status = read_tensor_scale(tensor, &scale);
  if (!status.ok())
    return status;
  std::vector<RowReader> readers(context.pool.threads());
  for (RowReader& reader : readers)
    reader.start(tensor, context.kernel, scale);
  const size_t step = row_step(tensor);
  const size_t rows = std::max<size_t>(1, kChunkWeights / tensor.shape.cols / step) * step;
  std::mutex mutex;
  std::atomic<bool> failed{false};
  context.pool.parallel((count + rows - 1) / rows, [&](size_t chunk, size_t thread) {
    if (failed.load(std::memory_order_relaxed))
      return;
    const size_t first = row + chunk * rows, some = std::min(rows, row + count - first);
    Status chunk_status = context.abort.raised() ? aborted() : readers[thread].read(first, some);
    if (chunk_status.ok())
      return use(readers[thread], first, some, thread);
    std::lock_guard<std::mutex> lock(mutex);
    if (!failed.exchange(true))
      status = std::move(chunk_status);
  });
  return status;
}

uint32_t encode_ternary(const StoredTensor& tensor, RowReader& reader, size_t row, size_t count,
                        const TargetType& target, TernaryRows& rows, uint8_t* out) {
  const TernaryFormat& format = *target.ternary;
  const bool one_scale = format.tensor_scale_offset != nullptr;
  rows.start(count, tensor.shape.cols, one_scale ? 0 : format.scale_cols, target.scale);
  for (size_t r = 0; r < count; ++r) {
    const size_t groups = (row + r) * size_groups(tensor.shape.cols);
    const float* given = target.given ? target.given + groups : nullptr;
    if (tensor.ternary && target.rule == ScaleRule::kGiven)
      rows.take(r, reader.codes(), given, kSizeGroup);
    else if (tensor.ternary)
      rows.regroup(r, reader.codes(), reader.scales(), tensor.scale_cols());
    else if (target.rule == ScaleRule::kExact)
      rows.split(r, reader.floats(r));
    else if (target.rule == ScaleRule::kGiven)
      rows.sort(r, reader.floats(r), given, kSizeGroup, target.zero_limit);
    else
      rows.round(r, reader.floats(r));
  }
  if (!one_scale)
    rows.round_scales();
  if (tensor.ternary && reader.invalid())
    rows.findings |= tensor.ternary->four_levels ? kNotTernary : kInvalid;
  if ((rows.findings & ~uint32_t{kScaleRounded}) == 0)
    format.encode(rows.codes(), rows.scales(), tensor.shape, row, count, out);
  return rows.findings;
}

bool all_finite(const float* x, size_t count) {
  uint32_t largest = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    largest = std::max(largest, bits & 0x7fffffff);
  }
  return largest < 0x7f800000;
}

uint32_t encode_dense(const StoredTensor& tensor, RowReader& reader, size_t count, DenseType type,
                      std::vector<float>& values, uint8_t* out) {
  const size_t cols = tensor.shape.cols, row_bytes = dense_row_bytes(type, cols);
  const EncodeRow encode = dense_encoder(type);
  uint32_t findings = 0;
  if (tensor.ternary && reader.invalid() && !tensor.ternary->four_levels)
    return kInvalid;
  for (size_t r = 0; r < count; ++r) {
    const float* x;
    if (tensor.ternary) {
      values.resize(cols);
      const uint8_t* codes = reader.codes() + r * cols;
      const size_t group = tensor.scale_cols();
      const float* scales = reader.scales() + r * (cols / group);
      for (size_t g = 0; g < cols / group; ++g)
        for (size_t i = g * group; i < (g + 1) * group; ++i)
          values[i] = scales[g] * static_cast<float>(codes[i] - 1);
      x = values.data();
    } else {
      x = reader.floats(r);
    }
    if (!all_finite(x, cols))
      findings |= kNotFinite;
    else if (!encode(x, cols, out + r * row_bytes))
      findings |= kTooLarge;
  }
  return findings;
}

uint64_t rows_end(const StoredTensor& tensor, size_t row, const TargetType& target) {
  if (target.ternary)
    return target.ternary->row_bytes(tensor.shape, 0, row).part[0].end;
  return uint64_t{row} * dense_row_bytes(target.dense, tensor.shape.cols);
}

/** Sums that do not depend on which thread made them: of rows, then over rows in order. */
double sum(const std::vector<double>& of_rows) {
  return std::accumulate(of_rows.begin(), of_rows.end(), 0.0);
}

} // namespace

size_t row_step(const StoredTensor& tensor) {
  const size_t flat = kFlatBlock / std::gcd(kFlatBlock, tensor.shape.cols);
  return std::lcm(flat, std::max<size_t>(1, tensor.shape.tile.rows));
}

uint64_t encoded_bytes(const StoredTensor& tensor, size_t row, size_t count,
                       const TargetType& target) {
  const bool tail =
      target.ternary && target.ternary->tensor_scale_offset && row + count == tensor.shape.rows;
  const uint64_t end =
      tail ? target.ternary->tensor_bytes(tensor.shape) : rows_end(tensor, row + count, target);
  return end - rows_end(tensor, row, target);
}

Status encode_rows(const StoredTensor& tensor, size_t row, size_t count, const TargetType& target,
                   const QuantizeContext& context, uint8_t* out, uint32_t* findings) {
  struct Scratch {
    TernaryRows ternary;
    std::vector<float> values;
  };
  std::vector<Scratch> scratch(context.pool.threads());
  std::atomic<uint32_t> found{0};
  const uint64_t begin = rows_end(tensor, row, target);
  Status status = for_chunks(
      tensor, row, count, context,
      [&](RowReader& reader, size_t first, size_t some, size_t thread) {
        uint8_t* to = out + (rows_end(tensor, first, target) - begin);
        found |=
            target.ternary
                ? encode_ternary(tensor, reader, first, some, target, scratch[thread].ternary, to)
                : encode_dense(tensor, reader, some, target.dense, scratch[thread].values, to);
      });
  *findings = found;
  if (!status.ok() || !target.ternary || !target.ternary->tensor_scale_offset ||
      row + count != tensor.shape.rows)
    return status;
  const uint64_t at = target.ternary->tensor_scale_offset(tensor.shape);
  memset(out + (at - begin), 0,
         static_cast<size_t>(target.ternary->tensor_bytes(tensor.shape) - at));
  memcpy(out + (at - begin), &target.scale, sizeof target.scale);
  return status;
}

Status first_scale(const StoredTensor& tensor, const QuantizeContext& context, float* scale) {
  Status status = read_tensor_scale(tensor, scale);
  if (!status.ok() || (tensor.ternary && tensor.ternary->tensor_scale_offset))
    return status;
  RowReader reader;
  reader.start(tensor, context.kernel, *scale);
  *scale = 0.0f;
  const size_t cols = tensor.shape.cols, step = row_step(tensor);
  for (size_t row = 0; row < tensor.shape.rows; row += step) {
    if (context.abort.raised())
      return aborted();
    const size_t count = std::min(step, tensor.shape.rows - row);
    status = reader.read(row, count);
    if (!status.ok())
      return status;
    if (tensor.ternary) {
      if (row == 0)
        *scale = reader.scales()[0];
      const uint8_t* codes = reader.codes();
      const uint8_t* found =
          std::find_if(codes, codes + count * cols, [](uint8_t code) { return code != 1; });
      if (found == codes + count * cols)
        continue;
      *scale = reader.scales()[static_cast<size_t>(found - codes) / tensor.scale_cols()];
      return {};
    }
    for (size_t r = 0; r < count; ++r) {
      const float* x = reader.floats(r);
      const float* found = std::find_if(x, x + cols, [](float value) { return value != 0.0f; });
      if (found == x + cols)
        continue;
      *scale = fabsf(*found);
      return {};
    }
  }
  return {};
}

Status group_sizes(const StoredTensor& tensor, const QuantizeContext& context, float* out) {
  const size_t rows = tensor.shape.rows, cols = tensor.shape.cols, groups = size_groups(cols);
  return for_chunks(tensor, 0, rows, context,
                    [&](RowReader& reader, size_t row, size_t count, size_t) {
                      for (size_t r = 0; r < count; ++r) {
                        const float* x = reader.floats(r);
                        float* sizes = out + (row + r) * groups;
                        for (size_t g = 0; g < groups; ++g) {
                          const size_t begin = g * kSizeGroup;
                          sizes[g] = common_size(x + begin, std::min(kSizeGroup, cols - begin));
                        }
                      }
                    });
}

Status row_sums(const StoredTensor& tensor, const QuantizeContext& context, double* out) {
  const size_t cols = tensor.shape.cols;
  const size_t paired = tensor.dense == kDenseF32 ? 0 : cols / 2 * 2;
  return for_chunks(tensor, 0, tensor.shape.rows, context,
                    [&](RowReader& reader, size_t row, size_t count, size_t) {
                      for (size_t r = 0; r < count; ++r) {
                        const float* x = reader.floats(r);
                        double even = 0, odd = 0;
                        for (size_t i = 0; i < paired; i += 2) {
                          even += fabs(static_cast<double>(x[i]));
                          odd += fabs(static_cast<double>(x[i + 1]));
                        }
                        for (size_t i = paired; i < cols; ++i)
                          even += fabs(static_cast<double>(x[i]));
                        out[row + r] = even + odd;
                      }
                    });
}

Status measure_ternary(const StoredTensor& tensor, size_t group, const QuantizeContext& context,
                       TernaryDistance* out) {
  const size_t rows = tensor.shape.rows, cols = tensor.shape.cols;
  std::vector<double> sums(rows), squares(rows), errors(rows); // of rows
  float scale = 0.0f;
  Status status = first_scale(tensor, context, &scale);
  if (!status.ok())
    return status;
  std::vector<TernaryRows> scratch(context.pool.threads());
  std::atomic<uint32_t> found{0};
  status = for_chunks(tensor, 0, rows, context,
                      [&](RowReader& reader, size_t row, size_t count, size_t thread) {
                        TernaryRows& ternary = scratch[thread];
                        ternary.start(count, cols, group, scale);
                        for (size_t r = 0; r < count; ++r) {
                          const float* x = reader.floats(r);
                          ternary.split(r, x);
                          sums[row + r] = sum_of_sizes(x, cols);
                        }
                        found |= ternary.findings;
                      });
  const double weights = static_cast<double>(rows) * static_cast<double>(cols);
  *out = {found == 0, usable_absmean(sum(sums) / weights), 0.0};
  if (!status.ok() || out->exact)
    return status;
  const size_t shared = group == 0 ? cols : group;
  status = for_chunks(tensor, 0, rows, context,
                      [&](RowReader& reader, size_t row, size_t count, size_t) {
                        for (size_t r = 0; r < count; ++r) {
                          const float* x = reader.floats(r);
                          for (size_t k = 0; k < cols; k += shared) {
                            const float scale = group == 0 ? out->absmean : absmean(x + k, shared);
                            for (size_t i = k; i < k + shared; ++i) {
                              const double w = x[i], t = ternary_code(x[i], scale) - 1;
                              squares[row + r] += w * w;
                              errors[row + r] += (w - scale * t) * (w - scale * t);
                            }
                          }
                        }
                      });
  const double whole = sum(squares);
  out->distance = whole > 0 ? sqrt(sum(errors) / whole) : 0.0;
  return status;
}

} // namespace bitnet
