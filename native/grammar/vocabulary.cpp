// Sorts the tokens, and makes of neighbors with a common beginning one branch.
#include "vocabulary.h"

#include <string.h>

#include <algorithm>

#include "limits.h"

namespace bitnet {
namespace {

/** Whether these are at most `kPlainCharacters` plain characters, all of them whole. */
bool is_plain(const uint8_t* bytes, size_t count) {
  size_t at = 0;
  int32_t characters = 0;
  while (at < count) {
    const uint8_t lead = bytes[at];
    if (lead < 0x20 || lead == '"' || lead == '\\' || lead == 0x7f)
      return false;
    const size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length == 0 || lead > 0xf4 || at + length > count)
      return false;
    for (size_t i = 1; i < length; ++i)
      if ((bytes[at + i] & 0xc0) != 0x80)
        return false;
    const uint8_t second = length > 1 ? bytes[at + 1] : 0;
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
      return false; // too long, a surrogate, or beyond the last code point
    at += length;
    ++characters;
  }
  return characters <= kPlainCharacters;
}

} // namespace

Vocabulary::Vocabulary(std::vector<uint8_t> bytes, std::vector<uint32_t> offsets,
                       const std::vector<int32_t>& ends)
    : bytes_(std::move(bytes)), offsets_(std::move(offsets)) {
  ends_.assign(words(), 0);
  plain_.assign(words(), 0);
  for (int32_t token : ends)
    if (token >= 0 && static_cast<size_t>(token) < size())
      set_bit(ends_, token);
  std::vector<int32_t> sorted, others;
  for (int32_t token = 0; token < static_cast<int32_t>(size()); ++token) {
    size_t count = 0;
    const uint8_t* of = bytes_of(token, &count);
    if (count == 0)
      continue;
    sorted.push_back(token);
    longest_ = std::max(longest_, count);
    if (is_plain(of, count))
      set_bit(plain_, token);
  }
  std::sort(sorted.begin(), sorted.end(), [&](int32_t a, int32_t b) {
    size_t na = 0, nb = 0;
    const uint8_t *pa = bytes_of(a, &na), *pb = bytes_of(b, &nb);
    const int order = memcmp(pa, pb, std::min(na, nb));
    return order != 0 ? order < 0 : na != nb ? na < nb : a < b;
  });
  std::copy_if(sorted.begin(), sorted.end(), std::back_inserter(others),
               [&](int32_t token) { return !bit(plain_, token); });
  all_ = trie_of(sorted);
  others_ = trie_of(others);
}

const uint8_t* Vocabulary::bytes_of(int32_t token, size_t* count) const {
  const uint32_t begin = offsets_[static_cast<size_t>(token)];
  const size_t length = offsets_[static_cast<size_t>(token) + 1] - begin;
  *count = length > kMaxTokenBytes || ends_text(token) ? 0 : length;
  return bytes_.data() + begin;
}

Vocabulary::Trie Vocabulary::trie_of(const std::vector<int32_t>& sorted) const {
  Trie trie;
  trie.tokens = sorted;
  std::vector<uint32_t> way; // the nodes of the token before
  const uint8_t* before = nullptr;
  for (size_t rank = 0; rank < sorted.size(); ++rank) {
    size_t count = 0;
    const uint8_t* bytes = bytes_of(sorted[rank], &count);
    size_t same = 0;
    while (same < way.size() && same < count && before[same] == bytes[same])
      ++same;
    const uint32_t end = static_cast<uint32_t>(trie.nodes.size());
    for (; way.size() > same; way.pop_back())
      trie.nodes[way.back()].end = end;
    for (size_t depth = same; depth < count; ++depth) {
      way.push_back(static_cast<uint32_t>(trie.nodes.size()));
      trie.nodes.push_back(
          {0, static_cast<uint32_t>(rank), static_cast<uint16_t>(depth), bytes[depth]});
    }
    before = bytes;
  }
  const uint32_t end = static_cast<uint32_t>(trie.nodes.size());
  for (uint32_t node : way)
    trie.nodes[node].end = end;
  trie.nodes.push_back({end + 1, static_cast<uint32_t>(sorted.size()), 0, 0});
  trie.nodes.shrink_to_fit();
  return trie;
}

size_t Vocabulary::bytes() const {
  const auto of = [](const Trie& trie) {
    return trie.nodes.size() * sizeof(Node) + trie.tokens.size() * sizeof(int32_t);
  };
  return bytes_.size() + offsets_.size() * sizeof(uint32_t) + 16 * words() + of(all_) + of(others_);
}

} // namespace bitnet
