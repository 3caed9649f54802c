// The figures of the embedder, and a door to it for the reference test:
//
//     bench_embed [--peers] [--json]    one JSON document on stdout:
//         sentence_16        ms            one sentence of 16 tokens
//         batch_throughput   passages/s    32 passages of 80 to 120 tokens, a thread a core
//         cosine_least                     of ours to the float32 encoder's vectors, over those texts
//     bench_embed --lines [--f32]       a JSON string a line on stdin -> a JSON array of 384 a line
//
// The peer is this program's encoder in float32 with the best kernels that the machine has, interleaved.
#include <fmt/core.h>

#include <algorithm>
#include <iostream>
#include <numeric>
#include <thread>

#include "bench/report.h"
#include "resonant/json/json.h"
#include "resonant/embed/minilm_embedder.h"

namespace {

using resonant::bench::nanoseconds;
using resonant::embed::BatchOptions;
using resonant::embed::Kernels;
using resonant::embed::MiniLmEmbedder;
using resonant::Json;

constexpr int kRuns = 21;
constexpr const char* kPeer = "float32 encoder of this program";

std::unique_ptr<MiniLmEmbedder> open_embedder(const Kernels& kernels) {
    auto embedder = MiniLmEmbedder::open(
        {.model_folder = resonant::embed::find_model_folder(), .cache_folder = {}, .kernels = &kernels});
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

void must(const std::vector<resonant::Result<resonant::Vector>>& results) {
    for (const auto& result : results) {
        if (!result) {
            std::cerr << result.error().message << '\n';
            std::exit(1);
        }
    }
}

int run_figures(bool with_peer) {
    const Kernels& kernels = resonant::embed::best_kernels();
    const auto ours = open_embedder(kernels);
    const Kernels& peer_kernels = resonant::embed::best_float32_kernels();
    const auto peer = open_embedder(peer_kernels);
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
        .name = "sentence_16", .unit = "ms", .ours = {}, .peer_name = kPeer,
        .peer_version = std::string(peer_kernels.name)};
    resonant::bench::Row throughput{.name = "batch_throughput",
                                    .unit = "passages/s",
                                    .lower_is_better = false,
                                    .ours = {},
                                    .peer_name = kPeer,
                                    .peer_version = std::string(peer_kernels.name)};
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
    resonant::bench::Row cosine{.name = "cosine_least", .unit = "", .lower_is_better = false, .ours = {}};
    passages.push_back(sentence);
    for (const std::string& text : passages) {
        const auto a = ours->embed(text);
        const auto b = peer->embed(text);
        must({a, b});
        cosine.ours.push_back(std::inner_product(a->begin(), a->end(), b->begin(), 0.0));
    }
    cosine.ours = {*std::ranges::min_element(cosine.ours)};
    resonant::bench::Report report("embed");
    report.note(fmt::format("kernel {}, precision {}, {} threads for the batch", kernels.name,
                            name_of(kernels.precision), batch.threads));
    report.add(single);
    report.add(throughput);
    report.add(cosine);
    return report.print();
}

int run_lines(const Kernels& kernels) {
    const auto embedder = open_embedder(kernels);
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
        const bool wants_float32 = std::ranges::find(arguments, "--f32") != arguments.end();
        return run_lines(wants_float32 ? resonant::embed::best_float32_kernels()
                                       : resonant::embed::best_kernels());
    }
    return run_figures(std::ranges::find(arguments, "--peers") != arguments.end());
}
