// A Clearance names the types of events that a helper may have republished. It can be taken away at
// any moment, and counts from the next event on. A ClearancePolicy is the owner's word on who may ask
// for what; by default helpers get custom events only, so that none speaks for the kernel.
//
// Threads: any; a clearance's words are atomic, a policy is constant.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
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
    std::vector<ring::EventType> types() const;  // those allowed now

  private:
    static std::size_t word_of(ring::EventType type) { return static_cast<std::size_t>(type) / 64; }
    static std::uint64_t bit_of(ring::EventType type) {
        return std::uint64_t{1} << (static_cast<std::size_t>(type) % 64);
    }
    std::array<std::atomic<std::uint64_t>, (static_cast<std::size_t>(ring::EventType::Count) + 63) / 64> words_{};
};

struct ClearanceRule {
    std::string helper;                   // a name, or "*": every helper without a rule of its own
    std::vector<ring::EventType> events;  // what it may ask for; empty: nothing
};

class ClearancePolicy {
  public:
    explicit ClearancePolicy(std::vector<ClearanceRule> rules = {}) : rules_(std::move(rules)) {}

    // A clearance for exactly the types asked for. InvalidArgument for a helper's name that is not 1 to 31
    // plain characters; PermissionDenied when one of the types is more than the owner allows.
    Result<std::shared_ptr<Clearance>> clear(std::string_view helper, std::span<const ring::EventType> asked) const;

  private:
    std::span<const ring::EventType> allowed(std::string_view helper) const;

    std::vector<ClearanceRule> rules_;
};

// Letters, digits and _ . - : only, at least one.
bool is_plain(std::string_view name);

}  // namespace resonant::plane
