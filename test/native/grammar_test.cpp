// Grammars: what rules accept, byte for byte beside a matcher of another kind; masks beside tokens tried one by one; hostile rules.
#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "check.h"
#include "grammar/grammar.h"
#include "grammar/limits.h"
#include "grammar/utf8_sequences.h"

using namespace bitnet;

namespace {

using Numbers = std::vector<int32_t>;

Numbers joined(std::initializer_list<Numbers> parts) {
  Numbers all;
  for (const Numbers& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

int32_t number(Op op) {
  return static_cast<int32_t>(op);
}

Numbers text(const std::string& bytes) {
  Numbers code = {number(Op::kText), static_cast<int32_t>(bytes.size())};
  for (char byte : bytes)
    code.push_back(static_cast<uint8_t>(byte));
  return code;
}

Numbers one_of(const std::vector<CodeRange>& ranges) {
  Numbers code = {number(Op::kClass), static_cast<int32_t>(ranges.size())};
  for (CodeRange range : ranges)
    code.insert(code.end(), {range.low, range.high});
  return code;
}

Numbers list(Op op, const std::vector<Numbers>& items) {
  Numbers code = {number(op), static_cast<int32_t>(items.size())};
  for (const Numbers& item : items)
    code.insert(code.end(), item.begin(), item.end());
  return code;
}

Numbers sequence(const std::vector<Numbers>& items) {
  return list(Op::kSequence, items);
}

Numbers choice(const std::vector<Numbers>& items) {
  return list(Op::kChoice, items);
}

Numbers repeat(const Numbers& item, int32_t min, int32_t max = -1) {
  return joined({{number(Op::kRepeat), min, max}, item});
}

Numbers rule(int32_t index) {
  return {number(Op::kRule), index};
}

RuleNumbers rules_of(const std::vector<Numbers>& rules) {
  RuleNumbers numbers;
  for (const Numbers& code : rules) {
    numbers.starts.push_back(static_cast<int32_t>(numbers.code.size()));
    numbers.code.insert(numbers.code.end(), code.begin(), code.end());
    numbers.names.push_back("r" + std::to_string(numbers.names.size()));
  }
  return numbers;
}

/** The tokens, all 256 bytes behind them, and one that ends the text. */
std::shared_ptr<const Vocabulary> vocabulary_of(std::vector<std::string> tokens) {
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back(std::string(1, static_cast<char>(byte)));
  tokens.push_back("");
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> offsets = {0};
  for (const std::string& token : tokens) {
    bytes.insert(bytes.end(), token.begin(), token.end());
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  const int32_t end = static_cast<int32_t>(tokens.size()) - 1;
  return std::make_shared<const Vocabulary>(bytes, offsets, std::vector<int32_t>{end});
}

std::shared_ptr<Grammar> compiled(const std::vector<Numbers>& rules,
                                  std::shared_ptr<const Vocabulary> vocabulary) {
  std::shared_ptr<Grammar> grammar;
  const Status status = Grammar::compile(rules_of(rules), std::move(vocabulary), &grammar);
  CHECK(status.ok(), status.text());
  return grammar;
}

std::string refusal(const std::vector<Numbers>& rules) {
  return check_rules(rules_of(rules), 300).text();
}

/** Whether the bytes are a whole text of the grammar; -1 where they cannot even begin one. */
int accepts(const std::shared_ptr<Grammar>& grammar, const std::string& bytes, size_t first_byte) {
  GrammarText at(grammar);
  for (char byte : bytes) {
    bool taken = false;
    CHECK(at.append(static_cast<int32_t>(first_byte + static_cast<uint8_t>(byte)), &taken).ok(),
          bytes);
    if (!taken)
      return -1;
  }
  bool may = false, must = false;
  CHECK(at.end(&may, &must).ok(), bytes);
  return may;
}

void check_accepts(const std::vector<Numbers>& rules, const std::vector<std::string>& good,
                   const std::vector<std::string>& bad) {
  const auto grammar = compiled(rules, vocabulary_of({}));
  for (const std::string& one : good)
    CHECK_EQ(accepts(grammar, one, 0), 1, one);
  for (const std::string& one : bad)
    CHECK(accepts(grammar, one, 0) != 1, one);
}

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/** Where a text that begins at `at` may end, found by trying everything. */
std::set<size_t> ends_of(const std::vector<Numbers>& rules, const Numbers& code, size_t& pos,
                         const std::string& bytes, const std::set<size_t>& begins) {
  const Op op = static_cast<Op>(code[pos]);
  std::set<size_t> ends;
  if (op == Op::kText) {
    const size_t count = static_cast<size_t>(code[pos + 1]);
    std::string wanted;
    for (size_t i = 0; i < count; ++i)
      wanted += static_cast<char>(code[pos + 2 + i]);
    pos += 2 + count;
    for (size_t at : begins)
      if (bytes.compare(at, count, wanted) == 0)
        ends.insert(at + count);
  } else if (op == Op::kClass) { // of ASCII
    const size_t count = static_cast<size_t>(code[pos + 1]);
    for (size_t at : begins)
      for (size_t i = 0; at < bytes.size() && i < count; ++i)
        if (code[pos + 2 + 2 * i] <= bytes[at] && bytes[at] <= code[pos + 3 + 2 * i])
          ends.insert(at + 1);
    pos += 2 + 2 * count;
  } else if (op == Op::kSequence) {
    size_t count = static_cast<size_t>(code[pos + 1]);
    ends = begins;
    for (pos += 2; count > 0; --count)
      ends = ends_of(rules, code, pos, bytes, ends);
  } else if (op == Op::kChoice) {
    size_t count = static_cast<size_t>(code[pos + 1]);
    for (pos += 2; count > 0; --count)
      ends.merge(ends_of(rules, code, pos, bytes, begins));
  } else if (op == Op::kRepeat) {
    const int32_t min = code[pos + 1], max = code[pos + 2];
    const size_t item = pos + 3;
    std::set<size_t> now = begins;
    if (min == 0)
      ends = begins;
    pos = item;
    ends_of(rules, code, pos, bytes, {}); // to behind the item
    for (int32_t n = 1; !now.empty() && (max < 0 || n <= max); ++n) {
      size_t again = item;
      now = ends_of(rules, code, again, bytes, now);
      if (n >= min)
        ends.insert(now.begin(), now.end());
      if (n > 40)
        break;
    }
  } else if (op == Op::kRule) {
    const Numbers& other = rules[static_cast<size_t>(code[pos + 1])];
    pos += 2;
    if (!begins.empty()) {
      size_t begin = 0;
      ends = ends_of(rules, other, begin, bytes, begins);
    }
  }
  return ends;
}

/** Rules that use later ones only, so that none is recursive. */
std::vector<Numbers> random_rules(std::mt19937& random) {
  const int count = 1 + static_cast<int>(random() % 4);
  std::function<Numbers(int, int)> expression = [&](int own, int depth) -> Numbers {
    const int kind = static_cast<int>(random() % (depth > 0 ? 6 : 2));
    switch (kind) {
    case 0: {
      std::string bytes;
      for (size_t n = random() % 3; n > 0; --n)
        bytes += static_cast<char>('a' + random() % 3);
      return text(bytes);
    }
    case 1: {
      const int32_t low = static_cast<int32_t>('a' + random() % 3);
      return one_of({{low, low + static_cast<int32_t>(random() % 2)}});
    }
    case 2:
    case 3: {
      std::vector<Numbers> items;
      for (size_t n = 1 + random() % 3; n > 0; --n)
        items.push_back(expression(own, depth - 1));
      return kind == 2 ? sequence(items) : choice(items);
    }
    case 4: {
      const int32_t min = static_cast<int32_t>(random() % 4);
      const int32_t max = random() % 3 == 0 ? -1 : min + static_cast<int32_t>(random() % 3);
      // behind a byte, so that nothing empty is repeated
      return repeat(sequence({text("b"), expression(own, depth - 1)}), min, max);
    }
    default:
      return own + 1 < count ? rule(own + 1 + static_cast<int32_t>(random()) % 1) : text("c");
    }
  };
  std::vector<Numbers> rules;
  for (int i = 0; i < count; ++i)
    rules.push_back(expression(i, 3));
  return rules;
}

} // namespace

TEST("a code point range is written as exactly its UTF-8 sequences") {
  const auto encode = [](int32_t code) {
    std::vector<ByteSequence> one;
    append_sequences({code, code}, &one);
    std::string bytes;
    for (int32_t i = 0; i < one[0].length; ++i)
      bytes += static_cast<char>(one[0].ranges[i].low);
    CHECK_EQ(one.size(), size_t{1}, std::to_string(code));
    return bytes;
  };
  CHECK_EQ(encode(0x41), "A", "A");
  CHECK_EQ(encode(0xe9), "\xc3\xa9", "e acute");
  CHECK_EQ(encode(0x20ac), "\xe2\x82\xac", "euro");
  CHECK_EQ(encode(0x1f600), "\xf0\x9f\x98\x80", "smiley");
  for (CodeRange range : {CodeRange{0x20, 0x10ffff},
                          {0x7f, 0x80},
                          {0x7c5, 0x1234},
                          {0xfff0, 0x1000f},
                          {0xe000, 0xffff}}) {
    std::vector<ByteSequence> sequences;
    append_sequences(range, &sequences);
    size_t covered = 0;
    for (const ByteSequence& sequence : sequences) {
      size_t product = 1;
      for (int32_t i = 0; i < sequence.length; ++i)
        product *= static_cast<size_t>(sequence.ranges[i].high - sequence.ranges[i].low + 1);
      covered += product;
    }
    CHECK_EQ(covered, static_cast<size_t>(range.high - range.low + 1), std::to_string(range.low));
  }
}

TEST("a grammar accepts its texts and no others") {
  const Numbers digits = repeat(one_of({{'0', '9'}}), 1);
  check_accepts(
      {sequence({rule(1), repeat(sequence({one_of({{'+', '+'}, {'-', '-'}}), rule(1)}), 0)}),
       choice({digits, sequence({text("("), rule(0), text(")")})})},
      {"1", "12+3", "(1-2)+(3)", "((((7))))"}, {"", "1+", "(1", "1)", "a", "()"});
  check_accepts({repeat(one_of({{0xe0, 0xff}, {0x4e00, 0x9fff}}), 2, 3)},
                {"\xc3\xa9\xe4\xb8\x80", "\xe4\xb8\x80\xe4\xb8\x81\xc3\xa0"},
                {"\xc3\xa9", "\xc3", "\xc3\xa9\xe4\xb8", "\xc3\x80\xc3\x80"});
  check_accepts({choice({text(""), text("a"), text("ab"), text("abc"), text("b"), text("abd")})},
                {"", "a", "ab", "abc", "abd", "b"}, {"abe", "c", "ba"});
}

TEST("repetitions are counted") {
  const Numbers a = text("a");
  check_accepts({sequence({repeat(a, 2, 4), text("a")})}, {"aaa", "aaaa", "aaaaa"},
                {"a", "aa", "aaaaaa"});
  check_accepts({repeat(repeat(sequence({a, repeat(text("b"), 0, 2)}), 2, 2), 1, 2)},
                {"aa", "abab", "abbaaab"}, {"a", "aaa", "abbba", "aaaaa"});
  check_accepts({repeat(a, 3)}, {"aaa", std::string(50, 'a')}, {"", "aa"});
  check_accepts({repeat(a, 0, 0)}, {""}, {"a"});
  const auto large = compiled({repeat(a, 1000, kMaxRepetition)}, vocabulary_of({}));
  CHECK_EQ(accepts(large, std::string(999, 'a'), 0), 0, "999");
  CHECK_EQ(accepts(large, std::string(1000, 'a'), 0), 1, "1000");
}

TEST("random rules accept what trying everything accepts") {
  std::mt19937 random(11);
  const auto vocabulary = vocabulary_of({});
  for (size_t n = check::quick() ? 60 : 400; n > 0; --n) {
    const std::vector<Numbers> rules = random_rules(random);
    std::shared_ptr<Grammar> grammar;
    if (!Grammar::compile(rules_of(rules), vocabulary, &grammar).ok())
      continue; // one that no text fulfills
    for (int i = 0; i < 40; ++i) {
      std::string bytes;
      for (size_t length = random() % 7; length > 0; --length)
        bytes += static_cast<char>('a' + random() % 4);
      size_t pos = 0;
      const bool expected = ends_of(rules, rules[0], pos, bytes, {0}).count(bytes.size()) > 0;
      CHECK_EQ(accepts(grammar, bytes, 0) == 1, expected,
               bytes + " of grammar " + std::to_string(n));
    }
  }
}

TEST("a mask has the tokens that can be appended, wherever a text is, and however it is found") {
  std::mt19937 random(5);
  std::vector<std::string> tokens = {"ab",       "abc",   "b\"", "\"", "\\n", "\xc3",
                                     "\xc3\xa9", "\xa9x", "ab",  "  ", "bb"};
  for (int i = 0; i < 300; ++i) {
    std::string token;
    for (size_t length = 1 + random() % 20; length > 0; --length)
      token += "abc \"\\\n"[random() % 7];
    tokens.push_back(token);
  }
  const auto vocabulary = vocabulary_of(tokens);
  const int32_t size = static_cast<int32_t>(vocabulary->size());
  const Numbers plain = one_of({{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0xd7ff}, {0xe000, 0x10ffff}});
  const Numbers character = choice({plain, text("\\n"), text("\\\"")});
  const std::vector<std::vector<Numbers>> grammars = {
      {sequence({text("\""), repeat(character, 0), text("\"")})},
      {sequence({text("\""), repeat(character, 0, 30), text("\"")})},
      {repeat(sequence({text("\""), repeat(rule(1), 2, 18), text("\"")}), 1, 40), character},
      {repeat(choice({text("ab"), text("abc "), Numbers{number(Op::kToken), 3}}), 0, 700)},
      {sequence({Numbers{number(Op::kNotToken), 4}, repeat(plain, 1)})}};
  for (size_t g = 0; g < grammars.size(); ++g) {
    const auto grammar = compiled(grammars[g], vocabulary);
    for (int n = 0; n < 12; ++n) {
      GrammarText at(grammar);
      for (int step = 0; step < 12; ++step) {
        const TokenMask* mask = nullptr;
        CHECK(at.allowed(&mask).ok(), "mask");
        if (!mask)
          break;
        const TokenMask found = *mask;
        std::vector<int32_t> allowed;
        for (int32_t token = 0; token < size; ++token) {
          bool allows = false, appended = false;
          GrammarText ahead(at);
          at.allows(token, &allows);
          ahead.append(token, &appended);
          CHECK_EQ(Vocabulary::bit(found, token), allows,
                   std::to_string(token) + " of grammar " + std::to_string(g));
          CHECK_EQ(allows, appended, std::to_string(token) + " of grammar " + std::to_string(g));
          if (allows)
            allowed.push_back(token);
        }
        if (allowed.empty() || (allowed.size() == 1 && allowed[0] == size - 1))
          break;
        bool appended = false;
        at.append(allowed[random() % allowed.size()], &appended);
      }
    }
  }
}

TEST("what must come is found, up to where there is a choice") {
  const auto grammar =
      compiled({sequence({text("{\"name\": \""), repeat(one_of({{'a', 'z'}}), 0), text("\"}")})},
               vocabulary_of({}));
  GrammarText at(grammar);
  std::vector<uint8_t> bytes;
  bool may = false, must = false, taken = false;
  CHECK(at.forced(&bytes).ok(), "begin");
  CHECK_EQ(std::string(bytes.begin(), bytes.end()), "{\"name\": \"", "begin");
  for (char byte : std::string("{\"name\": \"x\"}")) {
    at.end(&may, &must);
    CHECK(!may && !must, "in the middle");
    at.append(static_cast<uint8_t>(byte), &taken);
  }
  at.end(&may, &must);
  CHECK(may && must, "end");
  CHECK(at.forced(&bytes).ok() && bytes.empty(), "end");
}

TEST("rules that would never end are refused") {
  CHECK(contains(refusal({choice({sequence({rule(0), text("a")}), text("a")})}), "left recursion"),
        "direct");
  CHECK(contains(refusal({sequence({repeat(text("a"), 0), rule(1)}), choice({rule(0), text("b")})}),
                 "r0 → r1 → r0"),
        "behind what may be empty");
  CHECK(contains(refusal({repeat(repeat(text("a"), 0), 0)}), "may be empty"), "loop");
  CHECK(contains(refusal({sequence({text("a"), rule(0)})}), "ever ends"), "endless");
  CHECK(contains(refusal({choice({})}), "ever ends"), "nothing");
  CHECK_EQ(refusal({choice({text("a"), sequence({text("b"), rule(1)})}),
                    sequence({text("c"), rule(1)})}),
           "", "a way that is cut off");
}

TEST("a way that cannot end is not begun") {
  const auto grammar = compiled(
      {choice({text("a"), sequence({text("b"), rule(1)})}), sequence({text("c"), rule(1)})},
      vocabulary_of({}));
  CHECK_EQ(accepts(grammar, "a", 0), 1, "a");
  CHECK_EQ(accepts(grammar, "b", 0), -1, "b");
}

TEST("hostile rules are refused, and no more") {
  std::vector<Numbers> doubled; // 2^40 ways to begin
  for (int32_t i = 0; i < 40; ++i)
    doubled.push_back(
        choice({sequence({rule(i + 1), text("a")}), sequence({rule(i + 1), text("b")})}));
  doubled.push_back(text("c"));
  std::shared_ptr<Grammar> grammar;
  const Status status = Grammar::compile(rules_of(doubled), vocabulary_of({}), &grammar);
  CHECK(!status.ok() && contains(status.text(), "too many at once"), status.text());

  // each count is another way: 1000 of them are fine, their product is not
  const Numbers often = repeat(choice({text("a"), text("aa")}), 0, 1000);
  const auto many = compiled({often}, vocabulary_of({}));
  CHECK_EQ(accepts(many, std::string(300, 'a'), 0), 1, "many");
  const auto more =
      compiled({repeat(sequence({repeat(choice({text("a"), text("aa")}), 1, 1000)}), 1, 1000)},
               vocabulary_of({}));
  GrammarText at(more);
  Status last;
  for (int i = 0; i < 2000 && last.ok(); ++i) {
    bool taken = false;
    last = at.append('a', &taken);
  }
  CHECK(!last.ok() && contains(last.text(), "too many at once"), last.text());

  std::vector<Numbers> chain; // rules in rules: deep, and harmless
  for (int32_t i = 0; i < 15000; ++i)
    chain.push_back(rule(i + 1));
  chain.push_back(text("x"));
  CHECK_EQ(accepts(compiled(chain, vocabulary_of({})), "x", 0), 1, "chain");

  Numbers nested = text("x");
  for (size_t i = 0; i <= kMaxRuleDepth; ++i)
    nested = repeat(nested, 0, 1);
  CHECK(contains(refusal({nested}), "nested at most"), "nested");
  CHECK(contains(refusal(std::vector<Numbers>(kMaxRules + 1, text(""))), "at most"), "rules");
  for (Numbers code : {Numbers{}, Numbers{99}, Numbers{0, 5, 1}, Numbers{1, 1, 5, 3},
                       Numbers{1, 1, 0xd800, 0xd800}, Numbers{7, 9}, Numbers{2, 300},
                       Numbers{6, 3, 2, 0, 0}, Numbers{4, -1}})
    CHECK(!refusal({code}).empty(), std::to_string(code.size()));
}

TEST("texts go on where they were when the table of states is emptied") {
  std::vector<Numbers> characters; // each a class of bytes, so that states are large
  for (char byte = 1; byte < 127; ++byte)
    if (byte != '[' && byte != ']')
      characters.push_back(text(std::string(1, byte)));
  const Numbers open = sequence({text("["), rule(0), text("]")});
  const auto grammar = compiled({choice({open, repeat(choice(characters), 1, 1000000)})},
                                vocabulary_of({"abcabcabc"}));
  GrammarText deep(grammar), wide(grammar);
  bool taken = false;
  for (int i = 0; i < 500; ++i)
    deep.append(1 + '[', &taken);
  size_t most = 0, least = kMaxTableBytes;
  for (int i = 0; i < 120000; ++i) { // each count is a state of its own
    wide.append(1 + 'a', &taken);
    if (!taken)
      CHECK(taken, "wide");
    most = std::max(most, grammar->bytes());
    if (i > 60000)
      least = std::min(least, grammar->bytes());
  }
  CHECK(most <= kMaxTableBytes + kMaxMaskBytes + (size_t{8} << 20), std::to_string(most));
  CHECK(least < kMaxTableBytes / 4, std::to_string(least)); // it was emptied
  deep.append(1 + 'x', &taken);
  for (int i = 0; i < 500; ++i)
    deep.append(1 + ']', &taken);
  bool may = false, must = false;
  deep.end(&may, &must);
  CHECK(taken && must, "deep");
}
