// boost::lockfree::spsc_queue: one question ("oneway") a line on stdin, the median one-way time of
// an event of 56 bytes in ns on stdout. The writer runs on core 0, the reader on core 1.
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Body = std::array<std::uint64_t, 7>;

void pin(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core % std::max(1U, std::thread::hardware_concurrency()), &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

std::uint64_t now() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

double one_way() {
    constexpr std::size_t kPaced = 50'000;
    boost::lockfree::spsc_queue<Body> queue(65'535);
    std::vector<double> ways;
    ways.reserve(kPaced);
    std::atomic<bool> ready{false};
    std::jthread reader([&] {
        pin(1);
        ready = true;
        for (Body body{}; ways.size() < kPaced;) {
            if (queue.pop(body)) {
                ways.push_back(static_cast<double>(now() - body[0]));
            }
        }
    });
    pin(0);
    while (!ready) {
    }
    for (std::size_t i = 0; i < kPaced; ++i) {
        const std::uint64_t start = now();
        while (now() < start + 1'000) {
        }
        Body body{};
        body[0] = now();
        queue.push(body);
    }
    reader.join();
    std::ranges::nth_element(ways, ways.begin() + kPaced / 2);
    return ways[kPaced / 2];
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << (line == "oneway" ? one_way() : -1) << std::endl;
    }
}
