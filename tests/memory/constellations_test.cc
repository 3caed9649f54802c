// Groups by meaning: found, named, lasting, and without private memories.
#include "resonant/memory/constellations.h"

#include <gmock/gmock.h>

#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class ConstellationsTest : public SeaTest {
  protected:
    // A group: texts that share most of their words.
    std::vector<MemoryId> add_group(const std::string& words, const std::string& tag, int count) {
        std::vector<MemoryId> made;
        Memory memory;
        memory.tags = {tag};
        for (int i = 0; i < count; ++i) {
            made.push_back(add(words + " number" + std::to_string(next_++), memory));
        }
        return made;
    }
    Constellations::Report refresh(bool dry_run = false) {
        const auto report = Constellations(*database_, clock_).refresh(embedder_.model(), dry_run);
        EXPECT_TRUE(report.has_value()) << report.error().message;
        return report.value_or(Constellations::Report());
    }
    std::vector<Constellation> list(const std::string& galaxy = "") {
        const auto found = Constellations(*database_, clock_).list(galaxy, 100);
        EXPECT_TRUE(found.has_value());
        return found.value_or(std::vector<Constellation>());
    }
    int next_ = 1;
};

TEST_F(ConstellationsTest, groups_by_meaning_are_found_and_named_by_what_tells_them_apart) {
    const auto birds = add_group("the heron waits beside the quiet river bank", "birds", 6);
    const auto ships = add_group("a frigate leaves harbour under full canvas sails", "ships", 5);
    const MemoryId stray = add("entirely unrelated sentence concerning tax forms");
    catch_up();
    const auto report = refresh();
    EXPECT_EQ(report.found, 2U);
    EXPECT_EQ(report.moved, 11U);
    const auto found = list();
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].size, 6U) << "largest first";
    EXPECT_THAT(found[0].name, HasSubstr("birds"));
    EXPECT_THAT(found[1].name, HasSubstr("ships"));
    EXPECT_GT(found[0].cohesion, 0.5);
    EXPECT_EQ(read(birds[0]).constellation, found[0].id);
    EXPECT_EQ(read(ships[0]).constellation, found[1].id);
    EXPECT_EQ(read(stray).constellation, 0);
}

TEST_F(ConstellationsTest, found_again_they_keep_id_and_name_and_say_how_stable_they_are) {
    const auto birds = add_group("the heron waits beside the quiet river bank", "birds", 6);
    catch_up();
    refresh();
    const auto before = list();
    ASSERT_EQ(before.size(), 1U);
    EXPECT_EQ(before[0].stability, 0) << "it is new";

    add_group("the heron waits beside the quiet river bank", "birds", 2);
    catch_up();
    refresh();
    const auto after = list();
    ASSERT_EQ(after.size(), 1U);
    EXPECT_EQ(after[0].id, before[0].id);
    EXPECT_EQ(after[0].name, before[0].name);
    EXPECT_NEAR(after[0].stability, 6.0 / 8.0, 1e-9);
    EXPECT_LT(after[0].drift, 0.2);

    EXPECT_EQ(refresh().moved, 0U) << "nothing changed";
    EXPECT_DOUBLE_EQ(list()[0].stability, 1);

    Update other_words;
    other_words.add_tags = {"wading"};
    other_words.remove_tags = {"birds"};
    for (const MemoryId id : birds) {
        ASSERT_TRUE(sea_->update(id, other_words, "ann"));
    }
    refresh();
    EXPECT_THAT(list()[0].tags, testing::Contains("wading"));
    EXPECT_EQ(list()[0].name, before[0].name) << "who stays together keeps its name, whatever its words are now";
}

TEST_F(ConstellationsTest, private_archived_and_foreign_memories_belong_to_none) {
    Memory secret;
    secret.is_private = true;
    std::vector<MemoryId> hidden;
    for (int i = 0; i < 6; ++i) {
        hidden.push_back(add("the heron waits beside the quiet river bank secretly " + std::to_string(i), secret));
    }
    Memory mars;
    mars.galaxy = "mars";
    for (int i = 0; i < 4; ++i) {
        add("a frigate leaves harbour under full canvas sails " + std::to_string(i), mars);
    }
    catch_up();
    refresh();
    EXPECT_THAT(list("default"), IsEmpty());
    ASSERT_EQ(list("mars").size(), 1U);
    EXPECT_EQ(read(hidden[0]).constellation, 0);
}

TEST_F(ConstellationsTest, a_dry_run_writes_nothing) {
    const auto birds = add_group("the heron waits beside the quiet river bank", "birds", 6);
    catch_up();
    EXPECT_EQ(refresh(true).moved, 6U);
    EXPECT_THAT(list(), IsEmpty());
    EXPECT_EQ(read(birds[0]).constellation, 0);
}

TEST_F(ConstellationsTest, erasing_a_member_takes_the_names_until_they_are_found_anew) {
    const auto birds = add_group("the heron waits beside the quiet river bank", "birds", 6);
    catch_up();
    refresh();
    ASSERT_TRUE(sea_->erase(birds[0], "asked for", "owner").has_value());
    ASSERT_EQ(list().size(), 1U);
    EXPECT_EQ(list()[0].name, "");
    EXPECT_THAT(list()[0].tags, IsEmpty());
    refresh();
    EXPECT_THAT(list()[0].name, HasSubstr("birds"));
    EXPECT_EQ(list()[0].size, 5U);
}

TEST(Clusters, a_vector_near_no_centre_is_assigned_to_none) {
    Vector east{};
    east[0] = 1;
    Vector north{};
    north[1] = 1;
    const std::vector<Vector> centres = {east};
    EXPECT_EQ(search::assign(east, centres, 0.5F).cluster, 0U);
    EXPECT_EQ(search::assign(north, centres, 0.5F).cluster, search::kNoCluster);
    EXPECT_THAT(search::find_centres({}, centres, search::ClusterLimits()).centres, IsEmpty());
}

}  // namespace
}  // namespace resonant::memory
