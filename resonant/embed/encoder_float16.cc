#include "resonant/embed/encoder_float16.h"

#include <algorithm>
#include <array>

#include "resonant/base/ensure.h"

#ifdef __x86_64__
#include <immintrin.h>

#define RESONANT_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512fp16,fma")))

namespace resonant::embed::float16 {
namespace {

constexpr std::size_t kRows = 8;    // of a tile: 24 of the 32 registers are sums
constexpr std::size_t kBlock = 48;  // rows that wait in half precision while the panels pass by

// Each value twice in 32 bits: those are broadcast by the load, 16 bits take a shuffle.
using Twice = std::uint32_t;

// One piece of the product: kSumInputs inputs of some rows times those of one panel.
struct Piece {
    const Twice* x;              // [row][x_stride]
    std::size_t x_stride;
    const std::uint16_t* panel;  // [kSumInputs][kPanel], the next piece behind it
    const float* before;         // what the sums are added to: y itself, or the bias
    std::size_t before_stride;   // 0 for the bias
    float* y;
    std::size_t y_stride;
};

// All lanes: the forms without a mask read a register that nobody has set, and g++ 12 says so.
constexpr __mmask16 kAll = 0xFFFF;

RESONANT_TARGET inline void add_wide(__m512h sum, const float* before, float* to) {
    const __m512i bits = _mm512_castph_si512(sum);
    for (std::size_t half = 0; half < 2; ++half) {
        const __m256i part = half == 0 ? _mm512_maskz_extracti64x4_epi64(0xFF, bits, 0)
                                       : _mm512_maskz_extracti64x4_epi64(0xFF, bits, 1);
        const __m512 wide = _mm512_maskz_cvtxph_ps(kAll, _mm256_castsi256_ph(part));
        _mm512_storeu_ps(to + half * 16, _mm512_add_ps(wide, _mm512_loadu_ps(before + half * 16)));
    }
}

// With Ahead, the panel's next piece is asked for meanwhile.
template <std::size_t Rows, bool Ahead>
RESONANT_TARGET void tile(const Piece& piece, std::size_t row) {
    __m512h sum[Rows][3];
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
        sum[r][0] = sum[r][1] = sum[r][2] = _mm512_setzero_ph();
    }
    const Twice* x = piece.x + row * piece.x_stride;
    const std::uint16_t* panel = piece.panel;
    for (std::size_t i = 0; i < kSumInputs; ++i, panel += kPanel) {
        const __m512h a = _mm512_loadu_ph(panel);
        const __m512h b = _mm512_loadu_ph(panel + 32);
        const __m512h c = _mm512_loadu_ph(panel + 64);
        if constexpr (Ahead) {
            const std::uint16_t* next = panel + kSumInputs * kPanel;
            _mm_prefetch(next, _MM_HINT_T0);
            _mm_prefetch(next + 32, _MM_HINT_T0);
            _mm_prefetch(next + 64, _MM_HINT_T0);
        }
#pragma GCC unroll 8
        for (std::size_t r = 0; r < Rows; ++r) {
            const auto both = static_cast<int>(x[r * piece.x_stride + i]);
            const __m512h value = _mm512_castsi512_ph(_mm512_set1_epi32(both));
            sum[r][0] = _mm512_fmadd_ph(value, a, sum[r][0]);
            sum[r][1] = _mm512_fmadd_ph(value, b, sum[r][1]);
            sum[r][2] = _mm512_fmadd_ph(value, c, sum[r][2]);
        }
    }
#pragma GCC unroll 8
    for (std::size_t r = 0; r < Rows; ++r) {
        const float* before = piece.before + (row + r) * piece.before_stride;
        float* to = piece.y + (row + r) * piece.y_stride;
        add_wide(sum[r][0], before, to);
        add_wide(sum[r][1], before + 32, to + 32);
        add_wide(sum[r][2], before + 64, to + 64);
    }
}

template <bool Ahead>
void tile_of(std::size_t rows, const Piece& piece, std::size_t row) {
    switch (rows) {
        case 1: return tile<1, Ahead>(piece, row);
        case 2: return tile<2, Ahead>(piece, row);
        case 3: return tile<3, Ahead>(piece, row);
        case 4: return tile<4, Ahead>(piece, row);
        case 5: return tile<5, Ahead>(piece, row);
        case 6: return tile<6, Ahead>(piece, row);
        case 7: return tile<7, Ahead>(piece, row);
        default: return tile<kRows, Ahead>(piece, row);
    }
}

// Tiles of nearly equal height: a tile of one row cannot keep the multipliers busy.
void pass(const Piece& piece, std::size_t rows) {
    std::size_t row = 0;
    for (std::size_t left = (rows + kRows - 1) / kRows; left > 0; --left) {
        const std::size_t height = (rows - row + left - 1) / left;
        row == 0 ? tile_of<true>(height, piece, row) : tile_of<false>(height, piece, row);
        row += height;
    }
}

RESONANT_TARGET void to_half_twice(const float* from, std::size_t count, Twice* to) {
    for (std::size_t i = 0; i < count; i += 16) {
        const __m256i half = _mm512_maskz_cvtps_ph(kAll, _mm512_loadu_ps(from + i),
                                                   _MM_FROUND_TO_NEAREST_INT);
        const __m512i wide = _mm512_maskz_cvtepu16_epi32(kAll, half);
        const __m512i again = _mm512_maskz_slli_epi32(kAll, wide, 16);
        _mm512_storeu_si512(to + i, _mm512_or_si512(wide, again));
    }
}

}  // namespace

bool is_available() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512fp16");
}

void pack(const Linear& map, std::uint16_t* packed) {
    RESONANT_ENSURE(map.outputs % kPanel == 0 && map.inputs % kSumInputs == 0 && map.inputs <= kInner,
                    "a packed map has whole panels");
    std::array<Twice, kInner> row;
    for (std::size_t output = 0; output < map.outputs; ++output) {
        to_half_twice(map.weight + output * map.inputs, map.inputs, row.data());
        std::uint16_t* panel = packed + output / kPanel * kPanel * map.inputs + output % kPanel;
        for (std::size_t i = 0; i < map.inputs; ++i) {
            panel[i * kPanel] = static_cast<std::uint16_t>(row[i]);
        }
    }
}

void linear(const Linear& map, const float* x, std::size_t rows, float* y, std::size_t y_stride) {
    RESONANT_ENSURE(map.packed != nullptr && map.inputs <= kInner, "the map must be packed");
    std::array<Twice, kBlock * kInner> halves;
    for (std::size_t first = 0; first < rows; first += kBlock) {
        const std::size_t count = std::min(kBlock, rows - first);
        to_half_twice(x + first * map.inputs, count * map.inputs, halves.data());
        for (std::size_t output = 0; output < map.outputs; output += kPanel) {
            float* to = y + first * y_stride + output;
            for (std::size_t input = 0; input < map.inputs; input += kSumInputs) {
                pass({.x = halves.data() + input,
                      .x_stride = map.inputs,
                      .panel = map.packed + output * map.inputs + input * kPanel,
                      .before = input == 0 ? map.bias + output : to,
                      .before_stride = input == 0 ? 0 : y_stride,
                      .y = to,
                      .y_stride = y_stride},
                     count);
            }
        }
    }
}

}  // namespace resonant::embed::float16

#else

namespace resonant::embed::float16 {

bool is_available() { return false; }
void pack(const Linear&, std::uint16_t*) { RESONANT_ENSURE(false, "no half precision here"); }
void linear(const Linear&, const float*, std::size_t, float*, std::size_t) {
    RESONANT_ENSURE(false, "no half precision here");
}

}  // namespace resonant::embed::float16

#endif
