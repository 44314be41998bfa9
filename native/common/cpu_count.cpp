// The affinity mask and the cgroup quota: a container with 2 CPUs on a 64-core host has 2.
#include "cpu_count.h"

#include <algorithm>
#include <thread>

#if defined(__linux__)
#include <sched.h>

#include "cgroup_quota.h"
#endif

namespace bitnet {
namespace {

#if defined(__linux__)

size_t affinity_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<size_t>(CPU_COUNT(&set)) : 0;
}

#endif

} // namespace

size_t usable_cpu_count() {
  size_t cpus = std::max<size_t>(1, std::thread::hardware_concurrency());
#if defined(__linux__)
  if (const size_t allowed = affinity_cpus())
    cpus = std::min(cpus, allowed);
  if (const size_t quota = cgroup_quota_cpus())
    cpus = std::min(cpus, quota);
#endif
  return cpus;
}

} // namespace bitnet
