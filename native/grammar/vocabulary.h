// The tokens of a vocabulary as trees of their bytes, built once for all grammars.
#pragma once
#include <stdint.h>

#include <memory>
#include <vector>

namespace bitnet {

/** The bit of a token is bit id % 64 of word id / 64. */
using TokenMask = std::vector<uint64_t>;

/**
 * Most tokens are plain: whole characters, none of them a control character, a quotation mark or a
 * backslash, and not many. Where a grammar is inside a text it takes all of these, and only the
 * tree of the others must be walked.
 */
class Vocabulary {
public:
  struct Node {
    uint32_t end; // behind the last node below this one; nodes are in the order of a walk in depth
    uint32_t first; // of its tokens, in `tokens`; up to the next node's
    uint16_t depth; // bytes before this one
    uint8_t byte;
  };
  struct Trie {
    std::vector<Node> nodes;     // and one more behind the last, for its `first`
    std::vector<int32_t> tokens; // ids, sorted by their bytes
  };

  /**
   * @param bytes of all tokens, one after the other; none of tokens that are not text, such as
   *   control tokens
   * @param offsets [tokens + 1] where the bytes of each begin, ascending
   * @param ends the tokens that end a text
   */
  Vocabulary(std::vector<uint8_t> bytes, std::vector<uint32_t> offsets,
             const std::vector<int32_t>& ends);

  size_t size() const { return offsets_.size() - 1; }
  size_t words() const { return (size() + 63) / 64; }
  bool ends_text(int32_t token) const { return bit(ends_, token); }
  /** None of tokens that are not text, that end it, or are longer than `kMaxTokenBytes`. */
  const uint8_t* bytes_of(int32_t token, size_t* count) const;
  /** Bytes of the longest token. */
  size_t longest() const { return longest_; }

  const TokenMask& ends() const { return ends_; }
  const TokenMask& plain() const { return plain_; }
  const Trie& all() const { return all_; }
  /** Those that are not plain. */
  const Trie& others() const { return others_; }
  /** Of memory. */
  size_t bytes() const;

  static bool bit(const TokenMask& mask, int32_t token) {
    return mask[static_cast<size_t>(token) / 64] >> (token % 64) & 1;
  }
  static void set_bit(TokenMask& mask, int32_t token) {
    mask[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
  }

private:
  Trie trie_of(const std::vector<int32_t>& sorted) const;

  std::vector<uint8_t> bytes_;
  std::vector<uint32_t> offsets_;
  TokenMask ends_, plain_;
  size_t longest_ = 0;
  Trie all_, others_;
};

} // namespace bitnet
