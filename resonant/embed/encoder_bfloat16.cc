#include "resonant/embed/encoder_bfloat16.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "resonant/base/ensure.h"

#ifdef __x86_64__
#include <immintrin.h>

#define RESONANT_TARGET \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512bf16,fma")))

namespace resonant::embed::bfloat16 {
namespace {

constexpr std::size_t kPanel = 32;  // outputs side by side: two registers of float32 sums
constexpr std::size_t kBlock = 48;  // rows that wait in bfloat16 while the panels pass by: 144 KiB

// 12 rows take 24 of the 32 registers as sums.
template <std::size_t Rows>
RESONANT_TARGET inline void tile(const std::uint16_t* x, std::size_t inputs,
                                 const std::uint16_t* panel, const float* bias, float* y,
                                 std::size_t y_stride) {
    __m512 sum[Rows][2];
    for (std::size_t r = 0; r < Rows; ++r) {
        sum[r][0] = _mm512_loadu_ps(bias);
        sum[r][1] = _mm512_loadu_ps(bias + 16);
    }
    for (std::size_t i = 0; i < inputs; i += 2) {
        const auto low = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + i * kPanel));
        const auto high = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + i * kPanel + kPanel));
        _mm_prefetch(panel + (i + 16) * kPanel, _MM_HINT_T0);
        _mm_prefetch(panel + (i + 17) * kPanel, _MM_HINT_T0);
#pragma GCC unroll 12
        for (std::size_t r = 0; r < Rows; ++r) {
            std::int32_t pair;
            std::memcpy(&pair, x + r * inputs + i, sizeof pair);
            const auto value = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], value, low);
            sum[r][1] = _mm512_dpbf16_ps(sum[r][1], value, high);
        }
    }
    for (std::size_t r = 0; r < Rows; ++r) {
        _mm512_storeu_ps(y + r * y_stride, sum[r][0]);
        _mm512_storeu_ps(y + r * y_stride + 16, sum[r][1]);
    }
}

RESONANT_TARGET void round_to_bfloat16(const float* from, std::size_t count, std::uint16_t* to) {
    for (std::size_t i = 0; i < count; i += 16) {
        const __m256bh rounded = _mm512_cvtneps_pbh(_mm512_loadu_ps(from + i));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), reinterpret_cast<__m256i>(rounded));
    }
}

// Where a block of rows goes through one panel.
struct Place {
    const std::uint16_t* x;
    std::size_t inputs;
    const std::uint16_t* panel;
    const float* bias;
    float* y;
    std::size_t y_stride;

    template <std::size_t Rows>
    std::size_t take(std::size_t row) const {
        tile<Rows>(x + row * inputs, inputs, panel, bias, y + row * y_stride, y_stride);
        return row + Rows;
    }
};

void pass(const Place& place, std::size_t rows) {
    std::size_t row = 0;
    while (rows - row >= 12 && rows - row != 16) {  // 16 are better two times 8 than 12 and 4
        row = place.take<12>(row);
    }
    while (rows - row >= 8) {
        row = place.take<8>(row);
    }
    while (rows - row >= 4) {
        row = place.take<4>(row);
    }
    while (rows - row >= 2) {
        row = place.take<2>(row);
    }
    if (row < rows) {
        place.take<1>(row);
    }
}

}  // namespace

bool is_available() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bf16");
}

void pack(const Linear& map, std::uint16_t* packed) {
    RESONANT_ENSURE(map.outputs % kPanel == 0 && map.inputs % kPanel == 0 && map.inputs <= kInner,
                    "a packed map has whole panels");
    std::array<std::uint16_t, kInner> row;
    for (std::size_t output = 0; output < map.outputs; ++output) {
        round_to_bfloat16(map.weight + output * map.inputs, map.inputs, row.data());
        std::uint16_t* panel = packed + output / kPanel * kPanel * map.inputs;
        for (std::size_t i = 0; i < map.inputs; i += 2) {
            std::memcpy(panel + i * kPanel + output % kPanel * 2, row.data() + i, 4);
        }
    }
}

void linear(const Linear& map, const float* x, std::size_t rows, float* y, std::size_t y_stride) {
    RESONANT_ENSURE(map.packed != nullptr && map.inputs <= kInner, "the map must be packed");
    std::array<std::uint16_t, kBlock * kInner> rounded;
    for (std::size_t first = 0; first < rows; first += kBlock) {
        const std::size_t count = std::min(kBlock, rows - first);
        round_to_bfloat16(x + first * map.inputs, count * map.inputs, rounded.data());
        for (std::size_t output = 0; output < map.outputs; output += kPanel) {
            pass({rounded.data(), map.inputs, map.packed + output * map.inputs, map.bias + output,
                  y + first * y_stride + output, y_stride},
                 count);
        }
    }
}

}  // namespace resonant::embed::bfloat16

#else

namespace resonant::embed::bfloat16 {

bool is_available() { return false; }
void pack(const Linear&, std::uint16_t*) { RESONANT_ENSURE(false, "no bfloat16 here"); }
void linear(const Linear&, const float*, std::size_t, float*, std::size_t) {
    RESONANT_ENSURE(false, "no bfloat16 here");
}

}  // namespace resonant::embed::bfloat16

#endif
