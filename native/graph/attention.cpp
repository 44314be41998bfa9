// Norms of heads, rotary positions, the KV cache and causal attention in blocks of 64 positions.
#include <math.h>

#include <algorithm>

#include "norm.h"
#include "step.h"

namespace bitnet {
namespace {

// Blocks begin at multiples of this position whatever the batch, so that the order of every sum is
// fixed.
constexpr size_t kBlockPositions = 64;
static_assert(kBlockPositions == 2 * kKvBlockPositions, "of which a kernel takes two at most");

// The item and position of row `row` of the batch.
struct RowPlace {
  const BatchItem* item;
  size_t position;
};

RowPlace place_of(const Step& step, size_t row) {
  const BatchItem* item = step.items;
  while (row >= item->n)
    row -= item++->n;
  return {item, item->cache->position + row};
}

// Cosines of one token's angles, times the magnitude, then as many sines; sliding-window layers
// turn by a table of their own.
float* rope_of(const Step& step, size_t table, size_t row) {
  return step.ws.rope.row(row) + table * 2 * step.ws.rope_frequency[0].size();
}

// Keeps values in [-limit, limit]; a NaN is passed on.
void clamp(float limit, float* x, size_t count) {
  for (size_t i = 0; limit != 0.0f && i < count; ++i)
    x[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}

// Norms the heads of a token, which are `stride` values apart, each or all together, where the graph
// does.
void norm_heads(const Step& step, const std::vector<float>& norm, size_t cols, size_t stride,
                float* x) {
  for (size_t begin = 0; begin < cols && !norm.empty(); begin += std::max(norm.size(), stride))
    norm_row(step.weights, x + begin, norm, x + begin);
}

// Rotates the first 2 * pairs components of one head, where pair j is
//   (x[j], x[j + pairs])    in NEOX order
//   (x[2 j], x[2 j + 1])    else
void rotate(float* x, size_t pairs, bool neox, const float* cosine, const float* sine) {
  const size_t step = neox ? 1 : 2;
  const size_t partner = neox ? pairs : 1;
  for (size_t j = 0; j < pairs; ++j) {
    float* a = x + j * step;
    const float first = a[0];
    const float second = a[partner];
    a[0] = first * cosine[j] - second * sine[j];
    a[partner] = first * sine[j] + second * cosine[j];
  }
}

void store(const VectorKernel& vector, KvType type, const float* x, size_t count, uint8_t* row) {
  if (type == kKvQ8_0)
    vector.to_q8_0(x, count, row);
  else
    vector.to_f16(x, count, reinterpret_cast<uint16_t*>(row));
}

// A task of attention: consecutive tokens of one item.
struct Tile {
  const BatchItem* item;
  size_t row;   // in the batch
  size_t first; // position of its first token
  size_t count; // tokens
};

size_t tiles_of(const Step& step, const BatchItem& item) {
  return (item.n + step.ws.plan.tile_tokens - 1) / step.ws.plan.tile_tokens;
}

Tile tile_at(const Step& step, size_t index) {
  const BatchItem* item = step.items;
  size_t row = 0;
  while (index >= tiles_of(step, *item)) {
    index -= tiles_of(step, *item);
    row += item++->n;
  }
  const size_t tokens = step.ws.plan.tile_tokens, skip = index * tokens;
  return {.item = item,
          .row = row + skip,
          .first = item->cache->position + skip,
          .count = std::min(tokens, item->n - skip)};
}

// Attention of one tile for the query heads of one KV head.
void attend(Step& step, size_t layer, const Tile& tile, size_t kv_head, ThreadScratch& scratch) {
  const ModelSpec& spec = step.weights.spec;
  const VectorKernel& vector = step.vector();
  const KvCache& cache = tile.item->cache->kv;
  const size_t width = cache.head_dim();
  const size_t group = spec.n_head / spec.n_kv_head;
  const size_t rows = tile.count * group; // query rows: token-major, then head
  float* q = scratch.values.as<float>();  // [rows, width]
  float* o = q + rows * width;            // [rows, width] running
  float* block_o = o + rows * width;      // [rows, width] of one block
  float* m = block_o + rows * width;      // [rows] each, and below
  float* l = m + rows * kFloatPad;
  float* block_m = l + rows * kFloatPad;
  float* block_l = block_m + rows * kFloatPad;

  for (size_t r = 0; r < rows; ++r) {
    const size_t head = kv_head * group + r % group;
    const float* from = step.ws.q.row(tile.row + r / group) + head * spec.query_stride();
    std::copy(from, from + spec.head_dim, q + r * width);
    std::fill(q + r * width + spec.head_dim, q + (r + 1) * width, 0.0f);
    std::fill(o + r * width, o + (r + 1) * width, 0.0f);
    m[r] = -INFINITY;
    l[r] = 0.0f;
  }

  const auto first_seen = [&](size_t position) {
    return spec.is_windowed(layer) && position >= spec.window ? position - spec.window + 1 : 0;
  };
  const auto fold = [&](size_t begin, size_t positions, size_t row, size_t count) {
    // Rows of one or two blocks of the cache.
    const size_t split = kKvBlockPositions - begin % kKvBlockPositions;
    const bool whole = positions <= split;
    vector.attention_block[cache.type()](
        {.q = q + row * width,
         .rows = count,
         .head_dim = width,
         .k = cache.keys(layer, kv_head, begin),
         .v = cache.values(layer, kv_head, begin),
         .row_bytes = cache.row_bytes(),
         .positions = positions,
         .split = split,
         .k_rest = whole ? nullptr : cache.keys(layer, kv_head, begin + split),
         .v_rest = whole ? nullptr : cache.values(layer, kv_head, begin + split),
         .scale = spec.attention_scale,
         .m = block_m,
         .l = block_l,
         .o = block_o});
    for (size_t r = 0; r < count; ++r)
      vector.attention_combine(m + row + r, l + row + r, o + (row + r) * width, block_m[r],
                               block_l[r], block_o + r * width, width);
  };
  const size_t last = tile.first + tile.count - 1;
  size_t begin = first_seen(tile.first) / kBlockPositions * kBlockPositions;
  for (; begin <= last; begin += kBlockPositions) {
    if (begin >= first_seen(last) && begin + kBlockPositions <= tile.first + 1) {
      fold(begin, kBlockPositions, 0, rows); // every token of the tile sees the whole block
      continue;
    }
    for (size_t t = 0; t < tile.count; ++t) {
      const size_t from = std::max(begin, first_seen(tile.first + t));
      const size_t end = std::min(begin + kBlockPositions, tile.first + t + 1);
      if (from < end)
        fold(from, end - from, t * group, group);
    }
  }

  for (size_t r = 0; r < rows; ++r) {
    const size_t head = kv_head * group + r % group;
    float* to = step.ws.attn.row(tile.row + r / group) + head * spec.head_dim;
    const float inverse = 1.0f / l[r];
    for (size_t d = 0; d < spec.head_dim; ++d)
      to[d] = o[r * width + d] * inverse;
    if (!spec.gated_attention)
      continue;
    float* gate = step.ws.q.row(tile.row + r / group) + head * spec.query_stride() + spec.head_dim;
    vector.sigmoid(gate, spec.head_dim, gate);
    for (size_t d = 0; d < spec.head_dim; ++d)
      to[d] *= gate[d];
  }
}

} // namespace

size_t attention_scratch(const ModelSpec& spec, size_t width, size_t tokens) {
  const size_t group = spec.n_head / spec.n_kv_head;
  return (3 * width + 4 * kFloatPad) * group * tokens * sizeof(float);
}

void fill_rope(Step& step) {
  const std::vector<std::vector<double>>& tables = step.ws.rope_frequency;
  step.pool.parallel(tables.size() * step.n, [&](size_t task, size_t) {
    const size_t table = task / step.n, row = task % step.n, pairs = tables[table].size();
    const RowPlace place = place_of(step, row);
    const double position = static_cast<double>(place.position);
    const ModelSpec& spec = step.weights.spec;
    const bool is_long = table == 0 && spec.is_long(place.item->cache->kv.context());
    const std::vector<double>& frequency = is_long ? step.ws.long_rope_frequency : tables[table];
    const double magnitude = table == 0 ? spec.rope_magnitude : spec.window_rope_magnitude;
    float* cosine = rope_of(step, table, row);
    float* sine = cosine + pairs;
    for (size_t j = 0; j < pairs; ++j) {
      cosine[j] = static_cast<float>(magnitude * cos(position * frequency[j]));
      sine[j] = static_cast<float>(magnitude * sin(position * frequency[j]));
    }
  });
}

void norm_rotate_and_store(Step& step, size_t layer) {
  const ModelSpec& spec = step.weights.spec;
  const VectorKernel& vector = step.vector();
  const LayerWeights& weights = step.weights.layers[layer];
  const bool rotates = spec.rotates(layer);
  const size_t table = spec.has_window_rope() && spec.is_windowed(layer) ? 1 : 0;
  const size_t pairs = rotates ? step.ws.rope_frequency[table].size() : 0;
  step.pool.parallel(step.n, [&](size_t row, size_t) {
    const RowPlace place = place_of(step, row);
    const KvCache& cache = place.item->cache->kv;
    const float* cosine = rope_of(step, table, row);
    const float* sine = cosine + pairs;
    float* q = step.ws.q.row(row);
    float* k = step.ws.k.row(row);
    float* v = step.ws.v.row(row);
    const size_t q_cols = step.ws.q.cols, kv_cols = step.ws.k.cols;
    const auto norm = [&] {
      norm_heads(step, weights.q_norm, q_cols, spec.query_stride(), q);
      norm_heads(step, weights.k_norm, kv_cols, spec.head_dim, k);
    };
    clamp(spec.clamp_kqv, q, q_cols);
    clamp(spec.clamp_kqv, k, kv_cols);
    clamp(spec.clamp_kqv, v, kv_cols);
    if (!spec.norm_after_rotation)
      norm();
    for (size_t at = 0; at < q_cols; at += spec.query_stride())
      rotate(q + at, pairs, spec.rope_neox, cosine, sine);
    for (size_t at = 0; at < kv_cols; at += spec.head_dim)
      rotate(k + at, pairs, spec.rope_neox, cosine, sine);
    if (spec.norm_after_rotation)
      norm();
    for (size_t head = 0; head < spec.n_kv_head; ++head) {
      store(vector, cache.type(), k + head * spec.head_dim, spec.head_dim,
            cache.keys(layer, head, place.position));
      store(vector, cache.type(), v + head * spec.head_dim, spec.head_dim,
            cache.values(layer, head, place.position));
    }
  });
}

void attention(Step& step, size_t layer) {
  const size_t n_kv_head = step.weights.spec.n_kv_head;
  size_t tiles = 0;
  for (size_t i = 0; i < step.item_count; ++i)
    tiles += tiles_of(step, step.items[i]);
  step.pool.parallel(tiles * n_kv_head, [&](size_t task, size_t thread) {
    const Tile tile = tile_at(step, task / n_kv_head);
    if (!tile.item->abort->raised()) // else nobody will look at what its rows hold
      attend(step, layer, tile, task % n_kv_head, step.ws.scratch[thread]);
  });
}

} // namespace bitnet
