// The encoder's matrix product in half precision: weights and inputs have 11 bits of mantissa, up to
// kSumInputs products are summed in 16 bits and those sums in float32. Twice the products a cycle of
// float32 or bfloat16 on Intel (vfmadd231ph), for vectors nearer to the float32 ones than bfloat16's.
//
// Any thread; pure functions over the caller's buffers. Only on processors with AVX512_FP16.
//
// Weights are packed once: panels of 96 outputs, input by input, so that one input of a row meets 96
// outputs in three instructions. Each output's sum has the same order whatever rows go with it: a text
// has one vector, alone or in a batch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "resonant/embed/encoder_kernels.h"

namespace resonant::embed::float16 {

inline constexpr std::size_t kPanel = 96;      // outputs side by side: three registers of 16-bit sums
inline constexpr std::size_t kSumInputs = 64;  // inputs whose products are summed in 16 bits

// Whether this processor can run the functions below.
bool is_available();

// packed: outputs * inputs values. outputs is a multiple of 96, inputs of 64.
void pack(const Linear& map, std::uint16_t* packed);

// As Kernels::linear, over map.packed. inputs at most kInner.
void linear(const Linear& map, const float* x, std::size_t rows, float* y, std::size_t y_stride);

}  // namespace resonant::embed::float16
