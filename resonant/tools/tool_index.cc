#include "resonant/tools/tool_index.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "resonant/tools/terms.h"

namespace resonant::tools {
namespace {

constexpr double kSaturation = 1.2;  // BM25's k1
constexpr double kUnbuilt = 0.6;     // what a tool that cannot be called counts for
constexpr std::size_t kTextMax = 1'000;

// What a field's words count, and how far a long field is held against them (BM25's b).
struct Field {
    double weight;
    double length_share;
};
constexpr Field kFields[] = {{3, 0.5}, {1, 0.75}, {0.3, 0.75}, {1, 0.5}};
enum : std::size_t { kName, kDescription, kParameters, kServer, kFieldCount };

}  // namespace

std::vector<std::string> ToolIndex::texts_of(const ToolDocument& document) {
    return {spaced(own_name(document)) + ": " + document.description.substr(0, kTextMax)};
}

ToolIndex::ToolIndex(Documents documents, const Vectors& vectors) : documents_(std::move(documents)) {
    add_words();
    for (std::size_t i = 0; i < documents_.size(); ++i) {
        bool any = false;
        for (const std::string& text : texts_of(*documents_[i])) {
            if (const auto vector = vectors.find(text); vector != vectors.end()) {
                vectors_.push_back(vector->second);
                vector_of_.push_back(static_cast<std::uint32_t>(i));
                any = true;
            }
        }
        embedded_ += any ? 1 : 0;
    }
}

void ToolIndex::add_words() {
    std::vector<std::array<std::map<std::string, double>, kFieldCount>> counts(documents_.size());
    std::vector<std::array<double, kFieldCount>> lengths(documents_.size());
    std::array<double, kFieldCount> means{};
    for (std::size_t i = 0; i < documents_.size(); ++i) {
        const ToolDocument& document = *documents_[i];
        const std::array<std::string, kFieldCount> texts = {
            std::string(own_name(document)) + ' ' + document.title, document.description,
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
        std::map<std::string, double> weights;
        for (std::size_t field = 0; field < kFieldCount; ++field) {
            const double mean = std::max(1.0, means[field] / count);
            const double length =
                1 - kFields[field].length_share + kFields[field].length_share * lengths[i][field] / mean;
            for (const auto& [term, times] : counts[i][field]) {
                weights[term] += kFields[field].weight * times / length;
            }
        }
        for (const auto& [term, weight] : weights) {
            terms_[term].postings.push_back({static_cast<std::uint32_t>(i), static_cast<float>(weight)});
        }
    }
    for (auto& [word, term] : terms_) {
        const auto in = static_cast<double>(term.postings.size());
        term.rarity = std::log(1 + (count - in + 0.5) / (in + 0.5));
    }
}

std::vector<double> ToolIndex::words(std::string_view query) const {
    std::vector<double> scores(documents_.size());
    for (const std::string& word : terms_of(query)) {
        const auto term = terms_.find(word);
        if (term == terms_.end()) {
            continue;
        }
        for (const Posting& posting : term->second.postings) {
            scores[posting.document] += term->second.rarity * static_cast<double>(posting.weight) *
                                        (kSaturation + 1) /
                                        (static_cast<double>(posting.weight) + kSaturation);
        }
    }
    return scores;
}

std::vector<double> ToolIndex::cosines(const memory::Vector& query) const {
    std::vector<double> best(documents_.size(), -1);
    for (std::size_t i = 0; i < vectors_.size(); ++i) {
        const double cosine = static_cast<double>(
            std::inner_product(query.begin(), query.end(), vectors_[i].begin(), 0.0F));
        best[vector_of_[i]] = std::max(best[vector_of_[i]], cosine);
    }
    return best;
}

std::vector<RankedTool> ToolIndex::rank(std::string_view query, const memory::Vector* meaning,
                                        std::size_t limit) const {
    constexpr double kMeaningMin = 0.25;  // cosine below which a tool is not alike
    std::vector<double> scores = words(query);
    const double best = scores.empty() ? 0 : *std::max_element(scores.begin(), scores.end());
    for (double& score : scores) {
        score = best > 0 ? score / best : 0;
    }
    if (meaning != nullptr && embedded_ > 0) {
        const std::vector<double> near = cosines(*meaning);
        for (std::size_t i = 0; i < scores.size(); ++i) {
            if (near[i] > -1) {
                scores[i] = 0.5 * scores[i] + 0.5 * (near[i] >= kMeaningMin ? near[i] : 0);
            }
        }
    }
    std::vector<RankedTool> ranked;
    for (std::size_t i = 0; i < scores.size(); ++i) {
        if (scores[i] > 0) {
            ranked.push_back({i, scores[i] * (documents_[i]->available ? 1 : kUnbuilt)});
        }
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const RankedTool& a, const RankedTool& b) { return a.score > b.score; });
    ranked.resize(std::min(ranked.size(), limit));
    return ranked;
}

}  // namespace resonant::tools
