// A Wheel holds deadlines of things that have a number. Arming and cancelling are O(1) and allocate nothing once
// the highest number was seen; a deadline moves down one level at most kLevels - 1 times. Sixteen bytes each.
//
// Belongs to one thread.
//
// Invariants:
//   (1) Nothing expires before its tick.
//   (2) What is armed and not cancelled is given out by advance() once.
//   (3) ticks_left() is never more than what is left until the next expiry: who sleeps no longer misses none.
//
// After Varghese and Lauck, Hashed and Hierarchical Timing Wheels (1987).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace resonant::net {

class Wheel {
  public:
    explicit Wheel(std::uint64_t now_tick);
    Wheel(const Wheel&) = delete;
    Wheel& operator=(const Wheel&) = delete;

    // Arms `number` for tick `due`, or re-arms it. What is due already expires at the next tick.
    void arm(std::uint32_t number, std::uint64_t due);
    void cancel(std::uint32_t number);
    bool is_armed(std::uint32_t number) const { return number < links_.size() && links_[number].next != kNone; }
    std::size_t armed() const { return armed_; }
    std::uint64_t now() const { return now_; }

    // Ticks until something is to be done, at least 1; 0 when nothing is armed. A far deadline has its list moved down first.
    std::uint64_t ticks_left() const;
    // Goes on to tick `until` and appends every number whose deadline is reached, in the order of ticks.
    void advance(std::uint64_t until, std::vector<std::uint32_t>& expired);

  private:
    static constexpr unsigned kBits = 6;
    static constexpr unsigned kLevels = 5;  // of 1 ms ticks: 12 days; farther ones pass the last level more than once
    static constexpr std::uint32_t kSlots = 1U << kBits;
    static constexpr std::uint32_t kMask = kSlots - 1;
    static constexpr std::uint32_t kHeads = kSlots * kLevels;
    static constexpr std::uint32_t kHead = 0x80000000;  // marks a link to a list's head
    static constexpr std::uint32_t kNone = 0xFFFFFFFF;

    struct Link {
        std::uint32_t next;
        std::uint32_t prev;
        std::uint64_t due;
    };

    Link& at(std::uint32_t link) { return (link & kHead) != 0 ? heads_[link & ~kHead] : links_[link]; }
    std::uint64_t next_at(unsigned level) const;
    void insert(std::uint32_t number, std::uint64_t due);
    void unlink(std::uint32_t number);
    void cascade(unsigned level);

    std::uint64_t now_;
    std::size_t armed_ = 0;
    std::array<std::uint64_t, kLevels> filled_{};  // a bit for each list that is not empty
    std::array<Link, kHeads> heads_;
    std::vector<Link> links_;
};

}  // namespace resonant::net
