#include "resonant/tools/tool_search.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>

namespace resonant::tools {
namespace {

constexpr double kNameWeight = 3, kParameterWeight = 0.3;
constexpr double kUnbuilt = 0.6;  // what a tool that is not built counts for
constexpr double kSaturation = 1.2, kLengthShare = 0.75;  // BM25's k1 and b
constexpr double kMeaningMin = 0.25;                      // cosine below which a tool is not alike

// Words that say nothing about a goal, as terms_of() leaves them.
constexpr std::string_view kEmpty[] = {"an",   "and",  "for", "from", "how",  "in",  "is",   "it",
                                       "my",   "of",   "on",  "or",   "the",  "to",  "what", "with",
                                       "was",  "want", "do",  "that", "this", "can", "i",    "me",
                                       "need", "be",   "by",  "at",   "are",  "us"};

// Words in lower case, without the endings that only grammar asks for.
std::vector<std::string> terms_of(std::string_view text) {
    std::vector<std::string> terms;
    std::string word;
    const auto flush = [&] {
        for (const std::string_view ending : {"ing", "ies", "es", "ed", "s"}) {
            if (word.size() > ending.size() + 2 && word.ends_with(ending)) {
                word.resize(word.size() - ending.size());
                break;
            }
        }
        if (word.size() > 3 && word.ends_with('e')) {
            word.pop_back();
        }
        if (word.size() > 1 &&
            std::find(std::begin(kEmpty), std::end(kEmpty), word) == std::end(kEmpty)) {
            terms.push_back(word);
        }
        word.clear();
    };
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 ||
            static_cast<unsigned char>(c) >= 0x80) {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!word.empty()) {
            flush();
        }
    }
    if (!word.empty()) {
        flush();
    }
    return terms;
}

// What people say and the catalogue says otherwise.
constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
    {"remember", "store memory"}, {"save", "store memory"}, {"forget", "archive memory"},
    {"undo", "restore"},          {"delete", "archive"},    {"shell", "command program"},
};

std::string with_aliases(std::string_view query) {
    std::string more(query);
    for (const auto& [said, meant] : kAliases) {
        if (query.find(said) != std::string_view::npos) {
            more += ' ';
            more += meant;
        }
    }
    return more;
}

}  // namespace

ToolSearch::ToolSearch(const Toolbox& toolbox)
    : toolbox_(toolbox), entries_(toolbox.tools().size()) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const Tool& tool = toolbox.tools()[i];
        const Family& family = toolbox.families()[tool.contract.family];
        for (const std::string& term : terms_of(tool.contract.name)) {
            entries_[i].weights[term] += kNameWeight;
        }
        for (const std::string& term :
             terms_of(tool.contract.summary + ' ' + std::string(family.key))) {
            entries_[i].weights[term] += 1;
        }
        for (const auto& [name, schema] : tool.contract.input_schema["properties"].items()) {
            std::string words = name;
            for (const Json& choice : schema.value("enum", Json::array())) {
                words += ' ' + choice.get<std::string>();
            }
            for (const std::string& term : terms_of(words)) {
                entries_[i].weights[term] += kParameterWeight;
            }
        }
        for (const auto& [term, weight] : entries_[i].weights) {
            rarity_[term] += 1;
            entries_[i].length += weight;
        }
        length_mean_ += entries_[i].length;
    }
    const double count = static_cast<double>(entries_.size());
    length_mean_ = std::max(1.0, length_mean_ / std::max(1.0, count));
    for (auto& [term, in] : rarity_) {
        in = std::log(1 + (count - in + 0.5) / (in + 0.5));
    }
}

Status ToolSearch::warm(memory::DataSea& sea) {
    const std::lock_guard lock(warming_);
    if (warmed()) {
        return {};
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const call::Contract& contract = toolbox_.tools()[i].contract;
        RESONANT_ASSIGN(entries_[i].vector, sea.embed(contract.name + ": " + contract.summary));
    }
    warmed_.store(true, std::memory_order_release);
    return {};
}

std::vector<double> ToolSearch::word_scores(std::string_view query) const {
    std::vector<double> scores(entries_.size());
    for (const std::string& term : terms_of(with_aliases(query))) {
        const auto rarity = rarity_.find(term);
        if (rarity == rarity_.end()) {
            continue;
        }
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const auto weight = entries_[i].weights.find(term);
            if (weight != entries_[i].weights.end()) {
                const double length =
                    1 - kLengthShare + kLengthShare * entries_[i].length / length_mean_;
                scores[i] += rarity->second * weight->second * (kSaturation + 1) /
                             (weight->second + kSaturation * length);
            }
        }
    }
    const double best = entries_.empty() ? 0 : *std::max_element(scores.begin(), scores.end());
    for (double& score : scores) {
        score = best > 0 ? score / best : 0;
    }
    return scores;
}

std::vector<ToolHit> ToolSearch::rank(std::string_view query, std::size_t limit,
                                      memory::DataSea* sea) const {
    std::vector<double> scores = word_scores(query);
    if (sea != nullptr && warmed()) {
        if (const auto vector = sea->embed(query)) {
            for (std::size_t i = 0; i < entries_.size(); ++i) {
                const double cosine = std::inner_product(vector->begin(), vector->end(),
                                                         entries_[i].vector.begin(), 0.0);
                scores[i] = 0.5 * scores[i] + 0.5 * (cosine >= kMeaningMin ? cosine : 0);
            }
        }
    }
    std::vector<ToolHit> hits;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        if (scores[i] > 0) {
            const Tool& tool = toolbox_.tools()[i];
            hits.push_back({&tool, scores[i] * (tool.contract.available ? 1 : kUnbuilt)});
        }
    }
    // Ties go to the tool that stands first in the catalogue, so that answers do not flicker.
    std::stable_sort(hits.begin(), hits.end(),
                     [](const ToolHit& a, const ToolHit& b) { return a.score > b.score; });
    hits.resize(std::min(hits.size(), limit));
    return hits;
}

}  // namespace resonant::tools
