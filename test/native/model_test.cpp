// A small random model end to end: the same logits for every kernel, thread count and batching, and
// clean failures.
#include <math.h>
#include <string.h>

#include <atomic>
#include <fstream>
#include <string>
#include <vector>

#include "check.h"
#include "engine/engine.h"
#include "kernels/cpu_features.h"
#include "tiny_model.h"

using namespace bitnet;

namespace {

// Logits of all `tokens`, evaluated `chunk` tokens at a time.
std::vector<float> logits_of(const std::shared_ptr<const Weights>& weights, size_t threads,
                             const std::vector<int32_t>& tokens, size_t chunk,
                             KvType type = kKvF16) {
  const ModelSpec& spec = weights->spec;
  std::vector<float> logits(tokens.size() * spec.vocab_size);
  Model model(weights, threads);
  ThreadPool pool(threads);
  SequenceCache cache;
  CHECK(cache.allocate(spec, tokens.size(), type).ok(), "cache");
  Flags flags;
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    EvaluateRequest request = {};
    request.tokens = tokens.data() + at;
    request.n = std::min(chunk, tokens.size() - at);
    request.outputs = EvaluateRequest::Outputs::kAll;
    request.logits = logits.data() + at * spec.vocab_size;
    Evaluation evaluation(model, cache, request, flags.signal());
    finish(pool, {&evaluation});
    CHECK(evaluation.status().ok(), evaluation.status().message);
  }
  return logits;
}

std::vector<float> logits_of(const ModelSpec& spec, const std::string& kernel, size_t threads,
                             const std::vector<int32_t>& tokens, size_t chunk,
                             KvType type = kKvF16) {
  std::shared_ptr<const Weights> weights;
  const Status status = load(spec, kernel, threads, &weights);
  CHECK(status.ok(), status.message);
  return status.ok() ? logits_of(weights, threads, tokens, chunk, type) : std::vector<float>(1);
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Names of kernels: all, or the fastest, which is chosen where none is forced.
std::vector<std::string> usable_kernels(bool one) {
  std::vector<std::string> names;
  for (const KernelInfo& kernel : list_kernels(detect_cpu_features()))
    if (kernel.usable && (!one || names.empty()))
      names.push_back(kernel.name);
  return names;
}

} // namespace

TEST("logits are bit-equal for every kernel, thread count and batching") {
  const std::vector<int32_t> tokens = some_tokens(150); // crosses two borders of attention blocks
  const struct {
    bool ternary;
    KvType type;
    ModelFile::Extras extras;
  } cases[] = {
      {true, kKvF16, ModelFile::Extras::kNone},     {false, kKvF16, ModelFile::Extras::kNone},
      {true, kKvQ8_0, ModelFile::Extras::kNone},    {true, kKvF16, ModelFile::Extras::kBiases},
      {true, kKvF16, ModelFile::Extras::kAll},      {true, kKvF16, ModelFile::Extras::kExperts},
      {false, kKvF16, ModelFile::Extras::kExperts}, {true, kKvF16, ModelFile::Extras::kRecurrent}};
  for (const auto& [ternary, type, extras] : cases) {
    ModelFile file(ternary, 24, extras);
    const std::vector<float> expected =
        logits_of(file.spec(), "scalar", 1, tokens, tokens.size(), type);
    CHECK(isfinite(expected[0]) && expected[0] != expected[1], "logits are numbers");
    const bool plain = ternary && extras == ModelFile::Extras::kNone;
    // Threads share out a dense model and the extra steps alike with every kernel.
    const bool one = check::repeated() || (!plain && check::quick());
    for (const std::string& kernel : usable_kernels(one)) {
      for (size_t threads : {1, 2, 3, 7}) {
        std::shared_ptr<const Weights> weights;
        const Status status = load(file.spec(), kernel, threads, &weights);
        CHECK(status.ok(), status.message);
        if (!status.ok())
          continue;
        for (size_t chunk : {1, 7, 64, 65, 150}) {
          if (chunk == 1 && threads > 2)
            continue; // slow under sanitizers, and shares nothing a chunk of 7 does not
          if ((check::quick() || !plain) && (threads + chunk) % 3 != 0)
            continue; // leaves 6 of 18, with every number of threads and every chunk
          CHECK(same_bits(logits_of(weights, threads, tokens, chunk, type), expected),
                kernel + ", " + std::to_string(threads) + " threads, chunks of " +
                    std::to_string(chunk));
        }
      }
    }
  }
}

TEST("logits are bit-equal whatever kernel each shape uses") {
  const std::vector<int32_t> tokens = some_tokens(20);
  ModelFile file(true);
  const ModelSpec& spec = file.spec();
  const std::vector<float> expected = logits_of(spec, "scalar", 1, tokens, tokens.size());
  const uint32_t features = detect_cpu_features();
  const std::vector<const TernaryKernel*> usable = usable_ternary_kernels(features);
  for (size_t shift = 0; shift < usable.size(); ++shift)
    for (const char* forced : {"", "scalar"}) { // with and without neurons, where there are any
      KernelSet kernels;
      CHECK(select_kernels(features, forced, &kernels).ok(), "select");
      size_t next = shift;
      LoadChoices choices;
      const auto chosen = [&choices](uint64_t rows, uint64_t cols) -> const TernaryKernel* {
        for (const LoadChoices::ShapeKernel& shape : choices.by_shape)
          if (shape.rows == rows && shape.cols == cols)
            return shape.kernel;
        return nullptr;
      };
      for (const TensorSpec& tensor : spec.tensors)
        if (tensor.type == "I2_S" && !chosen(tensor.rows, tensor.cols))
          choices.by_shape.push_back({tensor.rows, tensor.cols, usable[next++ % usable.size()]});
      std::shared_ptr<Weights> weights;
      const Status status = load(spec, kernels, choices, 2, &weights);
      CHECK(status.ok(), status.message);
      const LayerWeights& layer = weights->layers[1];
      for (const Linear* w : {&layer.q, &layer.k, &layer.o, &layer.gate, &layer.down}) {
        const auto* tiles = std::get_if<TernaryTiles>(&w->layout);
        CHECK(!tiles || tiles->kernel == chosen(w->rows, w->cols), "the choice is honored");
      }
      for (size_t chunk : {1, 20})
        CHECK(same_bits(logits_of(weights, 2, tokens, chunk), expected),
              "shift " + std::to_string(shift) + ", chunks of " + std::to_string(chunk));
    }
}

TEST("logits are bit-equal whether zeros are skipped or not") {
  const std::vector<int32_t> tokens = some_tokens(40);
  ModelFile file(true);
  const ModelSpec& spec = file.spec();
  const std::vector<float> expected = logits_of(spec, "scalar", 1, tokens, tokens.size());
  const uint32_t features = detect_cpu_features();
  size_t skipping = 0;
  for (const KernelInfo& kernel : list_kernels(features)) {
    KernelSet kernels;
    if (!kernel.usable || !select_kernels(features, kernel.name, &kernels).ok() || !kernels.neurons)
      continue;
    ++skipping;
    for (const NeuronKernel* neurons :
         {kernels.neurons, static_cast<const NeuronKernel*>(nullptr)}) {
      kernels.neurons = neurons;
      std::shared_ptr<Weights> weights;
      const Status status = load(spec, kernels, {}, 2, &weights);
      CHECK(status.ok(), status.message);
      for (const LayerWeights& layer : weights->layers) {
        CHECK((layer.up.kind() == Linear::Kind::kRowNeurons) == (neurons != nullptr),
              "layout of up");
        CHECK((layer.down.kind() == Linear::Kind::kColumnNeurons) == (neurons != nullptr),
              "layout of down");
      }
      for (size_t threads : check::values({1, 2, 3, 7}, {2, 3}))
        for (size_t chunk : {1, 2, 7, 40})
          CHECK(same_bits(logits_of(weights, threads, tokens, chunk), expected),
                kernel.name + (neurons ? ", skipping, " : ", not skipping, ") +
                    std::to_string(threads) + " threads, chunks of " + std::to_string(chunk));
    }
  }
  CHECK(skipping > 0, "a kernel that skips");
}

TEST("zeros are counted alike in one batch and token by token, with int8 and with float inputs") {
  constexpr size_t kTokens = 9;
  const std::vector<int32_t> tokens = some_tokens(kTokens);
  for (bool ternary : {true, false}) {
    ModelFile file(ternary);
    const ModelSpec& spec = file.spec();
    std::shared_ptr<const Weights> weights;
    CHECK(load(spec, "", 2, &weights).ok(), "load");
    Model model(weights, 2);
    ThreadPool pool(2);
    Flags flags;
    const auto counted = [&](size_t chunk) {
      std::vector<double> counts(size_t{3} * spec.n_layer);
      SequenceCache cache;
      CHECK(cache.allocate(spec, kTokens).ok(), "cache");
      for (size_t at = 0; at < kTokens; at += chunk) {
        EvaluateRequest request = {};
        request.tokens = tokens.data() + at;
        request.n = std::min(chunk, kTokens - at);
        request.ffn_counts = counts.data();
        Evaluation evaluation(model, cache, request, flags.signal());
        finish(pool, {&evaluation});
        CHECK(evaluation.status().ok(), evaluation.status().message);
      }
      return counts;
    };
    const std::vector<double> together = counted(kTokens);
    CHECK(together == counted(1), ternary ? "ternary" : "dense");
    for (size_t layer = 0; layer < spec.n_layer; ++layer) {
      const double closed = together[3 * layer], zeros = together[3 * layer + 1];
      CHECK_EQ(together[3 * layer + 2], static_cast<double>(kTokens * spec.ffn_dim), "values");
      // Floats are zero behind a inactive neuron only; int8 values also where they round to zero.
      CHECK(closed > 0 && (ternary ? zeros > closed : zeros == closed),
            std::to_string(closed) + " closed, " + std::to_string(zeros) + " zero");
    }
  }
}

TEST("one step that mixes sequences gives each what it would get alone") {
  ModelFile file(true);
  const ModelSpec& spec = file.spec();
  std::shared_ptr<const Weights> weights;
  CHECK(load(spec, "", 2, &weights).ok(), "load");
  const std::vector<int32_t> tokens = some_tokens(90);
  const std::vector<float> expected = logits_of(spec, "", 2, tokens, tokens.size());
  Model model(weights, 2);
  ThreadPool pool(2);
  Flags flags;
  SequenceCache first, second;
  CHECK(first.allocate(spec, 90).ok() && second.allocate(spec, 90).ok(), "caches");
  std::vector<float> logits(spec.vocab_size);
  HeadWork work;
  work.logits.push_back({0, logits.data()});
  for (size_t step = 0; step < 30; ++step) {
    // The first sequence takes two tokens a step, the second one: a prefill beside a decode.
    const Abort abort = flags.signal();
    const BatchItem items[] = {{&first, tokens.data() + 2 * step, 2, &abort, {}},
                               {&second, tokens.data() + step, 1, &abort, {}}};
    CHECK(first.prepare(2).ok() && second.prepare(1).ok(), "room");
    CHECK(model.workspace.ensure(3, work).ok(), "workspace");
    CHECK(forward(*weights, model.workspace, pool, items, 2).ok(), "forward");
    first.position += 2;
    second.position += 1;
    for (size_t row : {1, 2}) {
      work.logits[0].row = row;
      CHECK(answer(*weights, model.workspace, pool, work).ok(), "logits");
      const size_t position = row == 1 ? 2 * step + 1 : step;
      CHECK(memcmp(logits.data(), expected.data() + position * spec.vocab_size,
                   spec.vocab_size * sizeof(float)) == 0,
            "step " + std::to_string(step) + ", row " + std::to_string(row));
    }
  }
}

TEST("jobs of several sessions share an engine") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  Model model(weights, 2);
  const std::vector<int32_t> tokens = some_tokens(600);
  struct Work : Job {
    Work(const Evaluation& e, std::atomic<int>& ended) : Job(e), ended_(ended) {}
    void finished() override { ended_.fetch_add(evaluation.status().ok() ? 1 : 100); }
    std::atomic<int>& ended_;
  };
  Flags flags;
  std::atomic<int> ended{0};
  std::vector<SequenceCache> caches(check::quick() ? 2 : 4);
  std::vector<double> scores(caches.size() * 600);
  {
    std::shared_ptr<Engine> engine = shared_engine(2);
    CHECK(engine == shared_engine(2), "engines with the same number of threads are shared");
    ModelQueue queue(*engine, model);
    for (size_t i = 0; i < caches.size(); ++i) {
      CHECK(caches[i].allocate(file.spec(), 600).ok(), "cache");
      EvaluateRequest request = {};
      request.tokens = tokens.data();
      request.n = tokens.size();
      request.outputs = EvaluateRequest::Outputs::kScore;
      request.scores = scores.data() + i * 600;
      queue.submit(
          std::make_unique<Work>(Evaluation(model, caches[i], request, flags.signal()), ended));
    }
    while (ended.load() % 100 + ended.load() / 100 < static_cast<int>(caches.size()))
      std::this_thread::yield();
  }
  CHECK_EQ(ended.load(), static_cast<int>(caches.size()), "jobs that ended well");
  for (size_t i = 1; i < caches.size(); ++i)
    CHECK(memcmp(scores.data(), scores.data() + i * 600, 599 * sizeof(double)) == 0, "scores");
}

TEST("a raised abort flag stops an evaluation and leaves the position") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 1, &weights).ok(), "load");
  Model model(weights, 1);
  ThreadPool pool(1);
  SequenceCache cache;
  CHECK(cache.allocate(file.spec(), 64).ok(), "cache");
  Flags flags;
  flags.abort.store(1);
  const std::vector<int32_t> tokens = some_tokens(20);
  EvaluateRequest request = {};
  request.tokens = tokens.data();
  request.n = tokens.size();
  Evaluation evaluation(model, cache, request, flags.signal());
  finish(pool, {&evaluation});
  CHECK(evaluation.status().code == Code::kAborted, evaluation.status().message);
  CHECK_EQ(cache.position.load(), size_t{0}, "");
}

TEST("a file that is cut short anywhere is an error, never a crash") {
  ModelFile file(true);
  const size_t whole = file.bytes().size();
  std::shared_ptr<const Weights> weights;
  for (size_t count = 0; count < whole; count += whole / 41) {
    file.save(count);
    CHECK(load(file.spec(), "", 2, &weights).code == Code::kFile,
          std::to_string(count) + " of " + std::to_string(whole) + " bytes");
  }
}

// The file that packing a tile makes longer, and the packer it goes on with.
std::string growing_path;
void (*usual_pack)(const uint8_t* codes, size_t cols, uint8_t* tile);

void pack_and_grow(const uint8_t* codes, size_t cols, uint8_t* tile) {
  std::ofstream(growing_path, std::ios::app | std::ios::binary) << '\0';
  usual_pack(codes, cols, tile);
}

TEST("a file that is written to between two of its tensors is refused, however it ends") {
  ModelFile file(true);
  KernelSet kernels;
  CHECK(select_kernels(detect_cpu_features(), "scalar", &kernels).ok(), "select");
  TernaryKernel growing = *kernels.ternary;
  usual_pack = growing.pack_tile;
  growing.pack_tile = pack_and_grow;
  growing_path = file.spec().path;
  kernels.ternary = &growing;
  kernels.neurons = nullptr;
  std::shared_ptr<Weights> weights;
  const Status status = load(file.spec(), kernels, {}, 1, &weights);
  CHECK(status.code == Code::kFile &&
            status.message.find("but it has changed") != std::string::npos,
        status.message);
}

TEST("values no model can have are refused with the tensor's name") {
  const auto refused = [](void (*damage)(ModelFile&), const char* expected) {
    ModelFile file(true);
    damage(file);
    file.save(file.bytes().size());
    std::shared_ptr<const Weights> weights;
    const Status status = load(file.spec(), "", 2, &weights);
    CHECK(status.code == Code::kModel && status.message.find(expected) != std::string::npos,
          status.message);
  };
  refused([](ModelFile& file) { memset(&file.bytes()[file.spec().tensors[1].offset], 0xff, 4); },
          "not a finite number");
  refused([](ModelFile& file) { file.bytes()[file.spec().tensors[6].offset + 5] = 0xff; },
          "code 3");
  refused(
      [](ModelFile& file) {
        const TensorSpec& tensor = file.spec().tensors[6];
        memset(&file.bytes()[tensor.offset + tensor.rows * tensor.cols / 4], 0xff, 4);
      },
      "scale that is not a finite number");
}

TEST(
    "branches join the residual stream by its scale, normed after their projection or of experts") {
  for (const ModelFile::Extras extras : {ModelFile::Extras::kAll, ModelFile::Extras::kExperts}) {
    ModelFile file(true, 24, extras);
    ModelSpec scaled = file.spec();
    scaled.residual_scale = 2;
    const std::vector<int32_t> tokens = some_tokens(3);
    const std::vector<float> expected = logits_of(scaled, "", 1, tokens, 3);
    CHECK(!same_bits(expected, logits_of(file.spec(), "", 1, tokens, 3)), "not scaled");
    // The same by the weights themselves, to the bit for a power of two.
    for (const TensorSpec& tensor : file.spec().tensors) {
      const bool norm = tensor.role == "attn_post_norm" || tensor.role == "ffn_post_norm";
      const bool last = tensor.role == "attn_output" || tensor.role == "ffn_down_exps";
      if (extras == ModelFile::Extras::kAll ? !norm : !last)
        continue;
      const uint64_t weights = tensor.rows * tensor.cols * std::max(1u, tensor.experts);
      const uint64_t begin = norm ? 0 : weights / 4; // I2_S has its scale behind its codes
      const uint64_t count = norm ? weights : 1;
      for (uint64_t i = 0; i < count; ++i) {
        uint8_t* at = &file.bytes()[tensor.offset + begin + 4 * i];
        float value;
        memcpy(&value, at, sizeof value);
        value *= 2;
        memcpy(at, &value, sizeof value);
      }
    }
    file.save(file.bytes().size());
    CHECK(same_bits(expected, logits_of(file.spec(), "", 1, tokens, 3)), "scaled");
  }
}

TEST("a router whose logit is no number ends the evaluation, whichever expert it is of") {
  for (const uint64_t expert : {0, 2, 4}) {
    ModelFile file(true, 24, ModelFile::Extras::kExperts);
    for (const TensorSpec& tensor : file.spec().tensors)
      if (tensor.role == "ffn_gate_inp" && tensor.layer == 0) {
        const float odd = NAN;
        memcpy(&file.bytes()[tensor.offset + 4 * tensor.cols * expert], &odd, sizeof odd);
      }
    file.save(file.bytes().size());
    std::shared_ptr<const Weights> weights;
    CHECK(load(file.spec(), "", 1, &weights).ok(), "load");
    Model model(weights, 1);
    ThreadPool pool(1);
    SequenceCache cache;
    CHECK(cache.allocate(file.spec(), 1).ok(), "cache");
    Flags flags;
    const int32_t token = 1;
    std::vector<float> logits(file.spec().vocab_size);
    EvaluateRequest request = {};
    request.tokens = &token;
    request.n = 1;
    request.outputs = EvaluateRequest::Outputs::kLast;
    request.logits = logits.data();
    Evaluation evaluation(model, cache, request, flags.signal());
    finish(pool, {&evaluation});
    CHECK(evaluation.status().code == Code::kNumeric, std::to_string(expert));
  }
}
