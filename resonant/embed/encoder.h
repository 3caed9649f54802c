// An Encoder is the network all-MiniLM-L6-v2: six BERT layers of 384 floats a token, over weights that stay
// in their mapped file (float32) or are packed into 21 MB of their own (bfloat16, half precision), as its kernels ask.
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
#include "resonant/embed/embedder.h"
#include "resonant/embed/encoder_kernels.h"
#include "resonant/embed/tokenizer.h"
#include "resonant/embed/weights.h"

namespace resonant::embed {

inline constexpr std::size_t kWindowTokens = 256;  // what the model was trained to read at once
inline constexpr std::size_t kBatchTokens = kWindowTokens;  // of the windows that go through at once

class Encoder {
  public:
    // Finds all arrays in `weights`, which must outlive the encoder. DataLoss when one is missing or
    // of another shape.
    static Result<Encoder> create(const Weights& weights, const Kernels& kernels);

    // One text's window, or a part of a longer text: 1 to kWindowTokens ids of the vocabulary, [CLS] first
    // and [SEP] last; the last layer's output of every token is added to `sum`, and kept by itself where `each` is
    // given (as many as tokens).
    struct Window {
        std::span<const TokenId> tokens;
        Vector* sum;
        Vector* each = nullptr;
    };
    // Reads windows of any lengths laid end to end, without padding. Together they hold at most
    // kBatchTokens. For 16 tokens about 1.5 ms in half precision, 2 ms in bfloat16, 4 ms in float32 on an AVX-512 core.
    void add_outputs(std::span<const Window> windows) const;

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
    void pack(Linear& map);
    void embed_words(std::span<const Window> windows, float* x) const;

    const Kernels* kernels_ = nullptr;
    const float* words_ = nullptr;
    const float* positions_ = nullptr;
    const float* first_type_ = nullptr;
    Norm embedded_norm_;
    std::array<Layer, 6> layers_;
    std::vector<std::vector<std::uint16_t>> packed_;  // what the maps' `packed` point into
};

}  // namespace resonant::embed
