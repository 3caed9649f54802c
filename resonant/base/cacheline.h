// What different cores write is kept on different lines. 128 bytes: x86 fetches lines in pairs.
#pragma once

#include <cstddef>

namespace resonant {

inline constexpr std::size_t kCacheLine = 128;

// One value alone on its line.
template <typename T>
struct alignas(kCacheLine) Padded {
    T value{};
};

}  // namespace resonant
