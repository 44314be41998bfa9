// Medians of steps by size, and the line through them.
#include "step_cost.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace bitnet {
namespace {

// Of the first `count` values.
template <size_t n> double median(std::array<double, n> values, size_t count) {
  std::fill(values.begin() + count, values.end(), std::numeric_limits<double>::infinity());
  std::sort(values.begin(), values.end());
  return values[count / 2];
}

} // namespace

void StepCost::add(size_t tokens, double seconds) {
  Last& last = last_[std::min<size_t>(std::bit_width(tokens - 1), kSizes - 1)];
  last.tokens[last.count % kKept] = static_cast<double>(tokens);
  last.seconds[last.count % kKept] = seconds;
  ++last.count;
}

// More tokens take longer, but no longer than the same number in two steps. Without that, a size that
// was measured in a bad moment would never be tried again.
StepCost::Curve StepCost::curve() const {
  Curve curve;
  for (const Last& last : last_) {
    if (last.count == 0)
      continue;
    const size_t count = std::min(last.count, kKept);
    Point point = {median(last.tokens, count), median(last.seconds, count)};
    if (curve.count > 0) {
      const Point& fewer = curve.points[curve.count - 1];
      point.seconds =
          std::clamp(point.seconds, fewer.seconds, fewer.seconds * point.tokens / fewer.tokens);
    }
    curve.points[curve.count++] = point;
  }
  return curve;
}

double StepCost::seconds(size_t tokens) const {
  const Curve known = curve();
  if (known.count == 0)
    return 0;
  const double n = static_cast<double>(tokens);
  const Point* before = nullptr;
  for (size_t i = 0; i < known.count; ++i) {
    const Point& point = known.points[i];
    if (n <= point.tokens) {
      if (!before)
        return point.seconds;
      return before->seconds + (point.seconds - before->seconds) * (n - before->tokens) /
                                   (point.tokens - before->tokens);
    }
    before = &point;
  }
  return before->seconds;
}

size_t StepCost::tokens(double seconds, size_t most) const {
  const Curve known = curve();
  if (known.count == 0)
    return 0;
  const Point& first = known.points[0];
  double n = first.tokens * seconds / first.seconds; // fewer than were measured
  for (size_t i = 0; i < known.count && known.points[i].seconds <= seconds; ++i) {
    const Point& here = known.points[i];
    n = 2 * here.tokens;
    if (i + 1 == known.count || known.points[i + 1].seconds == here.seconds)
      continue;
    const Point& next = known.points[i + 1];
    n = here.tokens +
        (next.tokens - here.tokens) * (seconds - here.seconds) / (next.seconds - here.seconds);
  }
  return static_cast<size_t>(std::clamp(n, 1.0, static_cast<double>(most)));
}

} // namespace bitnet
