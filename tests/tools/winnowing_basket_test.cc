#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

using testing::HasSubstr;

class WinnowingBasket : public testing::Test {
  protected:
    test::World world_;
};

TEST_F(WinnowingBasket, search_finds_by_word_tag_and_type_best_first) {
    world_.remember("a heron and a heron and a heron", {{"tags", {"bird"}}});
    world_.remember("one heron stood among many other things that have nothing to do with it");
    const std::string fact =
        world_.remember("the heron is grey", {{"tags", {"bird"}}, {"type", "fact"}});
    EXPECT_EQ(world_.ask("memory.search", {{"query", "heron"}})["count"], 3);
    EXPECT_THAT(
        world_.ask("memory.search", {{"query", "heron"}})["hits"][0]["content"].get<std::string>(),
        HasSubstr("heron and a heron"));
    EXPECT_EQ(world_.ask("memory.search", {{"query", "heron"}, {"tags", {"bird"}}})["count"], 2);
    const Json facts = world_.ask("memory.search", {{"query", "heron"}, {"type", "fact"}});
    ASSERT_EQ(facts["count"], 1);
    EXPECT_EQ(facts["hits"][0]["id"], fact);
}

TEST_F(WinnowingBasket, any_text_is_a_legal_query) {
    world_.remember("something");
    for (const char* text :
         {"\"", "a AND OR NOT (", "*", "NEAR/3", "content:x", "-", "é漢字😀", ""}) {
        world_.ask("memory.search", {{"query", text}});
        world_.ask("memory.recall", {{"query", text}});
    }
}

TEST_F(WinnowingBasket, search_pages_without_gap_or_repeat) {
    for (int i = 0; i < 7; ++i) {
        world_.remember("heron number " + std::to_string(i));
    }
    std::set<std::string> seen;
    Json arguments = {{"query", "heron"}, {"limit", 3}};
    for (int page = 0; page < 3; ++page) {
        const Json answer = world_.ask("memory.search", arguments);
        for (const Json& hit : answer["hits"]) {
            EXPECT_TRUE(seen.insert(hit["id"]).second);
        }
        if (page < 2) {
            ASSERT_TRUE(answer.contains("cursor"));
            arguments["cursor"] = answer["cursor"];
        }
    }
    EXPECT_EQ(seen.size(), 7U);
}

TEST_F(WinnowingBasket, since_takes_a_span_or_a_date_and_refuses_anything_else) {
    world_.remember("the heron came today");
    EXPECT_EQ(world_.ask("memory.search", {{"query", "heron"}, {"since", "1h"}})["count"], 1);
    EXPECT_EQ(world_.ask("memory.search", {{"query", "heron"}, {"until", "1h"}})["count"], 0);
    EXPECT_EQ(world_.ask("memory.search", {{"query", "heron"}, {"since", "2020-01-01"}})["count"],
              1);
    EXPECT_EQ(world_.ask("memory.search",
                         {{"query", "heron"}, {"until", "2020-01-01T12:00:00+02:00"}})["count"],
              0);
    for (const char* wrong :
         {"yesterday", "2020-13-01", "2020-02-30", "1y", "-5m", "2020-01-01T25:00"}) {
        EXPECT_EQ(world_.error("memory.search", {{"query", "heron"}, {"since", wrong}}),
                  "invalid_argument")
            << wrong;
    }
}

TEST_F(WinnowingBasket, recall_says_why_keeps_to_its_budget_and_follows_links_when_deep) {
    const std::string root = world_.remember("the heron waits");
    const std::string linked = world_.remember("patience is a strategy");
    world_.ask("memory.link", {{"from_id", root}, {"to_id", linked}, {"type", "extends"}});
    const Json answer = world_.ask("memory.recall", {{"query", "heron"}, {"depth", 1}});
    EXPECT_EQ(answer["hits"][0]["id"], root);
    EXPECT_FALSE(answer["hits"][0]["why"].empty());
    EXPECT_THAT(answer["hits"].dump(), HasSubstr(linked));
    for (int i = 0; i < 10; ++i) {
        world_.remember("heron " + std::to_string(i) + std::string(400, 'x'));
    }
    const Json small =
        world_.ask("memory.recall", {{"query", "heron"}, {"limit", 10}, {"token_budget", 300}});
    EXPECT_LE(small["hits"].dump().size(), 4U * 300U);
    EXPECT_GT(small["left_out"], 0);
    for (int i = 0; i < 60; ++i) {
        world_.remember("heron " + std::to_string(i) + std::string(550, 'y'));
    }
    EXPECT_TRUE(world_.ask("memory.recall", {{"query", "heron"}, {"limit", 60}})["left_out"].is_null())
        << "who says how many gets them";
}

TEST_F(WinnowingBasket, read_gives_what_exists_and_names_what_does_not) {
    const std::string id = world_.remember("whole text");
    const Json answer = world_.ask("memory.read", {{"ids", {id, "m99999", "nonsense"}}});
    EXPECT_EQ(answer["count"], 1);
    EXPECT_EQ(answer["not_found"], Json({"m99999", "nonsense"}));
    EXPECT_EQ(world_.error("memory.read", {{"ids", {"m99999"}}}), "not_found");
    EXPECT_EQ(world_.error("memory.read", {{"ids", Json::array()}}), "invalid_argument");
}

TEST_F(WinnowingBasket, list_sorts_by_importance_and_by_age) {
    const std::string minor = world_.remember("minor", {{"importance", 0.1}});
    const std::string major = world_.remember("major", {{"importance", 0.9}});
    const std::string newest = world_.remember("newest");
    EXPECT_EQ(world_.ask("memory.list", {{"sort", "importance"}})["hits"][0]["id"], major);
    EXPECT_EQ(world_.ask("memory.list")["hits"][0]["id"], newest);
    EXPECT_EQ(world_.ask("memory.list", {{"sort", "importance"}})["hits"][2]["id"], minor);
}

TEST_F(WinnowingBasket, vector_search_wants_exactly_one_way_to_ask) {
    const Json zeroes = std::vector<double>(384, 0.0);
    EXPECT_EQ(world_.error("vector.search"), "invalid_argument");
    EXPECT_EQ(world_.error("vector.search", {{"query", "x"}, {"like_id", "m1"}}),
              "invalid_argument");
    EXPECT_EQ(world_.error("vector.search", {{"vector", zeroes}}), "invalid_argument");
    EXPECT_EQ(world_.error("vector.search", {{"query", "no model here"}}), "unavailable");
    EXPECT_EQ(world_.error("vector.search", {{"queries", {"no model here"}}}), "unavailable");
    EXPECT_EQ(world_.error("vector.search", {{"query", "x"}, {"queries", {"y"}}}), "invalid_argument");
    EXPECT_EQ(world_.error("vector.search", {{"queries", Json::array()}}), "invalid_argument");
    EXPECT_EQ(world_.error("vector.search", {{"queries", std::vector<std::string>(33, "x")}}), "invalid_argument");
    EXPECT_EQ(world_.error("vector.search", {{"like_ids", {"heron", "m1"}}}), "invalid_argument");
    EXPECT_EQ(world_.error("vector.search", {{"like_ids", {"m99"}}}), "not_found");
    const Json status = world_.ask("vector.status");
    EXPECT_EQ(status["dimensions"], 384);
    EXPECT_TRUE(status["model"].is_null());
}

TEST_F(WinnowingBasket, several_questions_are_answered_in_their_order_as_each_alone) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < 3; ++i) {
        ids.push_back(world_.remember("place " + std::to_string(i)));
        Vector vector{};
        vector[0] = 0.8F;
        vector[i + 1] = 0.6F;
        const auto kept = world_.parts().database->write([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(auto row, connection.prepare("INSERT INTO memory_embeddings(memory_id, model, is_private, vector)"
                                                         " VALUES(?, '', 0, ?)"));
            row.bind(1, static_cast<std::int64_t>(*memory::parse_id(ids.back())));
            return row.bind(2, std::as_bytes(std::span(vector))).run();
        });
        ASSERT_TRUE(kept.has_value());
    }
    const Json answer = world_.ask("vector.search", {{"like_ids", {ids[2], ids[0], ids[2]}}, {"k", 2}});
    EXPECT_EQ(answer["count"], 3);
    EXPECT_FALSE(answer.contains("hits"));
    for (const std::size_t at : {0U, 1U, 2U}) {
        const Json alone = world_.ask("vector.search", {{"like_id", ids[at == 1 ? 0 : 2]}, {"k", 2}});
        EXPECT_EQ(answer["answers"][at], alone);
        EXPECT_EQ(alone["hits"][0]["id"], ids[at == 1 ? 0 : 2]);
        EXPECT_EQ(alone["count"], 2);
    }
}

TEST(FindingMemories, ones_own_private_memories_are_found_on_demand) {
    test::World world;
    const std::string mine = world.remember("the heron sleeps", {{"private", true}});
    const auto found = [&](const std::string& tool, const std::string& who) {
        const Json answer = world.ask(tool, {{"query", "heron"}, {"include_private", true}}, call::Role::Agent, who);
        return answer["count"].get<int>();
    };
    EXPECT_EQ(world.ask("memory.recall", {{"query", "heron"}})["count"], 0);
    EXPECT_EQ(found("memory.recall", "ada"), 1);
    EXPECT_EQ(found("memory.recall", "bob"), 0);
    EXPECT_EQ(found("memory.search", "bob"), 0);
    EXPECT_EQ(world.ask("memory.list", {{"include_private", true}})["hits"][0]["id"], mine);
    EXPECT_EQ(world.ask("memory.list", {{"include_private", true}}, call::Role::Agent, "bob")["count"], 0);
}

TEST(FindingMemories, a_deeper_recall_keeps_to_its_filters) {
    test::World world;
    world.ask("galaxy.create", {{"name", "attic"}});
    const std::string hit = world.remember("the heron sleeps", {{"tags", {"bird"}}});
    const std::string linked = world.remember("tax forms", {{"tags", {"bird"}}});
    for (const Json& more : {Json{{"tags", {"paper"}}}, Json{{"tags", {"bird"}}, {"galaxy", "attic"}}}) {
        const std::string other = world.remember("unlike " + more.dump(), more);
        world.ask("memory.link", {{"from_id", hit}, {"to_id", other}, {"type", "related"}});
    }
    world.ask("memory.link", {{"from_id", hit}, {"to_id", linked}, {"type", "related"}});
    const Json answer = world.ask("memory.recall", {{"query", "heron"}, {"depth", 1}, {"tags", {"bird"}}});
    ASSERT_EQ(answer["count"], 2) << answer.dump();
    EXPECT_EQ(answer["hits"][1]["id"], linked);
    EXPECT_TRUE(world.ask("memory.search", {{"tags", {"none"}}})["note"].get<std::string>().starts_with("no memory meets these filters"));
}

TEST(FindingMemories, a_day_alone_is_that_day_too) {
    test::World world;
    const std::string id = world.remember("the heron sleeps", {{"tags", {"bird"}}});
    const std::string created = world.ask("memory.read", {{"ids", {id}}, {"metadata", true}})["memories"][0]["created"];
    const std::string day = created.substr(0, 10);
    const auto found = [&](const char* bound, const std::string& time) {
        return world.ask("memory.search", {{"query", "heron"}, {bound, time}})["count"].get<int>();
    };
    EXPECT_EQ(found("since", day), 1);
    EXPECT_EQ(found("until", day), 1);
    EXPECT_EQ(found("until", day + "T00:00:00Z"), 0) << "a moment is that moment";
    EXPECT_EQ(found("until", "2020-01-01"), 0);
}

TEST(FindingMemories, a_galaxy_that_is_none_is_named_as_such) {
    test::World world;
    world.remember("the heron sleeps");
    for (const char* tool : {"memory.search", "memory.recall"}) {
        EXPECT_EQ(world.error(tool, {{"query", "heron"}, {"galaxy", "nowhere"}}), "not_found") << tool;
    }
    EXPECT_EQ(world.error("memory.list", {{"galaxy", "nowhere"}}), "not_found");
    EXPECT_EQ(world.error("galactic.dashboard", {{"galaxy", "nowhere"}}), "not_found");
    world.ask("galaxy.create", {{"name", "attic"}});
    world.ask("galaxy.retire", {{"name", "attic"}}, call::Role::Coordinator);
    EXPECT_EQ(world.ask("memory.list", {{"galaxy", "attic"}})["count"], 0) << "a retired one can be read";
}

TEST(FindingMemories, a_type_of_link_that_is_none_is_named_as_such) {
    test::World world;
    const std::string id = world.remember("the heron sleeps");
    EXPECT_EQ(world.error("memory.related", {{"id", id}, {"types", {"bogus"}}}), "invalid_argument");
    EXPECT_EQ(world.ask("memory.related", {{"id", id}, {"types", {"near_duplicate"}}})["count"], 0);
}

}  // namespace
}  // namespace resonant::tools
