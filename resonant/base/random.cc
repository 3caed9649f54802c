#include "resonant/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <vector>

#include "resonant/base/ensure.h"

namespace resonant {

std::uint64_t Random::next() {
    std::uint64_t value = 0;
    fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

std::string Random::hex(std::size_t bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::vector<std::byte> raw(bytes);
    fill(raw);
    std::string text;
    text.reserve(bytes * 2);
    for (const std::byte b : raw) {
        text.push_back(kDigits[std::to_integer<unsigned>(b) >> 4]);
        text.push_back(kDigits[std::to_integer<unsigned>(b) & 15]);
    }
    return text;
}

void SystemRandom::fill(std::span<std::byte> target) {
    while (!target.empty()) {
        const ssize_t got = getrandom(target.data(), target.size(), 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        RESONANT_ENSURE(got > 0, "getrandom failed: no secrets can be made on this machine");
        target = target.subspan(static_cast<std::size_t>(got));
    }
}

void SeededRandom::fill(std::span<std::byte> target) {
    for (std::byte& b : target) {
        b = static_cast<std::byte>(engine_() & 0xff);
    }
}

}  // namespace resonant
