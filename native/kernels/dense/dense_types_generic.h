// Stored types that every instruction set reads in the same way, as dense_scalar.cpp defines them,
// and what the types of dense_types_<isa>.h share with them.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../lanes/lanes.h"

namespace bitnet {
namespace {

// A stored type as a struct: columns come in units of kGroups x 16, stored in kBytes bytes; load()
// does a unit's shared work, group(g, j) is the 16 weights of group g + j as float, where g is a
// multiple of kTogether and j < kTogether a constant: groups that share loads are asked together.
// `left` columns of the row are left; only where groups(left) says so may a row end inside a unit.
template <int kGroupsOfUnit, int kAskedTogether, size_t kBytesOfUnit> struct Unit {
  static constexpr int kGroups = kGroupsOfUnit, kTogether = kAskedTogether;
  static constexpr size_t kBytes = kBytesOfUnit;
  static int groups(size_t) { return kGroups; }
};

struct F32 : Unit<1, 1, 64> {
  const uint8_t* p;
  void load(const uint8_t* row, size_t k, size_t) { p = row + 4 * k; }
  Lanes group(int, int) const { return load_f32(p); }
};

struct F16 : Unit<1, 1, 32> {
  const uint8_t* p;
  void load(const uint8_t* row, size_t k, size_t) { p = row + 2 * k; }
  Lanes group(int, int) const { return load_f16(p); }
};

struct Bf16 : Unit<1, 1, 32> {
  const uint8_t* p;
  void load(const uint8_t* row, size_t k, size_t) { p = row + 2 * k; }
  Lanes group(int, int) const { return load_bf16(p); }
};

/** Float of the half at p. */
inline float half_at(const uint8_t* p) {
  return float_of_half(static_cast<uint16_t>(p[0] | p[1] << 8));
}

/** Each times a scale. */
inline Lanes scaled(const Lanes& v, float scale) {
  return map([&](Floats part) { return mul(broadcast(scale), part); }, v);
}

struct Q8_0 : Unit<2, 2, 34> { // blocks of 32: f16 d, int8 q[32]
  float d;
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * kBytes;
    d = half_at(block);
    q = block + 2;
  }
  Lanes group(int, int j) const { return scaled(load_i8(q + 16 * j), d); }
};

} // namespace
} // namespace bitnet
