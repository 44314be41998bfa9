// Tells V8 how much native memory its objects own, so that it collects forgotten ones.
#pragma once
#include <napi.h>

#include <memory>

namespace bitnet {

/** The sum of an environment; used on its thread. */
class ExternalMemory {
public:
  explicit ExternalMemory(napi_env env) : env_(env) {}

  void change(int64_t bytes) {
    if (env_ && bytes != 0)
      Napi::MemoryManagement::AdjustExternalMemory(env_, bytes);
  }
  /** The environment is ending: no more reports. */
  void close() { env_ = nullptr; }

private:
  napi_env env_;
};

/** What one object holds; given back when it goes. */
class ReportedMemory {
public:
  explicit ReportedMemory(std::shared_ptr<ExternalMemory> sum) : sum_(std::move(sum)) {}
  ReportedMemory(const ReportedMemory&) = delete;
  ReportedMemory& operator=(const ReportedMemory&) = delete;
  ~ReportedMemory() { set(0); }

  void set(uint64_t bytes) {
    const int64_t now = static_cast<int64_t>(bytes);
    sum_->change(now - bytes_);
    bytes_ = now;
  }

private:
  std::shared_ptr<ExternalMemory> sum_;
  int64_t bytes_ = 0;
};

} // namespace bitnet
