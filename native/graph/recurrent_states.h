// The states of one sequence's recurrent layers: after its last token, and after some earlier ones,
// because a state cannot be cut.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <vector>

#include "../common/aligned_buffer.h"
#include "spec.h"

namespace bitnet {

/** Bytes of all snapshots of a sequence; one may take more. */
constexpr uint64_t kSnapshotBudget = uint64_t{512} << 20;

/** States of all recurrent layers after `position` tokens; zeros after none. */
struct StateBuffer {
  AlignedBuffer data;
  size_t position = 0;
  bool shared = false; // others may hold it: its memory is never written again

  /** Reads first: another sequence may be reading. */
  void share() {
    if (!shared)
      shared = true;
  }
};

/**
 * Layout of a StateBuffer: for each recurrent layer [n_value_head][head_dim][key_dim] of its
 * matrices, a row for each value, rows and columns padded with zeros to 16, then [taps - 1][channels]
 * of the last inputs of its convolution, oldest first.
 *
 * A step reads the state at its begin and writes another: one that fails leaves nothing behind. So a
 * state is never changed once it is known, and several owners, or several sequences, may share it.
 */
class RecurrentStates {
public:
  static constexpr size_t kNowhere = SIZE_MAX;

  /** Forgets everything, and takes the memory of two states. False without memory. */
  bool allocate(const ModelSpec& spec);
  /** Of one StateBuffer; 0 where no layer has a state. */
  uint64_t bytes_of_one() const { return layers_ * layer_floats() * sizeof(float); }
  /** Of all that are held. */
  uint64_t bytes() const;
  /** Snapshots that are kept at the same time, besides the state after the last token. */
  size_t most_snapshots() const;

  /**
   * Makes room for a step, and for a snapshot of the state after `keep_after` of its tokens, which is
   * left out where there is no memory for it, or the state is there already. False without memory.
   */
  bool prepare(size_t position, size_t keep_after);
  /** The step is done: its state is that after `position` tokens, and its snapshot is kept. */
  void commit(size_t position);

  /** Goes back to the last state at `position` or before, of which it returns the position. */
  size_t restore(size_t position);

  /** Every state that is kept, by position: the last is that after the last token. */
  std::vector<std::shared_ptr<StateBuffer>> held() const;
  /** Takes states as held() gives them. */
  void take(std::vector<std::shared_ptr<StateBuffer>> states);
  /** Keeps a snapshot of the state after the last token if the one before is so many positions back. */
  void keep_now(size_t interval);
  /** Snapshots after more than `begin` and at most `end` tokens. */
  std::vector<std::shared_ptr<StateBuffer>> snapshots_between(size_t begin, size_t end) const;
  /** Goes on from a later state, of the same text. */
  void resume(std::shared_ptr<StateBuffer> state);
  /** The same states for another sequence. */
  RecurrentStates fork();
  /** An empty one for take(); null without memory. */
  std::shared_ptr<StateBuffer> make() const;

  /** Of the step that is prepared: what it reads and writes. */
  const StateBuffer& before() const { return *now_; }
  const StateBuffer& after() const { return *next_; }
  /** Where the state after `keep_after` tokens goes; null: nowhere. */
  const StateBuffer* kept() const { return kept_.get(); }
  size_t keep_after() const { return keep_after_; }

  float* matrix(const StateBuffer& states, size_t layer, size_t head) const {
    return layer_of(states, layer) + head * matrix_floats();
  }
  size_t matrix_floats() const { return head_rows_ * head_cols_; }
  /** Floats between rows of a matrix. */
  size_t matrix_stride() const { return head_cols_; }
  /** Inputs of the convolution; rows are inputs_stride() floats apart. */
  float* inputs(const StateBuffer& states, size_t layer) const {
    return layer_of(states, layer) + heads_ * matrix_floats();
  }
  size_t inputs_stride() const { return channels_; }

private:
  using Shared = std::shared_ptr<StateBuffer>;

  float* layer_of(const StateBuffer& states, size_t layer) const {
    return states.data.as<float>() + slots_[layer] * layer_floats();
  }
  size_t layer_floats() const { return heads_ * matrix_floats() + history_ * channels_; }
  void keep(Shared state);

  size_t layers_ = 0, heads_ = 0, head_rows_ = 0, head_cols_ = 0, history_ = 0, channels_ = 0;
  std::vector<size_t> slots_; // [n_layer] place among the recurrent layers
  Shared now_;                // null at position 0 once it went back there
  Shared last_;               // before the last step: where a step may write unless it is shared
  Shared next_, kept_;        // of the step that is prepared
  size_t keep_after_ = kNowhere;
  std::vector<Shared> snapshots_; // by position, none behind that of `now_`
};

} // namespace bitnet
