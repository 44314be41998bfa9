// Finding, adding and forgetting blocks by their tokens.
#include "prefix_tree.h"

#include <algorithm>

namespace bitnet {

using Tokens = std::vector<int32_t>;

struct PrefixTree::Node {
  explicit Node(std::shared_ptr<KvUse> u) : use(std::move(u)) {}
  ~Node() { forget_states(); }

  void forget_states() {
    for (const State& state : states)
      use->bytes -= state->data.size();
    states.clear();
    ++use->freed;
  }

  std::shared_ptr<KvUse> use;
  Node* parent = nullptr; // null: a root, which has neither tokens nor a block
  Tokens tokens;          // of a block, or fewer in a leaf
  std::shared_ptr<KvBlock> block;
  std::vector<State> states; // after one of the tokens each, by position
  // Sorted, so that those with the most tokens in common are neighbors. None is the begin of another.
  std::map<Tokens, std::unique_ptr<Node>> children;
  uint64_t used = 0; // when it was last of use
};

namespace {

size_t common(const Tokens& a, const int32_t* tokens, size_t count) {
  const size_t most = std::min(a.size(), count);
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), tokens).first -
      a.begin());
}

} // namespace

PrefixTree::PrefixTree(std::shared_ptr<KvUse> use) : use_(std::move(use)) {}

PrefixTree::~PrefixTree() {
  while (!leaves_.empty()) // one by one: a path may be too long for destructors in destructors
    erase(leaves_.begin()->second);
}

PrefixTree::Node* PrefixTree::insert(const PrefixKey& key, Node* parent, const int32_t* tokens,
                                     size_t count, const std::shared_ptr<KvBlock>& block) {
  if (!parent) {
    auto root = roots_.find(key);
    if (root == roots_.end())
      root = roots_.emplace(key, std::make_unique<Node>(use_)).first;
    parent = root->second.get();
  }
  Tokens wanted(tokens, tokens + count);
  const auto next = parent->children.lower_bound(wanted);
  if (next != parent->children.end() && common(next->first, tokens, count) == count) {
    touch(next->second.get());
    return next->second.get();
  }
  auto node = std::make_unique<Node>(use_);
  node->tokens = wanted;
  node->block = block;
  node->parent = parent;
  node->used = ++now_;
  leaves_.insert({node->used, node.get()});
  Node* const made = node.get();
  try {
    parent->children.insert({std::move(wanted), std::move(node)});
  } catch (...) {
    leaves_.erase({now_, made});
    throw;
  }
  leave(parent);
  const auto at = parent->children.find(made->tokens);
  if (at != parent->children.begin()) {
    Node* shorter = std::prev(at)->second.get();
    if (common(shorter->tokens, tokens, count) == shorter->tokens.size()) {
      std::swap(made->states, shorter->states);
      erase(shorter);
    }
  }
  return made;
}

void PrefixTree::keep(Node* node, const State& state) {
  const auto behind = [&](const State& other) { return other->position >= state->position; };
  const auto at = std::find_if(node->states.begin(), node->states.end(), behind);
  if (at != node->states.end() && (*at)->position == state->position)
    return;
  node->states.insert(at, state);
  use_->bytes += state->data.size();
}

PrefixTree::Match PrefixTree::match(const PrefixKey& key, Node* node, size_t begin,
                                    const int32_t* tokens, size_t count, bool states) {
  Match match;
  match.node = node;
  if (!node) {
    const auto root = roots_.find(key);
    if (root == roots_.end())
      return match;
    node = root->second.get();
  }
  std::vector<Node*> path;
  size_t length = 0;
  Node* last = nullptr; // of the nodes that have a state, with those in front of it
  size_t before = 0;
  while (length < count) {
    const Tokens wanted(tokens + length, tokens + std::min(count, length + kKvBlockPositions));
    // Of those that begin alike the one with the most in common need not have the latest state.
    auto alike = states ? node->children.lower_bound({wanted[0]}) : node->children.end();
    for (; alike != node->children.end() && alike->first[0] == wanted[0]; ++alike) {
      const size_t end = begin + length + common(alike->first, wanted.data(), wanted.size());
      for (const State& state : alike->second->states) {
        if (state->position > end || (match.state && state->position <= match.state->position))
          continue;
        match.state = state;
        last = alike->second.get();
        before = path.size();
      }
    }
    Node* best = nullptr;
    size_t most = 0;
    auto at = node->children.lower_bound(wanted);
    for (const bool previous : {false, true}) {
      if (previous ? at == node->children.begin() : at == node->children.end())
        continue;
      Node* child = (previous ? std::prev(at) : at)->second.get();
      const size_t same = common(child->tokens, wanted.data(), wanted.size());
      if (same > most) {
        best = child;
        most = same;
      }
    }
    if (!best)
      break;
    path.push_back(best);
    length += most;
    node = best;
    if (most < kKvBlockPositions)
      break;
  }
  if (states) {
    path.resize(before);
    if (last)
      path.push_back(last);
    length = last ? match.state->position - begin : 0;
  }
  if (path.empty())
    return match;
  touch(path.back());
  for (Node* each : path)
    match.blocks.push_back(each->block);
  if (length % kKvBlockPositions != 0)
    path.pop_back();
  if (!path.empty())
    match.node = path.back();
  match.length = length;
  return match;
}

bool PrefixTree::evict() {
  for (const auto& [used, leaf] : leaves_)
    if (leaf->block.use_count() == 1) {
      erase(leaf);
      return true;
    }
  return forget_states();
}

bool PrefixTree::forget_states() {
  bool any = false;
  visit([&](Node* node) {
    any |= !node->states.empty();
    node->forget_states();
  });
  return any;
}

template <class Visit> void PrefixTree::visit(Visit&& each) const {
  std::vector<Node*> left;
  for (const auto& [key, root] : roots_)
    left.push_back(root.get());
  while (!left.empty()) {
    Node* node = left.back();
    left.pop_back();
    for (const auto& [tokens, child] : node->children)
      left.push_back(child.get());
    each(node);
  }
}

const std::shared_ptr<KvBlock>& PrefixTree::block_of(const Node* node) {
  return node->block;
}

PrefixTree::Node* PrefixTree::parent_of(const Node* node) {
  return node->parent->block ? node->parent : nullptr;
}

uint64_t PrefixTree::evictable() const {
  uint64_t bytes = 0;
  visit([&](const Node* node) {
    for (const State& state : node->states)
      bytes += state->data.size();
    // Whoever holds a block holds those in front of it too.
    if (node->block.use_count() == 1)
      bytes += node->block->size();
  });
  return bytes;
}

void PrefixTree::touch(Node* node) {
  ++now_;
  if (node->children.empty()) {
    auto entry = leaves_.extract({node->used, node});
    entry.value().first = now_;
    leaves_.insert(std::move(entry));
  }
  node->used = now_;
}

void PrefixTree::leave(Node* node) {
  leaves_.erase({node->used, node});
}

void PrefixTree::erase(Node* leaf) {
  Node* const parent = leaf->parent;
  auto entry = leaves_.extract({leaf->used, leaf});
  const uint64_t used = leaf->used;
  parent->children.erase(parent->children.find(leaf->tokens));
  if (!parent->children.empty())
    return;
  if (!parent->block) {
    std::erase_if(roots_, [&](const auto& root) { return root.second.get() == parent; });
    return;
  }
  parent->used = std::max(parent->used, used);
  entry.value() = {parent->used, parent}; // takes no memory
  leaves_.insert(std::move(entry));
}

} // namespace bitnet
