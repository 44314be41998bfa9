// Trees of /proc and /sys as machines and containers have them.
#include "common/cgroup_quota.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "check.h"

using namespace bitnet;

namespace {

// A root folder with some files.
class Tree {
public:
  Tree()
      : root_(std::filesystem::temp_directory_path() /
              ("bitnet_cgroup_test_" + std::to_string(std::random_device()()))) {}
  ~Tree() { std::filesystem::remove_all(root_); }

  Tree& file(const std::string& path, const std::string& text) {
    const std::filesystem::path at = root_.string() + path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text;
    return *this;
  }
  size_t cpus() const { return cgroup_quota_cpus(root_.string()); }

private:
  std::filesystem::path root_;
};

const char* const kV2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
const char* const kV1 =
    "23 28 0:21 / /proc rw - proc proc rw\n"
    "33 32 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 32 0:29 / /sys/fs/cgroup/cpuset rw shared:10 - cgroup cgroup rw,cpuset\n";

} // namespace

TEST("the quota of the own group counts, and no other") {
  Tree tree;
  tree.file("/proc/self/mountinfo", kV2)
      .file("/proc/self/cgroup", "0::/system.slice/model.service\n")
      .file("/sys/fs/cgroup/system.slice/model.service/cpu.max", "250000 100000\n")
      .file("/sys/fs/cgroup/system.slice/other.service/cpu.max", "100000 100000\n");
  CHECK_EQ(tree.cpus(), size_t{3}, "2.5 CPUs");
  tree.file("/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
  CHECK_EQ(tree.cpus(), size_t{3}, "no quota around it");
  tree.file("/sys/fs/cgroup/system.slice/cpu.max", "200000 100000\n");
  CHECK_EQ(tree.cpus(), size_t{2}, "a smaller one around it");
  tree.file("/sys/fs/cgroup/system.slice/cpu.max", "1600000 100000\n");
  CHECK_EQ(tree.cpus(), size_t{3}, "a larger one around it");
  tree.file("/sys/fs/cgroup/system.slice/model.service/cpu.max", "max 100000\n");
  CHECK_EQ(tree.cpus(), size_t{16}, "only that one");
}

TEST("the quota of version 1 counts") {
  Tree tree;
  tree.file("/proc/self/mountinfo", kV1)
      .file("/proc/self/cgroup", "12:cpuset:/x\n4:cpu,cpuacct:/user/a\n1:name=systemd:/user/a\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/user/a/cpu.cfs_quota_us", "-1\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/user/a/cpu.cfs_period_us", "100000\n");
  CHECK_EQ(tree.cpus(), size_t{0}, "none");
  tree.file("/sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_quota_us", "150000\n")
      .file("/sys/fs/cgroup/cpu,cpuacct/user/cpu.cfs_period_us", "50000\n");
  CHECK_EQ(tree.cpus(), size_t{3}, "of the group around it");
  tree.file("/sys/fs/cgroup/cpu,cpuacct/user/a/cpu.cfs_quota_us", "10000\n");
  CHECK_EQ(tree.cpus(), size_t{1}, "a tenth of a CPU");
}

TEST("a container sees its own group, whatever its path is outside") {
  // A namespace of its own: the group is the root of what is mounted.
  Tree inside;
  inside.file("/proc/self/mountinfo", kV2)
      .file("/proc/self/cgroup", "0::/\n")
      .file("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  CHECK_EQ(inside.cpus(), size_t{2}, "");
  // The namespace of the host: what is mounted is the group, under its name there.
  Tree host;
  host.file("/proc/self/mountinfo",
            "33 32 0:28 /docker/ab\\040cd /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpuacct,cpu\n")
      .file("/proc/self/cgroup", "4:cpuacct,cpu:/docker/ab cd/child\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n")
      .file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK_EQ(host.cpus(), size_t{4}, "");
  host.file("/sys/fs/cgroup/cpu/child/cpu.cfs_quota_us", "100000\n")
      .file("/sys/fs/cgroup/cpu/child/cpu.cfs_period_us", "100000\n");
  CHECK_EQ(host.cpus(), size_t{1}, "");
  // A path that is not below the mount.
  for (const char* group : {"0::/../other\n", "0::/docker/abc\n", "0::\n", "", "nonsense\n"}) {
    Tree outside;
    outside.file("/proc/self/mountinfo", "30 23 0:26 /docker/ab /cg rw - cgroup2 c rw\n")
        .file("/proc/self/cgroup", group)
        .file("/cg/cpu.max", "500000 100000\n");
    CHECK_EQ(outside.cpus(), size_t{5}, group);
  }
}

TEST("without groups, or with files that say nothing, there is no quota") {
  CHECK_EQ(Tree().cpus(), size_t{0}, "no files");
  for (const char* text : {"", "max", "0 0", "-5 100000", "100000", "x y", "100000 -1"}) {
    Tree tree;
    tree.file("/proc/self/mountinfo", kV2)
        .file("/proc/self/cgroup", "0::/\n")
        .file("/sys/fs/cgroup/cpu.max", text);
    CHECK_EQ(tree.cpus(), size_t{0}, text);
  }
  Tree huge;
  huge.file("/proc/self/mountinfo", kV2)
      .file("/proc/self/cgroup", "0::/\n")
      .file("/sys/fs/cgroup/cpu.max", "9223372036854775807 1");
  CHECK_EQ(huge.cpus(), size_t{9223372036854775807u}, "");
}
