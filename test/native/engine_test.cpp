// Generations on an engine from many threads: each gets the bits it gets alone, whatever the others do.
#include "engine/engine.h"

#include <string.h>

#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "tiny_model.h"

using namespace bitnet;

namespace {

constexpr size_t kPrompt = 90;
constexpr size_t kTokens = 12;

// A job that a thread waits for.
class Waited : public Job {
public:
  Waited(const Evaluation& evaluation, Generation* generation, std::atomic<int>& code)
      : Job(evaluation, generation), code_(code) {}
  void finished() override { code_.store(static_cast<int>(evaluation.status().code)); }

private:
  std::atomic<int>& code_;
};

// What a session of JavaScript does: a prompt, then tokens one by one.
struct Client {
  Model& model;
  ModelQueue& queue;
  size_t skip; // so that clients have texts of their own
  SequenceCache cache = {};
  Generation generation = {};
  Flags flags = {};
  std::vector<float> logits = {}; // [1 + kTokens, vocab]

  Code evaluate(const int32_t* tokens, size_t n, float* out, bool cancel = false) {
    EvaluateRequest request = {};
    request.tokens = tokens;
    request.n = n;
    request.outputs = EvaluateRequest::Outputs::kLast;
    request.logits = out;
    std::atomic<int> code{-1};
    queue.submit(std::make_unique<Waited>(Evaluation(model, cache, request, flags.signal()),
                                          generating ? &generation : nullptr, code));
    if (cancel) {
      flags.abort.store(1);
      queue.cancel(cache);
    }
    while (code.load() < 0)
      std::this_thread::yield();
    return static_cast<Code>(code.load());
  }

  // `stop`: cancels before that evaluation, none when it is larger than all.
  void run(const std::string& caller, int32_t priority, bool plain, size_t stop) {
    const size_t vocab = model.weights->spec.vocab_size;
    std::vector<int32_t> tokens = some_tokens(kPrompt + kTokens + skip);
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(skip));
    logits.assign((1 + kTokens) * vocab, 0);
    CHECK(cache.allocate(model.weights->spec, kPrompt + kTokens).ok(), "cache");
    if (!plain) {
      queue.announce(generation, caller, priority);
      queue.admit(generation);
      generating = true;
    }
    for (size_t i = 0; i <= kTokens; ++i) {
      const bool prompt = i == 0;
      const Code code = evaluate(tokens.data() + (prompt ? 0 : kPrompt + i - 1),
                                 prompt ? kPrompt : 1, logits.data() + i * vocab, i == stop);
      if (code != Code::kOk) {
        CHECK(code == Code::kAborted && i >= stop, "only aborted");
        break;
      }
    }
    if (!plain)
      queue.end(generation);
    generating = false;
  }

  bool generating = false;
};

} // namespace

TEST("texts from many threads are the bits each has alone, with callers, priorities and cancels") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  const size_t threads = check::quick() ? 6 : 12, rounds = check::quick() ? 2 : 4;
  // The smallest step, a whole step, and what the model can do.
  for (const double target : {1e-9, 10.0, 0.0}) {
    Engine engine(2);
    Model first(weights, 2), second(weights, 2);
    ModelQueue queues[] = {{engine, first, {.target = target}},
                           {engine, second, {.target = target, .share = 3}}};
    Model* models[] = {&first, &second};
    std::vector<std::vector<float>> alone;
    for (size_t i = 0; i < threads; ++i) {
      Client client{*models[0], queues[0], i};
      client.run("", 0, false, SIZE_MAX);
      alone.push_back(client.logits);
    }
    std::atomic<size_t> wrong{0};
    std::vector<std::thread> clients;
    for (size_t i = 0; i < threads; ++i)
      clients.emplace_back([&, i] {
        for (size_t round = 0; round < rounds; ++round) {
          const size_t which = (i + round) % 2;
          const size_t stop = (i + round) % 3 == 0 ? (5 * i + round) % (kTokens + 1) : SIZE_MAX;
          Client client{*models[which], queues[which], i};
          client.run(std::to_string(i % 4), static_cast<int32_t>(i % 3), i % 5 == 4, stop);
          const size_t compared =
              std::min(stop, kTokens + 1) * weights->spec.vocab_size * sizeof(float);
          wrong += memcmp(client.logits.data(), alone[i].data(), compared) != 0;
          queues[which].stats();
        }
      });
    for (std::thread& client : clients)
      client.join();
    CHECK_EQ(wrong.load(), size_t{0}, "target " + std::to_string(target));
    for (ModelQueue& queue : queues) {
      const QueueStats stats = queue.stats();
      CHECK(stats.running == 0 && stats.waiting == 0, "all have ended");
      CHECK(stats.steps > 0 && stats.decoded > 0 && stats.prompts > 0, "");
      CHECK_EQ(stats.last_steps.size(), std::min<size_t>(stats.steps, 256), "");
    }
  }
}

TEST("a job that waits is canceled at once, and one whose generation has ended goes on") {
  ModelFile file(true);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 1, &weights).ok(), "load");
  Model model(weights, 1);
  Engine engine(1);
  ModelQueue queue(engine, model);
  Client client{model, queue, 0};
  CHECK(client.cache.allocate(file.spec(), 600).ok(), "cache");
  const std::vector<int32_t> tokens = some_tokens(600);
  std::vector<float> logits(weights->spec.vocab_size);
  queue.announce(client.generation, "someone", 3);
  CHECK_EQ(queue.stats().waiting, size_t{1}, "");
  queue.admit(client.generation);
  CHECK_EQ(queue.stats().running, size_t{1}, "");
  client.generating = true;
  queue.cancel(client.cache); // nothing waits
  CHECK(client.evaluate(tokens.data(), 100, logits.data()) == Code::kOk, "");
  CHECK(queue.served(client.generation) > 0, "tokens of the caller");
  client.flags.abort.store(1);
  CHECK(client.evaluate(tokens.data() + 100, 500, logits.data()) == Code::kAborted, "");
  CHECK_EQ(client.cache.position.load(), size_t{100}, "nothing was added");
  client.flags.abort.store(0);
  queue.end(client.generation);
  queue.end(client.generation);
  client.generating = false;
  CHECK(client.evaluate(tokens.data() + 100, 500, logits.data()) == Code::kOk, "");
}
