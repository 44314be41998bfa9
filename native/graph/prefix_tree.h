// What a model's sequences have evaluated, by its tokens, so that others that begin alike need not.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "kv_block.h"
#include "recurrent_states.h"

namespace bitnet {

/** What decides keys and values besides the tokens and the model. */
struct PrefixKey {
  std::string adapters; // which, and their scales: opaque bytes
  uint32_t kv_type = 0;
  bool long_rope = false;

  bool operator<(const PrefixKey& other) const {
    return std::tie(adapters, kv_type, long_rope) <
           std::tie(other.adapters, other.kv_type, other.long_rope);
  }
};

/**
 * A node holds a block and its tokens; its path from the root are the tokens of one text (a radix tree,
 * SGLang, Zheng et al. 2024, of whole blocks). A leaf may be a block that is filled in part. Not for
 * several threads.
 */
class PrefixTree {
public:
  struct Node;
  using State = std::shared_ptr<StateBuffer>;

  /** What is there of a text; all of it stays while its blocks are held. */
  struct Match {
    size_t length = 0;                            // tokens
    std::vector<std::shared_ptr<KvBlock>> blocks; // the last is partly of use unless length ends it
    Node* node = nullptr;                         // of the last whole block
    State state;                                  // after `length` tokens, where asked for
  };

  explicit PrefixTree(std::shared_ptr<KvUse> use);
  ~PrefixTree();

  /**
   * Puts a block of the next `count` tokens behind `parent`, null: at the begin, unless one of these
   * tokens is there; one with a part of them gives way. Returns what is there now.
   */
  Node* insert(const PrefixKey& key, Node* parent, const int32_t* tokens, size_t count,
               const std::shared_ptr<KvBlock>& block);
  /** Keeps a state after one of the tokens of a node, whose bytes are counted as used. */
  void keep(Node* node, const State& state);

  /**
   * The longest part of `tokens` that is there behind `node`, null: at the begin. With `states`,
   * the longest that ends with one, whose position counts from `begin`, which is that of the first.
   */
  Match match(const PrefixKey& key, Node* node, size_t begin, const int32_t* tokens, size_t count,
              bool states);

  /**
   * Forgets the leaf that was of use longest ago and that nobody else holds, or where all are held, every
   * state; false: there is nothing left to forget.
   */
  bool evict();

  static const std::shared_ptr<KvBlock>& block_of(const Node* node);
  static Node* parent_of(const Node* node);
  /** Bytes that evict() could free, one call after the other. */
  uint64_t evictable() const;

private:
  template <class Visit> void visit(Visit&& each) const; // every node, with its root
  bool forget_states();
  void touch(Node* node);
  void leave(Node* node); // the leaves
  void erase(Node* leaf);

  std::shared_ptr<KvUse> use_;
  std::map<PrefixKey, std::unique_ptr<Node>> roots_;
  std::set<std::pair<uint64_t, Node*>> leaves_; // by when they were last of use
  uint64_t now_ = 0;
};

} // namespace bitnet
