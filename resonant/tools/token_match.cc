#include "resonant/tools/token_match.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace resonant::tools {
namespace {

double rarity_of(double all, double in) { return std::log(1 + (all - in + 0.5) / (in + 0.5)); }

}  // namespace

TokenMatch::TokenMatch(std::span<const TokenText* const> texts) {
    std::unordered_map<embed::TokenId, std::size_t> in;
    for (const TokenText* text : texts) {
        std::set<embed::TokenId> seen;
        for (const TokenText::Kept& token : text->tokens) {
            in[token.id] += seen.insert(token.id).second ? 1 : 0;
        }
    }
    const auto all = static_cast<double>(texts.size());
    rarest_ = rarity_of(all, 0);
    for (const auto& [token, count] : in) {
        rarities_[token] = rarity_of(all, static_cast<double>(count));
    }
}

double TokenMatch::rarity(embed::TokenId token) const {
    const auto at = rarities_.find(token);
    return at == rarities_.end() ? rarest_ : at->second;
}

double TokenMatch::score(const Query& query, const TokenText& text) const {
    if (query.empty() || text.tokens.empty()) {
        return 0;
    }
    std::vector<float> best_of_query(query.size(), -1);
    double told = 0, told_of = 0;
    Vector direction;
    for (std::size_t i = 0; i < text.tokens.size(); ++i) {
        const std::int8_t* steps = text.steps.data() + i * kDimensions;
        std::transform(steps, steps + kDimensions, direction.begin(),
                       [scale = text.tokens[i].scale](std::int8_t step) { return scale * static_cast<float>(step); });
        float best = -1;
        for (std::size_t q = 0; q < query.size(); ++q) {
            const float cosine = dot_(query[q].direction.data(), direction.data());
            best = std::max(best, cosine);
            best_of_query[q] = std::max(best_of_query[q], cosine);
        }
        const double weight = rarity(text.tokens[i].id);
        told += weight * static_cast<double>(best);
        told_of += weight;
    }
    double asked = 0, asked_of = 0;
    for (std::size_t q = 0; q < query.size(); ++q) {
        const double weight = rarity(query[q].id);
        asked += weight * static_cast<double>(best_of_query[q]);
        asked_of += weight;
    }
    return (asked / asked_of + told / told_of) / 2;
}

}  // namespace resonant::tools
