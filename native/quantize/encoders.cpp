// The encoder of each dense type.
#include "encoders.h"

#include <string.h>

namespace bitnet {
namespace {

bool encode_f32(const float* x, size_t cols, uint8_t* row) {
  memcpy(row, x, cols * sizeof *x);
  return true;
}

} // namespace

EncodeRow dense_encoder(DenseType type) {
  static constexpr DenseFunctions<EncodeRow> kEncoders = {
      .f32 = encode_f32,
      .f16 = encode_f16,
      .bf16 = encode_bf16,
      .q8_0 = encode_q8_0,
      .q6_k = encode_q6_k,
      .q4_0 = encode_q4_0,
      .q4_k = encode_q4_k,
      .q4_1 = encode_q4_1,
      .q5_0 = encode_q5_0,
      .q5_1 = encode_q5_1,
      .q5_k = encode_q5_k,
      .iq4_nl = encode_iq4_nl,
  };
  return kEncoders[type];
}

} // namespace bitnet
