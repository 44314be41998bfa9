// Shortest texts by passes over all expressions until nothing changes; left recursion by a search
// for circles.
#include "analyze_rules.h"

#include <algorithm>

#include "limits.h"

namespace bitnet {
namespace {

int32_t saturated(int64_t length) {
  return static_cast<int32_t>(std::min<int64_t>(length, kNoText - 1));
}

int32_t shortest_character(const Rules& rules, const Expression& e) {
  if (e.count == 0)
    return kNoText;
  const int32_t low = rules.ranges[static_cast<size_t>(e.first)].low;
  return low < 0x80 ? 1 : low < 0x800 ? 2 : low < 0x10000 ? 3 : 4;
}

/** From the lengths of its children and of rules, as far as they are known. */
int32_t shortest_of(const Rules& rules, const std::vector<int32_t>& shortest,
                    const std::vector<int32_t>& of_rule, const Expression& e) {
  const auto of_child = [&](int32_t i) {
    return shortest[static_cast<size_t>(rules.children[static_cast<size_t>(e.first + i)])];
  };
  switch (e.op) {
  case Op::kText:
    return e.count;
  case Op::kClass:
    return shortest_character(rules, e);
  case Op::kToken:
  case Op::kNotToken:
    return 1;
  case Op::kSequence: {
    int64_t sum = 0;
    for (int32_t i = 0; i < e.count; ++i) {
      const int32_t length = of_child(i);
      if (length == kNoText)
        return kNoText;
      sum += length;
    }
    return saturated(sum);
  }
  case Op::kChoice: {
    int32_t least = kNoText;
    for (int32_t i = 0; i < e.count; ++i)
      least = std::min(least, of_child(i));
    return least;
  }
  case Op::kRepeat: {
    const int32_t length = shortest[static_cast<size_t>(e.first)];
    if (e.min == 0)
      return 0;
    return length == kNoText ? kNoText : saturated(int64_t{length} * e.min);
  }
  case Op::kRule:
    return of_rule[static_cast<size_t>(e.first)];
  }
  return kNoText;
}

/** Lengths only fall. Passes go forth and back, so that chains of rules take two. */
bool find_shortest(const Rules& rules, std::vector<int32_t>* shortest) {
  std::vector<int32_t> of_rule(rules.size(), kNoText);
  shortest->assign(rules.expressions.size(), kNoText);
  size_t steps = 0;
  bool changed = true;
  for (bool forth = false; changed; forth = !forth) {
    changed = false;
    for (size_t n = 0; n < rules.size(); ++n) {
      const size_t rule = forth ? n : rules.size() - 1 - n;
      const size_t end = static_cast<size_t>(rules.roots[rule]) + 1;
      for (size_t i = static_cast<size_t>(rules.begin(rule)); i < end; ++i) {
        const Expression& e = rules.expressions[i];
        (*shortest)[i] = shortest_of(rules, *shortest, of_rule, e);
        steps +=
            e.op == Op::kSequence || e.op == Op::kChoice ? 1 + static_cast<size_t>(e.count) : 1;
      }
      const int32_t length = (*shortest)[end - 1];
      changed |= length != of_rule[rule];
      of_rule[rule] = length;
      if (steps > kMaxAnalysisSteps)
        return false;
    }
  }
  return true;
}

/** The rules that an expression may begin with. */
void collect_first(const Rules& rules, const std::vector<int32_t>& shortest, int32_t expression,
                   std::vector<int32_t>* out) {
  const Expression& e = rules.expressions[static_cast<size_t>(expression)];
  if (e.op == Op::kRule)
    out->push_back(e.first);
  if (e.op == Op::kRepeat && e.max != 0)
    collect_first(rules, shortest, e.first, out);
  if (e.op != Op::kSequence && e.op != Op::kChoice)
    return;
  for (int32_t i = 0; i < e.count; ++i) {
    const int32_t child = rules.children[static_cast<size_t>(e.first + i)];
    collect_first(rules, shortest, child, out);
    if (e.op == Op::kSequence && shortest[static_cast<size_t>(child)] > 0)
      return;
  }
}

std::string way_of(const Rules& rules, const std::vector<int32_t>& way, int32_t again) {
  std::string text;
  size_t shown = 0;
  for (auto at = std::find(way.begin(), way.end(), again); at != way.end(); ++at, ++shown)
    if (shown < 5)
      text += rules.names[static_cast<size_t>(*at)] + " → ";
  return text + (shown > 5 ? "… → " : "") + rules.names[static_cast<size_t>(again)];
}

/** A search in depth, without recursion: a chain of rules may be long. */
Status refuse_left_recursion(const Rules& rules, const std::vector<int32_t>& shortest) {
  enum Color : uint8_t { kNew, kOpen, kDone };
  struct Visit {
    std::vector<int32_t> first;
    size_t at;
  };
  std::vector<uint8_t> color(rules.size(), kNew);
  std::vector<int32_t> way;
  std::vector<Visit> visits;
  const auto open = [&](int32_t rule) {
    color[static_cast<size_t>(rule)] = kOpen;
    way.push_back(rule);
    visits.push_back({{}, 0});
    std::vector<int32_t>& first = visits.back().first;
    collect_first(rules, shortest, rules.roots[static_cast<size_t>(rule)], &first);
    std::sort(first.begin(), first.end());
    first.erase(std::unique(first.begin(), first.end()), first.end());
  };
  for (size_t begin = 0; begin < rules.size(); ++begin) {
    if (color[begin] == kNew)
      open(static_cast<int32_t>(begin));
    while (!visits.empty()) {
      Visit& visit = visits.back();
      if (visit.at == visit.first.size()) {
        color[static_cast<size_t>(way.back())] = kDone;
        way.pop_back();
        visits.pop_back();
        continue;
      }
      const int32_t next = visit.first[visit.at++];
      if (color[static_cast<size_t>(next)] == kOpen)
        return Status::error(Code::kGrammar,
                             "Expected a grammar without left recursion, but rule \"" +
                                 rules.names[static_cast<size_t>(next)] +
                                 "\" can begin with itself (" + way_of(rules, way, next) +
                                 "); write it as a repetition, such as item (operator item)*.");
      if (color[static_cast<size_t>(next)] == kNew)
        open(next);
    }
  }
  return {};
}

Status refuse_empty_loops(const Rules& rules, const std::vector<int32_t>& shortest) {
  for (size_t rule = 0; rule < rules.size(); ++rule)
    for (int32_t i = rules.begin(rule); i <= rules.roots[rule]; ++i) {
      const Expression& e = rules.expressions[static_cast<size_t>(i)];
      const bool loops = e.op == Op::kRepeat && (e.max > 1 || e.max < 0);
      if (loops && shortest[static_cast<size_t>(e.first)] == 0)
        return Status::error(Code::kGrammar,
                             "Expected repetitions of something, but rule \"" + rules.names[rule] +
                                 "\" repeats what may be empty; make the repeated part match at "
                                 "least one character.");
    }
  return {};
}

} // namespace

Status analyze_rules(const Rules& rules, Analysis* out) {
  if (!find_shortest(rules, &out->shortest))
    return Status::error(Code::kGrammar, "Expected a grammar whose rules can be analyzed in a "
                                         "moment, but they are too entangled; make it smaller.");
  if (out->shortest[static_cast<size_t>(rules.roots[0])] == kNoText)
    return Status::error(Code::kGrammar,
                         "Expected a grammar that some text fulfills, but no text of rule \"" +
                             rules.names[0] +
                             "\" ever ends; give its recursion an alternative without itself.");
  Status status = refuse_empty_loops(rules, out->shortest);
  return status.ok() ? refuse_left_recursion(rules, out->shortest) : status;
}

} // namespace bitnet
