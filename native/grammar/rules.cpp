// Reads rules from numbers; nothing in these is trusted.
#include "rules.h"

#include <utility>

#include "limits.h"

namespace bitnet {
namespace {

class Reader {
public:
  Reader(const std::vector<int32_t>& code, size_t vocab_size, size_t rules, Rules* out)
      : code_(code), vocab_size_(vocab_size), rules_(rules), out_(*out) {}

  /** Whether there was an expression; it is then the last one of `out`. */
  bool read(size_t depth) {
    int32_t op = 0;
    if (depth > kMaxRuleDepth || !number(0, static_cast<int32_t>(Op::kRule), &op))
      return false;
    Expression made = {static_cast<Op>(op), 0, 0, 0, 0};
    if (!body(depth, &made))
      return false;
    out_.expressions.push_back(made);
    return true;
  }

  void seek(size_t at) { at_ = at; }

private:
  bool body(size_t depth, Expression* made) {
    switch (made->op) {
    case Op::kText:
      return text(made);
    case Op::kClass:
      return ranges(made);
    case Op::kToken:
    case Op::kNotToken:
      return number(0, static_cast<int32_t>(vocab_size_) - 1, &made->first);
    case Op::kSequence:
    case Op::kChoice:
      return children(depth, made);
    case Op::kRepeat:
      return repeat(depth, made);
    case Op::kRule:
      return number(0, static_cast<int32_t>(rules_) - 1, &made->first);
    }
    return false;
  }

  bool text(Expression* made) {
    if (!number(0, static_cast<int32_t>(kMaxRuleNumbers), &made->count))
      return false;
    made->first = static_cast<int32_t>(out_.bytes.size());
    for (int32_t i = 0, byte = 0; i < made->count; ++i) {
      if (!number(0, 255, &byte))
        return false;
      out_.bytes.push_back(static_cast<uint8_t>(byte));
    }
    return true;
  }

  bool ranges(Expression* made) {
    if (!number(0, static_cast<int32_t>(kMaxRuleNumbers), &made->count))
      return false;
    made->first = static_cast<int32_t>(out_.ranges.size());
    for (int32_t i = 0, least = 0; i < made->count; ++i) {
      CodeRange range;
      if (!number(least, 0x10ffff, &range.low) || !number(range.low, 0x10ffff, &range.high))
        return false;
      if (range.low <= 0xdfff && range.high >= 0xd800)
        return false;
      least = range.high + 1;
      out_.ranges.push_back(range);
    }
    return true;
  }

  bool children(size_t depth, Expression* made) {
    if (!number(0, static_cast<int32_t>(kMaxRuleNumbers), &made->count))
      return false;
    std::vector<int32_t> found;
    for (int32_t i = 0; i < made->count; ++i) {
      if (!read(depth + 1))
        return false;
      found.push_back(static_cast<int32_t>(out_.expressions.size()) - 1);
    }
    made->first = static_cast<int32_t>(out_.children.size());
    out_.children.insert(out_.children.end(), found.begin(), found.end());
    return true;
  }

  bool repeat(size_t depth, Expression* made) {
    if (!number(0, kMaxRepetition, &made->min) || !number(-1, kMaxRepetition, &made->max) ||
        (made->max >= 0 && made->max < made->min) || !read(depth + 1))
      return false;
    made->first = static_cast<int32_t>(out_.expressions.size()) - 1;
    return true;
  }

  bool number(int32_t low, int32_t high, int32_t* out) {
    if (at_ >= code_.size())
      return false;
    *out = code_[at_++];
    return low <= *out && *out <= high;
  }

  const std::vector<int32_t>& code_;
  size_t vocab_size_, rules_;
  Rules& out_;
  size_t at_ = 0;
};

} // namespace

Status read_rules(RuleNumbers numbers, size_t vocab_size, Rules* out) {
  const size_t rules = numbers.starts.size();
  if (rules > kMaxRules || numbers.code.size() > kMaxRuleNumbers)
    return Status::error(Code::kGrammar, "Expected a grammar of at most " +
                                             std::to_string(kMaxRules) +
                                             " rules, and about as many texts and "
                                             "alternatives, but it is larger; make it smaller.");
  Reader reader(numbers.code, vocab_size, rules, out);
  for (int32_t start : numbers.starts) {
    if (start >= 0)
      reader.seek(static_cast<size_t>(start));
    if (start < 0 || !reader.read(0))
      return Status::error(Code::kGrammar,
                           "Expected rules that are nested at most " +
                               std::to_string(kMaxRuleDepth) +
                               " deep, but received some that cannot be read; make them simpler.");
    out->roots.push_back(static_cast<int32_t>(out->expressions.size()) - 1);
    // starts that overlap would multiply what there is
    if (out->expressions.size() > kMaxRuleNumbers || out->bytes.size() > kMaxRuleNumbers ||
        out->ranges.size() > kMaxRuleNumbers)
      return Status::error(Code::kGrammar, "Expected rules that are written once each.");
  }
  if (rules == 0 || numbers.names.size() != rules)
    return Status::error(Code::kGrammar, "Expected at least one rule, and a name for each.");
  out->names = std::move(numbers.names);
  return {};
}

} // namespace bitnet
