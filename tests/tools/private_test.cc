// Private memories: no tool shows them to another principal, in text, title, tag or id.
#include <gmock/gmock.h>

#include <fstream>
#include <regex>

#include "tests/support/world.h"

namespace resonant::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

class Private : public testing::Test {
  protected:
    Private() {
        // Four public memories around the private one, in one session, linked to it.
        const Json session = world_.ask("session.start", {{"name", "work"}});
        session_ = session["session_id"];
        for (const char* text : {"the heron waits", "the heron flies", "the heron sleeps", "the heron eats"}) {
            open_.push_back(world_.remember(text, {{"session_id", session_}}));
        }
        secret_ = world_.remember("quetzalcoatl guards the heron",
                                  {{"title", "quetzalcoatl title"},
                                   {"tags", {"quetzalcoatl-tag"}},
                                   {"private", true},
                                   {"importance", 1.0},
                                   {"session_id", session_}});
        world_.ask("memory.link", {{"from_id", open_[0]}, {"to_id", secret_}, {"type", "extends"}});
        world_.ask("memory.link", {{"from_id", secret_}, {"to_id", open_[1]}, {"type", "extends"}});
        for (const char* type : {"contradicts", "supersedes"}) {
            world_.ask("memory.link", {{"from_id", secret_}, {"to_id", open_[2]}, {"type", type}});
            world_.ask("memory.link", {{"from_id", open_[3]}, {"to_id", secret_}, {"type", type}});
        }
    }

    void see_nothing(const std::string& tool, const Json& arguments) {
        const call::Reply reply = world_.call(tool, arguments, call::Role::Coordinator, "bob");
        const std::string text = reply.content.dump() + reply.blocks.dump() + reply.text;
        // What the caller says itself may come back to it.
        Json said = arguments;
        EXPECT_THAT(text, Not(HasSubstr("quetzalcoatl"))) << tool << " " << said.dump();
        // The ring carries numbers of memories by design, never a word of them.
        if (tool != "event.tail" && said.dump().find(secret_) == std::string::npos) {
            // Its id as a word of its own: between quotes, in JSON within JSON, or in a sentence.
            EXPECT_FALSE(std::regex_search(text, std::regex("\\b" + secret_ + "\\b"))) << tool << " " << said.dump() << text;
        }
    }

    test::World world_;
    std::string session_, secret_;
    std::vector<std::string> open_;
};

TEST_F(Private, no_tool_that_returns_memories_shows_anothers) {
    const std::vector<std::pair<std::string, Json>> calls = {
        {"memory.search", {{"query", "heron"}, {"include_private", true}, {"limit", 100}}},
        {"memory.search", {{"query", "guards"}, {"include_private", true}}},
        {"memory.recall", {{"query", "heron"}, {"depth", 3}, {"limit", 100}}},
        {"memory.read", {{"ids", {secret_}}, {"metadata", true}}},
        {"memory.read", {{"ids", {secret_, open_[0]}}}},
        {"memory.list", {{"sort", "importance"}, {"limit", 200}}},
        {"memory.list", {{"sort", "accessed"}}},
        {"memory.list", {{"sort", "distance"}}},
        {"memory.related", {{"id", open_[0]}, {"hops", 4}, {"limit", 100}}},
        {"memory.related", {{"id", secret_}}},
        {"memory.history", {{"id", secret_}}},
        {"vector.search", {{"query", "guards the heron"}, {"k", 100}}},
        {"vector.search", {{"like_id", secret_}}},
        {"vector.search", {{"like_ids", {secret_}}}},
        {"vector.status", Json::object()},
        {"context.pack", {{"query", "heron"}, {"limit", 50}}},
        {"session.bootstrap", {{"query", "heron"}, {"token_budget", 4000}}},
        {"session.bootstrap", Json::object()},
        {"galactic.dashboard", Json::object()},
        {"galaxy.list", Json::object()},
        {"constellation.list", Json::object()},
        {"serendipity.surface", {{"count", 20}, {"context", "heron"}}},
        {"lifecycle.sweep", {{"limit", 100}, {"dry_run", true}}},
        {"lifecycle.stats", Json::object()},
        {"dream.status", Json::object()},
        {"engine.list", Json::object()},
        {"engine.output", {{"engine", "galactic"}, {"limit", 1000}}},
        {"engine.output", {{"engine", "serendipity"}, {"limit", 1000}}},
        {"datasea.status", Json::object()},
        {"memory.export", {{"format", "jsonl"}, {"limit", 200}}},
        {"memory.export", {{"format", "json"}, {"include_private", true}}},
        {"memory.export", {{"format", "csv"}}},
        {"memory.export", {{"format", "markdown"}, {"query", "heron"}}},
        {"pattern.search", {{"query", "heron"}}},
        {"gnosis", Json::object()},
        {"event.tail", {{"limit", 100}}},
    };
    for (const auto& [tool, arguments] : calls) {
        see_nothing(tool, arguments);
    }
}

TEST_F(Private, no_phase_of_dreaming_tells_or_copies_it) {
    for (const char* phase : {"consolidate", "surface", "govern", "narrate", "improve", "predict", "decay", "triage"}) {
        see_nothing("dream.run_phase", {{"phase", phase}});
    }
    see_nothing("memory.search", {{"query", "heron"}, {"limit", 100}});
    see_nothing("dream.status", Json::object());
}

TEST_F(Private, no_exported_file_and_no_shared_segment_holds_it) {
    for (const char* format : {"jsonl", "json", "csv", "markdown", "arrow"}) {
        const Json made = world_.ask("memory.export", {{"format", format}, {"path", std::string("all.") + format}},
                                     call::Role::Agent, "bob");
        EXPECT_EQ(made["count"], 4) << format;
    }
    see_nothing("datasea.export", {{"name", "memories"}, {"format", "arrow"}, {"path", "table.arrow"}});
    const auto& home = world_.parts().home.root;
    for (const auto& folder : {home / "outbox", home / "segments", home / "engines"}) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
            if (entry.is_regular_file()) {
                std::ifstream file(entry.path(), std::ios::binary);
                const std::string bytes{std::istreambuf_iterator<char>(file), {}};
                EXPECT_THAT(bytes, Not(HasSubstr("quetzalcoatl"))) << entry.path();
            }
        }
    }
}

TEST_F(Private, nobody_else_can_change_mark_or_link_it) {
    const std::vector<std::pair<std::string, Json>> calls = {
        {"memory.update", {{"id", secret_}, {"content", "x"}}},
        {"memory.archive", {{"id", secret_}}},
        {"memory.restore", {{"id", secret_}}},
        {"memory.protect", {{"id", secret_}, {"protected", true}}},
        {"memory.link", {{"from_id", secret_}, {"to_id", open_[0]}, {"type", "related"}}},
        {"memory.link", {{"from_id", open_[0]}, {"to_id", secret_}, {"type", "related"}}},
        {"serendipity.mark", {{"id", secret_}, {"useful", false}}},
        {"vector.index", {{"id", secret_}}},
    };
    for (const auto& [tool, arguments] : calls) {
        EXPECT_EQ(world_.error(tool, arguments, call::Role::Coordinator, "bob"), "not_found") << tool;
    }
}

TEST_F(Private, its_owner_finds_counts_and_exports_it) {
    EXPECT_EQ(world_.ask("memory.search", {{"query", "quetzalcoatl"}, {"include_private", true}})["count"], 1);
    EXPECT_EQ(world_.ask("galactic.dashboard")["total"], 5);
    EXPECT_EQ(world_.ask("galactic.dashboard", {}, call::Role::Agent, "bob")["total"], 4);
    EXPECT_THAT(world_.ask("memory.export", {{"format", "jsonl"}, {"include_private", true}})["data"].get<std::string>(),
                HasSubstr("quetzalcoatl"));
    const Json unasked = world_.ask("memory.export", {{"format", "jsonl"}});
    EXPECT_THAT(unasked["data"].get<std::string>(), Not(HasSubstr("quetzalcoatl")));
    EXPECT_EQ(unasked["left_out"]["private"], 1);
}

}  // namespace
}  // namespace resonant::tools
