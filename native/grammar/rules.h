// The rules of a grammar as trees of expressions, checked.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "common/status.h"

namespace bitnet {

/** How lib/grammar/encode-rules.ts writes expressions as numbers: an operation, then what stands behind it here. */
enum class Op : int32_t {
  kText,     // n, n bytes
  kClass,    // n, n times the first and last code point of a range: ascending, apart, no surrogates
  kToken,    // id
  kNotToken, // id: any other token that does not end the text
  kSequence, // n, n expressions
  kChoice,   // n, n expressions; of none: matches nothing
  kRepeat,   // min, max (-1: no limit), expression
  kRule,     // its number
};

struct RuleNumbers {
  std::vector<int32_t> code;
  std::vector<int32_t>
      starts; // [rules] where in `code` each begins; the first is where texts begin
  std::vector<std::string> names;
};

struct CodeRange {
  int32_t low, high; // code points, both included
};

struct Expression {
  Op op;
  int32_t first; // in bytes, ranges or children; or the token, the rule, the child of a repetition
  int32_t count;
  int32_t min, max; // of a repetition
};

struct Rules {
  std::vector<Expression> expressions; // children before their parents, rule after rule
  std::vector<uint8_t> bytes;
  std::vector<CodeRange> ranges;
  std::vector<int32_t> children;
  std::vector<int32_t> roots; // [rules] the expression that is the whole rule
  std::vector<std::string> names;

  size_t size() const { return roots.size(); }
  /** The first expression of a rule. */
  int32_t begin(size_t rule) const { return rule == 0 ? 0 : roots[rule - 1] + 1; }
};

/** Refuses what exceeds a limit (limits.h), or is not what `Op` says. */
Status read_rules(RuleNumbers numbers, size_t vocab_size, Rules* out);

} // namespace bitnet
