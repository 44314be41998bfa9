// Outcome of an operation that can fail: a code that the binding turns into ERR_BITNET_<CODE>, and
// a sentence.
#pragma once
#include <stddef.h>

#include <string>
#include <utility>

namespace bitnet {

enum class Code {
  kOk,
  kAborted,
  kArgument,
  kClosed,
  kContext,
  kFile,
  kGrammar,
  kKernel,
  kMemory,
  kModel,
  kNumeric,
  kSession,
  kType
};

struct Status {
  Code code = Code::kOk;
  std::string message;       // one sentence: expected, what, received, fix; or empty, and it is
  const char* constant = ""; // in the program: to say that memory has run out must take none

  bool ok() const { return code == Code::kOk; }
  const char* text() const { return message.empty() ? constant : message.c_str(); }
  static Status error(Code code, std::string message) {
    return Status{code, std::move(message), ""};
  }
  /** Allocates nothing. */
  template <size_t n> static Status error(Code code, const char (&text)[n]) noexcept {
    return Status{code, {}, text};
  }
};

} // namespace bitnet
