// How long steps take, told by the last ones that ran.
#pragma once
#include <stddef.h>

#include <array>

namespace bitnet {

/**
 * The time of a step by its tokens: measured, because nothing else knows this machine, this model and
 * what else is running. Sizes are told apart by powers of two. Each has the median of its last few
 * steps, so that one that was disturbed says nothing; between them time grows evenly.
 */
class StepCost {
public:
  /** A step of `tokens` >= 1 took so long. */
  void add(size_t tokens, double seconds);

  /**
   * What a step of so many tokens takes, 0 where nothing was measured. More tokens than were measured
   * take at least as long as the most of these, and get its time.
   */
  double seconds(size_t tokens) const;

  /**
   * How many tokens fit into so much time: 1..most, and at most twice what was measured, so that the
   * next answer knows more. 0 where nothing was.
   */
  size_t tokens(double seconds, size_t most) const;

private:
  static constexpr size_t kSizes = 11; // 1, 2, 3..4, 5..8, …, 513 and more
  static constexpr size_t kKept = 5;   // steps of a size

  struct Last {
    std::array<double, kKept> tokens;
    std::array<double, kKept> seconds;
    size_t count = 0; // ever
  };
  struct Point {
    double tokens, seconds;
  };
  struct Curve {
    std::array<Point, kSizes> points; // ascending
    size_t count = 0;
  };
  Curve curve() const;

  std::array<Last, kSizes> last_;
};

} // namespace bitnet
