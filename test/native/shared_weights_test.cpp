// One load reads, the others wait and get the same weights, for as long as anybody holds them.
#include <atomic>
#include <thread>
#include <vector>

#include "check.h"
#include "load/shared_weights.h"

using namespace bitnet;

namespace {

const std::atomic<int32_t> kGoOn{0}, kStop{1};
const Abort kNever{&kGoOn, &kGoOn}, kAtOnce{&kStop, &kGoOn};

std::shared_ptr<Weights> found_by(WeightsClaim& claim, const std::string& what) {
  std::shared_ptr<Weights> found;
  CHECK(claim.wait(kNever, &found).ok(), what);
  return found;
}

} // namespace

TEST("weights are found under their key while a model holds them, and read again after") {
  auto weights = std::make_shared<Weights>();
  WeightsClaim first("found");
  CHECK(!found_by(first, "first"), "nothing is there");
  first.share(weights);
  WeightsClaim second("found"), other("another key");
  CHECK(found_by(second, "second") == weights, "the same");
  CHECK(!found_by(other, "other"), "another key");
  weights.reset();
  WeightsClaim third("found");
  CHECK(!found_by(third, "third"), "nobody holds them any more");
}

TEST("of many loads one reads at a time, and another when that has failed") {
  std::atomic<int> reading{0}, reads{0}, failures{2};
  std::vector<std::shared_ptr<Weights>> held(8);
  std::vector<std::thread> loads;
  for (std::shared_ptr<Weights>& mine : held)
    loads.emplace_back([&] {
      while (!mine) {
        WeightsClaim claim("many");
        mine = found_by(claim, "wait");
        if (mine)
          return;
        CHECK_EQ(reading.fetch_add(1), 0, "readers besides this one");
        reads.fetch_add(1);
        if (failures.fetch_sub(1) <= 0) {
          mine = std::make_shared<Weights>();
          reading.fetch_sub(1);
          claim.share(mine);
        } else {
          reading.fetch_sub(1);
        }
      }
    });
  for (std::thread& load : loads)
    load.join();
  CHECK_EQ(reads.load(), 3, "reads");
  for (const std::shared_ptr<Weights>& mine : held)
    CHECK(mine == held[0], "the same weights");
}

TEST("a load that waits for another can be aborted") {
  WeightsClaim first("aborted");
  found_by(first, "first");
  WeightsClaim second("aborted");
  std::shared_ptr<Weights> found;
  CHECK(second.wait(kAtOnce, &found).code == Code::kAborted, "aborted");
  second.share(std::make_shared<Weights>()); // which is not its to share
  WeightsClaim third("aborted");
  CHECK(third.wait(kAtOnce, &found).code == Code::kAborted, "the first still has it");
}
