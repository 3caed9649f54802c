#include "resonant/memory/data_sea_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

namespace resonant::memory {
namespace {

constexpr int kFollowTries = 20;        // a manifest may be replaced while its segments are opened
constexpr std::size_t kTogether = 4;    // queries of one pass: a search holds up to 256 KiB

std::unexpected<Error> mixed(const std::string& galaxy, const std::filesystem::path& folder) {
    return fail(Code::Unavailable, "search galaxy '" + galaxy + "' in " + folder.string() +
                                       ": an older program wrote several galaxies to a file; start the kernel, which"
                                       " writes them anew, or search without a galaxy");
}

}  // namespace

Result<std::unique_ptr<DataSeaReader>> DataSeaReader::open(std::filesystem::path folder, std::string galaxy) {
    std::unique_ptr<DataSeaReader> reader(new DataSeaReader(std::move(folder), std::move(galaxy)));
    RESONANT_ASSIGN(const bool found, reader->follow());
    if (!found) {
        return fail(Code::NotFound, "open " + reader->folder_.string() +
                                        ": there is no Arrow copy yet; run vector.index, or wait for the kernel");
    }
    reader->searches_.push_back(std::make_unique<search::CodeSearch>());
    return reader;
}

Result<bool> DataSeaReader::follow() {
    const std::string path = (folder_ / kManifestFile).string();
    Error last;
    for (int tried = 0; tried < kFollowTries; ++tried) {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) {
            return false;
        }
        const Stamp stamp{status.st_ino, status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec,
                          status.st_size};
        if (stamp == stamp_) {
            return false;
        }
        auto manifest = read_manifest(folder_);
        if (!manifest) {
            return std::unexpected(manifest.error());
        }
        if (!*manifest) {
            return false;
        }
        if (!galaxy_.empty()) {
            if ((*manifest)->is_mixed()) {
                return mixed(galaxy_, folder_);
            }
            std::erase_if((*manifest)->segments, [&](const SegmentFacts& each) { return each.galaxy != galaxy_; });
        }
        auto set = SegmentSet::open(folder_, std::move(**manifest), set_.get());
        if (set) {
            set_ = std::move(*set);
            stamp_ = stamp;
            return true;
        }
        last = set.error();
    }
    return std::unexpected(last);
}

Status DataSeaReader::prepare(const RowFilter& filter) {
    RESONANT_CHECK(follow());
    if (!filter.galaxy.empty() && set_->is_mixed()) {
        return mixed(filter.galaxy, folder_);
    }
    return {};
}

Result<std::span<const search::Scored>> DataSeaReader::nearest(const Vector& query, std::size_t k, const RowFilter& filter) {
    RESONANT_CHECK(prepare(filter));
    search::CodeSearch* search = searches_.front().get();
    RESONANT_CHECK(search->begin(query.data(), k));
    RESONANT_CHECK(set_->scan({&search, 1}, filter, nullptr));
    return search->finish();
}

Result<std::vector<std::vector<search::Scored>>> DataSeaReader::nearest_each(std::span<const Vector> queries, std::size_t k,
                                                                     const RowFilter& filter) {
    RESONANT_CHECK(prepare(filter));
    while (searches_.size() < std::min(queries.size(), kTogether)) {
        searches_.push_back(std::make_unique<search::CodeSearch>());
    }
    std::vector<std::vector<search::Scored>> answers;
    for (std::size_t from = 0; from < queries.size(); from += kTogether) {
        const std::size_t count = std::min(kTogether, queries.size() - from);
        std::array<search::CodeSearch*, kTogether> now{};
        for (std::size_t i = 0; i < count; ++i) {
            now[i] = searches_[i].get();
            RESONANT_CHECK(now[i]->begin(queries[from + i].data(), k));
        }
        RESONANT_CHECK(set_->scan(std::span(now).first(count), filter, nullptr));
        for (std::size_t i = 0; i < count; ++i) {
            RESONANT_ASSIGN(const auto found, now[i]->finish());
            answers.emplace_back(found.begin(), found.end());
        }
    }
    return answers;
}

}  // namespace resonant::memory
