#include "resonant/memory/encoder_kernels.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace resonant::memory {
namespace {

// Measured on AVX2 with 512 KiB of second-level and 32 KiB of first-level cache: 96 KiB and 24 KiB.
constexpr std::size_t kChunkFloats = 24 * 1024;
constexpr std::size_t kBlockFloats = 6 * 1024;

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
