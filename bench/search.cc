// Exact search by meaning: bench_search [--peers] [--json] [--rows N,N,...]. Run from the top of the repository. What is
// measured is the reader that any process uses (DataSeaReader over the mapped Arrow copy); recall is held against a full
// float32 scan in the run, and anything but 1.000 ends it. Ours and the peers' queries take turns on one core.
//
//     exact_N              us  top 10 of N memories (faiss-flat)
//     recall_N             share of the full scan's ten, in its order
//     filtered_20_N        us  the same where a filter keeps 20 of 100 (faiss-flat with an IDSelectorBitmap)
//     filtered_20_N_own    us  the same, ratio to our unfiltered search
//     batch_N              us  a query, four in one pass (one at a time)
//     exact_5562_vs_sqlite us  (BLOB rows joined and multiplied in numpy)
//     ann_110000           us  (the fastest of HNSW and IVF that finds at least 0.98; the peer's recall stands in a note)
//     galaxy_5000          us  top 10 of a galaxy beside one of 100,000 (search_galaxies.h)
//     build_N              s   of CPU to write the Arrow copy, synced, whole each time (110000: to build an HNSW index, a part
//                              of it between two of ours, the parts' sum); right behind another one, as a warm-up
//     build_N_clock        s   the same by the clock, with what the disk takes
//     build_N_fresh        s   of CPU, without the warm-up: a virtual machine may have given its free memory back to its
//                              host, and has to ask for each page of it anew
//     cold_start_N         ms  from the start of a process to its first answer, files in the page cache
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "bench/peer.h"
#include "bench/search_data.h"
#include "bench/search_galaxies.h"

namespace resonant::bench {
namespace {

constexpr std::size_t kTurn = 20;  // queries of one side before the other's turn
constexpr int kCold = 9;
constexpr int kBuilds = 6;
constexpr unsigned kCore = 1;
constexpr const char* kPeerPython = "build/search_peers/bin/python";
constexpr const char* kReader = "build/examples/data_sea_nearest";

bool same(std::span<const Scored> a, std::span<const Scored> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Scored& x, const Scored& y) { return x.id == y.id && x.score == y.score; });
}

class Measurement {
  public:
    Measurement(Report& report, const fs::path& folder, std::size_t count, bool with_peers)
        : report_(report), folder_(folder), set_(folder, count), count_(count) {
        if (!fs::exists(set_.copy() / memory::kManifestFile) || count <= 110'000) {
            set_.write_copy();
        }
        reader_ = must(memory::DataSeaReader::open(set_.copy()));
        // A million rows take the full scan a while: fewer queries are held against it, and measured.
        queries_ = count > 500'000 ? 60 : kQueries;
        verify();
        if (with_peers) {
            peer_ = std::make_unique<Peer>(
                kPeerPython, std::vector<std::string>{"taskset", "-c", std::to_string(kCore), kPeerPython,
                                                      "bench/peers/search/peer.py", folder.string(), std::to_string(count)});
        }
    }

    void exact() { compare("exact_" + name(), {}, "flat", "faiss-flat", "faiss-cpu 1.15.1"); }
    void filtered() {
        compare("filtered_20_" + name(), near_zones(), "flat_filtered", "faiss-flat, IDSelectorBitmap", "faiss-cpu 1.15.1");
        Row own{.name = "filtered_20_" + name() + "_own", .unit = "us", .ours = {}};
        for (std::size_t from = 0; from < queries_; from += kTurn) {
            own.ours.push_back(ours(from, near_zones()));
            own.peer.push_back(ours(from, {}));
        }
        own.peer_name = "our unfiltered search";
        report_.add(own);
    }
    void sqlite() { compare("exact_5562_vs_sqlite", {}, "sqlite", "sqlite BLOB rows, numpy", "numpy 2.4.6", 3); }
    void batch() {
        Row row{.name = "batch_" + name(), .unit = "us", .ours = {}, .peer_name = "one at a time"};
        for (std::size_t from = 0; from < queries_; from += kTurn) {
            const std::span some(set_.queries().data() + from, kTurn);
            row.ours.push_back(nanoseconds([&] { must(reader_->nearest_each(some, kBest)); }) / kTurn / 1e3);
            row.peer.push_back(nanoseconds([&] {
                                   for (const Vector& query : some) {
                                       must(reader_->nearest(query, kBest));
                                   }
                               }) / kTurn / 1e3);
        }
        report_.add(row);
    }
    // Which approximate index is the fastest is seen from one turn each.
    void approximate() {
        std::string best;
        double least = 0;
        for (const char* engine : {"hnsw", "ivf", "usearch"}) {
            const auto built = ask(std::string("open ") + engine);
            const auto recall = ask(std::string("recall ") + engine);
            const auto time = ask(std::string(engine) + " 0 " + std::to_string(kTurn));
            if (built && recall && time) {
                report_.note(std::string(engine) + ": recall " + std::to_string(*recall) + ", " +
                             std::to_string(*time / 1e3) + " us, built in " + std::to_string(*built) +
                             " s of CPU when its file was made");
                if (*recall >= 0.98 && (best.empty() || *time < least)) {
                    best = engine;
                    least = *time;
                }
            }
        }
        compare("ann_" + name(), {}, best, "best of HNSW and IVF: " + best, "faiss-cpu 1.15.1, usearch 2.26.6");
    }
    // Ours whole, then a part of the peer's, and so on: both meet the same machine.
    void build(bool with_hnsw) {
        Row cpu{.name = "build_" + name(), .unit = "s", .ours = {}, .peer_name = "HNSW (32 links, effort 100)",
                .peer_version = "faiss-cpu 1.15.1"};
        Row clock = cpu;
        clock.name += "_clock";
        Row fresh = cpu;
        fresh.name += "_fresh";
        const fs::path folder = folder_ / ("built-" + name());
        double peer_cpu = 0;
        double peer_clock = 0;
        bool has_peer = with_hnsw;
        for (int turn = 0; turn < kBuilds; ++turn) {
            fresh.ours.push_back(set_.write_copy(folder));
            clock.ours.push_back(nanoseconds([&] { cpu.ours.push_back(set_.write_copy(folder)); }) / 1e9);
            fs::remove_all(folder);
            peer_clock += nanoseconds([&] {
                              const auto part = has_peer ? ask("build hnsw " + std::to_string(turn) + " " + std::to_string(kBuilds))
                                                         : std::nullopt;
                              has_peer = part.has_value();
                              peer_cpu += part.value_or(0);
                          }) / 1e9;
        }
        if (has_peer) {
            cpu.peer = fresh.peer = {peer_cpu};
            clock.peer = {peer_clock};
            report_.note(cpu.name + ": each of ours is a whole copy, written and synced, behind a warm-up; HNSW was built once, in " +
                         std::to_string(kBuilds) + " parts between them");
        }
        report_.add(cpu);
        report_.add(clock);
        report_.add(fresh);
    }
    void cold_start() {
        if (!fs::exists(kReader)) {
            report_.note(std::string(kReader) + " is missing; ./dev bench search builds it");
            return;
        }
        write_file(folder_ / "query.f32", set_.queries()[0].data(), sizeof(Vector));
        Row row{.name = "cold_start_" + name(), .unit = "ms", .ours = {}};
        for (int i = 0; i < kCold; ++i) {
            row.ours.push_back(run_reader() / 1e6);
        }
        report_.add(row);
        row.name = "cold_start";
        cold_ = row;
    }
    const Row& cold() const { return cold_; }

  private:
    std::string name() const { return std::to_string(count_); }
    static memory::RowFilter near_zones() {
        memory::RowFilter filter;
        filter.zones = 3;  // 0 and 1: a fifth of the rows
        return filter;
    }

    // Every answer against the full scan; the peers read the truth that is found here.
    void verify() {
        std::vector<std::vector<Scored>> truth;
        for (std::size_t i = 0; i < queries_; ++i) {
            const Vector& query = set_.queries()[i];
            truth.push_back(set_.full_scan(query));
            const auto found = must(reader_->nearest(query, kBest));
            const bool all = same(found, truth.back());
            if (!all || (i % 10 == 0 && !same(must(reader_->nearest(query, kBest, near_zones())), set_.full_scan(query, 1)))) {
                must(fail(Code::Internal, "query " + std::to_string(i) + " of " + name() + " rows differs from the full scan"));
            }
        }
        set_.write_truth(truth);
        report_.add({.name = "recall_" + name(), .unit = "share", .lower_is_better = false, .ours = {1.0}});
    }

    std::optional<double> ask(const std::string& question) { return peer_ ? peer_->ask(question) : std::nullopt; }

    // Median microseconds of one turn of ours.
    double ours(std::size_t from, const memory::RowFilter& filter) {
        std::vector<double> times;
        for (std::size_t i = from; i < std::min(from + kTurn, queries_); ++i) {
            times.push_back(nanoseconds([&] { must(reader_->nearest(set_.queries()[i], kBest, filter)); }) / 1e3);
        }
        return median(times);
    }

    void compare(const std::string& row_name, const memory::RowFilter& filter, const std::string& engine,
                 const std::string& peer_name, const std::string& version, int turns_max = 1'000) {
        Row row{.name = row_name, .unit = "us", .ours = {}, .peer_name = peer_name, .peer_version = version};
        const bool has_peer = ask("open " + engine).has_value();
        ours(0, filter);
        const int rounds = count_ > 500'000 ? 1 : 3;
        for (int round = 0; round < rounds; ++round) {
            for (std::size_t from = 0; from < queries_ && turns_max > 0; from += kTurn, --turns_max) {
                row.ours.push_back(ours(from, filter));
                if (has_peer) {
                    if (const auto time = ask(engine + " " + std::to_string(from) + " " + std::to_string(kTurn))) {
                        row.peer.push_back(*time / 1e3);
                    }
                }
            }
        }
        report_.add(row);
    }

    // Until the first byte of its answer.
    double run_reader() {
        int answers[2];
        if (::pipe2(answers, O_CLOEXEC) != 0) {
            must(fail(Code::Internal, "no pipe for the reader"));
        }
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
        const std::string copy = set_.copy().string();
        const std::string query = (folder_ / "query.f32").string();
        const char* words[] = {kReader, copy.c_str(), query.c_str(), nullptr};
        pid_t process = -1;
        bool good = false;
        const double taken = nanoseconds([&] {
            good = ::posix_spawn(&process, kReader, &actions, nullptr, const_cast<char**>(words), environ) == 0;
            ::close(answers[1]);
            char byte = 0;
            good = good && ::read(answers[0], &byte, 1) == 1;
        });
        ::close(answers[0]);
        ::posix_spawn_file_actions_destroy(&actions);
        int status = -1;
        if (!good || ::waitpid(process, &status, 0) != process) {
            must(fail(Code::Internal, std::string(kReader) + " failed"));
        }
        return taken;
    }

    Report& report_;
    const fs::path folder_;
    VectorSet set_;
    const std::size_t count_;
    std::size_t queries_ = 0;
    std::unique_ptr<memory::DataSeaReader> reader_;
    std::unique_ptr<Peer> peer_;
    Row cold_;
};

}  // namespace
}  // namespace resonant::bench

int main(int count, char** arguments) {
    using namespace resonant::bench;
    bool with_peers = false;
    std::string wanted = "5562,110000,1000000";
    for (int i = 1; i < count; ++i) {
        with_peers |= std::strcmp(arguments[i], "--peers") == 0;
        if (std::strcmp(arguments[i], "--rows") == 0 && i + 1 < count) {
            wanted = arguments[++i];
        }
    }
    const fs::path folder = "build/search_data";
    make_seed(folder, "build/passages_search.jsonl", "bench/recall/pages.txt");
    Report report("search");
    pin_this_thread(kCore);
    if (with_peers && !fs::exists(kPeerPython)) {
        report.note("peers are absent: run scripts/setup.sh search_peers");
    }
    Row cold;
    for (const std::size_t rows : {5'562U, 110'000U, 1'000'000U}) {
        if (("," + wanted + ",").find("," + std::to_string(rows) + ",") == std::string::npos) {
            continue;
        }
        Measurement measurement(report, folder, rows, with_peers);
        measurement.exact();
        if (rows <= 110'000) {
            measurement.filtered();
            measurement.batch();
        }
        if (rows == 5'562) {
            measurement.sqlite();
        }
        if (rows <= 110'000) {  // of a million it takes half a minute each
            measurement.build(rows == 110'000 && with_peers);
        }
        if (rows == 110'000 && with_peers) {
            measurement.approximate();
        }
        if (rows == 110'000) {
            GalaxyMeasurement(report, folder).run();
        }
        measurement.cold_start();
        cold = measurement.cold();
    }
    if (!cold.ours.empty()) {
        report.add(cold);  // of the largest set: it does not depend on the number of rows
    }
    return report.print();
}
