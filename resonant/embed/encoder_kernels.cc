#include "resonant/embed/encoder_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "resonant/embed/encoder_bfloat16.h"
#include "resonant/embed/encoder_float16.h"

namespace resonant::embed {
namespace {

// Found by measuring on AVX2 with 32 KiB and 512 KiB of cache: inputs a tile takes at once, rows that pass
// by in one go, outputs whose weights wait for them (96 KiB).
constexpr std::size_t kDepth = 384;
constexpr std::size_t kBlock = 24;
constexpr std::size_t kChunk = 64;

// Where a tile of dot products lies: its first output, and the first of kDepth inputs.
struct Tile {
    std::size_t output;
    std::size_t input;
};

namespace plain {
#define RESONANT_LANES 4
#define RESONANT_TARGET
#include "resonant/embed/encoder_kernels.inc"
constexpr Kernels kKernels{"plain", Precision::Float32, nullptr, linear, gelu, add_and_normalise, attention};
}  // namespace plain

#ifdef __x86_64__
namespace avx2 {
#define RESONANT_LANES 8
#define RESONANT_TARGET __attribute__((target("avx2,fma")))
#include "resonant/embed/encoder_kernels.inc"
constexpr Kernels kKernels{"avx2", Precision::Float32, nullptr, linear, gelu, add_and_normalise, attention};
}  // namespace avx2

namespace avx512 {
#define RESONANT_LANES 16
#define RESONANT_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma")))
#include "resonant/embed/encoder_kernels.inc"
constexpr Kernels kKernels{"avx512", Precision::Float32, nullptr, linear, gelu, add_and_normalise, attention};
constexpr Kernels kBfloat16Kernels{"avx512_bf16", Precision::BFloat16, bfloat16::pack,
                                   bfloat16::linear, gelu, add_and_normalise, attention};
constexpr Kernels kFloat16Kernels{"avx512_fp16",   Precision::Float16, float16::pack,
                                  float16::linear, gelu, add_and_normalise, attention};
}  // namespace avx512
#endif

}  // namespace

std::span<const Kernels* const> all_kernels() {
#ifdef __x86_64__
    static constexpr std::array<const Kernels*, 5> kAll{
        &plain::kKernels, &avx2::kKernels, &avx512::kKernels, &avx512::kBfloat16Kernels,
        &avx512::kFloat16Kernels};
#else
    static constexpr std::array<const Kernels*, 1> kAll{&plain::kKernels};
#endif
    return kAll;
}

std::span<const Kernels* const> available_kernels() {
#ifdef __x86_64__
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                            __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    const bool has_bfloat16 = has_avx512 && bfloat16::is_available();
    const std::size_t count = has_bfloat16 && float16::is_available() ? 5
                              : has_bfloat16                          ? 4
                              : has_avx512                           ? 3
                              : has_avx2                             ? 2
                                                                     : 1;
    return all_kernels().first(count);
#else
    return all_kernels();
#endif
}

const Kernels& best_kernels() { return *available_kernels().back(); }

const Kernels& best_float32_kernels() {
    const auto all = available_kernels();
    return **std::find_if(all.rbegin(), all.rend(), [](const Kernels* each) {
        return each->precision == Precision::Float32;
    });
}

std::string_view name_of(Precision precision) {
    return precision == Precision::BFloat16  ? "bf16"
           : precision == Precision::Float16 ? "f16"
                                             : "f32";
}

}  // namespace resonant::embed
