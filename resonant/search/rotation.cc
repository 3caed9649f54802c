#include "resonant/search/rotation.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace resonant::search {
namespace {

constexpr std::size_t kPanel = 32;  // directions
constexpr std::size_t kChunk = 24;  // products of one sum
static_assert(kDimensions % kChunk == 0);
constexpr std::size_t kPanelLines = kPanel / 16;

template <std::size_t lanes>
using Floats [[gnu::vector_size(lanes * sizeof(float))]] = float;

// `count` rows with the directions of one panel, in vectors of so many lanes.
template <std::size_t lanes, std::size_t count>
[[gnu::always_inline]] inline void turn_tile(const float* rows, const Rotation::Line* panel, float* out,
                                             std::size_t width) {
    constexpr std::size_t kVectors = kPanel / lanes;
    using Vector = Floats<lanes>;
    Vector totals[count][kVectors] = {};
    for (std::size_t from = 0; from < kDimensions; from += kChunk) {
        Vector sums[count][kVectors] = {};
        for (std::size_t i = from; i < from + kChunk; ++i) {
            Vector numbers[kVectors];
            std::memcpy(&numbers, panel + i * kPanelLines, sizeof numbers);
#pragma GCC unroll 12
            for (std::size_t row = 0; row < count; ++row) {
#pragma GCC unroll 8
                for (std::size_t v = 0; v < kVectors; ++v) {
                    sums[row][v] += numbers[v] * rows[row * kDimensions + i];
                }
            }
        }
#pragma GCC unroll 12
        for (std::size_t row = 0; row < count; ++row) {
#pragma GCC unroll 8
            for (std::size_t v = 0; v < kVectors; ++v) {
                totals[row][v] += sums[row][v];
            }
        }
    }
    for (std::size_t row = 0; row < count; ++row) {
        std::memcpy(out + row * width, &totals[row], sizeof totals[row]);
    }
}

// As many rows together as there are registers for.
#define RESONANT_TURN(name, attribute, lanes, count)                                                            \
    attribute void turn_##name(const float* rows, const Rotation::Line* panel, float* out, std::size_t width) { \
        for (std::size_t row = 0; row < Rotation::kRows; row += (count)) {                                      \
            turn_tile<lanes, count>(rows + row * kDimensions, panel, out + row * width, width);                 \
        }                                                                                                       \
    }
RESONANT_TURN(scalar, , 4, 1)
RESONANT_TURN(avx2, [[gnu::target("avx2,fma")]], 8, 3)
RESONANT_TURN(avx512, [[gnu::target("avx512f,avx512vl,fma")]], 16, 12)
#undef RESONANT_TURN

}  // namespace

Rotation::Rotation(std::span<const float> directions, Kernel kernel) {
    constexpr std::array<TurnPanel, 3> kTurns = {&turn_scalar, &turn_avx2, &turn_avx512};
    turn_panel_ = kTurns[static_cast<std::size_t>(kernel)];
    const std::size_t count = directions.size() / kDimensions;
    width_ = (count + kPanel - 1) / kPanel * kPanel;
    panels_.resize(width_ / kPanel * kDimensions * kPanelLines);
    for (std::size_t at = 0; at < count; ++at) {
        Line* const panel = &panels_[at / kPanel * kDimensions * kPanelLines];
        for (std::size_t i = 0; i < kDimensions; ++i) {
            panel[i * kPanelLines + at % kPanel / 16].numbers[at % 16] = directions[at * kDimensions + i];
        }
    }
}

void Rotation::turn_first(const float* rows, float* out, std::size_t count) const {
    for (std::size_t panel = 0; panel * kPanel < std::min(count, width_); ++panel) {
        turn_panel_(rows, &panels_[panel * kDimensions * kPanelLines], out + panel * kPanel, width_);
    }
}

}  // namespace resonant::search
