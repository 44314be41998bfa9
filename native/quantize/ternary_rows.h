// Rows of codes with the scales of the type they are going to be stored as.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

namespace bitnet {

/** The code of the nearest of -scale, 0 and +scale, of two that of 0. */
inline uint8_t ternary_code(float value, float scale) {
  const float half = 0.5f * scale;
  return static_cast<uint8_t>(1 + (value > half) - (value < -half));
}

/** Σ |x| in an order of its own: four lanes, then these. */
double sum_of_sizes(const float* x, size_t count);

/** A mean of |x| as a scale: not below 1e-5, as BitNet b1.58 has it. */
inline float usable_absmean(double mean) {
  return mean < 1e-5 ? 1e-5f : static_cast<float>(mean);
}

/** The scale of `count` weights by absmean. */
float absmean(const float* x, size_t count);

/** The one size that all numbers but zeros have, 0 where all are zeros, -1 where there are several. */
float common_size(const float* x, size_t count);

/** Memory of one thread. */
class TernaryRows {
public:
  /** @param group columns that share a scale; 0: all of the tensor share `scale` */
  void start(size_t count, size_t cols, size_t group, float scale);

  /** Row `r` of codes [count, cols] with scales [count, cols / from]. */
  void regroup(size_t r, const uint8_t* codes, const float* scales, size_t from);
  /** Row `r` of weights that are -s, 0, +s. */
  void split(size_t r, const float* x);
  /** Row `r` of any weights, by absmean. */
  void round(size_t r, const float* x);
  /**
   * Row `r` of weights whose scales are known: those of its groups of `from` columns, of which each
   * that shares one in the target has the same. Weights up to the size `limit` are 0.
   */
  void sort(size_t r, const float* x, const float* scales, size_t from, float limit);
  /** The same of codes [count, cols]. */
  void take(size_t r, const uint8_t* codes, const float* scales, size_t from);
  /** Makes halves of all scales. */
  void round_scales();

  const uint8_t* codes() const { return codes_.data(); }
  const float* scales() const { return scales_.data(); }
  uint32_t findings = 0; // bits of Finding

private:
  void give_scales(size_t r, const float* scales, size_t from);
  float* scales_of(size_t r) { return scales_.data() + r * (cols_ / shared_); }
  void check_scale(float scale);

  size_t cols_ = 0;
  size_t shared_ = 0; // columns of a row that share a scale
  bool fixed_ = false;
  float scale_ = 0; // of all, if fixed_
  std::vector<uint8_t> codes_;
  std::vector<float> scales_;
};

} // namespace bitnet
