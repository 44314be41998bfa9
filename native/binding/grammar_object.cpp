// Arguments and results of native/grammar; lib/native.ts has checked what can be checked.
#include "grammar_object.h"

#include <string.h>

#include <algorithm>

#include "arguments.h"

namespace bitnet {
namespace {

struct HeldVocabulary {
  HeldVocabulary(std::shared_ptr<const Vocabulary> v, std::shared_ptr<ExternalMemory> sum)
      : vocabulary(std::move(v)), memory(std::move(sum)) {
    memory.set(vocabulary->bytes());
  }
  std::shared_ptr<const Vocabulary> vocabulary;
  ReportedMemory memory;
};

/** An opaque value that owns `held`. */
template <class Held> Napi::Value external(Napi::Env env, std::shared_ptr<Held> held) {
  auto owned = std::make_unique<std::shared_ptr<Held>>(std::move(held));
  const auto value = Napi::External<std::shared_ptr<Held>>::New(
      env, owned.get(), [](Napi::Env, std::shared_ptr<Held>* data) { delete data; });
  if (!value.IsEmpty())
    owned.release();
  return value;
}

template <class Held> std::shared_ptr<Held> held_in(const Napi::Value& value) {
  if (value.IsEmpty() || !value.IsExternal())
    return nullptr;
  return *value.As<Napi::External<std::shared_ptr<Held>>>().Data();
}

Napi::Value thrown(Napi::Env env, const Status& status) {
  to_error(env, status).ThrowAsJavaScriptException();
  return env.Undefined();
}

/** Offsets that ascend within the bytes. */
bool are_offsets(const std::vector<uint32_t>& offsets, size_t bytes) {
  return !offsets.empty() && std::is_sorted(offsets.begin(), offsets.end()) &&
         offsets.back() <= bytes;
}

/** False in a worker that is being terminated. */
bool read_numbers(const Napi::Object& object, RuleNumbers* out) {
  out->code = copy_of<int32_t>(object, "code");
  out->starts = copy_of<int32_t>(object, "starts");
  const Napi::Value names = object.Get("names");
  if (names.IsEmpty() || !names.IsArray())
    return false;
  const Napi::Array array = names.As<Napi::Array>();
  for (uint32_t i = 0, count = array.Length(); i < count; ++i) {
    Napi::HandleScope scope(object.Env());
    const Napi::Value name = array.Get(i);
    if (name.IsEmpty() || !name.IsString())
      return false;
    out->names.push_back(name.As<Napi::String>().Utf8Value());
  }
  return true;
}

} // namespace

Napi::Value build_vocabulary(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const Napi::Object object = info[0].As<Napi::Object>();
  auto bytes = copy_of<uint8_t>(object, "bytes");
  auto ends = copy_of<int32_t>(object, "ends");
  auto offsets = copy_of<uint32_t>(object, "offsets");
  if (!are_offsets(offsets, bytes.size())) // or read last: the worker is being terminated
    return env.Undefined();
  auto made = std::make_shared<std::shared_ptr<const Vocabulary>>();
  AddonState& state = AddonState::of(env);
  return state.run(
      env, Napi::Object(),
      [made, bytes = std::move(bytes), offsets = std::move(offsets),
       ends = std::move(ends)](Deferred&) mutable {
        *made = std::make_shared<const Vocabulary>(std::move(bytes), std::move(offsets), ends);
      },
      [made, memory = state.memory()](Napi::Env env) {
        return external(env, std::make_shared<HeldVocabulary>(*made, memory));
      });
}

Napi::Value check_grammar(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  RuleNumbers numbers;
  if (!info[0].IsNumber() || !read_numbers(info[1].As<Napi::Object>(), &numbers))
    return env.Undefined();
  const auto vocab_size = static_cast<size_t>(info[0].As<Napi::Number>().Uint32Value());
  const Status status = check_rules(std::move(numbers), vocab_size);
  return status.ok() ? env.Undefined() : thrown(env, status);
}

Napi::Value compile_grammar(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto vocabulary = held_in<HeldVocabulary>(info[0]);
  RuleNumbers numbers;
  if (!vocabulary || !read_numbers(info[1].As<Napi::Object>(), &numbers))
    return env.Undefined();
  std::shared_ptr<Grammar> grammar;
  const Status status = Grammar::compile(std::move(numbers), vocabulary->vocabulary, &grammar);
  if (!status.ok())
    return thrown(env, status);
  return external(env, std::make_shared<HeldGrammar>(grammar, AddonState::of(env).memory()));
}

Napi::Function GrammarTextObject::define(Napi::Env env) {
  using Self = GrammarTextObject;
  return DefineClass(env, "NativeGrammarText",
                     {InstanceMethod<&Self::checked<&Self::js_allows>>("allows"),
                      InstanceMethod<&Self::checked<&Self::js_allowed>>("allowed"),
                      InstanceMethod<&Self::checked<&Self::js_append>>("append"),
                      InstanceMethod<&Self::checked<&Self::js_forced>>("forced"),
                      InstanceMethod<&Self::checked<&Self::js_end>>("end")});
}

GrammarTextObject::GrammarTextObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<GrammarTextObject>(info) {
  with_memory(info.Env(), [&]() -> Napi::Value {
    if (info[0].IsExternal()) {
      held_ = held_in<HeldGrammar>(info[0]);
      text_ = std::make_unique<GrammarText>(held_->grammar);
    } else if (info[0].IsObject()) {
      const GrammarTextObject* other = Unwrap(info[0].As<Napi::Object>());
      held_ = other->held_;
      if (other->text_)
        text_ = std::make_unique<GrammarText>(*other->text_);
    }
    return info.Env().Undefined();
  });
}

bool GrammarTextObject::token_of(const Napi::CallbackInfo& info, int32_t* out) const {
  if (!text_ || !info[0].IsNumber())
    return false;
  *out = info[0].As<Napi::Number>().Int32Value();
  return *out >= 0 && static_cast<size_t>(*out) < text_->vocabulary().size();
}

Napi::Value GrammarTextObject::js_allows(const Napi::CallbackInfo& info) {
  int32_t token = 0;
  bool allows = false;
  if (token_of(info, &token)) {
    const Status status = text_->allows(token, &allows);
    if (!status.ok())
      return thrown(info.Env(), status);
  }
  return Napi::Boolean::New(info.Env(), allows);
}

Napi::Value GrammarTextObject::js_allowed(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!text_ || !info[0].IsTypedArray())
    return env.Undefined();
  const Napi::TypedArray array = info[0].As<Napi::TypedArray>();
  Napi::ArrayBuffer buffer = array.ArrayBuffer();
  const TokenMask* mask = nullptr;
  const Status status = text_->allowed(&mask);
  held_->report();
  if (!status.ok())
    return thrown(env, status);
  if (!buffer.IsEmpty() && array.ByteLength() >= (text_->vocabulary().size() + 31) / 32 * 4)
    memcpy(static_cast<uint8_t*>(buffer.Data()) + array.ByteOffset(), mask->data(),
           std::min(array.ByteLength(), mask->size() * sizeof(uint64_t)));
  return env.Undefined();
}

Napi::Value GrammarTextObject::js_append(const Napi::CallbackInfo& info) {
  int32_t token = 0;
  bool appended = false;
  if (token_of(info, &token)) {
    const Status status = text_->append(token, &appended);
    if (!status.ok())
      return thrown(info.Env(), status);
  }
  return Napi::Boolean::New(info.Env(), appended);
}

Napi::Value GrammarTextObject::js_forced(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::vector<uint8_t> bytes;
  if (text_) {
    const Status status = text_->forced(&bytes);
    if (!status.ok())
      return thrown(env, status);
  }
  Napi::Uint8Array result = Napi::Uint8Array::New(env, bytes.size());
  if (!result.IsEmpty() && !bytes.empty())
    memcpy(result.Data(), bytes.data(), bytes.size());
  return result;
}

Napi::Value GrammarTextObject::js_end(const Napi::CallbackInfo& info) {
  bool may = false, must = false;
  if (text_) {
    const Status status = text_->end(&may, &must);
    if (!status.ok())
      return thrown(info.Env(), status);
  }
  return Napi::Number::New(info.Env(), may + must);
}

} // namespace bitnet
