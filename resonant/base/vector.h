// A Vector is the meaning of a text: kDimensions floats of unit length, so that the dot product of two is their cosine.
// (all-MiniLM-L6-v2 has 384; another model must have as many.)
//
// A plain value.
#pragma once

#include <array>
#include <cstddef>

namespace resonant {

inline constexpr std::size_t kDimensions = 384;
using Vector = std::array<float, kDimensions>;

}  // namespace resonant
