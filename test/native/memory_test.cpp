// When memory runs out, wherever that is, and gives none even for saying so: an error, never the
// end of the process.
#include <new>
#include <string>

#include "check.h"
#include "engine/engine.h"
#include "engine/session_file.h"
#include "kernels/cpu_features.h"
#include "limited_memory.h"
#include "tiny_model.h"

#if !defined(_WIN32) // there memory does not run out: see limited_memory.cpp

using namespace bitnet;
using limited_memory::left;
using limited_memory::made;

namespace {

// work() with 0, 1, 2, … allocations, up to as many as it needs, or at some of these numbers where
// they are many. It returns whether it had enough, and may throw std::bad_alloc where `throws`.
template <class Work> void with_little_memory(const char* what, bool throws, Work&& work) {
  made = 0;
  CHECK(work(), what);
  const int64_t needed = made;
  const int64_t step = std::max<int64_t>(1, needed / 200);
  int64_t refused = 0;
  for (int64_t limit = 0; limit < needed; limit += step) {
    left = limit;
    bool enough = false;
    bool thrown = false;
    try {
      enough = work();
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    left = -1;
    refused += !enough;
    CHECK(throws || !thrown, std::string(what) + " threw with " + std::to_string(limit));
  }
  CHECK(refused > 0, what);
  CHECK(work(), std::string(what) + " afterwards");
}

// Whether it ended well; else it must be for want of memory.
bool ended_well(const Status& status) {
  if (!status.ok() && status.code != Code::kMemory) {
    left = -1;
    CHECK(status.code == Code::kMemory, status.text());
  }
  return status.ok();
}

// A job whose end the test waits for.
class TestJob : public Job {
public:
  TestJob(const Evaluation& evaluation, std::atomic<int>* ended, std::atomic<int>* well)
      : Job(evaluation), ended_(ended), well_(well) {}
  void finished() override {
    const Status status = evaluation.take_status();
    *well_ += ended_well(status);
    ++*ended_;
  }

private:
  std::atomic<int>* ended_;
  std::atomic<int>* well_;
};

} // namespace

TEST("loading a model without memory is an error, from whichever thread it comes") {
  for (const size_t threads : {1, 3}) {
    ModelFile file(true);
    ThreadPool pool(threads);
    Flags flags;
    std::atomic<int32_t> progress{0};
    with_little_memory("load", false, [&] {
      // Copied before: in the addon, reading the arguments is guarded elsewhere.
      const int64_t limit = left.exchange(-1);
      ModelSpec spec = file.spec();
      KernelSet kernels;
      select_kernels(detect_cpu_features(), "", &kernels);
      LoadPlan plan;
      plan_load(spec, kernels, {}, &plan);
      left = limit;
      std::shared_ptr<Weights> weights;
      return ended_well(load_weights(std::move(spec), std::move(plan), pool,
                                     {flags.signal(), &progress}, &weights));
    });
  }
}

TEST("evaluations without memory fail one by one, and the engine goes on") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  for (const size_t threads : {1, 3}) {
    Engine engine(threads);
    with_little_memory("evaluate", true, [&] {
      const int64_t limit = left.exchange(-1);
      Model model(weights, engine.threads()); // whose workspace has to grow anew
      ModelQueue queue(engine, model);
      const std::vector<int32_t> tokens = some_tokens(80);
      constexpr size_t kJobs = 3;
      SequenceCache caches[kJobs];
      std::vector<int32_t> ids(5);
      std::vector<float> top(5), logits(80 * file.spec().vocab_size);
      std::vector<double> scores(80);
      Flags flags;
      std::atomic<int> ended{0}, well{0};
      std::unique_ptr<Job> jobs[kJobs];
      for (size_t i = 0; i < kJobs; ++i) {
        CHECK(caches[i].allocate(file.spec(), 80).ok(), "cache");
        EvaluateRequest request = {};
        request.tokens = tokens.data();
        request.n = i == 2 ? 1 : 80;
        request.outputs = i == 0   ? EvaluateRequest::Outputs::kAll
                          : i == 1 ? EvaluateRequest::Outputs::kScore
                                   : EvaluateRequest::Outputs::kTop;
        request.logits = logits.data();
        request.scores = scores.data();
        request.top = ids.size();
        request.top_ids = ids.data();
        request.top_logits = top.data();
        jobs[i] = std::make_unique<TestJob>(Evaluation(model, caches[i], request, flags.signal()),
                                            &ended, &well);
      }
      int submitted = 0;
      left = limit;
      try {
        for (std::unique_ptr<Job>& job : jobs) {
          queue.submit(std::move(job));
          ++submitted;
        }
      } catch (const std::bad_alloc&) {
      }
      while (ended < submitted)
        std::this_thread::yield();
      left = limit < 0 ? -1 : 0;
      return well == static_cast<int>(kJobs);
    });
  }
}

namespace {

// Steps of one sequence and of three, without memory once the workspace has its room.
void run_without_memory(const Weights& weights, size_t threads, size_t n, bool log_sums,
                        const std::string& what) {
  Workspace ws(weights, threads);
  ThreadPool pool(threads);
  Flags flags;
  const Abort abort = flags.signal();
  const std::vector<int32_t> tokens = some_tokens(n);
  SequenceCache caches[3];
  std::vector<BatchItem> items;
  for (SequenceCache& cache : caches) {
    CHECK(cache.allocate(weights.spec, n).ok() && cache.prepare(n).ok(), what);
    items.push_back({&cache, tokens.data(), n, &abort, {}});
  }
  std::vector<FfnCounts> counts(weights.layers.size());
  const size_t vocab_size = weights.spec.vocab_size;
  std::vector<float> logits(n * vocab_size), top(3 * vocab_size), extra_logits(3 * 2),
      states(n * weights.spec.dim);
  std::vector<int32_t> ids(3 * vocab_size);
  const std::vector<int32_t> extra_ids = {3, 5};
  std::vector<double> scores(n), log_sum_exp(3);
  for (const size_t count : {1, 3}) {
    HeadWork work;
    for (size_t row = 0; row < n; ++row) {
      work.logits.push_back({row, logits.data() + row * vocab_size});
      work.scores.push_back({row, tokens[row], scores.data() + row});
      work.states.push_back({row, states.data() + row * weights.spec.dim});
    }
    for (size_t i = 0; i < count; ++i)
      work.best.push_back({.row = i * n,
                           .k = 2 + 2 * i,
                           .ids = ids.data() + i * vocab_size,
                           .logits = top.data() + i * vocab_size,
                           .extra_ids = extra_ids.data(),
                           .extra_count = 2,
                           .extra_logits = extra_logits.data() + 2 * i,
                           .log_sum_exp = log_sums && i == 1 ? log_sum_exp.data() + i : nullptr});
    CHECK(ws.ensure(count * n, work).ok(), what);
    const uint64_t bytes = ws.bytes();
    made = 0;
    left = 0; // and none is given: what asks for some nevertheless throws
    bool done = false;
    try {
      done = forward(weights, ws, pool, items.data(), count, counts.data()).ok() &&
             answer(weights, ws, pool, work).ok();
    } catch (const std::bad_alloc&) {
    }
    left = -1;
    const int64_t allocations = made;
    CHECK(done, what);
    CHECK_EQ(allocations, int64_t{0}, what);
    CHECK_EQ(ws.bytes(), bytes, what);
  }
}

} // namespace

TEST("a step allocates nothing once the workspace has its room") {
  for (const ModelFile::Extras extras :
       {ModelFile::Extras::kNone, ModelFile::Extras::kAll, ModelFile::Extras::kExperts})
    for (const bool ternary : {false, true})
      for (const bool prefiltered : {false, true}) {
        ModelFile file(ternary, 24, extras);
        std::shared_ptr<const Weights> weights;
        CHECK(load(file.spec(), "", 2, &weights, prefiltered ? 0 : SIZE_MAX).ok(), "load");
        CHECK(weights->head_copy.empty() != prefiltered, "whether the head is prefiltered");
        for (const size_t threads : {1, 3})
          for (const size_t n : {1, 80})
            run_without_memory(*weights, threads, n, prefiltered,
                               std::string(ternary ? "ternary" : "dense") + ", prefiltered " +
                                   std::to_string(prefiltered) + ", " + std::to_string(threads) +
                                   " threads, " + std::to_string(n) + " tokens");
      }
}

TEST("an engine's steps allocate nothing but blocks after the first of their kind") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  Model model(weights, 2);
  ThreadPool pool(2);
  Flags flags;
  constexpr size_t kTokens = 40;
  const std::vector<int32_t> tokens = some_tokens(kTokens);
  SequenceCache caches[2];
  std::vector<float> top(2 * 5);
  std::vector<int32_t> ids(2 * 5);
  for (SequenceCache& cache : caches)
    CHECK(cache.allocate(file.spec(), kTokens).ok(), "cache");
  for (size_t step = 0; step < kTokens; ++step) {
    std::vector<Evaluation> evaluations;
    for (size_t i = 0; i < 2; ++i) {
      EvaluateRequest request = {};
      request.tokens = tokens.data() + step;
      request.n = 1;
      request.outputs = EvaluateRequest::Outputs::kTop;
      request.top = 5;
      request.top_ids = ids.data() + 5 * i;
      request.top_logits = top.data() + 5 * i;
      evaluations.emplace_back(model, caches[i], request, flags.signal());
    }
    StepPart both[] = {{.evaluation = &evaluations[0], .n = 1},
                       {.evaluation = &evaluations[1], .n = 1}};
    made = 0;
    run_step(pool, both, 2);
    const int64_t allocations = made;
    CHECK(evaluations[0].status().ok() && evaluations[1].status().ok(), "steps");
    CHECK(step % kKvBlockPositions == 0 || allocations == 0, "step " + std::to_string(step));
  }
}

TEST("a sequence without memory for its blocks stays as it was") {
  ModelFile file(true);
  auto pool = std::make_shared<KvPool>();
  with_little_memory("grow", true, [&] {
    const int64_t limit = left.exchange(-1);
    SequenceCache cache;
    CHECK(cache.allocate(file.spec(), 300, kKvF16, pool).ok() && cache.prepare(40).ok(), "cache");
    cache.append(nullptr, 40);
    const uint64_t used = pool->used();
    left = limit;
    bool well = false;
    try {
      well = ended_well(cache.prepare(200));
    } catch (const std::bad_alloc&) {
    }
    left = limit < 0 ? -1 : 0;
    CHECK_EQ(cache.position.load(), size_t{40}, "");
    cache.truncate(39);
    CHECK_EQ(pool->used(), used, "nothing leaks");
    return well;
  });
  CHECK_EQ(pool->used(), uint64_t{0}, "nothing leaks");
}

TEST("a session without memory is neither written nor read") {
  ModelFile file(true);
  const std::string path = file.spec().path + ".session";
  SequenceCache cache, read;
  CHECK(cache.allocate(file.spec(), 300).ok() && read.allocate(file.spec(), 300).ok(), "caches");
  CHECK(cache.prepare(300).ok(), "room");
  cache.position = 300;
  const std::vector<int32_t> tokens = some_tokens(300);
  std::vector<int32_t> found(300);
  Flags flags;
  with_little_memory("write and read", true, [&] {
    remove(path.c_str());
    return ended_well(write_session(path, nullptr, 0, tokens.data(), 1, cache, flags.signal())) &&
           ended_well(read_session(path, 0, 1, {}, 300, found.data(), read, flags.signal()));
  });
  remove(path.c_str());
}

TEST("what says that memory has run out takes none") {
  left = 0;
  const Status status =
      Status::error(Code::kMemory, "Not enough memory, whichever way it is said.");
  Status moved;
  moved = status;
  left = -1;
  CHECK_EQ(std::string(moved.text()), "Not enough memory, whichever way it is said.", "");
}

#endif
