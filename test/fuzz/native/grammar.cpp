// Coverage-guided: any numbers as the rules of a grammar, and any tokens as a text of it. They are refused, or a mask has exactly the
// tokens that can be appended.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "grammar/grammar.h"

using namespace bitnet;

namespace {

void require(bool holds) {
  if (!holds)
    abort();
}

std::shared_ptr<const Vocabulary> vocabulary() {
  std::vector<std::string> tokens = {
      "ab", "abc", "\"", "b\"", "\xc3", "\xc3\xa9", "  ", "{\"", "aaaaaaaaaaaaaaaaaaaa", ""};
  for (int byte = 0; byte < 128; ++byte)
    tokens.push_back(std::string(1, static_cast<char>(byte)));
  std::vector<uint8_t> bytes;
  std::vector<uint32_t> offsets = {0};
  for (const std::string& token : tokens) {
    bytes.insert(bytes.end(), token.begin(), token.end());
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  return std::make_shared<const Vocabulary>(bytes, offsets, std::vector<int32_t>{9});
}

} // namespace

/** A byte for the number of rules, then rules of bytes, one number each (255: -1), then tokens. */
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const Vocabulary> tokens = vocabulary();
  if (size < 2)
    return 0;
  const size_t rules = 1 + data[0] % 8, text = std::min<size_t>(size / 4, 64);
  RuleNumbers numbers;
  for (size_t i = 1; i < size - text; ++i)
    numbers.code.push_back(data[i] == 255 ? -1 : data[i]);
  for (size_t i = 0; i < rules; ++i) {
    numbers.starts.push_back(static_cast<int32_t>(i * numbers.code.size() / rules));
    numbers.names.push_back(std::to_string(i));
  }
  std::shared_ptr<Grammar> grammar;
  if (!Grammar::compile(numbers, tokens, &grammar).ok())
    return 0;
  GrammarText at(grammar);
  for (size_t i = size - text; i < size; ++i) {
    const TokenMask* mask = nullptr;
    if (!at.allowed(&mask).ok())
      return 0;
    const TokenMask copy = *mask;
    const int32_t token = data[i] % static_cast<int32_t>(tokens->size());
    bool allows = false, appended = false;
    std::vector<uint8_t> forced;
    bool may = false, must = false;
    if (!at.allows(token, &allows).ok() || !at.forced(&forced).ok() || !at.end(&may, &must).ok() ||
        !at.append(token, &appended).ok())
      return 0;
    // A rule may name the end token, which is then allowed where the text may not end.
    require(allows == Vocabulary::bit(copy, token) && appended == allows &&
            (!may || Vocabulary::bit(copy, 9)));
  }
  return 0;
}
