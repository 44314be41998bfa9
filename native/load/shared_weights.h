// Weights that models of this process hold together: those of one file, read once.
#pragma once
#include <memory>
#include <string>

#include "../common/abort.h"
#include "../common/status.h"
#include "../graph/weights.h"

namespace bitnet {

/**
 * The right to read what `key` stands for. One load has it at a time, in whichever JavaScript
 * environment; others wait for what it shares. It is given up when this goes.
 */
class WeightsClaim {
public:
  explicit WeightsClaim(std::string key);
  WeightsClaim(const WeightsClaim&) = delete;
  WeightsClaim& operator=(const WeightsClaim&) = delete;
  ~WeightsClaim();

  /**
   * Waits until nobody else reads the same. `found` is then what a model has shared and still holds,
   * or null: the caller is to read, and has the claim. kAborted.
   */
  Status wait(const Abort& abort, std::shared_ptr<Weights>* found);

  /** From now on `weights` never change, and whoever waits or comes later gets them. */
  void share(const std::shared_ptr<Weights>& weights);

private:
  void give_up();

  std::string key_;
  bool held_ = false;
};

} // namespace bitnet
