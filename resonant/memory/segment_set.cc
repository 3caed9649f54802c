#include "resonant/memory/segment_set.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "resonant/base/descriptor.h"
#include "resonant/base/log.h"
#include "resonant/memory/durable_file.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kBookBytesMax = 4 * kDimensions * (kDimensions + 2) + 64;
constexpr std::size_t kIdleMax = 8;  // searches kept: 256 KiB each

Result<search::CodeBook> read_book(const std::filesystem::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat status {};
    if (!file || ::fstat(file.get(), &status) != 0 || status.st_size <= 0 ||
        static_cast<std::size_t>(status.st_size) > kBookBytesMax) {
        return fail(Code::DataLoss, "read code book " + path.string() + ": it is missing or too large");
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    const auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
    if (::pread(file.get(), bytes.get(), size, 0) != status.st_size) {
        return fail(Code::DataLoss, "read code book " + path.string() + ": it is cut short");
    }
    return search::CodeBook::parse({bytes.get(), size});
}

}  // namespace

Result<std::shared_ptr<const SegmentSet>> SegmentSet::open(const std::filesystem::path& folder, Manifest manifest,
                                                           const SegmentSet* former) {
    auto set = std::make_shared<SegmentSet>();
    if (former != nullptr && former->book_ != nullptr && former->manifest_.book == manifest.book) {
        set->book_ = former->book_;
    } else if (!manifest.book.empty()) {
        auto book = read_book(folder / manifest.book);
        if (book) {
            set->book_ = std::make_shared<search::CodeBook>(std::move(*book));
        } else {
            log().warn("{}; every vector is read until it is rebuilt", book.error().message);
        }
    }
    std::map<std::string_view, std::shared_ptr<const Segment>> known;
    if (former != nullptr) {
        for (const auto& segment : former->segments_) {
            known.emplace(segment->facts().file, segment);
        }
    }
    const bool is_mixed = manifest.is_mixed();
    for (const SegmentFacts& facts : manifest.segments) {
        const auto place = static_cast<std::uint32_t>(set->segments_.size());
        set->places_.push_back(place);
        if (!is_mixed) {
            set->galaxies_[facts.galaxy].push_back(place);
        }
        if (const auto kept = known.find(facts.file); kept != known.end()) {
            set->segments_.push_back(kept->second);
            continue;
        }
        RESONANT_ASSIGN(auto segment, Segment::open(folder, facts, set->book_));
        set->segments_.push_back(std::move(segment));
    }
    set->manifest_ = std::move(manifest);
    return set;
}

std::shared_ptr<const SegmentSet> SegmentSet::none(const Manifest& former) {
    auto set = std::make_shared<SegmentSet>();
    set->manifest_.generation = former.generation;
    set->manifest_.files = former.files;
    return set;
}

std::span<const std::uint32_t> SegmentSet::places_of(std::string_view galaxy) const {
    if (galaxy.empty() || galaxies_.empty()) {
        return places_;
    }
    const auto found = galaxies_.find(galaxy);
    return found == galaxies_.end() ? std::span<const std::uint32_t>() : found->second;
}

Status SegmentSet::check_files() const {
    for (const auto& segment : segments_) {
        RESONANT_CHECK(segment->check_file());
    }
    return {};
}

Status SegmentSet::scan(std::span<search::CodeSearch* const> searches, const RowFilter& filter,
                        const std::vector<MemoryId>* without) const {
    // The system's clock as it is: it decides about no answer.
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const std::int64_t now_ms = now.tv_sec * 1'000 + now.tv_nsec / 1'000'000;
    for (const std::uint32_t i : places_of(filter.galaxy)) {
        RESONANT_CHECK(segments_[i]->check_length(now_ms));
        const std::vector<MemoryId>& gone = manifest_.segments[i].gone;
        for (search::CodeSearch* search : searches) {
            RESONANT_CHECK(segments_[i]->scan(*search, filter, without, gone.empty() ? nullptr : &gone));
        }
    }
    return {};
}

Status write_book(const std::filesystem::path& folder, const std::string& file, const search::CodeBook& book) {
    RESONANT_ASSIGN(auto target, DurableFile::create(folder, file));
    RESONANT_CHECK(target->append(book.bytes()));
    return target->commit();
}

const float* SegmentSet::vector_of(MemoryId id, std::string_view galaxy) const {
    for (const std::uint32_t i : places_of(galaxy)) {
        const auto& gone = manifest_.segments[i].gone;
        if (std::ranges::binary_search(gone, id)) {
            continue;
        }
        if (const float* vector = segments_[i]->vector_of(id)) {
            return vector;
        }
    }
    return nullptr;
}

std::unique_ptr<search::CodeSearch> SearchPool::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto search = std::move(idle_.back());
            idle_.pop_back();
            return search;
        }
    }
    return std::make_unique<search::CodeSearch>();
}

void SearchPool::give_back(std::unique_ptr<search::CodeSearch> search) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleMax) {
        idle_.push_back(std::move(search));
    }
}

}  // namespace resonant::memory
