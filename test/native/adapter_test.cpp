// Adapters: loaded within memory or not at all, and the same bits in shared steps as alone.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <deque>
#include <string>
#include <vector>

#include "check.h"
#include "limited_memory.h"
#include "load/load_adapter.h"
#include "tiny_model.h"

using namespace bitnet;

namespace {

// A temporary file with random F32 matrices beside every layer that can have them.
class AdapterFile {
public:
  AdapterFile(const Weights& weights, const std::string& base, uint32_t seed, size_t rank,
              bool embedding)
      : random_(seed) {
    spec_.path = base + ".adapter" + std::to_string(seed);
    const auto add = [&](size_t slot, size_t a_rows, size_t a_cols, size_t rows) {
      PairSpec pair = {};
      pair.slot = slot;
      pair.factor = 0.5;
      pair.a = matrix(a_rows, a_cols, 1 / sqrtf(static_cast<float>(a_cols)));
      pair.b = matrix(rows, rank, 0.1f);
      spec_.pairs.push_back(pair);
    };
    for (size_t slot = 0; slot < weights.layers.size() * kAdaptedLayers; ++slot)
      if (const Linear* w = adapted_layer(weights, slot))
        add(slot, rank, w->cols, w->rows);
    if (embedding)
      add(PairSpec::kEmbedding, weights.embedding.rows(), rank, weights.embedding.cols());
    save();
  }
  ~AdapterFile() { remove(spec_.path.c_str()); }

  AdapterSpec& spec() { return spec_; }
  std::vector<float>& values() { return values_; }

  void save() {
    FILE* file = fopen(spec_.path.c_str(), "wb");
    fwrite(values_.data(), sizeof(float), values_.size(), file);
    fclose(file);
  }

private:
  StoredRows matrix(size_t rows, size_t cols, float size) {
    const uint64_t offset = values_.size() * sizeof(float);
    std::normal_distribution<float> normal(0, size);
    for (size_t i = 0; i < rows * cols; ++i)
      values_.push_back(normal(random_));
    return {offset, kDenseF32, rows, cols};
  }

  std::mt19937 random_;
  std::vector<float> values_;
  AdapterSpec spec_;
};

std::shared_ptr<const Adapter> loaded(AdapterFile& file, const Weights& weights) {
  ThreadPool pool(2);
  Flags flags;
  std::shared_ptr<const Adapter> adapter;
  const Status status = load_adapter(file.spec(), weights, pool, flags.signal(), &adapter);
  CHECK(status.ok(), status.text());
  return adapter;
}

// All logits of some tokens with some adapters.
struct Sequence {
  std::vector<int32_t> tokens;
  std::vector<AppliedAdapter> adapters;
  SequenceCache cache;
  Flags flags;
  std::vector<float> logits;

  Sequence(const ModelSpec& spec, size_t count, std::vector<AppliedAdapter> with)
      : tokens(some_tokens(count)), adapters(std::move(with)), logits(count * spec.vocab_size) {
    CHECK(cache.allocate(spec, count).ok(), "cache");
  }
  Evaluation evaluation(Model& model) {
    EvaluateRequest request = {};
    request.tokens = tokens.data();
    request.n = tokens.size();
    request.outputs = EvaluateRequest::Outputs::kAll;
    request.logits = logits.data();
    request.adapters = adapters.data();
    request.adapter_count = adapters.size();
    return Evaluation(model, cache, request, flags.signal());
  }
  bool same(const Sequence& other) const {
    return memcmp(logits.data(), other.logits.data(), logits.size() * sizeof(float)) == 0;
  }
};

std::deque<Sequence> sequences(const ModelSpec& spec, const Adapter* a, const Adapter* b) {
  std::deque<Sequence> all;
  size_t count = 1;
  for (const std::vector<AppliedAdapter>& with : std::vector<std::vector<AppliedAdapter>>{
           {}, {{a, 1}}, {{b, 0.5}}, {{a, 1}}, {{a, -2}, {b, 1}}, {{b, 1}, {a, -2}}}) {
    all.emplace_back(spec, count, with);
    count = count * 3 + 1;
  }
  return all;
}

} // namespace

TEST("sequences with different adapters in one step get the bits they get alone") {
  using Extras = ModelFile::Extras;
  for (const auto& [ternary, extras] :
       {std::pair{true, Extras::kNone}, std::pair{false, Extras::kNone},
        std::pair{true, Extras::kAll}, std::pair{true, Extras::kExperts},
        std::pair{true, Extras::kRecurrent}}) {
    ModelFile file(ternary, 24, extras);
    std::shared_ptr<const Weights> weights;
    CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
    AdapterFile first(*weights, file.spec().path, 1, 3, true);
    AdapterFile second(*weights, file.spec().path, 2, 18, false);
    const auto a = loaded(first, *weights), b = loaded(second, *weights);
    Model model(weights, 2);
    ThreadPool pool(2);
    std::deque<Sequence> alone = sequences(file.spec(), a.get(), b.get());
    for (Sequence& sequence : alone) {
      Evaluation evaluation = sequence.evaluation(model);
      finish(pool, {&evaluation});
      CHECK(evaluation.status().ok(), evaluation.status().text());
    }
    std::deque<Sequence> together = sequences(file.spec(), a.get(), b.get());
    std::vector<Evaluation> evaluations;
    std::vector<Evaluation*> pointers;
    for (Sequence& sequence : together)
      evaluations.push_back(sequence.evaluation(model));
    for (Evaluation& evaluation : evaluations)
      pointers.push_back(&evaluation);
    finish(pool, pointers);
    for (size_t i = 0; i < together.size(); ++i)
      CHECK(together[i].same(alone[i]), std::to_string(i) + (ternary ? " ternary" : " dense"));
  }
}

TEST("an adapter takes the bytes that were planned, and one that is all zeros adds nothing") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  AdapterFile written(*weights, file.spec().path, 3, 5, true);
  uint64_t bytes = 0;
  CHECK(plan_adapter(written.spec(), *weights, &bytes).ok(), "plan");
  CHECK_EQ(loaded(written, *weights)->bytes(), bytes, "");
  for (float& value : written.values())
    value = value < 0 ? -0.0f : 0.0f;
  written.save();
  const auto zero = loaded(written, *weights);
  for (const LowRank& low : zero->layers)
    CHECK_EQ(low.rank, size_t{0}, "left out");
  CHECK_EQ(zero->embedding.rank, size_t{0}, "left out");
}

TEST("matrices that do not fit the model, and numbers that are none, are refused") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  AdapterFile written(*weights, file.spec().path, 4, 5, true);
  ThreadPool pool(2);
  Flags flags;
  std::shared_ptr<const Adapter> adapter;
  const auto code = [&](const AdapterSpec& spec) {
    return load_adapter(spec, *weights, pool, flags.signal(), &adapter).code;
  };
  for (size_t i : {size_t{0}, written.spec().pairs.size() - 1}) {
    const PairSpec good = written.spec().pairs[i];
    PairSpec& pair = written.spec().pairs[i];
    for (size_t* number : {&pair.a.rows, &pair.a.cols, &pair.b.rows, &pair.b.cols, &pair.slot}) {
      *number += 1000;
      CHECK(code(written.spec()) == Code::kModel, std::to_string(i));
      pair = good;
    }
    pair.a.type = kDenseTypes;
    CHECK(code(written.spec()) == Code::kModel, "type");
    pair = good;
    pair.b.offset += uint64_t{1} << 40;
    CHECK(code(written.spec()) == Code::kFile, "offset");
    pair = good;
  }
  CHECK(code(written.spec()) == Code::kOk, "sound");
  for (float bad : {NAN, INFINITY}) {
    const float good = std::exchange(written.values().back(), bad);
    written.save();
    CHECK(code(written.spec()) == Code::kModel, "value");
    written.values().back() = good;
  }
  written.save();
  flags.abort.store(1);
  CHECK(code(written.spec()) == Code::kAborted, "aborted");
}

#if !defined(_WIN32) // there memory does not run out: see limited_memory.cpp

TEST("an adapter is loaded and used with little memory, or it is an error") {
  using limited_memory::left;
  using limited_memory::made;
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  AdapterFile written(*weights, file.spec().path, 5, 5, true);
  ThreadPool pool(2);
  const auto run = [&] {
    const int64_t limit = left.exchange(-1);
    Model model(weights, 2);
    SequenceCache cache;
    CHECK(cache.allocate(file.spec(), 10).ok(), "cache");
    const std::vector<int32_t> tokens = some_tokens(10);
    std::vector<float> logits(file.spec().vocab_size);
    Flags flags;
    std::shared_ptr<const Adapter> adapter;
    left = limit;
    Status status = load_adapter(written.spec(), *weights, pool, flags.signal(), &adapter);
    if (status.ok()) {
      const AppliedAdapter applied = {adapter.get(), 1};
      EvaluateRequest request = {};
      request.tokens = tokens.data();
      request.n = tokens.size();
      request.outputs = EvaluateRequest::Outputs::kLast;
      request.logits = logits.data();
      request.adapters = &applied;
      request.adapter_count = 1;
      Evaluation evaluation(model, cache, request, flags.signal());
      StepPart all = {&evaluation, evaluation.remaining(), 0};
      run_step(pool, &all, 1);
      status = evaluation.take_status();
    }
    left = -1;
    CHECK(status.ok() || status.code == Code::kMemory, status.text());
    return status.ok();
  };
  made = 0;
  CHECK(run(), "with enough");
  const int64_t needed = made;
  const int64_t step = std::max<int64_t>(1, needed / 100);
  for (int64_t limit = 0; limit < needed; limit += step) {
    left = limit;
    run();
  }
  left = -1;
  CHECK(run(), "afterwards");
}

#endif
