// Outcome of an operation that can fail: a code that the binding turns into ERR_BITNET_<CODE>, and
// a sentence.
#pragma once
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
  kKernel,
  kMemory,
  kModel,
  kSession,
  kType
};

struct Status {
  Code code = Code::kOk;
  std::string message; // one sentence: expected, what, received, fix

  bool ok() const { return code == Code::kOk; }
  static Status error(Code code, std::string message) { return Status{code, std::move(message)}; }
};

} // namespace bitnet
