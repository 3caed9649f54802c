// The figures of the embedder, and a door to it for the reference test:
//
//     bench_embed [--peers] [--json]    one JSON document on stdout: rows sentence_16, batch_throughput
//     bench_embed --lines               a JSON string a line on stdin -> a JSON array of 384 a line
//
// The peer is the plain kernel of the same program (4 lanes, no fused multiply-add), interleaved.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "resonant/memory/minilm_embedder.h"

namespace {

using resonant::memory::BatchOptions;
using resonant::memory::Kernels;
using resonant::memory::MiniLmEmbedder;
using Json = nlohmann::json;

constexpr int kRuns = 21;

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

double milliseconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

struct Samples {
    std::vector<double> ours;
    std::vector<double> peer;
};

Json row(const std::string& name, const std::string& unit, bool lower_is_better, Samples samples) {
    std::ranges::sort(samples.ours);
    std::ranges::sort(samples.peer);
    const auto median = [](const std::vector<double>& v) { return v[v.size() / 2]; };
    Json out{{"name", name},
             {"unit", unit},
             {"better", lower_is_better ? "lower" : "higher"},
             {"min", samples.ours.front()},
             {"p50", median(samples.ours)},
             {"peer", nullptr},
             {"peer_version", nullptr},
             {"peer_p50", nullptr},
             {"ratio", nullptr}};
    if (!samples.peer.empty()) {
        out["peer"] = "plain kernel";
        out["peer_version"] = "this program";
        out["peer_p50"] = median(samples.peer);
        out["ratio"] = median(samples.ours) / median(samples.peer);
    }
    return out;
}

Json machine(std::string_view kernel) {
    std::ifstream info("/proc/cpuinfo");
    std::string model = "unknown";
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    }
    return {{"cpu", model}, {"cores", std::thread::hardware_concurrency()}, {"kernel", kernel}};
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
    const auto one = [&](MiniLmEmbedder& embedder) {
        return milliseconds([&] { must({embedder.embed(sentence)}); });
    };
    const auto many = [&](MiniLmEmbedder& embedder) {
        const double taken = milliseconds([&] { must(embedder.embed_many(passages, batch)); });
        return static_cast<double>(passages.size()) / taken * 1000;
    };
    one(*ours);
    one(*peer);
    Samples single, throughput;
    for (int i = 0; i < kRuns; ++i) {
        single.ours.push_back(one(*ours));
        if (with_peer) {
            single.peer.push_back(one(*peer));
        }
    }
    for (int i = 0; i < kRuns / 4; ++i) {
        throughput.ours.push_back(many(*ours));
        if (with_peer) {
            throughput.peer.push_back(many(*peer));
        }
    }
    const Json document{{"subject", "embed"},
                        {"machine", machine(kernels.name)},
                        {"rows", {row("sentence_16", "ms", true, single),
                                  row("batch_throughput", "passages/s", false, throughput)}}};
    std::cout << document.dump(2) << '\n';
    return 0;
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
