// Finding, judged by questions with known answers: bench_recall [--json] [--misses] [--no-pages] [PASSAGES.jsonl]
// or bench_recall --conversations FILE.jsonl [--as session|dated|plain|tagged]. Run from the top of the repository. Corpora: 5,000 passages of manual pages (scripts/passages.py), the documents of this
// repository, and made-up dialogues of many sessions, terse ones ("talk") and chatty ones ("long"), each corpus in a
// galaxy of its own, each dialogue turn a memory. The ways compared go through the DataSea: words alone (search), vectors
// alone (nearest), both with equal weights, and ours (recall). The half `tuned` may be looked at while the ranking is
// changed; the half `held_out` may not (every other conversation, every other question about pages and documents).
//
//     rows: {half, kind, way, questions, recall_1, recall_5, recall_10, mrr}; recall = share of a question's answers found
// With --conversations only those of the file are remembered (its form: bench/recall_corpus.h), each in a galaxy of its
// own; --as says how a driver might store them. Their half is `given`.
//
//     way meaning_f32  vectors alone, of the float32 encoder (dialogues and documents): what a faster precision may cost
//     recall_5000  ms  one recall over 5,000 passages, without the query's embedding
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <unordered_map>

#include "bench/recall_corpus.h"
#include "bench/report.h"
#include "resonant/base/random.h"
#include "resonant/memory/data_sea.h"
#include "resonant/embed/minilm_embedder.h"

namespace resonant::bench {
namespace {

using memory::DataSea;
using memory::MemoryId;

constexpr std::size_t kDepth = 10;
constexpr std::size_t kPool = 50;  // of each list that equal weights see

// Remembers vectors for the run, so that a recall is timed without its query's embedding.
class KeepingEmbedder final : public embed::Embedder {
  public:
    explicit KeepingEmbedder(embed::Embedder& inner) : inner_(inner) {}
    Result<Vector> embed(std::string_view text) override {
        const auto [at, is_new] = kept_.try_emplace(std::string(text));
        if (is_new) {
            at->second = must(inner_.embed(text));
        }
        return at->second;
    }
    std::vector<Result<Vector>> embed_many(std::span<const std::string> texts,
                                                   const embed::BatchOptions& options) override {
        return inner_.embed_many(texts, options);
    }
    std::string model() const override { return inner_.model(); }

  private:
    embed::Embedder& inner_;
    std::unordered_map<std::string, Vector> kept_;
};

struct Figures {
    double first = 0, fifth = 0, tenth = 0, reciprocal = 0;
    int questions = 0;

    // `places`: of the best hit for each answer; kDepth when there is none.
    void count(const std::vector<std::size_t>& places) {
        const auto share = [&](std::size_t depth) {
            const auto hit = std::ranges::count_if(places, [&](std::size_t place) { return place < depth; });
            return static_cast<double>(hit) / static_cast<double>(places.size());
        };
        ++questions;
        first += share(1);
        fifth += share(5);
        tenth += share(10);
        const std::size_t best = *std::ranges::min_element(places);
        reciprocal += best < kDepth ? 1.0 / static_cast<double>(best + 1) : 0;
    }
};

std::vector<MemoryId> ids_of(const memory::Page& page) {
    std::vector<MemoryId> found;
    for (const memory::Hit& hit : page.hits) {
        found.push_back(hit.memory.id);
    }
    found.resize(std::min(found.size(), kDepth));
    return found;
}

// What a plain hybrid does: both lists scaled to their best, half and half.
std::vector<MemoryId> equal_weights(const memory::Page& words, const memory::Page& meaning) {
    std::map<MemoryId, double> sum;
    for (const memory::Page* page : {&words, &meaning}) {
        const double best = page->hits.empty() ? 1 : page->hits.front().score;
        for (const memory::Hit& hit : page->hits) {
            sum[hit.memory.id] += 0.5 * hit.score / best;
        }
    }
    std::vector<std::pair<double, MemoryId>> order;
    for (const auto& [id, score] : sum) {
        order.emplace_back(score, id);
    }
    std::ranges::stable_sort(order, [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<MemoryId> found;
    for (std::size_t i = 0; i < std::min(kDepth, order.size()); ++i) {
        found.push_back(order[i].second);
    }
    return found;
}

class Measurement {
  public:
    // `ids`: of the corpus's memories, in its order.
    Measurement(DataSea& sea, const Corpus& corpus, std::vector<MemoryId> ids)
        : sea_(sea), corpus_(corpus), ids_(std::move(ids)) {
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            named_[corpus.names[i]].insert(ids_[i]);
        }
    }

    void ask_all(bool show_misses) {
        for (const Question& question : corpus_.questions) {
            memory::Filter filter;
            filter.galaxy = question.galaxy;
            const auto words = must(sea_.search(question.text, filter, kPool, "", "bench"));
            const auto meaning = must(sea_.nearest(must(sea_.embed(question.text)), filter, kPool, -1, "bench"));
            const auto ours = must(sea_.recall(question.text, filter, kDepth, "bench"));
            count(question, "words", ids_of(words));
            count(question, "meaning", ids_of(meaning));
            count(question, "equal", equal_weights(words, meaning));
            count(question, "ours", ids_of(ours));
            if (show_misses && question.half != "held_out") {
                show(question, ours);
            }
        }
    }
    double recall_ms() {
        int asked = 0;
        const double taken = nanoseconds([&] {
            for (const Question& question : corpus_.questions) {
                if (question.galaxy == "page") {
                    memory::Filter filter;
                    filter.galaxy = question.galaxy;
                    must(sea_.recall(question.text, filter, kDepth, "bench"));
                    ++asked;
                }
            }
        });
        return taken / asked / 1e6;
    }
    // Vectors alone by another encoder, over everything but the pages.
    void ask_meaning(embed::Embedder& embedder, const char* way) {
        std::vector<std::string> texts;
        std::vector<std::size_t> memories;
        for (std::size_t i = 0; i < corpus_.memories.size(); ++i) {
            const memory::Memory& each = corpus_.memories[i];
            if (each.galaxy != "page") {
                memories.push_back(i);
                texts.push_back(each.title.empty() ? each.content : each.title + "\n" + each.content);
            }
        }
        const embed::BatchOptions batch{.threads = std::thread::hardware_concurrency(), .niceness = 0};
        const auto vectors = embedder.embed_many(texts, batch);
        for (const Question& question : corpus_.questions) {
            if (question.galaxy == "page") {
                continue;
            }
            const Vector query = must(embedder.embed(question.text));
            std::vector<std::pair<float, std::size_t>> order;
            for (std::size_t i = 0; i < memories.size(); ++i) {
                if (corpus_.memories[memories[i]].galaxy == question.galaxy) {
                    const Vector vector = must(vectors[i]);
                    order.emplace_back(-std::inner_product(query.begin(), query.end(), vector.begin(), 0.0F), i);
                }
            }
            std::ranges::sort(order);
            std::vector<MemoryId> found;
            for (std::size_t i = 0; i < std::min(kDepth, order.size()); ++i) {
                found.push_back(ids_[memories[order[i].second]]);
            }
            count(question, way, found, false);
        }
    }
    void print(Json& rows) const {
        for (const auto& [key, figures] : figures_) {
            const auto& [half, kind, way] = key;
            const auto share = [&](double sum) { return std::round(1000 * sum / figures.questions) / 1000; };
            rows.push_back({{"half", half}, {"kind", kind}, {"way", way}, {"questions", figures.questions},
                            {"recall_1", share(figures.first)}, {"recall_5", share(figures.fifth)},
                            {"recall_10", share(figures.tenth)}, {"mrr", share(figures.reciprocal)}});
        }
    }

  private:
    std::vector<std::size_t> places_of(const Question& question, const std::vector<MemoryId>& found) const {
        std::vector<std::size_t> places;
        for (const std::string& answer : question.answers) {
            const auto is_it = [&](MemoryId id) { return named_.at(answer).contains(id); };
            const auto at = std::ranges::find_if(found, is_it);
            places.push_back(at == found.end() ? kDepth : static_cast<std::size_t>(at - found.begin()));
        }
        return places;
    }
    void count(const Question& question, const char* way, const std::vector<MemoryId>& found, bool in_all = true) {
        const auto places = places_of(question, found);
        figures_[{question.half, question.kind, way}].count(places);
        if (question.half != "given") {
            figures_[{question.half, question.galaxy + " all", way}].count(places);
        }
        if (in_all) {
            figures_[{question.half, "all", way}].count(places);
        }
    }
    void show(const Question& question, const memory::Page& page) const {
        const auto places = places_of(question, ids_of(page));
        for (std::size_t i = 0; i < places.size(); ++i) {
            if (places[i] == kDepth) {
                std::fprintf(stderr, "missed: %s: %s: %s\n", question.kind.c_str(), question.text.c_str(),
                             question.answers[i].c_str());
            }
        }
    }
    DataSea& sea_;
    const Corpus& corpus_;
    std::vector<MemoryId> ids_;
    std::map<std::string, std::set<MemoryId>> named_;
    std::map<std::tuple<std::string, std::string, std::string>, Figures> figures_;
};

struct Wishes {
    fs::path passages = "build/passages.jsonl";
    fs::path conversations;  // instead of everything else
    Style style = Style::Session;
    bool misses = false;
    bool pages = true;
};

std::unique_ptr<embed::MiniLmEmbedder> open_model(const embed::Kernels& kernels) {
    return must(embed::MiniLmEmbedder::open({.model_folder = embed::find_model_folder(),
                                              .cache_folder = embed::default_cache_folder(),
                                              .kernels = &kernels}));
}

Corpus read_corpus(const Wishes& wishes) {
    Corpus corpus;
    if (!wishes.conversations.empty()) {
        read_json_lines(wishes.conversations, wishes.style, corpus);
    } else {
        read_conversations("bench/recall/conversations.txt", "talk", corpus);
        read_conversations("bench/recall/long_conversations.txt", "long", corpus);
        read_documents(corpus);
    }
    if (wishes.pages) {
        read_pages(wishes.passages, corpus);
    }
    check_answers(corpus);
    return corpus;
}

int run(const Wishes& wishes) {
    const Corpus corpus = read_corpus(wishes);
    const auto model = open_model(embed::best_kernels());
    const auto float32 = open_model(embed::best_float32_kernels());
    KeepingEmbedder embedder(*model);
    SystemRandom random;
    SystemClock clock;
    const fs::path folder = fs::temp_directory_path() / ("resonant-bench-" + random.hex(8));
    fs::create_directories(folder);
    Json document{{"subject", "recall"}, {"machine", machine()}, {"memories", corpus.memories.size()},
                  {"model", model->model()},
                  {"questions", corpus.questions.size()}, {"rows", Json::array()}};
    {
        const auto database = must(sql::Database::open(folder / "bench.db", {}));
        const auto sea = must(DataSea::open(*database, folder / "segments", &embedder, clock, {}));
        std::vector<MemoryId> ids;
        must(database->write([&](sql::Connection&) -> Status {
            for (const memory::Memory& each : corpus.memories) {
                RESONANT_ASSIGN(const memory::Added added, sea->add(each));
                ids.push_back(added.id);
            }
            return {};
        }));
        while (must(sea->catch_up(4'096, {})) > 0) {
        }
        Measurement measurement(*sea, corpus, std::move(ids));
        measurement.ask_all(wishes.misses);
        if (wishes.conversations.empty()) {
            measurement.ask_meaning(*float32, "meaning_f32");
        }
        measurement.print(document["rows"]);
        if (wishes.pages) {
            std::vector<double> ours;
            for (int i = 0; i < 7; ++i) {
                ours.push_back(measurement.recall_ms());
            }
            document["rows"].push_back({{"name", "recall_5000"}, {"unit", "ms"}, {"better", "lower"},
                                        {"min", *std::ranges::min_element(ours)}, {"p50", median(ours)},
                                        {"peer", nullptr}, {"peer_version", nullptr},
                                        {"peer_p50", nullptr}, {"ratio", nullptr}});
        }
    }
    fs::remove_all(folder);
    std::puts(document.dump(1).c_str());
    return 0;
}

}  // namespace
}  // namespace resonant::bench

int main(int count, char** arguments) {
    resonant::bench::Wishes wishes;
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        if (argument == "--misses") {
            wishes.misses = true;
        } else if (argument == "--no-pages") {
            wishes.pages = false;
        } else if (argument == "--conversations" && i + 1 < count) {
            wishes.conversations = arguments[++i];
            wishes.pages = false;
        } else if (argument == "--as" && i + 1 < count) {
            const std::string style = arguments[++i];
            wishes.style = style == "dated"    ? resonant::bench::Style::Dated
                           : style == "plain"  ? resonant::bench::Style::Plain
                           : style == "tagged" ? resonant::bench::Style::Tagged
                                               : resonant::bench::Style::Session;
        } else if (!argument.starts_with("--")) {
            wishes.passages = argument;
        }
    }
    return resonant::bench::run(wishes);
}
