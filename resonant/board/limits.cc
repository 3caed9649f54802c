#include "resonant/board/limits.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "resonant/base/ensure.h"
#include "resonant/board/limit_words.h"

namespace resonant::board {
namespace {

using Word = std::atomic<std::uint64_t>;

constexpr std::uint64_t kLimitsMagic = 0x324D494C4D575352;  // "RSWMLIM2"
constexpr std::uint64_t kLimitsVersion = 2;
constexpr std::size_t kReuseBatch = 1'024;  // idle rows freed by one look over the table

struct Row {
    Word breaker;
    Word window;
    Word denials;
    Word used_ns;     // wall clock of the last use, for reuse of the oldest
    Word generation;  // how often the row changed hands
    Word reserved[3];
};
static_assert(sizeof(Row) == 64);

struct Table {
    Word magic;
    Word version;
    Word epoch;
    Word rows;
    Word reserved[508];
    Row row[kLimitRows];
};
static_assert(sizeof(Table) == 4096 + std::size_t{kLimitRows} * 64);
static_assert(offsetof(Table, row) == 4096);

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
        return std::hash<std::string_view>{}(text);
    }
};

bool is_idle(const Row& row, Nanos now) {
    const BreakerReading breaker =
        Breaker::unpack(row.breaker.load(std::memory_order_relaxed)).read(now);
    const Window window = Window::unpack(row.window.load(std::memory_order_relaxed)).at(now);
    return breaker.state == BreakerState::Closed && breaker.failures == 0 && window.here == 0 &&
           window.before == 0;
}

void clear(Row& row, Nanos now) {
    row.breaker.store(0, std::memory_order_relaxed);
    row.window.store(0, std::memory_order_relaxed);
    row.denials.store(0, std::memory_order_relaxed);
    row.used_ns.store(static_cast<std::uint64_t>(now.count), std::memory_order_relaxed);
}

// When a row is freed and when it is given to a key: no handle of before holds. Ahead of clear(), so that
// who sees the new words sees the new number too.
void change_hands(Row& row) { row.generation.fetch_add(1, std::memory_order_acq_rel); }

}  // namespace

std::string_view name_of(BreakerState state) {
    switch (state) {
        case BreakerState::Closed: return "closed";
        case BreakerState::Open: return "open";
        case BreakerState::HalfOpen: return "half_open";
    }
    return "unknown";
}

struct LimitsTable::Inner {
    shm::Segment segment;
    Table* table;
    mutable std::mutex names;  // guards all below
    std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> rows;
    std::vector<std::string> keys;  // by row
    std::vector<bool> permanent;    // by row
    std::uint32_t permanent_count = 0;
    std::deque<std::uint32_t> reusable;  // free rows below keys.size(), oldest first

    explicit Inner(shm::Segment made)
        : segment(std::move(made)), table(reinterpret_cast<Table*>(segment.writable())) {}

    Row& at(std::uint32_t row) const {
        RESONANT_ENSURE(row < kLimitRows, "the table has 65,536 rows");
        return table->row[row];
    }

    // Frees idle rows, oldest first. O(rows), so it frees many at once.
    void free_idle(Nanos now) {
        std::vector<std::pair<std::uint64_t, std::uint32_t>> idle;
        for (std::uint32_t row = 0; row < kLimitRows; ++row) {
            if (!permanent[row] && is_idle(table->row[row], now)) {
                idle.emplace_back(table->row[row].used_ns.load(std::memory_order_relaxed), row);
            }
        }
        const std::size_t count = std::min(kReuseBatch, idle.size());
        std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count),
                          idle.end());
        for (std::size_t i = 0; i < count; ++i) {
            rows.erase(keys[idle[i].second]);
            keys[idle[i].second].clear();
            change_hands(table->row[idle[i].second]);
            reusable.push_back(idle[i].second);
        }
    }

    Result<std::uint32_t> find_or_make(std::string_view key, Nanos now) {
        if (const auto known = rows.find(key); known != rows.end()) {
            return known->second;
        }
        if (key.empty() || key.size() > kKeyBytesMax) {
            return fail(
                Code::InvalidArgument,
                fmt::format("limits: a key has 1 to {} bytes, not {}", kKeyBytesMax, key.size()));
        }
        if (keys.size() == kLimitRows && reusable.empty()) {
            free_idle(now);
        }
        std::uint32_t row = 0;
        if (keys.size() < kLimitRows) {
            row = static_cast<std::uint32_t>(keys.size());
            keys.emplace_back();
            permanent.push_back(false);
        } else if (!reusable.empty()) {
            row = reusable.front();
            reusable.pop_front();
        } else {
            return fail(
                Code::ResourceExhausted,
                fmt::format("limits: all {} rows have calls or penalties of the last minute, none "
                            "is left for `{}`; try again in a minute",
                            kLimitRows, key));
        }
        change_hands(table->row[row]);
        clear(table->row[row], now);
        keys[row] = key;
        rows.emplace(key, row);
        return row;
    }
};

LimitsTable::LimitsTable(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
LimitsTable::~LimitsTable() = default;

Result<std::unique_ptr<LimitsTable>> LimitsTable::create(std::uint64_t epoch) {
    RESONANT_ASSIGN(shm::Segment segment,
                    shm::Segment::create("resonant-limits", Bytes{sizeof(Table)}));
    std::unique_ptr<LimitsTable> limits(
        new LimitsTable(std::make_unique<Inner>(std::move(segment))));
    Table& table = *limits->inner_->table;
    table.epoch.store(epoch, std::memory_order_relaxed);
    table.rows.store(kLimitRows, std::memory_order_relaxed);
    table.version.store(kLimitsVersion, std::memory_order_relaxed);
    table.magic.store(kLimitsMagic, std::memory_order_release);
    return limits;
}

Result<std::uint32_t> LimitsTable::row(std::string_view key, Nanos now) {
    const std::lock_guard lock(inner_->names);
    return inner_->find_or_make(key, now);
}

Result<std::uint32_t> LimitsTable::permanent_row(std::string_view key, Nanos now) {
    const std::lock_guard lock(inner_->names);
    RESONANT_ASSIGN(const std::uint32_t row, inner_->find_or_make(key, now));
    if (!inner_->permanent[row]) {
        if (inner_->permanent_count == kPermanentRows) {
            return fail(Code::ResourceExhausted,
                        fmt::format("limits: {} permanent rows are taken, none is left for `{}`",
                                    kPermanentRows, key));
        }
        inner_->permanent[row] = true;
        ++inner_->permanent_count;
    }
    return row;
}

Result<LimitsTable::Handle> LimitsTable::handle(std::string_view key, Nanos now) {
    const std::lock_guard lock(inner_->names);
    RESONANT_ASSIGN(const std::uint32_t row, inner_->find_or_make(key, now));
    const std::uint64_t generation = inner_->at(row).generation.load(std::memory_order_relaxed);
    return Handle{row, static_cast<std::uint32_t>(generation)};
}

bool LimitsTable::holds(Handle handle) const {
    return static_cast<std::uint32_t>(inner_->at(handle.row).generation.load(std::memory_order_acquire)) ==
           handle.generation;
}

std::string LimitsTable::key(std::uint32_t row) const {
    const std::lock_guard lock(inner_->names);
    return row < inner_->keys.size() ? inner_->keys[row] : std::string();
}

LimitReading LimitsTable::peek(std::uint32_t row, std::uint32_t limit, Nanos now) const {
    return Window::unpack(inner_->at(row).window.load(std::memory_order_acquire)).read(limit, now);
}

LimitReading LimitsTable::take(std::uint32_t row, std::uint32_t limit, Nanos now) {
    Row& words = inner_->at(row);
    std::uint64_t word = words.window.load(std::memory_order_acquire);
    for (;;) {
        Window window = Window::unpack(word).at(now);
        LimitReading reading = window.read(limit, now);
        if (!reading.allowed) {
            return reading;
        }
        ++window.here;
        if (words.window.compare_exchange_weak(word, window.pack(), std::memory_order_acq_rel)) {
            words.used_ns.store(static_cast<std::uint64_t>(now.count), std::memory_order_relaxed);
            ++reading.used;
            return reading;
        }
    }
}

void LimitsTable::count_denial(std::uint32_t row) {
    inner_->at(row).denials.fetch_add(1, std::memory_order_relaxed);
}
std::uint64_t LimitsTable::denials(std::uint32_t row) const {
    return inner_->at(row).denials.load(std::memory_order_relaxed);
}

BreakerReading LimitsTable::read_breaker(std::uint32_t row, Nanos now) const {
    return Breaker::unpack(breaker_word(row)).read(now);
}

BreakerReading LimitsTable::enter(std::uint32_t row, const BreakerPolicy& policy, Nanos now) {
    Row& words = inner_->at(row);
    std::uint64_t word = words.breaker.load(std::memory_order_acquire);
    for (;;) {
        const Breaker breaker = Breaker::unpack(word);
        const BreakerReading reading = breaker.read(now);
        if (reading.state != BreakerState::HalfOpen ||
            words.breaker.compare_exchange_weak(word, breaker.probing(policy, now).pack(),
                                                std::memory_order_acq_rel)) {
            return reading;
        }
    }
}

BreakerState LimitsTable::settle(std::uint32_t row, bool success, const BreakerPolicy& policy,
                                 Nanos now) {
    Row& words = inner_->at(row);
    std::uint64_t word = words.breaker.load(std::memory_order_acquire);
    for (;;) {
        const Breaker next = Breaker::unpack(word).settled(success, policy, now);
        if (next.pack() == word) {
            return next.state;
        }
        if (words.breaker.compare_exchange_weak(word, next.pack(), std::memory_order_acq_rel)) {
            words.used_ns.store(static_cast<std::uint64_t>(now.count), std::memory_order_relaxed);
            return next.state;
        }
    }
}

void LimitsTable::reset_breaker(std::uint32_t row) {
    inner_->at(row).breaker.store(0, std::memory_order_release);
}
std::uint64_t LimitsTable::breaker_word(std::uint32_t row) const {
    return inner_->at(row).breaker.load(std::memory_order_acquire);
}

std::vector<LimitsTable::Saved> LimitsTable::save() const {
    const std::lock_guard lock(inner_->names);
    std::vector<Saved> saved;
    saved.reserve(inner_->rows.size());
    for (const auto& [key, row] : inner_->rows) {
        const Row& words = inner_->at(row);
        saved.push_back({key,
                         {words.breaker.load(std::memory_order_acquire),
                          words.window.load(std::memory_order_acquire),
                          words.denials.load(std::memory_order_relaxed),
                          words.used_ns.load(std::memory_order_relaxed), 0, 0}});
    }
    return saved;
}

void LimitsTable::restore(const std::vector<Saved>& saved, Nanos now) {
    const std::uint64_t latest_ms =
        static_cast<std::uint64_t>((now + kRestoredMax).count) / 1'000'000;
    const std::lock_guard lock(inner_->names);
    for (const Saved& entry : saved) {
        const Result<std::uint32_t> row = inner_->find_or_make(entry.key, now);
        if (!row) {
            continue;  // documented: what does not fit is left out
        }
        Breaker breaker = Breaker::unpack(entry.words[0]);
        if (breaker.state == BreakerState::HalfOpen) {
            breaker.state = BreakerState::Open;
        }
        breaker.until_ms = std::min(breaker.until_ms, latest_ms);
        Row& words = inner_->at(*row);
        words.breaker.store(breaker.pack(), std::memory_order_relaxed);
        words.window.store(entry.words[1], std::memory_order_relaxed);
        words.denials.store(entry.words[2], std::memory_order_relaxed);
        words.used_ns.store(std::min(entry.words[3], static_cast<std::uint64_t>(now.count)),
                            std::memory_order_relaxed);
    }
}

const shm::Segment& LimitsTable::segment() const { return inner_->segment; }

}  // namespace resonant::board
