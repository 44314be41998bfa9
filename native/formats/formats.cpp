// The list of ternary formats.
#include "formats.h"

namespace bitnet {

const TernaryFormat* find_ternary_format(const std::string& type) {
  static const TernaryFormat* const kFormats[] = {&kFormatI2S,
                                                  &kFormatI2SArm64,
                                                  &kFormatI2SRows4,
                                                  &kFormatTL1,
                                                  &kFormatTL2,
                                                  &kFormatTQ1_0,
                                                  &kFormatTQ2_0,
                                                  &kFormatPTQ1_0,
                                                  &kFormatQ2_0,
                                                  &kFormatQ2_0_G128,
                                                  &kFormatPQ2_0,
                                                  &kFormatIQ1_BN,
                                                  &kFormatIQ2_BN,
                                                  &kFormatIQ1_BNWithoutScales,
                                                  &kFormatIQ2_BNWithoutScales,
                                                  &kFormatIQ2_BN_R4,
                                                  &kFormatPackedRows};
  for (const TernaryFormat* format : kFormats)
    if (type == format->name)
      return format;
  return nullptr;
}

} // namespace bitnet
