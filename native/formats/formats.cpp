// The list of ternary formats.
#include "formats.h"

namespace bitnet {

const TernaryFormat* find_ternary_format(const std::string& type) {
  static const TernaryFormat* const kFormats[] = {&kFormatI2S, &kFormatTQ1_0, &kFormatTQ2_0,
                                                  &kFormatIQ1_BN, &kFormatIQ2_BN};
  for (const TernaryFormat* format : kFormats)
    if (type == format->name)
      return format;
  return nullptr;
}

} // namespace bitnet
