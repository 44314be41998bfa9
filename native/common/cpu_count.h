// How many threads are worth starting.
#pragma once
#include <stddef.h>

namespace bitnet {

/** Cores this process may really use: affinity mask and cgroup CPU quota counted, at least 1. */
size_t usable_cpu_count();

} // namespace bitnet
