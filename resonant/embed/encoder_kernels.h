// Kernels are the arithmetic of the encoder: one set of functions an instruction set, all made from one
// source (encoder_kernels.inc), chosen at run time by what the processor can do.
//
// Any thread; pure functions over the caller's buffers.
//
// Invariants:
//   (1) Every set of one precision computes the same function; sums may differ in the last bits (a test
//       bounds it). Between precisions the direction of a vector differs by a cosine of less than 0.0001.
//   (2) No function allocates.
//
// In float32 the matrix product reads the weights as the file holds them, [outputs][inputs]: a tile of rows times
// four outputs is a dozen dot products side by side, so nothing is packed and no second copy is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace resonant::embed {

inline constexpr std::size_t kHeads = 12;
inline constexpr std::size_t kHeadWidth = 32;
inline constexpr std::size_t kHidden = kHeads * kHeadWidth;  // 384
inline constexpr std::size_t kInner = 4 * kHidden;           // width of the feed-forward layer

// One linear map as the weights file holds it. weight: float[outputs][inputs], bias: float[outputs].
// outputs is a multiple of 4, inputs of 384; where weights are packed, outputs is a multiple of 96.
struct Linear {
    const float* weight = nullptr;
    const float* bias = nullptr;
    std::size_t outputs = 0;
    std::size_t inputs = 0;
    const std::uint16_t* packed = nullptr;  // what Kernels::pack made of `weight`
};

// Where attention keeps one head's transposed keys and the scores of up to six rows.
constexpr std::size_t attention_scratch_floats(std::size_t tokens) {
    const std::size_t padded = (tokens + kHeadWidth - 1) / kHeadWidth * kHeadWidth;
    return (kHeadWidth + 6) * padded;
}

struct Norm {
    const float* gain = nullptr;
    const float* shift = nullptr;
};

// Of weights and inputs of the matrix products; sums are float32 (Float16: of sums of 64 products each).
enum class Precision : std::uint8_t { Float32, BFloat16, Float16 };
std::string_view name_of(Precision precision);  // "f32", "bf16", "f16": part of a model's name

struct Kernels {
    std::string_view name;  // "avx2", as benchmarks and tests print it
    Precision precision;
    // Packs the weights of `map`, outputs * inputs values, for `linear`; null: it reads them as they are.
    void (*pack)(const Linear& map, std::uint16_t* packed);
    // y[row][0..outputs) = weight * x[row] + bias; x: float[rows][inputs], rows of y lie `y_stride` apart.
    void (*linear)(const Linear& map, const float* x, std::size_t rows, float* y,
                   std::size_t y_stride);
    // x = x * (1 + erf(x / sqrt 2)) / 2, |error of erf| < 2e-7; size a multiple of 16.
    void (*gelu)(std::span<float> x);
    // x[row] = normalised(x[row] + more[row]) * gain + shift, rows of kHidden; `more` may be null.
    void (*add_and_normalise)(float* x, const float* more, const Norm& norm, std::size_t rows);
    // Attention of every token to every token. qkv: float[tokens][3 * kHidden], out: float[tokens][kHidden],
    // scratch: attention_scratch_floats(tokens).
    void (*attention)(const float* qkv, std::size_t tokens, float* out, float* scratch);
};

// Every set of this build, slowest first, whatever the processor.
std::span<const Kernels* const> all_kernels();
// The first of them that this processor can run; the first of all is the plain one that runs everywhere.
std::span<const Kernels* const> available_kernels();
// The last of available_kernels(), or the last of this precision; float32 is always there.
const Kernels& best_kernels();
const Kernels& best_float32_kernels();

}  // namespace resonant::embed
