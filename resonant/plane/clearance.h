// A Clearance names the types of events that a helper may have republished. It can be taken away at
// any moment, and counts from the next event on.
//
// Threads: any; the words are atomic.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "resonant/ring/event.h"

namespace resonant::plane {

class Clearance {
  public:
    explicit Clearance(std::span<const ring::EventType> types) {
        for (const ring::EventType type : types) {
            words_[word_of(type)].fetch_or(bit_of(type), std::memory_order_relaxed);
        }
    }

    // None, the type of what is damaged or unknown, is never allowed.
    bool allows(ring::EventType type) const {
        return type != ring::EventType::None &&
               (words_[word_of(type)].load(std::memory_order_relaxed) & bit_of(type)) != 0;
    }
    void revoke(ring::EventType type) { words_[word_of(type)].fetch_and(~bit_of(type), std::memory_order_relaxed); }
    void revoke() {
        for (auto& word : words_) {
            word.store(0, std::memory_order_relaxed);
        }
    }

  private:
    static std::size_t word_of(ring::EventType type) { return static_cast<std::size_t>(type) / 64; }
    static std::uint64_t bit_of(ring::EventType type) {
        return std::uint64_t{1} << (static_cast<std::size_t>(type) % 64);
    }
    std::array<std::atomic<std::uint64_t>, (static_cast<std::size_t>(ring::EventType::Count) + 63) / 64> words_{};
};

}  // namespace resonant::plane
