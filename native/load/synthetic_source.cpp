// Weights in pieces of kPieceWeights, each with random numbers of its own.
#include "synthetic_source.h"

#include <string.h>

#include <algorithm>
#include <iterator>

#include "synthetic_blocks.h"

namespace bitnet {
namespace {

constexpr size_t kPieceWeights = size_t{1} << 18;

// xoshiro128++ (Blackman and Vigna 2019), its state from splitmix32 of a seed, the name of what is
// made and the number of a piece; bench/synth/random.ts makes the same words.
class WeightRandom {
public:
  WeightRandom(uint32_t seed, const std::string& name, uint32_t piece) {
    constexpr uint32_t kPrime = 0x01000193;
    uint32_t mixed = seed;
    for (const char letter : name)
      mixed = (mixed ^ static_cast<uint8_t>(letter)) * kPrime;
    mixed = (mixed ^ piece) * kPrime;
    for (uint32_t& word : state_) {
      mixed += 0x9e3779b9;
      word = (mixed ^ mixed >> 16) * 0x21f0aaad;
      word = (word ^ word >> 15) * 0x735a2d97;
      word ^= word >> 15;
    }
  }

  void fill(uint32_t* words, size_t count) {
    uint32_t a = state_[0], b = state_[1], c = state_[2], d = state_[3];
    for (size_t i = 0; i < count; ++i) {
      const uint32_t sum = a + d;
      words[i] = (sum << 7 | sum >> 25) + a;
      const uint32_t shifted = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= shifted;
      d = d << 11 | d >> 21;
    }
    state_[0] = a, state_[1] = b, state_[2] = c, state_[3] = d;
  }

private:
  uint32_t state_[4];
};

// Two random bits become a code: 00 -> 0, 01 and 10 -> 1, 11 -> 2, which is their sum. Sixteen at
// once: the sum of two one-bit fields is their xor, and their and in the bit above.
void to_codes(uint32_t* words, size_t count) {
  constexpr uint32_t kLow = 0x55555555;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t high = words[i] >> 1 & kLow, low = words[i] & kLow;
    words[i] = (high ^ low) | (high & low) << 1;
  }
}

// Whether its values are normally distributed; other embeddings and heads are matrices of trits.
bool is_table(const TensorSpec& tensor) {
  return (tensor.role == "token_embd" || tensor.role == "output") && tensor.type == "F16";
}

Status no_memory(const std::string& what, size_t bytes) {
  return Status::error(Code::kMemory, "Could not get " + std::to_string(bytes) +
                                          " bytes of memory to make " + what +
                                          ": close other programs or choose a smaller shape.");
}

// Bytes [begin, end) of a vector of equal values.
void read_equal(float value, uint64_t begin, uint64_t end, uint8_t* out) {
  uint8_t bytes[sizeof value];
  memcpy(bytes, &value, sizeof value);
  for (uint64_t at = begin; at < end; ++at)
    *out++ = bytes[at % sizeof value];
}

// Bytes [begin, end) of a matrix of trits in a block format. A piece is a row of units, the fewest
// weights that are whole blocks in every format.
Status read_trits(const SyntheticSpec& synthetic, size_t index, const TensorSpec& tensor,
                  uint64_t begin, uint64_t end, uint8_t* out) {
  const TritBlocks* blocks = find_trit_blocks(tensor.type);
  if (!blocks)
    return Status::error(Code::kType, "Weights of type " + tensor.type + " cannot be made.");
  const size_t unit_bytes = blocks->unit_bytes;
  const uint64_t piece_bytes = kPieceWeights / kTritUnit * unit_bytes;
  AlignedBuffer words, stored;
  if (!words.allocate(kPieceWeights / 4) || !stored.allocate(piece_bytes))
    return no_memory("weights", kPieceWeights / 4 + piece_bytes);
  uint32_t* random = reinterpret_cast<uint32_t*>(words.data());
  // Weights that share a scale; the next ones have another near it (bench/synth/formats.ts).
  const bool one = blocks->scale_cols == 0 || synthetic.scales_of == ScalesOf::kTensor;
  const uint64_t together = one                                     ? UINT64_MAX
                            : synthetic.scales_of == ScalesOf::kRow ? tensor.cols
                                                                    : blocks->scale_cols;
  while (begin < end) {
    const uint64_t piece = begin / piece_bytes;
    WeightRandom(synthetic.seed, tensor.name, static_cast<uint32_t>(piece))
        .fill(random, kPieceWeights / 16);
    to_codes(random, kPieceWeights / 16);
    const size_t from = static_cast<size_t>(begin - piece * piece_bytes);
    const size_t to = static_cast<size_t>(std::min(end - piece * piece_bytes, piece_bytes));
    for (size_t unit = from / unit_bytes; unit * unit_bytes < to; ++unit) {
      uint16_t half_scales[kTritUnit / kScaledTrits];
      uint64_t weight = piece * kPieceWeights + unit * kTritUnit;
      for (uint16_t& half : half_scales) {
        half =
            static_cast<uint16_t>(synthetic.half_scales[index] - (37 * (weight / together) & 255));
        weight += kScaledTrits;
      }
      blocks->encode(words.data() + unit * kTritUnit / 4, half_scales,
                     stored.data() + unit * unit_bytes);
    }
    memcpy(out, stored.data() + from, to - from);
    out += to - from;
    begin += to - from;
  }
  return {};
}

} // namespace

SyntheticSource::SyntheticSource(const ModelSpec& spec) : spec_(spec) {}

Status SyntheticSource::prepare(ThreadPool& pool) {
  for (const TensorSpec& tensor : spec_.tensors)
    if (is_table(tensor))
      if (Status status = make(tensor, pool); !status.ok())
        return status;
  return {};
}

Status SyntheticSource::make(const TensorSpec& tensor, ThreadPool& pool) {
  const size_t count = static_cast<size_t>(tensor.rows * tensor.cols);
  const size_t pieces = (count + kPieceWeights - 1) / kPieceWeights;
  Table& table = tables_.emplace_back();
  if (!table.values.allocate(pieces * kPieceWeights * sizeof(uint16_t)))
    return no_memory("the embedding or the head", count * sizeof(uint16_t));
  table.begin = tensor.offset;
  table.end = tensor.offset + count * sizeof(uint16_t);
  const SyntheticSpec& synthetic = *spec_.synthetic;
  uint16_t* halves = table.values.as<uint16_t>();
  pool.parallel(pieces, [&](size_t piece, size_t) {
    uint16_t* values = halves + piece * kPieceWeights;
    WeightRandom random(synthetic.seed, tensor.name, static_cast<uint32_t>(piece));
    uint32_t words[256]; // two values each, in the order of memory
    for (size_t i = 0; i < kPieceWeights; i += 2 * std::size(words)) {
      random.fill(words, std::size(words));
      memcpy(values + i, words, sizeof words);
    }
    for (size_t i = 0; i < kPieceWeights; ++i)
      values[i] = synthetic.normal[values[i]];
  });
  return {};
}

Status SyntheticSource::read(uint64_t offset, size_t bytes, uint8_t* out) const {
  for (const Table& table : tables_)
    if (offset >= table.begin && offset + bytes <= table.end) {
      memcpy(out, table.values.data() + (offset - table.begin), bytes);
      return {};
    }
  const auto holds = [&](const TensorSpec& t) {
    return offset >= t.offset && offset + bytes <= t.offset + t.bytes;
  };
  const auto found = std::find_if(spec_.tensors.begin(), spec_.tensors.end(), holds);
  if (found == spec_.tensors.end())
    return Status::error(Code::kModel, "No synthetic tensor holds the bytes at offset " +
                                           std::to_string(offset) + ".");
  const uint64_t begin = offset - found->offset;
  const size_t index = static_cast<size_t>(found - spec_.tensors.begin());
  if (found->rows == 1) {
    read_equal(spec_.synthetic->scales[index], begin, begin + bytes, out);
    return {};
  }
  const uint64_t codes_end = found->type == "I2_S" ? found->bytes - kI2STail : found->bytes;
  const uint64_t end = begin + bytes;
  if (begin < codes_end) {
    const uint64_t stop = std::min(end, codes_end);
    Status status = read_trits(*spec_.synthetic, index, *found, begin, stop, out);
    if (!status.ok() || stop == end)
      return status;
    out += stop - begin;
  }
  uint8_t tail[kI2STail] = {};
  memcpy(tail, &spec_.synthetic->scales[index], sizeof(float));
  const uint64_t from = std::max(begin, codes_end);
  memcpy(out, tail + (from - codes_end), static_cast<size_t>(end - from));
  return {};
}

} // namespace bitnet
