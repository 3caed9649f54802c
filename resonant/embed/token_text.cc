#include "resonant/embed/token_text.h"

#include <algorithm>
#include <cmath>

namespace resonant::embed {
namespace {

constexpr float kSteps = 127;

}  // namespace

TokenText::TokenText(std::span<const Token> from) {
    for (const Token& token : from.first(std::min(from.size(), kTextTokensMax))) {
        float most = 0;
        for (const float value : token.direction) {
            most = std::max(most, std::abs(value));
        }
        const float scale = most > 0 ? most / kSteps : 1;
        tokens.push_back({token.id, scale});
        for (const float value : token.direction) {
            steps.push_back(static_cast<std::int8_t>(std::lround(value / scale)));
        }
    }
}

std::optional<TokenText> TokenText::unpacked(const Packed& packed) {
    if (packed.count > kTextTokensMax) {
        return std::nullopt;
    }
    TokenText text{std::span<const Token>()};
    for (std::size_t i = 0; i < packed.count; ++i) {
        if (!std::isfinite(packed.scales[i])) {
            return std::nullopt;
        }
        text.tokens.push_back({packed.ids[i], packed.scales[i]});
    }
    text.steps.assign(packed.steps.begin(),
                      packed.steps.begin() + static_cast<std::ptrdiff_t>(packed.count * kDimensions));
    return text;
}

TokenText::Packed TokenText::packed() const {
    Packed packed;
    packed.count = static_cast<std::uint32_t>(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        packed.ids[i] = tokens[i].id;
        packed.scales[i] = tokens[i].scale;
    }
    std::ranges::copy(steps, packed.steps.begin());
    return packed;
}

}  // namespace resonant::embed
