// Finding, judged by questions with known answers: bench_recall [--json] [PASSAGES.jsonl]. Run from the top of the
// repository. Corpora: the manual pages' passages (scripts/passages.py) and the made-up dialogues of bench/recall, each in
// a galaxy of its own. The ways compared all go through the DataSea: words alone (search), vectors alone (nearest),
// both with equal weights, and ours (recall). The half `tuned` may be looked at while the ranking is changed; the half
// `held_out` may not (every other conversation, every other question about pages).
//
//     rows: {half, kind, way, questions, recall_1, recall_5, recall_10, mrr}; recall = share of a question's answers found
//     recall_5000  ms  one recall over the passages and dialogues, without the query's embedding
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <unordered_map>

#include "bench/report.h"
#include "resonant/base/random.h"
#include "resonant/memory/data_sea.h"
#include "resonant/memory/minilm_embedder.h"

namespace resonant::bench {
namespace {

namespace fs = std::filesystem;
using memory::DataSea;
using memory::MemoryId;

constexpr std::size_t kDepth = 10;
constexpr std::size_t kPool = 50;  // of each list that equal weights see

void must(const Status& status) {
    if (!status) {
        std::fprintf(stderr, "bench recall: %s\n", status.error().message.c_str());
        std::exit(1);
    }
}
template <typename T>
T must(Result<T> result) {
    must(result ? Status{} : Status{std::unexpected(result.error())});
    return std::move(*result);
}

// Remembers vectors for the run, so that a recall is timed without its query's embedding.
class KeepingEmbedder final : public memory::Embedder {
  public:
    explicit KeepingEmbedder(memory::Embedder& inner) : inner_(inner) {}
    Result<memory::Vector> embed(std::string_view text) override {
        const auto [at, is_new] = kept_.try_emplace(std::string(text));
        if (is_new) {
            at->second = must(inner_.embed(text));
        }
        return at->second;
    }
    std::vector<Result<memory::Vector>> embed_many(std::span<const std::string> texts,
                                                   const memory::BatchOptions& options) override {
        return inner_.embed_many(texts, options);
    }
    std::string model() const override { return inner_.model(); }

  private:
    memory::Embedder& inner_;
    std::unordered_map<std::string, memory::Vector> kept_;
};

struct Question {
    std::string half, kind, text, galaxy;
    std::vector<std::string> answers;  // sources of memories
};

std::vector<std::string> split(const std::string& text, const std::string& at) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t to = std::min(text.find(at, from), text.size());
        parts.push_back(text.substr(from, to - from));
        from = to + at.size();
    }
    return parts;
}

struct Corpus {
    std::vector<memory::Memory> memories;
    std::vector<Question> questions;
};

std::ifstream open(const fs::path& path) {
    std::ifstream file(path);
    if (!file) {
        must(fail(Code::NotFound, path.string() + " is missing; run from the top of the repository, "
                                                  "through ./dev bench recall"));
    }
    return file;
}

// Every turn is a memory "Name: text", its source "conversation/name of the turn".
void read_conversations(const fs::path& path, Corpus& corpus) {
    auto file = open(path);
    std::string conversation, session;
    int number = -1;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("@conversation ")) {
            conversation = line.substr(14);
            ++number;
        } else if (line.starts_with("@session ")) {
            session = line.substr(9);
        } else if (line.starts_with("? ")) {
            const auto parts = split(line.substr(2), " | ");
            Question question{number % 2 == 0 ? "tuned" : "held_out", "talk " + parts.at(0), parts.at(1), "talk", {}};
            for (const std::string& name : split(parts.at(2), " ")) {
                question.answers.push_back(conversation + '/' + name);
            }
            corpus.questions.push_back(std::move(question));
        } else if (!line.empty() && line[0] != '#') {
            memory::Memory turn;
            const std::size_t mark = line.ends_with('}') ? line.rfind(" {") : std::string::npos;
            turn.content = line.substr(0, mark);
            turn.source = mark == std::string::npos
                              ? conversation
                              : conversation + '/' + line.substr(mark + 2, line.size() - mark - 3);
            turn.session = conversation + ' ' + session;
            turn.tags = {session};
            turn.galaxy = "talk";
            corpus.memories.push_back(std::move(turn));
        }
    }
}

void read_pages(const fs::path& passages, const fs::path& questions, Corpus& corpus) {
    auto texts = open(passages);
    for (std::string line; std::getline(texts, line);) {
        const Json record = Json::parse(line);
        memory::Memory passage;
        passage.title = record["title"];
        passage.content = record["content"];
        passage.tags = record["tags"];
        passage.source = record["source"];
        passage.galaxy = "pages";
        corpus.memories.push_back(std::move(passage));
    }
    auto file = open(questions);
    int number = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        const auto parts = split(line, " | ");
        Question question{number++ % 2 == 0 ? "tuned" : "held_out", "page " + parts.at(0), parts.at(1), "pages", {}};
        for (const std::string& name : split(parts.at(2), " ")) {
            question.answers.push_back("man:" + name);
        }
        corpus.questions.push_back(std::move(question));
    }
}

struct Figures {
    double first = 0, fifth = 0, tenth = 0, reciprocal = 0;
    int questions = 0;

    void count(const Question& question, const std::vector<std::string>& found) {
        const auto share = [&](std::size_t depth) {
            const auto end = found.begin() + static_cast<std::ptrdiff_t>(std::min(depth, found.size()));
            const auto hit = std::ranges::count_if(
                question.answers, [&](const auto& answer) { return std::find(found.begin(), end, answer) != end; });
            return static_cast<double>(hit) / static_cast<double>(question.answers.size());
        };
        ++questions;
        first += share(1);
        fifth += share(5);
        tenth += share(10);
        for (std::size_t i = 0; i < found.size(); ++i) {
            if (std::ranges::find(question.answers, found[i]) != question.answers.end()) {
                reciprocal += 1.0 / static_cast<double>(i + 1);
                break;
            }
        }
    }
};

std::vector<std::string> sources(const memory::Page& page) {
    std::vector<std::string> found;
    for (const memory::Hit& hit : page.hits) {
        found.push_back(hit.memory.source);
    }
    found.resize(std::min(found.size(), kDepth));
    return found;
}

// What a plain hybrid does: both lists scaled to their best, half and half.
std::vector<std::string> equal_weights(const memory::Page& words, const memory::Page& meaning) {
    std::map<MemoryId, std::pair<double, std::string>> sum;
    for (const memory::Page* page : {&words, &meaning}) {
        const double best = page->hits.empty() ? 1 : page->hits.front().score;
        for (const memory::Hit& hit : page->hits) {
            sum[hit.memory.id].first += 0.5 * hit.score / best;
            sum[hit.memory.id].second = hit.memory.source;
        }
    }
    std::vector<std::pair<double, std::string>> order;
    for (const auto& [id, entry] : sum) {
        order.push_back(entry);
    }
    std::ranges::stable_sort(order, [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::string> found;
    for (std::size_t i = 0; i < std::min(kDepth, order.size()); ++i) {
        found.push_back(order[i].second);
    }
    return found;
}

class Measurement {
  public:
    Measurement(DataSea& sea, const Corpus& corpus) : sea_(sea), corpus_(corpus) {}

    void ask_all(bool show_misses) {
        for (const Question& question : corpus_.questions) {
            memory::Filter filter;
            filter.galaxy = question.galaxy;
            const auto words = must(sea_.search(question.text, filter, kPool, "", "bench"));
            const auto meaning = must(sea_.nearest(must(sea_.embed(question.text)), filter, kPool, -1, "bench"));
            const auto ours = must(sea_.recall(question.text, filter, kDepth, "bench"));
            count(question, "words", sources(words));
            count(question, "meaning", sources(meaning));
            count(question, "equal", equal_weights(words, meaning));
            count(question, "ours", sources(ours));
            if (show_misses && question.half == "tuned") {
                show(question, ours);
            }
        }
    }
    double recall_ms() {
        const auto& questions = corpus_.questions;
        return nanoseconds([&] {
                   for (const Question& question : questions) {
                       memory::Filter filter;
                       filter.galaxy = question.galaxy;
                       must(sea_.recall(question.text, filter, kDepth, "bench"));
                   }
               }) / static_cast<double>(questions.size()) / 1e6;
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
    void count(const Question& question, const char* way, const std::vector<std::string>& found) {
        const std::string corpus = question.kind.substr(0, 4);
        for (const std::string& kind : {question.kind, corpus + " all", std::string("all")}) {
            figures_[{question.half, kind, way}].count(question, found);
        }
    }
    static void show(const Question& question, const memory::Page& page) {
        const auto found = sources(page);
        for (const std::string& answer : question.answers) {
            if (std::find(found.begin(), found.end(), answer) == found.end()) {
                std::fprintf(stderr, "missed: %s: %s: %s\n", question.kind.c_str(), question.text.c_str(), answer.c_str());
            }
        }
    }
    DataSea& sea_;
    const Corpus& corpus_;
    std::map<std::tuple<std::string, std::string, std::string>, Figures> figures_;
};

int run(const fs::path& passages, bool show_misses) {
    Corpus corpus;
    read_conversations("bench/recall/conversations.txt", corpus);
    read_pages(passages, "bench/recall/pages.txt", corpus);
    const auto model = must(memory::MiniLmEmbedder::open(
        {.model_folder = memory::find_model_folder(), .cache_folder = memory::default_cache_folder()}));
    KeepingEmbedder embedder(*model);
    SystemRandom random;
    SystemClock clock;
    const fs::path folder = fs::temp_directory_path() / ("resonant-bench-" + random.hex(8));
    fs::create_directories(folder);
    Json document{{"subject", "recall"}, {"machine", machine()}, {"memories", corpus.memories.size()},
                  {"questions", corpus.questions.size()}, {"rows", Json::array()}};
    {
        const auto database = must(sql::Database::open(folder / "bench.db", {}));
        const auto sea = must(DataSea::open(*database, folder / "segments", &embedder, clock, {}));
        must(database->write([&](sql::Connection&) -> Status {
            for (const memory::Memory& each : corpus.memories) {
                RESONANT_CHECK(sea->add(each));
            }
            return {};
        }));
        while (must(sea->catch_up(4'096, {})) > 0) {
        }
        Measurement measurement(*sea, corpus);
        measurement.ask_all(show_misses);
        measurement.print(document["rows"]);
        Row row{.name = "recall_ms", .unit = "ms", .ours = {}};
        for (int i = 0; i < 3; ++i) {
            row.ours.push_back(measurement.recall_ms());
        }
        document["rows"].push_back({{"name", row.name}, {"unit", "ms"}, {"better", "lower"}, {"p50", median(row.ours)}});
    }
    fs::remove_all(folder);
    std::puts(document.dump(1).c_str());
    return 0;
}

}  // namespace
}  // namespace resonant::bench

int main(int count, char** arguments) {
    std::filesystem::path passages = "build/passages.jsonl";
    bool show_misses = false;
    for (int i = 1; i < count; ++i) {
        if (std::strcmp(arguments[i], "--misses") == 0) {
            show_misses = true;
        } else if (std::strcmp(arguments[i], "--json") != 0) {
            passages = arguments[i];
        }
    }
    return resonant::bench::run(passages, show_misses);
}
