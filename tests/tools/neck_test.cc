#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "resonant/tools/load.h"
#include "tests/support/world.h"

namespace resonant::tools {
namespace {

using testing::HasSubstr;

class Neck : public testing::Test {
  protected:
    Json read(const std::string& id) {
        return world_.ask("memory.read", {{"ids", {id}}, {"metadata", true}})["memories"][0];
    }
    std::size_t count() { return world_.ask("galactic.dashboard")["total"]; }
    test::World world_;
};

TEST_F(Neck, a_memory_is_findable_by_words_as_soon_as_it_is_stored) {
    const std::string id = world_.remember("the wombat guards the release key",
                                           {{"tags", {"ops"}}, {"importance", 0.9}});
    EXPECT_EQ(world_.ask("memory.search", {{"query", "wombat"}})["hits"][0]["id"], id);
    EXPECT_EQ(read(id)["owner"], "ada");
    EXPECT_EQ(world_.error("memory.add", {{"content", "  \n"}}), "invalid_argument");
}

TEST_F(Neck, the_same_text_reinforces_the_memory_that_exists) {
    const std::string id = world_.remember("one and only");
    const Json again = world_.ask("memory.add", {{"content", "one and only"}});
    EXPECT_EQ(again["id"], id);
    EXPECT_EQ(again["reinforced"], true);
}

TEST_F(Neck, an_update_keeps_the_former_version_and_restore_brings_it_back) {
    const std::string id = world_.remember("first words");
    world_.ask("memory.update", {{"id", id}, {"content", "second words"}, {"add_tags", {"new"}}});
    EXPECT_EQ(read(id)["content"], "second words");
    const Json history = world_.ask("memory.history", {{"id", id}});
    EXPECT_THAT(history.dump(), HasSubstr("first words"));
    const std::string novel(5'000, 'x');
    world_.ask("memory.update", {{"id", id}, {"content", novel}});
    const Json whole = world_.ask("memory.history", {{"id", id}, {"limit", 1}, {"cursor", "2"}});
    EXPECT_EQ(whole["history"][0]["content"], novel) << "every version can be read whole";
    world_.ask("memory.restore", {{"id", id}, {"version", 1}});
    EXPECT_EQ(read(id)["content"], "first words");
}

TEST_F(Neck, an_update_moves_a_memory_to_a_galaxy_that_is_there) {
    const std::string id = world_.remember("first words");
    EXPECT_EQ(world_.error("memory.update", {{"id", id}, {"galaxy", "andromeda"}}), "not_found");
    world_.ask("galaxy.create", {{"name", "andromeda"}});
    world_.ask("memory.update", {{"id", id}, {"galaxy", "andromeda"}});
    EXPECT_EQ(read(id)["galaxy"], "andromeda");
    EXPECT_TRUE(world_.ask("memory.search", {{"query", "words"}})["hits"].empty());
    EXPECT_EQ(world_.ask("memory.search", {{"query", "words"}, {"galaxy", "andromeda"}})["hits"].size(), 1U);
}

TEST_F(Neck, a_number_beyond_all_versions_is_not_taken_for_another) {
    const std::string id = world_.remember("first words");
    world_.ask("memory.update", {{"id", id}, {"content", "second words"}});
    for (const std::uint64_t number : {std::uint64_t{1} << 32 | 1U, ~std::uint64_t{0}}) {
        EXPECT_EQ(world_.error("memory.restore", {{"id", id}, {"version", number}}), "invalid_argument");
        EXPECT_EQ(world_.error("memory.update", {{"id", id}, {"content", "x"}, {"if_version", number + 1}}),
                  number + 1 == 0 ? "conflict" : "invalid_argument");
    }
    EXPECT_EQ(read(id)["content"], "second words");
}

TEST_F(Neck, history_says_how_often_a_memory_was_read_and_knows_its_cursors) {
    const std::string id = world_.remember("first words");
    EXPECT_EQ(world_.ask("memory.history", {{"id", id}})["reads"], 0);
    read(id);
    read(id);
    EXPECT_EQ(world_.ask("memory.history", {{"id", id}})["reads"], 2);
    EXPECT_EQ(world_.error("memory.history", {{"id", id}, {"cursor", "0abc"}}), "invalid_argument");
}

TEST_F(Neck, a_lost_update_is_refused) {
    const std::string id = world_.remember("first words");
    world_.ask("memory.update", {{"id", id}, {"content", "second words"}, {"if_version", 1}});
    EXPECT_EQ(
        world_.error("memory.update", {{"id", id}, {"content", "third words"}, {"if_version", 1}}),
        "conflict");
    EXPECT_EQ(read(id)["content"], "second words");
    EXPECT_EQ(world_.error("memory.update", {{"id", id}}), "invalid_argument");
}

TEST_F(Neck, an_archived_memory_hides_until_it_is_restored) {
    const std::string id = world_.remember("the wombat guards the key");
    const Json archived = world_.ask("memory.archive", {{"id", id}, {"reason", "stale"}});
    EXPECT_EQ(archived["zone"], "far_edge");
    EXPECT_EQ(world_.ask("memory.search", {{"query", "wombat"}})["count"], 0);
    world_.ask("memory.restore", {{"id", id}});
    EXPECT_EQ(world_.ask("memory.search", {{"query", "wombat"}})["count"], 1);
}

TEST_F(Neck, a_protected_memory_lies_in_the_core) {
    const std::string id = world_.remember("never forget");
    EXPECT_EQ(world_.ask("memory.protect", {{"id", id}, {"protected", true}})["zone"], "core");
    EXPECT_EQ(world_.ask("memory.protect", {{"id", id}, {"protected", false}})["protected"], false);
}

TEST_F(Neck, links_are_drawn_followed_and_removed) {
    const std::string from = world_.remember("the plan");
    const std::string to = world_.remember("the reason for it");
    const Json edge = {{"from_id", from}, {"to_id", to}, {"type", "extends"}};
    world_.ask("memory.link", edge);
    EXPECT_EQ(world_.ask("memory.related", {{"id", from}})["hits"][0]["id"], to);
    Json removed = edge;
    removed["remove"] = true;
    world_.ask("memory.link", removed);
    EXPECT_EQ(world_.ask("memory.related", {{"id", from}})["count"], 0);
    EXPECT_EQ(
        world_.error("memory.link", {{"from_id", from}, {"to_id", from}, {"type", "extends"}}),
        "invalid_argument");
}

TEST_F(Neck, somebody_elses_private_memory_cannot_be_read_nor_changed) {
    const std::string id = world_.remember("my secret", {{"private", true}});
    EXPECT_EQ(world_.error("memory.read", {{"ids", {id}}}, call::Role::Agent, "bob"), "not_found");
    for (const char* tool : {"memory.archive", "memory.restore", "memory.history"}) {
        EXPECT_EQ(world_.error(tool, {{"id", id}}, call::Role::Agent, "bob"), "not_found") << tool;
    }
    EXPECT_EQ(
        world_.error("memory.update", {{"id", id}, {"content", "x"}}, call::Role::Agent, "bob"),
        "not_found");
    EXPECT_EQ(read(id)["content"], "my secret");
}

TEST_F(Neck, import_counts_and_names_the_line_of_each_refused_record) {
    const std::string data = R"({"content": "first", "tags": ["a"]})"
                             "\n"
                             "not json\n"
                             R"({"title": "no content"})"
                             "\n\n"
                             R"({"content": "second", "importance": 7})"
                             "\n"
                             R"({"content": "third"})"
                             "\n";
    const Json report = world_.ask("memory.import", {{"format", "jsonl"}, {"data", data}});
    EXPECT_EQ(report["records"], 5);
    EXPECT_EQ(report["stored"], 2);
    EXPECT_EQ(report["refused"], 3);
    EXPECT_THAT(report["refusals"][0].get<std::string>(), HasSubstr("line 2"));
    EXPECT_THAT(report["refusals"][1].get<std::string>(), HasSubstr("line 3"));
    EXPECT_THAT(report["refusals"][2].get<std::string>(), HasSubstr("line 5"));
    EXPECT_EQ(count(), 2U);
}

TEST_F(Neck, validate_only_stores_nothing) {
    const Json report = world_.ask(
        "memory.import",
        {{"format", "json"}, {"data", R"([{"content": "x"}, {}])"}, {"validate_only", true}});
    EXPECT_EQ(report["refused"], 1);
    EXPECT_EQ(count(), 0U);
}

TEST_F(Neck, import_skips_or_merges_what_is_known) {
    const std::string id = world_.remember("known");
    const std::string data = R"({"content": "known", "tags": ["merged"]})";
    EXPECT_EQ(world_.ask("memory.import", {{"format", "jsonl"}, {"data", data}})["skipped"], 1);
    EXPECT_EQ(read(id)["tags"], Json::array());
    EXPECT_EQ(world_.ask("memory.import",
                         {{"format", "jsonl"}, {"data", data}, {"on_conflict", "merge"}})["merged"],
              1);
    EXPECT_EQ(read(id)["tags"], Json({"merged"}));
}

TEST_F(Neck, import_keeps_known_content_once_more_when_copies_are_asked_for) {
    const std::string data = R"({"content":"the heron waits"})" "\n" R"({"content":"the heron waits"})";
    const Json first = world_.ask("memory.import", {{"format", "jsonl"}, {"data", data}, {"on_conflict", "copy"}});
    EXPECT_EQ(first["stored"], 2);
    const Json again = world_.ask("memory.import", {{"format", "jsonl"}, {"data", data}, {"on_conflict", "copy"}});
    EXPECT_EQ(again["stored"], 2);
    EXPECT_EQ(again["skipped"], 0);
    EXPECT_EQ(world_.ask("memory.search", {{"query", "heron"}})["count"], 4);
    const Json skipped = world_.ask("memory.import", {{"format", "jsonl"}, {"data", data + "\n"}});
    EXPECT_EQ(skipped["skipped"], 2) << "without it, known content is known content";
}

TEST_F(Neck, import_reads_csv_with_quotes_and_markdown_by_headings) {
    const std::string csv =
        "title,content,tags\n\"a, b\",\"line one\nline \"\"two\"\"\",x;y\nshort,row\n";
    const Json table = world_.ask("memory.import", {{"format", "csv"}, {"data", csv}});
    EXPECT_EQ(table["stored"], 1);
    EXPECT_THAT(table["refusals"][0].get<std::string>(), HasSubstr("line 4"));
    const Json found = world_.ask("memory.search", {{"query", "two"}, {"tags", {"x", "y"}}});
    EXPECT_EQ(found["hits"][0]["content"], "line one\nline \"two\"");
    const std::string page =
        "# Top\n## Setup\ninstall it\n```\n# no heading\n```\n## Use\nrun it\n";
    EXPECT_EQ(world_.ask("memory.import", {{"format", "markdown"}, {"data", page}})["stored"], 2);
    EXPECT_EQ(world_.ask("memory.search", {{"query", "install"}})["hits"][0]["title"], "Setup");
}

TEST_F(Neck, import_reads_files_of_the_inbox_and_no_others) {
    std::ofstream(world_.parts().home.inbox() / "notes.jsonl")
        << R"({"content": "from the inbox"})" << "\n";
    EXPECT_EQ(world_.ask("memory.import", {{"format", "jsonl"}, {"path", "notes.jsonl"}})["stored"],
              1);
    std::ofstream(world_.home() / "outside.jsonl") << R"({"content": "from outside"})" << "\n";
    std::filesystem::create_symlink(world_.home() / "outside.jsonl",
                                    world_.parts().home.inbox() / "link.jsonl");
    EXPECT_EQ(world_.error("memory.import", {{"format", "jsonl"}, {"path", "link.jsonl"}}),
              "permission_denied");
    EXPECT_EQ(world_.error("memory.import", {{"format", "jsonl"}, {"path", "/etc/passwd"}}),
              "permission_denied");
    EXPECT_EQ(world_.error("memory.import", {{"format", "jsonl"}}), "invalid_argument");
    EXPECT_EQ(world_.error("memory.import", {{"format", "parquet"}, {"data", "x"}}),
              "invalid_argument");
}

TEST_F(Neck, import_tells_its_progress_after_each_batch) {
    std::string data;
    for (std::size_t i = 0; i < kImportBatch * 2 + 1; ++i) {
        data += R"({"content": "passage number )" + std::to_string(i) + "\"}\n";
    }
    call::Request request;
    request.tool = "memory.import";
    request.arguments = {{"format", "jsonl"}, {"data", data}};
    request.caller = {.principal = "ada", .client = "", .role = call::Role::Agent};
    std::vector<std::string> seen;
    double share = 0;
    request.progress = [&](double done, double total, const std::string& words) {
        EXPECT_GT(done, share);
        EXPECT_EQ(total, 100) << "of the bytes, in percent";
        share = done;
        seen.push_back(words);
    };
    EXPECT_EQ(world_.parts().dispatcher->run(request).content["stored"], 401);
    EXPECT_EQ(seen, (std::vector<std::string>{"200 records", "400 records", "401 records"}));
    EXPECT_EQ(share, 100);
}

TEST_F(Neck, index_without_a_model_says_what_is_missing) {
    world_.remember("to be embedded");
    const call::Reply reply = world_.call("vector.index", {{"all", true}});
    if (reply.error) {
        EXPECT_EQ(reply.content["error"]["code"], "unavailable");
    } else {
        EXPECT_EQ(reply.content["embedded"], 0);
    }
}

TEST_F(Neck, index_writes_the_mapped_copy_anew_and_tells_how_far_it_is) {
    world_.remember("to be found");
    call::Request request;
    request.tool = "vector.index";
    request.arguments = {{"rebuild", true}};
    request.caller = {.principal = "ada", .client = "", .role = call::Role::Agent};
    double told = -1;
    request.progress = [&](double done, double, const std::string&) { told = done; };
    const call::Reply reply = world_.parts().dispatcher->run(request);
    ASSERT_FALSE(reply.error) << reply.content.dump();
    EXPECT_EQ(reply.content["rows"], 1);
    EXPECT_EQ(reply.content["left"], 1) << "it has no vector, for there is no model";
    EXPECT_EQ(told, 0);
    EXPECT_FALSE(world_.ask("memory.search", {{"query", "found"}})["hits"].empty());
}

}  // namespace
}  // namespace resonant::tools
