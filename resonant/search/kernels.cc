#include "resonant/search/kernels.h"

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "resonant/base/ensure.h"

namespace resonant::search {
namespace {

constexpr std::size_t kLanes = 64;
static_assert(kDimensions % kLanes == 0);

float dot_scalar(const float* a, const float* b) {
    std::array<float, kLanes> sums{};
    for (std::size_t i = 0; i < kDimensions; i += kLanes) {
        for (std::size_t j = 0; j < kLanes; ++j) {
            sums[j] = std::fma(a[i + j], b[i + j], sums[j]);
        }
    }
    for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
        for (std::size_t j = 0; j < half; ++j) {
            sums[j] += sums[j + half];
        }
    }
    return sums[0];
}

// The last steps of the sum are the same for both vector kernels: 8, 4, 2, 1.
[[gnu::target("avx2,fma")]] inline float fold(__m256 eight) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

[[gnu::target("avx2,fma")]] float dot_avx2(const float* a, const float* b) {
    __m256 s[8];
    for (__m256& sum : s) {
        sum = _mm256_setzero_ps();
    }
    for (std::size_t i = 0; i < kDimensions; i += kLanes) {
#pragma GCC unroll 8
        for (std::size_t j = 0; j < 8; ++j) {
            s[j] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8 * j), _mm256_loadu_ps(b + i + 8 * j),
                                   s[j]);
        }
    }
    const __m256 q0 = _mm256_add_ps(s[0], s[4]);  // 64 to 32
    const __m256 q1 = _mm256_add_ps(s[1], s[5]);
    const __m256 q2 = _mm256_add_ps(s[2], s[6]);
    const __m256 q3 = _mm256_add_ps(s[3], s[7]);
    return fold(_mm256_add_ps(_mm256_add_ps(q0, q2), _mm256_add_ps(q1, q3)));  // 32 to 16 to 8
}

// The sum of four registers, 64 numbers.
[[gnu::target("avx512f,avx2,fma")]] inline float fold(const __m512* s) {
    const __m512 sixteen = _mm512_add_ps(_mm512_add_ps(s[0], s[2]), _mm512_add_ps(s[1], s[3]));
    // The zero-masked form: g++ 12 warns of an uninitialised value inside the plain ones.
    const __m512d pairs = _mm512_castps_pd(sixteen);
    const __m256 low = _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(0xff, pairs, 0));
    const __m256 high = _mm256_castpd_ps(_mm512_maskz_extractf64x4_pd(0xff, pairs, 1));
    return fold(_mm256_add_ps(low, high));
}

[[gnu::target("avx512f,avx2,fma")]] float dot_avx512(const float* a, const float* b) {
    __m512 s[4];
    for (__m512& sum : s) {
        sum = _mm512_setzero_ps();
    }
    for (std::size_t i = 0; i < kDimensions; i += kLanes) {
#pragma GCC unroll 4
        for (std::size_t j = 0; j < 4; ++j) {
            s[j] = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16 * j), _mm512_loadu_ps(b + i + 16 * j),
                                   s[j]);
        }
    }
    return fold(s);
}

std::vector<Kernel> found_kernels() {
    std::vector<Kernel> found{Kernel::Scalar};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c")) {
        found.push_back(Kernel::Avx2);
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vnni")) {
            found.push_back(Kernel::Avx512);
        }
    }
    return found;
}

bool holds(const std::vector<RowId>* ids, RowId id) {
    return std::binary_search(ids->begin(), ids->end(), id);
}

}  // namespace

std::span<const Kernel> kernels() {
    static const std::vector<Kernel> found = found_kernels();  // a fact about the machine
    return found;
}

Kernel best_kernel() { return kernels().back(); }

std::string_view name_of(Kernel kernel) {
    constexpr std::array<std::string_view, 3> kNames = {"scalar", "avx2", "avx512"};
    return kNames[static_cast<std::size_t>(kernel)];
}

Dot dot_of(Kernel kernel) {
    const auto can = kernels();
    RESONANT_ENSURE(std::find(can.begin(), can.end(), kernel) != can.end(),
                    "this processor does not run the kernel");
    constexpr std::array<Dot, 3> kDots = {&dot_scalar, &dot_avx2, &dot_avx512};
    return kDots[static_cast<std::size_t>(kernel)];
}

void TopK::place(Scored candidate) {
    if (best_.size() == k_) {
        std::pop_heap(best_.begin(), best_.end());
        best_.pop_back();
    }
    best_.push_back(candidate);
    std::push_heap(best_.begin(), best_.end());
}

std::vector<Scored> TopK::take() {
    std::sort_heap(best_.begin(), best_.end());
    return std::move(best_);
}

std::span<const Scored> TopK::sorted() {
    std::sort_heap(best_.begin(), best_.end());
    return best_;
}

void scan(const Scan& how, std::span<const RowId> ids, const float* rows, TopK& best) {
    for (std::size_t row = 0; row < ids.size(); ++row) {
        if ((how.only != nullptr && !holds(how.only, ids[row])) ||
            (how.without != nullptr && holds(how.without, ids[row]))) {
            continue;
        }
        best.offer({how.dot(how.query, rows + row * kDimensions), ids[row]});
    }
}

}  // namespace resonant::search
