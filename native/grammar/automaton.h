// What rules are compiled to: instructions over classes of bytes, with a stack for rules and counters.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <array>
#include <vector>

#include "analyze_rules.h"
#include "rules.h"

namespace bitnet {

enum class Step : uint8_t {
  kBytes,    // takes a byte along one of `count` edges
  kToken,    // takes the token `first`
  kNotToken, // takes any other token that does not end the text
  kSplit,    // goes on at each of `count` targets
  kCall,     // pushes `next`, goes on at `first`
  kReturn,   // pops where to go on; at the bottom the text may end
  kEnter,    // pushes a counter, goes on at `first`, and at `next` if none is needed
  kAgain,    // counts, goes on at `first` if there may be more, at `next` if there are enough
};

struct Instruction {
  Step step;
  /** Of loops: what they repeat can be any plain character (`Vocabulary`). */
  bool plain;
  int32_t first, count, next;
  int32_t min, max; // of counters; max -1: no limit
  int32_t item;     // of counters: bytes of the shortest item; of kEnter `count` is its kAgain
};

struct Edge {
  uint8_t low, high; // classes of bytes, both included
  int32_t next;
};

struct Automaton {
  std::vector<Instruction> code;
  std::vector<Edge> edges;
  std::vector<int32_t> targets;
  std::array<uint8_t, 256> class_of;   // bytes between which no edge distinguishes, ascending
  std::array<uint8_t, 256> first_byte; // [classes]
  std::array<uint8_t, 256> last_byte;  // [classes]
  int32_t classes = 0;
  int32_t start = 0;
};

Automaton compile_rules(const Rules& rules, const Analysis& analysis);

} // namespace bitnet
