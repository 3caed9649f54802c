// A TokenMatch compares a query with texts word by word: each word of one is held against the word of the
// other that means most alike where it stands, rare words count more, and both directions count ("late
// interaction"). It tells apart what one vector for a whole text blurs.
//
// Threads: any; constant after construction.
//
// Idea: Khattab and Zaharia, ColBERT (2020).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "resonant/search/kernels.h"
#include "resonant/embed/token_text.h"

namespace resonant::tools {

inline constexpr std::size_t kQueryTokensMax = 126;

using embed::TokenText;
using TokenTexts = std::unordered_map<std::string, std::shared_ptr<const TokenText>>;

class TokenMatch {
  public:
    using Query = std::vector<embed::Token>;

    // `texts`: all that are compared; in how many a token stands decides what it counts.
    explicit TokenMatch(std::span<const TokenText* const> texts);

    // Mean cosine of the best matches, of the query's words in the text and of the text's in the query, up to 1; 0
    // where one is empty. A product of 384 numbers for each pair of tokens, about 15 ns.
    double score(const Query& query, const TokenText& text) const;

  private:
    double rarity(embed::TokenId token) const;

    std::unordered_map<embed::TokenId, double> rarities_;
    double rarest_ = 0;
    search::Dot dot_ = search::dot_of(search::best_kernel());
};

}  // namespace resonant::tools
