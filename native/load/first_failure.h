// The first failure among chunks that threads share out.
#pragma once
#include <mutex>
#include <utility>

#include "../common/status.h"

namespace bitnet {

/** Later chunks see it and stop. */
class FirstFailure {
public:
  bool failed() {
    std::lock_guard<std::mutex> lock(mutex_);
    return !status_.ok();
  }
  void report(Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (status_.ok())
      status_ = std::move(status);
  }
  Status take() { return std::move(status_); }

private:
  std::mutex mutex_;
  Status status_;
};

} // namespace bitnet
