// Reading the board: BoardView and the snapshot it takes. Writing: state_board.cc.
#include <fmt/core.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "resonant/base/ensure.h"
#include "resonant/board/page_words.h"
#include "resonant/board/state_board.h"
#include "resonant/shm/words.h"

namespace resonant::board {

double Harmony::composite() const {
    return 0.15 * balance + 0.10 * headroom + 0.15 * swiftness + 0.20 * reliability + 0.15 * dharma +
           0.15 * accord + 0.10 * energy;
}

double Snapshot::field(Field field) const {
    const auto number = static_cast<std::size_t>(field);
    if (is_harmony(field)) {
        return std::bit_cast<double>(words_of(harmony)[number]);
    }
    if (is_resonance(field)) {
        return static_cast<double>(
            words_of(resonance)[number - static_cast<std::size_t>(Field::Posture)]);
    }
    switch (field) {
        case Field::Epoch: return static_cast<double>(epoch);
        case Field::HeartbeatNs: return static_cast<double>(heartbeat_ns);
        case Field::Tick: return static_cast<double>(tick);
        case Field::MaturityStage: return static_cast<double>(maturity_stage);
        case Field::ErrorRate: return traffic.error_rate;
        case Field::LatencySeconds: return traffic.latency_p95_s;
        case Field::CallsPerMinute: return traffic.calls_per_minute;
        case Field::Violations: return traffic.violations;
        case Field::KarmaDebt: return traffic.karma_debt;
        default: break;
    }
    RESONANT_ENSURE(is_field(field), "a field that is not in the table is not read");
    const std::size_t place = number - static_cast<std::size_t>(Field::UserFirst);
    const std::uint64_t kind = user_kinds[place / 32] >> (place % 32 * 2) & 3;
    return number_of(static_cast<Kind>(kind), user[place]);
}

Result<BoardView> BoardView::over(const void* page, std::size_t size_bytes) {
    const auto* words = static_cast<const Page*>(page);
    if (page == nullptr || size_bytes < kPageBytes) {
        return fail(Code::DataLoss, fmt::format("read a board: {} bytes are mapped, a board has {}",
                                                size_bytes, kPageBytes));
    }
    const std::uint64_t magic = words->magic.load(std::memory_order_acquire);
    const std::uint64_t version = words->version.load(std::memory_order_acquire);
    if (magic != kBoardMagic || version != kBoardVersion) {
        return fail(
            Code::DataLoss,
            fmt::format("read a board: magic {:#x} version {}, wanted {:#x} version {}; ask the "
                        "kernel for its board again",
                        magic, version, kBoardMagic, kBoardVersion));
    }
    return BoardView(words);
}

Traffic BoardView::traffic() const {
    return {field(Field::ErrorRate), field(Field::LatencySeconds), field(Field::CallsPerMinute),
            field(Field::Violations), field(Field::KarmaDebt)};
}

UserGroup BoardView::user_group(int group) const {
    RESONANT_ENSURE(group >= 0 && group < kUserGroups, "the board has 8 user groups");
    UserGroup found;
    for (unsigned i = 0; i < kUserFields && found.size < kUserGroupFields; ++i) {
        if (group_of(*page_, i) == group) {
            found.fields[static_cast<std::size_t>(found.size++)] = user_field(i);
        }
    }
    if (found.size > 0) {
        found.words = page_->user_groups[group].read();
    }
    return found;
}

namespace {

void copy_rows_anywhere(Snapshot& snapshot, const Page& page) {
    shm::copy_words(snapshot.breakers.data(), page.breakers, kBreakerSlots);
    shm::copy_words(snapshot.counters.data(), page.counters, kCounterSlots);
    shm::copy_words(snapshot.user.data(), page.user, kUserFields);
}

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
// By lines, with the barriers of shm/words.h: 8 ns where pieces of 16 bytes take 30.
[[gnu::target("avx512f")]] void copy_lines(std::uint64_t* target, const Word* source, int count) {
    for (int i = 0; i < count; i += 8) {
        _mm512_store_si512(target + i, _mm512_load_si512(source + i));
    }
}
void copy_rows_avx512(Snapshot& snapshot, const Page& page) {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    copy_lines(snapshot.breakers.data(), page.breakers, kBreakerSlots);
    copy_lines(snapshot.counters.data(), page.counters, kCounterSlots);
    copy_lines(snapshot.user.data(), page.user, kUserFields);
    std::atomic_signal_fence(std::memory_order_seq_cst);
}
auto copy_rows_here() {
    return __builtin_cpu_supports("avx512f") ? copy_rows_avx512 : copy_rows_anywhere;
}
#else
auto copy_rows_here() { return copy_rows_anywhere; }
#endif

}  // namespace

std::uint64_t BoardView::epoch() const { return page_->epoch.load(std::memory_order_relaxed); }

Snapshot BoardView::snapshot() const {
    Snapshot snapshot;
    snapshot.epoch = page_->epoch.load(std::memory_order_relaxed);
    snapshot.heartbeat_ns = page_->heartbeat_ns.load(std::memory_order_relaxed);
    snapshot.maturity_stage = page_->maturity_stage.load(std::memory_order_relaxed);
    snapshot.tick = page_->tick.load(std::memory_order_acquire);
    snapshot.harmony = harmony();
    snapshot.resonance = resonance();
    snapshot.traffic = traffic();
    copy_rows_here()(snapshot, *page_);
    snapshot.user_kinds = {page_->user_kinds[0].load(std::memory_order_relaxed),
                           page_->user_kinds[1].load(std::memory_order_relaxed)};
    const std::uint64_t grouped = page_->user_places[0].load(std::memory_order_relaxed) |
                                  page_->user_places[1].load(std::memory_order_relaxed) |
                                  page_->user_places[2].load(std::memory_order_relaxed) |
                                  page_->user_places[3].load(std::memory_order_relaxed);
    if (grouped != 0) [[unlikely]] {
        for (int group = 0; group < kUserGroups; ++group) {
            const UserGroup whole = user_group(group);
            for (std::size_t i = 0; i < static_cast<std::size_t>(whole.size); ++i) {
                snapshot.user[place_of(whole.fields[i])] = whole.words[i];
            }
        }
    }
    return snapshot;
}

}  // namespace resonant::board
