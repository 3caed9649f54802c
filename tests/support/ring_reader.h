// Helpers for tests that follow a ring.
#pragma once

#include <gtest/gtest.h>

#include "resonant/ring/subscription.h"

namespace resonant::test {

inline std::unique_ptr<ring::EventRing> made_ring(std::uint64_t epoch = 1) {
    Result<std::unique_ptr<ring::EventRing>> made = ring::EventRing::create(epoch);
    EXPECT_TRUE(made.has_value());
    return std::move(*made);
}

inline ring::Subscription follow(const shm::Segment& segment) {
    return *ring::Subscription::over(segment.data(), segment.size());
}
inline ring::Subscription follow(const shm::Segment& segment, std::uint64_t position) {
    return *ring::Subscription::over(segment.data(), segment.size(), position);
}

// An event in which every word is told by `number`, so that a torn one shows.
inline ring::Event numbered(std::uint64_t number) {
    ring::Event event;
    event.type = ring::EventType::ToolCompleted;
    event.tool = static_cast<std::uint32_t>(number);
    event.source = static_cast<std::uint32_t>(number * 7);
    event.at_ns = static_cast<std::int64_t>(number);
    event.data = {number, number + 1, number + 2, number + 3};
    if (number % 3 == 0) {
        ring::set_name(event,
                       "event " + std::to_string(number) + " of a test that gives it a long name");
    }
    return event;
}

inline bool same(const ring::Event& a, const ring::Event& b) {
    return a.type == b.type && a.lane == b.lane && a.source == b.source &&
           a.confidence == b.confidence && a.tool == b.tool && a.at_ns == b.at_ns &&
           a.data == b.data && a.name == b.name;
}

// Whether an event is one that numbered() made, whole.
inline bool is_whole(const ring::Event& event) { return same(event, numbered(event.data[0])); }

}  // namespace resonant::test
