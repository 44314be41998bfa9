// A grammar over a vocabulary: which tokens may follow a text.
#pragma once
#include <stdint.h>

#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "automaton.h"
#include "common/status.h"
#include "state_table.h"
#include "vocabulary.h"

namespace bitnet {

/**
 * Compiled once, used by any number of texts at once, all on one thread: what one of them finds out
 * about states and masks the others have for nothing.
 */
class Grammar {
public:
  /** Refuses what exceeds limits.h, left recursion, empty loops, and rules that no text fulfills. */
  static Status compile(RuleNumbers numbers, std::shared_ptr<const Vocabulary> vocabulary,
                        std::shared_ptr<Grammar>* out);

  Grammar(Automaton automaton, std::shared_ptr<const Vocabulary> vocabulary);
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  const Vocabulary& vocabulary() const { return *vocabulary_; }
  /** Of memory, without the vocabulary. */
  size_t bytes() const;

private:
  friend class GrammarText;
  using Masks = std::list<std::pair<int32_t, TokenMask>>;

  /** Called before states are looked at: numbers of states are good until the next call. */
  void begin_work();
  Status outcome() const;
  int32_t after_bytes(int32_t state, const uint8_t* bytes, size_t count);
  int32_t after_token(int32_t state, int32_t token);
  /** Null when there were too many ways to read it. */
  const TokenMask* mask_of(int32_t state);
  const TokenMask* known_mask(int32_t canonical);
  void walk(const Vocabulary::Trie& trie, int32_t state, TokenMask& mask);
  void add_whole_tokens(int32_t state, TokenMask& mask);

  Automaton automaton_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  StateTable states_;
  Masks masks_; // most recently used first
  std::unordered_map<int32_t, Masks::iterator> mask_of_;
  std::vector<int32_t*> texts_; // the states of all texts
  std::vector<int32_t> way_;    // states of a walk, by depth
};

/** What `Grammar::compile` refuses, without a vocabulary but its size. */
Status check_rules(RuleNumbers numbers, size_t vocab_size);

/** Where one text is. A token that a step is asked about must be one of the vocabulary. */
class GrammarText {
public:
  explicit GrammarText(std::shared_ptr<Grammar> grammar);
  /** One that begins alike. */
  GrammarText(const GrammarText& other);
  ~GrammarText();
  GrammarText& operator=(const GrammarText&) = delete;

  const Vocabulary& vocabulary() const { return *grammar_->vocabulary_; }
  /** Whether the token may come next. */
  Status allows(int32_t token, bool* out);
  /** Which tokens may come next; good until the next call. */
  Status allowed(const TokenMask** out);
  /** Appends a token, if it may come next. One that ends the text changes nothing. */
  Status append(int32_t token, bool* out);
  /** The bytes that must come next, as far as there is only one way; empty where the text may end. */
  Status forced(std::vector<uint8_t>* out);
  /** Whether the text may end here, and whether it must. */
  Status end(bool* may, bool* must);

private:
  std::shared_ptr<Grammar> grammar_;
  int32_t state_;
};

} // namespace bitnet
