// Sequences of a model with recurrent layers: whatever was appended, cut, saved and loaded, what comes
// next has the bits of the same tokens evaluated afresh.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "engine/session_file.h"
#include "guarded.h"
#include "tiny_model.h"

using namespace bitnet;

namespace {

constexpr size_t kContext = 90;

// A sequence as TypeScript keeps it: the tokens are its own, and those that a truncation has lost go in
// front of what is appended next.
class Text {
public:
  Text(Model& model, ThreadPool& pool, size_t context = kContext, KvType type = kKvF16)
      : model_(model), pool_(pool) {
    CHECK(cache.allocate(model.weights->spec, context, type, model.kv).ok(), "cache");
  }
  ~Text() { cache.truncate(0); } // as a session that closes: what others may need is kept

  std::unique_ptr<Text> fork() {
    auto fork = std::make_unique<Text>(model_, pool_);
    CHECK(fork->cache.fork(model_.weights->spec, cache).ok(), "fork");
    fork->tokens = tokens;
    return fork;
  }

  // Logits of the last token; begins with what others have of it.
  std::vector<float> append_reusing(const std::vector<int32_t>& more, int32_t* cached) {
    const size_t known = cache.position;
    tokens.insert(tokens.end(), more.begin(), more.end());
    EvaluateRequest request = {};
    request.tokens = tokens.data() + known;
    request.n = tokens.size() - known;
    request.again = request.n - more.size();
    request.cached = cached;
    std::vector<float> logits(model_.weights->spec.vocab_size);
    request.outputs = EvaluateRequest::Outputs::kLast;
    request.logits = logits.data();
    Evaluation evaluation(model_, cache, request, flags_.signal());
    finish(pool_, {&evaluation});
    CHECK(evaluation.status().ok(), evaluation.status().message);
    CHECK_EQ(cache.position.load(), tokens.size(), "position");
    return logits;
  }

  // Logits of all the appended tokens.
  std::vector<float> append(const std::vector<int32_t>& more) {
    const size_t known = cache.position, vocab = model_.weights->spec.vocab_size;
    std::vector<int32_t> ids(tokens.begin() + static_cast<std::ptrdiff_t>(known), tokens.end());
    EvaluateRequest request = {};
    request.again = ids.size();
    ids.insert(ids.end(), more.begin(), more.end());
    std::vector<float> logits(more.size() * vocab);
    request.tokens = ids.data();
    request.n = ids.size();
    request.outputs = EvaluateRequest::Outputs::kAll;
    request.logits = logits.data();
    Evaluation evaluation(model_, cache, request, flags_.signal());
    finish(pool_, {&evaluation});
    CHECK(evaluation.status().ok(), evaluation.status().message);
    tokens.insert(tokens.end(), more.begin(), more.end());
    CHECK_EQ(cache.position.load(), tokens.size(), "position");
    return logits;
  }

  void truncate(size_t length) {
    tokens.resize(length);
    CHECK(cache.truncate(length) <= length, "what is left");
  }

  // Through a file, into a cache of its own.
  void move(const std::string& path) {
    if (cache.position < tokens.size()) {
      EvaluateRequest request = {};
      request.tokens = tokens.data() + cache.position;
      request.n = tokens.size() - cache.position;
      Evaluation evaluation(model_, cache, request, flags_.signal());
      finish(pool_, {&evaluation});
    }
    remove(path.c_str());
    CHECK(write_session(path, nullptr, 0, tokens.data(), 1, cache, flags_.signal()).ok(), "write");
    std::vector<size_t> positions;
    for (const auto& state : cache.states.held())
      positions.push_back(state->position);
    SequenceCache read;
    const ModelSpec& spec = model_.weights->spec;
    CHECK(read.allocate(spec, cache.kv.context(), cache.kv.type(), model_.kv).ok(), "cache");
    std::vector<int32_t> found(tokens.size());
    const Status status =
        read_session(path, 0, 1, positions, found.size(), found.data(), read, flags_.signal());
    CHECK(status.ok() && found == tokens, status.message);
    cache.take(read);
    remove(path.c_str());
  }

  std::vector<int32_t> tokens;
  SequenceCache cache;

private:
  Model& model_;
  ThreadPool& pool_;
  Flags flags_;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

} // namespace

TEST("any sequence of appending, cutting, saving and loading has the bits of starting afresh") {
  ModelFile file(true, 24, ModelFile::Extras::kRecurrent);
  const std::string path = file.spec().path + ".session";
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  Model model(weights, 2);
  ThreadPool pool(2);
  check::Random random(5);
  Text text(model, pool);
  for (size_t round = 0; round < (check::quick() ? 40 : 150); ++round) {
    const size_t length = text.tokens.size();
    const std::string what = "round " + std::to_string(round) + " at " + std::to_string(length);
    switch (random.below(5)) {
    case 0:
      text.truncate(random.below(static_cast<uint32_t>(length + 1)));
      break;
    case 1:
      text.truncate(length - std::min<size_t>(length, random.below(4)));
      break;
    case 2:
      text.move(path);
      break;
    default: {
      const size_t most = std::min<size_t>(kContext - length, random.below(3) == 0 ? 40 : 3);
      if (most == 0) {
        text.truncate(0);
        break;
      }
      std::vector<int32_t> more(1 + random.below(static_cast<uint32_t>(most)));
      for (int32_t& id : more)
        id = static_cast<int32_t>(random.below(file.spec().vocab_size));
      const std::vector<float> logits = text.append(more);
      Text fresh(model, pool);
      const std::vector<float> all = fresh.append(text.tokens);
      CHECK(same_bits(logits, {all.end() - static_cast<std::ptrdiff_t>(logits.size()), all.end()}),
            what);
    }
    }
  }
}

namespace {

std::vector<int32_t> random_tokens(check::Random& random, size_t count) {
  std::vector<int32_t> tokens(count);
  for (int32_t& id : tokens)
    id = static_cast<int32_t>(random.below(20)); // few, so that texts are alike by chance too
  return tokens;
}

// Texts of one model that share what they have in common, while there is memory for little more than
// what they hold. Returns how many tokens were not evaluated.
int64_t run_alike(ModelFile::Extras extras, KvType type, size_t rounds) {
  ModelFile file(true, 24, extras);
  const std::string path = file.spec().path + ".session";
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  Model model(weights, 2), apart(weights, 2);
  ThreadPool pool(2);
  check::Random random(11);
  constexpr size_t kTexts = 4;
  std::vector<std::unique_ptr<Text>> texts;
  std::vector<int32_t> earlier; // of a text that was there
  int64_t reused = 0;
  const auto fresh = [&] { return std::make_unique<Text>(model, pool, kContext, type); };
  texts.push_back(fresh());
  CHECK(texts[0]->cache.prepare(1).ok(), "a block");
  const uint64_t block = model.kv->used(), state = texts[0]->cache.states.bytes_of_one();
  model.kv->limit((3 * kTexts + 4) * block + 3 * state, true);
  for (size_t round = 0; round < rounds; ++round) {
    const size_t which = random.below(static_cast<uint32_t>(texts.size()));
    Text& text = *texts[which];
    const size_t length = text.tokens.size();
    const std::string what = "round " + std::to_string(round) + " at " + std::to_string(length);
    switch (random.below(9)) {
    case 0:
      text.truncate(random.below(static_cast<uint32_t>(length + 1)));
      break;
    case 1:
      text.move(path);
      break;
    case 2:
      if (texts.size() < kTexts)
        texts.push_back(text.fork());
      break;
    case 3:
      earlier = text.tokens;
      texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(which));
      if (texts.empty())
        texts.push_back(fresh());
      break;
    case 4: { // the begin of one that is there or was
      if (texts.size() == kTexts)
        texts.pop_back();
      std::vector<int32_t> begin = random.below(2) == 0 ? earlier : texts[0]->tokens;
      begin.resize(std::min<size_t>(begin.size(), random.below(kContext)));
      const std::vector<int32_t> more = random_tokens(random, 1 + random.below(5));
      begin.insert(begin.end(), more.begin(), more.end());
      texts.push_back(fresh());
      int32_t cached = 0;
      const std::vector<float> logits = texts.back()->append_reusing(begin, &cached);
      CHECK(cached >= 0 && static_cast<size_t>(cached) < begin.size(), what);
      reused += cached;
      const std::vector<float> all = Text(apart, pool, kContext, type).append(begin);
      CHECK(same_bits(logits, {all.end() - static_cast<std::ptrdiff_t>(logits.size()), all.end()}),
            what + ", reusing " + std::to_string(cached));
      break;
    }
    default: {
      const size_t most = std::min<size_t>(kContext - length, random.below(3) == 0 ? 40 : 3);
      if (most == 0) {
        text.truncate(0);
        break;
      }
      const std::vector<int32_t> more =
          random_tokens(random, 1 + random.below(static_cast<uint32_t>(most)));
      int32_t cached = 0;
      const std::vector<float> logits =
          random.below(2) == 0 ? text.append(more) : text.append_reusing(more, &cached);
      reused += cached;
      const std::vector<float> all = Text(apart, pool, kContext, type).append(text.tokens);
      CHECK(same_bits(logits, {all.end() - static_cast<std::ptrdiff_t>(logits.size()), all.end()}),
            what);
    }
    }
    const KvPool::Stats stats = model.kv->stats();
    CHECK(stats.used <= stats.budget && stats.cached <= stats.used, what);
  }
  texts.clear();
  CHECK_EQ(model.kv->stats().cached, model.kv->used(), "nobody holds anything any more");
  return reused;
}

} // namespace

TEST("texts that share what they have in common, and forks, have the bits of starting afresh") {
  for (const ModelFile::Extras extras : {ModelFile::Extras::kAll, ModelFile::Extras::kRecurrent})
    for (const KvType type : {kKvF16, kKvQ8_0})
      CHECK(run_alike(extras, type, 200) > 0, "some was reused");
}

TEST("a snapshot is taken shortly before the end of a text, and one token more is none") {
  ModelFile file(true, 24, ModelFile::Extras::kRecurrent);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 1, &weights).ok(), "load");
  Model model(weights, 1);
  ThreadPool pool(1);
  Text text(model, pool);
  const std::vector<int32_t> tokens = some_tokens(60);
  text.append(tokens);
  for (int32_t id = 0; id < 20; ++id)
    text.append({id});
  CHECK_EQ(text.cache.states.held().size(), size_t{2}, "a snapshot, and the state at the end");
  CHECK_EQ(text.cache.states.held()[0]->position, 60 - kSnapshotTail, "");
  CHECK_EQ(text.cache.truncate(79), size_t{79}, "the last token costs nothing");
  CHECK_EQ(text.cache.truncate(70), 60 - kSnapshotTail, "");
  CHECK_EQ(text.cache.truncate(60 - kSnapshotTail), 60 - kSnapshotTail, "");
  CHECK_EQ(text.cache.truncate(60 - kSnapshotTail - 1), size_t{0}, "there is none before");
  CHECK(text.cache.states.held().empty(), "what was cut is forgotten");
}

TEST("while tokens come one by one, a snapshot is taken at every 256th position") {
  ModelFile file(true, 24, ModelFile::Extras::kRecurrent);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 1, &weights).ok(), "load");
  Model model(weights, 1);
  ThreadPool pool(1);
  Text text(model, pool, 300), fresh(model, pool, 300);
  text.append(some_tokens(250));
  for (int32_t id = 0; id < 12; ++id)
    text.append({id});
  CHECK_EQ(text.cache.states.bytes(), 4 * text.cache.states.bytes_of_one(),
           "two snapshots, and the states after the last step and before");
  text.truncate(260);
  CHECK_EQ(text.cache.position.load(), kSnapshotInterval, "");
  const std::vector<float> logits = text.append({1});
  const std::vector<float> all = fresh.append(text.tokens);
  CHECK(same_bits(logits, {all.end() - static_cast<std::ptrdiff_t>(logits.size()), all.end()}),
        "the bits of starting afresh");
}

TEST("snapshots stay within a number, spread over the text, with the newest") {
  ModelSpec spec = {};
  spec.n_layer = 1;
  // A state of 128 MiB: four fit into the budget.
  spec.recurrent = {.layers = {1},
                    .taps = 1,
                    .n_key_head = 1,
                    .n_value_head = 512,
                    .key_dim = 256,
                    .head_dim = 256};
  RecurrentStates states;
  CHECK(states.allocate(spec), "memory");
  CHECK_EQ(states.bytes_of_one(), uint64_t{128} << 20, "");
  size_t position = 0;
  for (const size_t next : {100, 110, 200, 300, 310, 400, 500}) {
    CHECK(states.prepare(position, 0), "memory");
    states.commit(next);
    position = next;
  }
  std::vector<size_t> positions;
  for (const auto& state : states.held())
    positions.push_back(state->position);
  CHECK(positions == (std::vector<size_t>{100, 200, 300, 400, 500}),
        std::to_string(positions.size()) + " from " + std::to_string(positions[0]));
}

TEST("a step that fails leaves the state as it was") {
  ModelFile file(true, 24, ModelFile::Extras::kRecurrent);
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 2, &weights).ok(), "load");
  Model model(weights, 2);
  ThreadPool pool(2);
  Text text(model, pool), fresh(model, pool);
  const std::vector<int32_t> tokens = some_tokens(40);
  text.append(tokens);
  for (const size_t keep_after : {size_t{0}, size_t{2}, RecurrentStates::kNowhere}) {
    Flags flags;
    const Abort abort = flags.signal();
    CHECK(text.cache.prepare(5, keep_after).ok() && model.workspace.ensure(5, {}).ok(), "memory");
    const BatchItem item = {&text.cache, tokens.data(), 5, &abort, {}};
    CHECK(forward(*weights, model.workspace, pool, &item, 1).ok(), "forward");
  }
  std::vector<int32_t> all = tokens;
  all.insert(all.end(), {1, 2, 3});
  const std::vector<float> expected = fresh.append(all), logits = text.append({1, 2, 3});
  CHECK(same_bits(logits,
                  {expected.end() - static_cast<std::ptrdiff_t>(logits.size()), expected.end()}),
        "the bits of starting afresh");
}

TEST("states that are no finite numbers are refused") {
  ModelFile file(true, 24, ModelFile::Extras::kRecurrent);
  const std::string path = file.spec().path + ".session";
  std::shared_ptr<const Weights> weights;
  CHECK(load(file.spec(), "", 1, &weights).ok(), "load");
  Model model(weights, 1);
  ThreadPool pool(1);
  Text text(model, pool);
  text.append(some_tokens(5));
  text.cache.states.held().back()->data.as<float>()[7] = INFINITY;
  Flags flags;
  CHECK(write_session(path, nullptr, 0, text.tokens.data(), 1, text.cache, flags.signal()).ok(),
        "write");
  SequenceCache read;
  CHECK(read.allocate(file.spec(), kContext).ok(), "cache");
  std::vector<int32_t> found(5);
  const Status status = read_session(path, 0, 1, {5}, 5, found.data(), read, flags.signal());
  CHECK(status.code == Code::kSession && status.message.find("finite") != std::string::npos,
        status.message);
  CHECK_EQ(read.position.load(), size_t{0}, "nothing was read");
  remove(path.c_str());
}

TEST("more states than a sequence keeps are not read") {
  ModelSpec spec = {};
  spec.n_layer = 1;
  spec.n_kv_head = 1;
  spec.head_dim = 8;
  // A state of 128 MiB: four fit into the budget.
  spec.recurrent = {.layers = {1},
                    .taps = 1,
                    .n_key_head = 1,
                    .n_value_head = 512,
                    .key_dim = 256,
                    .head_dim = 256};
  SequenceCache cache;
  CHECK(cache.allocate(spec, kContext).ok(), "cache");
  Flags flags;
  std::vector<int32_t> tokens(6);
  const Status status =
      read_session("/nowhere", 0, 1, {1, 2, 3, 4, 5, 6}, 6, tokens.data(), cache, flags.signal());
  CHECK(status.code == Code::kSession &&
            status.message.find("6 states where at most 5") != std::string::npos,
        status.message);
}
