#include "resonant/board/state_board.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <new>

#include "resonant/base/ensure.h"
#include "resonant/board/page_words.h"

namespace resonant::board {
namespace {

constexpr std::size_t kNameMax = 48;
constexpr std::string_view kUserPrefix = "user.";

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

void StateBoard::write(const Traffic& traffic) {
    const std::array<double, 5> values = {traffic.error_rate, traffic.latency_p95_s, traffic.calls_per_minute,
                                          traffic.violations, traffic.karma_debt};
    static_assert(sizeof(Page::traffic) == sizeof(values) && sizeof(Traffic) == sizeof(values));
    for (std::size_t i = 0; i < values.size(); ++i) {
        inner_->page->traffic[i].store(std::bit_cast<std::uint64_t>(values[i]), std::memory_order_release);
    }
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
