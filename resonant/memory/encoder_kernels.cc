#include "resonant/memory/encoder_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace resonant::memory {
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
#include "resonant/memory/encoder_kernels.inc"
constexpr Kernels kKernels{"plain", linear, gelu, add_and_normalise, attention};
}  // namespace plain

#ifdef __x86_64__
namespace avx2 {
#define RESONANT_LANES 8
#define RESONANT_TARGET __attribute__((target("avx2,fma")))
#include "resonant/memory/encoder_kernels.inc"
constexpr Kernels kKernels{"avx2", linear, gelu, add_and_normalise, attention};
}  // namespace avx2

namespace avx512 {
#define RESONANT_LANES 16
#define RESONANT_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,fma")))
#include "resonant/memory/encoder_kernels.inc"
constexpr Kernels kKernels{"avx512", linear, gelu, add_and_normalise, attention};
}  // namespace avx512
#endif

}  // namespace

std::span<const Kernels* const> available_kernels() {
#ifdef __x86_64__
    static constexpr std::array<const Kernels*, 3> kAll{&plain::kKernels, &avx2::kKernels,
                                                        &avx512::kKernels};
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") &&
                            __builtin_cpu_supports("avx512dq") &&
                            __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    return std::span(kAll).first(has_avx512 ? 3 : has_avx2 ? 2 : 1);
#else
    static constexpr std::array<const Kernels*, 1> kAll{&plain::kKernels};
    return kAll;
#endif
}

const Kernels& best_kernels() { return *available_kernels().back(); }

}  // namespace resonant::memory
