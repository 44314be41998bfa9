// Reads arguments that lib/native.ts has checked.
//
// In a worker that is being terminated every read fails from some moment on: it gives an empty
// value, and to ask that for anything would end the process. So readers give zero or null then, and
// what is read last tells whether all that was read before is true.
#pragma once
#include <napi.h>

#include <string>
#include <vector>

#include "graph/spec.h"

namespace bitnet {

double number_of(const Napi::Object& object, const char* key);
std::string string_of(const Napi::Object& object, const char* key);

/** The view's elements, or null when the property is absent. */
template <class T> T* elements_of(const Napi::Object& object, const char* key) {
  const Napi::Value value = object.Get(key);
  if (!value.IsTypedArray())
    return nullptr;
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  Napi::ArrayBuffer buffer = array.ArrayBuffer();
  if (buffer.IsEmpty())
    return nullptr;
  return reinterpret_cast<T*>(static_cast<uint8_t*>(buffer.Data()) + array.ByteOffset());
}

size_t length_of(const Napi::Object& object, const char* key);

/** The view's elements; none when the property is absent. */
template <class T> std::vector<T> copy_of(const Napi::Object& object, const char* key) {
  const T* first = elements_of<T>(object, key);
  return first ? std::vector<T>(first, first + length_of(object, key)) : std::vector<T>();
}

/** read(element) for every element that is an object; none when the property is no array. */
template <class Read> void read_array(const Napi::Object& object, const char* key, Read&& read) {
  const Napi::Value value = object.Get(key);
  if (!value.IsArray())
    return;
  const Napi::Array array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  for (uint32_t i = 0; i < count; ++i) {
    Napi::HandleScope scope(object.Env());
    const Napi::Value element = array.Get(i);
    if (!element.IsObject())
      return;
    read(element.As<Napi::Object>());
  }
}

/** What nativeSpec() of lib/native-spec.ts makes. */
ModelSpec model_spec_of(const Napi::Object& object);

} // namespace bitnet
