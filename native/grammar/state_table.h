// The states that an automaton has been in: sets of threads, each with a stack whose parts are shared.
#pragma once
#include <stdint.h>

#include <memory>
#include <vector>

#include "automaton.h"
#include "intern_index.h"

namespace bitnet {

/**
 * A thread has read the text so far in one way, and waits at an instruction that takes a byte or a
 * token. Equal sets of threads are one state, equal stacks one frame: states are told apart by
 * their numbers, and each finds out only once where its bytes lead.
 */
class StateTable {
public:
  /** No thread is left. */
  static constexpr int32_t kDead = -1;

  /** @param longest bytes of the longest token: how far a mask looks ahead */
  StateTable(const Automaton& automaton, size_t longest);

  int32_t start() const { return start_; }

  /** Whether the text may end here. */
  bool accepts(int32_t state) const { return states_[index(state)].accepts; }
  /** Whether any plain text of up to `kPlainCharacters` can follow. */
  bool plain(int32_t state) const { return states_[index(state)].plain; }
  /** Whether a token can follow that stands for itself. */
  bool takes_tokens(int32_t state) const { return states_[index(state)].takes_tokens; }

  /** [classes] Where each class of bytes leads; the pointer is good until the next call. */
  const int32_t* row(int32_t state) {
    int32_t row = states_[index(state)].row;
    if (row < 0)
      row = expand(state);
    return rows_.data() + index(row) * classes_;
  }

  int32_t next(int32_t state, uint8_t byte) { return row(state)[automaton_.class_of[byte]]; }

  /** Where a token leads by the instructions that take it whole. */
  int32_t next_by_token(int32_t state, int32_t token, bool ends_text);

  /** visit(token, negated) for each instruction that takes whole tokens. */
  template <class Visit> void each_token(int32_t state, Visit&& visit) const {
    const State& s = states_[index(state)];
    for (uint32_t i = s.first; i < s.first + s.count; ++i) {
      const Instruction& instruction = automaton_.code[index(threads_[i].pc)];
      if (instruction.step != Step::kBytes)
        visit(instruction.first, instruction.step == Step::kNotToken);
    }
  }

  /** Either of them. */
  int32_t joined(int32_t a, int32_t b);

  /** A state that the same tokens can follow: counts that no token can reach the end of are alike. */
  int32_t canonical(int32_t state);

  /** Allows `kMaxSteps` more before everything leads to `kDead`. */
  void begin_work() { steps_ = 0; }
  /** That this happened: there are too many ways to read the text. */
  bool exhausted() const;

  /**
   * If the table has grown beyond its limit, forgets all states but `kept`, whose numbers change.
   * Returns whether it did. If memory runs out, all of them are dead, and so is the start.
   */
  bool trim(const std::vector<int32_t*>& kept);

  size_t bytes() const;

private:
  struct Thread {
    int32_t pc, frame;
    bool operator==(const Thread& other) const { return pc == other.pc && frame == other.frame; }
    bool operator<(const Thread& other) const {
      return pc != other.pc ? pc < other.pc : frame < other.frame;
    }
  };
  struct Frame {
    int32_t parent;    // -1 at the bottom, which is frame 0
    int32_t pc;        // where to return to, or the kAgain of a counter
    int32_t count;     // of a counter
    int32_t canonical; // the frame with canonical counts
  };
  struct State {
    uint32_t first, count; // in threads_
    int32_t row;           // in rows_, of `classes_`; -1: not known yet
    bool accepts, plain, takes_tokens;
  };

  static size_t index(int32_t i) { return static_cast<size_t>(i); }

  void clear();
  void move_to_new(const std::vector<int32_t*>& kept);
  int32_t push(int32_t parent, int32_t pc, int32_t count);
  int32_t canonical_count(int32_t pc, int32_t count) const;
  /** Follows instructions that take nothing from `found_`'s thread on; more of `found_`. */
  void follow(Thread thread);
  void step(Thread thread);
  void go(int32_t pc, int32_t frame) { open_.push_back({pc, frame}); }
  bool seen(Thread thread);
  void begin_state();
  /** Of the threads that were found since begin_state(). */
  int32_t finish_state();
  int32_t expand(int32_t state);

  const Automaton& automaton_;
  size_t longest_, classes_;
  int32_t start_ = kDead;
  std::vector<Frame> frames_;
  std::vector<Thread> threads_;
  std::vector<State> states_;
  std::vector<int32_t> rows_;
  InternIndex frame_index_, state_index_;
  size_t kept_bytes_ = 0; // what the last trim could not free
  size_t steps_ = 0;

  std::vector<Thread> open_, found_; // of the state that is being made
  std::vector<Thread> seen_;         // a hash table, whose entries count where marks_ is mark_
  std::vector<uint32_t> marks_;
  uint32_t mark_ = 0;
  size_t seen_count_ = 0;
  bool accepts_ = false, plain_ = false;
};

} // namespace bitnet
