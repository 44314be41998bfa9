// Masks by a walk through the tree of the vocabulary, and a cache of them.
#include "grammar.h"

#include <algorithm>

#include "limits.h"

namespace bitnet {
namespace {

Status too_many_ways() {
  return Status::error(Code::kGrammar,
                       "Expected a grammar with few ways to read the same text, but this one has "
                       "too many at once; let its alternatives begin differently.");
}

Status analyzed(RuleNumbers numbers, size_t vocab_size, Rules* rules, Analysis* analysis) {
  const Status status = read_rules(std::move(numbers), vocab_size, rules);
  return status.ok() ? analyze_rules(*rules, analysis) : status;
}

} // namespace

Status check_rules(RuleNumbers numbers, size_t vocab_size) {
  Rules rules;
  Analysis analysis;
  return analyzed(std::move(numbers), vocab_size, &rules, &analysis);
}

Status Grammar::compile(RuleNumbers numbers, std::shared_ptr<const Vocabulary> vocabulary,
                        std::shared_ptr<Grammar>* out) {
  Rules rules;
  Analysis analysis;
  const Status status = analyzed(std::move(numbers), vocabulary->size(), &rules, &analysis);
  if (!status.ok())
    return status;
  auto grammar = std::make_shared<Grammar>(compile_rules(rules, analysis), std::move(vocabulary));
  if (grammar->states_.start() == StateTable::kDead)
    return too_many_ways();
  *out = std::move(grammar);
  return {};
}

Grammar::Grammar(Automaton automaton, std::shared_ptr<const Vocabulary> vocabulary)
    : automaton_(std::move(automaton)), vocabulary_(std::move(vocabulary)),
      states_(automaton_, vocabulary_->longest()), way_(vocabulary_->longest() + 1) {}

size_t Grammar::bytes() const {
  return automaton_.code.size() * sizeof(Instruction) + automaton_.edges.size() * sizeof(Edge) +
         states_.bytes() + masks_.size() * vocabulary_->words() * sizeof(uint64_t);
}

void Grammar::begin_work() {
  if (states_.trim(texts_)) {
    masks_.clear();
    mask_of_.clear();
  }
  states_.begin_work();
}

Status Grammar::outcome() const {
  return states_.exhausted() ? too_many_ways() : Status();
}

int32_t Grammar::after_bytes(int32_t state, const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count && state != StateTable::kDead; ++i)
    state = states_.next(state, bytes[i]);
  return state;
}

int32_t Grammar::after_token(int32_t state, int32_t token) {
  size_t count = 0;
  const uint8_t* bytes = vocabulary_->bytes_of(token, &count);
  const int32_t by_bytes = count > 0 ? after_bytes(state, bytes, count) : StateTable::kDead;
  if (!states_.takes_tokens(state))
    return by_bytes;
  const bool ends_text = vocabulary_->ends_text(token);
  return states_.joined(by_bytes, states_.next_by_token(state, token, ends_text));
}

const TokenMask* Grammar::known_mask(int32_t canonical) {
  const auto found = mask_of_.find(canonical);
  if (found == mask_of_.end())
    return nullptr;
  masks_.splice(masks_.begin(), masks_, found->second);
  return &masks_.front().second;
}

const TokenMask* Grammar::mask_of(int32_t state) {
  const int32_t canonical = states_.canonical(state);
  if (canonical == StateTable::kDead)
    return nullptr;
  if (const TokenMask* known = known_mask(canonical))
    return known;
  TokenMask mask(vocabulary_->words(), 0);
  if (states_.plain(canonical)) {
    mask = vocabulary_->plain();
    walk(vocabulary_->others(), canonical, mask);
  } else {
    walk(vocabulary_->all(), canonical, mask);
  }
  if (states_.takes_tokens(canonical))
    add_whole_tokens(canonical, mask);
  if (states_.accepts(canonical))
    for (size_t i = 0; i < mask.size(); ++i)
      mask[i] |= vocabulary_->ends()[i];
  if (states_.exhausted())
    return nullptr;
  const size_t most = std::max<size_t>(kMaxMaskBytes / (8 * mask.size() + 64), 4);
  if (masks_.size() >= most) {
    mask_of_.erase(masks_.back().first);
    masks_.pop_back();
  }
  masks_.emplace_front(canonical, std::move(mask));
  mask_of_[canonical] = masks_.begin();
  return &masks_.front().second;
}

void Grammar::walk(const Vocabulary::Trie& trie, int32_t state, TokenMask& mask) {
  const Vocabulary::Node* nodes = trie.nodes.data();
  const uint32_t end = static_cast<uint32_t>(trie.nodes.size()) - 1;
  way_[0] = state;
  for (uint32_t i = 0; i < end && !states_.exhausted();) {
    const Vocabulary::Node& node = nodes[i];
    const int32_t next = states_.next(way_[node.depth], node.byte);
    if (next == StateTable::kDead) {
      i = node.end;
      continue;
    }
    way_[size_t{node.depth} + 1] = next;
    for (uint32_t rank = node.first; rank < nodes[i + 1].first; ++rank)
      Vocabulary::set_bit(mask, trie.tokens[rank]);
    ++i;
  }
}

void Grammar::add_whole_tokens(int32_t state, TokenMask& mask) {
  int32_t except = -1; // of all negated tokens; -2: they are different ones, so that none is
  states_.each_token(state, [&](int32_t token, bool negated) {
    if (!negated)
      Vocabulary::set_bit(mask, token);
    else
      except = except == -1 || except == token ? token : -2;
  });
  for (int32_t token = 0; except != -1 && token < static_cast<int32_t>(vocabulary_->size());
       ++token)
    if (token != except && !vocabulary_->ends_text(token))
      Vocabulary::set_bit(mask, token);
}

GrammarText::GrammarText(std::shared_ptr<Grammar> grammar)
    : grammar_(std::move(grammar)), state_(grammar_->states_.start()) {
  grammar_->texts_.push_back(&state_);
}

GrammarText::GrammarText(const GrammarText& other)
    : grammar_(other.grammar_), state_(other.state_) {
  grammar_->texts_.push_back(&state_);
}

GrammarText::~GrammarText() {
  std::vector<int32_t*>& texts = grammar_->texts_;
  texts.erase(std::find(texts.begin(), texts.end(), &state_));
}

Status GrammarText::allows(int32_t token, bool* out) {
  grammar_->begin_work();
  *out = false;
  if (state_ == StateTable::kDead)
    return {};
  if (vocabulary().ends_text(token) && !grammar_->states_.takes_tokens(state_)) {
    *out = grammar_->states_.accepts(state_);
    return {};
  }
  *out = grammar_->after_token(state_, token) != StateTable::kDead ||
         (vocabulary().ends_text(token) && grammar_->states_.accepts(state_));
  return grammar_->outcome();
}

Status GrammarText::allowed(const TokenMask** out) {
  grammar_->begin_work();
  *out = state_ == StateTable::kDead ? nullptr : grammar_->mask_of(state_);
  if (*out)
    return {};
  return state_ == StateTable::kDead
             ? Status::error(Code::kGrammar, "The grammar has lost its place: memory ran out.")
             : too_many_ways();
}

Status GrammarText::append(int32_t token, bool* out) {
  grammar_->begin_work();
  *out = false;
  if (state_ == StateTable::kDead)
    return {};
  const int32_t next = grammar_->after_token(state_, token);
  const Status status = grammar_->outcome();
  if (!status.ok())
    return status;
  *out = next != StateTable::kDead ||
         (vocabulary().ends_text(token) && grammar_->states_.accepts(state_));
  if (next != StateTable::kDead)
    state_ = next;
  return {};
}

Status GrammarText::forced(std::vector<uint8_t>* out) {
  grammar_->begin_work();
  out->clear();
  StateTable& states = grammar_->states_;
  const Automaton& automaton = grammar_->automaton_;
  int32_t state = state_;
  while (state != StateTable::kDead && out->size() < kMaxForcedBytes && !states.accepts(state) &&
         !states.takes_tokens(state)) {
    const int32_t* row = states.row(state);
    int32_t only = -1;
    for (int32_t c = 0; c < automaton.classes; ++c)
      if (row[c] != StateTable::kDead)
        only = only == -1 ? c : -2;
    if (only < 0 || automaton.first_byte[static_cast<size_t>(only)] !=
                        automaton.last_byte[static_cast<size_t>(only)])
      break;
    out->push_back(automaton.first_byte[static_cast<size_t>(only)]);
    state = row[only];
  }
  return grammar_->outcome();
}

Status GrammarText::end(bool* may, bool* must) {
  grammar_->begin_work();
  StateTable& states = grammar_->states_;
  *may = state_ != StateTable::kDead && states.accepts(state_);
  *must = false;
  if (!*may || states.takes_tokens(state_))
    return {};
  const int32_t* row = states.row(state_);
  *must = std::all_of(row, row + grammar_->automaton_.classes,
                      [](int32_t next) { return next == StateTable::kDead; });
  return grammar_->outcome();
}

} // namespace bitnet
