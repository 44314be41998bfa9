// How rows of floats are rounded to each dense type: the bytes that llama.cpp writes without an
// importance matrix.
//
// Arithmetic is in f32, one rounding after the other, so that every machine writes the same bytes.
// The layouts are drawn in kernels/dense/dense_scalar.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../kernels/dense/dense.h"

namespace bitnet {

/**
 * Writes `cols` finite floats, a multiple of the type's block, as a stored row. False if one of them
 * or a scale is too large for the type.
 */
using EncodeRow = bool (*)(const float* x, size_t cols, uint8_t* row);

EncodeRow dense_encoder(DenseType type);

bool encode_f16(const float* x, size_t cols, uint8_t* row);
bool encode_bf16(const float* x, size_t cols, uint8_t* row);
bool encode_q8_0(const float* x, size_t cols, uint8_t* row);
bool encode_q4_0(const float* x, size_t cols, uint8_t* row);
bool encode_q4_1(const float* x, size_t cols, uint8_t* row);
bool encode_q5_0(const float* x, size_t cols, uint8_t* row);
bool encode_q5_1(const float* x, size_t cols, uint8_t* row);
bool encode_q4_k(const float* x, size_t cols, uint8_t* row);
bool encode_q5_k(const float* x, size_t cols, uint8_t* row);
bool encode_q6_k(const float* x, size_t cols, uint8_t* row);
bool encode_iq4_nl(const float* x, size_t cols, uint8_t* row);

} // namespace bitnet
