// Reads stored rows and decodes them with the format's or the kernel's decoder.
#include "tensor_rows.h"

#include <algorithm>

namespace bitnet {
namespace {

Status no_memory() {
  return Status::error(Code::kMemory,
                       "There is not enough memory to quantize a tensor: close other "
                       "programs, or use fewer threads.");
}

} // namespace

void RowReader::start(const StoredTensor& tensor, const DenseKernel& kernel, float tensor_scale) {
  tensor_ = tensor;
  kernel_ = &kernel;
  tensor_scale_ = tensor_scale;
  const DenseStorage& storage = kDenseStorage[tensor.dense];
  row_bytes_ = tensor.shape.cols / storage.block * storage.block_bytes;
}

Status RowReader::read(size_t row, size_t count) {
  const TensorShape shape = tensor_.shape;
  if (!tensor_.ternary) {
    const size_t bytes = count * row_bytes_;
    // Decoders may write whole vectors.
    if (!bytes_.ensure(bytes) || !row_.ensure((shape.cols + 64) * sizeof(float)))
      return no_memory();
    return tensor_.bytes->read(tensor_.offset + uint64_t{row} * row_bytes_, bytes, bytes_.data());
  }
  const TernaryFormat& format = *tensor_.ternary;
  const RowBytes range = format.row_bytes(shape, row, count);
  if (!bytes_.ensure(static_cast<size_t>(range.size())) || !codes_.ensure(count * shape.cols))
    return no_memory();
  uint8_t* to = bytes_.data();
  for (const ByteRange& part : range.part) {
    const size_t bytes = static_cast<size_t>(part.end - part.begin);
    if (bytes == 0)
      continue;
    Status status = tensor_.bytes->read(tensor_.offset + part.begin, bytes, to);
    if (!status.ok())
      return status;
    to += bytes;
  }
  scales_.assign(count * (shape.cols / tensor_.scale_cols()), tensor_scale_);
  invalid_ = !format.decode(bytes_.data(), shape, row, count, codes_.data(), scales_.data());
  return {};
}

const float* RowReader::floats(size_t r) {
  const uint8_t* stored = bytes_.data() + r * row_bytes_;
  kernel_->decode[tensor_.dense](stored, tensor_.shape.cols, row_.as<float>());
  return row_.as<float>();
}

Status read_tensor_scale(const StoredTensor& tensor, float* scale) {
  *scale = 1.0f;
  if (!tensor.ternary || !tensor.ternary->tensor_scale_offset)
    return {};
  return tensor.bytes->read(tensor.offset + tensor.ternary->tensor_scale_offset(tensor.shape),
                            sizeof *scale, reinterpret_cast<uint8_t*>(scale));
}

} // namespace bitnet
