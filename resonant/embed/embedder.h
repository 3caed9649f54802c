// An Embedder turns text into 384 floats of unit length, so that texts of one meaning lie close.
//
// Threads: any; calls run side by side.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/base/vector.h"

namespace resonant::embed {

// How to embed many texts: on how many threads of their own, and how much they step back for others.
struct BatchOptions {
    unsigned threads = 1;
    int niceness = 10;  // as nice(1) counts
};

class Embedder {
  public:
    Embedder() = default;
    Embedder(const Embedder&) = delete;
    Embedder& operator=(const Embedder&) = delete;
    virtual ~Embedder() = default;

    // Text of any length and content, the empty one too; longer than the window is split and pooled.
    virtual Result<Vector> embed(std::string_view text) = 0;
    // The vectors of many texts, in their order, for work in the background. Here: one after another on
    // the caller's thread.
    virtual std::vector<Result<Vector>> embed_many(std::span<const std::string> texts,
                                                   const BatchOptions&) {
        std::vector<Result<Vector>> results;
        for (const std::string& text : texts) {
            results.push_back(embed(text));
        }
        return results;
    }
    // Removes what was kept about `text` to answer faster, for text that must be gone.
    virtual Status forget(std::string_view) { return {}; }
    // Name and precision of the model, kept with the index: "all-MiniLM-L6-v2/f32".
    virtual std::string model() const = 0;
};

}  // namespace resonant::embed
