// The Arrow copy: what it holds, what happens when it is missing, stale or damaged, and that no
// answer depends on it.
#include "resonant/memory/vector_index.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <random>
#include <thread>

#include "resonant/memory/data_sea_reader.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class VectorIndexTest : public SeaTest {
  protected:
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(folder())) {
            names.push_back(entry.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }
    std::filesystem::path a_file(const std::string& suffix) const {
        for (const auto& entry : std::filesystem::directory_iterator(folder())) {
            if (entry.path().extension() == suffix) {
                return entry.path();
            }
        }
        return {};
    }
    std::filesystem::path a_segment() const { return a_file(".arrow"); }
    static void damage(const std::filesystem::path& path, std::uintmax_t at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const int byte = file.get();
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(byte ^ 4));
    }
};

TEST_F(VectorIndexTest, vectors_are_found_before_and_after_they_are_in_the_copy) {
    const MemoryId id = add("coral reef");
    add("city street");
    EXPECT_THAT(nearest("coral reef", 5), IsEmpty()) << "no vector yet";
    catch_up();
    EXPECT_EQ(nearest("coral reef", 5).front(), id);
    const VectorStatus status = sea_->status();
    EXPECT_EQ(status.rows, 2U);
    EXPECT_EQ(status.embedded, 2U);
    EXPECT_EQ(status.segments, 1U);
    EXPECT_EQ(status.model, "words/f32");
    EXPECT_FALSE(status.from_sqlite);
    EXPECT_TRUE(read(id).has_vector);
    EXPECT_EQ(*sea_->vector_of(id, "ann"), *embedder_.embed("coral reef"));
}

TEST_F(VectorIndexTest, a_new_text_gets_a_new_vector) {
    const MemoryId id = add("coral reef");
    const MemoryId other = add("city street");
    catch_up();
    Update update;
    update.content = "mountain hut";
    ASSERT_TRUE(sea_->update(id, update, "ann").has_value());
    EXPECT_THAT(nearest("coral reef", 5), ElementsAre(other)) << "the old vector counts no longer";
    EXPECT_EQ(sea_->vector_of(id, "ann").error().code, Code::NotFound);
    catch_up();
    EXPECT_EQ(nearest("mountain hut", 1).front(), id);
    EXPECT_THAT(sea_->nearest(*embedder_.embed("mountain hut"), {}, 5, 0.99, "ann")->hits,
                testing::SizeIs(1));
}

TEST_F(VectorIndexTest, private_memories_never_enter_a_segment) {
    Memory mine;
    mine.is_private = true;
    mine.title = "Hidden title";
    add("hidden words", mine);
    add("open words");
    catch_up();
    ASSERT_FALSE(a_segment().empty());
    for (const auto& entry : std::filesystem::directory_iterator(folder())) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        EXPECT_THAT(bytes, Not(HasSubstr("Hidden title"))) << entry.path();
    }
    EXPECT_EQ(sea_->status().embedded, 2U);
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(false, findings).has_value());
    EXPECT_THAT(findings, IsEmpty());
}

TEST_F(VectorIndexTest, many_small_segments_become_one_and_the_old_files_go) {
    for (int i = 0; i < 20; ++i) {
        add("note " + std::to_string(i));
        catch_up();
    }
    EXPECT_EQ(sea_->status().segments, 1U);
    EXPECT_EQ(files().size(), sea_->status().segments + 2) << "segments, their code book, the manifest";
    EXPECT_EQ(nearest("note 7", 1).size(), 1U);
    reopen();
    EXPECT_EQ(nearest("note", 100).size(), 20U);
    EXPECT_FALSE(sea_->status().from_sqlite);
}

TEST_F(VectorIndexTest, a_changed_text_costs_no_rebuild_and_its_former_row_counts_no_longer) {
    std::vector<MemoryId> all;
    for (int i = 0; i < 100; ++i) {
        all.push_back(add("passage " + std::to_string(i)));
    }
    catch_up();
    Update update;
    for (int i = 0; i < 5; ++i) {
        update.content = "reef " + std::to_string(i);
        ASSERT_TRUE(sea_->update(all[7], update, "ann"));
        catch_up();
    }
    const auto manifest = *read_manifest(folder());
    EXPECT_EQ(manifest->generation, 0U) << "it was appended to, not rebuilt";
    EXPECT_EQ(manifest->gone(), 1U) << "in the large segment; the small one was written again each time";
    EXPECT_EQ(manifest->rows(), 100U);
    const auto check = [&] {
        EXPECT_EQ(nearest("reef 4", 1).front(), all[7]);
        EXPECT_EQ(nearest("passage 7", 200).size(), 100U);
        EXPECT_FALSE(sea_->status().from_sqlite);
        const auto reader = DataSeaReader::open(folder());
        EXPECT_EQ((*reader)->nearest(*embedder_.embed("passage"), 200)->size(), 100U);
        EXPECT_EQ((*reader)->nearest(*embedder_.embed("reef 4"), 1)->front().id, all[7]);
        std::vector<std::string> findings;
        ASSERT_TRUE(sea_->verify(false, findings));
        EXPECT_THAT(findings, IsEmpty());
    };
    check();
    reopen();
    check();
}

TEST_F(VectorIndexTest, a_mapped_segment_outlives_its_replacement) {
    add("before");
    catch_up();
    const auto manifest = read_manifest(folder());
    const auto mapped = Segment::open(folder(), (*manifest)->segments[0]);
    ASSERT_TRUE(mapped.has_value());
    const Vector before = *embedder_.embed("before");
    std::vector<std::string> findings;
    damage(folder() / kManifestFile, 20);
    ASSERT_TRUE(sea_->verify(true, findings).has_value());
    EXPECT_THAT(findings, Not(IsEmpty()));
    EXPECT_FALSE(std::filesystem::exists(folder() / (*manifest)->segments[0].file));
    EXPECT_TRUE(std::equal(before.begin(), before.end(), (*mapped)->vectors()));
}

TEST_F(VectorIndexTest, a_missing_damaged_or_stale_copy_changes_no_answer_and_is_rebuilt) {
    for (int i = 0; i < 30; ++i) {
        add("passage " + std::to_string(i) + (i % 2 == 0 ? " even" : " odd"));
    }
    catch_up();
    const Ids expected = nearest("passage 4 even", 10);
    const std::vector<std::pair<std::string, std::function<void()>>> bad_days = {
        {"manifest gone", [&] { std::filesystem::remove(folder() / kManifestFile); }},
        {"manifest damaged", [&] { damage(folder() / kManifestFile, 30); }},
        {"manifest empty", [&] { std::filesystem::resize_file(folder() / kManifestFile, 0); }},
        {"segment gone", [&] { std::filesystem::remove(a_segment()); }},
        {"segment damaged",
         [&] { damage(a_segment(), std::filesystem::file_size(a_segment()) / 2); }},
        {"segment cut", [&] { std::filesystem::resize_file(a_segment(), 1000); }},
        {"code book gone", [&] { std::filesystem::remove(a_file(".book")); }},
        {"code book damaged", [&] { damage(a_file(".book"), 500); }},
        {"folder gone", [&] { std::filesystem::remove_all(folder()); }},
        {"half-written file left", [&] { std::ofstream(folder() / "sea-9-9.arrow.tmp") << "x"; }},
        {"vector gone from SQLite and back", [&] {
             ASSERT_TRUE(database_->write([](sql::Connection& c) {
                 return c.run(
                     "CREATE TEMP TABLE t AS SELECT * FROM memory_embeddings LIMIT 1;"
                     "DELETE FROM memory_embeddings WHERE memory_id IN (SELECT memory_id FROM t);"
                     "INSERT INTO memory_embeddings(memory_id, model, is_private, vector)"
                     " SELECT memory_id, model, is_private, vector FROM t; DROP TABLE t");
             }));
         }}};
    for (const auto& [name, spoil] : bad_days) {
        SCOPED_TRACE(name);
        sea_.reset();
        spoil();
        reopen();
        EXPECT_EQ(nearest("passage 4 even", 10), expected) << "searched in SQLite";
        catch_up();
        EXPECT_FALSE(sea_->status().from_sqlite);
        EXPECT_EQ(nearest("passage 4 even", 10), expected);
        std::vector<std::string> findings;
        ASSERT_TRUE(sea_->verify(false, findings).has_value());
        EXPECT_THAT(findings, IsEmpty());
    }
}

TEST_F(VectorIndexTest, a_segment_that_is_cut_short_while_it_is_mapped_costs_no_answer_and_no_process) {
    const auto fill = [&] {
        for (int i = 0; i < 30; ++i) {
            add("passage " + std::to_string(i) + (i % 2 == 0 ? " even" : " odd"));
        }
    };
    fill();
    catch_up();
    const Ids expected = nearest("passage 4 even", 10);
    const auto cut = [&] {
        for (const auto& entry : std::filesystem::directory_iterator(folder())) {
            if (entry.path().extension() == ".arrow") {
                std::filesystem::resize_file(entry.path(), 100);
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(30));  // lengths are not looked at each time
    };
    cut();
    auto reader = DataSeaReader::open(folder());
    EXPECT_EQ(reader.error().code, Code::DataLoss);
    EXPECT_EQ(nearest("passage 4 even", 10), expected) << "searched in SQLite";
    catch_up();
    EXPECT_FALSE(sea_->status().from_sqlite) << "written again";
    EXPECT_EQ(nearest("passage 4 even", 10), expected);
    auto follower = DataSeaReader::open(folder());
    ASSERT_TRUE(follower) << follower.error().message;
    cut();
    EXPECT_EQ((*follower)->nearest(*embedder_.embed("passage 4 even"), 10, {}).error().code, Code::DataLoss);
    add("one more");
    catch_up();  // before any search
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(false, findings));
    EXPECT_THAT(findings, IsEmpty());
    EXPECT_EQ(nearest("passage 4 even", 10), expected);
}

TEST_F(VectorIndexTest, files_that_are_removed_while_they_are_mapped_come_back) {
    add("coral reef");
    add("city street");
    catch_up();
    const std::vector<std::function<void()>> ways = {[&] { std::filesystem::remove(a_segment()); },
                                                     [&] { std::filesystem::remove_all(folder()); }};
    for (std::size_t way = 0; way < ways.size(); ++way) {
        SCOPED_TRACE(way);
        ways[way]();
        const Ids expected = nearest("coral", 5);
        EXPECT_EQ(expected.size(), 2U + way);
        add("mountain hut " + std::to_string(way));
        catch_up();
        EXPECT_FALSE(sea_->status().from_sqlite);
        const auto reader = DataSeaReader::open(folder());
        ASSERT_TRUE(reader) << reader.error().message;
        EXPECT_EQ((*reader)->nearest(*embedder_.embed("coral"), 5, {})->size(), 3U + way);
    }
    std::filesystem::remove_all(folder());
    ASSERT_TRUE(sea_->rebuild({}));
    EXPECT_TRUE(DataSeaReader::open(folder()));
}

TEST_F(VectorIndexTest, verify_finds_damage_that_came_while_it_was_open_and_mends_it) {
    add("one");
    add("two");
    catch_up();
    damage(a_segment(), std::filesystem::file_size(a_segment()) / 2);
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(false, findings).has_value());
    ASSERT_THAT(findings, Not(IsEmpty()));
    EXPECT_THAT(findings.front(), HasSubstr("checksum"));
    ASSERT_TRUE(sea_->verify(true, findings).has_value());
    findings.clear();
    ASSERT_TRUE(sea_->verify(false, findings).has_value());
    EXPECT_THAT(findings, IsEmpty());
}

TEST_F(VectorIndexTest, verify_mends_the_text_index) {
    const MemoryId id = add("find me");
    ASSERT_TRUE(database_->write([](sql::Connection& c) {
        return c.run("INSERT INTO memory_words(memory_words) VALUES('delete-all')");
    }));
    EXPECT_THAT(search("find"), IsEmpty());
    std::vector<std::string> findings;
    ASSERT_TRUE(sea_->verify(true, findings).has_value());
    EXPECT_THAT(findings, ElementsAre(HasSubstr("text index: 1 memories differ")));
    EXPECT_THAT(search("find"), ElementsAre(id));
}

TEST_F(VectorIndexTest, another_model_embeds_everything_anew_and_vectors_are_never_mixed) {
    const MemoryId id = add("coral reef");
    catch_up();
    sea_.reset();
    test::WordEmbedder other("others/f32");
    auto sea = DataSea::open(*database_, folder(), &other, clock_, nullptr);
    ASSERT_TRUE(sea.has_value());
    EXPECT_THAT((*sea)->nearest(*other.embed("coral reef"), {}, 5, -1, "ann")->hits, IsEmpty());
    EXPECT_EQ(*(*sea)->catch_up(10, nullptr), 0U);
    EXPECT_EQ((*sea)->nearest(*other.embed("coral reef"), {}, 5, -1, "ann")->hits[0].memory.id, id);
    EXPECT_EQ((*sea)->status().model, "others/f32");
}

// As when a home moves to a machine whose processor has no bfloat16, and back.
TEST_F(VectorIndexTest, another_precision_of_one_model_is_another_model_and_words_find_meanwhile) {
    const MemoryId id = add("coral reef");
    catch_up();
    for (const char* name : {"words/bf16", "words/f32"}) {
        sea_.reset();
        test::WordEmbedder other(name);
        auto sea = DataSea::open(*database_, folder(), &other, clock_, nullptr);
        ASSERT_TRUE(sea.has_value());
        EXPECT_THAT((*sea)->nearest(*other.embed("coral reef"), {}, 5, -1, "ann")->hits, IsEmpty()) << name;
        EXPECT_EQ(ids((*sea)->recall("reef", {}, 5, "ann")), Ids{id}) << name;
        EXPECT_EQ(*(*sea)->catch_up(10, nullptr), 0U);
        EXPECT_EQ((*sea)->nearest(*other.embed("coral reef"), {}, 5, -1, "ann")->hits[0].memory.id, id);
        EXPECT_EQ((*sea)->status().model, name);
    }
}

TEST_F(VectorIndexTest, several_queries_at_once_find_what_each_finds_alone) {
    const unsigned seed = 20261126;
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto text = [&] {
        std::string words;
        for (int i = 0; i < 6; ++i) {
            words += "w" + std::to_string(random() % 40) + ' ';
        }
        return words;
    };
    Memory tagged, secret;
    tagged.tags = {"some"};
    secret.is_private = true;
    std::vector<MemoryId> all;
    for (int i = 0; i < 300; ++i) {
        all.push_back(add(text() + std::to_string(i), i % 5 == 0 ? tagged : i % 7 == 0 ? secret : Memory()));
        if (i == 200) {
            catch_up();  // later ones are searched in SQLite or in a second segment
        }
    }
    Update change;
    change.content = "w1 w2 w3 changed";
    ASSERT_TRUE(sea_->update(all[3], change, "ann"));
    change = {};
    change.remove_tags = {"some"};
    ASSERT_TRUE(sea_->update(all[5], change, "ann"));
    Filter only;
    only.tags = {"some"};
    for (const bool folded : {false, true}) {
        for (const Filter& filter : {Filter(), only}) {
            std::vector<Vector> queries;
            for (int i = 0; i < 11; ++i) {
                queries.push_back(*embedder_.embed(text()));
            }
            for (const std::string viewer : {"ann", "bob"}) {
                const auto pages = sea_->nearest_each(queries, filter, 9, -1, viewer);
                ASSERT_TRUE(pages.has_value()) << pages.error().message;
                ASSERT_EQ(pages->size(), queries.size());
                for (std::size_t i = 0; i < queries.size(); ++i) {
                    const auto alone = sea_->nearest(queries[i], filter, 9, -1, viewer);
                    EXPECT_EQ(ids((*pages)[i]), ids(alone));
                    EXPECT_EQ(ids(alone).size(), 9U);
                    EXPECT_EQ((*pages)[i].hits.front().score, alone->hits.front().score);
                }
            }
        }
        if (!folded) {
            catch_up();
        }
    }
    EXPECT_TRUE(sea_->nearest_each({}, {}, 9, -1, "ann")->empty());
    std::vector<Vector> bad(2, *embedder_.embed("w1"));
    bad[1][7] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(sea_->nearest_each(bad, {}, 9, -1, "ann").error().code, Code::InvalidArgument);
}

TEST_F(VectorIndexTest, several_queries_at_once_survive_a_damaged_copy) {
    add("coral reef");
    add("city street");
    catch_up();
    reopen();
    damage(a_segment(), std::filesystem::file_size(a_segment()) / 2);
    const std::vector<Vector> queries = {*embedder_.embed("coral reef"), *embedder_.embed("city street")};
    const auto pages = sea_->nearest_each(queries, {}, 1, -1, "ann");
    ASSERT_TRUE(pages.has_value()) << pages.error().message;
    EXPECT_EQ((*pages)[0].hits.front().memory.content, "coral reef");
    EXPECT_EQ((*pages)[1].hits.front().memory.content, "city street");
}

TEST_F(VectorIndexTest, near_duplicates_are_linked_and_both_kept) {
    const MemoryId first = add("The quick brown fox jumps.");
    const MemoryId second = add("The quick brown fox jumps!");
    catch_up();
    const auto related = sea_->related(first, 1, {"near_duplicate"}, 10, "ann");
    ASSERT_EQ(related->size(), 1U);
    EXPECT_EQ(related->front().memory.id, second);
    EXPECT_EQ(nearest("quick fox", 5).size(), 2U);
}

TEST_F(VectorIndexTest, the_same_text_in_another_galaxy_is_no_duplicate) {
    Memory elsewhere;
    elsewhere.galaxy = "attic";
    const MemoryId here = add("The quick brown fox jumps.");
    add("The quick brown fox jumps!", elsewhere);
    catch_up();
    EXPECT_TRUE(sea_->related(here, 1, {}, 10, "ann")->empty());
}

TEST_F(VectorIndexTest, a_new_text_is_a_near_duplicate_of_what_it_is_near_to_now) {
    const MemoryId first = add("The quick brown fox jumps.");
    const MemoryId second = add("The quick brown fox jumps!");
    catch_up();
    ASSERT_EQ(sea_->related(first, 1, {"near_duplicate"}, 10, "ann")->size(), 1U);
    Update update;
    update.content = "Deep water under the harbour";
    ASSERT_TRUE(sea_->update(second, update, "ann"));
    EXPECT_TRUE(sea_->related(first, 1, {"near_duplicate"}, 10, "ann")->empty()) << "told by the former text";
    catch_up();
    EXPECT_TRUE(sea_->related(first, 1, {"near_duplicate"}, 10, "ann")->empty());
    ASSERT_TRUE(sea_->restore(second, 1, "ann"));
    catch_up();
    EXPECT_EQ(sea_->related(first, 1, {"near_duplicate"}, 10, "ann")->size(), 1U);
}

TEST_F(VectorIndexTest, catching_up_stops_at_its_limit_and_tells_how_far_it_is) {
    for (int i = 0; i < 50; ++i) {
        add("text " + std::to_string(i));
    }
    std::vector<std::size_t> told;
    const auto left = sea_->catch_up(40, [&](std::size_t done, std::size_t all) {
        told.push_back(done);
        EXPECT_EQ(all, 40U);
    });
    EXPECT_EQ(*left, 10U);
    EXPECT_EQ(told.back(), 40U);
    embedder_.is_missing = true;
    EXPECT_EQ(sea_->catch_up(40, nullptr).error().code, Code::Unavailable);
    embedder_.is_missing = false;
    EXPECT_EQ(*sea_->catch_up(40, nullptr), 0U);
}

// A memory as the plain scan knows it.
struct Twin {
    std::string text;
    bool is_private = false;
    bool is_archived = false;
    bool has_vector = false;
};
using Twins = std::map<MemoryId, Twin>;

Ids plain_scan(const Twins& twins, test::WordEmbedder& embedder, const Vector& query, std::size_t k,
               bool with_private) {
    std::vector<search::Scored> all;
    for (const auto& [id, twin] : twins) {
        if (twin.has_vector && !twin.is_archived && (with_private || !twin.is_private)) {
            const Vector vector = *embedder.embed(twin.text);
            all.push_back({search::dot_of(search::Kernel::Scalar)(query.data(), vector.data()), id});
        }
    }
    std::sort(all.begin(), all.end());
    Ids best;
    for (std::size_t i = 0; i < std::min(k, all.size()); ++i) {
        best.push_back(all[i].id);
    }
    return best;
}

// Random changes, each answer held against a scan of everything written as plainly as can be.
// tidy-allow(functions_fit_a_screen): one story of random changes, told without helpers that hide it
TEST_F(VectorIndexTest, answers_equal_a_plain_scan_whatever_was_done_before) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    Twins twins;
    const auto any_text = [&] {
        std::string text = "w" + std::to_string(random() % 40);
        for (int i = 0; i < 3; ++i) {
            text += " w" + std::to_string(random() % 40);
        }
        return text;
    };
    for (int step = 0; step < 250; ++step) {
        const std::size_t what = random() % 10;
        auto some = twins.begin();
        std::advance(some, twins.empty() ? 0 : static_cast<long>(random() % twins.size()));
        if (what < 4 || twins.empty()) {
            Memory memory;
            memory.title = std::to_string(step);
            memory.is_private = random() % 5 == 0;
            const std::string text = any_text();
            // Vectors are of title and text; the twin keeps both.
            twins[add(text, memory)] = {memory.title + "\n" + text, memory.is_private, false,
                                        false};
        } else if (what == 4) {
            Update update;
            update.title = "";
            update.content = any_text() + " " + std::to_string(step);
            ASSERT_TRUE(sea_->update(some->first, update, "ann").has_value());
            some->second.text = *update.content;
            some->second.has_vector = false;
        } else if (what == 5) {
            ASSERT_TRUE(sea_->archive(some->first, "", "ann").has_value());
            some->second.is_archived = true;
        } else if (what == 6 && random() % 3 == 0) {
            ASSERT_TRUE(sea_->erase(some->first, "", "owner").has_value());
            twins.erase(some);
        } else if (what == 7) {
            reopen();
        } else {
            catch_up();
            for (auto& [id, twin] : twins) {
                twin.has_vector = true;
            }
        }
        const Vector query = *embedder_.embed(any_text());
        Filter filter;
        filter.include_private = random() % 2 == 0;
        const std::size_t k = 1 + random() % 12;
        EXPECT_EQ(ids(sea_->nearest(query, filter, k, -2, "ann")),
                  plain_scan(twins, embedder_, query, k, filter.include_private))
            << "step " << step << " after " << what;
    }
}

// What a filter lets through, said as plainly as can be.
bool passes(const Filter& filter, const Memory& memory) {
    const auto has = [&](const std::string& tag) {
        return std::find(memory.tags.begin(), memory.tags.end(), tag) != memory.tags.end();
    };
    return memory.has_vector && (filter.galaxy.empty() || memory.galaxy == filter.galaxy) &&
           (filter.type.empty() || memory.type == filter.type) && (!filter.zone || memory.zone() == *filter.zone) &&
           memory.created_ns >= filter.since_ns.value_or(INT64_MIN) &&
           memory.created_ns <= filter.until_ns.value_or(INT64_MAX) &&
           (filter.include_archived || !memory.is_archived) &&
           (filter.include_private || !memory.is_private) &&
           memory.is_protected == filter.is_protected.value_or(memory.is_protected) &&
           std::all_of(filter.tags.begin(), filter.tags.end(), has);
}

// The copy's columns are behind most of the time here: nothing may be missed or let through because of it.
// tidy-allow(functions_fit_a_screen): one story of random changes, told without helpers that hide it
TEST_F(VectorIndexTest, filters_let_through_what_sqlite_says_whatever_changed_since_the_copy_was_made) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const std::vector<std::string> colours{"red", "green"};
    const std::vector<std::string> forms{"round", "square", "flat"};
    const std::vector<std::string> types{"note", "fact"};
    const std::vector<std::string> galaxies{"default", "andromeda", ""};
    const auto one_of = [&](const std::vector<std::string>& words) { return words[random() % words.size()]; };
    Ids all;
    for (int step = 0; step < 300; ++step) {
        const std::size_t what = step < 60 ? 0 : random() % 12;
        const MemoryId some = all.empty() ? 0 : all[random() % all.size()];
        clock_.advance(from_seconds(static_cast<double>(random() % 100'000)));
        if (what < 3) {
            Memory memory;
            memory.tags = {one_of(colours), one_of(forms)};
            memory.type = one_of(types);
            memory.galaxy = galaxies[random() % 3 / 2];
            memory.importance = static_cast<double>(random() % 100) / 100;
            memory.is_private = random() % 8 == 0;
            memory.is_protected = random() % 6 == 0;
            all.push_back(add("w" + std::to_string(random() % 30) + " w" + std::to_string(random() % 30) + " " +
                                  std::to_string(step),
                              memory));
        } else if (what == 3) {
            ASSERT_TRUE(sea_->protect(some, random() % 2 == 0, "ann"));
        } else if (what == 4) {
            Update update;
            (random() % 2 == 0 ? update.add_tags : update.remove_tags).push_back(one_of(colours));
            ASSERT_TRUE(sea_->update(some, update, "ann"));
        } else if (what == 5 && !read(some).is_protected) {
            const bool archived = read(some).is_archived;
            ASSERT_TRUE(archived ? sea_->restore(some, std::nullopt, "ann") : sea_->archive(some, "", "ann"));
        } else if (what == 6) {
            ASSERT_TRUE(sea_->sweep(20, false).has_value());
        } else if (what == 7 && random() % 3 == 0) {
            reopen();
        } else if (what == 8) {
            catch_up();
        }
        Filter filter;
        filter.galaxy = one_of(galaxies);
        filter.include_archived = random() % 3 == 0;
        filter.include_private = random() % 2 == 0;
        if (random() % 2 == 0) {
            filter.tags.push_back(random() % 2 == 0 ? one_of(colours) : one_of(forms));
        }
        if (random() % 3 == 0) {
            filter.zone = static_cast<Zone>(random() % 5);
        }
        if (random() % 3 == 0) {
            filter.type = one_of(types);
        }
        if (random() % 4 == 0) {
            filter.is_protected = random() % 2 == 0;
        }
        if (random() % 4 == 0) {
            filter.since_ns = clock_.wall().count - static_cast<std::int64_t>(random() % 5'000'000) * 1'000'000'000;
        }
        const Vector query = *embedder_.embed("w" + std::to_string(random() % 30));
        std::vector<search::Scored> expected;
        for (const MemoryId id : all) {
            const Memory memory = read(id);
            if (passes(filter, memory)) {
                const Vector vector = *sea_->vector_of(id, "ann");
                expected.push_back({search::dot_of(search::Kernel::Scalar)(query.data(), vector.data()), id});
            }
        }
        std::sort(expected.begin(), expected.end());
        expected.resize(std::min<std::size_t>(expected.size(), 7));
        Ids best;
        for (const search::Scored& each : expected) {
            best.push_back(each.id);
        }
        EXPECT_EQ(ids(sea_->nearest(query, filter, 7, -2, "ann")), best) << "step " << step << " after " << what;
    }
}

}  // namespace
}  // namespace resonant::memory
