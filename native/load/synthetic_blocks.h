// Trits as stored types hold them: the encoders behind synthetic models.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <string>

namespace bitnet {

/** Weights encoded at once: whole blocks in every type. */
constexpr size_t kTritUnit = 256;

/** So many of them can have a scale of their own. */
constexpr size_t kScaledTrits = 64;

/** Bytes behind the codes of an I2_S tensor: the f32 scale and padding. */
constexpr size_t kI2STail = 32;

struct TritBlocks {
  const char* type;  // the public name, "Q4_0"
  size_t unit_bytes; // of kTritUnit weights
  /**
   * Stores kTritUnit codes (0, 1, 2 for -1, 0, +1), given as I2_S holds them in kTritUnit / 4
   * bytes. `half_scales` are the f16 sizes of each kScaledTrits weights, of which a type takes
   * those its blocks begin with; I2_S has its own scale elsewhere.
   */
  void (*encode)(const uint8_t* i2s, const uint16_t* half_scales, uint8_t* out);
  size_t
      scale_cols; // weights of a block that shares a scale, where blocks can have their own; 0: all
};

/** The encoder for a stored type; null when there is none. */
const TritBlocks* find_trit_blocks(const std::string& type);

} // namespace bitnet
