#include "resonant/embed/encoder.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/base/ensure.h"

namespace resonant::embed {
namespace {

constexpr std::size_t kVocabulary = 30522;
constexpr std::size_t kPositions = 512;
static_assert(kHidden == kDimensions);
static_assert(kWindowTokens <= kPositions);

}  // namespace

// Takes arrays by name and keeps the first error.
class Encoder::Loader {
  public:
    explicit Loader(const Weights& weights) : weights_(weights) {}

    const float* array(const std::string& name, std::initializer_list<std::size_t> shape) {
        const auto found = weights_.array(name, std::span(shape.begin(), shape.size()));
        if (!found) {
            if (status_) {
                status_ = std::unexpected<Error>(found.error());
            }
            return nullptr;
        }
        return found->data();
    }
    Linear linear(const std::string& name, std::size_t outputs, std::size_t inputs) {
        return {array(name + ".weight", {outputs, inputs}), array(name + ".bias", {outputs}), outputs,
                inputs};
    }
    Norm norm(const std::string& name) {
        return {array(name + ".weight", {kHidden}), array(name + ".bias", {kHidden})};
    }
    const Status& status() const { return status_; }

  private:
    const Weights& weights_;
    Status status_;
};

Result<Encoder> Encoder::create(const Weights& weights, const Kernels& kernels) {
    Encoder made;
    Loader from(weights);
    made.kernels_ = &kernels;
    made.words_ = from.array("embeddings.word_embeddings.weight", {kVocabulary, kHidden});
    made.positions_ = from.array("embeddings.position_embeddings.weight", {kPositions, kHidden});
    made.first_type_ = from.array("embeddings.token_type_embeddings.weight", {2, kHidden});
    made.embedded_norm_ = from.norm("embeddings.LayerNorm");
    for (std::size_t i = 0; i < made.layers_.size(); ++i) {
        const std::string name = fmt::format("encoder.layer.{}.", i);
        Layer& layer = made.layers_[i];
        layer.query_key_value = {from.linear(name + "attention.self.query", kHidden, kHidden),
                                 from.linear(name + "attention.self.key", kHidden, kHidden),
                                 from.linear(name + "attention.self.value", kHidden, kHidden)};
        layer.attended = from.linear(name + "attention.output.dense", kHidden, kHidden);
        layer.attended_norm = from.norm(name + "attention.output.LayerNorm");
        layer.inner = from.linear(name + "intermediate.dense", kInner, kHidden);
        layer.outer = from.linear(name + "output.dense", kHidden, kInner);
        layer.outer_norm = from.norm(name + "output.LayerNorm");
    }
    RESONANT_CHECK(from.status());
    if (kernels.pack != nullptr) {
        made.packed_.reserve(made.layers_.size() * 6);
        for (Layer& layer : made.layers_) {
            for (Linear& map : layer.query_key_value) {
                made.pack(map);
            }
            made.pack(layer.attended);
            made.pack(layer.inner);
            made.pack(layer.outer);
        }
    }
    return made;
}

void Encoder::pack(Linear& map) {
    std::vector<std::uint16_t>& packed = packed_.emplace_back(map.outputs * map.inputs);
    kernels_->pack(map, packed.data());
    map.packed = packed.data();
}

void Encoder::embed_words(std::span<const Window> windows, float* x) const {
    for (const Window& window : windows) {
        for (std::size_t t = 0; t < window.tokens.size(); ++t, x += kHidden) {
            const auto id = static_cast<std::size_t>(window.tokens[t]);
            RESONANT_ENSURE(window.tokens[t] >= 0 && id < kVocabulary,
                            "a token must be of the vocabulary");
            for (std::size_t i = 0; i < kHidden; ++i) {
                x[i] = words_[id * kHidden + i] + positions_[t * kHidden + i] + first_type_[i];
            }
        }
    }
}

void Encoder::add_outputs(std::span<const Window> windows) const {
    std::size_t count = 0;
    std::size_t longest = 0;
    for (const Window& window : windows) {
        RESONANT_ENSURE(!window.tokens.empty(), "a window has tokens");
        count += window.tokens.size();
        longest = std::max(longest, window.tokens.size());
    }
    RESONANT_ENSURE(count <= kBatchTokens, "windows must fit a batch");
    std::vector<float> x(count * kHidden);
    std::vector<float> qkv(count * 3 * kHidden);
    std::vector<float> attended(count * kHidden);
    std::vector<float> mapped(count * kHidden);
    std::vector<float> inner(count * kInner);
    std::vector<float> scratch(attention_scratch_floats(longest));
    embed_words(windows, x.data());
    kernels_->add_and_normalise(x.data(), nullptr, embedded_norm_, count);
    for (const Layer& layer : layers_) {
        for (std::size_t part = 0; part < 3; ++part) {
            kernels_->linear(layer.query_key_value[part], x.data(), count,
                             qkv.data() + part * kHidden, 3 * kHidden);
        }
        std::size_t first = 0;
        for (const Window& window : windows) {
            kernels_->attention(qkv.data() + first * 3 * kHidden, window.tokens.size(),
                                attended.data() + first * kHidden, scratch.data());
            first += window.tokens.size();
        }
        kernels_->linear(layer.attended, attended.data(), count, mapped.data(), kHidden);
        kernels_->add_and_normalise(x.data(), mapped.data(), layer.attended_norm, count);
        kernels_->linear(layer.inner, x.data(), count, inner.data(), kInner);
        kernels_->gelu(inner);
        kernels_->linear(layer.outer, inner.data(), count, mapped.data(), kHidden);
        kernels_->add_and_normalise(x.data(), mapped.data(), layer.outer_norm, count);
    }
    const float* row = x.data();
    for (const Window& window : windows) {
        for (std::size_t t = 0; t < window.tokens.size(); ++t, row += kHidden) {
            for (std::size_t i = 0; i < kHidden; ++i) {
                (*window.sum)[i] += row[i];
            }
            if (window.each != nullptr) {
                std::copy_n(row, kHidden, window.each[t].begin());
            }
        }
    }
}

}  // namespace resonant::embed
