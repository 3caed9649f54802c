// The figures of the embedder, and a door to it for the reference test:
//
//     bench_embed [--peers] [--json]    one JSON document on stdout: rows sentence_16, batch_throughput
//     bench_embed --lines               a JSON string a line on stdin -> a JSON array of 384 a line
//
// The peer is the plain kernel of the same program (4 lanes, no fused multiply-add), interleaved.
#include <algorithm>
#include <iostream>
#include <thread>

#include "bench/report.h"
#include "resonant/json/json.h"
#include "resonant/memory/minilm_embedder.h"

namespace {

using resonant::bench::nanoseconds;
using resonant::memory::BatchOptions;
using resonant::memory::Kernels;
using resonant::memory::MiniLmEmbedder;
using resonant::Json;

constexpr int kRuns = 21;
constexpr const char* kPeer = "plain kernel of this program";

std::unique_ptr<MiniLmEmbedder> open_embedder(const Kernels& kernels) {
    auto embedder = MiniLmEmbedder::open(
        {.model_folder = resonant::memory::find_model_folder(), .cache_folder = {}, .kernels = &kernels});
    if (!embedder) {
        std::cerr << embedder.error().message << '\n';
        std::exit(1);
    }
    return std::move(*embedder);
}

// About `words` tokens of plain English; `seed` makes texts differ.
std::string passage(std::size_t words, std::size_t seed) {
    static constexpr std::array<const char*, 16> kWords{
        "the",  "process", "memory", "shared", "object", "maps",   "a",      "file",
        "into", "its",     "own",    "space",  "before", "another", "thread", "writes"};
    std::string text;
    for (std::size_t i = 0; i < words; ++i) {
        text += kWords[(seed * 7 + i * 5 + i / 3) % kWords.size()];
        text += ' ';
    }
    return text;
}

void must(const std::vector<resonant::Result<resonant::memory::Vector>>& results) {
    for (const auto& result : results) {
        if (!result) {
            std::cerr << result.error().message << '\n';
            std::exit(1);
        }
    }
}

int run_figures(bool with_peer) {
    const Kernels& kernels = resonant::memory::best_kernels();
    const auto ours = open_embedder(kernels);
    const auto peer = open_embedder(*resonant::memory::available_kernels().front());
    const std::string sentence = passage(14, 1);  // and [CLS], [SEP]
    std::vector<std::string> passages;
    for (std::size_t i = 0; i < 32; ++i) {
        passages.push_back(passage(78 + i * 40 / 31, i));  // 80 to 120 tokens
    }
    const BatchOptions batch{.threads = std::max(1U, std::thread::hardware_concurrency()), .niceness = 0};
    const auto milliseconds_one = [&](MiniLmEmbedder& embedder) {
        return nanoseconds([&] { must({embedder.embed(sentence)}); }) * 1e-6;
    };
    const auto passages_a_second = [&](MiniLmEmbedder& embedder) {
        const double taken = nanoseconds([&] { must(embedder.embed_many(passages, batch)); });
        return static_cast<double>(passages.size()) / taken * 1e9;
    };
    resonant::bench::Row single{
        .name = "sentence_16", .unit = "ms", .ours = {}, .peer_name = kPeer, .peer_version = "0.1"};
    resonant::bench::Row throughput{.name = "batch_throughput",
                                    .unit = "passages/s",
                                    .lower_is_better = false,
                                    .ours = {},
                                    .peer_name = kPeer,
                                    .peer_version = "0.1"};
    milliseconds_one(*ours);  // warms up: loads the model
    milliseconds_one(*peer);
    for (int run = 0; run < kRuns; ++run) {
        single.ours.push_back(milliseconds_one(*ours));
        if (with_peer) {
            single.peer.push_back(milliseconds_one(*peer));
        }
    }
    for (int run = 0; run < kRuns / 4; ++run) {
        throughput.ours.push_back(passages_a_second(*ours));
        if (with_peer) {
            throughput.peer.push_back(passages_a_second(*peer));
        }
    }
    std::cerr << "embed: kernel " << kernels.name << ", " << batch.threads << " threads for the batch\n";
    resonant::bench::Report report("embed");
    report.add(single);
    report.add(throughput);
    return report.print();
}

int run_lines() {
    const auto embedder = open_embedder(resonant::memory::best_kernels());
    for (std::string line; std::getline(std::cin, line);) {
        const auto vector = embedder->embed(Json::parse(line).get<std::string>());
        if (!vector) {
            std::cerr << vector.error().message << '\n';
            return 1;
        }
        std::cout << Json(*vector).dump() << '\n';
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (std::ranges::find(arguments, "--lines") != arguments.end()) {
        return run_lines();
    }
    return run_figures(std::ranges::find(arguments, "--peers") != arguments.end());
}
