#include "resonant/net/journal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace resonant::net {

namespace {

constexpr std::uint64_t kMagic = 0x4c4e524a534e4552;  // "RESNJRNL"
constexpr std::uint32_t kVersion = 1;
// Twice a line and a chunk: then a partial line that has to move never overlaps its new place.
constexpr std::size_t kChunk = 64 * 1024;
constexpr std::size_t kInputBytes = 2 * kLineMax + 2 * kChunk;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kGivenBack = 4 * kPage;  // so much cleared memory at once goes back to the system
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// States of a row.
constexpr std::uint32_t kFree = 0;
constexpr std::uint32_t kPrepared = 1;  // counts once `line` of the cursor has reached its own
constexpr std::uint32_t kOpen = 2;

struct Row {
    std::atomic<std::uint32_t> state;
    std::uint16_t line;  // the value of the cursor's line counter after its commit
    std::uint16_t length;
    char label[kLabelMax + 8];
};
static_assert(sizeof(Row) == 256);

struct Note {
    std::uint32_t length;
    char text[kNoteMax + 20];
};
static_assert(sizeof(Note) == 1024);

// The one word that commits: where the input begins and ends, and how many lines were taken (mod 2^16).
struct Cursor {
    std::uint32_t head;  // 24 bits
    std::uint32_t tail;  // 24 bits
    std::uint16_t line;

    static Cursor of(std::uint64_t word) {
        return {static_cast<std::uint32_t>(word & 0xffffff),
                static_cast<std::uint32_t>((word >> 24) & 0xffffff),
                static_cast<std::uint16_t>(word >> 48)};
    }
    std::uint64_t word() const {
        return std::uint64_t{head} | (std::uint64_t{tail} << 24) | (std::uint64_t{line} << 48);
    }
};
static_assert(kInputBytes < (1U << 24));

}  // namespace

struct JournalLayout {
    std::uint64_t magic;
    std::uint32_t version;
    std::atomic<std::uint32_t> mid_line;
    std::atomic<std::uint64_t> cursor;
    std::atomic<std::uint32_t> note;  // which of the two is valid
    std::atomic<std::uint32_t> discarding;
    char reserved[4096 - 32];
    Note notes[2];
    char padding[2048];
    Row rows[kOpenMax];
    char input[kInputBytes];
};
static_assert(offsetof(JournalLayout, notes) == 4096);
static_assert(offsetof(JournalLayout, rows) == 8192);
static_assert(offsetof(JournalLayout, input) == 8192 + kOpenMax * 256);
static_assert(offsetof(JournalLayout, input) % kPage == 0);

namespace {

Result<JournalLayout*> map(int fd) {
    void* address = mmap(nullptr, sizeof(JournalLayout), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
        return fail_errno("journal: map it", errno);
    }
    return static_cast<JournalLayout*>(address);
}

// Another process that still holds the mapping could move the cursor at any time, so every use bounds it.
Cursor bounded(const JournalLayout& layout) {
    Cursor cursor = Cursor::of(layout.cursor.load(std::memory_order_acquire));
    cursor.tail = std::min<std::uint32_t>(cursor.tail, kInputBytes);
    cursor.head = std::min(cursor.head, cursor.tail);
    return cursor;
}

std::size_t rows_within(off_t bytes) { return (static_cast<std::size_t>(bytes) + sizeof(Row) - 1) / sizeof(Row); }

std::string_view label_of(const Row& row) {
    return {row.label, std::min<std::size_t>(row.length, kLabelMax)};
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::create() {
    Descriptor memory(memfd_create("resonant-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory) {
        return fail_errno("journal: memfd_create", errno);
    }
    if (ftruncate(memory.get(), sizeof(JournalLayout)) != 0) {
        return fail_errno("journal: give it its size", errno);
    }
    if (fcntl(memory.get(), F_ADD_SEALS, kSeals) != 0) {
        return fail_errno("journal: seal its size", errno);
    }
    RESONANT_ASSIGN(JournalLayout * layout, map(memory.get()));
    layout->version = kVersion;
    layout->magic = kMagic;
    return std::unique_ptr<Journal>(new Journal(std::move(memory), layout));
}

Result<std::unique_ptr<Journal>> Journal::adopt(Descriptor memory) {
    const int seals = fcntl(memory.get(), F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) {
        return fail(Code::InvalidArgument,
                    "journal: the descriptor is no memfd sealed against growing and shrinking; "
                    "hand over one that Journal::create made");
    }
    struct stat facts {};
    if (fstat(memory.get(), &facts) != 0) {
        return fail_errno("journal: ask its size", errno);
    }
    if (facts.st_size != static_cast<off_t>(sizeof(JournalLayout))) {
        return fail(Code::InvalidArgument,
                    fmt::format("journal: it is {} bytes long, version {} has {}", facts.st_size,
                                kVersion, sizeof(JournalLayout)));
    }
    RESONANT_ASSIGN(JournalLayout * layout, map(memory.get()));
    auto journal = std::unique_ptr<Journal>(new Journal(std::move(memory), layout));
    if (layout->magic != kMagic || layout->version != kVersion) {
        return fail(Code::InvalidArgument,
                    fmt::format("journal: magic {:x} version {}; this program reads version {}",
                                layout->magic, layout->version, kVersion));
    }
    journal->recover();
    journal->memory_.reset();  // the mapping is all that is needed from now on
    return journal;
}

Journal::Journal(Descriptor memory, JournalLayout* layout)
    : memory_(std::move(memory)), layout_(layout) {
    for (std::size_t i = kOpenMax; i-- > 0;) {
        free_.push_back(static_cast<std::uint16_t>(i));
    }
}

Journal::~Journal() { munmap(layout_, sizeof(JournalLayout)); }

std::string_view Journal::input() const {
    const Cursor cursor = bounded(*layout_);
    return {layout_->input + cursor.head, cursor.tail - cursor.head};
}

void Journal::release(std::size_t from, std::size_t until) {
    // A hole reads as zeros and gives the pages back. The input begins on a page, and the mapping does.
    const std::size_t first = (from + kPage - 1) / kPage * kPage;
    const std::size_t last = until / kPage * kPage;
    if (last >= first + kGivenBack && madvise(layout_->input + first, last - first, MADV_REMOVE) == 0) {
        std::memset(layout_->input + from, 0, first - from);
        std::memset(layout_->input + last, 0, until - last);
    } else {
        std::memset(layout_->input + from, 0, until - from);
    }
}

// Rows up to here may have been written. A page that is a hole holds none, and looking at it would
// make it one of ours: sixteen pages a client. Needs the descriptor; without it every row may have been.
std::size_t Journal::rows_written() const {
    constexpr off_t kBegin = offsetof(JournalLayout, rows);
    constexpr off_t kEnd = offsetof(JournalLayout, input);
    off_t end = kBegin;  // of the pages that were written
    while (end < kEnd) {
        const off_t data = lseek(memory_.get(), end, SEEK_DATA);
        if (data >= kEnd || (data < 0 && errno == ENXIO)) {
            return rows_within(end - kBegin);
        }
        end = data < 0 ? kEnd : lseek(memory_.get(), data, SEEK_HOLE);
        end = end < 0 ? kEnd : end;
    }
    return kOpenMax;
}

std::span<char> Journal::room(std::size_t least) {
    Cursor cursor = bounded(*layout_);
    const std::uint32_t length = cursor.tail - cursor.head;
    if (length == 0 && cursor.head > 0) {
        release(0, cursor.tail);
        cursor = Cursor{0, 0, cursor.line};
        layout_->cursor.store(cursor.word(), std::memory_order_release);
    } else if (kInputBytes - cursor.tail < least && length < cursor.head) {
        // The old copy stays whole until the cursor moves, and a zero stands behind the new one.
        std::memcpy(layout_->input, layout_->input + cursor.head, length);
        release(length, cursor.head);
        const Cursor moved{0, length, cursor.line};
        layout_->cursor.store(moved.word(), std::memory_order_release);
        release(cursor.head, cursor.tail);
        cursor = moved;
    }
    const std::size_t size = std::min<std::size_t>(kInputBytes - cursor.tail, std::max(least, kChunk));
    return {layout_->input + cursor.tail, size};
}

void Journal::received(std::size_t bytes) {
    Cursor cursor = bounded(*layout_);
    // What fitted room() need not fit any more: the other process may have moved the cursor since.
    cursor.tail += static_cast<std::uint32_t>(std::min<std::size_t>(bytes, kInputBytes - cursor.tail));
    layout_->cursor.store(cursor.word(), std::memory_order_release);
}

void Journal::commit(std::size_t bytes) {
    Cursor cursor = bounded(*layout_);
    cursor.head += static_cast<std::uint32_t>(std::min<std::size_t>(bytes, cursor.tail - cursor.head));
    ++cursor.line;
    layout_->cursor.store(cursor.word(), std::memory_order_release);  // here the line crosses over
    for (const std::uint16_t row : prepared_) {
        layout_->rows[row].state.store(kOpen, std::memory_order_release);
    }
    prepared_.clear();
}

void Journal::recover() {
    Cursor cursor = bounded(*layout_);
    while (cursor.tail < kInputBytes && layout_->input[cursor.tail] != '\0') {
        ++cursor.tail;
    }
    layout_->cursor.store(cursor.word(), std::memory_order_release);
    release(cursor.tail, kInputBytes);
    free_.clear();
    prepared_.clear();
    rows_.clear();
    const std::size_t written = rows_written();
    for (std::size_t i = kOpenMax; i-- > 0;) {
        if (i >= written) {
            free_.push_back(static_cast<std::uint16_t>(i));
            continue;
        }
        Row& row = layout_->rows[i];
        const std::uint32_t state = row.state.load(std::memory_order_acquire);
        const bool open = state == kOpen || (state == kPrepared && row.line == cursor.line);
        row.state.store(open ? kOpen : kFree, std::memory_order_release);
        if (open) {
            rows_.emplace(label_of(row), static_cast<std::uint16_t>(i));
        } else {
            free_.push_back(static_cast<std::uint16_t>(i));
        }
    }
}

bool Journal::open(std::string_view label) {
    if (label.size() > kLabelMax || free_.empty()) {
        return false;
    }
    if (!rows_.emplace(label, free_.back()).second) {
        return true;
    }
    const std::uint16_t index = free_.back();
    free_.pop_back();
    prepared_.push_back(index);
    Row& row = layout_->rows[index];
    std::memcpy(row.label, label.data(), label.size());
    row.length = static_cast<std::uint16_t>(label.size());
    row.line = static_cast<std::uint16_t>(bounded(*layout_).line + 1);
    row.state.store(kPrepared, std::memory_order_release);
    return true;
}

void Journal::close(std::string_view label) {
    const auto found = rows_.find(std::string(label));
    if (found == rows_.end()) {
        return;
    }
    layout_->rows[found->second].state.store(kFree, std::memory_order_release);
    std::erase(prepared_, found->second);
    free_.push_back(found->second);
    rows_.erase(found);
}

void Journal::close_all() {
    for (const std::string& label : open_labels()) {
        close(label);
    }
}

std::vector<std::string> Journal::open_labels() const {
    std::vector<std::string> labels;
    for (const auto& [label, row] : rows_) {
        labels.push_back(label);
    }
    std::sort(labels.begin(), labels.end());
    return labels;
}

std::size_t Journal::open_count() const { return rows_.size(); }

void Journal::set_mid_line(bool mid_line) {
    layout_->mid_line.store(mid_line ? 1 : 0, std::memory_order_release);
}

bool Journal::mid_line() const { return layout_->mid_line.load(std::memory_order_acquire) != 0; }

void Journal::set_discarding(bool discarding) {
    layout_->discarding.store(discarding ? 1 : 0, std::memory_order_release);
}

bool Journal::discarding() const {
    return layout_->discarding.load(std::memory_order_acquire) != 0;
}

Status Journal::set_note(std::string_view text) {
    if (text.size() > kNoteMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("journal: a note of {} bytes, at most {}", text.size(), kNoteMax));
    }
    const std::uint32_t other = (layout_->note.load(std::memory_order_acquire) & 1U) ^ 1U;
    Note& note = layout_->notes[other];
    std::memcpy(note.text, text.data(), text.size());
    note.length = static_cast<std::uint32_t>(text.size());
    layout_->note.store(other, std::memory_order_release);
    return {};
}

std::string Journal::note() const {
    const Note& note = layout_->notes[layout_->note.load(std::memory_order_acquire) & 1U];
    return {note.text, std::min<std::size_t>(note.length, kNoteMax)};
}

}  // namespace resonant::net
