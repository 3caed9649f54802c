// The figures of the store: bench_store [--peers] [--json]. Every add is a whole memory.add: judged, with
// intent, rows and outcome in one durable transaction.
//
//     add_durable     us     one memory added and found by another process; the peer is one write and fdatasync of as
//                            many bytes as it appends to the log
//     add_returns     us     the same until the reply; the peer as above
//     add_16_writers  1/s    16 clients at once; the peer is one client
//     add_at_1m       us     one memory added to a store of 1,000,000; the peer is one of 10,000
//     rebuild         GB/s   the Arrow copy from SQLite, bytes of vectors; the peer only reads them in SQLite
//     galaxies_1000_X ms     X of the Arrow copy of 1,000 galaxies of 5 memories; the peer is one galaxy of 5,000. X: rebuild;
//                            fold (of one changed vector); open, open_own (by a reader of all, of one galaxy: the peer is of all)
//     recall_5000     us     whole recall among 5,000 memories without embedding the query
#include <cmath>
#include <fstream>
#include <map>
#include <thread>

#include "bench/store_homes.h"
#include "resonant/memory/data_sea_reader.h"
#include "resonant/memory/vector_index.h"

namespace resonant::bench {
namespace {

constexpr int kAdds = 400;

double micros(const std::function<void()>& work) { return nanoseconds(work) / 1'000; }

// Bytes that one add appends to SQLite's log, frames and all.
std::size_t log_bytes(BenchKernel& kernel, std::uint64_t& number) {
    constexpr std::size_t kSample = 40;
    must(kernel.parts().database->checkpoint());
    for (std::size_t i = 0; i < kSample; ++i) {
        kernel.add(++number);
    }
    std::ifstream file(kernel.database().string() + "-wal", std::ios::binary);
    const std::string log{std::istreambuf_iterator<char>(file), {}};
    return (log.find_last_not_of('\0') + 1) / kSample;  // it is filled ahead with zeros
}

void measure_durable(Report& report) {
    BenchKernel kernel;
    std::uint64_t number = 0;
    for (int i = 0; i < 500; ++i) {
        kernel.add(++number);
    }
    const std::size_t bytes = log_bytes(kernel, number);
    report.note(fmt::format("one add appends {} bytes to the log", bytes));
    LogFile log(bytes);
    Finder finder(kernel.database());
    const std::string peer = fmt::format("write of {} bytes and fdatasync", bytes);
    Row found{.name = "add_durable", .unit = "us", .ours = {}, .peer_name = peer};
    Row returns{.name = "add_returns", .unit = "us", .ours = {}, .peer_name = peer};
    for (int i = 0; i < kAdds; ++i) {
        finder.ask(++number);
        double reply = 0;
        found.ours.push_back(micros([&] {
            reply = micros([&] { kernel.add(number); });
            finder.wait(number);
        }));
        returns.ours.push_back(reply);
        found.peer.push_back(micros([&] { log.append(); }));
        if (i % 100 == 0) {
            must(kernel.relieve());
        }
    }
    returns.peer = found.peer;
    report.add(found);
    report.add(returns);
}

void measure_writers(Report& report) {
    BenchKernel kernel;
    constexpr int kWriters = 16;
    constexpr int kEach = 100;
    std::atomic<std::uint64_t> number{0};
    Row row{.name = "add_16_writers", .unit = "1/s", .lower_is_better = false, .ours = {}, .peer_name = "one writer"};
    for (int run = 0; run < 9; ++run) {
        const double one = nanoseconds([&] {
            for (int i = 0; i < kEach; ++i) {
                kernel.add(++number);
            }
        });
        const double all = nanoseconds([&] {
            std::vector<std::thread> writers;
            for (int writer = 0; writer < kWriters; ++writer) {
                writers.emplace_back([&] {
                    for (int i = 0; i < kEach; ++i) {
                        kernel.add(++number);
                    }
                });
            }
            for (std::thread& writer : writers) {
                writer.join();
            }
        });
        row.ours.push_back(1e9 * kEach * kWriters / all);
        row.peer.push_back(1e9 * kEach / one);
        must(kernel.relieve());
    }
    report.add(row);
}

void measure_large(Report& report) {
    BenchKernel large;
    BenchKernel small;
    small.fill(10'000);
    report.note(fmt::format("filled 1,000,000 memories in {:.1f} s", nanoseconds([&] { large.fill(1'000'000); }) / 1e9));
    Row row{.name = "add_at_1m", .unit = "us", .ours = {}, .peer_name = "at 10,000"};
    std::uint64_t number = 0;
    for (int i = -50; i < kAdds; ++i) {  // the first ones warm up
        ++number;
        const double ours = micros([&] { large.add(number); });
        const double peer = micros([&] { small.add(number); });
        if (i >= 0) {
            row.ours.push_back(ours);
            row.peer.push_back(peer);
        }
    }
    report.add(row);
}

// Vectors for numbers; what is measured is not the model.
Vector vector_of(std::uint64_t number) {
    std::uint64_t state = number * 0x9E3779B97F4A7C15U + 7;
    Vector vector{};
    float squares = 0;
    for (float& value : vector) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value = static_cast<float>(static_cast<std::int64_t>(state)) / 9.3e18F;
        squares += value * value;
    }
    for (float& value : vector) {
        value /= std::sqrt(squares);
    }
    return vector;
}

// Knows the vectors of the notes and of the queries beforehand.
class TableEmbedder final : public embed::Embedder {
  public:
    Result<Vector> embed(std::string_view text) override {
        const auto found = vectors.find(text);
        return found != vectors.end() ? found->second : vector_of(std::hash<std::string_view>{}(text));
    }
    std::string model() const override { return "table"; }
    std::map<std::string, Vector, std::less<>> vectors;
};

// Gives every memory a vector at once, past the background thread.
void fill_vectors(sql::Database& database, const std::string& model) {
    must(database.write([&](sql::Connection& connection) -> Status {
        std::vector<std::int64_t> ids;
        RESONANT_ASSIGN(auto all, connection.prepare("SELECT id FROM memories"));
        RESONANT_CHECK(all.each([&](const sql::Statement& row) -> Status {
            ids.push_back(row.integer(0));
            return {};
        }));
        RESONANT_ASSIGN(auto insert, connection.prepare("INSERT INTO memory_embeddings(memory_id, model, is_private, vector)"
                                                        " VALUES(?, ?, 0, ?)"));
        for (const std::int64_t id : ids) {
            const Vector vector = vector_of(static_cast<std::uint64_t>(id));
            RESONANT_CHECK(insert.reset().bind(1, id).bind(2, model).bind(3, std::as_bytes(std::span(vector))).run());
        }
        return connection.run("DELETE FROM memory_pending");
    }));
    must(database.checkpoint());
}

void measure_rebuild(Report& report) {
    constexpr std::int64_t kRows = 50'000;
    BenchKernel kernel;
    kernel.fill(kRows);
    fill_vectors(*kernel.parts().database, "table");
    const fs::path folder = kernel.database().parent_path() / "bench-segments";
    memory::VectorIndex index(*kernel.parts().database, folder, "table", kernel.parts().clock);
    must(index.open());
    const double bytes = static_cast<double>(kRows) * sizeof(Vector);
    Row row{.name = "rebuild", .unit = "GB/s", .lower_is_better = false, .ours = {}, .peer_name = "plain scan in SQLite"};
    for (int run = 0; run < 5; ++run) {
        row.ours.push_back(bytes / nanoseconds([&] { must(index.rebuild()); }));
        std::size_t seen = 0;
        row.peer.push_back(bytes / nanoseconds([&] {
            must(kernel.parts().database->read([&](sql::Connection& connection) -> Status {
                RESONANT_ASSIGN(auto all, connection.prepare("SELECT memory_id, vector FROM memory_embeddings"));
                return all.each([&](const sql::Statement& each) -> Status {
                    seen += each.blob(1).size();
                    return {};
                });
            }));
        }));
        RESONANT_ENSURE(seen == static_cast<std::size_t>(bytes), "the peer saw every vector");
    }
    report.add(row);
}

// A store of 5,000 memories with vectors, and the Arrow copy of them.
struct CopiedStore {
    explicit CopiedStore(std::int64_t galaxies) {
        kernel.fill(5'000);
        sql::Database& database = *kernel.parts().database;
        must(database.write([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(auto update, connection.prepare("UPDATE memories SET galaxy = 'g' || (id % ?)"));
            return update.bind(1, galaxies).run();
        }));
        fill_vectors(database, "table");
        folder = kernel.database().parent_path() / "bench-segments";
        index = std::make_unique<memory::VectorIndex>(database, folder, "table", kernel.parts().clock);
        must(index->open());
        must(index->rebuild());
    }
    // Gives a memory another vector, which the next fold takes in.
    void change(std::int64_t id) {
        must(kernel.parts().database->write([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(auto former, connection.prepare("DELETE FROM memory_embeddings WHERE memory_id = ?"));
            RESONANT_CHECK(former.bind(1, id).run());
            index->forget(static_cast<memory::MemoryId>(id));
            RESONANT_ASSIGN(auto row, connection.prepare("INSERT INTO memory_embeddings(memory_id, model, is_private, vector)"
                                                         " VALUES(?, 'table', 0, ?)"));
            const Vector vector = vector_of(static_cast<std::uint64_t>(id) + 1'000'000);
            return row.bind(1, id).bind(2, std::as_bytes(std::span(vector))).run();
        }));
    }

    BenchKernel kernel;
    fs::path folder;
    std::unique_ptr<memory::VectorIndex> index;
};

void measure_galaxies(Report& report) {
    CopiedStore many(1'000), one(1);
    const auto row = [](const char* what) {
        return Row{.name = std::string("galaxies_1000_") + what, .unit = "ms", .ours = {}, .peer_name = "one galaxy of 5,000"};
    };
    Row rebuild = row("rebuild"), fold = row("fold"), open = row("open"), own = row("open_own");
    own.peer_name = "a reader of all";
    for (std::int64_t i = 1; i <= 15; ++i) {
        for (auto* store : {&many, &one}) {
            const bool is_ours = store == &many;
            store->change(i * 300);
            (is_ours ? fold.ours : fold.peer).push_back(micros([&] { must(store->index->fold()); }) / 1e3);
            const auto reading = micros([&] { must(memory::DataSeaReader::open(store->folder)); });
            (is_ours ? open.ours : open.peer).push_back(reading / 1e3);
            if (is_ours) {
                own.ours.push_back(micros([&] { must(memory::DataSeaReader::open(store->folder, "g7")); }) / 1e3);
                own.peer.push_back(reading / 1e3);
            }
            if (i % 5 == 0) {
                (is_ours ? rebuild.ours : rebuild.peer).push_back(micros([&] { must(store->index->rebuild()); }) / 1e3);
            }
        }
    }
    report.note(fmt::format("1,000 galaxies: {} segments, a manifest of {} bytes", many.index->status().segments,
                            fs::file_size(many.folder / memory::kManifestFile)));
    for (const Row& each : {rebuild, fold, open, own}) {
        report.add(each);
    }
}

void measure_recall(Report& report) {
    constexpr std::int64_t kRows = 5'000;
    constexpr int kQueries = 200;
    BenchKernel kernel;
    kernel.fill(kRows);
    fill_vectors(*kernel.parts().database, "table");
    TableEmbedder embedder;
    const fs::path folder = kernel.database().parent_path() / "bench-segments";
    const auto sea = must(memory::DataSea::open(*kernel.parts().database, folder, &embedder, kernel.parts().clock, {}));
    must(sea->catch_up(1, {}));
    Row row{.name = "recall_5000", .unit = "us", .ours = {}};
    for (int i = -20; i < kQueries; ++i) {
        // Five words of a note, whose vector is near that note's.
        const auto target = static_cast<std::uint64_t>(i + 21) * 17 % kRows + 1;
        const std::string text = note(target + BenchKernel::kFilled);
        const std::size_t start = text.find(' ') + 1;
        std::size_t end = start;
        for (int word = 0; word < 5; ++word) {
            end = text.find(' ', end + 1);
        }
        const std::string query = text.substr(start, end - start);
        embedder.vectors[query] = vector_of(target);
        const double taken = micros([&] {
            if (must(sea->recall(query, {}, 10, "uid:1000")).hits.empty()) {
                give_up("recall found nothing");
            }
        });
        if (i >= 0) {
            row.ours.push_back(taken);
        }
    }
    report.add(row);
}

}  // namespace
}  // namespace resonant::bench

// With arguments that are no flags: only the rows whose names begin so.
int main(int count, char** words) {
    using namespace resonant::bench;
    ::setenv("RESONANT_LOG", "error", 0);
    const auto wanted = [&](std::string_view row) {
        bool all = true;
        for (int i = 1; i < count; ++i) {
            const std::string_view word = words[i];
            if (!word.starts_with("-")) {
                all = false;
                if (row.starts_with(word)) {
                    return true;
                }
            }
        }
        return all;
    };
    Report report("store");
    const std::pair<std::string_view, void (*)(Report&)> measures[] = {{"add_durable", measure_durable},
                                                                       {"add_16_writers", measure_writers},
                                                                       {"recall_5000", measure_recall},
                                                                       {"rebuild", measure_rebuild},
                                                                       {"galaxies_1000", measure_galaxies},
                                                                       {"add_at_1m", measure_large}};
    for (const auto& [name, measure] : measures) {
        if (wanted(name)) {
            measure(report);
        }
    }
    return report.print();
}
