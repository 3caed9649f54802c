// The StateBoard is the 4096-byte page that tells a swarm how it is: seven harmony scores and what
// they are made of, the resonance of the last call, breaker words, counters, user fields. One process writes it;
// everybody may read it, a word in one load, the whole page without ever waiting. (Seed:
// StateBoard, StateBoardReader.)
//
// Threads and processes: any thread of the one writing process writes (group writes are serialised
// by a mutex in that process); any thread of any process reads.
//
// Invariants:
//   (1) A word is read in one atomic load, a group (harmony, resonance) whole, a snapshot with each
//       group whole; groups are not simultaneous.
//   (2) No reader waits, whatever the writer does or whenever it dies (shm/two_copy.h).
//   (3) A group's words and the group agree whenever no write is under way.
//   (4) Reading and writing allocate nothing.
//
// Memory ordering: a load of a word is relaxed, it promises that word and nothing else. A group
// read sees everything its writer did before writing that group.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/board/fields.h"
#include "resonant/board/page.h"
#include "resonant/shm/segment.h"

namespace resonant::board {

struct Harmony {  // scores, each 0 (bad) .. 1 (good)
    double balance = 1, headroom = 1, swiftness = 1, reliability = 1, dharma = 1, accord = 1,
           energy = 1;
    double composite() const;  // weights .15 .10 .15 .20 .15 .15 .10
};

// What the scores are made of, as it was measured over the last five minutes; see fields.h. Each is a word by itself.
struct Traffic {
    double error_rate = 0, latency_p95_s = 0, calls_per_minute = 0, violations = 0, karma_debt = 0;
};

struct Resonance {
    std::uint64_t posture = 0;      // guna: 0 sattvic, 1 rajasic, 2 tamasic
    std::uint64_t phase = 0;        // wu xing: 0 wood, 1 fire, 2 earth, 3 metal, 4 water
    std::uint64_t family = 0;       // 1..28, 0 before the first call
    std::uint64_t predecessor = 0;  // family of the call before
    std::uint64_t successor = 0;    // next family in the circle
    std::uint64_t quadrant = 0;     // 0 east .. 3 north
    std::uint64_t engines = 0;      // mask of 28
    std::uint64_t updated_ns = 0;
};

static_assert(sizeof(Harmony) == 7 * 8 && sizeof(Resonance) == 8 * 8);  // the words of their groups

// One consistent look at the page: each group whole, groups not simultaneous.
struct Snapshot {
    std::uint64_t epoch = 0;
    std::uint64_t heartbeat_ns = 0;
    std::uint64_t tick = 0;  // group writes so far
    std::uint64_t maturity_stage = 0;
    Harmony harmony;
    Resonance resonance;
    Traffic traffic;
    // On lines of their own, as in the page; not cleared first: snapshot() fills all.
    alignas(64) std::array<std::uint64_t, kBreakerSlots> breakers;
    std::array<std::uint64_t, kCounterSlots> counters;
    std::array<std::uint64_t, kUserFields> user;  // bits of their kinds; a group's are from one write
    std::array<std::uint64_t, 2> user_kinds{};

    // The field as a number, as BoardView::field() gives it.
    double field(Field field) const;
};

// The fields of a user group in the order of their registration, and their bits from one write.
struct UserGroup {
    int size = 0;
    std::array<Field, kUserGroupFields> fields{};
    std::array<std::uint64_t, kUserGroupFields> words{};
};

// Reads a mapped page. Valid as long as its segment.
class BoardView {
  public:
    // DataLoss when magic, version or size are wrong.
    static Result<BoardView> over(const void* page, std::size_t size_bytes);

    // The field as a number, integers too. One load; `field` is one that is_field() accepts.
    double field(Field field) const {
        return number_of(kind(field), word(field));
    }
    Kind kind(Field field) const {
        if (!is_user(field)) {
            return kind_of(field);
        }
        const auto place = static_cast<unsigned>(field) - static_cast<unsigned>(Field::UserFirst);
        const auto bits =
            page_->user_kinds[place / 32].load(std::memory_order_relaxed) >> (place % 32 * 2) & 3;
        return static_cast<Kind>(bits == 3 ? 0 : bits);
    }
    // The field's bits. One load.
    std::uint64_t word(Field field) const {
        const auto* bytes = reinterpret_cast<const std::byte*>(page_) + offset_of(field);
        return reinterpret_cast<const Word*>(bytes)->load(std::memory_order_relaxed);
    }
    // Whole: seven words and their version are one line, read in a few wide loads. Into `target`, for
    // who looks often, or as a value.
    [[gnu::always_inline]] void harmony(Harmony& target) const { page_->harmony.read(target); }
    Harmony harmony() const {
        Harmony whole;
        harmony(whole);
        return whole;
    }
    Resonance resonance() const {
        Resonance whole;
        page_->resonance.read(whole);
        return whole;
    }
    Traffic traffic() const;
    UserGroup user_group(int group) const;  // whole; size 0 when no field is in it
    Snapshot snapshot() const;
    std::uint64_t epoch() const;
    const void* page() const { return page_; }

  private:
    explicit BoardView(const Page* page) : page_(page) {}
    const Page* page_;
};

// A user field as it was registered.
struct RegisteredField {
    Field field{};
    std::string name;  // "user.queue_depth"
    std::string unit;
    Kind kind = Kind::F64;
    int group = -1;          // number of its group, -1: none
    std::string group_name;  // "user.queue"
};
struct FieldOptions {
    Kind kind = Kind::F64;
    std::string_view group;  // fields of one group are read whole; empty: none
};
struct FieldValue {
    Field field{};
    double value = 0;
};

class StateBoard {
  public:
    // Makes the page in a fresh sealed segment.
    static Result<std::unique_ptr<StateBoard>> create(std::uint64_t epoch);
    StateBoard(const StateBoard&) = delete;
    StateBoard& operator=(const StateBoard&) = delete;
    ~StateBoard();

    void write(const Harmony& harmony);
    void write(const Traffic& traffic);
    void write(const Resonance& resonance);
    void heartbeat(std::uint64_t now_ns);
    // Pokes one word: for tests, user fields and operators. A harmony or resonance field is changed
    // in its group, so that every reader sees it. set() rounds integers; set_word() takes the bits.
    void set(Field field, double value);
    void set_word(Field field, std::uint64_t value);
    void set_breaker(int slot, std::uint64_t word);
    std::uint64_t add_counter(int slot, std::uint64_t by = 1);
    // Registers a user field, a number; its Field can be read and watched like the others. Names (of
    // groups too) are lower-case letters, digits and underscores, at most 48, with or without "user."
    // before it. InvalidArgument, AlreadyExists (also when a built-in field has that last part),
    // ResourceExhausted (64 fields, 8 groups, 7 fields a group).
    Result<Field> register_field(std::string_view name, std::string_view unit,
                                 const FieldOptions& options = {});
    // Changes fields of one user group in one write: a reader of the group sees all or none.
    // InvalidArgument when they are of different groups, or of none and more than one.
    Status set_together(std::span<const FieldValue> values);
    // Registered user fields, in the order of their registration.
    std::vector<RegisteredField> registered() const;
    // Built-in and registered fields by name, also by the bare last part.
    std::optional<Field> find(std::string_view name) const;

    BoardView view() const;
    const shm::Segment& segment() const;

  private:
    struct Inner;
    explicit StateBoard(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

}  // namespace resonant::board
