// A galaxy of 5,000 memories beside one of 100,000: its search where each galaxy has segments of its own, where both
// share them (as files of version 2 did), and where the 5,000 are alone. Answers are held against a full scan.
//
// Belongs to one thread.
#pragma once

#include "bench/search_data.h"

#include <algorithm>
#include "resonant/memory/segment_set.h"

namespace resonant::bench {

class GalaxyMeasurement {
  public:
    GalaxyMeasurement(Report& report, const fs::path& folder) : report_(report), folder_(folder), set_(folder, 110'000) {
        write("apart", true, true);
        write("shared", true, false);
        write("alone", false, true);
    }

    //     galaxy_5000        us  beside 100,000 in files of their own (in the same files)
    //     galaxy_5000_alone  us  the same (a store of these 5,000 only)
    void run() {
        auto apart = open("apart"), shared = open("shared"), alone = open("alone");
        memory::RowFilter own;
        own.signature = memory::signature_of("galaxy", kSmall);
        const memory::RowFilter by_signature = own;
        own.galaxy = kSmall;
        Row beside{.name = "galaxy_5000", .unit = "us", .ours = {}, .peer_name = "both galaxies in the same segments"};
        Row only{.name = "galaxy_5000_alone", .unit = "us", .ours = {}, .peer_name = "a store of these 5,000 only"};
        for (std::size_t i = 0; i < kQueries; ++i) {
            const auto truth = full_scan(set_.queries()[i]);
            check(*apart, i, own, truth);
            check(*shared, i, by_signature, truth);
            check(*alone, i, own, truth);
        }
        for (std::size_t from = 0; from + kTurn <= kQueries; from += kTurn) {
            beside.ours.push_back(turn(*apart, from, own));
            beside.peer.push_back(turn(*shared, from, by_signature));
            only.ours.push_back(turn(*apart, from, own));
            only.peer.push_back(turn(*alone, from, own));
        }
        report_.add(beside);
        report_.add(only);
    }

  private:
    static constexpr std::size_t kTurn = 20;
    static constexpr std::size_t kRows = 105'000;
    static constexpr const char* kSmall = "small";
    static constexpr const char* kLarge = "large";
    static bool is_small(std::size_t row) { return row % 21 == 0; }

    fs::path copy(const char* name) const { return folder_ / (std::string("galaxies-") + name); }
    std::unique_ptr<memory::DataSeaReader> open(const char* name) { return must(memory::DataSeaReader::open(copy(name))); }

    // Rows in the order in which both grew; with the code book that the memory would choose.
    void write(const char* name, bool with_large, bool is_apart) const {
        fs::remove_all(copy(name));
        fs::create_directories(copy(name));
        std::vector<std::size_t> chosen;
        for (std::size_t i = 0; i < kRows; ++i) {
            if (with_large || is_small(i)) {
                chosen.push_back(i);
            }
        }
        std::vector<float> sample;
        const std::size_t wanted = std::min(chosen.size(), search::kSampleRowsMax);
        for (std::size_t i = 0; i < wanted; ++i) {
            const float* row = set_.row(chosen[i * chosen.size() / wanted]);
            sample.insert(sample.end(), row, row + kDimensions);
        }
        const auto book = search::CodeBook::choose(sample, chosen.size());
        memory::Manifest manifest;
        manifest.model = "all-MiniLM-L6-v2";
        manifest.book = "sea-0-0.book";
        must(memory::write_book(copy(name), manifest.book, book));
        std::map<std::string, std::vector<memory::SegmentRow>> waiting;
        const auto flush = [&](const std::string& galaxy) {
            auto& rows = waiting[galaxy];
            const std::string file = "sea-" + galaxy + "@0-" + std::to_string(++manifest.files) + ".arrow";
            manifest.segments.push_back(must(memory::write_segment(copy(name), file, rows, manifest.model, &book, galaxy)));
            rows.clear();
        };
        for (const std::size_t i : chosen) {
            const std::string galaxy = is_small(i) ? kSmall : kLarge;
            auto& rows = waiting[is_apart ? galaxy : std::string()];
            memory::SegmentRow& row = rows.emplace_back();
            row.id = i + 1;
            std::memcpy(row.vector.data(), set_.row(i), sizeof(Vector));
            row.distance = 0.5;
            row.signature = memory::signature_of("galaxy", galaxy) | memory::signature_of("type", "note");
            if (rows.size() == memory::kSegmentRowsMax) {
                flush(is_apart ? galaxy : std::string());
            }
        }
        for (auto& [galaxy, rows] : waiting) {
            if (!rows.empty()) {
                flush(galaxy);
            }
        }
        must(memory::write_manifest(copy(name), manifest));
    }

    std::vector<Scored> full_scan(const Vector& query) const {
        const search::Dot dot = search::dot_of(search::best_kernel());
        search::TopK best(kBest);
        for (std::size_t i = 0; i < kRows; ++i) {
            if (is_small(i)) {
                best.offer({dot(query.data(), set_.row(i)), i + 1});
            }
        }
        return best.take();
    }
    void check(memory::DataSeaReader& reader, std::size_t i, const memory::RowFilter& filter,
               const std::vector<Scored>& truth) const {
        const auto found = must(reader.nearest(set_.queries()[i], kBest, filter));
        if (!std::ranges::equal(found, truth, {}, &Scored::id, &Scored::id)) {
            must(fail(Code::Internal, "query " + std::to_string(i) + " of a galaxy differs from the full scan"));
        }
    }
    double turn(memory::DataSeaReader& reader, std::size_t from, const memory::RowFilter& filter) const {
        std::vector<double> times;
        for (std::size_t i = from; i < from + kTurn; ++i) {
            times.push_back(nanoseconds([&] { must(reader.nearest(set_.queries()[i], kBest, filter)); }) / 1e3);
        }
        return median(times);
    }

    Report& report_;
    const fs::path folder_;
    VectorSet set_;
};

}  // namespace resonant::bench
