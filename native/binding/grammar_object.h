// Grammars for JavaScript. Vocabularies and grammars are opaque to it; a text is an object.
#pragma once
#include <napi.h>

#include <memory>

#include "addon_state.h"
#include "grammar/grammar.h"

namespace bitnet {

/** buildVocabulary({ bytes, offsets, ends }) → Promise<vocabulary>; see `Vocabulary`. */
Napi::Value build_vocabulary(const Napi::CallbackInfo& info);

/** checkGrammar(vocabSize, { code, starts, names }): throws ERR_BITNET_GRAMMAR as compileGrammar does. */
Napi::Value check_grammar(const Napi::CallbackInfo& info);

/** compileGrammar(vocabulary, { code, starts, names }) → grammar; throws ERR_BITNET_GRAMMAR. */
Napi::Value compile_grammar(const Napi::CallbackInfo& info);

/** A grammar as JavaScript holds it: V8 is told now and then how large it has become. */
struct HeldGrammar {
  HeldGrammar(std::shared_ptr<Grammar> g, std::shared_ptr<ExternalMemory> sum)
      : grammar(std::move(g)), memory(std::move(sum)) {
    report();
  }
  void report() { memory.set(grammar->bytes()); }

  std::shared_ptr<Grammar> grammar;
  ReportedMemory memory;
};

class GrammarTextObject : public Napi::ObjectWrap<GrammarTextObject> {
public:
  /** new NativeGrammarText(grammar), or of another text for one that begins alike */
  static Napi::Function define(Napi::Env env);
  explicit GrammarTextObject(const Napi::CallbackInfo& info);

private:
  template <auto method> Napi::Value checked(const Napi::CallbackInfo& info) {
    return with_memory(info.Env(), [this, &info] { return (this->*method)(info); });
  }
  /** allows(token) → boolean */
  Napi::Value js_allows(const Napi::CallbackInfo& info);
  /** allowed(mask): sets the bits of all tokens that may come next in `[vocab / 32]` words. */
  Napi::Value js_allowed(const Napi::CallbackInfo& info);
  /** append(token) → whether it may come next; if not, nothing has changed */
  Napi::Value js_append(const Napi::CallbackInfo& info);
  /** forced() → Uint8Array */
  Napi::Value js_forced(const Napi::CallbackInfo& info);
  /** end() → 0 if the text may not end here, 1 if it may, 2 if it must */
  Napi::Value js_end(const Napi::CallbackInfo& info);

  bool token_of(const Napi::CallbackInfo& info, int32_t* out) const;

  std::shared_ptr<HeldGrammar> held_;
  std::unique_ptr<GrammarText> text_; // null in a worker that is being terminated
};

} // namespace bitnet
