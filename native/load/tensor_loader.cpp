// Chunks of rows are read, checked and packed in parallel; nothing larger than a chunk is held
// twice.
#include "tensor_loader.h"

#include <math.h>
#include <string.h>

#include <algorithm>
#include <numeric>

#include "../common/half.h"
#include "first_failure.h"
#include "packed_layout.h"
#include "q4_0_block.h"

namespace bitnet {
namespace {

// Rows are read in chunks of about this many weights: large enough for the disk, small enough for
// the cache. Of a matrix that has no more, as experts have, each thread takes a share.
constexpr size_t kChunkWeights = size_t{1} << 20, kFewestWeights = size_t{1} << 16;

size_t chunk_rows_of(size_t rows, size_t cols, size_t threads) {
  const size_t share = std::max(kFewestWeights, rows * cols / threads);
  return std::max<size_t>(1, std::min(kChunkWeights, share) / cols);
}

Status bad_tensor(const TensorSpec& tensor, const std::string& what) {
  return Status::error(Code::kModel, "Tensor \"" + tensor.name + "\" (" + tensor.type + ") " +
                                         what +
                                         ": the file is damaged or was written by a faulty tool; "
                                         "get it again or convert it anew.");
}

Status no_memory(const TensorSpec& tensor, uint64_t bytes) {
  return Status::error(Code::kMemory, "Could not get " + std::to_string(bytes) +
                                          " bytes of memory for tensor \"" + tensor.name +
                                          "\": close other programs or use a smaller model.");
}

// Of all that is stored together: the matrices of all experts.
TensorShape shape_of(const TensorSpec& tensor) {
  return {static_cast<size_t>(tensor.rows) * std::max(1u, tensor.experts),
          static_cast<size_t>(tensor.cols), tensor.tile};
}

Status check_shape(const TensorSpec& tensor, const TernaryFormat& format) {
  const TensorShape shape = shape_of(tensor);
  if (shape.cols % format.block_cols != 0 || (format.fits && !format.fits(shape)) ||
      tensor.bytes < format.tensor_bytes(shape))
    return bad_tensor(tensor,
                      "has " + std::to_string(tensor.bytes) + " bytes, which do not fit its shape");
  return {};
}

// Of a tensor that the plan holds as it is stored.
DenseType dense_type(const TensorSpec& tensor) {
  DenseType type = kDenseF32;
  find_dense_type(tensor.type, &type);
  return type;
}

bool all_finite(const float* values, size_t count) {
  return std::all_of(values, values + count, [](float value) { return isfinite(value); });
}

// Where every row has one scale repeated, the row keeps that one; where all rows agree, so does the
// tensor. scales arrive as [rows, blocks]. True where they differ inside a row.
bool collapse_scales(const std::vector<float>& scales, size_t rows, size_t blocks, Linear* w) {
  const float first = scales.empty() ? 0.0f : scales[0];
  if (std::all_of(scales.begin(), scales.end(), [first](float s) { return s == first; })) {
    w->scale = first;
    return false;
  }
  for (size_t r = 0; r < rows; ++r) {
    const float* of_row = scales.data() + r * blocks;
    if (!std::all_of(of_row, of_row + blocks, [=](float scale) { return scale == *of_row; })) {
      w->row_scale.clear();
      return true;
    }
    w->row_scale.push_back(*of_row);
  }
  return false;
}

} // namespace

bool find_dense_type(const std::string& type, DenseType* out) {
  for (uint32_t t = 0; t < kDenseTypes; ++t)
    if (type == kDenseStorage[t].name) {
      *out = static_cast<DenseType>(t);
      return true;
    }
  return false;
}

size_t dense_row_bytes(DenseType type, size_t cols) {
  const DenseStorage& info = kDenseStorage[type];
  return cols / info.block * info.block_bytes;
}

size_t held_row_bytes(DenseType type, size_t cols) {
  return dense_row_bytes(type, pad_to(cols, std::max(kFloatPad, kDenseStorage[type].block)));
}

bool is_float(DenseType type) {
  return kDenseStorage[type].block == 1;
}

Status TensorLoader::load_linear(const TensorSpec& tensor, PlannedTensor* planned, Linear* out) {
  out->rows = static_cast<size_t>(tensor.rows);
  out->cols = static_cast<size_t>(tensor.cols);
  Status status = planned->layout == TensorLayout::kDense
                      ? load_dense(tensor, dense_type(tensor), out)
                      : load_ternary(tensor, *find_ternary_format(tensor.type), planned, out);
  planned->bytes = out->data.size() + out->row_scale.size() * sizeof(float);
  return status.ok() && tensor.scale_offset != 0 ? apply_scale(tensor, out) : status;
}

Status TensorLoader::load_experts(const TensorSpec& tensor, PlannedTensor* planned,
                                  std::vector<Linear>* out) {
  const PlannedTensor each = *planned;
  out->resize(tensor.experts);
  planned->bytes = 0;
  for (size_t expert = 0; expert < out->size(); ++expert) {
    Linear& matrix = (*out)[expert];
    if (matrix.data.size() != 0)
      arena_.recycle(matrix.data);
    matrix.row_scale.clear();
    first_row_ = expert * static_cast<size_t>(tensor.rows);
    PlannedTensor own = each;
    Status status = load_linear(tensor, &own, &matrix);
    if (!status.ok())
      return status;
    planned->bytes += own.bytes;
    if (own.layout != each.layout)
      planned->layout = own.layout;
  }
  return {};
}

Status TensorLoader::apply_scale(const TensorSpec& tensor, Linear* w) {
  float scale = 0;
  Status status =
      scale_file_.read(tensor.scale_offset, sizeof scale, reinterpret_cast<uint8_t*>(&scale));
  if (!status.ok())
    return status;
  if (auto* groups = std::get_if<TernaryGroups>(&w->layout)) {
    groups->factor = scale;
    const float size = fabsf(scale);
    if (size != 0.0f && !(size >= kLeastGroupFactor && size <= kMostGroupFactor))
      return bad_tensor(tensor, "has a scale that is not a number of a usual size");
    return {};
  }
  w->scale *= scale;
  for (float& row : w->row_scale)
    row *= scale;
  if (!isfinite(scale) || !isfinite(w->scale) ||
      !all_finite(w->row_scale.data(), w->row_scale.size()))
    return bad_tensor(tensor, "has a scale that is not a finite number");
  return {};
}

Status TensorLoader::load_ternary(const TensorSpec& tensor, const TernaryFormat& format,
                                  PlannedTensor* planned, Linear* out) {
  const TensorShape shape = shape_of(tensor);
  Status status = check_shape(tensor, format);
  if (!status.ok())
    return status;
  // [rows, blocks], or the tensor's one scale.
  const bool one_scale = format.tensor_scale_offset != nullptr;
  const size_t scale_cols = format.scale_cols ? format.scale_cols : shape.cols;
  const size_t rows = one_scale ? 1 : out->rows;
  const size_t blocks = one_scale ? 1 : shape.cols / scale_cols;
  std::vector<float> scales(rows * blocks);
  if (one_scale)
    status = file_.read(tensor.offset + format.tensor_scale_offset(shape), sizeof(float),
                        reinterpret_cast<uint8_t*>(scales.data()));
  const bool neurons = planned->layout != TensorLayout::kTiles;
  if (status.ok())
    status = neurons ? pack_neurons(tensor, format, planned->layout, out, scales.data())
                     : pack_tiles(tensor, format, *planned->tiles, out, scales.data());
  if (status.code == Code::kType) { // sound, but not ternary
    arena_.give_back(out->data);
    planned->layout = TensorLayout::kQ4_0;
    return load_as_q4_0(tensor, format, out);
  }
  if (!status.ok())
    return status;
  if (!all_finite(scales.data(), scales.size()))
    return bad_tensor(tensor, "has a scale that is not a finite number");
  if (!collapse_scales(scales, rows, blocks, out))
    return {};
  // Only where scales inside a row really differ is the tensor read again, with those of groups.
  arena_.give_back(out->data);
  planned->layout = TensorLayout::kGroups;
  return pack_groups(tensor, format, groups_of(*planned->tiles), out, scales.data());
}

Status TensorLoader::decode_rows(const TensorSpec& tensor, const TernaryFormat& format,
                                 size_t tile_rows, float* scales, const UseRows& use,
                                 bool four_levels) {
  const TensorShape shape = shape_of(tensor);
  const size_t rows = static_cast<size_t>(tensor.rows);
  struct Chunk {
    AlignedBuffer bytes; // as stored
    AlignedBuffer codes; // [chunk_rows, cols]
  };
  std::vector<Chunk> buffers(pool_.threads());
  FirstFailure failure;
  // Whole tiles of the kernel, and of the file where it has any: one that two chunks share would be
  // read and decoded twice.
  const size_t step = std::lcm(tile_rows, std::max<size_t>(1, shape.tile.rows));
  const size_t chunk_rows = pad_to(chunk_rows_of(rows, shape.cols, pool_.threads()), step);
  const size_t row_scales = format.scale_cols ? shape.cols / format.scale_cols : 1;
  pool_.parallel((rows + chunk_rows - 1) / chunk_rows, [&](size_t chunk, size_t thread) {
    if (failure.failed())
      return;
    Chunk& buffer = buffers[thread];
    const size_t row = chunk * chunk_rows;
    const size_t count = std::min(chunk_rows, rows - row);
    const size_t padded = pad_to(count, tile_rows) * shape.cols;
    const RowBytes range = format.row_bytes(shape, first_row_ + row, count);
    const size_t stored = static_cast<size_t>(range.size());
    if (!buffer.bytes.ensure(stored) || !buffer.codes.ensure(padded))
      return failure.report(no_memory(tensor, stored + padded));
    uint8_t* to = buffer.bytes.data();
    for (const ByteRange& part : range.part) {
      const size_t bytes = static_cast<size_t>(part.end - part.begin);
      Status status = file_.read(tensor.offset + part.begin, bytes, to);
      if (!status.ok())
        return failure.report(std::move(status));
      to += bytes;
    }
    uint8_t* codes = buffer.codes.data();
    if (!format.decode(buffer.bytes.data(), shape, first_row_ + row, count, codes,
                       scales + row * row_scales) &&
        !(format.four_levels && four_levels))
      return failure.report(format.four_levels
                                ? Status::error(Code::kType, "It is not ternary.")
                                : bad_tensor(tensor, std::string("holds ") + format.invalid));
    memset(codes + count * shape.cols, 1, padded - count * shape.cols);
    use(row, count, codes, thread);
  });
  return failure.take();
}

Status TensorLoader::pack_tiles(const TensorSpec& tensor, const TernaryFormat& format,
                                const TernaryKernel& kernel, Linear* out, float* scales) {
  const size_t tile_rows = kernel.tile_rows;
  const size_t padded_cols = pad_to(out->cols, kernel.tile_cols);
  const size_t tile_bytes = kernel.tile_bytes(padded_cols);
  const PackedLayout packed = in_tiles(kernel, out->rows, out->cols);
  out->layout = packed.layout;
  out->data = arena_.take(packed.bytes);
  if (!out->data.data())
    return no_memory(tensor, packed.bytes);

  std::vector<std::vector<uint8_t>> tiles(pool_.threads()); // [tile_rows, padded_cols]
  for (std::vector<uint8_t>& tile : tiles)
    tile.assign(tile_rows * padded_cols, 1);
  const auto pack = [&](size_t row, size_t count, const uint8_t* codes, size_t thread) {
    uint8_t* tile = tiles[thread].data();
    for (size_t r = 0; r < count; r += tile_rows) {
      uint8_t* to = out->data.data() + (row + r) / tile_rows * tile_bytes;
      const uint8_t* from = codes + r * out->cols;
      if (padded_cols == out->cols) {
        kernel.pack_tile(from, out->cols, to);
        continue;
      }
      for (size_t i = 0; i < tile_rows; ++i)
        memcpy(tile + i * padded_cols, from + i * out->cols, out->cols);
      kernel.pack_tile(tile, padded_cols, to);
    }
  };
  return decode_rows(tensor, format, tile_rows, scales, pack);
}

Status TensorLoader::pack_groups(const TensorSpec& tensor, const TernaryFormat& format,
                                 const GroupKernel& kernel, Linear* out, float* scales) {
  const size_t group = format.scale_cols, groups = out->cols / group;
  const size_t tile_rows = kernel.tile_rows, tile_bytes = kernel.tile_bytes(out->cols, group);
  const PackedLayout packed = in_groups(kernel, out->rows, out->cols, group);
  out->layout = packed.layout;
  out->data = arena_.take(packed.bytes);
  if (!out->data.data())
    return no_memory(tensor, packed.bytes);

  std::vector<std::vector<uint16_t>> halves(pool_.threads()); // [tile_rows, groups]
  for (std::vector<uint16_t>& tile : halves)
    tile.resize(tile_rows * groups);
  const auto pack = [&](size_t row, size_t count, const uint8_t* codes, size_t thread) {
    uint16_t* tile = halves[thread].data();
    for (size_t r = 0; r < count; r += tile_rows) {
      const size_t rows = std::min(tile_rows, count - r);
      const float* from = scales + (row + r) * groups;
      std::transform(from, from + rows * groups, tile, exact_half_bits);
      std::fill(tile + rows * groups, tile + tile_rows * groups, uint16_t{0});
      kernel.pack_tile(codes + r * out->cols, tile, out->cols, group,
                       out->data.data() + (row + r) / tile_rows * tile_bytes);
    }
  };
  return decode_rows(tensor, format, tile_rows, scales, pack);
}

Status TensorLoader::pack_neurons(const TensorSpec& tensor, const TernaryFormat& format,
                                  TensorLayout layout, Linear* out, float* scales) {
  const NeuronKernel& kernel = *kernels_.neurons;
  const bool by_row = layout == TensorLayout::kNeuronRows;
  const size_t width = by_row ? out->cols : out->rows;
  const size_t neurons = by_row ? out->rows : out->cols;
  const size_t neuron_bytes = kernel.neuron_bytes(width);
  const PackedLayout held = by_neuron(kernel, layout, out->rows, out->cols);
  out->layout = held.layout;
  out->data = arena_.take(held.bytes);
  if (!out->data.data())
    return no_memory(tensor, held.bytes);
  uint8_t* packed = out->data.data();
  if (by_row) {
    std::vector<std::vector<uint8_t>> padded(pool_.threads()); // one row
    for (std::vector<uint8_t>& row : padded)
      row.assign(pad_to(width, kernel.block), 1);
    return decode_rows(tensor, format, 1, scales,
                       [&](size_t row, size_t count, const uint8_t* codes, size_t thread) {
                         for (size_t r = 0; r < count; ++r) {
                           memcpy(padded[thread].data(), codes + r * width, width);
                           kernel.pack_up(padded[thread].data(), width,
                                          packed + (row + r) * neuron_bytes);
                         }
                       });
  }
  return decode_rows(tensor, format, kernel.block, scales,
                     [&](size_t row, size_t count, const uint8_t* codes, size_t) {
                       for (size_t r = 0; r < count; r += kernel.block)
                         kernel.pack_down(codes + r * neurons, neurons, row + r, packed,
                                          neuron_bytes);
                     });
}

Status TensorLoader::load_as_q4_0(const TensorSpec& tensor, const TernaryFormat& format,
                                  Linear* out) {
  Status status = check_shape(tensor, format);
  if (!status.ok())
    return status;
  out->rows = static_cast<size_t>(tensor.rows);
  out->cols = static_cast<size_t>(tensor.cols);
  const size_t row_bytes = out->cols / kQ4Block * kQ4BlockBytes;
  const PackedLayout packed = in_q4_0(*kernels_.dense, out->rows, out->cols);
  out->layout = packed.layout;
  out->scale = 1;
  out->data = arena_.take(packed.bytes);
  if (!out->data.data())
    return no_memory(tensor, packed.bytes);
  const size_t blocks = out->cols / format.scale_cols;
  std::vector<float> scales(out->rows * blocks);
  const auto write = [&](size_t row, size_t count, const uint8_t* codes, size_t) {
    uint8_t* to = out->data.data() + row * row_bytes;
    const float* row_scales = scales.data() + row * blocks;
    for (size_t at = 0; at < count * out->cols; at += kQ4Block, to += kQ4BlockBytes)
      write_q4_0(codes + at, exact_half_bits(row_scales[at / format.scale_cols]), to);
  };
  status = decode_rows(tensor, format, 1, scales.data(), write, true);
  if (status.ok() && !all_finite(scales.data(), scales.size()))
    return bad_tensor(tensor, "has a scale that is not a finite number");
  return status;
}

Status TensorLoader::load_table(const TensorSpec& tensor, const PlannedTensor& planned,
                                const std::shared_ptr<const ByteSource>& file, RowTable* out) {
  if (planned.layout == TensorLayout::kQ4_0)
    return load_as_q4_0(tensor, *find_ternary_format(tensor.type), &out->linear);
  Linear& linear = out->linear;
  linear.rows = static_cast<size_t>(tensor.rows);
  linear.cols = static_cast<size_t>(tensor.cols);
  if (planned.layout == TensorLayout::kDense)
    return load_dense(tensor, dense_type(tensor), &linear);
  out->file = file;
  out->offset = tensor.offset;
  return describe_dense(tensor, dense_type(tensor), &linear);
}

Status TensorLoader::describe_dense(const TensorSpec& tensor, DenseType type, Linear* out) {
  const DenseStorage& info = kDenseStorage[type];
  const size_t stored = dense_row_bytes(type, out->cols);
  if (out->cols % info.block != 0 || tensor.bytes < uint64_t{stored} * shape_of(tensor).rows)
    return bad_tensor(tensor,
                      "has " + std::to_string(tensor.bytes) + " bytes, which do not fit its shape");
  out->layout = DenseRows{
      .kernel = kernels_.dense, .type = type, .row_bytes = held_row_bytes(type, out->cols)};
  out->scale = 1;
  return {};
}

Status TensorLoader::load_dense(const TensorSpec& tensor, DenseType type, Linear* out) {
  Status described = describe_dense(tensor, type, out);
  if (!described.ok())
    return described;
  const size_t stored = dense_row_bytes(type, out->cols);
  const size_t row_bytes = std::get<DenseRows>(out->layout).row_bytes;
  out->data = arena_.take(row_bytes * out->rows);
  if (!out->data.data())
    return no_memory(tensor, uint64_t{row_bytes} * out->rows);

  FirstFailure failure;
  const size_t chunk_rows = chunk_rows_of(out->rows, out->cols, pool_.threads());
  pool_.parallel((out->rows + chunk_rows - 1) / chunk_rows, [&](size_t chunk, size_t) {
    if (failure.failed())
      return;
    const size_t row = chunk * chunk_rows;
    const size_t count = std::min(chunk_rows, out->rows - row);
    uint8_t* to = out->data.data() + row * row_bytes;
    Status status =
        file_.read(tensor.offset + uint64_t{first_row_ + row} * stored, count * stored, to);
    if (!status.ok())
      return failure.report(std::move(status));
    if (row_bytes == stored)
      return;
    // Rows arrived without padding: spread them out, last first, and clear the gaps.
    for (size_t r = count; r-- > 0;) {
      memmove(to + r * row_bytes, to + r * stored, stored);
      memset(to + r * row_bytes + stored, 0, row_bytes - stored);
    }
  });
  return failure.take();
}

Status TensorLoader::load_vector(const TensorSpec& tensor, std::vector<float>* out) {
  DenseType type;
  if (!find_dense_type(tensor.type, &type))
    return Status::error(Code::kType, "Tensor \"" + tensor.name + "\" has type " + tensor.type +
                                          "; a vector is expected as F32, F16 or BF16.");
  const size_t rows = static_cast<size_t>(tensor.rows), cols = static_cast<size_t>(tensor.cols);
  const size_t count = rows * cols;
  const size_t stored = dense_row_bytes(type, count);
  if (tensor.bytes < stored)
    return bad_tensor(tensor,
                      "has " + std::to_string(tensor.bytes) + " bytes, which do not fit its shape");
  AlignedBuffer raw;
  if (!raw.allocate(stored))
    return no_memory(tensor, stored);
  Status status = file_.read(tensor.offset, stored, raw.data());
  if (!status.ok())
    return status;
  std::vector<float> decoded(count);
  kernels_.dense->decode[type](raw.data(), count, decoded.data());
  if (!all_finite(decoded.data(), count))
    return bad_tensor(tensor, "holds a value that is not a finite number");
  if (rows > 1) {
    out->resize(count);
    for (size_t i = 0; i < count; ++i)
      (*out)[i % cols * rows + i / cols] = decoded[i];
  } else {
    *out = std::move(decoded);
  }
  return {};
}

} // namespace bitnet
