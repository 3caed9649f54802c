#include "resonant/board/state_board.h"

#include <fmt/format.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>

#include "resonant/base/ensure.h"
#include "resonant/shm/words.h"

namespace resonant::board {
namespace {

constexpr std::size_t kNameMax = 48;
constexpr std::string_view kUserPrefix = "user.";

std::array<std::uint64_t, 7> words_of(const Harmony& harmony) {
    return {std::bit_cast<std::uint64_t>(harmony.balance),
            std::bit_cast<std::uint64_t>(harmony.throughput),
            std::bit_cast<std::uint64_t>(harmony.latency),
            std::bit_cast<std::uint64_t>(harmony.error_rate),
            std::bit_cast<std::uint64_t>(harmony.dharma),
            std::bit_cast<std::uint64_t>(harmony.karma_debt),
            std::bit_cast<std::uint64_t>(harmony.energy)};
}

std::array<std::uint64_t, 8> words_of(const Resonance& resonance) {
    return {resonance.posture,   resonance.phase,    resonance.family,  resonance.predecessor,
            resonance.successor, resonance.quadrant, resonance.engines, resonance.updated_ns};
}

std::uint64_t bits_for(Kind kind, double value) {
    if (kind == Kind::F64) {
        return std::bit_cast<std::uint64_t>(value);
    }
    if (kind == Kind::I64) {
        constexpr double kEdge = 0x1.fffffffffffffp62;  // the largest double below 2^63
        return static_cast<std::uint64_t>(static_cast<std::int64_t>(
            std::isnan(value) ? 0.0 : std::round(std::clamp(value, -0x1p63, kEdge))));
    }
    // Outside of 0 .. 2^63 an integer word has no such number; the nearest it has is what is meant.
    const double whole = std::isnan(value) ? 0.0 : std::round(std::clamp(value, 0.0, 0x1p63));
    return static_cast<std::uint64_t>(whole);
}

constexpr std::size_t place_of(Field field) {
    return static_cast<std::size_t>(field) - static_cast<std::size_t>(Field::UserFirst);
}
constexpr Field user_field(std::size_t place) {
    return static_cast<Field>(static_cast<std::size_t>(Field::UserFirst) + place);
}

// Number of the group of a user field, -1 for none.
int group_of(const Page& page, std::size_t place) {
    const std::uint64_t word = page.user_places[place / 16].load(std::memory_order_acquire);
    return std::min(static_cast<int>(word >> (place % 16 * 4) & 15), kUserGroups) - 1;
}
// Where in its group a field stands: behind those that were registered before it.
std::size_t place_in_group(const Page& page, std::size_t place) {
    const int group = group_of(page, place);
    std::size_t before = 0;
    for (std::size_t i = 0; i < place; ++i) {
        before += group_of(page, i) == group;
    }
    return before;
}

void mark(Word& word, std::size_t shift, std::uint64_t bits) {
    word.store(word.load(std::memory_order_relaxed) | bits << shift, std::memory_order_release);
}

bool is_field_name(std::string_view name) {
    return !name.empty() && name.size() <= kNameMax &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
           });
}

}  // namespace

double Harmony::composite() const {
    return 0.15 * balance + 0.10 * throughput + 0.15 * latency + 0.20 * error_rate + 0.15 * dharma +
           0.15 * karma_debt + 0.10 * energy;
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

struct StateBoard::Inner {
    shm::Segment segment;
    Page* page;
    std::mutex groups;  // serialises group writes
    mutable std::mutex names;
    std::vector<RegisteredField> registered;

    explicit Inner(shm::Segment made)
        : segment(std::move(made)), page(new (segment.writable()) Page) {}

    void write_harmony(const std::array<std::uint64_t, 7>& words) {
        page->harmony.write(words);
        for (std::size_t i = 0; i < words.size(); ++i) {
            page->harmony_words[i].store(words[i], std::memory_order_relaxed);
        }
        count_write();
    }
    void write_resonance(const std::array<std::uint64_t, 8>& words) {
        page->resonance.write(words);
        for (std::size_t i = 0; i < words.size(); ++i) {
            page->resonance_words[i].store(words[i], std::memory_order_relaxed);
        }
        count_write();
    }
    // The words of a user group, changed by change(words), in one write.
    template <typename Change>
    void change_group(int group, const Change& change) {
        auto words = page->user_groups[group].read();
        change(words);
        page->user_groups[group].write(words);
        count_write();
    }
    void count_write() {
        page->tick.store(page->tick.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
};

StateBoard::StateBoard(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
StateBoard::~StateBoard() = default;

Result<std::unique_ptr<StateBoard>> StateBoard::create(std::uint64_t epoch) {
    RESONANT_ASSIGN(shm::Segment segment,
                    shm::Segment::create("resonant-board", Bytes{kPageBytes}));
    std::unique_ptr<StateBoard> board(new StateBoard(std::make_unique<Inner>(std::move(segment))));
    board->write(Harmony{});
    board->write(Resonance{});
    Page& page = *board->inner_->page;
    page.epoch.store(epoch, std::memory_order_relaxed);
    page.version.store(kBoardVersion, std::memory_order_relaxed);
    page.magic.store(kBoardMagic, std::memory_order_release);
    return board;
}

void StateBoard::write(const Harmony& harmony) {
    const std::lock_guard lock(inner_->groups);
    inner_->write_harmony(words_of(harmony));
}

void StateBoard::write(const Resonance& resonance) {
    const std::lock_guard lock(inner_->groups);
    inner_->write_resonance(words_of(resonance));
}

void StateBoard::heartbeat(std::uint64_t now_ns) {
    inner_->page->heartbeat_ns.store(now_ns, std::memory_order_relaxed);
}

void StateBoard::set(Field field, double value) {
    RESONANT_ENSURE(is_field(field), "a field that is not in the table is not written");
    set_word(field, bits_for(view().kind(field), value));
}

void StateBoard::set_word(Field field, std::uint64_t value) {
    RESONANT_ENSURE(is_field(field), "a field that is not in the table is not written");
    Page& page = *inner_->page;
    const auto number = static_cast<std::size_t>(field);
    if (is_user(field) && group_of(page, place_of(field)) >= 0) {
        const std::lock_guard lock(inner_->groups);
        inner_->change_group(group_of(page, place_of(field)), [&](auto& words) {
            words[place_in_group(page, place_of(field))] = value;
        });
        page.user[place_of(field)].store(value, std::memory_order_release);
        return;
    }
    if (!is_harmony(field) && !is_resonance(field)) {
        auto* bytes = reinterpret_cast<std::byte*>(&page) + offset_of(field);
        reinterpret_cast<Word*>(bytes)->store(value, std::memory_order_release);
        return;
    }
    const std::lock_guard lock(inner_->groups);
    if (is_harmony(field)) {
        auto words = page.harmony.read();
        words[number] = value;
        inner_->write_harmony(words);
    } else {
        auto words = page.resonance.read();
        words[number - static_cast<std::size_t>(Field::Posture)] = value;
        inner_->write_resonance(words);
    }
}

void StateBoard::set_breaker(int slot, std::uint64_t word) {
    RESONANT_ENSURE(slot >= 0 && slot < kBreakerSlots, "the board has 64 breaker words");
    inner_->page->breakers[slot].store(word, std::memory_order_release);
}

std::uint64_t StateBoard::add_counter(int slot, std::uint64_t by) {
    RESONANT_ENSURE(slot >= 0 && slot < kCounterSlots, "the board has 64 counters");
    return inner_->page->counters[slot].fetch_add(by, std::memory_order_relaxed) + by;
}

Status StateBoard::set_together(std::span<const FieldValue> values) {
    Page& page = *inner_->page;
    int group = -1;
    for (const FieldValue& each : values) {
        RESONANT_ENSURE(is_field(each.field), "a field that is not in the table is not written");
        const int own = is_user(each.field) ? group_of(page, place_of(each.field)) : -1;
        if (own < 0 || (group >= 0 && own != group)) {
            return fail(Code::InvalidArgument,
                        "set board fields together: they are not all of one user group; set them "
                        "one by one, or register them with the same group");
        }
        group = own;
    }
    if (group < 0) {
        return {};
    }
    const std::lock_guard lock(inner_->groups);
    inner_->change_group(group, [&](auto& words) {
        for (const FieldValue& each : values) {
            words[place_in_group(page, place_of(each.field))] =
                bits_for(view().kind(each.field), each.value);
        }
    });
    for (const FieldValue& each : values) {
        page.user[place_of(each.field)].store(bits_for(view().kind(each.field), each.value),
                                              std::memory_order_release);
    }
    return {};
}

namespace {

Result<std::string_view> bare_name(std::string_view what, std::string_view name) {
    const std::string_view bare =
        name.starts_with(kUserPrefix) ? name.substr(kUserPrefix.size()) : name;
    if (!is_field_name(bare)) {
        return fail(
            Code::InvalidArgument,
            fmt::format("register {} `{}`: a name is 1 to {} lower-case letters, digits and "
                        "underscores",
                        what, name.substr(0, 2 * kNameMax), kNameMax));
    }
    return bare;
}

// The number that a group of this name has or would get, checked for room.
Result<int> group_for(const std::vector<RegisteredField>& registered, const std::string& name) {
    int groups = 0;
    int members = 0;
    int found = -1;
    for (const RegisteredField& known : registered) {
        groups = std::max(groups, known.group + 1);
        if (known.group_name == name) {
            found = known.group;
            ++members;
        }
        if (known.name == name) {
            return fail(Code::AlreadyExists,
                        fmt::format("register group {}: a field has that name", name));
        }
    }
    if (members == kUserGroupFields) {
        return fail(Code::ResourceExhausted, fmt::format("register a field of group {}: it has {} fields already, the most",
                                                         name, kUserGroupFields));
    }
    if (found < 0 && groups == kUserGroups) {
        return fail(Code::ResourceExhausted,
                    fmt::format("register group {}: all {} groups are taken until the kernel starts again", name, kUserGroups));
    }
    return found < 0 ? groups : found;
}

}  // namespace

Result<Field> StateBoard::register_field(std::string_view name, std::string_view unit,
                                         const FieldOptions& options) {
    RESONANT_ASSIGN(const std::string_view bare, bare_name("field", name));
    if (find(bare)) {
        return fail(Code::AlreadyExists,
                    fmt::format("register field {}: the board has a field of that name", bare));
    }
    const std::lock_guard lock(inner_->names);
    std::vector<RegisteredField>& registered = inner_->registered;
    if (registered.size() == static_cast<std::size_t>(kUserFields)) {
        return fail(Code::ResourceExhausted,
                    fmt::format("register field {}: all {} user fields are taken until the kernel "
                                "starts again",
                                bare, kUserFields));
    }
    RegisteredField made{user_field(registered.size()), std::string(kUserPrefix) + std::string(bare),
                         std::string(unit), options.kind, -1, ""};
    if (!options.group.empty()) {
        RESONANT_ASSIGN(const std::string_view group, bare_name("group", options.group));
        made.group_name = std::string(kUserPrefix) + std::string(group);
        RESONANT_ASSIGN(made.group, group_for(registered, made.group_name));
    }
    for (const RegisteredField& known : registered) {
        if (known.group_name == made.name) {
            return fail(Code::AlreadyExists, fmt::format("register field {}: a group has that name", bare));
        }
    }
    const std::size_t place = registered.size();
    mark(inner_->page->user_kinds[place / 32], place % 32 * 2, static_cast<std::uint64_t>(options.kind));
    if (made.group >= 0) {
        mark(inner_->page->user_places[place / 16], place % 16 * 4, static_cast<std::uint64_t>(made.group + 1));
    }
    registered.push_back(std::move(made));
    return registered.back().field;
}

std::vector<RegisteredField> StateBoard::registered() const {
    const std::lock_guard lock(inner_->names);
    return inner_->registered;
}

std::optional<Field> StateBoard::find(std::string_view name) const {
    if (const std::optional<Field> built_in = find_field(name)) {
        return built_in;
    }
    const std::lock_guard lock(inner_->names);
    for (const RegisteredField& known : inner_->registered) {
        if (name == known.name || name == std::string_view(known.name).substr(kUserPrefix.size())) {
            return known.field;
        }
    }
    return std::nullopt;
}

BoardView StateBoard::view() const { return *BoardView::over(inner_->page, kPageBytes); }
const shm::Segment& StateBoard::segment() const { return inner_->segment; }

}  // namespace resonant::board
