// Finding tools, judged by requests with known tools: bench_routing [--json] [--misses] [TOOLS.json]. Run from the top
// of the repository. Tools: ours, and those that published servers list (scripts/list_servers.py); requests:
// bench/routing/requests.txt. Three ways over the same tools: plain BM25 over name and description, embeddings of name
// and description alone, and ours. The half `tuned` may be looked at while the ranking is changed, `held_out` may not.
//
//     rows: {half, kind, way, requests, hit_1, hit_5, hit_1_name, hit_5_name, tokens}; a hit is a right tool among the
//     first 1 or 5, by server and name or by name alone; tokens: of an answer with five tools, schemas in full for the
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
#include "resonant/memory/minilm_embedder.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_search.h"

namespace resonant::bench {
namespace {

namespace fs = std::filesystem;
using tools::ToolDocument;
using tools::ToolIndex;

constexpr std::size_t kDepth = 5;

[[noreturn]] void stop(const std::string& words) {
    std::fprintf(stderr, "bench routing: %s\n", words.c_str());
    std::exit(1);
}

template <typename T>
T must(Result<T> result) {
    if (!result) {
        stop(result.error().message);
    }
    return std::move(*result);
}

struct Request {
    std::string half, kind, text;
    std::vector<std::string> answers;  // "server/tool"
};

std::string key_of(const ToolDocument& tool) {
    return (tool.server.empty() ? "own" : tool.server) + '/' + tool.name;
}
std::string name_in(const std::string& key) { return key.substr(key.find('/') + 1); }

ToolIndex::Documents read_tools(const fs::path& listed) {
    ToolIndex::Documents documents;
    tools::Services none;
    tools::Toolbox toolbox;
    tools::add_all(toolbox, none);
    tools::ToolSearch search(toolbox);
    for (const tools::ToolHit& hit : search.all()) {
        ToolDocument ours = *hit.document;
        ours.available = true;  // all of ours are judged, built or not
        documents.push_back(std::make_shared<ToolDocument>(std::move(ours)));
    }
    std::ifstream file(listed);
    if (!file) {
        stop(listed.string() + " is missing; run ./dev bench routing, which starts the servers");
    }
    const Json all = Json::parse(file);
    for (const Json& tool : all["tools"]) {
        documents.push_back(std::make_shared<ToolDocument>(tools::document_of(tool)));
    }
    return documents;
}

std::vector<Request> read_requests(const fs::path& path, const ToolIndex::Documents& documents) {
    std::vector<std::string> known;
    for (const auto& document : documents) {
        known.push_back(key_of(*document));
    }
    std::ifstream file(path);
    std::vector<Request> requests;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        const std::size_t mark = line.find(" | ");
        Request request{number++ % 2 == 0 ? "tuned" : "held_out", "others", line.substr(mark + 3), {}};
        std::istringstream names(line.substr(0, mark));
        for (std::string name; names >> name;) {
            if (std::ranges::find(known, name) != known.end()) {
                request.answers.push_back(name);
            }
        }
        if (request.answers.empty()) {
            continue;  // its server is absent; the count of requests shows it
        }
        request.kind = request.answers.front().starts_with("own/") ? "own" : "others";
        requests.push_back(std::move(request));
    }
    return requests;
}

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
    Measurement(memory::Embedder& embedder, ToolIndex::Documents documents, std::vector<Request> requests)
        : embedder_(embedder), documents_(std::move(documents)), requests_(std::move(requests)),
          bm25_(documents_), index_(documents_, embedded()) {}

    void ask_all(bool show_misses) {
        for (const Request& request : requests_) {
            const memory::Vector meaning = must(embedder_.embed(request.text));
            std::vector<double> near;
            for (const memory::Vector& vector : plain_) {
                near.push_back(static_cast<double>(
                    std::inner_product(meaning.begin(), meaning.end(), vector.begin(), 0.0F)));
            }
            std::vector<std::size_t> ours;
            for (const tools::RankedTool& ranked : index_.rank(request.text, &meaning, kDepth)) {
                ours.push_back(ranked.document);
            }
            count(request, "bm25", best(bm25_.scores(request.text)));
            count(request, "embeddings", best(near));
            count(request, "ours", ours);
            if (show_misses && request.half == "tuned" && !hits(request, ours, kDepth, false)) {
                std::fprintf(stderr, "missed: %s: %s\n", request.text.c_str(), request.answers[0].c_str());
                for (const std::size_t at : ours) {
                    std::fprintf(stderr, "    %s\n", key_of(*documents_[at]).c_str());
                }
            }
        }
    }
    double search_us() {
        const memory::Vector meaning = must(embedder_.embed("a query"));
        return nanoseconds([&] {
                   for (const Request& request : requests_) {
                       index_.rank(request.text, &meaning, kDepth);
                   }
               }) / static_cast<double>(requests_.size()) / 1e3;
    }
    void print(Json& rows) const {
        for (const auto& [key, figures] : figures_) {
            const auto& [half, kind, way] = key;
            const auto share = [&](double sum) { return std::round(1000 * sum / figures.requests) / 1000; };
            rows.push_back({{"half", half}, {"kind", kind}, {"way", way}, {"requests", figures.requests},
                            {"hit_1", share(figures.first)}, {"hit_5", share(figures.fifth)},
                            {"hit_1_name", share(figures.first_name)},
                            {"hit_5_name", share(figures.fifth_name)},
                            {"tokens", std::round(figures.tokens / figures.requests)}});
        }
    }

  private:
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
    bool hits(const Request& request, const std::vector<std::size_t>& found, std::size_t depth,
              bool by_name) const {
        for (std::size_t i = 0; i < std::min(depth, found.size()); ++i) {
            const std::string key = key_of(*documents_[found[i]]);
            for (const std::string& answer : request.answers) {
                if (answer == key || (by_name && name_in(answer) == name_in(key))) {
                    return true;
                }
            }
        }
        return false;
    }
    void count(const Request& request, const std::string& way, const std::vector<std::size_t>& found) {
        std::size_t bytes = 0;
        for (const std::size_t at : found) {
            const ToolDocument& tool = *documents_[at];
            bytes += way == "ours" ? tools::suggestion_of(tool, 1).dump().size() + 1
                                   : tool.name.size() + tool.description.size() + tool.input_schema.dump().size();
        }
        for (const std::string& kind : {request.kind, std::string("all")}) {
            Figures& figures = figures_[{request.half, kind, way}];
            ++figures.requests;
            figures.first += hits(request, found, 1, false) ? 1 : 0;
            figures.fifth += hits(request, found, kDepth, false) ? 1 : 0;
            figures.first_name += hits(request, found, 1, true) ? 1 : 0;
            figures.fifth_name += hits(request, found, kDepth, true) ? 1 : 0;
            figures.tokens += static_cast<double>(bytes) / 4;
        }
    }

    memory::Embedder& embedder_;
    const ToolIndex::Documents documents_;
    const std::vector<Request> requests_;
    const PlainBm25 bm25_;
    std::vector<memory::Vector> plain_;
    const ToolIndex index_;
    std::map<std::tuple<std::string, std::string, std::string>, Figures> figures_;
};

int run(const fs::path& listed, bool show_misses) {
    const ToolIndex::Documents documents = read_tools(listed);
    const std::vector<Request> requests = read_requests("bench/routing/requests.txt", documents);
    const auto model = must(memory::MiniLmEmbedder::open(
        {.model_folder = memory::find_model_folder(), .cache_folder = memory::default_cache_folder()}));
    Measurement measurement(*model, documents, requests);
    Json document{{"subject", "routing"}, {"machine", machine()}, {"tools", documents.size()},
                  {"requests", requests.size()}, {"rows", Json::array()}};
    measurement.ask_all(show_misses);
    measurement.print(document["rows"]);
    std::vector<double> taken;
    for (int i = 0; i < 5; ++i) {
        taken.push_back(measurement.search_us());
    }
    document["rows"].push_back({{"name", "search_us"}, {"unit", "us"}, {"better", "lower"},
                                {"min", *std::ranges::min_element(taken)}, {"p50", median(taken)}});
    std::puts(document.dump(1).c_str());
    return 0;
}

}  // namespace
}  // namespace resonant::bench

int main(int count, char** arguments) {
    std::filesystem::path listed = "build/servers/tools.json";
    bool show_misses = false;
    for (int i = 1; i < count; ++i) {
        if (std::strcmp(arguments[i], "--misses") == 0) {
            show_misses = true;
        } else if (std::strcmp(arguments[i], "--json") != 0) {
            listed = arguments[i];
        }
    }
    return resonant::bench::run(listed, show_misses);
}
