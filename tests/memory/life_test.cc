// How memories move: outward with time, inward when they are read; and the stores they lie in.
#include <gmock/gmock.h>

#include <random>

#include "resonant/memory/galaxies.h"
#include "resonant/memory/imports.h"
#include "resonant/memory/retention.h"
#include "resonant/memory/survey.h"
#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kDayNs = 86'400'000'000'000;

TEST(RetentionModel, it_is_bounded_and_no_signal_ever_pushes_outward) {
    const unsigned seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> share(-0.5, 1.5);
    std::uniform_int_distribution<std::int64_t> age(-10 * kDayNs, 4'000 * kDayNs);
    for (int i = 0; i < 20'000; ++i) {
        const Worth plain{.importance = share(random),
                          .unused_ns = age(random),
                          .recalls = static_cast<std::uint32_t>(random() % 100),
                          .link_weights = 10 * share(random)};
        const double value = retention(plain);
        ASSERT_GE(value, 0);
        ASSERT_LE(value, 1);
        Worth more = plain;
        more.importance += 0.1;
        ASSERT_GE(retention(more), value);
        more = plain;
        ++more.recalls;
        ASSERT_GE(retention(more), value);
        more = plain;
        more.link_weights += 0.5;
        ASSERT_GE(retention(more), value);
        more = plain;
        more.unused_ns += kDayNs;
        ASSERT_LE(retention(more), value) << "time draws outward";
        more = plain;
        more.is_protected = true;
        ASSERT_EQ(retention(more), 1);
    }
}

class LifeTest : public SeaTest {
  protected:
    void wait_days(int days) { clock_.advance(Nanos{days * kDayNs}); }
    Survey survey() { return {*database_, clock_}; }
    static Galaxy named(const std::string& name) {
        Galaxy galaxy;
        galaxy.name = name;
        return galaxy;
    }
};

TEST_F(LifeTest, time_draws_outward_and_recall_draws_inward) {
    const MemoryId id = add("the heron waits");
    const double fresh = read(id).distance;
    wait_days(60);
    ASSERT_TRUE(sea_->sweep(100, false));
    const double old = read(id).distance;
    EXPECT_GT(old, fresh);

    clock_.advance(from_seconds(1));
    const MemoryId ids[] = {id};
    sea_->touch(ids);
    const auto settled = sea_->settle(100);
    ASSERT_TRUE(settled.has_value());
    EXPECT_EQ(settled->rescored, 1U);
    EXPECT_LT(read(id).distance, old);
    clock_.advance(from_seconds(1));
    EXPECT_EQ(sea_->settle(100)->rescored, 0U) << "nothing was read since";
}

TEST_F(LifeTest, sweeps_take_turns_and_begin_again_at_the_end) {
    std::vector<MemoryId> ids;
    for (int i = 0; i < 5; ++i) {
        ids.push_back(add("heron " + std::to_string(i)));
    }
    wait_days(200);
    const auto swept = [&](std::size_t limit, bool dry_run) {
        std::vector<MemoryId> moved;
        const auto report = sea_->sweep(limit, dry_run);
        for (const auto& [id, source, target] : report->moves) {
            moved.push_back(id);
        }
        return moved;
    };
    EXPECT_EQ(swept(3, true), Ids({ids[0], ids[1], ids[2]})) << "a look only";
    EXPECT_EQ(swept(3, false), Ids({ids[0], ids[1], ids[2]}));
    EXPECT_EQ(swept(3, false), Ids({ids[3], ids[4]})) << "and the first again, which has not moved since";
    EXPECT_EQ(sea_->sweep(100, false)->rescored, 5U) << "none twice";
}

TEST_F(LifeTest, only_what_was_read_is_placed_anew_by_settling) {
    const MemoryId read_one = add("the heron waits");
    const MemoryId unread = add("the frigate sails");
    const double before = read(unread).distance;
    wait_days(30);
    const MemoryId ids[] = {read_one};
    sea_->touch(ids);
    EXPECT_EQ(sea_->settle(100)->rescored, 1U);
    EXPECT_EQ(read(unread).distance, before);
}

TEST_F(LifeTest, what_is_brought_in_keeps_its_time_and_lies_as_far_out_as_its_age) {
    Memory old;
    clock_.advance(Nanos{1'000 * kDayNs});
    old.created_ns = clock_.wall().count - 300 * kDayNs;
    const MemoryId id = add("from another store", old);
    EXPECT_EQ(read(id).created_ns, old.created_ns);
    EXPECT_EQ(sea_->history(id, "ann")->front().at_ns, clock_.wall().count) << "it was stored now, as the ledger says";
    EXPECT_GT(read(id).distance, read(add("made just now")).distance);
    Memory future;
    future.created_ns = clock_.wall().count + kDayNs;
    EXPECT_EQ(read(add("from the future", future)).created_ns, clock_.wall().count);
}

TEST_F(LifeTest, zones_count_for_a_viewer_what_it_may_see) {
    add("for all");
    Memory mine;
    mine.is_private = true;
    add("for me", mine);
    EXPECT_EQ(sea_->zones("default")->total, 2U);
    EXPECT_EQ(sea_->zones("default", "ann")->total, 2U);
    EXPECT_EQ(sea_->zones("default", "bob")->total, 1U);
}

TEST_F(LifeTest, no_way_leads_through_anothers_private_memory) {
    const MemoryId start = add("start");
    const MemoryId goal = add("goal");
    Memory mine;
    mine.is_private = true;
    const MemoryId secret = add("secret bridge", mine);
    ASSERT_TRUE(sea_->link({start, secret, "related", 0.9}, false, "ann"));
    ASSERT_TRUE(sea_->link({secret, goal, "related", 0.9}, false, "ann"));
    const auto mine_seen = sea_->related(start, 3, {}, 10, "ann");
    ASSERT_TRUE(mine_seen.has_value());
    EXPECT_EQ(mine_seen->size(), 2U);
    EXPECT_THAT(*sea_->related(start, 3, {}, 10, "bob"), IsEmpty());
}

TEST_F(LifeTest, what_dreaming_made_of_a_memory_is_erased_with_it) {
    const MemoryId id = add("the passphrase is xylophone");
    Memory narrative;
    narrative.source = "dream:narrate:s1";
    narrative.owner = "dream";
    const MemoryId derived = add("session s1: the passphrase is xylophone, again", narrative);
    ASSERT_TRUE(sea_->link({derived, id, "temporal", 0.5}, false, "dream"));
    const MemoryId other = add("keep me");
    ASSERT_TRUE(sea_->link({other, id, "related", 0.5}, false, "ann"));
    ASSERT_TRUE(sea_->erase(id, "asked for", "owner").has_value());
    EXPECT_EQ(sea_->read(derived, "dream").error().code, Code::NotFound);
    EXPECT_THAT(search("xylophone"), IsEmpty());
    EXPECT_EQ(read(other).id, other);
}

TEST_F(LifeTest, junk_is_told_with_its_evidence_and_nothing_else_is_junk) {
    const MemoryId first = add("the heron waits");
    const MemoryId copy = add("the heron waits, too");
    const MemoryId newer = add("the heron flies");
    const MemoryId lonely = add("never read, yet nobody's copy");
    ASSERT_TRUE(sea_->link({copy, first, "near_duplicate", 0.97}, false, "data_sea"));
    ASSERT_TRUE(sea_->link({newer, copy, "supersedes", 1}, false, "ann"));
    EXPECT_THAT(*survey().junk(10, clock_.wall().count), IsEmpty()) << "it is too young";
    wait_days(1);
    const auto junk = survey().junk(10, clock_.wall().count);
    ASSERT_EQ(junk->size(), 1U);
    EXPECT_EQ((*junk)[0].id, copy);
    EXPECT_EQ((*junk)[0].evidence, "never recalled, superseded by " + wire_id(newer) + ", near-duplicate of " +
                                       wire_id(first));
    ASSERT_TRUE(sea_->protect(copy, true, "ann"));
    EXPECT_THAT(*survey().junk(10, clock_.wall().count), IsEmpty()) << "it is protected";
    ASSERT_TRUE(sea_->protect(copy, false, "ann"));
    EXPECT_EQ(survey().junk(10, clock_.wall().count)->size(), 1U);
    const MemoryId ids[] = {copy};
    sea_->touch(ids);
    ASSERT_TRUE(sea_->settle(10));
    EXPECT_THAT(*survey().junk(10, clock_.wall().count), IsEmpty()) << "somebody read it";
    EXPECT_EQ(read(lonely).id, lonely);
}

TEST_F(LifeTest, what_is_marked_as_junk_sinks_in_recall_and_says_why_until_it_is_changed) {
    const MemoryId junk = add("the heron waits at the pond");
    const MemoryId other = add("the heron waits at the old mill");
    const auto reasons_of = [&](MemoryId id) {
        const Page page = *sea_->recall("the heron waits at the pond", {}, 10, "ann");
        for (const Hit& hit : page.hits) {
            if (hit.memory.id == id) {
                return hit.reasons;
            }
        }
        return std::vector<std::string>{"it has vanished"};
    };
    EXPECT_THAT(recall("the heron waits"), ElementsAre(junk, other)) << "alike, the older first";
    ASSERT_TRUE(survey().mark(junk, "junk", "never recalled, near-duplicate of m7"));
    EXPECT_THAT(recall("the heron waits"), ElementsAre(other, junk));
    EXPECT_THAT(reasons_of(junk), Contains("junk: never recalled, near-duplicate of m7"));
    EXPECT_THAT(reasons_of(other), Not(Contains(HasSubstr("junk"))));
    ASSERT_TRUE(sea_->protect(junk, true, "ann"));
    EXPECT_THAT(reasons_of(junk), Not(Contains(HasSubstr("junk")))) << "pinned is wanted";
    ASSERT_TRUE(sea_->protect(junk, false, "ann"));
    clock_.advance(from_millis(1));
    ASSERT_TRUE(survey().mark(junk, "junk", "never recalled"));
    EXPECT_THAT(reasons_of(junk), Contains("junk: never recalled"));
    clock_.advance(from_millis(1));
    ASSERT_TRUE(survey().mark(junk, "useful", "ann"));
    EXPECT_THAT(reasons_of(junk), Not(Contains(HasSubstr("junk")))) << "somebody said it helped";
}

TEST_F(LifeTest, what_was_superseded_sinks_even_where_its_better_is_not_found_but_tells_no_secret) {
    const MemoryId former = add("the gate opens at seven");
    const MemoryId beside = add("the gate opens at noon");
    Memory elsewhere;
    elsewhere.session = "s9";  // not told beside them
    const MemoryId newer = add("hours changed, see the notice board", elsewhere);
    EXPECT_THAT(recall("the gate opens"), ElementsAre(former, beside));
    ASSERT_TRUE(sea_->link({newer, former, "supersedes", 1}, false, "ann"));
    EXPECT_THAT(recall("the gate opens"), ElementsAre(beside, former));
    const Page page = *sea_->recall("the gate opens", {}, 10, "ann");
    EXPECT_THAT(page.hits.back().reasons, Contains("superseded by " + wire_id(newer)));
    Memory secret = elsewhere;
    secret.is_private = true;
    const MemoryId hidden = add("hours changed again", secret);
    ASSERT_TRUE(sea_->link({hidden, beside, "supersedes", 1}, false, "ann"));
    EXPECT_THAT(recall("the gate opens", {}, "bob"), ElementsAre(beside, former));
}

TEST_F(LifeTest, episodes_are_quiet_sessions_that_nobody_told_yet) {
    Memory step;
    step.session = "s7";
    add("first step", step);
    add("second step", step);
    EXPECT_THAT(*survey().episodes(5, clock_.wall().count + 1), IsEmpty()) << "two are no episode";
    add("third step", step);
    Memory secret = step;
    secret.is_private = true;
    add("secret step", secret);
    EXPECT_THAT(*survey().episodes(5, clock_.wall().count - kDayNs), IsEmpty()) << "it goes on";
    const auto found = survey().episodes(5, clock_.wall().count + 1);
    ASSERT_EQ(found->size(), 1U);
    EXPECT_THAT((*found)[0].titles, ElementsAre("first step", "second step", "third step"));
}

TEST_F(LifeTest, galaxies_are_made_chosen_retired_and_taken_back) {
    Galaxies galaxies(*database_, clock_);
    EXPECT_EQ(galaxies.check_open("mars").error().code, Code::NotFound);
    ASSERT_TRUE(galaxies.create(named("mars")));
    EXPECT_EQ(galaxies.create(named("mars")).error().code, Code::AlreadyExists);
    for (const char* wrong : {"", "a b", "../x", "é"}) {
        EXPECT_EQ(galaxies.create(named(wrong)).error().code, Code::InvalidArgument) << wrong;
    }
    ASSERT_TRUE(galaxies.check_open("default"));
    ASSERT_TRUE(galaxies.choose("s1", "mars"));
    EXPECT_EQ(*galaxies.chosen("s1"), "mars");
    EXPECT_EQ(*galaxies.chosen("s2"), "default");
    Memory there;
    there.galaxy = "mars";
    const MemoryId id = add("dust", there);
    there.is_private = true;
    add("secret dust", there);
    ASSERT_TRUE(galaxies.retire("mars", "ann"));
    EXPECT_EQ(galaxies.check_open("mars").error().code, Code::Conflict);
    EXPECT_EQ(*galaxies.chosen("s1"), "default") << "nobody is left in a retired store";
    EXPECT_EQ(galaxies.retire("default", "ann").error().code, Code::InvalidArgument);
    const auto list = galaxies.list("bob");
    ASSERT_EQ(list->size(), 2U);
    EXPECT_EQ((*list)[1].memories, 1U) << "another's private memory does not count";
    EXPECT_NE((*list)[1].retired_ns, 0);
    EXPECT_EQ(read(id).content, "dust") << "what lies in it stays";
    ASSERT_TRUE(galaxies.create(named("mars")));
    ASSERT_TRUE(galaxies.check_open("mars"));
}

TEST_F(LifeTest, an_import_remembers_how_far_it_came) {
    Imports imports(*database_, clock_);
    EXPECT_EQ(*imports.done("job"), 0U);
    ASSERT_TRUE(imports.advance("job", 200));
    ASSERT_TRUE(imports.keep_key("job", "Alice", 7));
    EXPECT_EQ(*imports.done("job"), 200U);
    EXPECT_EQ(*imports.find_key("job", "Alice"), MemoryId{7});
    EXPECT_EQ(*imports.find_key("other", "Alice"), std::nullopt);
    ASSERT_TRUE(imports.keep_tie("job", {0, 7, "Bob", "extends", 0.75}));
    ASSERT_TRUE(imports.keep_tie("other", {0, 7, "Bob", "related", 0.5}));
    ASSERT_TRUE(imports.keep_tie("job", {0, 7, "Eve", "related", 0.5}));
    const auto waiting = *imports.ties("job", 0, 10);
    ASSERT_EQ(waiting.size(), 2U) << "of this job only";
    EXPECT_EQ(waiting[0].to, "Bob");
    EXPECT_EQ(waiting[0].type, "extends");
    EXPECT_EQ(waiting[0].weight, 0.75);
    ASSERT_TRUE(imports.drop_ties("job", waiting[0].row));
    EXPECT_EQ(imports.ties("job", 0, 10)->at(0).to, "Eve");
    ASSERT_TRUE(imports.finish("job"));
    EXPECT_TRUE(imports.ties("job", 0, 10)->empty());
    EXPECT_EQ(imports.ties("other", 0, 10)->size(), 1U);
    EXPECT_EQ(*imports.done("job"), 0U);
    EXPECT_EQ(*imports.find_key("job", "Alice"), std::nullopt);
}

}  // namespace
}  // namespace resonant::memory
