// The Page is the StateBoard's 4096 bytes as they lie in memory, version 2, little endian. It is a
// contract with every reader in every language: docs/formats/board.md describes it.
//
// Threads and processes: the writing process through StateBoard, everybody else through BoardView.
//
// Invariants:
//   (1) What is written together lies together: a group write touches the words, one copy and the
//       line of the tick; counters, breakers and user fields have lines of their own.
//   (2) A field of a group (harmony, resonance, a user group) has its word, for readers of one field, and its place in a
//       group of two copies, for readers of the whole. A write changes the group first.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "resonant/board/fields.h"
#include "resonant/shm/two_copy.h"

namespace resonant::board {

inline constexpr std::uint64_t kBoardMagic = 0x3244524F424D5752;  // "RWMBORD2"
inline constexpr std::uint64_t kBoardVersion = 2;
inline constexpr std::size_t kPageBytes = 4096;

using Word = std::atomic<std::uint64_t>;

struct Page {
    Word magic;
    Word version;
    Word epoch;
    Word maturity_stage;
    Word user_kinds[2];   // 2 bits a user field: its Kind
    Word user_places[4];  // 4 bits a user field: 0, or its group + 1
    Word reserved_0[6];
    Word heartbeat_ns;
    Word tick;
    Word reserved_1[14];
    Word harmony_words[7];
    Word reserved_2;
    Word resonance_words[8];
    shm::TwoCopy<7> harmony;
    shm::TwoCopy<8> resonance;
    Word traffic[5];
    Word reserved_3[11];
    Word breakers[kBreakerSlots];
    Word counters[kCounterSlots];
    Word user[kUserFields];
    shm::TwoCopy<kUserGroupFields> user_groups[kUserGroups];
};

static_assert(sizeof(Page) == kPageBytes);
static_assert(Word::is_always_lock_free && sizeof(Word) == 8);
static_assert(offsetof(Page, epoch) == offset_of(Field::Epoch));
static_assert(offsetof(Page, maturity_stage) == offset_of(Field::MaturityStage));
static_assert(offsetof(Page, heartbeat_ns) == offset_of(Field::HeartbeatNs));
static_assert(offsetof(Page, tick) == offset_of(Field::Tick));
static_assert(offsetof(Page, harmony_words) == offset_of(Field::Balance));
static_assert(offsetof(Page, harmony_words[6]) == offset_of(Field::Energy));
static_assert(offsetof(Page, resonance_words) == offset_of(Field::Posture));
static_assert(offsetof(Page, resonance_words[7]) == offset_of(Field::UpdatedNs));
static_assert(offsetof(Page, harmony) == 384);
static_assert(offsetof(Page, resonance) == 576);
static_assert(offsetof(Page, traffic) == offset_of(Field::ErrorRate));
static_assert(offsetof(Page, traffic[4]) == offset_of(Field::KarmaDebt));
static_assert(offsetof(Page, breakers) == 1024);
static_assert(offsetof(Page, counters) == 1536);
static_assert(offsetof(Page, user) == offset_of(Field::UserFirst));
static_assert(offsetof(Page, user_kinds) == 32 && offsetof(Page, user_places) == 48);
static_assert(offsetof(Page, user_groups) == 2560);

}  // namespace resonant::board
