// A Journal is the small shared memory (a sealed memfd) in which one line connection keeps what would
// be lost with the kernel: input that was read but not yet taken, the ids that wait for an answer, and a
// note of what both sides agreed on. The waiting process (`resonant mcp`) makes it and survives the
// kernel; the kernel writes it. Layout: docs/formats/wire.md.
//
// Processes: one writes at a time; the other should look only after the writer's socket hung up, and
// may be another user who does as he likes. Threads: one.
//
// Invariants:
//   (1) A line is either still input or its ids are open: the one store of commit() moves it across.
//   (2) Nothing another process wrote is used unchecked: create() seals the size, adopt() demands the
//       seals, magic and version, and every offset is bounded before use.
//   (3) Bytes beyond the input are zero, so bytes that a dying kernel had read but not counted are found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"

namespace resonant::net {

inline constexpr std::size_t kLineMax = 4 * 1024 * 1024;  // bytes of one line
inline constexpr std::size_t kLabelMax = 240;             // bytes of a journaled id
inline constexpr std::size_t kOpenMax = 256;              // ids waiting at once
inline constexpr std::size_t kNoteMax = 1000;             // bytes of the note

struct JournalLayout;

class Journal {
  public:
    // Makes an empty one: sparse, about 9 MB of address space, a few pages in use.
    static Result<std::unique_ptr<Journal>> create();
    // Maps one that another process made. InvalidArgument when it is not sealed or not a journal.
    static Result<std::unique_ptr<Journal>> adopt(Descriptor memory);
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;
    ~Journal();

    // Of one that was created here, to be handed over; -1 of one that was adopted.
    int descriptor() const { return memory_.get(); }

    // --- input ---------------------------------------------------------------------------------------
    std::string_view input() const;  // read and not yet committed
    // Room to read into, at least `least` bytes unless the input is as long as a line may be: then less,
    // perhaps nothing. May move the input (crash-safe).
    std::span<char> room(std::size_t least);
    void received(std::size_t bytes);
    // The first `bytes` of the input are taken; ids passed to open() since the last commit are open now.
    void commit(std::size_t bytes);
    // After another process stopped writing: counts bytes it read but did not count, and settles rows
    // that it had prepared. Of one that was created here; adopt() does this by itself.
    void recover();

    // --- ids -----------------------------------------------------------------------------------------
    // Prepares an id; it is open from the next commit on. False when the table is full or it is too long.
    bool open(std::string_view label);
    void close(std::string_view label);
    void close_all();
    std::vector<std::string> open_labels() const;
    std::size_t open_count() const;

    // --- output and note -----------------------------------------------------------------------------
    // Says that the line being written may be cut if the kernel dies now.
    void set_mid_line(bool mid_line);
    bool mid_line() const;
    // Says that the rest of an overlong line is still being dropped.
    void set_discarding(bool discarding);
    bool discarding() const;
    // At most kNoteMax bytes; longer ones are refused with InvalidArgument. Old or new after a crash, never torn.
    Status set_note(std::string_view note);
    std::string note() const;

  private:
    Journal(Descriptor memory, JournalLayout* layout);
    void release(std::size_t from, std::size_t until);  // zeroes bytes of the input
    std::size_t rows_written() const;

    Descriptor memory_;
    JournalLayout* layout_;
    std::vector<std::uint16_t> free_;      // rows
    std::vector<std::uint16_t> prepared_;  // rows
    std::unordered_map<std::string, std::uint16_t> rows_;
};

}  // namespace resonant::net
