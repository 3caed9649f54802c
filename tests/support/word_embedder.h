// A WordEmbedder needs no model: texts that share words lie close, and equal texts have equal
// vectors. For tests of what happens around vectors, not of their meaning.
//
// Threads: any.
#pragma once

#include <atomic>
#include <cmath>
#include <functional>

#include "resonant/embed/embedder.h"

namespace resonant::test {

class WordEmbedder final : public embed::Embedder {
  public:
    explicit WordEmbedder(std::string model = "words/f32") : model_(std::move(model)) {}

    Result<Vector> embed(std::string_view text) override {
        ++calls;
        if (is_missing) {
            return fail(Code::Unavailable, "there is no model; run ./dev setup");
        }
        Vector vector{};
        std::size_t word = 1469598103934665603U;
        for (const char letter : std::string(text) + " ") {
            if (std::isalnum(static_cast<unsigned char>(letter)) != 0) {
                word = (word ^ static_cast<unsigned char>(letter)) * 1099511628211U;
                continue;
            }
            vector[word % kDimensions] += 1;
            vector[(word >> 20) % kDimensions] += 1;
            word = 1469598103934665603U;
        }
        float length = 0;
        for (const float value : vector) {
            length += value * value;
        }
        for (float& value : vector) {
            value /= std::sqrt(length);
        }
        return vector;
    }
    Status forget(std::string_view text) override {
        forgotten.emplace_back(text);
        return {};
    }
    std::string model() const override { return model_; }

    std::atomic<bool> is_missing{false};
    std::atomic<int> calls{0};
    std::vector<std::string> forgotten;

  private:
    std::string model_;
};

}  // namespace resonant::test
