// A is kept as stored, B column by column of 16 rows, where a step adds 16 dots at once.
#include "load_adapter.h"

#include <string.h>

#include <algorithm>

#include "first_failure.h"
#include "tensor_loader.h"

namespace bitnet {
namespace {

constexpr size_t kLine = 64;

// Larger adapters lie in huge pages, whose last one they may fill in part only.
constexpr size_t kHugeFrom = size_t{16} << 20;

// Where the matrices of a pair lie in the adapter's memory.
struct Place {
  size_t a, a_row_bytes, b;
};

struct Layout {
  std::vector<Place> places; // of the pairs
  size_t bytes = 0;
};

bool is_embedding(const PairSpec& pair) {
  return pair.slot == PairSpec::kEmbedding;
}

size_t rank_of(const PairSpec& pair) {
  return pair.b.cols;
}

// B is kept in halves if it is stored so, and else in floats, which hold every other type exactly.
bool keeps_halves(const PairSpec& pair) {
  return pair.b.type == kDenseF16;
}

bool fits(const PairSpec& pair, const Weights& weights) {
  const size_t rank = rank_of(pair);
  const auto whole_blocks = [](const StoredRows& m) {
    return m.type < kDenseTypes && m.cols % kDenseStorage[m.type].block == 0;
  };
  if (rank == 0 || !whole_blocks(pair.a) || !whole_blocks(pair.b))
    return false;
  if (is_embedding(pair))
    return pair.a.rows == weights.embedding.rows() && pair.a.cols == rank &&
           pair.b.rows == weights.embedding.cols();
  const Linear* w = adapted_layer(weights, pair.slot);
  return w && pair.a.rows == rank && pair.a.cols == w->cols && pair.b.rows == w->rows &&
         !(pair.halves_apart && w->rows % weights.spec.head_dim != 0);
}

Status lay_out(const AdapterSpec& spec, const Weights& weights, Layout* out) {
  for (const PairSpec& pair : spec.pairs) {
    if (!fits(pair, weights))
      return Status::error(Code::kModel, "A matrix of the adapter does not fit the model.");
    Place place = {};
    // Rows of an embedding are decoded one by one, the others multiplied, which wants padding.
    place.a_row_bytes = is_embedding(pair) ? dense_row_bytes(pair.a.type, pair.a.cols)
                                           : held_row_bytes(pair.a.type, pair.a.cols);
    place.a = out->bytes;
    place.b = place.a + pad_to(place.a_row_bytes * pair.a.rows, kLine);
    const size_t value = keeps_halves(pair) ? sizeof(uint16_t) : sizeof(float);
    out->bytes = place.b + pad_to(pad_to(pair.b.rows, kExpandRows) * rank_of(pair) * value, kLine);
    out->places.push_back(place);
  }
  return {};
}

// The values of a row, and what they were found to be.
struct Values {
  bool finite = true;
  bool zero = true;

  void see(const float* values, size_t count) {
    uint32_t largest = 0; // magnitudes order as their bits do, with infinity and NaN above all
    for (size_t i = 0; i < count; ++i) {
      uint32_t bits;
      memcpy(&bits, values + i, sizeof bits);
      largest = std::max(largest, bits & 0x7fffffff);
    }
    finite = finite && largest < 0x7f800000;
    zero = zero && largest == 0;
  }
};

// Reads the rows of a matrix and gives each of them as floats too: use(row, stored, floats).
template <class Use>
Status read_rows(const ByteSource& file, const DenseKernel& kernel, const StoredRows& m,
                 Values* values, Use&& use) {
  constexpr size_t kPiece = size_t{1} << 20;
  const size_t row_bytes = dense_row_bytes(m.type, m.cols);
  const size_t rows = std::min(m.rows, kPiece / row_bytes + 1);
  std::vector<uint8_t> stored(rows * row_bytes);
  std::vector<float> floats(m.cols);
  for (size_t row = 0; row < m.rows; row += rows) {
    const size_t count = std::min(rows, m.rows - row);
    Status status = file.read(m.offset + row * row_bytes, count * row_bytes, stored.data());
    if (!status.ok())
      return status;
    for (size_t r = 0; r < count; ++r) {
      const uint8_t* from = stored.data() + r * row_bytes;
      kernel.decode[m.type](from, m.cols, floats.data());
      values->see(floats.data(), m.cols);
      use(row + r, from, floats.data());
    }
  }
  return {};
}

// Where the row of a head in the file stands in the model: what formats.md calls its permutation.
size_t row_in_model(size_t row, size_t head_dim) {
  const size_t in_head = row % head_dim, half = head_dim / 2;
  return row - in_head + 2 * (in_head % half) + in_head / half;
}

class PairLoader {
public:
  PairLoader(const FileReader& file, const std::string& path, const Weights& weights,
             Adapter& adapter)
      : file_(file), path_(path), weights_(weights), adapter_(adapter) {}

  Status load(const PairSpec& pair, const Place& place) {
    const DenseKernel& kernel = *weights_.kernels.dense;
    uint8_t *a = adapter_.data.data() + place.a, *b = adapter_.data.data() + place.b;
    const size_t stored_bytes = dense_row_bytes(pair.a.type, pair.a.cols);
    Values of_a, of_b;
    Status status = read_rows(file_, kernel, pair.a, &of_a,
                              [&](size_t row, const uint8_t* stored, const float*) {
                                memcpy(a + row * place.a_row_bytes, stored, stored_bytes);
                              });
    if (status.ok())
      status = read_rows(file_, kernel, pair.b, &of_b,
                         [&](size_t row, const uint8_t* stored, const float* floats) {
                           store_row(pair, row, stored, floats, b);
                         });
    if (!status.ok())
      return status;
    if (!of_a.finite || !of_b.finite)
      return Status::error(Code::kModel, "Expected the matrices of \"" + path_ +
                                             "\" to hold finite numbers, but one of them has "
                                             "another; the adapter is damaged, get it again.");
    if (of_a.zero || of_b.zero)
      return {};
    LowRank& low = is_embedding(pair) ? adapter_.embedding : adapter_.layers[pair.slot];
    low.a.layout =
        DenseRows{.kernel = &kernel, .type = pair.a.type, .row_bytes = place.a_row_bytes};
    low.a.rows = pair.a.rows;
    low.a.cols = pair.a.cols;
    low.a.scale = 1;
    low.a.data = AlignedBuffer::view(a, place.a_row_bytes * pair.a.rows);
    low.b = b;
    low.half = keeps_halves(pair);
    low.rank = rank_of(pair);
    low.factor = pair.factor;
    return {};
  }

private:
  void store_row(const PairSpec& pair, size_t row, const uint8_t* stored, const float* floats,
                 uint8_t* b) {
    const size_t rank = rank_of(pair);
    const size_t at = pair.halves_apart ? row_in_model(row, weights_.spec.head_dim) : row;
    const size_t first = at / kExpandRows * rank * kExpandRows + at % kExpandRows;
    for (size_t k = 0; k < rank; ++k) {
      const size_t place = first + k * kExpandRows;
      if (keeps_halves(pair))
        memcpy(b + place * sizeof(uint16_t), stored + k * sizeof(uint16_t), sizeof(uint16_t));
      else
        memcpy(b + place * sizeof(float), floats + k, sizeof(float));
    }
  }

  const FileReader& file_;
  const std::string& path_;
  const Weights& weights_;
  Adapter& adapter_;
};

// Layers that share what enters them share ws.shrunk: the members of kAdapted where a group begins.
constexpr bool begins_group(size_t slot) {
  const size_t role = slot % kAdaptedLayers;
  return role != 1 && role != 2 && role != 5; // k and v share with q, up with gate
}

void place_shrunk(Adapter& adapter) {
  size_t at = 0;
  for (size_t slot = 0; slot < adapter.layers.size(); ++slot) {
    LowRank& low = adapter.layers[slot];
    if (begins_group(slot))
      at = 0;
    low.at = at;
    at += pad_to(low.rank, kFloatPad);
    adapter.shrunk_width = std::max(adapter.shrunk_width, at);
  }
  adapter.shrunk_width = std::max(adapter.shrunk_width, pad_to(adapter.embedding.rank, kFloatPad));
}

Status load(const AdapterSpec& spec, const Weights& weights, ThreadPool& pool, const Abort& abort,
            std::shared_ptr<const Adapter>* out) {
  Layout layout;
  FileReader file;
  Status status = lay_out(spec, weights, &layout);
  if (status.ok())
    status = file.open(spec.path, spec.stamp ? &*spec.stamp : nullptr);
  if (!status.ok())
    return status;
  auto adapter = std::make_shared<Adapter>();
  adapter->id = spec.id;
  adapter->layers.resize(weights.layers.size() * kAdaptedLayers);
  const auto pages =
      layout.bytes < kHugeFrom ? AlignedBuffer::Pages::kNormal : AlignedBuffer::Pages::kHuge;
  if (!adapter->data.allocate(layout.bytes, pages))
    return Status::error(Code::kMemory, "Not enough memory for the adapter.");
  PairLoader loader(file, spec.path, weights, *adapter);
  FirstFailure failure;
  pool.parallel(spec.pairs.size(), [&](size_t i, size_t) {
    if (failure.failed())
      return;
    Status loaded = abort.raised() ? Status::error(Code::kAborted, "Loading was aborted.")
                                   : loader.load(spec.pairs[i], layout.places[i]);
    if (!loaded.ok())
      failure.report(std::move(loaded));
  });
  status = failure.take();
  if (status.ok())
    status = file.unchanged();
  if (!status.ok())
    return status;
  place_shrunk(*adapter);
  *out = std::move(adapter);
  return {};
}

} // namespace

Status plan_adapter(const AdapterSpec& spec, const Weights& weights, uint64_t* bytes) {
  Layout layout;
  Status status = lay_out(spec, weights, &layout);
  *bytes = layout.bytes + weights.layers.size() * kAdaptedLayers * sizeof(LowRank);
  return status;
}

Status load_adapter(const AdapterSpec& spec, const Weights& weights, ThreadPool& pool,
                    const Abort& abort, std::shared_ptr<const Adapter>* out) {
  try {
    return load(spec, weights, pool, abort, out);
  } catch (const std::bad_alloc&) {
    return Status::error(Code::kMemory, "Not enough memory for the adapter.");
  }
}

} // namespace bitnet
