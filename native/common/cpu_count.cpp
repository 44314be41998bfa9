// Reads the affinity mask and the cgroup quota: a container with 2 CPUs on a 64-core host has 2.
#include "cpu_count.h"

#include <algorithm>
#include <thread>

#if defined(__linux__)
#include <sched.h>

#include <fstream>
#include <string>
#endif

namespace bitnet {
namespace {

#if defined(__linux__)

// CPUs that a quota of `quota` µs per `period` µs amounts to, rounded up; 0 when there is no quota.
size_t quota_cpus(long long quota, long long period) {
  return quota > 0 && period > 0 ? static_cast<size_t>((quota + period - 1) / period) : 0;
}

// cgroup v2 writes "max 100000" or "200000 100000", v1 two files; both are looked up at the root of
// the mount, which is this process's own group inside a container.
size_t cgroup_cpus() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  long long period = 0;
  if (v2 >> quota >> period)
    return quota == "max" ? 0 : quota_cpus(atoll(quota.c_str()), period);
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  long long v1 = 0;
  if (v1_quota >> v1 && v1_period >> period)
    return quota_cpus(v1, period);
  return 0;
}

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
  if (const size_t quota = cgroup_cpus())
    cpus = std::min(cpus, quota);
#endif
  return cpus;
}

} // namespace bitnet
