// Lets a load be watched and stopped from another thread.
#pragma once
#include <stdint.h>

#include <atomic>

#include "../common/abort.h"

namespace bitnet {

struct LoadControl {
  Abort abort;
  std::atomic<int32_t>* progress; // 0..1000
};

} // namespace bitnet
