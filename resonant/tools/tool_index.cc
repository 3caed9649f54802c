#include "resonant/tools/tool_index.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "resonant/tools/clauses.h"

namespace resonant::tools {
namespace {

constexpr double kSaturation = 1.2;  // BM25's k1
constexpr double kUnbuilt = 0.6;     // what a tool that cannot be called counts for
constexpr std::size_t kTextMax = 600, kSentenceMax = 300, kNamesMax = 200;  // bytes of what is embedded
// Set on 15 public sets at once (docs/design/006-finding-tools.md); flat around these values.
constexpr double kShareWeight = 0.4, kRelativeWeight = 0.2, kBm25Weight = 0.1;
constexpr double kWhole = 1 + kShareWeight + kRelativeWeight + kBm25Weight;
constexpr double kTokenWeight = 1;
constexpr std::size_t kCompared = 50;  // best tools that are compared word by word
constexpr std::size_t kOwnTexts = 2;    // of texts_of(); those behind them tell uses
constexpr std::size_t kReasonsMax = 4;  // words that an explanation names
constexpr double kMeaningMin = 0.1;  // cosine below which a tool is not alike: what any two texts have

// What a field's words count, how far a long field is held against them (BM25's b), and what a word in
// it covers of the query.
struct Field {
    double weight, length_share, reach;
};
constexpr Field kFields[] = {{2, 0.5, 1}, {1, 0.75, 0.8}, {0.3, 0.75, 0.5}, {1, 0.5, 1}};
enum : std::size_t { kName, kDescription, kParameters, kServer, kFieldCount };

// Side by side in lanes, so that the compiler takes vector registers.
double dot(const Vector& a, const Vector& b) {
    constexpr std::size_t kLanes = 16;
    static_assert(kDimensions % kLanes == 0);
    std::array<float, kLanes> sums{};
    for (std::size_t i = 0; i < kDimensions; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            sums[lane] += a[i + lane] * b[i + lane];
        }
    }
    return static_cast<double>(std::accumulate(sums.begin(), sums.end(), 0.0F));
}

std::string joined(const std::vector<std::string>& texts) {
    std::string all;
    for (const std::string& text : texts) {
        all += ' ' + text;
    }
    return all;
}

double rarity_of(double all, double in) { return std::log(1 + (all - in + 0.5) / (in + 0.5)); }

// Names of its parameters, as words: "city start date". At most about `bytes`.
std::string parameter_names(const Json& schema, std::size_t bytes) {
    std::string names;
    const Json fields = schema.is_object() ? schema.value("properties", Json()) : Json();
    if (!fields.is_object()) {
        return names;
    }
    for (const auto& [name, field] : fields.items()) {
        if (names.size() + name.size() > bytes) {
            break;
        }
        names += (names.empty() ? "" : " ") + spaced(name);
    }
    return names;
}

}  // namespace

std::vector<std::string> ToolIndex::texts_of(const ToolDocument& document) {
    const std::string name = spaced(own_name(document)) + ": ";
    std::string brief = (document.server.empty() ? "" : document.server + ' ') + name +
                        first_sentence(document.description, kSentenceMax);
    if (const std::string parameters = parameter_names(document.input_schema, kNamesMax);
        !parameters.empty()) {
        brief += " (" + parameters + ')';
    }
    std::vector<std::string> texts = {std::move(brief),
                                      name + document.description.substr(0, kTextMax)};
    if (!document.uses.empty()) {
        texts.push_back(document.uses);
    }
    texts.insert(texts.end(), document.kind_uses.begin(), document.kind_uses.end());
    return texts;
}

std::vector<std::string> ToolIndex::token_texts_of(const ToolDocument& document) {
    std::vector<std::string> texts = {texts_of(document).front()};
    if (!document.uses.empty()) {
        texts.push_back(document.uses);
    }
    return texts;
}

std::vector<std::string> ToolIndex::texts_of(std::string_view query) {
    std::vector<std::string> texts = clauses_of(query);
    texts.insert(texts.begin(), std::string(query));
    return texts;
}

ToolIndex::ToolIndex(Documents documents, const Vectors& vectors, const TokenTexts& tokens)
    : documents_(std::move(documents)), tokens_(documents_.size()) {
    add_words();
    std::vector<const TokenText*> all;
    for (std::size_t i = 0; i < documents_.size(); ++i) {
        bool any = false;
        const std::vector<std::string> texts = texts_of(*documents_[i]);
        for (std::size_t text = 0; text < texts.size(); ++text) {
            if (const auto vector = vectors.find(texts[text]); vector != vectors.end()) {
                texts_.push_back({static_cast<std::uint32_t>(i), text >= kOwnTexts, vector->second});
                any = true;
            }
        }
        embedded_ += any ? 1 : 0;
        for (const std::string& text : token_texts_of(*documents_[i])) {
            const auto known = tokens.find(text);
            if (known == tokens.end()) {
                tokens_[i].clear();
                break;
            }
            tokens_[i].push_back(known->second);
        }
        tokened_ += tokens_[i].empty() ? 0 : 1;
        for (const auto& text : tokens_[i]) {
            all.push_back(text.get());
        }
    }
    match_.emplace(all);
}

void ToolIndex::add_words() {
    std::vector<std::array<std::map<std::string, double>, kFieldCount>> counts(documents_.size());
    std::vector<std::array<double, kFieldCount>> lengths(documents_.size());
    std::array<double, kFieldCount> means{};
    for (std::size_t i = 0; i < documents_.size(); ++i) {
        const ToolDocument& document = *documents_[i];
        const std::array<std::string, kFieldCount> texts = {
            std::string(own_name(document)) + ' ' + document.title,
            document.description + ' ' + document.uses + joined(document.kind_uses),
            parameter_words(document.input_schema), document.server};
        for (std::size_t field = 0; field < kFieldCount; ++field) {
            for (std::string& term : terms_of(texts[field])) {
                counts[i][field][std::move(term)] += 1;
                lengths[i][field] += 1;
            }
            means[field] += lengths[i][field];
        }
    }
    const double count = std::max<double>(1, static_cast<double>(documents_.size()));
    for (std::size_t i = 0; i < documents_.size(); ++i) {
        std::map<std::string, std::pair<double, double>> found;  // weight and reach by term
        for (std::size_t field = 0; field < kFieldCount; ++field) {
            const double mean = std::max(1.0, means[field] / count);
            const double length =
                1 - kFields[field].length_share + kFields[field].length_share * lengths[i][field] / mean;
            for (const auto& [term, times] : counts[i][field]) {
                auto& [weight, reach] = found[term];
                weight += kFields[field].weight * times / length;
                reach = std::max(reach, kFields[field].reach);
            }
        }
        for (const auto& [term, what] : found) {
            terms_[term].postings.push_back({static_cast<std::uint32_t>(i),
                                             static_cast<float>(what.first),
                                             static_cast<float>(what.second)});
        }
    }
    for (auto& [word, term] : terms_) {
        term.rarity = rarity_of(count, static_cast<double>(term.postings.size()));
    }
}

std::vector<ToolIndex::Words> ToolIndex::words(const std::vector<Term>& query) const {
    std::vector<Words> scores(documents_.size());
    double whole = 0, bm25_most = 0, share_most = 0;
    std::set<std::string_view> seen;
    for (const Term& word : query) {
        const auto term = terms_.find(word.stem);
        const bool fresh = seen.insert(word.stem).second;
        whole += !fresh ? 0
                 : term == terms_.end()
                     ? rarity_of(static_cast<double>(documents_.size()), 0)
                     : term->second.rarity;
        if (term == terms_.end()) {
            continue;
        }
        for (const Posting& posting : term->second.postings) {
            const auto weight = static_cast<double>(posting.weight);
            Words& its = scores[posting.document];
            its.bm25 += term->second.rarity * weight * (kSaturation + 1) / (weight + kSaturation);
            its.share += fresh ? term->second.rarity * static_cast<double>(posting.reach) : 0;
            bm25_most = std::max(bm25_most, its.bm25);
            share_most = std::max(share_most, its.share);
        }
    }
    for (Words& its : scores) {
        its.bm25 /= bm25_most > 0 ? bm25_most : 1;
        its.relative = its.share / (share_most > 0 ? share_most : 1);
        its.share /= whole > 0 ? whole : 1;
    }
    return scores;
}

std::vector<double> ToolIndex::cosines(const std::vector<Vector>& meaning) const {
    std::vector<double> sums(documents_.size()), uses(documents_.size(), -1);
    std::vector<int> texts(documents_.size());
    for (const Text& text : texts_) {
        const double whole = dot(meaning.front(), text.vector);
        double best = whole;
        for (std::size_t clause = 1; clause < meaning.size(); ++clause) {
            best = std::max(best, dot(meaning[clause], text.vector));
        }
        if (text.is_use) {
            uses[text.document] = std::max(uses[text.document], (whole + best) / 2);
        } else {
            sums[text.document] += (whole + best) / 2;
            ++texts[text.document];
        }
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
        sums[i] = std::max(uses[i], texts[i] > 0 ? sums[i] / texts[i] : -1);
    }
    return sums;
}

void ToolIndex::compare_words(const TokenMatch::Query& query, std::vector<RankedTool>& ranked) const {
    const std::span<RankedTool> best(ranked.data(), std::min(kCompared, ranked.size()));
    if (query.empty() || best.empty() ||
        std::ranges::any_of(best, [&](const RankedTool& tool) { return tokens_[tool.document].empty(); })) {
        return;
    }
    for (RankedTool& tool : best) {
        double alike = 0;
        for (const auto& text : tokens_[tool.document]) {
            alike = std::max(alike, match_->score(query, *text));
        }
        const double factor = documents_[tool.document]->available ? 1 : kUnbuilt;
        tool.score = (kWhole * tool.score + kTokenWeight * factor * alike) / (kWhole + kTokenWeight);
    }
    std::ranges::stable_sort(best, std::greater(), &RankedTool::score);
    for (RankedTool& tool : std::span(ranked).subspan(best.size())) {
        tool.score = std::min(tool.score, best.back().score);
    }
}

std::string ToolIndex::why(std::size_t document, const std::vector<Term>& query, double cosine) const {
    std::vector<std::pair<double, std::string_view>> shared;  // rarest first
    for (const Term& word : query) {
        const auto term = terms_.find(word.stem);
        const auto known = [&](const auto& other) { return other.second == word.said; };
        if (term != terms_.end() && std::ranges::none_of(shared, known) &&
            std::ranges::binary_search(term->second.postings, document, {}, &Posting::document)) {
            shared.emplace_back(-term->second.rarity, word.said);
        }
    }
    std::ranges::sort(shared);
    shared.resize(std::min(shared.size(), kReasonsMax));
    std::string text;
    for (const auto& [rarity, word] : shared) {
        text += (text.empty() ? "" : ", ") + std::string(word);
    }
    if (cosine > 0) {
        text += fmt::format("{}meaning {:.2f}", text.empty() ? "" : "; ", cosine);
    }
    return text;
}

std::vector<RankedTool> ToolIndex::rank(std::string_view query, const Meaning& meaning,
                                        std::size_t limit) const {
    const std::vector<Term> terms = said_terms(query);
    const std::vector<Words> said = words(terms);
    const bool meant = !meaning.vectors.empty() && embedded_ > 0;
    const std::vector<double> near =
        meant ? cosines(meaning.vectors) : std::vector<double>(said.size(), -1);
    std::vector<RankedTool> ranked;
    for (std::size_t i = 0; i < said.size(); ++i) {
        double score = (said[i].bm25 + said[i].relative) / 2;
        if (meant) {
            // A tool that is not embedded yet is taken for one as near as its words.
            const double cosine = near[i] > -1 ? std::max(near[i], 0.0) : 0.5 * said[i].share;
            score = said[i].share > 0 || near[i] >= kMeaningMin
                        ? (cosine + kShareWeight * said[i].share + kRelativeWeight * said[i].relative +
                           kBm25Weight * said[i].bm25) / kWhole
                        : 0;
        }
        if (score > 0) {
            ranked.push_back({i, score * (documents_[i]->available ? 1 : kUnbuilt), {}});
        }
    }
    std::ranges::stable_sort(ranked, std::greater(), &RankedTool::score);
    compare_words(meaning.tokens, ranked);
    ranked.resize(std::min(ranked.size(), limit));
    for (RankedTool& tool : ranked) {
        tool.why = why(tool.document, terms, near[tool.document]);
    }
    return ranked;
}

}  // namespace resonant::tools
