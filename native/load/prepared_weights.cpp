// Blocks are read with all threads straight to where they stay, and checked while they are in the
// cache.
#include "prepared_weights.h"

#include <math.h>
#include <string.h>

#include <algorithm>
#include <variant>

#include "../common/checksum.h"
#include "../common/file_writer.h"
#include "../formats/formats.h"
#include "../graph/roles.h"
#include "first_failure.h"
#include "packed_layout.h"

namespace bitnet {
namespace {

constexpr char kMagic[8] = {'B', 'N', 'P', 'A', 'C', 'K', 'E', 'D'};
constexpr uint32_t kVersion = 1;
constexpr size_t kKeyBytes = 64;
constexpr size_t kLine = 64;

// What one thread reads and checks at a time: fits into its cache.
constexpr size_t kPiece = size_t{1} << 20;

// Bytes of a directory: heads of 2^20 rows have 12 MiB of bounds.
constexpr uint64_t kMostDirectory = uint64_t{256} << 20;

struct FileHead {
  char magic[8];
  uint32_t version;
  uint32_t matrices;
  uint64_t directory_bytes;
  uint64_t blocks_offset; // from the begin of our part
  uint64_t blocks_bytes;
  char key[kKeyBytes];
  uint64_t checksum; // of this with 0 here, and of the directory
};

uint64_t lines(uint64_t bytes) {
  return (bytes + kLine - 1) & ~uint64_t{kLine - 1};
}

size_t pieces_of(uint64_t bytes) {
  return static_cast<size_t>((bytes + kPiece - 1) / kPiece);
}

uint64_t checksum_of(const void* bytes, size_t count) {
  Checksum sum;
  sum.add(bytes, count);
  return sum.value();
}

uint64_t checksum_of(FileHead head, const std::vector<uint8_t>& directory) {
  head.checksum = 0;
  Checksum sum;
  sum.add(&head, sizeof head);
  sum.add(directory.data(), directory.size());
  return sum.value();
}

bool is_packed(TensorLayout layout) {
  return layout == TensorLayout::kTiles || layout == TensorLayout::kGroups ||
         layout == TensorLayout::kNeuronRows || layout == TensorLayout::kNeuronColumns ||
         layout == TensorLayout::kQ4_0;
}

// The matrices of a tensor.
std::vector<const Linear*> matrices_of(const TensorSpec& tensor, Weights& weights) {
  const Slot slot = slot_of(*find_role(tensor.role), tensor.layer, weights);
  if (RowTable* const* table = std::get_if<RowTable*>(&slot))
    return {&(*table)->linear};
  if (Linear* const* linear = std::get_if<Linear*>(&slot))
    return {*linear};
  std::vector<const Linear*> all;
  if (std::vector<Linear>* const* experts = std::get_if<std::vector<Linear>*>(&slot))
    for (const Linear& linear : **experts)
      all.push_back(&linear);
  return all;
}

TensorLayout layout_of(const Linear& linear) {
  switch (linear.kind()) {
  case Linear::Kind::kTernary:
    return TensorLayout::kTiles;
  case Linear::Kind::kTernaryGroups:
    return TensorLayout::kGroups;
  case Linear::Kind::kRowNeurons:
    return TensorLayout::kNeuronRows;
  case Linear::Kind::kColumnNeurons:
    return TensorLayout::kNeuronColumns;
  case Linear::Kind::kDense:
    break;
  }
  return TensorLayout::kQ4_0;
}

// A directory on its way to the file.
class Writer {
public:
  template <class T> void put(T value) { append(&value, sizeof value); }
  void floats(const std::vector<float>& values) {
    append(values.data(), values.size() * sizeof(float));
  }
  /** A block and the checksums of its pieces. */
  void block(const AlignedBuffer& data) {
    put(blocks_bytes_);
    put(uint64_t{data.size()});
    for (size_t at = 0; at < data.size(); at += kPiece)
      put(checksum_of(data.data() + at, std::min(kPiece, data.size() - at)));
    blocks_.push_back(&data);
    blocks_bytes_ += lines(data.size());
  }

  const std::vector<uint8_t>& directory() const { return directory_; }
  const std::vector<const AlignedBuffer*>& blocks() const { return blocks_; }
  uint64_t blocks_bytes() const { return blocks_bytes_; }

private:
  void append(const void* bytes, size_t count) {
    const uint8_t* from = static_cast<const uint8_t*>(bytes);
    directory_.insert(directory_.end(), from, from + count);
  }

  std::vector<uint8_t> directory_;
  std::vector<const AlignedBuffer*> blocks_;
  uint64_t blocks_bytes_ = 0;
};

// A directory out of a file. Once something was missing it gives zeros.
class Cursor {
public:
  explicit Cursor(const std::vector<uint8_t>& bytes) : rest_(bytes.size()), at_(bytes.data()) {}

  template <class T> T take() {
    T value{};
    copy(&value, sizeof value);
    return value;
  }
  template <class T> std::vector<T> take_many(uint64_t count) {
    if (count > rest_ / sizeof(T)) {
      ok_ = false;
      return {};
    }
    std::vector<T> values(static_cast<size_t>(count));
    copy(values.data(), values.size() * sizeof(T));
    return values;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_ == 0; }

private:
  void copy(void* to, size_t count) {
    if (count > rest_)
      ok_ = false;
    if (!ok_ || count == 0)
      return;
    memcpy(to, at_, count);
    at_ += count;
    rest_ -= count;
  }

  size_t rest_;
  const uint8_t* at_;
  bool ok_ = true;
};

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return isfinite(value); });
}

} // namespace

Status write_prepared(const std::string& path, const std::string& key, const uint8_t* header,
                      size_t header_bytes, const Weights& weights, const Abort& abort) {
  Writer writer;
  FileHead head = {};
  Weights& all = const_cast<Weights&>(weights); // slots are found, not changed
  for (size_t place = 0; place < weights.plan.size(); ++place) {
    if (!is_packed(weights.plan[place].layout))
      continue;
    uint32_t expert = 0;
    for (const Linear* linear : matrices_of(weights.spec.tensors[place], all)) {
      const TernaryGroups* groups = std::get_if<TernaryGroups>(&linear->layout);
      writer.put(static_cast<uint32_t>(place));
      writer.put(expert++);
      writer.put(static_cast<uint32_t>(layout_of(*linear)));
      writer.put(linear->scale);
      writer.put(groups ? groups->factor : 1.0f);
      writer.put(static_cast<uint32_t>(linear->row_scale.size()));
      writer.floats(linear->row_scale);
      writer.block(linear->data);
      ++head.matrices;
    }
    if (abort.raised())
      return Status::error(Code::kAborted, "Keeping the packed weights was aborted.");
  }
  const HeadCopy& copy = weights.head_copy;
  writer.put(uint64_t{copy.scale.size()});
  for (const std::vector<float>* values : {&copy.scale, &copy.error, &copy.norm})
    writer.floats(*values);
  writer.block(copy.packed);

  memcpy(head.magic, kMagic, sizeof kMagic);
  memcpy(head.key, key.data(), std::min(kKeyBytes, key.size()));
  head.version = kVersion;
  head.directory_bytes = writer.directory().size();
  head.blocks_offset = lines(sizeof head + head.directory_bytes);
  head.blocks_bytes = writer.blocks_bytes();
  head.checksum = checksum_of(head, writer.directory());

  FileWriter file;
  const uint8_t zeros[kLine] = {};
  Status status = file.create(path);
  if (status.ok())
    status = file.write(header, header_bytes);
  if (status.ok())
    status = file.write(&head, sizeof head);
  if (status.ok())
    status = file.write(writer.directory().data(), writer.directory().size());
  if (status.ok())
    status = file.write(zeros, head.blocks_offset - sizeof head - head.directory_bytes);
  for (const AlignedBuffer* block : writer.blocks()) {
    if (status.ok() && abort.raised())
      return Status::error(Code::kAborted, "Keeping the packed weights was aborted.");
    if (status.ok())
      status = file.write(block->data(), block->size());
    if (status.ok())
      status = file.write(zeros, lines(block->size()) - block->size());
  }
  return status.ok() ? file.close() : status;
}

Status PreparedWeights::damaged(const char* what) const {
  return Status::error(Code::kFile, "its " + std::string(what));
}

Status PreparedWeights::open(const PreparedFile& from) {
  path_ = from.path;
  Status status = file_.open(from.path);
  if (!status.ok())
    return status;
  FileHead head;
  const uint64_t size = file_.size();
  if (size < from.offset || size - from.offset < sizeof head)
    return damaged("end is missing");
  status = file_.read(from.offset, sizeof head, reinterpret_cast<uint8_t*>(&head));
  if (!status.ok())
    return status;
  if (memcmp(head.magic, kMagic, sizeof kMagic) != 0 || head.version != kVersion)
    return damaged("format is another");
  if (from.key.size() != kKeyBytes || memcmp(head.key, from.key.data(), kKeyBytes) != 0)
    return damaged("weights are others");
  const uint64_t rest = size - from.offset;
  if (head.directory_bytes > kMostDirectory || head.blocks_offset > rest ||
      head.blocks_offset != lines(sizeof head + head.directory_bytes) ||
      head.blocks_bytes > rest - head.blocks_offset)
    return damaged("end is missing");
  std::vector<uint8_t> directory(static_cast<size_t>(head.directory_bytes));
  status = file_.read(from.offset + sizeof head, directory.size(), directory.data());
  if (!status.ok())
    return status;
  if (checksum_of(head, directory) != head.checksum)
    return damaged("checksum is wrong");
  blocks_offset_ = from.offset + head.blocks_offset;
  blocks_bytes_ = head.blocks_bytes;
  return read_directory(directory, head.matrices);
}

Status PreparedWeights::read_directory(const std::vector<uint8_t>& bytes, uint32_t matrices) {
  Cursor cursor(bytes);
  uint64_t end = 0; // of the block before: they are in order, and apart
  const auto take_block = [&](Block& block) {
    block.offset = cursor.take<uint64_t>();
    block.bytes = cursor.take<uint64_t>();
    if (block.offset < end || block.offset % kLine != 0 || block.offset > blocks_bytes_ ||
        block.bytes > blocks_bytes_ - block.offset)
      return false;
    end = block.offset + block.bytes;
    block.sums = cursor.take_many<uint64_t>(pieces_of(block.bytes));
    return cursor.ok();
  };
  for (uint32_t i = 0; i < matrices; ++i) {
    Matrix matrix;
    matrix.place = cursor.take<uint32_t>();
    matrix.expert = cursor.take<uint32_t>();
    matrix.layout = cursor.take<uint32_t>();
    matrix.scale = cursor.take<float>();
    matrix.factor = cursor.take<float>();
    matrix.row_scale = cursor.take_many<float>(cursor.take<uint32_t>());
    if (!take_block(matrix))
      return damaged("directory is wrong");
    if (!matrices_.empty()) {
      const Matrix& last = matrices_.back();
      const bool next = matrix.place == last.place && matrix.expert == last.expert + 1;
      if (!next && (matrix.place <= last.place || matrix.expert != 0))
        return damaged("directory is wrong");
    }
    matrices_.push_back(std::move(matrix));
  }
  const uint64_t rows = cursor.take<uint64_t>();
  for (std::vector<float>* values : {&head_.scale, &head_.error, &head_.norm})
    *values = cursor.take_many<float>(rows);
  return take_block(head_) && cursor.at_end() ? Status() : damaged("directory is wrong");
}

std::vector<const PreparedWeights::Block*> PreparedWeights::blocks() const {
  std::vector<const Block*> all;
  for (const Matrix& matrix : matrices_)
    all.push_back(&matrix);
  all.push_back(&head_);
  return all;
}

Status PreparedWeights::read(Arena& arena, ThreadPool& pool, const LoadControl& control) {
  struct Piece {
    uint64_t offset;
    size_t bytes;
    uint64_t sum;
  };
  std::vector<Piece> pieces;
  for (const Block* block : blocks())
    for (size_t i = 0; i < block->sums.size(); ++i) {
      const uint64_t at = uint64_t{i} * kPiece;
      pieces.push_back({block->offset + at,
                        static_cast<size_t>(std::min<uint64_t>(kPiece, block->bytes - at)),
                        block->sums[i]});
    }
  AlignedBuffer memory;
  if (!memory.allocate(static_cast<size_t>(blocks_bytes_), AlignedBuffer::Pages::kHuge))
    return Status::error(Code::kMemory, "Not enough memory to load the model: close other "
                                        "programs or use a smaller one.");
  memory_ = arena.adopt(std::move(memory));
  FirstFailure failure;
  std::atomic<size_t> done{0};
  pool.parallel(pieces.size(), [&](size_t i, size_t) {
    if (failure.failed())
      return;
    if (control.abort.raised())
      return failure.report(Status::error(Code::kAborted, "Loading the model was aborted."));
    const Piece& piece = pieces[i];
    uint8_t* to = memory_.data() + piece.offset;
    Status status = file_.read(blocks_offset_ + piece.offset, piece.bytes, to);
    if (status.ok() && checksum_of(to, piece.bytes) != piece.sum)
      status = damaged("checksum is wrong");
    if (!status.ok())
      return failure.report(std::move(status));
    const size_t count = done.fetch_add(1) + 1;
    control.progress->store(static_cast<int32_t>(count * 1000 / (pieces.size() + 1)));
  });
  return failure.take();
}

bool PreparedWeights::has(size_t place) const {
  return std::any_of(matrices_.begin(), matrices_.end(),
                     [place](const Matrix& matrix) { return matrix.place == place; });
}

Status PreparedWeights::restore(size_t place, const TensorSpec& tensor, const KernelSet& kernels,
                                const std::vector<Linear*>& out, PlannedTensor* planned) const {
  auto matrix = std::find_if(matrices_.begin(), matrices_.end(),
                             [place](const Matrix& m) { return m.place == place; });
  const PlannedTensor each = *planned;
  if (!is_packed(each.layout) || out.empty())
    return damaged("directory is wrong");
  planned->bytes = 0;
  for (Linear* linear : out) {
    if (matrix == matrices_.end() || matrix->place != place)
      return damaged("directory is wrong");
    const TensorLayout layout = static_cast<TensorLayout>(matrix->layout);
    // Only reading tells whether scales differ inside a row, and whether there is a level of +2.
    const bool told = layout == TensorLayout::kGroups || layout == TensorLayout::kQ4_0;
    if (layout != each.layout && !told)
      return damaged("layouts are others");
    linear->rows = static_cast<size_t>(tensor.rows);
    linear->cols = static_cast<size_t>(tensor.cols);
    PackedLayout packed;
    if (!packed_layout(tensor, layout, each.tiles, kernels, &packed) ||
        packed.bytes != matrix->bytes ||
        (!matrix->row_scale.empty() && matrix->row_scale.size() != linear->rows))
      return damaged("sizes are others");
    if (!isfinite(matrix->scale) || !isfinite(matrix->factor) || !all_finite(matrix->row_scale))
      return damaged("scales are not finite");
    if (TernaryGroups* groups = std::get_if<TernaryGroups>(&packed.layout))
      groups->factor = matrix->factor;
    linear->layout = packed.layout;
    linear->scale = matrix->scale;
    linear->row_scale = matrix->row_scale;
    linear->data =
        AlignedBuffer::view(memory_.data() + matrix->offset, static_cast<size_t>(matrix->bytes));
    planned->bytes += linear->data.size() + linear->row_scale.size() * sizeof(float);
    if (layout != each.layout)
      planned->layout = layout;
    ++matrix;
  }
  const bool more = matrix != matrices_.end() && matrix->place == place;
  return more ? damaged("directory is wrong") : Status();
}

Status PreparedWeights::restore_head_copy(size_t rows, size_t cols, const PrefilterKernel& kernel,
                                          HeadCopy* out) const {
  const size_t padded = (rows + kernel.tile_rows - 1) / kernel.tile_rows * kernel.tile_rows;
  if (head_.scale.size() != padded ||
      head_.bytes + 3 * padded * sizeof(float) != head_copy_bytes(kernel, rows, cols))
    return damaged("sizes are others");
  out->kernel = &kernel;
  out->padded_cols = pad_to(cols, kernel.tile_cols);
  out->packed =
      AlignedBuffer::view(memory_.data() + head_.offset, static_cast<size_t>(head_.bytes));
  out->scale = head_.scale;
  out->error = head_.error;
  out->norm = head_.norm;
  return {};
}

} // namespace bitnet
