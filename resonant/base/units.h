// Numbers that know their unit. A function that takes two numbers of one kind takes these instead.
//
// Any thread; plain values.
#pragma once

#include <compare>
#include <cstdint>

namespace resonant {

// A duration or a point in time, in nanoseconds. Points in time count from the Unix epoch (wall clock)
// or from boot (monotonic clock); the name of the variable says which.
struct Nanos {
    std::int64_t count = 0;

    constexpr auto operator<=>(const Nanos&) const = default;
    constexpr Nanos operator+(Nanos other) const { return {count + other.count}; }
    constexpr Nanos operator-(Nanos other) const { return {count - other.count}; }
    constexpr double seconds() const { return static_cast<double>(count) * 1e-9; }
};

constexpr Nanos from_seconds(double seconds) { return {static_cast<std::int64_t>(seconds * 1e9)}; }
constexpr Nanos from_millis(std::int64_t millis) { return {millis * 1'000'000}; }

struct Bytes {
    std::uint64_t count = 0;

    constexpr auto operator<=>(const Bytes&) const = default;
};

constexpr Bytes kibibytes(std::uint64_t n) { return {n * 1024}; }
constexpr Bytes mebibytes(std::uint64_t n) { return {n * 1024 * 1024}; }

}  // namespace resonant
