// A small random model end to end: the same logits for every kernel, thread count and batching, and
// clean failures.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "formats/formats.h"
#include "kernels/cpu_features.h"
#include "model/engine.h"
#include "model/evaluate.h"

using namespace bitnet;

namespace {

// A temporary file that holds the tensors of a random model, one after the other.
class ModelFile {
public:
  explicit ModelFile(bool ternary, uint32_t head_dim = 24)
      : path_("bitnet_model_test_" + std::to_string(std::random_device()()) + ".bin") {
    spec_.n_layer = 2;
    spec_.n_head = 4;
    spec_.n_kv_head = 2;
    spec_.head_dim = head_dim;
    spec_.dim = 128;
    spec_.ffn_dim = 192;
    spec_.vocab = 67;
    spec_.norm_eps = 1e-5f;
    spec_.rope_neox = true;
    spec_.rope_dim = head_dim;
    spec_.rope_base = 10000;
    spec_.rope_scale = 1;
    spec_.activation = Activation::kRelu2;
    spec_.path = path_;
    const uint32_t q = spec_.n_head * head_dim, kv = spec_.n_kv_head * head_dim;
    matrix(Role::kTokenEmbd, -1, spec_.vocab, spec_.dim, false);
    vector(Role::kOutputNorm, -1, spec_.dim);
    for (int32_t layer = 0; layer < 2; ++layer) {
      vector(Role::kAttnNorm, layer, spec_.dim);
      vector(Role::kAttnSubNorm, layer, q);
      vector(Role::kFfnNorm, layer, spec_.dim);
      vector(Role::kFfnSubNorm, layer, spec_.ffn_dim);
      matrix(Role::kAttnQ, layer, q, spec_.dim, ternary);
      matrix(Role::kAttnK, layer, kv, spec_.dim, ternary);
      matrix(Role::kAttnV, layer, kv, spec_.dim, ternary);
      matrix(Role::kAttnOutput, layer, spec_.dim, q, ternary);
      matrix(Role::kFfnGate, layer, spec_.ffn_dim, spec_.dim, ternary);
      matrix(Role::kFfnUp, layer, spec_.ffn_dim, spec_.dim, ternary);
      matrix(Role::kFfnDown, layer, spec_.dim, spec_.ffn_dim, ternary);
    }
    save(bytes_.size());
  }
  ~ModelFile() { remove(path_.c_str()); }

  const ModelSpec& spec() const { return spec_; }
  std::vector<uint8_t>& bytes() { return bytes_; }

  void save(size_t count) {
    FILE* file = fopen(path_.c_str(), "wb");
    fwrite(bytes_.data(), 1, count, file);
    fclose(file);
  }

private:
  void add(Role role, int32_t layer, const char* type, uint64_t rows, uint64_t cols,
           uint64_t bytes) {
    spec_.tensors.push_back({role, layer, "t" + std::to_string(spec_.tensors.size()), type, rows,
                             cols, bytes_.size(), bytes});
    bytes_.resize(bytes_.size() + bytes);
  }
  void floats(size_t offset, size_t count, float mean, float deviation) {
    std::normal_distribution<float> normal(mean, deviation);
    for (size_t i = 0; i < count; ++i) {
      const float value = normal(random_);
      memcpy(&bytes_[offset + 4 * i], &value, 4);
    }
  }
  void vector(Role role, int32_t layer, uint64_t cols) {
    const size_t offset = bytes_.size();
    add(role, layer, "F32", 1, cols, cols * 4);
    floats(offset, cols, 1, 0.2f);
  }
  void matrix(Role role, int32_t layer, uint64_t rows, uint64_t cols, bool ternary) {
    const size_t offset = bytes_.size();
    if (!ternary) {
      add(role, layer, "F32", rows, cols, rows * cols * 4);
      floats(offset, rows * cols, 0, 0.1f);
      return;
    }
    add(role, layer, "I2_S", rows, cols, rows * cols / 4 + 32);
    const uint8_t codes[] = {0, 1, 1, 2};
    for (size_t i = 0; i < rows * cols / 4; ++i) {
      const uint32_t r = static_cast<uint32_t>(random_());
      bytes_[offset + i] = static_cast<uint8_t>(codes[r & 3] << 6 | codes[r >> 2 & 3] << 4 |
                                                codes[r >> 4 & 3] << 2 | codes[r >> 6 & 3]);
    }
    const float scale = 0.15f;
    memcpy(&bytes_[offset + rows * cols / 4], &scale, 4);
  }

  std::string path_;
  ModelSpec spec_ = {};
  std::vector<uint8_t> bytes_;
  std::mt19937 random_{7};
};

struct Flags {
  std::atomic<int32_t> abort{0}, progress{0}, closing{0};
  Abort signal() const { return {&abort, &closing}; }
};

Status load(const ModelSpec& spec, const std::string& kernel, size_t threads,
            std::shared_ptr<const Weights>* out) {
  KernelSet kernels;
  Status status = select_kernels(detect_cpu_features(), kernel, &kernels);
  if (!status.ok())
    return status;
  Flags flags;
  ThreadPool pool(threads);
  return load_weights(spec, kernels, pool, {flags.signal(), &flags.progress}, out);
}

// Logits of all `tokens`, evaluated `chunk` tokens at a time.
std::vector<float> logits_of(const ModelSpec& spec, const std::string& kernel, size_t threads,
                             const std::vector<int32_t>& tokens, size_t chunk) {
  std::shared_ptr<const Weights> weights;
  const Status status = load(spec, kernel, threads, &weights);
  CHECK(status.ok(), status.message);
  std::vector<float> logits(tokens.size() * spec.vocab);
  if (!status.ok())
    return logits;
  Model model(weights, threads);
  ThreadPool pool(threads);
  KvCache cache;
  CHECK(cache.allocate(spec, tokens.size()).ok(), "cache");
  Flags flags;
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    EvaluateRequest request = {};
    request.tokens = tokens.data() + at;
    request.n = std::min(chunk, tokens.size() - at);
    request.want = EvaluateRequest::Want::kAll;
    request.logits = logits.data() + at * spec.vocab;
    Evaluation evaluation(model, cache, request, flags.signal());
    while (!evaluation.step(pool)) {
    }
    CHECK(evaluation.status().ok(), evaluation.status().message);
  }
  return logits;
}

std::vector<int32_t> some_tokens(size_t count) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i)
    tokens[i] = static_cast<int32_t>((i * 31 + 7) % 67);
  return tokens;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

} // namespace

TEST("logits are bit-equal for every kernel, thread count and batching") {
  const std::vector<int32_t> tokens = some_tokens(150); // crosses two borders of attention blocks
  for (bool ternary : {true, false}) {
    ModelFile file(ternary);
    const std::vector<float> expected = logits_of(file.spec(), "scalar", 1, tokens, tokens.size());
    CHECK(isfinite(expected[0]) && expected[0] != expected[1], "logits are numbers");
    std::set<std::pair<const DenseKernel*, const VectorKernel*>> seen;
    for (const KernelInfo& kernel : list_kernels(detect_cpu_features())) {
      if (!kernel.usable)
        continue;
      KernelSet set;
      CHECK(select_kernels(detect_cpu_features(), kernel.name, &set).ok(), kernel.name);
      if (!seen.insert({set.dense, set.vector}).second && !ternary && check::quick())
        continue; // a dense model runs the same code again
      for (size_t threads : {1, 2, 3, 7})
        for (size_t chunk : {1, 7, 64, 65, 150}) {
          if (chunk == 1 && threads > 2)
            continue; // slow under sanitizers, and shares nothing a chunk of 7 does not
          if (check::quick() && (threads + chunk) % 3 != 0)
            continue; // leaves 6 of 18, with every number of threads and every chunk
          CHECK(same_bits(logits_of(file.spec(), kernel.name, threads, tokens, chunk), expected),
                kernel.name + ", " + std::to_string(threads) + " threads, chunks of " +
                    std::to_string(chunk));
        }
    }
  }
}

TEST("one pass that mixes sequences gives each what it would get alone") {
  ModelFile file(true);
  const ModelSpec& spec = file.spec();
  std::shared_ptr<const Weights> weights;
  CHECK(load(spec, "", 2, &weights).ok(), "load");
  const std::vector<int32_t> tokens = some_tokens(90);
  const std::vector<float> expected = logits_of(spec, "", 2, tokens, tokens.size());
  Model model(weights, 2);
  ThreadPool pool(2);
  Flags flags;
  KvCache first, second;
  CHECK(first.allocate(spec, 90).ok() && second.allocate(spec, 90).ok(), "caches");
  std::vector<float> logits(spec.vocab);
  for (size_t step = 0; step < 30; ++step) {
    // The first sequence takes two tokens a pass, the second one: a prefill beside a decode.
    const BatchItem items[] = {{&first, tokens.data() + 2 * step, 2},
                               {&second, tokens.data() + step, 1}};
    CHECK(forward(*weights, model.workspace, pool, items, 2, flags.signal()).ok(), "forward");
    for (size_t row : {1, 2}) {
      CHECK(output_logits(*weights, model.workspace, pool, &row, 1, logits.data()).ok(), "logits");
      const size_t position = row == 1 ? 2 * step + 1 : step;
      CHECK(memcmp(logits.data(), expected.data() + position * spec.vocab,
                   spec.vocab * sizeof(float)) == 0,
            "step " + std::to_string(step) + ", row " + std::to_string(row));
    }
  }
}

TEST("jobs of several sessions take turns on one engine") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  Model model(weights, 2);
  const std::vector<int32_t> tokens = some_tokens(600);
  struct Work : Job {
    Work(Model& model, KvCache& cache, const EvaluateRequest& request, const Abort& abort,
         std::atomic<int>& ended)
        : evaluation(model, cache, request, abort), ended_(ended) {}
    bool step(ThreadPool& pool) override { return evaluation.step(pool); }
    void finished() override { ended_.fetch_add(evaluation.status().ok() ? 1 : 100); }
    Evaluation evaluation;
    std::atomic<int>& ended_;
  };
  Flags flags;
  std::atomic<int> ended{0};
  std::vector<KvCache> caches(check::quick() ? 2 : 4);
  std::vector<double> scores(caches.size() * 600);
  {
    std::shared_ptr<Engine> engine = shared_engine(2);
    CHECK(engine == shared_engine(2), "engines with the same number of threads are shared");
    for (size_t i = 0; i < caches.size(); ++i) {
      CHECK(caches[i].allocate(file.spec(), 600).ok(), "cache");
      EvaluateRequest request = {};
      request.tokens = tokens.data();
      request.n = tokens.size();
      request.want = EvaluateRequest::Want::kScore;
      request.scores = scores.data() + i * 600;
      engine->submit(std::make_unique<Work>(model, caches[i], request, flags.signal(), ended));
    }
  } // the last owner lets go: the engine ends its jobs, then itself
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
  KvCache cache;
  CHECK(cache.allocate(file.spec(), 64).ok(), "cache");
  Flags flags;
  flags.abort.store(1);
  const std::vector<int32_t> tokens = some_tokens(20);
  EvaluateRequest request = {};
  request.tokens = tokens.data();
  request.n = tokens.size();
  Evaluation evaluation(model, cache, request, flags.signal());
  CHECK(evaluation.step(pool), "over");
  CHECK(evaluation.status().code == Code::kAborted, evaluation.status().message);
  CHECK_EQ(cache.position, size_t{0}, "");
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
