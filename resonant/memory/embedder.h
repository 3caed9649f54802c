// An Embedder turns text into 384 floats of unit length, so that texts of one meaning lie close.
//
// Threads: any; calls run side by side.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::memory {

inline constexpr std::size_t kDimensions = 384;
using Vector = std::array<float, kDimensions>;

class Embedder {
  public:
    Embedder() = default;
    Embedder(const Embedder&) = delete;
    Embedder& operator=(const Embedder&) = delete;
    virtual ~Embedder() = default;

    // Text of any length and content, the empty one too; longer than the window is split and pooled.
    virtual Result<Vector> embed(std::string_view text) = 0;
    // Name and precision of the model, kept with the index: "all-MiniLM-L6-v2/f32".
    virtual std::string model() const = 0;
};

}  // namespace resonant::memory
