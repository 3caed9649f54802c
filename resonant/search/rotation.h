// A Rotation turns vectors along the directions of a code book, some at once: a matrix product whose tiles stay in
// registers.
//
// Belongs to one thread.
//
// Invariants:
//   (1) Kernels may differ in the last bits. Each number is a sum of 16 sums of 24 products: as short as a dot product's,
//       so that it is off by no more than the bounds of codes allow for.
//
// After: the inner kernels of GotoBLAS (a panel of one matrix, packed; a tile of outer products).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "resonant/search/kernels.h"

namespace resonant::search {

class Rotation {
  public:
    static constexpr std::size_t kRows = 12;  // that are turned at once

    // `directions`: float[n * 384]. Cost: a copy of them.
    Rotation(std::span<const float> directions, Kernel kernel);

    // `rows`: float[kRows * 384]; direction i of row r is at `out[r * width() + i]`, float[kRows * width()].
    void turn(const float* rows, float* out) const { turn_first(rows, out, width_); }
    // The same for the first `count` directions, and some more.
    void turn_first(const float* rows, float* out, std::size_t count) const;
    std::size_t width() const { return width_; }  // the directions, and some zeros

    struct alignas(64) Line {
        float numbers[16];
    };

  private:
    using TurnPanel = void (*)(const float* rows, const Line* panel, float* out, std::size_t width);

    std::size_t width_ = 0;
    std::vector<Line> panels_;  // of kPanel directions each: their first numbers, their second ones, ...
    TurnPanel turn_panel_;
};

}  // namespace resonant::search
