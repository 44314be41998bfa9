// What a sequence remembers of its tokens: keys and values, and the states of recurrent layers.
#pragma once
#include <atomic>

#include "kv_cache.h"
#include "recurrent_states.h"

namespace bitnet {

/**
 * The one place that tokens are appended to and cut from. A step is prepared, writes behind
 * `position`, and is appended when all of it is there; `engine/session_file` saves and loads.
 */
class SequenceCache {
public:
  /**
   * For up to `context` positions, whose keys and values find room in `pool`, by default one without
   * limits.
   */
  Status allocate(const ModelSpec& spec, size_t context, KvType type = kKvF16,
                  std::shared_ptr<KvPool> pool = std::make_shared<KvPool>());

  /**
   * Makes room for a step of `n` tokens, and for a snapshot after `keep_after` of them
   * (RecurrentStates).
   */
  Status prepare(size_t n, size_t keep_after = RecurrentStates::kNowhere);
  /** The tokens of the step that was prepared are there. */
  void append(const int32_t* tokens, size_t n);

  /**
   * Forgets everything from `length` on, and returns the position of what is left: `length`, or where
   * the last state before it is. The tokens between the two have to be appended again.
   */
  size_t truncate(size_t length);

  /** Takes all that another one of the same sizes holds, which came from elsewhere: it is not shared. */
  void take(SequenceCache& other);
  /** Becomes one of the same tokens as `other`, with which it shares what is there. */
  Status fork(const ModelSpec& spec, SequenceCache& other);

  /** What the coming tokens are evaluated with: see PrefixKey. */
  void use(const std::string& adapters);
  /** From now on, what is evaluated is kept in the pool for sequences that begin alike. */
  void share();
  /**
   * Appends as many of the coming tokens, at most `n`, as the pool has of a text that begins like
   * this one, and returns their number.
   */
  size_t reuse(const int32_t* tokens, size_t n);

  KvCache kv;
  RecurrentStates states;
  /**
   * Tokens evaluated so far; the next one goes here. Atomic, because JavaScript may ask in
   * mid-evaluation.
   */
  std::atomic<size_t> position{0};

private:
  static constexpr size_t kNowhere = SIZE_MAX;

  bool records() const { return tokens_.size() == position && own_from_ > 0; }
  void keep_blocks();
  void keep_states(const std::vector<PrefixTree::State>& after);
  void keep_rest();
  void forget_behind();

  PrefixKey key_;
  std::vector<int32_t> tokens_;      // [position]; none of what came from elsewhere
  PrefixTree::Node* node_ = nullptr; // of the last block that the pool keeps, which is one of ours
  size_t kept_ = 0;                  // blocks that the pool keeps
  size_t own_from_ = kNowhere;       // from here on, the key does not say what decided the rest
  bool shares_ = false;
};

} // namespace bitnet
