// The CPU time that Linux grants the process's control group.
#pragma once
#include <stddef.h>

#include <string>

namespace bitnet {

/**
 * CPUs that the quota of this process's own group, or the smallest of those around it, amounts to,
 * rounded up; 0 when there is none. Both versions of cgroups. `root` comes before every path, for
 * tests.
 */
size_t cgroup_quota_cpus(const std::string& root = "");

} // namespace bitnet
