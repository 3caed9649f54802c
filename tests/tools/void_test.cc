#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_with(const fs::path& folder, const std::string& text) {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file()) {
            continue;
        }
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        if (content.find(text) != std::string::npos) {
            found.push_back(entry.path().filename().string());
        }
    }
    return found;
}

TEST(Void, an_erased_text_is_in_no_file_of_the_home) {
    test::World world;
    const std::string secret = "quizzaciously-secret-heron";
    const std::string id = world.remember("the password is " + secret);
    ASSERT_FALSE(files_with(world.home(), secret).empty()) << "the text is stored in plain before it is erased";
    const Json answer = world.ask("memory.erase", {{"id", id}, {"reason", "the person asked for it"}}, call::Role::Owner);
    EXPECT_EQ(answer["erased"], true);
    EXPECT_EQ(files_with(world.home(), secret), std::vector<std::string>{});
    EXPECT_EQ(world.error("memory.history", {{"id", id}}), "not_found");
    EXPECT_TRUE(world.parts().ledger->verify().ok);
    const Json trace = world.ask("karma.trace", {{"tool", "memory.erase"}});
    EXPECT_FALSE(trace["entries"].empty());
}

TEST(Void, an_erased_text_is_in_no_answer_that_was_kept_to_be_read_on) {
    test::World world;
    std::string text;
    for (int i = 0; i < 20'000; ++i) {
        text += "quizzacious" + std::to_string(i) + " ";
    }
    const std::string id = world.remember(text);
    const Json read = world.ask("memory.read", {{"ids", {id}}});
    ASSERT_TRUE(read.contains("result_id")) << read.dump().substr(0, 300);
    const Json on = {{"result_id", read["result_id"]}};
    ASSERT_NE(world.ask("result.read", on).dump().find("quizzacious7"), std::string::npos);
    world.ask("memory.erase", {{"id", id}, {"reason", "the person asked for it"}}, call::Role::Owner);
    EXPECT_EQ(world.error("result.read", on), "not_found");
}

TEST(Void, only_the_owner_erases) {
    test::World world;
    const std::string id = world.remember("keep me");
    EXPECT_EQ(world.error("memory.erase", {{"id", id}, {"reason", "because"}}), "permission_denied");
    EXPECT_EQ(world.ask("memory.read", {{"ids", {id}}})["memories"][0]["content"], "keep me");
}

TEST(Void, the_dashboard_counts_memories_by_zone) {
    test::World world;
    world.remember("one");
    const std::string pinned = world.remember("two");
    world.ask("memory.protect", {{"id", pinned}, {"protected", true}});
    const Json map = world.ask("galactic.dashboard");
    EXPECT_EQ(map["total"], 2);
    EXPECT_EQ(map["protected"], 1);
    EXPECT_EQ(map["zones"]["core"], 1) << map.dump();
}

TEST(Void, an_erased_text_is_in_no_file_after_every_way_that_copies_it) {
    test::World world;
    const std::string secret = "quizzaciously-secret-heron";
    const Json session = world.ask("session.start", {{"name", "work"}});
    Json step = {{"session_id", session["session_id"]}, {"tags", {secret}}, {"title", secret}};
    const std::string id = world.remember("the password is " + secret, step);
    world.ask("memory.update", {{"id", id}, {"content", "the password was " + secret + ", once"}});
    world.ask("memory.search", {{"query", secret}});
    world.ask("memory.recall", {{"query", secret}});
    world.ask("memory.archive", {{"id", id}});
    world.ask("memory.restore", {{"id", id}});
    for (const char* phase : {"consolidate", "surface", "govern", "narrate", "improve", "predict", "decay", "triage"}) {
        world.ask("dream.run_phase", {{"phase", phase}}, call::Role::Coordinator);
    }
    world.ask("engine.output", {{"engine", "galactic"}});
    world.ask("memory.erase", {{"id", id}, {"reason", "the person asked for it"}}, call::Role::Owner);
    EXPECT_EQ(files_with(world.home(), secret), std::vector<std::string>{});
    world.restart();
    EXPECT_EQ(files_with(world.home(), secret), std::vector<std::string>{});
    EXPECT_TRUE(world.parts().ledger->verify().ok);
}

TEST(Void, a_galaxy_is_a_store_of_its_own) {
    test::World world;
    EXPECT_EQ(world.error("memory.add", {{"content", "dust"}, {"galaxy", "mars"}}), "not_found")
        << "a misspelt name makes no store";
    world.ask("galaxy.create", {{"name", "mars"}, {"description", "the red one"}, {"tags", {"planet"}}});
    EXPECT_EQ(world.error("galaxy.create", {{"name", "mars"}}), "already_exists");
    world.remember("heron dust", {{"galaxy", "mars"}});
    const std::string home = world.remember("heron home");
    const Json found = world.ask("memory.search", {{"query", "heron"}});
    ASSERT_EQ(found["count"], 1);
    EXPECT_EQ(found["hits"][0]["id"], home);
    EXPECT_EQ(world.ask("memory.search", {{"query", "heron"}, {"galaxy", "mars"}})["count"], 1);
    EXPECT_EQ(world.ask("galactic.dashboard", {{"galaxy", "mars"}})["total"], 1);
    const Json list = world.ask("galaxy.list");
    EXPECT_EQ(list["count"], 2);
    EXPECT_EQ(list["galaxies"][1]["name"], "mars");
    EXPECT_EQ(list["galaxies"][1]["memories"], 1);
}

TEST(Void, a_session_switches_its_store_and_others_stay_where_they_are) {
    test::World world;
    world.ask("galaxy.create", {{"name", "mars"}});
    EXPECT_EQ(world.error("galaxy.switch", {{"name", "mars"}}), "invalid_argument")
        << "no session, no connection: nothing that could keep it";
    const std::string session = world.ask("session.start", {{"name", "work"}})["session_id"];
    EXPECT_EQ(world.error("galaxy.switch", {{"name", "venus"}, {"session_id", session}}), "not_found");
    world.ask("galaxy.switch", {{"name", "mars"}, {"session_id", session}});
    world.ask("memory.add", {{"content", "heron dust"}, {"session_id", session}});
    EXPECT_EQ(world.ask("memory.search", {{"query", "heron"}})["count"], 0);
    EXPECT_EQ(world.ask("memory.search", {{"query", "heron"}, {"galaxy", "mars"}})["count"], 1);
}

TEST(Void, a_retired_store_takes_nothing_and_keeps_everything) {
    test::World world;
    world.ask("galaxy.create", {{"name", "mars"}});
    world.remember("heron dust", {{"galaxy", "mars"}});
    world.ask("galaxy.retire", {{"name", "mars"}});
    EXPECT_EQ(world.error("memory.add", {{"content", "more"}, {"galaxy", "mars"}}), "conflict");
    EXPECT_EQ(world.ask("galaxy.list")["count"], 1);
    EXPECT_EQ(world.ask("galaxy.list")["retired"][0]["name"], "mars");
    EXPECT_EQ(world.ask("memory.search", {{"query", "heron"}, {"galaxy", "mars"}})["count"], 1);
    EXPECT_EQ(world.error("galaxy.retire", {{"name", "default"}}), "invalid_argument");
}

TEST(Void, files_are_ingested_by_heading_or_piece_and_refused_files_are_named) {
    test::World world;
    const fs::path inbox = world.parts().home.inbox();
    fs::create_directories(inbox / "docs" / "deep");
    std::ofstream(inbox / "docs" / "guide.md") << "# Guide\n## Setup\ninstall the heron\n## Use\nrun the heron\n";
    std::ofstream(inbox / "docs" / "deep" / "code.py") << "def heron():\n    return 1\n";
    std::ofstream(inbox / "docs" / "picture.bin") << std::string("\0\1\2", 3);
    world.ask("galaxy.create", {{"name", "docs"}});
    EXPECT_EQ(world.error("galaxy.ingest", {{"name", "nowhere"}, {"path", "docs"}}), "not_found");
    const Json dry = world.ask("galaxy.ingest", {{"name", "docs"}, {"path", "docs"}, {"validate_only", true}});
    EXPECT_EQ(dry["stored"], 3);
    EXPECT_EQ(world.ask("galactic.dashboard", {{"galaxy", "docs"}})["total"], 0);
    const Json report = world.ask("galaxy.ingest", {{"name", "docs"}, {"path", "docs"}});
    EXPECT_EQ(report["files"], 2);
    EXPECT_EQ(report["stored"], 3);
    EXPECT_EQ(report["refused"], 1);
    EXPECT_NE(report["refusals"][0]["file"].get<std::string>().find("picture.bin"), std::string::npos);
    const Json found = world.ask("memory.search", {{"query", "heron"}, {"galaxy", "docs"}, {"type", "code"}});
    EXPECT_EQ(found["count"], 1);
    EXPECT_EQ(world.ask("galaxy.ingest", {{"name", "docs"}, {"path", "docs"}, {"pattern", "*.md"}})["known"], 2)
        << "the second time nothing is new";
    EXPECT_EQ(world.ask("galaxy.ingest", {{"name", "docs"}, {"path", "/usr/share/doc"}})["refused"], 1);
}

}  // namespace
}  // namespace resonant::tools
