// Evaluations that share steps: each gets what it would get alone, whatever becomes of the others.
#include <string.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "check.h"
#include "common/file_reader.h"
#include "tiny_model.h"

using namespace bitnet;

namespace {

using Outputs = EvaluateRequest::Outputs;

// A sequence, what is asked of its tokens, and the memory of the answer.
struct Sequence {
  std::vector<int32_t> tokens;
  Outputs outputs;
  SequenceCache cache;
  Flags flags;
  size_t rows; // of the last tokens, which kLast and kTop are about
  std::vector<float> logits;
  std::vector<int32_t> top_ids, extra_ids;
  std::vector<float> top_logits, extra_logits;
  std::vector<double> log_sum_exp;
  std::vector<uint32_t> allowed;
  std::vector<double> scores;
  std::vector<float> states;
  std::atomic<int32_t> progress{0};

  Sequence(const ModelSpec& spec, size_t count, Outputs w, size_t skip)
      : tokens(some_tokens(count + skip)), outputs(w), rows(std::min<size_t>(count, 3)),
        logits(count * spec.vocab_size), top_ids(5 * rows), top_logits(5 * rows),
        extra_logits(2 * rows), log_sum_exp(rows),
        allowed(rows * ((spec.vocab_size + 31) / 32), 0xfffffff7), scores(count),
        states(count * spec.dim) {
    for (size_t row = 0; row < rows; ++row)
      extra_ids.insert(extra_ids.end(), {3, 66});
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(skip));
    CHECK(cache.allocate(spec, count).ok(), "cache");
  }

  Evaluation evaluation(Model& model, bool with_sum) {
    EvaluateRequest request = {};
    request.tokens = tokens.data();
    request.n = tokens.size();
    request.outputs = outputs;
    request.rows = rows;
    request.logits = logits.data();
    request.top = 5;
    request.top_ids = top_ids.data();
    request.top_logits = top_logits.data();
    request.extra_ids = extra_ids.data();
    request.extra_count = 2;
    request.extra_logits = extra_logits.data();
    request.log_sum_exp = with_sum ? log_sum_exp.data() : nullptr;
    request.allowed = with_sum ? nullptr : allowed.data();
    request.scores = scores.data();
    request.states = states.data();
    request.progress = &progress;
    return Evaluation(model, cache, request, flags.signal());
  }

  bool same_answers(const Sequence& other) const {
    const auto same = [](const auto& a, const auto& b) {
      return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(a[0])) == 0;
    };
    return same(logits, other.logits) && same(top_ids, other.top_ids) &&
           same(top_logits, other.top_logits) && same(extra_logits, other.extra_logits) &&
           same(log_sum_exp, other.log_sum_exp) && same(scores, other.scores) &&
           same(states, other.states);
  }
};

// Prompts that take several passes beside single tokens, and every kind of question.
std::deque<Sequence> some_sequences(const ModelSpec& spec) {
  const Outputs kinds[] = {Outputs::kAll,  Outputs::kTop,       Outputs::kScore, Outputs::kLast,
                           Outputs::kNone, Outputs::kLastState, Outputs::kStates};
  const size_t counts[] = {1, 300, 2, 70, 1, 1, 129, 40, 1, 5, 33, 1, 90, 150};
  std::deque<Sequence> sequences;
  for (size_t i = 0; i < 14; ++i)
    sequences.emplace_back(spec, counts[i], kinds[i % 7], i);
  return sequences;
}

} // namespace

TEST("evaluations that share steps get the bits they get alone, even when others are aborted") {
  struct Case {
    bool ternary;
    ModelFile::Extras extras;
  };
  for (const auto& [ternary, extras] :
       {Case{true, ModelFile::Extras::kNone}, Case{false, ModelFile::Extras::kNone},
        Case{true, ModelFile::Extras::kRecurrent}}) {
    ModelFile file(ternary, 24, extras);
    std::shared_ptr<const Weights> weights;
    CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
    Model model(weights, 2);
    ThreadPool pool(2);
    std::deque<Sequence> alone = some_sequences(file.spec());
    for (size_t i = 0; i < alone.size(); ++i) {
      Evaluation evaluation = alone[i].evaluation(model, i % 2 == 0);
      finish(pool, {&evaluation});
    }
    for (size_t stopped : {alone.size(), size_t{1}, size_t{6}, size_t{0}}) {
      if (check::repeated() && stopped < alone.size() && stopped != 1)
        continue;
      std::deque<Sequence> together = some_sequences(file.spec());
      std::vector<Evaluation> evaluations;
      std::vector<Evaluation*> pointers;
      for (size_t i = 0; i < together.size(); ++i)
        evaluations.push_back(together[i].evaluation(model, i % 2 == 0));
      for (Evaluation& evaluation : evaluations)
        pointers.push_back(&evaluation);
      run_together(pool, pointers);
      const size_t at = stopped < alone.size() ? together[stopped].cache.position.load() : 0;
      CHECK(evaluations[0].over() && evaluations[4].over(), "single tokens end with the step");
      CHECK(evaluations[1].remaining() > 0 && evaluations[1].remaining() < 300, "a prompt goes on");
      const int32_t done = together[1].progress.load();
      CHECK(done > 0 && done < 1000, "a part of it is done");
      if (stopped < alone.size())
        together[stopped].flags.abort.store(1);
      pointers.clear();
      for (Evaluation& evaluation : evaluations)
        if (!evaluation.over())
          pointers.push_back(&evaluation);
      finish(pool, pointers);
      for (size_t i = 0; i < together.size(); ++i) {
        const std::string what = "sequence " + std::to_string(i) + ", " + std::to_string(stopped) +
                                 " stopped, ternary " + std::to_string(ternary);
        if (i == stopped && at < alone[i].tokens.size()) {
          CHECK(evaluations[i].status().code == Code::kAborted, what);
          CHECK_EQ(together[i].cache.position.load(), at, what);
          continue;
        }
        CHECK(evaluations[i].status().ok(), what + ": " + evaluations[i].status().message);
        CHECK_EQ(together[i].progress.load(), 1000, what);
        CHECK_EQ(together[i].cache.position.load(), together[i].tokens.size(), what);
        CHECK(together[i].same_answers(alone[i]), what);
      }
    }
  }
}

TEST("a step of which every evaluation was aborted before it began does nothing") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 1, &weights).ok(), "load");
  Model model(weights, 1);
  ThreadPool pool(1);
  Sequence sequence(file.spec(), 3, Outputs::kLast, 0);
  Evaluation evaluation = sequence.evaluation(model, false);
  sequence.flags.abort.store(1);
  finish(pool, {&evaluation});
  CHECK(evaluation.status().code == Code::kAborted, "aborted");
  CHECK_EQ(sequence.cache.position.load(), size_t{0}, "nothing was evaluated");
}

TEST("steps that are cut to fit a budget give the same bits") {
  for (const ModelFile::Extras extras :
       {ModelFile::Extras::kNone, ModelFile::Extras::kAll, ModelFile::Extras::kExperts,
        ModelFile::Extras::kRecurrent}) {
    ModelFile file(true, 24, extras);
    const ModelSpec& spec = file.spec();
    std::shared_ptr<const Weights> weights;
    CHECK(load(spec, "", 2, &weights).ok(), "load");
    WorkspacePlan plan;
    uint64_t budget = 1 << 15;
    for (; !plan_workspace(spec, 2, &plan, budget).ok(); budget += 1 << 12) {
    }
    Model roomy(weights, 2), narrow(weights, 2, budget);
    CHECK_EQ(roomy.workspace.plan.batch, kMaxBatch, "");
    CHECK(plan.batch < 8 && narrow.workspace.plan.batch == plan.batch, std::to_string(plan.batch));
    ThreadPool pool(2);
    std::deque<Sequence> expected = some_sequences(spec), actual = some_sequences(spec);
    for (size_t i = 0; i < expected.size(); ++i) {
      Evaluation a = expected[i].evaluation(roomy, true), b = actual[i].evaluation(narrow, true);
      finish(pool, {&a});
      finish(pool, {&b});
      CHECK(actual[i].same_answers(expected[i]), std::to_string(i));
    }
    CHECK(narrow.workspace.bytes() < roomy.workspace.bytes() / 4, "bytes");
    // As attention with several tokens at a time does.
    roomy.workspace.plan.tile_tokens = 3;
    std::deque<Sequence> tiled = some_sequences(spec);
    for (size_t i = 0; i < tiled.size(); ++i) {
      Evaluation evaluation = tiled[i].evaluation(roomy, true);
      finish(pool, {&evaluation});
      CHECK(tiled[i].same_answers(expected[i]), std::to_string(i));
    }
  }
}

TEST("working values that no budget holds are refused before the weights are read") {
  ModelFile file(true);
  ModelSpec spec = file.spec();
  spec.n_head = 4096;
  spec.head_dim = 64;
  spec.n_kv_head = 1;
  WorkspacePlan plan;
  CHECK(plan_workspace(spec, 16, &plan).ok() && plan.batch == 137 && plan.tile_tokens == 1,
        std::to_string(plan.batch));
  const Status status = plan_workspace(spec, 1024, &plan);
  CHECK(status.code == Code::kMemory, "code");
  CHECK_EQ(
      status.message,
      std::string(
          "Expected a model whose intermediate values for one token fit into 512 MiB, but they "
          "are 4100 MiB for 4096 heads of 64 on 1024 threads; use fewer threads."),
      "");
  spec = file.spec();
  spec.n_expert = spec.n_expert_used = 1024;
  spec.ffn_dim = 262'144;
  CHECK_EQ(plan_workspace(spec, 2, &plan).message,
           std::string("Expected a model whose intermediate values for one token fit into 512 MiB, "
                       "but they are 1283 MiB, of which 1283 MiB for any number of threads: its "
                       "layers are too wide to run here."),
           "");
}

TEST("an error belongs to the evaluation that causes it") {
  ModelFile file(true);
  std::shared_ptr<const Weights> loaded;
  CHECK(load(file.spec(), "", 2, &loaded).ok(), "load");
  // An embedding that is left in a file that ends before token 60.
  Weights& weights = const_cast<Weights&>(*loaded);
  RowTable& table = weights.embedding;
  const size_t row_bytes = table.stored().row_bytes;
  const std::string path = file.spec().path + ".short";
  FILE* short_file = fopen(path.c_str(), "wb");
  fwrite(table.linear.data.data(), row_bytes, 60, short_file);
  fclose(short_file);
  ModelSpec spec = file.spec();
  Model model(loaded, 2);
  ThreadPool pool(2);
  std::deque<Sequence> alone, together;
  for (std::deque<Sequence>* list : {&alone, &together}) {
    for (size_t i = 0; i < 3; ++i)
      list->emplace_back(spec, 4, Outputs::kTop, i);
  }
  for (Sequence& sequence : alone)
    for (int32_t& token : sequence.tokens)
      token %= 60;
  for (size_t i = 0; i < 3; ++i) {
    together[i].tokens = alone[i].tokens;
    Evaluation evaluation = alone[i].evaluation(model, false);
    finish(pool, {&evaluation});
  }
  together[1].tokens[2] = 63;
  auto reader = std::make_shared<FileReader>();
  CHECK(reader->open(path).ok(), path);
  table.file = reader;
  if (weights.tied) { // the head keeps what is in memory
    Linear& head = weights.output.linear;
    head = std::move(table.linear);
    table.linear = {};
    table.linear.rows = head.rows;
    table.linear.cols = head.cols;
    table.linear.layout = head.layout;
    weights.tied = false;
  }
  table.linear.data.release();
  std::vector<Evaluation> evaluations;
  for (Sequence& sequence : together)
    evaluations.push_back(sequence.evaluation(model, false));
  std::vector<Evaluation*> pointers = {&evaluations[0], &evaluations[1], &evaluations[2]};
  run_together(pool, pointers);
  CHECK(evaluations[1].status().code == Code::kFile, evaluations[1].status().message);
  CHECK_EQ(together[1].cache.position.load(), size_t{0}, "");
  for (size_t i : {0, 2}) {
    CHECK(evaluations[i].status().ok(), evaluations[i].status().message);
    CHECK_EQ(together[i].cache.position.load(), size_t{4}, "");
    CHECK(together[i].same_answers(alone[i]), std::to_string(i));
  }
  remove(path.c_str());
}
