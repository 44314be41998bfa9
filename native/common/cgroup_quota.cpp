// From /proc/self/cgroup, which says the group, and /proc/self/mountinfo, which says where its
// files are.
#include "cgroup_quota.h"

#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace bitnet {
namespace {

// One of the mounted hierarchies.
struct Mount {
  bool v2;
  std::string root;  // the group that is mounted
  std::string point; // where
};

// Decodes "\040" and the like in mountinfo.
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t k) { return i + k < text.size() ? text[i + k] - '0' : -1; };
    const bool octal = text[i] == '\\' && digit(1) >= 0 && digit(1) < 4 && digit(2) >= 0 &&
                       digit(2) < 8 && digit(3) >= 0 && digit(3) < 8;
    out += octal ? static_cast<char>(digit(1) * 64 + digit(2) * 8 + digit(3)) : text[i];
    i += octal ? 3 : 0;
  }
  return out;
}

// Whether `name` is one of a list with commas.
bool lists(const std::string& names, const std::string& name) {
  std::istringstream parts(names);
  for (std::string part; std::getline(parts, part, ',');)
    if (part == name)
      return true;
  return false;
}

std::vector<Mount> cpu_mounts(const std::string& root) {
  std::vector<Mount> mounts;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // 36 35 98:0 /root /point options … - type source options
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos)
      continue;
    std::istringstream front(line.substr(0, dash)), back(line.substr(dash + 3));
    std::string skip, from, point, type, options;
    front >> skip >> skip >> skip >> from >> point;
    back >> type >> skip >> options;
    if (type == "cgroup2" || (type == "cgroup" && lists(options, "cpu")))
      mounts.push_back({type == "cgroup2", unescaped(from), unescaped(point)});
  }
  return mounts;
}

// The group's path in the hierarchy of v2, or in that of v1 which limits CPUs.
std::string group_of(const std::string& root, bool v2) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    // 0::/path of v2, 4:cpu,cpuacct:/path of v1
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? line.compare(0, second, "0:") == 0 : lists(controllers, "cpu"))
      return line.substr(second + 1);
  }
  return "";
}

// Below the mount point; empty where the group is not in what is mounted, as in some containers,
// whose own group is then the mount's.
std::string below(const Mount& mount, const std::string& group) {
  const std::string prefix = mount.root == "/" ? "" : mount.root;
  const bool inside = group.compare(0, prefix.size(), prefix) == 0 &&
                      (group.size() == prefix.size() || group[prefix.size()] == '/');
  const std::string path = inside ? group.substr(prefix.size()) : "";
  return path == "/" || path.find("/..") != std::string::npos ? "" : path;
}

// 0 if this group has no quota.
size_t quota_in(const std::string& folder, bool v2) {
  std::string quota; // "max", or -1 in v1: no quota
  long long period = 0;
  if (v2) {
    std::ifstream(folder + "/cpu.max") >> quota >> period;
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  const long long time = atoll(quota.c_str());
  return time > 0 && period > 0 ? static_cast<size_t>((time - 1) / period + 1) : 0;
}

} // namespace

size_t cgroup_quota_cpus(const std::string& root) {
  size_t fewest = 0;
  for (const Mount& mount : cpu_mounts(root)) {
    std::string path = below(mount, group_of(root, mount.v2));
    for (;;) {
      const size_t cpus = quota_in(root + mount.point + path, mount.v2);
      if (cpus > 0)
        fewest = fewest == 0 ? cpus : std::min(fewest, cpus);
      if (path.empty())
        break;
      path.erase(path.find_last_of('/'));
    }
  }
  return fewest;
}

} // namespace bitnet
