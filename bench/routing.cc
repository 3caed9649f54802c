// Finding tools, judged by requests with known tools. Run from the top of the repository:
//
//     bench_routing [--json] [--misses] [LISTED.json]          our own set (see bench/routing_set.h)
//     bench_routing [--json] [--misses] TOOLS REQUESTS.jsonl   anybody's
//     bench_routing [--json] [--misses] FOLDER                 every FOLDER/*/{tools.json,requests.jsonl}
//
// Four ways over the same tools: plain BM25 over name and description, embeddings of name and description, both in
// equal parts, and ours. Of our own set the half `tuned` may be looked at while the ranking is changed, `held_out`
// may not.
//
//     rows: {set, half, kind, way, requests, hit_1, hit_5, hit_1_name, hit_5_name, tokens}; a hit is a right tool among
//     the first 1 or 5, the very tool or one of its name; tokens: of an answer with five tools, schemas in full for the
//     plain ways, as capability.suggest answers for ours (four bytes make one)
//     search_us  us  one search of ours, without the query's embedding
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <tuple>

#include "bench/report.h"
#include "bench/routing_set.h"
#include "resonant/embed/minilm_embedder.h"

namespace resonant::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDepth = 5;

// BM25 as a textbook has it: one field, no stemming, k1 1.2, b 0.75.
class PlainBm25 {
  public:
    explicit PlainBm25(const ToolIndex::Documents& documents) : counts_(documents.size()) {
        for (std::size_t i = 0; i < documents.size(); ++i) {
            for (const std::string& word : words(documents[i]->name + ' ' + documents[i]->description)) {
                in_[word] += counts_[i].by_word[word]++ == 0 ? 1 : 0;
                ++counts_[i].length;
            }
            mean_ += counts_[i].length / static_cast<double>(documents.size());
        }
    }
    std::vector<double> scores(const std::string& query) const {
        std::vector<double> scores(counts_.size());
        const auto size = static_cast<double>(counts_.size());
        for (const std::string& word : words(query)) {
            const auto in = in_.find(word);
            for (std::size_t i = 0; in != in_.end() && i < counts_.size(); ++i) {
                const auto at = counts_[i].by_word.find(word);
                if (at != counts_[i].by_word.end()) {
                    const double rarity = std::log(1 + (size - in->second + 0.5) / (in->second + 0.5));
                    scores[i] += rarity * at->second * 2.2 /
                                 (at->second + 1.2 * (0.25 + 0.75 * counts_[i].length / mean_));
                }
            }
        }
        return scores;
    }

  private:
    struct Counts {
        std::map<std::string, double> by_word;
        double length = 0;
    };
    static std::vector<std::string> words(const std::string& text) {
        std::vector<std::string> found(1);
        for (const char c : text) {
            if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
                found.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            } else if (!found.back().empty()) {
                found.emplace_back();
            }
        }
        if (found.back().empty()) {
            found.pop_back();
        }
        return found;
    }
    std::vector<Counts> counts_;
    std::map<std::string, double> in_;
    double mean_ = 0;
};

std::vector<std::size_t> best(const std::vector<double>& scores) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    order.resize(std::min(kDepth, order.size()));
    return order;
}

struct Figures {
    double first = 0, fifth = 0, first_name = 0, fifth_name = 0, tokens = 0;
    int requests = 0;
};

class Measurement {
  public:
    Measurement(embed::MiniLmEmbedder& embedder, RoutingSet set)
        : embedder_(embedder), name_(std::move(set.name)), documents_(std::move(set.documents)),
          requests_(std::move(set.requests)), bm25_(documents_), index_(documents_, embedded(), token_texts()) {}

    void ask_all(bool show_misses) {
        for (const Request& request : requests_) {
            const tools::Meaning meaning = meaning_of(request.text);
            std::vector<double> near;
            for (const Vector& vector : plain_) {
                near.push_back(static_cast<double>(std::inner_product(
                    meaning.vectors.front().begin(), meaning.vectors.front().end(), vector.begin(), 0.0F)));
            }
            const std::vector<double> said = bm25_.scores(request.text);
            std::vector<double> equal;
            const double nearest = std::max(1e-9, *std::ranges::max_element(near));
            const double most = std::max(1e-9, *std::ranges::max_element(said));
            for (std::size_t i = 0; i < near.size(); ++i) {
                equal.push_back(near[i] / nearest + said[i] / most);
            }
            std::vector<std::size_t> ours;
            for (const tools::RankedTool& ranked : index_.rank(request.text, meaning, kDepth)) {
                ours.push_back(ranked.document);
                why_[ranked.document] = ranked.why;
            }
            count(request, "bm25", best(said));
            count(request, "embeddings", best(near));
            count(request, "equal", best(equal));
            count(request, "ours", ours);
            if (show_misses && request.half != "held_out" && !hits(request, ours, kDepth, false)) {
                std::fprintf(stderr, "missed: %s: %s\n", request.text.c_str(),
                             key_of(*documents_[*request.answers.begin()]).c_str());
                for (const std::size_t at : ours) {
                    std::fprintf(stderr, "    %s\n", key_of(*documents_[at]).c_str());
                }
            }
        }
    }
    double search_us() {
        std::vector<tools::Meaning> meanings;
        for (const Request& request : requests_) {
            meanings.push_back(meaning_of(request.text));
        }
        return nanoseconds([&] {
                   for (std::size_t i = 0; i < requests_.size(); ++i) {
                       index_.rank(requests_[i].text, meanings[i], kDepth);
                   }
               }) / static_cast<double>(requests_.size()) / 1e3;
    }
    void print(Json& rows) const {
        for (const auto& [key, figures] : figures_) {
            const auto& [half, kind, way] = key;
            const auto share = [&](double sum) { return std::round(1000 * sum / figures.requests) / 1000; };
            rows.push_back({{"set", name_}, {"half", half}, {"kind", kind}, {"way", way}, {"requests", figures.requests},
                            {"hit_1", share(figures.first)}, {"hit_5", share(figures.fifth)},
                            {"hit_1_name", share(figures.first_name)},
                            {"hit_5_name", share(figures.fifth_name)},
                            {"tokens", std::round(figures.tokens / figures.requests)}});
        }
    }

  private:
    tools::Meaning meaning_of(const std::string& text) {
        tools::Meaning meaning;
        for (const std::string& part : ToolIndex::texts_of(std::string_view(text))) {
            meaning.vectors.push_back(must(embedder_.embed(part)));
        }
        meaning.tokens = must(embedder_.embed_tokens(text, tools::kQueryTokensMax));
        return meaning;
    }
    ToolIndex::Vectors embedded() {
        std::vector<std::string> texts;
        for (const auto& document : documents_) {
            for (std::string& text : ToolIndex::texts_of(*document)) {
                texts.push_back(std::move(text));
            }
        }
        ToolIndex::Vectors vectors;
        const auto made = embedder_.embed_many(texts, {.threads = 2});
        for (std::size_t i = 0; i < texts.size(); ++i) {
            vectors[texts[i]] = must(made[i]);
        }
        for (const auto& document : documents_) {
            plain_.push_back(must(embedder_.embed(document->name + ": " + document->description)));
        }
        return vectors;
    }
    tools::TokenTexts token_texts() {
        tools::TokenTexts texts;
        for (const auto& document : documents_) {
            for (const std::string& text : ToolIndex::token_texts_of(*document)) {
                texts[text] = must(embedder_.embed_text(text));
            }
        }
        return texts;
    }
    bool hits(const Request& request, const std::vector<std::size_t>& found, std::size_t depth,
              bool by_name) const {
        for (std::size_t i = 0; i < std::min(depth, found.size()); ++i) {
            if (request.answers.contains(found[i]) ||
                (by_name && std::ranges::any_of(request.answers, [&](std::size_t answer) {
                     return documents_[answer]->name == documents_[found[i]]->name;
                 }))) {
                return true;
            }
        }
        return false;
    }
    void count(const Request& request, const std::string& way, const std::vector<std::size_t>& found) {
        std::size_t bytes = 0;
        for (const std::size_t at : found) {
            const ToolDocument& tool = *documents_[at];
            bytes += way == "ours" ? tools::suggestion_of(tool, 1, why_.at(at)).dump().size() + 1
                                   : tool.name.size() + tool.description.size() + tool.input_schema.dump().size();
        }
        for (const std::string& kind : std::set<std::string>{request.kind, "all"}) {
            Figures& figures = figures_[{request.half, kind, way}];
            ++figures.requests;
            figures.first += hits(request, found, 1, false) ? 1 : 0;
            figures.fifth += hits(request, found, kDepth, false) ? 1 : 0;
            figures.first_name += hits(request, found, 1, true) ? 1 : 0;
            figures.fifth_name += hits(request, found, kDepth, true) ? 1 : 0;
            figures.tokens += static_cast<double>(bytes) / 4;
        }
    }

    embed::MiniLmEmbedder& embedder_;
    const std::string name_;
    const ToolIndex::Documents documents_;
    const std::vector<Request> requests_;
    const PlainBm25 bm25_;
    std::vector<Vector> plain_;
    const ToolIndex index_;
    std::map<std::size_t, std::string> why_;
    std::map<std::tuple<std::string, std::string, std::string>, Figures> figures_;
};

int run(std::vector<RoutingSet> sets, bool show_misses) {
    const auto model = must(embed::MiniLmEmbedder::open(
        {.model_folder = embed::find_model_folder(), .cache_folder = embed::default_cache_folder()}));
    Json document{{"subject", "routing"}, {"machine", machine()}, {"sets", Json::array()}, {"rows", Json::array()}};
    if (sets.size() == 1) {
        document["tools"] = sets[0].documents.size();
        document["requests"] = sets[0].requests.size();
    }
    for (RoutingSet& set : sets) {
        document["sets"].push_back({{"set", set.name}, {"tools", set.documents.size()},
                                    {"requests", set.requests.size()}});
        Measurement measurement(*model, std::move(set));
        measurement.ask_all(show_misses);
        measurement.print(document["rows"]);
        std::vector<double> taken;
        for (int i = 0; i < 5; ++i) {
            taken.push_back(measurement.search_us());
        }
        document["rows"].push_back({{"set", document["sets"].back()["set"]}, {"name", "search_us"}, {"unit", "us"},
                                    {"better", "lower"}, {"min", *std::ranges::min_element(taken)},
                                    {"p50", median(taken)}});
    }
    std::puts(document.dump(1).c_str());
    return 0;
}

}  // namespace
}  // namespace resonant::bench

int main(int count, char** arguments) {
    using namespace resonant::bench;
    std::vector<std::filesystem::path> paths;
    bool show_misses = false;
    for (int i = 1; i < count; ++i) {
        if (std::strcmp(arguments[i], "--misses") == 0) {
            show_misses = true;
        } else if (std::strcmp(arguments[i], "--json") != 0) {
            paths.emplace_back(arguments[i]);
        }
    }
    std::vector<RoutingSet> sets;
    if (paths.size() == 1 && std::filesystem::is_directory(paths[0])) {
        sets = sets_below(paths[0]);
    } else if (paths.size() == 2) {
        sets.push_back(given_set("given", paths[0], paths[1]));
    } else {
        sets.push_back(own_set(paths.empty() ? "build/servers/tools.json" : paths[0]));
    }
    return run(std::move(sets), show_misses);
}
