// Reads arguments that lib/native.ts has checked: a wrong one is a bug there and becomes a
// JavaScript exception here.
#pragma once
#include <napi.h>

#include <string>

#include "model/spec.h"

namespace bitnet {

double number_of(const Napi::Object& object, const char* key);
std::string string_of(const Napi::Object& object, const char* key);

/** The view's elements, or null when the property is absent. */
template <class T> T* elements_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsTypedArray())
    return nullptr;
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  return reinterpret_cast<T*>(static_cast<uint8_t*>(array.ArrayBuffer().Data()) +
                              array.ByteOffset());
}

size_t length_of(const Napi::Object& object, const char* key);

/** NativeModelSpec of lib/native.ts. */
ModelSpec model_spec_of(const Napi::Object& object);

} // namespace bitnet
