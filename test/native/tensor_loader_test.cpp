// Single tensors from memory: what the loader refuses, and what it reads.
#include "load/tensor_loader.h"

#include <string.h>

#include <atomic>
#include <vector>

#include "check.h"
#include "kernels/cpu_features.h"

using namespace bitnet;

namespace {

// Bytes in memory that remember how many of them were read.
struct MemorySource : ByteSource {
  std::vector<uint8_t> bytes;
  mutable std::atomic<uint64_t> count{0};

  explicit MemorySource(size_t size) : bytes(size) {}
  Status read(uint64_t offset, size_t size, uint8_t* out) const override {
    CHECK(offset <= bytes.size() && size <= bytes.size() - offset, "inside the tensor");
    count += size;
    memcpy(out, bytes.data() + offset, size);
    return {};
  }
};

TensorSpec tensor_of(const char* type, uint64_t rows, uint64_t cols, uint64_t bytes) {
  TensorSpec tensor = {};
  tensor.name = "t";
  tensor.type = type;
  tensor.rows = rows;
  tensor.cols = cols;
  tensor.bytes = bytes;
  return tensor;
}

Status load_table(const TensorSpec& tensor, const std::shared_ptr<MemorySource>& source,
                  RowTable* out) {
  KernelSet kernels;
  CHECK(select_kernels(detect_cpu_features(), "", &kernels).ok(), "select");
  ThreadPool pool(2);
  Arena arena;
  const PlannedTensor planned = {TensorLayout::kQ4_0, nullptr, 0};
  return TensorLoader(*source, *source, kernels, pool, arena)
      .load_table(tensor, planned, source, out);
}

} // namespace

TEST("a table of a ternary type may hold the code 3 only where that means +2") {
  // One block of each: codes of 1, which is zero, and a scale.
  struct {
    const char* type;
    size_t cols, bytes, code_at;
    bool four_levels;
  } const cases[] = {{"TQ2_0", 256, 66, 5, false}, {"Q2_0", 64, 18, 7, true}};
  for (const auto& [type, cols, bytes, code_at, four_levels] : cases) {
    auto source = std::make_shared<MemorySource>(bytes);
    memset(source->bytes.data(), 0x55, bytes);
    const TensorSpec tensor = tensor_of(type, 1, cols, bytes);
    RowTable sound, changed;
    CHECK(load_table(tensor, source, &sound).ok(), type);
    source->bytes[code_at] = 0x57;
    const Status status = load_table(tensor, source, &changed);
    if (four_levels) {
      CHECK(status.ok(), std::string(type) + ": " + status.message);
    } else {
      CHECK(status.code == Code::kModel && status.message.find("code 3") != std::string::npos,
            std::string(type) + ": " + status.message);
    }
  }
}

TEST("every byte of a tensor in tiles is read once, whatever rows its kernel packs together") {
  constexpr size_t kRows = 768, kCols = 8192, kWeights = kRows * kCols; // several chunks
  auto source = std::make_shared<MemorySource>(kWeights / 4 + 32);
  memset(source->bytes.data(), 0x44, kWeights / 4); // pairs of zeros
  const float scale = 0.5f;
  memcpy(source->bytes.data() + kWeights / 4, &scale, sizeof scale);
  ThreadPool pool(2);
  for (const TernaryKernel* kernel : usable_ternary_kernels(detect_cpu_features()))
    for (size_t tile_rows : {96, 192, 768}) {
      TensorSpec tensor = tensor_of("TL1", kRows, kCols, source->bytes.size());
      tensor.tile = {tile_rows, 64, 32};
      KernelSet kernels;
      CHECK(select_kernels(detect_cpu_features(), name_of(*kernel), &kernels).ok(), "select");
      Arena arena;
      Linear linear;
      source->count = 0;
      TensorLoader loader(*source, *source, kernels, pool, arena);
      PlannedTensor planned = {TensorLayout::kTiles, kernel, 0};
      const Status status = loader.load_linear(tensor, &planned, &linear);
      CHECK(status.ok() && linear.scale == scale, status.message);
      CHECK_EQ(source->count.load(), uint64_t{kWeights / 4 + sizeof scale},
               name_of(*kernel) + ", tiles of " + std::to_string(tile_rows) + " rows");
    }
}
