// Soft-capping against the library's tanh, its order, and where it reaches a value.
#include <float.h>
#include <math.h>
#include <string.h>

#include <random>
#include <string>

#include "check.h"
#include "graph/soft_cap.h"

using namespace bitnet;

namespace {

float capped(float cap, float x) {
  soft_cap(cap, &x, 1);
  return x;
}

// Numbers of all sizes, most of them near the cap.
float draw(std::mt19937& generator, float cap) {
  std::uniform_real_distribution<float> exponent(-12, 4);
  std::uniform_int_distribution<int> sign(0, 1);
  return (sign(generator) ? cap : -cap) * exp2f(exponent(generator));
}

} // namespace

TEST("soft-capping is c * tanh(x / c), rounded once") {
  std::mt19937 generator(5);
  for (float cap : {0.001f, 2.0f, 30.0f, 50.0f, 1e6f})
    for (int i = 0; i < 20000; ++i) {
      const float x = draw(generator, cap);
      const double expected = static_cast<double>(cap) * tanh(static_cast<double>(x) / cap);
      const double error = fabs(static_cast<double>(capped(cap, x)) - expected);
      // Half a step of a float, and the least bit more.
      CHECK(error <= fabs(expected) * 5.97e-8, std::to_string(cap) + ", " + std::to_string(x));
    }
  CHECK_EQ(capped(2.0f, 0.0f), 0.0f, "zero");
  CHECK_EQ(capped(2.0f, FLT_MAX), 2.0f, "the largest");
  CHECK_EQ(capped(2.0f, -FLT_MAX), -2.0f, "the smallest");
  CHECK_EQ(capped(0.0f, 7.0f), 7.0f, "no cap");
}

TEST("soft-capping leaves what is no finite number") {
  CHECK_EQ(capped(2.0f, INFINITY), INFINITY, "infinity");
  CHECK_EQ(capped(2.0f, -INFINITY), -INFINITY, "minus infinity");
  CHECK(isnan(capped(2.0f, NAN)), "NaN");
}

TEST("soft-capping never reverses two logits") {
  std::mt19937 generator(6);
  for (float cap : {2.0f, 30.0f})
    for (int i = 0; i < 200000; ++i) {
      const float x = i % 2 == 0 ? draw(generator, cap)
                                 : cap * 1e-4f * (1.0f + static_cast<float>(i - 100000) * 6e-8f);
      CHECK(capped(cap, x) <= capped(cap, nextafterf(x, INFINITY)), std::to_string(x));
    }
}

TEST("the smallest logit that reaches a capped one does, and the one below does not") {
  std::mt19937 generator(7);
  for (float cap : {2.0f, 30.0f})
    for (int i = 0; i < 500; ++i) {
      const float y = capped(cap, draw(generator, cap));
      const float x = soft_cap_reaches(cap, y);
      CHECK(capped(cap, x) >= y, std::to_string(y));
      CHECK(capped(cap, nextafterf(x, -INFINITY)) < y || x <= -FLT_MAX, std::to_string(y));
    }
  CHECK_EQ(soft_cap_reaches(0.0f, 3.0f), 3.0f, "no cap");
  CHECK(isnan(soft_cap_reaches(2.0f, NAN)), "NaN");
}
