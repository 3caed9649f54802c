// Galaxies in the Arrow copy: each has files of its own, a question about one looks at no other's, and no answer depends
// on any of that.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "resonant/memory/data_sea_reader.h"
#include "resonant/memory/verification.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class GalaxySegmentsTest : public SeaTest {
  protected:
    MemoryId add_to(const std::string& galaxy, const std::string& content) {
        Memory memory;
        memory.galaxy = galaxy;
        const MemoryId id = add(content, memory);
        texts_[galaxy][id] = content;
        vectors_[content] = *embedder_.embed(content);
        return id;
    }
    Manifest manifest() const { return **read_manifest(folder()); }
    std::set<std::string> files_of(const std::string& galaxy) const {
        std::set<std::string> files;
        for (const SegmentFacts& facts : manifest().segments) {
            if (facts.galaxy == galaxy) {
                files.insert(facts.file);
            }
        }
        return files;
    }
    static Filter in(const std::string& galaxy) {
        Filter filter;
        filter.galaxy = galaxy;
        return filter;
    }
    // The best of one galaxy, or of all, by a scan of everything that was written.
    Ids plain_scan(const std::string& galaxy, const Vector& query, std::size_t k) {
        std::vector<search::Scored> all;
        for (const auto& [name, memories] : texts_) {
            for (const auto& [id, text] : memories) {
                if (galaxy.empty() || galaxy == name) {
                    const Vector& vector = vectors_.at(text);
                    all.push_back({search::dot_of(search::Kernel::Scalar)(query.data(), vector.data()), id});
                }
            }
        }
        std::sort(all.begin(), all.end());
        Ids best;
        for (std::size_t i = 0; i < std::min(k, all.size()); ++i) {
            best.push_back(all[i].id);
        }
        return best;
    }
    static Ids ids_of(std::span<const search::Scored> found) {
        Ids ids;
        for (const search::Scored& each : found) {
            ids.push_back(each.id);
        }
        return ids;
    }
    // Each row that counts lies once, in a file of its galaxy; and the files are few.
    void expect_copy_is_whole() {
        std::set<MemoryId> seen;
        std::map<std::string, int> segments;
        for (const SegmentFacts& facts : manifest().segments) {
            ++segments[facts.galaxy];
            const auto segment = Segment::open(folder(), facts);
            ASSERT_TRUE(segment.has_value()) << segment.error().message;
            for (const MemoryId id : (*segment)->ids()) {
                if (!std::ranges::binary_search(facts.gone, id)) {
                    EXPECT_TRUE(texts_[facts.galaxy].contains(id)) << wire_id(id) << " is not of " << facts.galaxy;
                    EXPECT_TRUE(seen.insert(id).second) << wire_id(id) << " lies there twice";
                }
            }
        }
        for (const auto& [galaxy, memories] : texts_) {
            EXPECT_LE(segments[galaxy], 6) << galaxy << " has " << memories.size() << " memories";
            for (const auto& [id, text] : memories) {
                EXPECT_TRUE(seen.contains(id)) << wire_id(id) << " of " << galaxy << " is missing";
            }
        }
        std::vector<std::string> findings;
        ASSERT_TRUE(sea_->verify(false, findings));
        EXPECT_THAT(findings, IsEmpty());
    }

    std::map<std::string, std::map<MemoryId, std::string>> texts_;  // of each galaxy
    std::map<std::string, Vector> vectors_;                         // of each text
};

TEST_F(GalaxySegmentsTest, each_galaxy_has_files_that_bear_its_name) {
    add_to("default", "coral reef");
    add_to("andromeda", "city street");
    add_to("M.31_a-b", "mountain hut");
    add_to("caf\xc3\xa9/..", "a table by the window");
    catch_up();
    std::set<std::string> names;
    for (const SegmentFacts& facts : manifest().segments) {
        EXPECT_EQ(facts.rows, 1U);
        names.insert(facts.file.substr(0, facts.file.find('@')));
        std::ifstream file(folder() / facts.file, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        EXPECT_THAT(bytes, HasSubstr("resonant.galaxy"));
        EXPECT_THAT(bytes, HasSubstr(facts.galaxy));
    }
    EXPECT_EQ(names, (std::set<std::string>{"sea-default", "sea-andromeda", "sea-M.31_a-b", "sea-caf%C3%A9%2F.."}));
    Memory nameless;
    nameless.content = "x";
    nameless.galaxy = "";
    EXPECT_EQ(sea_->add(nameless).error().code, Code::InvalidArgument);
    nameless.galaxy = std::string(65, 'g');
    EXPECT_EQ(sea_->add(nameless).error().code, Code::InvalidArgument);
}

// tidy-allow(functions_fit_a_screen): one story of random changes, told without helpers that hide it
TEST_F(GalaxySegmentsTest, answers_equal_a_plain_scan_for_galaxies_of_very_different_size) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::vector<std::string> galaxies{"default", "default", "default", "default", "default", "default",
                                            "large",   "large",   "small",   "tiny"};
    const auto any_text = [&](int step) {
        return "w" + std::to_string(random() % 40) + " w" + std::to_string(random() % 40) + " " + std::to_string(step);
    };
    std::unique_ptr<DataSeaReader> reader;
    const int steps = std::getenv("RESONANT_LONG") != nullptr ? 100 : 15;
    for (int step = 0; step < steps; ++step) {
        const auto count = random() % 40;
        for (std::uint64_t i = 0; i < count; ++i) {
            add_to(galaxies[random() % galaxies.size()], any_text(step) + " " + std::to_string(i));
        }
        const std::string changed = galaxies[random() % galaxies.size()];
        for (int i = 0; i < 3 && !texts_[changed].empty(); ++i) {
            auto some = std::next(texts_[changed].begin(), static_cast<long>(random() % texts_[changed].size()));
            Update update;
            update.content = any_text(step) + " changed " + std::to_string(i);
            const std::string target = galaxies[random() % galaxies.size()];
            if (random() % 4 == 0) {
                update.galaxy = target;
                ASSERT_TRUE(sea_->update(some->first, update, "ann"));
                vectors_[*update.content] = *embedder_.embed(*update.content);
                const MemoryId id = some->first;
                texts_[changed].erase(some);
                texts_[target][id] = *update.content;
            } else if (random() % 8 == 0) {
                ASSERT_TRUE(sea_->erase(some->first, "", "owner"));
                texts_[changed].erase(some);
            } else {
                ASSERT_TRUE(sea_->update(some->first, update, "ann"));
                some->second = *update.content;
                vectors_[some->second] = *embedder_.embed(some->second);
            }
        }
        catch_up();
        if (random() % 6 == 0) {
            reopen();
        }
        expect_copy_is_whole();
        if (!reader) {
            reader = std::move(*DataSeaReader::open(folder()));
        }
        for (const std::string galaxy : {"", "default", "large", "small", "tiny", "unheard-of"}) {
            const Vector query = *embedder_.embed(any_text(step));
            const std::size_t k = 1 + random() % 12;
            const Ids expected = plain_scan(galaxy, query, k);
            EXPECT_EQ(ids(sea_->nearest(query, in(galaxy), k, -2, "ann")), expected) << galaxy << " in step " << step;
            RowFilter rows;
            rows.galaxy = galaxy;
            const auto mapped = reader->nearest(query, k, rows);
            ASSERT_TRUE(mapped.has_value()) << mapped.error().message;
            EXPECT_EQ(ids_of(*mapped), expected) << "the reader, " << galaxy << " in step " << step;
        }
    }
}

TEST_F(GalaxySegmentsTest, a_question_about_one_galaxy_reads_no_other_one) {
    add_to("default", "coral reef");
    const MemoryId other = add_to("andromeda", "coral atoll");
    catch_up();
    const auto reader = std::move(*DataSeaReader::open(folder()));
    for (const std::string& file : files_of("default")) {  // whoever reads it now sees the damage
        std::fstream bytes(folder() / file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.write(std::string(std::filesystem::file_size(folder() / file), 'x').data(),
                    static_cast<std::streamsize>(std::filesystem::file_size(folder() / file)));
    }
    RowFilter rows;
    rows.galaxy = "andromeda";
    const Vector query = *embedder_.embed("coral");
    const auto found = reader->nearest(query, 5, rows);
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_EQ(ids_of(*found), Ids{other});
    EXPECT_EQ(reader->nearest(query, 5).error().code, Code::DataLoss);
}

TEST_F(GalaxySegmentsTest, a_memory_that_moves_is_found_in_its_new_galaxy_at_once_and_leaves_the_other_ones_files) {
    const MemoryId id = add_to("default", "coral reef");
    const MemoryId other = add_to("default", "coral atoll");
    catch_up();
    Update update;
    update.galaxy = "andromeda";
    ASSERT_TRUE(sea_->update(id, update, "ann"));
    for (const bool is_folded : {false, true}) {
        const Vector query = *embedder_.embed("coral reef");
        EXPECT_EQ(ids(sea_->nearest(query, in("andromeda"), 9, -2, "ann")), Ids{id}) << is_folded;
        EXPECT_EQ(ids(sea_->nearest(query, in("default"), 9, -2, "ann")), Ids{other}) << is_folded;
        EXPECT_EQ(ids(sea_->nearest(query, in(""), 9, -2, "ann")), (Ids{id, other})) << is_folded;
        EXPECT_EQ(ids(sea_->recall("coral", in("andromeda"), 9, "ann")), Ids{id}) << is_folded;
        catch_up();
    }
    EXPECT_THAT(files_of("andromeda"), SizeIs(1));
    const Version transfer = sea_->history(id, "ann")->back();
    EXPECT_EQ(transfer.what, "transferred");
    EXPECT_TRUE(sea_->restore(id, transfer.version, "ann")) << "it is a version like others, and no move between zones";
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(false, findings));
    EXPECT_THAT(findings, IsEmpty());
    // Undone with what it was part of, it stays where it was.
    update.galaxy = "default";
    const Status undone = database_->write([&](sql::Connection&) -> Status {
        RESONANT_CHECK(sea_->update(id, update, "ann"));
        return fail(Code::Conflict, "no");
    });
    EXPECT_FALSE(undone.has_value());
    catch_up();
    EXPECT_EQ(ids(sea_->nearest(*embedder_.embed("coral"), in("andromeda"), 9, -2, "ann")), Ids{id});
    ASSERT_TRUE(sea_->verify(false, findings));
    EXPECT_THAT(findings, IsEmpty());
}

TEST_F(GalaxySegmentsTest, a_reader_of_one_galaxy_opens_its_files_only) {
    const MemoryId id = add_to("andromeda", "coral atoll");
    add_to("default", "coral reef");
    catch_up();
    for (const std::string& file : files_of("default")) {
        std::filesystem::remove(folder() / file);
    }
    EXPECT_EQ(DataSeaReader::open(folder()).error().code, Code::DataLoss);
    const auto reader = DataSeaReader::open(folder(), "andromeda");
    ASSERT_TRUE(reader.has_value()) << reader.error().message;
    EXPECT_EQ((*reader)->manifest().rows(), 1U);
    EXPECT_EQ(ids_of(*(*reader)->nearest(*embedder_.embed("coral"), 9)), Ids{id});
}

TEST_F(GalaxySegmentsTest, what_changes_in_one_galaxy_leaves_the_files_of_the_others) {
    for (int i = 0; i < 200; ++i) {
        add_to(i % 4 == 0 ? "small" : "large", "passage " + std::to_string(i));
    }
    catch_up();
    const auto large = files_of("large");
    const auto small = files_of("small");
    add_to("small", "one more");
    catch_up();
    EXPECT_NE(files_of("small"), small);
    ASSERT_TRUE(sea_->erase(texts_["small"].begin()->first, "", "owner"));
    texts_["small"].erase(texts_["small"].begin());
    for (int i = 0; i < 20; ++i) {  // more than may be behind
        ASSERT_TRUE(sea_->protect(std::next(texts_["small"].begin(), i)->first, true, "ann"));
    }
    catch_up();
    EXPECT_EQ(files_of("large"), large);
    expect_copy_is_whole();
    Filter filter = in("small");
    filter.is_protected = true;
    EXPECT_THAT(ids(sea_->nearest(*embedder_.embed("passage"), filter, 100, -2, "ann")), SizeIs(20));
    EXPECT_THAT(ids(sea_->list("created", filter, 100, "", "ann")), SizeIs(20));
}

TEST_F(GalaxySegmentsTest, an_erased_memory_leaves_its_file_and_its_galaxys_last_file_goes) {
    const MemoryId id = add_to("andromeda", "the only one here");
    add_to("default", "coral reef");
    catch_up();
    ASSERT_TRUE(sea_->erase(id, "", "owner"));
    EXPECT_THAT(files_of("andromeda"), IsEmpty());
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
        EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("andromeda")));
    }
    EXPECT_THAT(files_of("default"), SizeIs(1));
}

// What a program of version 2 left: files of several galaxies, and no word about that in the manifest.
TEST_F(GalaxySegmentsTest, files_of_several_galaxies_are_still_read_and_written_anew) {
    for (int i = 0; i < 40; ++i) {
        add_to(i % 4 == 0 ? "small" : "default", "passage " + std::to_string(i));
    }
    catch_up();
    std::vector<SegmentRow> rows;
    std::vector<float> vectors;
    for (const auto& [galaxy, memories] : texts_) {
        for (const auto& [id, text] : memories) {
            SegmentRow& row = rows.emplace_back();
            row.id = id;
            row.vector = *embedder_.embed(text);
            row.signature = signature_of("galaxy", galaxy) | signature_of("type", "note");
            vectors.insert(vectors.end(), row.vector.begin(), row.vector.end());
        }
    }
    Manifest old = manifest();
    const auto book = search::CodeBook::plain(vectors);
    old.book = "sea-0-90.book";
    ASSERT_TRUE(write_book(folder(), old.book, book));
    old.segments = {*write_segment(folder(), "sea-0-91.arrow", rows, old.model, &book)};
    old.segments[0].watermark = old.watermark;
    old.files = 91;
    ASSERT_TRUE(write_manifest(folder(), old));
    reopen();
    EXPECT_FALSE(sea_->status().from_sqlite);
    const Vector query = *embedder_.embed("passage 3");
    const auto reader = std::move(*DataSeaReader::open(folder()));
    RowFilter small;
    small.galaxy = "small";
    EXPECT_EQ(reader->nearest(query, 5, small).error().code, Code::Unavailable) << "it cannot tell them apart";
    EXPECT_EQ(ids_of(*reader->nearest(query, 5)), plain_scan("", query, 5));
    for (const std::string galaxy : {"", "small", "default"}) {
        EXPECT_EQ(ids(sea_->nearest(query, in(galaxy), 7, -2, "ann")), plain_scan(galaxy, query, 7)) << galaxy;
    }
    catch_up();
    EXPECT_FALSE(manifest().is_mixed());
    EXPECT_EQ(manifest().generation, old.generation + 1);
    expect_copy_is_whole();
    EXPECT_EQ(ids_of(*reader->nearest(query, 5, small)), plain_scan("small", query, 5));
}

TEST_F(GalaxySegmentsTest, verify_finds_a_memory_in_the_files_of_another_galaxy) {
    const MemoryId id = add_to("default", "coral reef");
    add_to("andromeda", "city street");
    catch_up();
    ASSERT_TRUE(database_->write([](sql::Connection& connection) {
        return connection.run("UPDATE memories SET galaxy = 'andromeda' WHERE galaxy = 'default'");
    }));
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(false, findings));
    EXPECT_THAT(findings, Contains(HasSubstr(wire_id(id) + " lies in a file of galaxy 'default', it is of 'andromeda'")));
    const auto found = verify_files(scratch_ / "home.db", folder(), {});
    ASSERT_TRUE(found.has_value()) << found.error().message;
    EXPECT_THAT(found->findings, Contains(HasSubstr("lies in a file of galaxy 'default'")));
    findings.clear();
    ASSERT_TRUE(sea_->verify(true, findings));
    findings.clear();
    ASSERT_TRUE(sea_->verify(false, findings));
    EXPECT_THAT(findings, IsEmpty());
}

TEST_F(GalaxySegmentsTest, many_small_galaxies_have_one_file_each_whatever_order_they_grow_in) {
    const int galaxies = std::getenv("RESONANT_LONG") != nullptr ? 1'000 : 40;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < galaxies; ++i) {
            add_to("g" + std::to_string(i), "passage " + std::to_string(i) + " of round " + std::to_string(round));
        }
        catch_up();
    }
    EXPECT_EQ(sea_->status().segments, static_cast<std::size_t>(galaxies));
    add_to("g7", "one more");
    catch_up();
    EXPECT_EQ(sea_->status().segments, static_cast<std::size_t>(galaxies));
    EXPECT_EQ(manifest().generation, 0U) << "nothing was written anew";
    expect_copy_is_whole();
    reopen();
    EXPECT_FALSE(sea_->status().from_sqlite);
    const Vector query = *embedder_.embed("passage 7");
    EXPECT_EQ(ids(sea_->nearest(query, in("g7"), 9, -2, "ann")), plain_scan("g7", query, 9));
    EXPECT_EQ(ids(sea_->nearest(query, in(""), 9, -2, "ann")), plain_scan("", query, 9));
}

}  // namespace
}  // namespace resonant::memory
