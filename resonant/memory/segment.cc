#include "resonant/memory/segment.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "resonant/base/descriptor.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kMasks = kSegmentRowsMax / search::kBlockRows;

std::unexpected<Error> damaged(const std::filesystem::path& path, std::string_view how) {
    return fail(Code::DataLoss, fmt::format("open Arrow segment {}: {}; it is rebuilt from SQLite",
                                            path.string(), how));
}

// What searches read is fetched from the disk by huge pages (DurableFile), where it is not in memory: coarse codes whole,
// and fine codes of some rows in a hundred, which is soon all of them. Of vectors they read a few rows. The three
// columns of codes lie one behind the other. Only advice: a refusal changes nothing.
void ask_for_huge_pages(std::byte* mapped, std::size_t size, const Extent& first, const Extent& last) {
    constexpr std::uintptr_t kPiece = DurableFile::kPieceBytes;
    const auto base = reinterpret_cast<std::uintptr_t>(mapped);
    const std::uintptr_t begin = std::max(base, (base + first.offset) / kPiece * kPiece);
    const std::uintptr_t end = std::min(base + size, (base + last.offset + last.bytes + kPiece - 1) / kPiece * kPiece);
    if (begin < end) {  // as long as the columns lie in this order
        static_cast<void>(::madvise(mapped + (begin - base), end - begin, MADV_HUGEPAGE));
    }
}

std::size_t index_of(Column column) { return static_cast<std::size_t>(column); }

// The 16 bits of a block's rows out of an Arrow bitmap.
std::uint16_t bits_of(const std::byte* bitmap, std::size_t bytes, std::size_t block) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bitmap + 2 * block, std::min<std::size_t>(sizeof bits, bytes - 2 * block));
    return bits;
}

// The rows of a block whose value passes; `values` has `count` of them.
template <typename Value, typename Pass>
std::uint16_t pass_block(const std::byte* values, std::size_t count, Pass pass) {
    std::array<Value, search::kBlockRows> block{};
    std::memcpy(block.data(), values, count * sizeof(Value));
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < search::kBlockRows; ++i) {
        bits |= static_cast<std::uint32_t>(pass(block[i])) << i;
    }
    return static_cast<std::uint16_t>(bits);
}

}  // namespace

std::size_t column_bytes(Column column, std::size_t rows, const search::CodeBook* book) {
    switch (column) {
        case Column::Embedding: return rows * sizeof(Vector);
        case Column::Protected:
        case Column::Archived: return (rows + 7) / 8;
        case Column::Coarse: return book == nullptr ? 0 : rows * book->shape().row_bytes();
        case Column::Fine: return book == nullptr ? 0 : rows * kDimensions;
        case Column::FineFacts: return book == nullptr ? 0 : rows * sizeof(search::FineFacts);
        case Column::Id:
        case Column::Created:
        case Column::Signature: break;
    }
    return rows * sizeof(std::uint64_t);
}

Segment::~Segment() {
    if (bytes_ != nullptr) {
        ::munmap(const_cast<std::byte*>(bytes_), facts_.bytes);
    }
}

Result<std::shared_ptr<const Segment>> Segment::open(const std::filesystem::path& folder,
                                                     const SegmentFacts& facts,
                                                     std::shared_ptr<const search::CodeBook> book) {
    const std::filesystem::path path = folder / facts.file;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || static_cast<std::uint64_t>(status.st_size) != facts.bytes) {
        return damaged(path, "it is missing or of another size");
    }
    const std::size_t in_zones = std::accumulate(facts.zones.begin(), facts.zones.end(), std::size_t{0});
    if (facts.rows == 0 || facts.rows > kSegmentRowsMax || in_zones != facts.rows) {
        return damaged(path, "it has no or too many rows");
    }
    if (book != nullptr && book->id() != facts.book) {
        book = nullptr;  // codes of another book are passed over: its vectors are read
    }
    for (std::size_t i = 0; i < kColumns; ++i) {
        const Extent& extent = facts.columns[i];
        const std::size_t expected = column_bytes(static_cast<Column>(i), facts.rows, book.get());
        if (expected != 0 && (extent.bytes != expected || extent.offset > facts.bytes ||
                              extent.bytes > facts.bytes - extent.offset)) {
            return damaged(path, "a column lies outside of it");
        }
    }
    if (facts.columns[index_of(Column::Embedding)].offset % kAlignment != 0 ||
        facts.columns[index_of(Column::Id)].offset % sizeof(MemoryId) != 0) {
        return damaged(path, "its columns are not aligned");
    }
    void* mapped = ::mmap(nullptr, facts.bytes, PROT_READ, MAP_SHARED, file.get(), 0);
    if (mapped == MAP_FAILED) {
        return damaged(path, "it cannot be mapped");
    }
    std::shared_ptr<Segment> segment(new Segment);
    segment->path_ = path;
    segment->inode_ = status.st_ino;
    segment->facts_ = facts;
    segment->book_ = std::move(book);
    segment->bytes_ = static_cast<const std::byte*>(mapped);
    search::CodedRows& rows = segment->rows_;
    rows.name = segment->facts_.file;
    rows.ids = {reinterpret_cast<const MemoryId*>(segment->at(Column::Id)), facts.rows};
    rows.vectors = reinterpret_cast<const float*>(segment->at(Column::Embedding));
    if (segment->book_ != nullptr) {
        rows.book = segment->book_.get();
        ask_for_huge_pages(static_cast<std::byte*>(mapped), facts.bytes, facts.columns[index_of(Column::Coarse)],
                           facts.columns[index_of(Column::FineFacts)]);
        rows.coarse = segment->at(Column::Coarse);
        rows.fine = reinterpret_cast<const std::uint8_t*>(segment->at(Column::Fine));
        rows.facts = reinterpret_cast<const search::FineFacts*>(segment->at(Column::FineFacts));
        rows.code_norm = facts.code_norm;
        rows.row_norm = facts.row_norm;
        if (const std::size_t lanes = facts.rows % search::kBlockRows; lanes != 0) {
            const search::CoarseShape& shape = rows.book->shape();
            segment->last_block_.resize(shape.block_bytes());
            search::widen_block(shape, rows.coarse + facts.rows / search::kBlockRows * shape.block_bytes(), lanes,
                        segment->last_block_.data());
            rows.last_block = segment->last_block_.data();
        }
    }
    return segment;
}

Status Segment::check_length(std::int64_t now_ms) const {
    constexpr std::int64_t kLookEveryMs = 10;
    if (now_ms - looked_ms_.load(std::memory_order_relaxed) < kLookEveryMs) {
        return {};
    }
    struct stat status {};
    const bool is_it = ::stat(path_.c_str(), &status) == 0 && status.st_ino == inode_;
    if (is_it && static_cast<std::uint64_t>(status.st_size) < facts_.bytes) {
        return damaged(path_, fmt::format("it was cut to {} of {} bytes", status.st_size, facts_.bytes));
    }
    looked_ms_.store(now_ms, std::memory_order_relaxed);
    return {};
}

Status Segment::check_file() const {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0 || status.st_ino != inode_ ||
        static_cast<std::uint64_t>(status.st_size) != facts_.bytes) {
        return damaged(path_, "it was removed, replaced or cut while it was in use");
    }
    return {};
}

const std::byte* Segment::at(Column column) const { return bytes_ + facts_.columns[index_of(column)].offset; }

bool Segment::is_checked(Column column) const { return checked_[index_of(column)].load(std::memory_order_acquire); }

Status Segment::check(Column column) const {
    if (is_checked(column)) {
        return {};
    }
    search::ByteSums sums;
    search::code_kernels(search::best_kernel()).sum(at(column), facts_.columns[index_of(column)].bytes, sums);
    return check(column, sums);
}

Status Segment::check(Column column, const search::ByteSums& sums) const {
    const Extent& extent = facts_.columns[index_of(column)];
    if (sums.count != extent.bytes || checksum_of(sums) != extent.checksum) {
        return damaged(path_, "a column differs from its checksum");
    }
    checked_[index_of(column)].store(true, std::memory_order_release);
    return {};
}

const float* Segment::vector_of(MemoryId id) const {
    static_assert(kSegmentRowsMax <= 65'536);
    std::call_once(ordered_, [this] {
        if (check(Column::Id)) {
            order_.resize(facts_.rows);
            std::iota(order_.begin(), order_.end(), std::uint16_t{0});
            std::ranges::sort(order_, {}, [this](std::uint16_t row) { return rows_.ids[row]; });
        }
    });
    const auto found = std::ranges::lower_bound(order_, id, {}, [this](std::uint16_t row) { return rows_.ids[row]; });
    if (found == order_.end() || rows_.ids[*found] != id || rows_.facts == nullptr) {
        return nullptr;
    }
    const float* vector = rows_.vectors + std::size_t{*found} * kDimensions;
    const bool whole = search::vector_check(search::code_kernels(search::best_kernel()), vector, id) == rows_.facts[*found].vector_check;
    return whole ? vector : nullptr;
}

Result<std::size_t> Segment::choose(const RowFilter& filter, std::size_t begin, std::size_t end,
                                    std::span<std::uint16_t> masks) const {
    const bool by_protection = filter.is_protected && facts_.is_protected != (*filter.is_protected ? facts_.rows : 0);
    const bool by_archive = !filter.with_archived && facts_.is_archived > 0;
    const bool by_time = filter.created_min > facts_.created_min || filter.created_max < facts_.created_max;
    const bool by_signature = (filter.signature & ~facts_.signature_all) != 0;
    const std::pair<bool, Column> reads[] = {{by_protection, Column::Protected},
                                             {by_archive, Column::Archived},
                                             {by_time, Column::Created},
                                             {by_signature, Column::Signature},
                                             {filter.only != nullptr, Column::Id}};
    bool is_all = true;
    for (const auto& [is_read, column] : reads) {
        if (is_read) {
            RESONANT_CHECK(check(column));
            is_all = false;
        }
    }
    if (is_all) {
        return SIZE_MAX;
    }
    const std::size_t bitmap_bytes = (facts_.rows + 7) / 8;
    std::size_t passed = 0;
    for (std::size_t block = begin / search::kBlockRows; block * search::kBlockRows < end; ++block) {
        const std::size_t row = block * search::kBlockRows;
        const std::size_t count = std::min(search::kBlockRows, facts_.rows - row);
        auto mask = static_cast<std::uint16_t>((1U << count) - 1);
        if (by_protection) {
            const std::uint16_t bits = bits_of(at(Column::Protected), bitmap_bytes, block);
            mask = static_cast<std::uint16_t>(mask & (*filter.is_protected ? bits : ~bits));
        }
        if (by_archive) {
            mask = static_cast<std::uint16_t>(mask & ~bits_of(at(Column::Archived), bitmap_bytes, block));
        }
        if (by_time && mask != 0) {
            mask &= pass_block<std::int64_t>(at(Column::Created) + row * 8, count, [&](std::int64_t created) {
                return created >= filter.created_min && created <= filter.created_max;
            });
        }
        if (by_signature && mask != 0) {
            mask &= pass_block<std::uint64_t>(at(Column::Signature) + row * 8, count, [&](std::uint64_t signature) {
                return (signature & filter.signature) == filter.signature;
            });
        }
        if (filter.only != nullptr && mask != 0) {
            mask &= pass_block<MemoryId>(at(Column::Id) + row * 8, count, [&](MemoryId id) {
                return std::binary_search(filter.only->begin(), filter.only->end(), id);
            });
        }
        masks[block] = mask;
        passed += static_cast<std::size_t>(std::popcount(mask));
    }
    return passed;
}

Status Segment::scan(search::CodeSearch& search, const RowFilter& filter, const std::vector<MemoryId>* without,
                     const std::vector<MemoryId>* gone) const {
    if ((filter.signature & ~facts_.signature_any) != 0 || filter.created_min > facts_.created_max ||
        filter.created_max < facts_.created_min) {
        return {};
    }
    if (rows_.book == nullptr) {
        RESONANT_CHECK(check(Column::Id));
        RESONANT_CHECK(check(Column::Embedding));
    }
    std::array<std::uint16_t, kMasks> masks;
    std::size_t begin = 0;
    for (std::size_t zone = 0; zone < kZones;) {  // neighbouring zones that are wanted are one range of rows
        std::size_t end = begin;
        const bool wanted = (filter.zones >> zone & 1) != 0;
        for (; zone < kZones && ((filter.zones >> zone & 1) != 0) == wanted; ++zone) {
            end += facts_.zones[zone];
        }
        if (wanted && end > begin) {
            search::RowChoice choice{begin, end, nullptr, SIZE_MAX, without, gone};
            RESONANT_ASSIGN(const std::size_t passed, choose(filter, begin, end, masks));
            if (passed != SIZE_MAX) {
                choice.masks = masks.data();
                choice.likely = passed;
            }
            if (passed != 0) {
                RESONANT_CHECK(scan_checked(search, choice));
            }
        }
        begin = end;
    }
    return {};
}

// The first search that reads every coarse code checks them on its way; any other before it.
Status Segment::scan_checked(search::CodeSearch& search, search::RowChoice& choice) const {
    search::ByteSums sums;
    if (rows_.book != nullptr && !is_checked(Column::Coarse)) {
        if (choice.begin == 0 && choice.end == facts_.rows && choice.masks == nullptr) {
            choice.coarse_sums = &sums;
        } else {
            RESONANT_CHECK(check(Column::Coarse));
        }
    }
    search.scan(rows_, choice);
    if (choice.coarse_sums == nullptr) {
        return {};
    }
    const bool is_whole = sums.count == facts_.columns[index_of(Column::Coarse)].bytes;  // not where it read vectors
    return is_whole ? check(Column::Coarse, sums) : check(Column::Coarse);
}

}  // namespace resonant::memory
