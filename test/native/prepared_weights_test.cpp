// What a load has packed comes back from a file as it was, and a damaged file is as good as none.
#include <string.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "common/checksum.h"
#include "kernels/cpu_features.h"
#include "load/prepared_weights.h"
#include "tiny_model.h"

using namespace bitnet;

namespace {

using Bytes = std::vector<uint8_t>;
using Extras = ModelFile::Extras;

constexpr size_t kHeader = 24; // of TypeScript
// FileHead in load/prepared_weights.cpp.
constexpr size_t kHeadBytes = 112, kDirectoryBytesAt = 16, kChecksumAt = 104;
const std::string kKey(64, 'k');

class ScratchFile {
public:
  explicit ScratchFile(const char* name)
      : path_((std::filesystem::temp_directory_path() /
               ("bitnet_prepared_" + std::to_string(std::random_device()()) + name))
                  .string()) {}
  ~ScratchFile() { remove(path_.c_str()); }

  const std::string& path() const { return path_; }
  Bytes read() const {
    std::ifstream file(path_, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  void write(const Bytes& bytes) const {
    std::ofstream file(path_, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

private:
  std::string path_;
};

// Every layout that weights can have is in one of them.
struct Case {
  const char* name;
  bool ternary;
  Extras extras;
  uint64_t prefilter_from;
};
const Case kCases[] = {{"BitNet b1.58", true, Extras::kNone, kPrefilterFrom},
                       {"with a prefilter", true, Extras::kBiases, 1},
                       {"with experts", true, Extras::kExperts, kPrefilterFrom},
                       {"recurrent", true, Extras::kRecurrent, 1},
                       {"dense", false, Extras::kNone, 1}};

class Loads {
public:
  Loads(const Case& c, const char* kernel) : file_(c.ternary, 24, c.extras), pool_(3) {
    CHECK(select_kernels(detect_cpu_features(), kernel, &kernels_).ok(), kernel);
    LoadChoices choices;
    choices.prefilter_from = c.prefilter_from;
    CHECK(plan_load(file_.spec(), kernels_, choices, &plan_).ok(), c.name);
  }

  std::shared_ptr<Weights> load(const PreparedFile* prepared, PreparedOutcome* outcome) {
    std::shared_ptr<Weights> weights;
    const Status status =
        load_weights(file_.spec(), plan_, pool_, {flags_.signal(), &flags_.progress}, &weights,
                     prepared, outcome);
    CHECK(status.ok(), status.text());
    return weights;
  }
  /** The file of what `weights` have packed. */
  Bytes packed(const Weights& weights) {
    const ScratchFile file("packed");
    const Bytes header(kHeader, 'h');
    CHECK(write_prepared(file.path(), kKey, header.data(), header.size(), weights, flags_.signal())
              .ok(),
          "write");
    return file.read();
  }

private:
  ModelFile file_;
  ThreadPool pool_;
  Flags flags_;
  KernelSet kernels_;
  LoadPlan plan_;
};

template <class T> T number_at(const Bytes& bytes, size_t at) {
  T number;
  memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// Makes a changed head and directory look intact.
void sign(Bytes& bytes) {
  if (bytes.size() < kHeader + kHeadBytes)
    return;
  const uint64_t directory = number_at<uint64_t>(bytes, kHeader + kDirectoryBytesAt);
  if (directory > bytes.size() - kHeader - kHeadBytes)
    return;
  memset(bytes.data() + kHeader + kChecksumAt, 0, 8);
  Checksum sum;
  sum.add(bytes.data() + kHeader, kHeadBytes + static_cast<size_t>(directory));
  const uint64_t value = sum.value();
  memcpy(bytes.data() + kHeader + kChecksumAt, &value, 8);
}

} // namespace

TEST("what a load has packed comes back as it was, for every kernel and layout") {
  for (const Case& c : kCases)
    for (const char* kernel : {"", "scalar"}) {
      Loads loads(c, kernel);
      const std::shared_ptr<Weights> first = loads.load(nullptr, nullptr);
      const Bytes bytes = loads.packed(*first);
      const ScratchFile file("again");
      file.write(bytes);
      const PreparedFile prepared{file.path(), kKey, kHeader};
      PreparedOutcome outcome;
      const std::shared_ptr<Weights> second = loads.load(&prepared, &outcome);
      CHECK(outcome.used, outcome.fault);
      CHECK(loads.packed(*second) == bytes, c.name);
      CHECK_EQ(second->bytes, first->bytes, c.name);
      for (size_t i = 0; i < first->plan.size(); ++i)
        CHECK(second->plan[i].layout == first->plan[i].layout, c.name);
      CHECK_EQ(second->rotations.size(), first->rotations.size(), c.name);
    }
}

TEST("weights of another key or version are not used, and neither is a file that is cut short") {
  Loads loads(kCases[1], "");
  const Bytes bytes = loads.packed(*loads.load(nullptr, nullptr));
  const ScratchFile file("other");
  file.write(bytes);
  const auto fault = [&](const std::string& key) {
    const PreparedFile prepared{file.path(), key, kHeader};
    PreparedOutcome outcome;
    CHECK(loads.packed(*loads.load(&prepared, &outcome)) == bytes, key);
    CHECK(!outcome.used, key);
    return outcome.fault;
  };
  CHECK_EQ(fault(std::string(64, 'x')), "its weights are others", "another key");
  CHECK_EQ(fault("short"), "its weights are others", "a short key");
  for (const size_t size :
       {size_t{0}, kHeader, kHeader + 50, bytes.size() / 2, bytes.size() - 64}) {
    file.write(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)));
    CHECK_EQ(fault(kKey), "its end is missing", std::to_string(size));
  }
  remove(file.path().c_str());
  CHECK(!fault(kKey).empty(), "no file");
}

TEST("a changed byte anywhere is noticed, or lies between blocks") {
  std::mt19937 random(3);
  for (const Case& c : kCases) {
    Loads loads(c, "");
    const Bytes bytes = loads.packed(*loads.load(nullptr, nullptr));
    const ScratchFile file("changed");
    const PreparedFile prepared{file.path(), kKey, kHeader};
    for (int i = 0; i < (check::quick() ? 20 : 100); ++i) {
      Bytes changed = bytes;
      const size_t directory = number_at<uint64_t>(bytes, kHeader + kDirectoryBytesAt);
      const size_t end = i % 2 ? bytes.size() : kHeader + kHeadBytes + directory;
      changed[kHeader + random() % (end - kHeader)] ^= static_cast<uint8_t>(1 << random() % 8);
      file.write(changed);
      PreparedOutcome outcome;
      const std::shared_ptr<Weights> weights = loads.load(&prepared, &outcome);
      CHECK(loads.packed(*weights) == bytes, c.name);
      CHECK(i % 2 || !outcome.fault.empty(), c.name);
    }
  }
}

TEST("a directory that was changed and signed again is refused or read, and nothing else") {
  std::mt19937 random(5);
  for (const Case& c : kCases) {
    Loads loads(c, "");
    const Bytes bytes = loads.packed(*loads.load(nullptr, nullptr));
    const ScratchFile file("signed");
    const PreparedFile prepared{file.path(), kKey, kHeader};
    const size_t directory = number_at<uint64_t>(bytes, kHeader + kDirectoryBytesAt);
    int refused = 0;
    for (int i = 0; i < (check::quick() ? 50 : 400); ++i) {
      Bytes changed = bytes;
      for (int k = 0; k <= i % 3; ++k) {
        const size_t at = kHeader + random() % (kHeadBytes + directory);
        const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff, static_cast<uint8_t>(random())};
        changed[at] = values[random() % sizeof values];
      }
      sign(changed);
      if (i % 7 == 0)
        changed.resize(changed.size() - random() % 200);
      file.write(changed);
      PreparedOutcome outcome;
      loads.load(&prepared, &outcome);
      refused += !outcome.used;
    }
    CHECK(refused > 0, c.name);
  }
}
