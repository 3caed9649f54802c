#include "resonant/memory/data_sea.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "resonant/memory/retention.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class DataSeaTest : public SeaTest {};

TEST_F(DataSeaTest, what_is_added_is_read_back_whole) {
    Memory memory;
    memory.title = "Sea state";
    memory.content = "The tide turns at noon.";
    memory.type = "fact";
    memory.tags = {"tide", "harbour", "tide"};
    memory.importance = 0.8;
    memory.source = "log book";
    memory.session = "s1";
    memory.galaxy = "coast";
    memory.owner = "ann";
    memory.predecessor_family = 7;
    memory.phase = 2;
    memory.posture = 1;
    const auto added = sea_->add(memory);
    ASSERT_TRUE(added.has_value());
    EXPECT_FALSE(added->reinforced);

    reopen();
    const Memory found = read(added->id);
    EXPECT_EQ(found.title, "Sea state");
    EXPECT_EQ(found.content, "The tide turns at noon.");
    EXPECT_EQ(found.type, "fact");
    EXPECT_THAT(found.tags, ElementsAre("harbour", "tide"));
    EXPECT_EQ(found.importance, 0.8);
    EXPECT_EQ(found.source, "log book");
    EXPECT_EQ(found.session, "s1");
    EXPECT_EQ(found.galaxy, "coast");
    EXPECT_EQ(found.owner, "ann");
    EXPECT_EQ(found.predecessor_family, 7);
    EXPECT_EQ(found.phase, 2);
    EXPECT_EQ(found.posture, 1);
    EXPECT_EQ(found.version, 1U);
    EXPECT_EQ(found.created_ns, clock_.wall().count);
    EXPECT_FALSE(found.has_vector) << "it follows in the background";
}

TEST_F(DataSeaTest, the_same_text_again_reinforces_and_makes_no_second_memory) {
    const MemoryId id = add("Boats need anchors.");
    Memory again;
    again.tags = {"boat"};
    EXPECT_EQ(add("Boats need anchors.", again), id);
    const Memory found = read(id);
    EXPECT_GT(found.importance, 0.5);
    EXPECT_THAT(found.tags, ElementsAre("boat"));
    EXPECT_THAT(search("boat"), ElementsAre(id));
}

TEST_F(DataSeaTest, the_same_text_under_another_title_or_of_another_owner_in_private_is_kept) {
    Memory first;
    first.title = "shm_open(3): SEE ALSO";
    Memory second;
    second.title = "mmap(2): SEE ALSO";
    EXPECT_NE(add("See also: munmap", first), add("See also: munmap", second));
    Memory own;
    own.is_private = true;
    Memory other = own;
    other.owner = "bob";
    EXPECT_NE(add("my secret", own), add("my secret", other));
}

TEST_F(DataSeaTest, what_a_memory_cannot_hold_is_named) {
    Memory memory;
    EXPECT_EQ(sea_->add(memory).error().code, Code::InvalidArgument) << "no content";
    memory.content = "\xff\xfe";
    EXPECT_THAT(sea_->add(memory).error().message, HasSubstr("UTF-8"));
    memory.content = std::string(kContentMax + 1, 'x');
    EXPECT_THAT(sea_->add(memory).error().message, HasSubstr("1048577 bytes"));
    memory.content = "fine";
    memory.importance = 1.5;
    EXPECT_THAT(sea_->add(memory).error().message, HasSubstr("importance"));
    memory.importance = 0.5;
    memory.tags = {"two\nlines"};
    EXPECT_THAT(sea_->add(memory).error().message, HasSubstr("tag"));
    EXPECT_TRUE(ids(sea_->list("created", {}, 10, "", "ann")).empty());
}

TEST_F(DataSeaTest, an_update_keeps_the_former_version) {
    const MemoryId id = add("first text");
    Update update;
    update.content = "second text";
    update.add_tags = {"new"};
    ASSERT_TRUE(sea_->update(id, update, "ann").has_value());
    update = {};
    update.importance = 0.9;
    ASSERT_TRUE(sea_->update(id, update, "bob").has_value());

    EXPECT_EQ(read(id).content, "second text");
    EXPECT_THAT(search("first"), IsEmpty());
    EXPECT_THAT(search("second"), ElementsAre(id));
    const auto history = sea_->history(id, "ann");
    ASSERT_TRUE(history.has_value());
    std::vector<std::string> seen;
    for (const Version& version : *history) {
        if (version.what != "moved") {
            seen.push_back(version.what + " " + version.content + " " + version.by);
        }
    }
    EXPECT_THAT(seen, ElementsAre("created first text ann", "updated second text ann",
                                  "updated second text bob"));
}

TEST_F(DataSeaTest, a_lost_update_is_refused) {
    const MemoryId id = add("text");
    Update mine;
    mine.content = "mine";
    mine.if_version = 1;
    ASSERT_TRUE(sea_->update(id, mine, "ann").has_value());
    Update late;
    late.content = "late";
    late.if_version = 1;
    const Status refused = sea_->update(id, late, "bob");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::Conflict);
    EXPECT_THAT(refused.error().message, HasSubstr("it is at 2"));
    EXPECT_EQ(read(id).content, "mine");
}

TEST_F(DataSeaTest, an_archived_memory_is_hidden_and_comes_back) {
    const MemoryId id = add("old rope");
    ASSERT_TRUE(sea_->archive(id, "worn", "ann").has_value());
    EXPECT_THAT(search("rope"), IsEmpty());
    EXPECT_EQ(read(id).zone(), Zone::FarEdge);
    Filter all;
    all.include_archived = true;
    EXPECT_THAT(search("rope", all), ElementsAre(id));

    ASSERT_TRUE(sea_->restore(id, std::nullopt, "ann").has_value());
    EXPECT_THAT(search("rope"), ElementsAre(id));
    EXPECT_EQ(read(id).zone(), Zone::MidBand);
}

TEST_F(DataSeaTest, an_earlier_text_comes_back_as_a_new_version) {
    const MemoryId id = add("one");
    for (const char* text : {"two", "three"}) {
        Update update;
        update.content = text;
        ASSERT_TRUE(sea_->update(id, update, "ann").has_value());
    }
    ASSERT_TRUE(sea_->restore(id, 1, "ann").has_value());
    EXPECT_EQ(read(id).content, "one");
    EXPECT_EQ(read(id).version, 4U);
    ASSERT_TRUE(sea_->restore(id, 3, "ann").has_value()) << "nothing in between was lost";
    EXPECT_EQ(read(id).content, "three");
    EXPECT_EQ(sea_->restore(id, 99, "ann").error().code, Code::NotFound);
    EXPECT_EQ(sea_->restore(id, std::nullopt, "ann").error().code, Code::InvalidArgument);
}

TEST_F(DataSeaTest, a_protected_memory_lies_in_the_core_and_is_not_archived) {
    const MemoryId id = add("keep me");
    ASSERT_TRUE(sea_->protect(id, true, "ann").has_value());
    EXPECT_EQ(read(id).zone(), Zone::Core);
    EXPECT_EQ(sea_->archive(id, "", "ann").error().code, Code::Conflict);
    ASSERT_TRUE(sea_->protect(id, false, "ann").has_value());
    EXPECT_EQ(read(id).zone(), Zone::MidBand);
}

TEST_F(DataSeaTest, a_private_memory_is_there_for_its_owner_only) {
    Memory mine;
    mine.is_private = true;
    const MemoryId secret = add("the combination is seven", mine);
    const MemoryId open = add("the lock has a combination");
    catch_up();
    Filter with_private;
    with_private.include_private = true;
    EXPECT_THAT(search("combination", with_private), Contains(secret));
    EXPECT_THAT(recall("combination", with_private), Contains(secret));
    EXPECT_THAT(nearest("the combination is seven", 5, with_private), Contains(secret));
    EXPECT_THAT(search("combination"), ElementsAre(open)) << "unless it is asked for";
    for (const char* other : {"bob", ""}) {
        EXPECT_THAT(search("combination", with_private, other), ElementsAre(open));
        EXPECT_THAT(recall("combination", with_private, other), Not(Contains(secret)));
        EXPECT_THAT(nearest("combination", 5, with_private, other), Not(Contains(secret)));
        EXPECT_EQ(sea_->read(secret, other).error().code, Code::NotFound);
        EXPECT_EQ(sea_->history(secret, other).error().code, Code::NotFound);
        EXPECT_EQ(sea_->vector_of(secret, other).error().code, Code::NotFound);
        EXPECT_EQ(sea_->update(secret, {}, other).error().code, Code::NotFound);
        EXPECT_EQ(sea_->archive(secret, "", other).error().code, Code::NotFound);
        EXPECT_EQ(sea_->link({open, secret, "related", 1}, false, other).error().code,
                  Code::NotFound);
    }
    ASSERT_TRUE(sea_->link({open, secret, "related", 1}, false, "ann").has_value());
    EXPECT_TRUE(sea_->related(open, 2, {}, 10, "bob")->empty());
    EXPECT_EQ(sea_->related(open, 2, {}, 10, "ann")->size(), 1U);
}

TEST_F(DataSeaTest, links_are_typed_walked_and_taken_back) {
    const MemoryId a = add("alpha");
    const MemoryId b = add("beta");
    const MemoryId c = add("gamma");
    ASSERT_TRUE(sea_->link({a, b, "extends", 0.8}, false, "ann").has_value());
    ASSERT_TRUE(sea_->link({b, c, "causal", 0.5}, false, "ann").has_value());
    const auto near = sea_->related(a, 1, {}, 10, "ann");
    ASSERT_EQ(near->size(), 1U);
    EXPECT_THAT(near->front().reasons, ElementsAre("link: extends " + wire_id(a)));
    const auto far = sea_->related(a, 2, {}, 10, "ann");
    ASSERT_EQ(far->size(), 2U);
    EXPECT_DOUBLE_EQ(far->back().score, 0.4);
    EXPECT_TRUE(sea_->related(a, 2, {"causal"}, 10, "ann")->empty());
    EXPECT_EQ(sea_->related(c, 1, {}, 10, "ann")->size(), 1U) << "from either end";

    ASSERT_TRUE(sea_->link({a, b, "extends", 0}, true, "ann").has_value());
    EXPECT_TRUE(sea_->related(a, 2, {}, 10, "ann")->empty());
    EXPECT_EQ(sea_->link({a, b, "extends", 0}, true, "ann").error().code, Code::NotFound);
    EXPECT_EQ(sea_->link({a, a, "extends", 0.5}, false, "ann").error().code, Code::InvalidArgument);
    EXPECT_THAT(sea_->link({a, b, "likes", 0.5}, false, "ann").error().message,
                HasSubstr("causal"));
    EXPECT_EQ(sea_->link({a, b, "extends", 1.5}, false, "ann").error().code, Code::InvalidArgument);
    EXPECT_EQ(sea_->related(a, 99, {}, 10, "ann").error().code, Code::InvalidArgument);
}

TEST_F(DataSeaTest, pages_follow_each_other_without_gap_or_double) {
    Ids added;
    for (int i = 0; i < 25; ++i) {
        added.push_back(add("wave number " + std::to_string(i)));
    }
    for (const bool by_words : {true, false}) {
        Ids seen;
        std::string cursor;
        do {
            const auto page = by_words ? sea_->search("wave", {}, 10, cursor, "ann")
                                       : sea_->list("created", {}, 10, cursor, "ann");
            ASSERT_TRUE(page.has_value());
            EXPECT_LE(page->hits.size(), 10U);
            for (const Hit& hit : page->hits) {
                seen.push_back(hit.memory.id);
            }
            cursor = page->cursor;
        } while (!cursor.empty());
        std::sort(seen.begin(), seen.end());
        EXPECT_EQ(seen, added);
    }
    EXPECT_EQ(sea_->list("created", {}, 10, "x", "ann").error().code, Code::InvalidArgument);
    EXPECT_EQ(sea_->list("created", {}, 0, "", "ann").error().code, Code::InvalidArgument);
    EXPECT_THAT(sea_->list("colour", {}, 10, "", "ann").error().message, HasSubstr("importance"));
}

TEST_F(DataSeaTest, lists_come_in_the_order_that_was_asked_for) {
    Memory weak;
    weak.importance = 0.1;
    Memory strong;
    strong.importance = 0.9;
    const MemoryId first = add("first", strong);
    clock_.advance(from_seconds(60));
    const MemoryId second = add("second", weak);
    const auto listed = [&](const char* sort) { return ids(sea_->list(sort, {}, 10, "", "ann")); };
    EXPECT_THAT(listed("created"), ElementsAre(second, first));
    EXPECT_THAT(listed("importance"), ElementsAre(first, second));
    EXPECT_THAT(listed("distance"), ElementsAre(first, second));
    clock_.advance(from_seconds(60));
    sea_->touch(std::vector<MemoryId>{first});
    EXPECT_THAT(listed("accessed"), ElementsAre(first, second));
}

TEST_F(DataSeaTest, filters_hold_for_words_meaning_and_lists_alike) {
    Memory fact;
    fact.type = "fact";
    fact.tags = {"sea", "deep"};
    fact.is_protected = true;
    const MemoryId wanted = add("whales sing low", fact);
    clock_.advance(from_seconds(10));
    Memory other;
    other.tags = {"sea"};
    const MemoryId unwanted = add("whales dive", other);
    Memory elsewhere = fact;
    elsewhere.galaxy = "mars";
    const MemoryId far = add("whales on mars", elsewhere);
    catch_up();

    std::vector<Filter> filters(6);
    filters[0].tags = {"sea", "deep"};
    filters[1].type = "fact";
    filters[2].is_protected = true;
    filters[3].zone = Zone::Core;
    filters[4].until_ns = clock_.wall().count - 1;
    filters[5].tags = {"deep"};
    filters[5].since_ns = 1;
    for (const Filter& filter : filters) {
        EXPECT_THAT(search("whales", filter), ElementsAre(wanted));
        EXPECT_THAT(recall("whales", filter), ElementsAre(wanted));
        EXPECT_THAT(nearest("whales", 5, filter), ElementsAre(wanted));
        EXPECT_THAT(ids(sea_->list("created", filter, 10, "", "ann")), ElementsAre(wanted));
    }
    Filter anywhere;
    anywhere.galaxy = "";
    EXPECT_THAT(search("whales", anywhere), testing::UnorderedElementsAre(wanted, unwanted, far));
}

TEST_F(DataSeaTest, accesses_are_counted_without_being_an_effect) {
    const MemoryId id = add("read me");
    clock_.advance(from_seconds(5));
    {
        sql::Observer observer(*database_, sql::Observer::Mode::RefuseWrites);
        for (int i = 0; i < 300; ++i) {
            sea_->touch(std::vector<MemoryId>{id, id + static_cast<MemoryId>(i) + 1});
        }
        EXPECT_FALSE(observer.refused());
        EXPECT_TRUE(observer.changes().empty());
    }
    EXPECT_EQ(read(id).access_count, 300U);
    reopen();
    EXPECT_EQ(read(id).access_count, 300U);
    EXPECT_EQ(read(id).accessed_ns, clock_.wall().count);
}

TEST_F(DataSeaTest, a_sweep_moves_what_is_unused_outward_and_what_is_used_inward) {
    const MemoryId unused = add("forgotten thing");
    const MemoryId used = add("daily thing");
    const MemoryId kept = add("pinned thing");
    ASSERT_TRUE(sea_->protect(kept, true, "ann").has_value());
    clock_.advance(from_seconds(400 * 86400.0));
    for (int i = 0; i < 30; ++i) {
        sea_->touch(std::vector<MemoryId>{used});
    }
    const auto foretold = sea_->sweep(100, true);
    ASSERT_TRUE(foretold.has_value());
    EXPECT_EQ(read(unused).zone(), Zone::MidBand) << "a dry run moves nothing";

    const auto swept = sea_->sweep(100, false);
    ASSERT_TRUE(swept.has_value());
    EXPECT_EQ(swept->rescored, 3U);
    EXPECT_EQ(read(unused).zone(), Zone::OuterRim);
    EXPECT_EQ(read(used).zone(), Zone::InnerRim);
    EXPECT_EQ(read(kept).zone(), Zone::Core);
    const auto moves = sea_->movements();
    EXPECT_THAT(*moves, Contains(std::make_tuple(Zone::MidBand, Zone::OuterRim, std::size_t{1},
                                                 clock_.wall().count)));
    const auto stats = sea_->zones("");
    EXPECT_EQ(stats->total, 3U);
    EXPECT_EQ(stats->count[static_cast<std::size_t>(Zone::OuterRim)], 1U);
    EXPECT_EQ(stats->protected_count, 1U);
    EXPECT_THAT(sea_->history(unused, "ann")->back().what, "moved");
}

TEST_F(DataSeaTest, every_change_is_told) {
    const MemoryId id = add("tell");
    Update update;
    update.importance = 1;
    ASSERT_TRUE(sea_->update(id, update, "ann").has_value());
    ASSERT_TRUE(sea_->archive(id, "", "ann").has_value());
    ASSERT_TRUE(sea_->restore(id, std::nullopt, "ann").has_value());
    sea_->touch(std::vector<MemoryId>{id});
    catch_up();
    ASSERT_TRUE(sea_->erase(id, "asked", "owner").has_value());
    std::vector<Change> told;
    for (const auto& [change, which] : changes_) {
        told.push_back(change);
    }
    EXPECT_THAT(told,
                ElementsAre(Change::Created, Change::Updated, Change::Archived, Change::Restored,
                            Change::Accessed, Change::Indexed, Change::Erased));
}

TEST_F(DataSeaTest, erase_has_the_embedder_forget_every_version_of_the_text) {
    const MemoryId id = add("first words");
    Update update;
    update.content = "other words";
    ASSERT_TRUE(sea_->update(id, update, "ann").has_value());
    const Status erased = database_->write(
        [&](sql::Connection&) { return sea_->erase(id, "asked", "owner"); });
    ASSERT_TRUE(erased.has_value()) << erased.error().message;
    EXPECT_THAT(embedder_.forgotten, testing::IsSupersetOf({"first words", "other words"}));
}

TEST_F(DataSeaTest, a_change_inside_an_outer_one_commits_or_goes_with_it) {
    const Status failed = database_->write([&](sql::Connection&) -> Status {
        EXPECT_TRUE(add("outer half") > 0);
        return fail(Code::Conflict, "no");
    });
    EXPECT_FALSE(failed.has_value());
    EXPECT_THAT(search("outer"), IsEmpty());

    const MemoryId id = add("stays");
    catch_up();
    const Status undone = database_->write([&](sql::Connection&) -> Status {
        Update update;
        update.content = "goes";
        RESONANT_CHECK(sea_->update(id, update, "ann"));
        RESONANT_CHECK(sea_->catch_up(10, nullptr));
        return fail(Code::Conflict, "no");
    });
    EXPECT_FALSE(undone.has_value());
    EXPECT_THAT(nearest("stays", 1), ElementsAre(id)) << "its old vector counts again";
    EXPECT_FLOAT_EQ(static_cast<float>(
                        sea_->nearest(*embedder_.embed("stays"), {}, 1, -1, "ann")->hits[0].score),
                    1);
    catch_up();
    EXPECT_THAT(nearest("stays", 1), ElementsAre(id));
}

TEST_F(DataSeaTest, tables_of_a_newer_program_are_refused_and_left_alone) {
    const MemoryId id = add("from the future");
    ASSERT_TRUE(database_->write([](sql::Connection& c) {
        return c.run("UPDATE memory_state SET value = 99 WHERE key = 'schema'");
    }));
    sea_.reset();
    auto refused = DataSea::open(*database_, folder(), &embedder_, clock_, nullptr);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::Conflict);
    EXPECT_THAT(refused.error().message, HasSubstr("version 99"));
    ASSERT_TRUE(database_->write([](sql::Connection& c) {
        return c.run("UPDATE memory_state SET value = 3 WHERE key = 'schema'");
    }));
    reopen();
    EXPECT_EQ(read(id).content, "from the future");
}

TEST_F(DataSeaTest, tables_of_an_older_program_are_brought_up_to_date_and_their_histories_go_on) {
    const MemoryId old = add("as it was told first");
    ASSERT_TRUE(database_->write([](sql::Connection& c) {
        return c.run("INSERT INTO memory_versions(memory_id, version, by_whom, what, reason, at_ns)"
                     " SELECT id, 1, owner, 'created', '', created_ns FROM memories;"
                     "CREATE INDEX memories_by_swept ON memories(swept_ns, id);"
                     "DELETE FROM memory_state WHERE key = 'swept';"
                     "UPDATE memory_state SET value = 1 WHERE key = 'schema'");
    }));
    reopen();
    reopen();
    const MemoryId fresh = add("and another");
    for (const MemoryId id : {old, fresh}) {
        Update change;
        change.content = "told anew " + wire_id(id);
        ASSERT_TRUE(sea_->update(id, change, "ann"));
        const auto history = sea_->history(id, "ann");
        ASSERT_EQ(history->size(), 2U);
        EXPECT_EQ((*history)[0].what, "created");
        EXPECT_EQ((*history)[1].version, 2U);
    }
    EXPECT_EQ(sea_->history(old, "ann")->front().content, "as it was told first");
    EXPECT_EQ(sea_->sweep(10, false)->rescored, 2U);
}

TEST_F(DataSeaTest, an_index_that_took_sentences_for_words_is_made_anew) {
    const MemoryId id = add("项目优先支持中文界面 and herons");
    ASSERT_TRUE(database_->write([](sql::Connection& c) {
        return c.run("DROP TABLE memory_words; CREATE VIRTUAL TABLE memory_words USING fts5("
                     "title, content, tags, content='', tokenize='porter unicode61 remove_diacritics 2');"
                     "INSERT INTO memory_words(rowid, title, content, tags) SELECT memory_id, '', content, '' FROM memory_texts;"
                     "UPDATE memory_state SET value = 2 WHERE key = 'schema'");
    }));
    reopen();
    for (const char* query : {"中文", "herons", "优先支持", "支持英文"}) {
        const auto page = sea_->search(query, {}, 10, "", "ann");
        ASSERT_TRUE(page.has_value()) << page.error().message;
        ASSERT_EQ(page->hits.size(), 1U) << query;
        EXPECT_EQ(page->hits[0].memory.id, id);
    }
    EXPECT_TRUE(sea_->search("德文", {}, 10, "", "ann")->hits.empty());
}

TEST_F(DataSeaTest, the_creation_stands_in_the_history_with_and_without_a_later_version) {
    clock_.advance(from_seconds(1'000));
    const MemoryId id = add("first words");
    const std::int64_t made_ns = clock_.wall().count;
    const auto alone = sea_->history(id, "ann");
    ASSERT_EQ(alone->size(), 1U);
    EXPECT_EQ((*alone)[0].content, "first words");
    clock_.advance(from_seconds(5));
    ASSERT_TRUE(sea_->protect(id, true, "ann"));
    Update change;
    change.content = "second words";
    ASSERT_TRUE(sea_->update(id, change, "ann"));
    const auto history = sea_->history(id, "ann");
    EXPECT_GE(history->size(), 3U) << "and how it moved between zones";
    for (const Version& first : {(*alone)[0], (*history)[0]}) {
        EXPECT_EQ(first.version, 1U);
        EXPECT_EQ(first.what, "created");
        EXPECT_EQ(first.by, "ann");
        EXPECT_EQ(first.at_ns, made_ns);
        EXPECT_EQ(first.content, "first words");
    }
    ASSERT_TRUE(sea_->restore(id, 1, "ann"));
    EXPECT_EQ(read(id).content, "first words");
}

TEST_F(DataSeaTest, what_is_brought_in_was_created_here_when_it_came) {
    clock_.advance(from_seconds(1'000));
    Memory old;
    old.created_ns = 7;
    const auto history = sea_->history(add("from elsewhere", old), "ann");
    ASSERT_EQ(history->size(), 1U);
    EXPECT_EQ((*history)[0].at_ns, clock_.wall().count);
}

}  // namespace
}  // namespace resonant::memory
