// Exact search by meaning: bench_search [--json]. The whole way: DataSea::nearest over the mapped Arrow copy,
// rows read back from SQLite. Vectors are random and of unit length, which is the worst case for any bound.
//
//     exact_5562    ms  top 10 of 5,562 memories (the seed's corpus)
//     exact_20000   ms  top 10 of 20,000 memories
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>

#include "bench/report.h"
#include "resonant/base/random.h"
#include "resonant/memory/data_sea.h"

namespace resonant::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRuns = 9;
constexpr int kQueries = 20;

// A vector by the text's hash: what is measured is the search, not the model.
class HashEmbedder final : public memory::Embedder {
  public:
    Result<memory::Vector> embed(std::string_view text) override {
        std::mt19937_64 engine(std::hash<std::string_view>{}(text));
        std::normal_distribution<float> normal;
        memory::Vector vector{};
        float squares = 0;
        for (float& number : vector) {
            number = normal(engine);
            squares += number * number;
        }
        for (float& number : vector) {
            number /= std::sqrt(squares);
        }
        return vector;
    }
    std::string model() const override { return "hash"; }
};

void must(const Status& status) {
    if (!status) {
        std::fprintf(stderr, "bench search: %s\n", status.error().message.c_str());
        std::exit(1);
    }
}

template <typename T>
T must(Result<T> result) {
    must(result ? Status{} : Status{std::unexpected(result.error())});
    return std::move(*result);
}

void measure(int memories, Report& report) {
    SystemRandom random;
    SystemClock clock;
    HashEmbedder embedder;
    const fs::path folder = fs::temp_directory_path() / ("resonant-bench-" + random.hex(8));
    fs::create_directories(folder);
    {
        const auto database = must(sql::Database::open(folder / "bench.db", {}));
        const auto sea = must(memory::DataSea::open(*database, folder / "segments", &embedder, clock, {}));
        must(database->write([&](sql::Connection&) -> Status {  // one transaction for all
            for (int i = 0; i < memories; ++i) {
                memory::Memory memory;
                memory.content = "memory " + std::to_string(i);
                RESONANT_CHECK(sea->add(memory));
            }
            return {};
        }));
        while (must(sea->catch_up(4'096, {})) > 0) {
        }
        Row row{.name = "exact_" + std::to_string(memories), .unit = "ms", .ours = {}};
        for (int run = 0; run < kRuns; ++run) {
            row.ours.push_back(nanoseconds([&] {
                                   for (int i = 0; i < kQueries; ++i) {
                                       const auto query = must(embedder.embed("question " + std::to_string(i)));
                                       if (must(sea->nearest(query, {}, 10, -1, "bench")).hits.size() != 10) {
                                           must(fail(Code::Internal, "a search found fewer than 10"));
                                       }
                                   }
                               }) / kQueries / 1e6);
        }
        report.add(row);
    }
    fs::remove_all(folder);
}

}  // namespace
}  // namespace resonant::bench

int main() {
    resonant::bench::Report report("search");
    resonant::bench::measure(5'562, report);
    resonant::bench::measure(20'000, report);
    return report.print();
}
