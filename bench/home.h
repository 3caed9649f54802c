// A BenchHome is a fresh home in the temporary folder, with a policy that raises the limits and skips no
// stage; it is gone afterwards. must() and give_up() end a benchmark with words.
//
// Belongs to one thread.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "resonant/base/random.h"
#include "resonant/runtime/home.h"

namespace resonant::bench {

[[noreturn]] inline void give_up(const std::string& words) {
    std::fprintf(stderr, "bench: %s\n", words.c_str());
    std::exit(1);
}

template <typename T>
T must(Result<T> result) {
    if (!result) {
        give_up(result.error().message);
    }
    return std::move(*result);
}

class BenchHome {
  public:
    // board.read keeps a limit of one call a minute, so that its second call is a denial.
    static constexpr const char* kPolicy = R"(
version: 1
limits:
  agent_calls_per_minute: 10000000
  tools: {"board.read": 1, "*": 10000000}
)";

    BenchHome()
        : home_(must(runtime::open_home(
              std::filesystem::temp_directory_path() / ("resonant-bench-" + random_.hex(8)), random_))) {
        std::filesystem::create_directories(home_.policy());
        std::ofstream(home_.policy() / "10-bench.yaml") << kPolicy;
    }
    BenchHome(const BenchHome&) = delete;
    BenchHome& operator=(const BenchHome&) = delete;
    ~BenchHome() { std::filesystem::remove_all(home_.root); }
    const runtime::Home& home() const { return home_; }

  private:
    SystemRandom random_;
    runtime::Home home_;
};

}  // namespace resonant::bench
