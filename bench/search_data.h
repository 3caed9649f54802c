// The vectors that ./dev bench search measures with: embeddings of passages of the manual pages, questions about them
// as queries, larger sets as mixtures of two passages and noise. Made once, the same each time, in build/search_data,
// where the peers read them too; and the Arrow copy of each set, written as the product writes it.
//
// Belongs to one thread.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>

#include "bench/report.h"
#include "resonant/memory/data_sea_reader.h"
#include "resonant/embed/minilm_embedder.h"

namespace resonant::bench {

namespace fs = std::filesystem;
using memory::MemoryId;
using search::Scored;

inline constexpr std::size_t kPassages = 5'562;  // as many as the seed's corpus had
inline constexpr std::size_t kQueries = 200;
inline constexpr std::size_t kBest = 10;

inline void must(const Status& status) {
    if (!status) {
        std::fprintf(stderr, "bench search: %s\n", status.error().message.c_str());
        std::exit(1);
    }
}
template <typename T>
T must(Result<T> result) {
    must(result ? Status{} : Status{std::unexpected(result.error())});
    return std::move(*result);
}

inline void write_file(const fs::path& path, const void* bytes, std::size_t count) {
    std::ofstream file(path.string() + ".tmp", std::ios::binary);
    file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(count));
    file.close();
    if (!file) {
        must(fail(Code::ResourceExhausted, "write " + path.string() + ": the disk is full, or it cannot be written"));
    }
    fs::rename(path.string() + ".tmp", path);
}

template <typename Value>
std::vector<Value> read_file(const fs::path& path) {
    std::vector<Value> values(fs::file_size(path) / sizeof(Value));
    std::ifstream(path, std::ios::binary)
        .read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(Value)));
    return values;
}

// Numbers that do not depend on the library: splitmix64, and sums of uniform ones for a bell.
class Dice {
  public:
    explicit Dice(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t z = state_;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    std::size_t below(std::size_t end) { return next() % end; }
    // Of deviation 1.
    float normal() {
        const std::uint64_t bits = next();
        int sum = 0;
        for (int i = 0; i < 4; ++i) {
            sum += static_cast<int>(bits >> 16 * i & 0xffff);
        }
        return static_cast<float>(sum - 2 * 65'535) / 37'837.0F;
    }

  private:
    std::uint64_t state_;
};

// One set of rows: base-N.f32 and zones-N.u8, mapped; and its Arrow copy.
class VectorSet {
  public:
    VectorSet(const fs::path& folder, std::size_t count) : folder_(folder), count_(count) {
        if (!fs::exists(base_path()) || !fs::exists(zones_path())) {
            make();
        }
        const int file = ::open(base_path().c_str(), O_RDONLY | O_CLOEXEC);
        bytes_ = count * sizeof(Vector);
        void* mapped = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file, 0);
        ::close(file);
        RESONANT_ENSURE(mapped != MAP_FAILED, "the vectors can be mapped");
        rows_ = static_cast<const float*>(mapped);
        zones_ = read_file<std::uint8_t>(zones_path());
        queries_ = read_file<Vector>(folder_ / "queries.f32");
    }
    VectorSet(const VectorSet&) = delete;
    VectorSet& operator=(const VectorSet&) = delete;
    ~VectorSet() { ::munmap(const_cast<float*>(rows_), bytes_); }

    std::size_t count() const { return count_; }
    const float* row(std::size_t number) const { return rows_ + number * kDimensions; }
    const std::vector<Vector>& queries() const { return queries_; }
    fs::path copy() const { return folder_ / ("sea-" + std::to_string(count_)); }

    // The best by a scan of every vector in float32: what all others are held against. An id is the row + 1.
    std::vector<Scored> full_scan(const Vector& query, std::uint8_t zone_max = 255) const {
        const search::Dot dot = search::dot_of(search::best_kernel());
        search::TopK best(kBest);
        for (std::size_t i = 0; i < count_; ++i) {
            if (zones_[i] <= zone_max) {
                best.offer({dot(query.data(), rows_ + i * kDimensions), i + 1});
            }
        }
        return best.take();
    }
    void write_truth(const std::vector<std::vector<Scored>>& answers) const {
        std::vector<std::uint32_t> truth;
        for (const auto& answer : answers) {
            for (const Scored& each : answer) {
                truth.push_back(static_cast<std::uint32_t>(each.id - 1));
            }
        }
        write_file(folder_ / ("truth-" + std::to_string(count_) + ".u32"), truth.data(), truth.size() * 4);
    }

    // Writes the Arrow copy: code book, segments, manifest, synced. Returns the seconds of CPU that took.
    double write_copy() const { return write_copy(copy()); }
    double write_copy(const fs::path& folder) const {
        fs::remove_all(folder);
        fs::create_directories(folder);
        const double before = cpu_seconds();
        std::vector<float> sample;
        const std::size_t wanted = std::min(count_, search::kSampleRowsMax);
        sample.reserve(wanted * kDimensions);
        for (std::size_t i = 0; i < wanted; ++i) {
            const float* row = rows_ + i * count_ / wanted * kDimensions;
            sample.insert(sample.end(), row, row + kDimensions);
        }
        const auto book = search::CodeBook::choose(sample, count_);
        memory::Manifest manifest;
        manifest.model = "all-MiniLM-L6-v2";
        manifest.book = "sea-0-0.book";
        manifest.book_rows = count_;
        must(memory::write_book(folder, manifest.book, book));
        std::vector<memory::SegmentRow> rows;
        rows.reserve(std::min(count_, memory::kSegmentRowsMax));
        std::future<memory::SegmentFacts> syncing;  // as VectorIndex does: beside the next one
        const auto synced = [&] {
            if (syncing.valid()) {
                manifest.segments.push_back(syncing.get());
            }
        };
        for (std::size_t i = 0; i < count_; ++i) {
            static constexpr double kDistances[] = {0.1, 0.3, 0.5, 0.7, 0.9};
            memory::SegmentRow& row = rows.emplace_back();
            row.id = i + 1;
            std::memcpy(row.vector.data(), rows_ + i * kDimensions, sizeof(Vector));
            row.distance = kDistances[zones_[i]];
            if (rows.size() == memory::kSegmentRowsMax || i + 1 == count_) {
                const std::string name = "sea-0-" + std::to_string(++manifest.files) + ".arrow";
                auto made = must(memory::prepare_segment(folder, name, rows, manifest.model, &book));
                rows.clear();
                synced();
                syncing = std::async(std::launch::async, [made = std::move(made)] {
                    must(made.file->commit());
                    return made.facts;
                });
            }
        }
        synced();
        must(memory::write_manifest(folder, manifest));
        std::fprintf(stderr, "%zu rows: code of %zu + %zu groups%s\n", count_, book.shape().byte_groups,
                     book.shape().nibble_groups, book.is_rotated() ? ", rotated" : "");
        return cpu_seconds() - before;
    }

    static double cpu_seconds() {
        timespec now{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
    }

  private:
    fs::path base_path() const { return folder_ / ("base-" + std::to_string(count_) + ".f32"); }
    fs::path zones_path() const { return folder_ / ("zones-" + std::to_string(count_) + ".u8"); }

    // A passage, or unit(passage + 0.5 passage + 0.35 noise).
    void make() const {
        std::fprintf(stderr, "making %zu vectors\n", count_);
        const auto passages = read_file<Vector>(folder_ / "passages.f32");
        std::vector<float> rows;
        rows.reserve(count_ * kDimensions);
        std::vector<std::uint8_t> zones;
        Dice dice(42 + count_);
        const float noise = 0.35F / std::sqrt(static_cast<float>(kDimensions));
        for (std::size_t i = 0; i < count_; ++i) {
            Vector row = passages[i < passages.size() ? i : dice.below(passages.size())];
            if (i >= passages.size()) {
                const Vector& other = passages[dice.below(passages.size())];
                double squares = 0;
                for (std::size_t j = 0; j < kDimensions; ++j) {
                    row[j] += 0.5F * other[j] + noise * dice.normal();
                    squares += double{row[j]} * double{row[j]};
                }
                for (float& number : row) {
                    number = static_cast<float>(double{number} / std::sqrt(squares));
                }
            }
            rows.insert(rows.end(), row.begin(), row.end());
            const std::size_t part = dice.below(100);  // 5, 15, 30, 30 and 20 of a hundred
            zones.push_back(static_cast<std::uint8_t>(part < 5 ? 0 : part < 20 ? 1 : part < 50 ? 2 : part < 80 ? 3 : 4));
        }
        write_file(zones_path(), zones.data(), zones.size());
        write_file(base_path(), rows.data(), rows.size() * sizeof(float));
    }

    const fs::path folder_;
    const std::size_t count_;
    std::size_t bytes_ = 0;
    const float* rows_ = nullptr;
    std::vector<std::uint8_t> zones_;
    std::vector<Vector> queries_;
};

// Embeds passages and questions, unless they are there.
inline void make_seed(const fs::path& folder, const fs::path& passages, const fs::path& questions) {
    if (fs::exists(folder / "passages.f32") && fs::exists(folder / "queries.f32")) {
        return;
    }
    std::fprintf(stderr, "embedding %zu passages, once (some minutes)\n", kPassages);
    fs::create_directories(folder);
    const auto model = must(embed::MiniLmEmbedder::open(
        {.model_folder = embed::find_model_folder(), .cache_folder = embed::default_cache_folder()}));
    const auto embed = [&](const std::vector<std::string>& texts, const char* name) {
        std::vector<Vector> vectors;
        for (auto& vector : model->embed_many(texts, {.threads = 2})) {
            vectors.push_back(must(std::move(vector)));
        }
        write_file(folder / name, vectors.data(), vectors.size() * sizeof(Vector));
    };
    std::vector<std::string> texts;
    std::ifstream lines(passages);
    for (std::string line; texts.size() < kPassages && std::getline(lines, line);) {
        const Json record = Json::parse(line);
        texts.push_back(record["title"].get<std::string>() + "\n" + record["content"].get<std::string>());
    }
    if (texts.size() < kPassages) {
        must(fail(Code::NotFound, passages.string() + " holds too few passages; run ./dev bench search"));
    }
    embed(texts, "passages.f32");
    std::vector<std::string> asked;  // the questions of ./dev bench recall, then titles and first words of passages
    std::ifstream file(questions);
    for (std::string line; asked.size() < kQueries && std::getline(file, line);) {
        const auto first = line.find(" | ");
        const auto last = line.rfind(" | ");
        if (!line.starts_with('#') && first != std::string::npos && last > first) {
            asked.push_back(line.substr(first + 3, last - first - 3));
        }
    }
    for (std::size_t i = 0; asked.size() < kQueries; ++i) {
        asked.push_back(texts[i * 97 % texts.size()].substr(0, 80));
    }
    embed(asked, "queries.f32");
}

}  // namespace resonant::bench
