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
  /** `n` tokens of the step that was prepared are there. */
  void append(size_t n);

  /**
   * Forgets everything from `length` on, and returns the position of what is left: `length`, or where
   * the last state before it is. The tokens between the two have to be appended again.
   */
  size_t truncate(size_t length);

  /** Takes all that another one of the same sizes holds. */
  void take(SequenceCache& other);

  KvCache kv;
  RecurrentStates states;
  /**
   * Tokens evaluated so far; the next one goes here. Atomic, because JavaScript may ask in
   * mid-evaluation.
   */
  std::atomic<size_t> position{0};
};

} // namespace bitnet
