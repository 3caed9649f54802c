// An Encoder is the network all-MiniLM-L6-v2: six BERT layers of 384 floats a token, in float32, over
// weights that stay in their mapped file.
//
// Any thread, side by side; an Encoder is read-only. Each call takes about 13 KiB a token for itself.
//
// Idea and architecture: Devlin et al., BERT (2018); Wang et al., MiniLM (2020). The arithmetic is in
// encoder_kernels.h.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/memory/embedder.h"
#include "resonant/memory/encoder_kernels.h"
#include "resonant/memory/tokenizer.h"
#include "resonant/memory/weights.h"

namespace resonant::memory {

inline constexpr std::size_t kWindowTokens = 256;  // what the model was trained to read at once

class Encoder {
  public:
    // Finds all arrays in `weights`, which must outlive the encoder. DataLoss when one is missing or
    // of another shape.
    static Result<Encoder> create(const Weights& weights, const Kernels& kernels);

    // Adds the last layer's output of every token to `sum`. tokens: 1 to kWindowTokens ids of the
    // vocabulary, [CLS] first and [SEP] last. About 8 ms for 16 tokens on an AVX2 core.
    void add_outputs(std::span<const TokenId> tokens, Vector& sum) const;

  private:
    struct Layer {
        std::array<Linear, 3> query_key_value;
        Linear attended;
        Norm attended_norm;
        Linear inner;
        Linear outer;
        Norm outer_norm;
    };
    class Loader;

    Encoder() = default;

    const Kernels* kernels_ = nullptr;
    const float* words_ = nullptr;
    const float* positions_ = nullptr;
    const float* first_type_ = nullptr;
    Norm embedded_norm_;
    std::array<Layer, 6> layers_;
};

}  // namespace resonant::memory
