#include "resonant/runtime/channels.h"

#include <fmt/core.h>
#include <sys/epoll.h>

#include <bit>
#include <cstring>
#include <new>

#include "resonant/base/log.h"
#include "resonant/board/page.h"
#include "resonant/ipc/batch.h"
#include "resonant/json/json.h"
#include "resonant/memory/manifest.h"

namespace resonant::runtime {
namespace {

constexpr std::size_t kBoardTopic = 0;
constexpr std::size_t kBatchTopic = 1;

ipc::Services services() {
    return {.topics = {{.name = "board", .sample_max = Bytes{board::kPageBytes}, .history = 1, .buffer = 4},
                       {.name = "batches", .sample_max = mebibytes(1), .history = 8, .buffer = 8}},
            .guests_max = 4};
}

template <std::size_t Words>
void fill(board::Word (&words)[Words], shm::TwoCopy<Words>& group, const std::array<std::uint64_t, Words>& values) {
    for (std::size_t i = 0; i < Words; ++i) {
        words[i].store(values[i], std::memory_order_relaxed);
    }
    group.write(values);
}

// A page of our own out of a snapshot, so that every group in it is whole.
void compose(board::Page& page, const board::Snapshot& now) {
    page.version.store(board::kBoardVersion, std::memory_order_relaxed);
    page.epoch.store(now.epoch, std::memory_order_relaxed);
    page.maturity_stage.store(now.maturity_stage, std::memory_order_relaxed);
    page.heartbeat_ns.store(now.heartbeat_ns, std::memory_order_relaxed);
    page.tick.store(now.tick, std::memory_order_relaxed);
    fill(page.harmony_words, page.harmony, std::bit_cast<std::array<std::uint64_t, 7>>(now.harmony));
    fill(page.resonance_words, page.resonance, std::bit_cast<std::array<std::uint64_t, 8>>(now.resonance));
    for (std::size_t i = 0; i < now.breakers.size(); ++i) {
        page.breakers[i].store(now.breakers[i], std::memory_order_relaxed);
        page.counters[i].store(now.counters[i], std::memory_order_relaxed);
        page.user[i].store(now.user[i], std::memory_order_relaxed);
    }
    page.magic.store(board::kBoardMagic, std::memory_order_relaxed);
}
static_assert(board::kBreakerSlots == board::kCounterSlots && board::kBreakerSlots == board::kUserFields);

}  // namespace

Channels::Channels(net::Loop& loop, plane::KernelPlane& plane, const Home& home)
    : loop_(loop), plane_(plane), home_(home) {}

Channels::~Channels() {
    if (timer_ != 0) {
        loop_.cancel(timer_);
    }
    for (const auto& opened : opened_) {
        if (opened) {
            loop_.unwatch(opened->owner->descriptor());
        }
    }
}

Result<ipc::Place> Channels::open(ipc::Kind kind) {
    std::unique_ptr<Opened>& opened = opened_[static_cast<std::size_t>(kind)];
    if (opened) {
        return opened->root->place();
    }
    auto made = std::make_unique<Opened>();
    const std::filesystem::path base = ipc::base_for(home_.root).string() + (kind == ipc::Kind::Sealed ? "s" : "i");
    RESONANT_ASSIGN(made->root, ipc::Root::create(base, plane_.ring().epoch()));
    RESONANT_ASSIGN(made->owner, ipc::own(kind, made->root->place(), services()));
    RESONANT_CHECK(loop_.watch(made->owner->descriptor(), EPOLLIN, [this, owner = made->owner.get()](std::uint32_t) {
        const auto answered = owner->answer([this](std::string_view question) { return answer(question); });
        if (!answered) {
            log().warn("channel: {}", answered.error().message);
        }
    }));
    opened = std::move(made);
    in_use_[static_cast<std::size_t>(kind)].store(true);
    last_page_.clear();  // the newcomer's history begins with the board as it is
    manifest_time_ = {};
    publish_board();
    publish_batches();
    if (timer_ == 0) {
        schedule();
    }
    return opened->root->place();
}

std::vector<std::string> Channels::in_use() const {
    std::vector<std::string> names;
    for (const ipc::Kind kind : {ipc::Kind::Sealed, ipc::Kind::Iceoryx2}) {
        if (in_use_[static_cast<std::size_t>(kind)].load()) {
            names.emplace_back(ipc::name_of(kind));
        }
    }
    return names;
}

void Channels::schedule() {
    timer_ = loop_.after(kBoardPause, [this] {
        publish_board();
        publish_batches();
        if (const Nanos now = plane_.clock().monotonic(); now - reaped_ > kReapPause) {
            reaped_ = now;
            reap();
        }
        schedule();
    });
}

void Channels::publish_board() {
    std::vector<std::byte> page(board::kPageBytes);
    compose(*new (page.data()) board::Page{}, plane_.board().view().snapshot());
    if (page == last_page_) {
        return;
    }
    for (const auto& opened : opened_) {
        if (!opened) {
            continue;
        }
        const auto loan = opened->owner->loan(kBoardTopic, page.size());
        if (loan) {
            std::memcpy(loan->data(), page.data(), page.size());
        }
        if (!loan || !opened->owner->send(kBoardTopic) || !opened->owner->notify(kBoardNotice)) {
            log().warn("channel: the board could not be sent; the next change tries again");
        }
    }
    last_page_ = std::move(page);
}

void Channels::publish_batches() {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(home_.segments() / memory::kManifestFile, error);
    if (error || time == manifest_time_) {
        return;
    }
    manifest_time_ = time;
    const auto manifest = memory::read_manifest(home_.segments());
    if (!manifest || !*manifest) {
        return;  // damaged: the DataSea makes it anew
    }
    for (const auto& opened : opened_) {
        for (const memory::SegmentFacts& segment : (*manifest)->segments) {
            if (!opened || opened->batches.contains(segment.file)) {
                continue;
            }
            const ipc::FileReference file{std::filesystem::absolute(home_.segments() / segment.file).string(), 0,
                                          segment.bytes};
            if (ipc::publish_file(*opened->owner, kBatchTopic, file) && opened->owner->notify(kBatchNotice)) {
                opened->batches.insert(segment.file);
            }
        }
    }
}

void Channels::reap() {
    for (const auto& opened : opened_) {
        if (opened) {
            const auto reaped = opened->owner->reap();
            if (!reaped) {
                log().warn("channel: {}", reaped.error().message);
            }
        }
    }
}

std::string Channels::answer(std::string_view question) const {
    if (question == "epoch") {
        return fmt::format("{}", plane_.ring().epoch());
    }
    if (question == "fields") {
        Json fields = Json::array();
        for (const board::RegisteredField& field : plane_.board().registered()) {
            fields.push_back({{"name", field.name}, {"unit", field.unit}, {"number", static_cast<int>(field.field)}});
        }
        return json::dump(fields);
    }
    return "unknown question; known: epoch, fields";
}

}  // namespace resonant::runtime
