// How values lie in the words of a board's page: groups as rows of words, and where a user field stands.
// Private to the board.
//
// Any thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "resonant/board/page.h"
#include "resonant/board/state_board.h"

namespace resonant::board {

inline std::array<std::uint64_t, 7> words_of(const Harmony& harmony) {
    return {std::bit_cast<std::uint64_t>(harmony.balance),
            std::bit_cast<std::uint64_t>(harmony.headroom),
            std::bit_cast<std::uint64_t>(harmony.swiftness),
            std::bit_cast<std::uint64_t>(harmony.reliability),
            std::bit_cast<std::uint64_t>(harmony.dharma),
            std::bit_cast<std::uint64_t>(harmony.accord),
            std::bit_cast<std::uint64_t>(harmony.energy)};
}

inline std::array<std::uint64_t, 8> words_of(const Resonance& resonance) {
    return {resonance.posture,   resonance.phase,    resonance.family,  resonance.predecessor,
            resonance.successor, resonance.quadrant, resonance.engines, resonance.updated_ns};
}

constexpr std::size_t place_of(Field field) {
    return static_cast<std::size_t>(field) - static_cast<std::size_t>(Field::UserFirst);
}
constexpr Field user_field(std::size_t place) {
    return static_cast<Field>(static_cast<std::size_t>(Field::UserFirst) + place);
}

// Number of the group of a user field, -1 for none.
inline int group_of(const Page& page, std::size_t place) {
    const std::uint64_t word = page.user_places[place / 16].load(std::memory_order_acquire);
    return std::min(static_cast<int>(word >> (place % 16 * 4) & 15), kUserGroups) - 1;
}
// Where in its group a field stands: behind those that were registered before it.
inline std::size_t place_in_group(const Page& page, std::size_t place) {
    const int group = group_of(page, place);
    std::size_t before = 0;
    for (std::size_t i = 0; i < place; ++i) {
        before += group_of(page, i) == group;
    }
    return before;
}

}  // namespace resonant::board
