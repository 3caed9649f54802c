// The encoder's matrix product in bfloat16: weights and inputs are rounded to 8 bits of mantissa, products are
// summed in float32 (the instruction vdpbf16ps). Half the bytes and up to twice the products a cycle of
// float32, for vectors whose cosine to the float32 ones is above 0.9999.
//
// Any thread; pure functions over the caller's buffers. Only on processors with AVX512_BF16.
//
// Weights are packed once: panels of 32 outputs, in which two inputs of each output lie side by side, so that
// one broadcast of two inputs of a row meets 32 outputs in two instructions and no sum is folded sideways.
#pragma once

#include <cstddef>
#include <cstdint>

#include "resonant/embed/encoder_kernels.h"

namespace resonant::embed::bfloat16 {

// Whether this processor can run the functions below.
bool is_available();

// packed: outputs * inputs values. outputs is a multiple of 32, inputs of 32.
void pack(const Linear& map, std::uint16_t* packed);

// As Kernels::linear, over map.packed. inputs at most kInner.
void linear(const Linear& map, const float* x, std::size_t rows, float* y, std::size_t y_stride);

}  // namespace resonant::embed::bfloat16
