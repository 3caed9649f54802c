#include "resonant/board/state_board.h"

#include <fmt/format.h>

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

constexpr auto as_harmony = [](auto... words) { return Harmony{std::bit_cast<double>(words)...}; };
constexpr auto as_resonance = [](auto... words) { return Resonance{words...}; };

std::uint64_t bits_for(Field field, double value) {
    if (kind_of(field) == Kind::F64) {
        return std::bit_cast<std::uint64_t>(value);
    }
    // Outside of 0 .. 2^63 an integer word has no such number; the nearest it has is what is meant.
    const double whole = std::isnan(value) ? 0.0 : std::round(std::clamp(value, 0.0, 0x1p63));
    return static_cast<std::uint64_t>(whole);
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
    return std::bit_cast<double>(user[number - static_cast<std::size_t>(Field::UserFirst)]);
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

Harmony BoardView::harmony() const { return page_->harmony.make<Harmony>(as_harmony); }
Resonance BoardView::resonance() const { return page_->resonance.make<Resonance>(as_resonance); }
std::uint64_t BoardView::epoch() const { return page_->epoch.load(std::memory_order_relaxed); }

Snapshot BoardView::snapshot() const {
    Snapshot snapshot;
    snapshot.epoch = page_->epoch.load(std::memory_order_relaxed);
    snapshot.heartbeat_ns = page_->heartbeat_ns.load(std::memory_order_relaxed);
    snapshot.maturity_stage = page_->maturity_stage.load(std::memory_order_relaxed);
    snapshot.tick = page_->tick.load(std::memory_order_acquire);
    snapshot.harmony = harmony();
    snapshot.resonance = resonance();
    shm::copy_words(snapshot.breakers.data(), page_->breakers, kBreakerSlots);
    shm::copy_words(snapshot.counters.data(), page_->counters, kCounterSlots);
    shm::copy_words(snapshot.user.data(), page_->user, kUserFields);
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

void StateBoard::set(Field field, double value) { set_word(field, bits_for(field, value)); }

void StateBoard::set_word(Field field, std::uint64_t value) {
    RESONANT_ENSURE(is_field(field), "a field that is not in the table is not written");
    Page& page = *inner_->page;
    const auto number = static_cast<std::size_t>(field);
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

Result<Field> StateBoard::register_field(std::string_view name, std::string_view unit) {
    const std::string_view bare =
        name.starts_with(kUserPrefix) ? name.substr(kUserPrefix.size()) : name;
    if (!is_field_name(bare)) {
        return fail(
            Code::InvalidArgument,
            fmt::format("register field `{}`: a name is 1 to {} lower-case letters, digits and "
                        "underscores",
                        name.substr(0, 2 * kNameMax), kNameMax));
    }
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
    const auto field =
        static_cast<Field>(static_cast<std::size_t>(Field::UserFirst) + registered.size());
    registered.push_back({field, std::string(kUserPrefix) + std::string(bare), std::string(unit)});
    return field;
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
