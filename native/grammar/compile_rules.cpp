// Emits expressions from back to front: each is told where to go on after it.
#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "automaton.h"
#include "utf8_sequences.h"

namespace bitnet {
namespace {

constexpr CodeRange kPlain[] = {
    {0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0x7e}, {0x80, 0xd7ff}, {0xe000, 0x10ffff}};

class Compiler {
public:
  Compiler(const Rules& rules, const Analysis& analysis) : rules_(rules), analysis_(analysis) {}

  Automaton compile() {
    const int32_t end = add(Step::kReturn);
    std::vector<int32_t> entries(rules_.size());
    for (size_t i = 0; i < rules_.size(); ++i)
      entries[i] = emit(rules_.roots[i], end);
    for (Instruction& instruction : made_.code)
      if (instruction.step == Step::kCall)
        instruction.first = entries[static_cast<size_t>(instruction.first)];
    made_.start = entries[0];
    classify_bytes();
    return std::move(made_);
  }

private:
  const Expression& expression(int32_t at) const {
    return rules_.expressions[static_cast<size_t>(at)];
  }
  int32_t child(const Expression& e, int32_t i) const {
    return rules_.children[static_cast<size_t>(e.first + i)];
  }
  Instruction& at(int32_t pc) { return made_.code[static_cast<size_t>(pc)]; }
  bool has_text(int32_t e) const { return analysis_.shortest[static_cast<size_t>(e)] != kNoText; }

  int32_t add(Step step, int32_t first = 0, int32_t count = 0, int32_t next = 0) {
    made_.code.push_back({step, false, first, count, next, 0, 0, 0});
    return static_cast<int32_t>(made_.code.size()) - 1;
  }

  int32_t bytes(const std::vector<Edge>& edges) {
    const int32_t first = static_cast<int32_t>(made_.edges.size());
    made_.edges.insert(made_.edges.end(), edges.begin(), edges.end());
    return add(Step::kBytes, first, static_cast<int32_t>(edges.size()));
  }

  int32_t split(const std::vector<int32_t>& targets) {
    const int32_t pc = add(Step::kSplit);
    aim(pc, targets);
    return pc;
  }

  void aim(int32_t pc, const std::vector<int32_t>& targets) {
    at(pc).first = static_cast<int32_t>(made_.targets.size());
    at(pc).count = static_cast<int32_t>(targets.size());
    made_.targets.insert(made_.targets.end(), targets.begin(), targets.end());
  }

  /** What can never end is left out, so that every way that is open leads to an end. */
  int32_t emit(int32_t at, int32_t next) {
    if (!has_text(at))
      return split({});
    const Expression& e = expression(at);
    switch (e.op) {
    case Op::kText:
      return text(rules_.bytes.data() + e.first, static_cast<size_t>(e.count), next);
    case Op::kClass:
      return character(e, next);
    case Op::kToken:
      return add(Step::kToken, e.first, 0, next);
    case Op::kNotToken:
      return add(Step::kNotToken, e.first, 0, next);
    case Op::kSequence:
      for (int32_t i = e.count; i-- > 0;)
        next = emit(child(e, i), next);
      return next;
    case Op::kChoice:
      return choice(e, next);
    case Op::kRepeat:
      return repeat(e, next);
    case Op::kRule:
      return add(Step::kCall, e.first, 0, next);
    }
    return split({});
  }

  int32_t text(const uint8_t* bytes_of, size_t count, int32_t next) {
    while (count-- > 0)
      next = bytes({{bytes_of[count], bytes_of[count], next}});
    return next;
  }

  int32_t character(const Expression& e, int32_t next) {
    std::vector<ByteSequence> sequences;
    for (int32_t i = 0; i < e.count; ++i)
      append_sequences(rules_.ranges[static_cast<size_t>(e.first + i)], &sequences);
    std::map<std::tuple<uint8_t, uint8_t, int32_t>, int32_t> tails; // most characters share theirs
    std::vector<Edge> edges;
    for (const ByteSequence& sequence : sequences) {
      int32_t to = next;
      for (int32_t i = sequence.length; --i > 0;) {
        const auto [low, high] = sequence.ranges[i];
        const auto [found, fresh] = tails.try_emplace({low, high, to}, 0);
        if (fresh)
          found->second = bytes({{low, high, to}});
        to = found->second;
      }
      edges.push_back({sequence.ranges[0].low, sequence.ranges[0].high, to});
    }
    return bytes(edges);
  }

  /** Alternatives that are texts become one tree, so that a list of a thousand is read in one way. */
  int32_t choice(const Expression& e, int32_t next) {
    std::vector<int32_t> targets;
    std::vector<std::string> texts;
    for (int32_t i = 0; i < e.count; ++i) {
      const Expression& one = expression(child(e, i));
      if (one.op == Op::kText)
        texts.emplace_back(reinterpret_cast<const char*>(rules_.bytes.data() + one.first),
                           static_cast<size_t>(one.count));
      else if (has_text(child(e, i)))
        targets.push_back(emit(child(e, i), next));
    }
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    if (!texts.empty())
      targets.push_back(tree(texts, 0, texts.size(), 0, next));
    return targets.size() == 1 ? targets[0] : split(targets);
  }

  /** Of the sorted texts [begin, end), which agree in their first `depth` bytes. */
  int32_t tree(const std::vector<std::string>& texts, size_t begin, size_t end, size_t depth,
               int32_t next) {
    const std::string &first = texts[begin], &last = texts[end - 1];
    size_t same = depth;
    while (same < first.size() && same < last.size() && first[same] == last[same])
      ++same;
    const bool ends = first.size() == same;
    std::vector<Edge> edges;
    for (size_t i = begin + ends; i < end;) {
      size_t j = i + 1;
      while (j < end && texts[j][same] == texts[i][same])
        ++j;
      const uint8_t byte = static_cast<uint8_t>(texts[i][same]);
      edges.push_back({byte, byte, tree(texts, i, j, same + 1, next)});
      i = j;
    }
    int32_t pc = next;
    if (!edges.empty())
      pc = ends ? split({next, bytes(edges)}) : bytes(edges);
    return text(reinterpret_cast<const uint8_t*>(first.data()) + depth, same - depth, pc);
  }

  int32_t repeat(const Expression& e, int32_t next) {
    if (e.max == 0 || !has_text(e.first))
      return next; // a minimum of 1 or more would have no text either
    const bool plain = takes_plain(e.first, 8);
    if (e.min == 1 && e.max == 1)
      return emit(e.first, next);
    if (e.min == 0 && e.max == 1)
      return split({emit(e.first, next), next});
    if (e.min <= 1 && e.max < 0) {
      const int32_t loop = add(Step::kSplit);
      const int32_t body = emit(e.first, loop);
      aim(loop, {body, next});
      at(loop).plain = plain;
      if (e.min == 0)
        return loop;
      const int32_t entry = split({body});
      at(entry).plain = plain;
      return entry;
    }
    const int32_t again = add(Step::kAgain, 0, 0, next);
    const int32_t body = emit(e.first, again);
    const int32_t enter = add(Step::kEnter, body, again, next);
    at(again).first = body;
    for (int32_t pc : {again, enter}) {
      at(pc).min = e.min;
      at(pc).max = e.max;
      at(pc).item = analysis_.shortest[static_cast<size_t>(e.first)];
      at(pc).plain = plain;
    }
    return enter;
  }

  /** Whether any plain character is one match of the expression; false where that is hard to see. */
  bool takes_plain(int32_t at, int depth) {
    const Expression& e = expression(at);
    const size_t steps = e.op == Op::kClass ? 1 + static_cast<size_t>(e.count) : 1;
    if (depth == 0 || plain_steps_ < steps)
      return false;
    plain_steps_ -= steps;
    if (e.op == Op::kRule)
      return takes_plain(rules_.roots[static_cast<size_t>(e.first)], depth - 1);
    if (e.op == Op::kChoice || (e.op == Op::kSequence && e.count == 1)) {
      for (int32_t i = 0; i < std::min(e.count, 8); ++i)
        if (takes_plain(child(e, i), depth - 1))
          return true;
      return false;
    }
    if (e.op != Op::kClass)
      return false;
    const CodeRange* ranges = rules_.ranges.data() + e.first;
    return std::all_of(std::begin(kPlain), std::end(kPlain), [&](CodeRange plain) {
      int32_t covered = plain.low; // ranges may touch
      for (int32_t i = 0; i < e.count && covered <= plain.high; ++i)
        if (ranges[i].low <= covered && covered <= ranges[i].high)
          covered = ranges[i].high + 1;
      return covered > plain.high;
    });
  }

  void classify_bytes() {
    std::array<bool, 257> begins = {};
    begins[0] = true;
    for (const Edge& edge : made_.edges) {
      begins[edge.low] = true;
      begins[size_t{edge.high} + 1] = true;
    }
    for (int byte = 0; byte < 256; ++byte) {
      made_.classes += begins[static_cast<size_t>(byte)];
      const auto index = static_cast<size_t>(made_.classes) - 1;
      made_.class_of[static_cast<size_t>(byte)] = static_cast<uint8_t>(index);
      if (begins[static_cast<size_t>(byte)])
        made_.first_byte[index] = static_cast<uint8_t>(byte);
      made_.last_byte[index] = static_cast<uint8_t>(byte);
    }
    for (Edge& edge : made_.edges) {
      edge.low = made_.class_of[edge.low];
      edge.high = made_.class_of[edge.high];
    }
  }

  const Rules& rules_;
  const Analysis& analysis_;
  Automaton made_;
  size_t plain_steps_ = size_t{1} << 18; // rules that use each other many times are many to look at
};

} // namespace

Automaton compile_rules(const Rules& rules, const Analysis& analysis) {
  return Compiler(rules, analysis).compile();
}

} // namespace bitnet
