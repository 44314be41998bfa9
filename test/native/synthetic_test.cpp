// The synthetic source: the same bytes however they are read, and trits that decoders understand.
#include <string.h>

#include <algorithm>
#include <vector>

#include "check.h"
#include "common/checksum.h"
#include "formats/formats.h"
#include "load/synthetic_source.h"

using namespace bitnet;

namespace {

constexpr uint64_t kRows = 700, kCols = 1024; // two whole pieces and a part of one
constexpr uint16_t kHalf = 0x3400;            // 0.25

struct Type {
  const char* name;
  uint64_t bytes;
};
constexpr uint64_t kWeights = kRows * kCols;
constexpr Type kTypes[] = {
    {"I2_S", kWeights / 4 + 32}, {"TQ1_0", kWeights / 256 * 54}, {"TQ2_0", kWeights / 256 * 66},
    {"F16", kWeights * 2},       {"Q8_0", kWeights / 32 * 34},   {"Q4_0", kWeights / 32 * 18},
};

// An embedding, a matrix of the type and a vector, one after the other.
ModelSpec model_of(const Type& type) {
  auto synthetic = std::make_shared<SyntheticSpec>();
  synthetic->seed = 11;
  for (uint32_t i = 0; i < 65536; ++i)
    synthetic->normal.push_back(static_cast<uint16_t>(i ^ 0x5555));
  synthetic->scales = {0, 0.25f, 1};
  synthetic->half_scales = {0, kHalf, 0};
  ModelSpec spec = {};
  spec.synthetic = synthetic;
  spec.tensors.push_back({"token_embd", -1, "embedding", "F16", 300, 1000, 64, 600000});
  spec.tensors.push_back({"ffn_up", 0, "up", type.name, kRows, kCols, 600064, type.bytes});
  spec.tensors.push_back({"ffn_norm", 0, "norm", "F32", 1, 100, 600064 + type.bytes, 400});
  return spec;
}

std::vector<uint8_t> read(const SyntheticSource& source, uint64_t offset, uint64_t bytes) {
  std::vector<uint8_t> out(static_cast<size_t>(bytes));
  const Status status = source.read(offset, out.size(), out.data());
  CHECK(status.ok(), status.message);
  return out;
}

} // namespace

TEST("a synthetic tensor has the same bytes whatever part is read, for every type and thread "
     "count") {
  for (const Type& type : kTypes) {
    const ModelSpec spec = model_of(type);
    ThreadPool one(1), three(3);
    SyntheticSource source(spec), other(spec);
    CHECK(source.prepare(one).ok() && other.prepare(three).ok(), type.name);
    for (const TensorSpec& tensor : spec.tensors) {
      const std::vector<uint8_t> whole = read(source, tensor.offset, tensor.bytes);
      CHECK(whole == read(other, tensor.offset, tensor.bytes), tensor.name);
      for (const auto& part : {std::pair<uint64_t, uint64_t>{0, 1},
                               {1, 3},
                               {tensor.bytes / 2 - 1, tensor.bytes / 2},
                               {tensor.bytes - 33, 33},
                               {tensor.bytes - 1, 1}}) {
        const std::vector<uint8_t> some = read(source, tensor.offset + part.first, part.second);
        CHECK(std::equal(some.begin(), some.end(),
                         whole.begin() + static_cast<std::ptrdiff_t>(part.first)),
              std::string(type.name) + " " + tensor.name + " from " + std::to_string(part.first));
      }
    }
  }
}

TEST("a synthetic tensor holds the same trits in every ternary type") {
  std::vector<std::vector<uint8_t>> all;
  for (size_t t = 0; t < 3; ++t) {
    const ModelSpec spec = model_of(kTypes[t]);
    const SyntheticSource source(spec);
    const TensorSpec& up = spec.tensors[1];
    const TernaryFormat* format = find_ternary_format(up.type);
    const std::vector<uint8_t> bytes = read(source, up.offset, up.bytes);
    std::vector<uint8_t> codes(kWeights);
    std::vector<float> scales(kWeights / 256);
    CHECK(format->decode(bytes.data(), {kRows, kCols}, 0, kRows, codes.data(), scales.data()),
          up.type);
    if (format->tensor_scale_offset)
      memcpy(scales.data(), bytes.data() + format->tensor_scale_offset({kRows, kCols}), 4);
    CHECK_EQ(scales[0], 0.25f, up.type);
    all.push_back(std::move(codes));
  }
  CHECK(all[0] == all[1] && all[0] == all[2], "codes");
  // Half of 700 * 1024 are 0: 358400 within six deviations of 423.
  const auto zeros = std::count(all[0].begin(), all[0].end(), 1);
  CHECK(zeros > 355860 && zeros < 360940, std::to_string(zeros));
}

TEST("a synthetic embedding keeps the bytes that its seed has always had") {
  const ModelSpec spec = model_of(kTypes[0]);
  ThreadPool pool(2);
  SyntheticSource source(spec);
  CHECK(source.prepare(pool).ok(), "prepare");
  const TensorSpec& embedding = spec.tensors[0];
  const std::vector<uint8_t> bytes = read(source, embedding.offset, embedding.bytes);
  Checksum sum(0);
  sum.add(bytes.data(), bytes.size());
  CHECK_EQ(sum.value(), uint64_t{18092452283404356542u}, "checksum");
}

TEST("a synthetic source refuses bytes that no tensor holds, and types it cannot make") {
  const ModelSpec spec = model_of({"Q6_K", kWeights / 256 * 210});
  const SyntheticSource source(spec);
  uint8_t bytes[8];
  const TensorSpec& norm = spec.tensors[2];
  CHECK(source.read(0, 8, bytes).code == Code::kModel, "before all");
  CHECK(source.read(norm.offset - 4, 8, bytes).code == Code::kModel, "across two");
  CHECK(source.read(norm.offset + 396, 8, bytes).code == Code::kModel, "behind all");
  CHECK(source.read(spec.tensors[1].offset, 8, bytes).code == Code::kType, "Q6_K");
}
