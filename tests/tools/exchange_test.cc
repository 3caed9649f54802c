// Memories out and in: every format brings back what it took, other products' stores are read, and an
// import that was cut off goes on.
#include "resonant/tools/exchange.h"

#include <gmock/gmock.h>

#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "resonant/memory/imports.h"
#include "resonant/tools/memory_table.h"
#include "tests/support/world.h"

namespace resonant::tools {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// What a memory must bring through, whatever the format.
Json essence(test::World& world, const std::string& query) {
    const Json found = world.ask("memory.search", {{"query", query}, {"limit", 50}, {"include_private", true}});
    Json all = Json::array();
    for (const Json& hit : found["hits"]) {
        Json memory = world.ask("memory.read", {{"ids", {hit["id"]}}, {"metadata", true}})["memories"][0];
        Json kept = Json::object();
        for (const char* name : {"title", "content", "type", "tags", "importance", "protected", "private", "source",
                                 "created"}) {
            kept[name] = memory.value(name, Json(nullptr));
        }
        const Json links = world.ask("memory.related", {{"id", hit["id"]}});
        kept["links"] = links["count"];
        all.push_back(std::move(kept));
    }
    std::sort(all.begin(), all.end(), [](const Json& a, const Json& b) { return a["content"] < b["content"]; });
    return all;
}

void fill(test::World& world) {
    const std::string first = world.remember(
        "heron, \"quoted\"\nsecond line; with # marks\n# not a heading\n```\n# in a fence\n```\nend",
        {{"title", "A, \"title\""}, {"tags", {"a;b", "back\\slash", "plain"}}, {"importance", 0.8}, {"type", "fact"},
         {"source", "somewhere, else"}});
    const std::string second = world.remember("heron two\r\nwith carriage return\n", {{"protect", true}});
    world.remember("heron \xE6\xBC\xA2\xE5\xAD\x97 \xF0\x9F\x98\x80 --> <!-- ```", {{"private", true}});
    world.remember("\\# heron with a backslash\n```\nunbalanced fence");
    world.ask("memory.link", {{"from_id", first}, {"to_id", second}, {"type", "extends"}, {"weight", 0.75}});
}

class RoundTrip : public testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, what_goes_out_comes_back_whole) {
    const std::string format = GetParam();
    test::World from;
    fill(from);
    const Json made = from.ask("memory.export", {{"format", format}, {"path", "all." + format}, {"include_private", true}});
    EXPECT_EQ(made["count"], 4);
    EXPECT_FALSE(made.contains("left_out")) << made.dump();
    test::World to;
    fs::copy_file(made["path"].get<std::string>(), to.parts().home.inbox() / ("all." + format));
    const Json report = to.ask("memory.import", {{"format", format}, {"path", "all." + format}});
    EXPECT_EQ(report["stored"], 4) << report.dump();
    EXPECT_EQ(report["refused"], 0) << report.dump();
    EXPECT_EQ(report["links"], 1) << report.dump();
    const Json before = essence(from, "heron");
    Json after = essence(to, "heron");
    for (std::size_t i = 0; i < after.size(); ++i) {
        if (before[i]["source"] == "") {
            EXPECT_EQ(after[i]["source"], "import:all." + format) << "where it came from is said";
            after[i]["source"] = "";
        }
    }
    EXPECT_EQ(after, before);
    const Json again = to.ask("memory.import", {{"format", format}, {"path", "all." + format}});
    EXPECT_EQ(again["skipped"], 4) << "known by the hash of their content";
    EXPECT_EQ(again["stored"], 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrip,
                         testing::Values("json", "jsonl", "csv", "markdown", "arrow", "parquet"));

std::string bytes_of(const fs::path& file) {
    std::ifstream opened(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(opened), {}};
}

// Exports into a file of that name, and puts it into the next world's inbox.
fs::path carry(test::World& from, const std::string& format, test::World& to) {
    const fs::path made = from.ask("memory.export", {{"format", format}, {"path", "carried." + format},
                                                     {"include_private", true}})["path"].get<std::string>();
    const fs::path there = to.parts().home.inbox() / made.filename();
    fs::copy_file(made, there);
    return there;
}

TEST_P(RoundTrip, out_and_in_and_out_again_is_the_same_file) {
    const std::string format = GetParam();
    test::World first;
    std::string data;
    for (int i = 1; i <= 520; ++i) {
        Json record = {{"id", "m" + std::to_string(i)}, {"content", "heron " + std::to_string(i) + "\nwith, \"two\" lines;"},
                       {"title", "Heron " + std::to_string(i)}, {"source", "pond"}, {"tags", {"a;b", "c"}},
                       {"importance", (i % 100) / 100.0}, {"private", i % 7 == 0}, {"archived", i % 50 == 0}};
        if (i == 1) record["links"] = {{{"to", "m520"}, {"type", "extends"}, {"weight", 0.75}}};
        if (i == 520) record["links"] = {{{"to", "m2"}}};
        data += record.dump() + "\n";
    }
    EXPECT_EQ(first.ask("memory.import", {{"format", "jsonl"}, {"data", data}})["links"], 2);
    test::World second;
    const fs::path once = carry(first, format, second);
    const Json report = second.ask("memory.import", {{"format", format}, {"path", once.filename().string()}});
    EXPECT_EQ(report["stored"], 520) << report.dump();
    EXPECT_EQ(report["links"], 2) << report.dump();
    test::World third;
    const fs::path twice = carry(second, format, third);
    if (format != "arrow" && format != "parquet") {
        EXPECT_EQ(bytes_of(twice), bytes_of(once));
        return;
    }
    // A table says also when a memory was changed last, and how often it was read: the records are the same.
    const auto records = [&](const fs::path& file) {
        Json all = Json::array();
        const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        const Status read = table_records(format, opened, [&](Record record, double) -> Status {
            Json ties = Json::array();
            for (const Record::Tie& tie : record.ties) {
                ties.push_back({tie.to, tie.type, tie.weight});
            }
            const memory::Memory& memory = record.memory;
            all.push_back({record.line, record.key, record.refusal, ties, memory.title, memory.content, memory.tags,
                           memory.importance, memory.source, memory.created_ns, memory.is_protected});
            return {};
        });
        EXPECT_TRUE(read.has_value()) << read.error().message;
        return all;
    };
    EXPECT_EQ(records(twice), records(once));
    EXPECT_EQ(records(once).size(), 520U);
}

TEST(Exchange, a_page_in_the_answer_continues_with_its_cursor) {
    test::World world;
    for (int i = 0; i < 5; ++i) {
        world.remember("heron number " + std::to_string(i));
    }
    Json arguments = {{"format", "jsonl"}, {"limit", 2}};
    std::string all;
    for (int page = 0; page < 3; ++page) {
        const Json answer = world.ask("memory.export", arguments);
        all += answer["data"].get<std::string>();
        EXPECT_EQ(answer.contains("cursor"), page < 2);
        arguments["cursor"] = answer.value("cursor", "");
    }
    EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 5);
    EXPECT_EQ(world.error("memory.export", {{"format", "parquet"}}), "invalid_argument");
}

TEST(Exchange, a_file_is_made_in_the_outbox_only_and_never_overwritten) {
    test::World world;
    world.remember("heron");
    world.ask("memory.export", {{"format", "csv"}, {"path", "one.csv"}});
    EXPECT_EQ(world.error("memory.export", {{"format", "csv"}, {"path", "one.csv"}}), "already_exists");
    for (const char* outside : {"/tmp/one.csv", "../one.csv", "a/../../one.csv", ""}) {
        EXPECT_EQ(world.error("memory.export", {{"format", "csv"}, {"path", outside}}), "permission_denied") << outside;
    }
    fs::create_symlink("/tmp", world.parts().home.root / "outbox" / "way");
    EXPECT_NE(world.error("memory.export", {{"format", "csv"}, {"path", "way/one.csv"}}), "");
    EXPECT_FALSE(fs::exists("/tmp/one.csv"));
}

TEST(Exchange, an_import_that_was_cut_off_goes_on_where_it_stopped) {
    test::World world;
    std::string data;
    for (int i = 0; i < 450; ++i) {
        data += R"({"id": "k)" + std::to_string(i) + R"(", "content": "heron number )" + std::to_string(i) +
                R"(", "links": [{"to": "k)" + std::to_string((i + 1) % 450) + "\"}]}\n";
    }
    call::Request request;
    request.tool = "memory.import";
    request.arguments = {{"format", "jsonl"}, {"data", data}};
    request.caller.principal = "ada";
    request.cancelled = std::make_shared<std::atomic<bool>>(false);
    std::vector<std::string> steps;
    request.progress = [&, cancelled = request.cancelled](double, double, const std::string& words) {
        steps.push_back(words);
        cancelled->store(true);  // the person hangs up after the first step
    };
    const call::Reply cut = world.parts().dispatcher->run(request);
    EXPECT_TRUE(cut.error);
    EXPECT_THAT(cut.content.dump(), HasSubstr("cancelled after 200 records"));
    EXPECT_EQ(world.ask("galactic.dashboard")["total"], 200);
    world.restart();
    const Json rest = world.ask("memory.import", {{"format", "jsonl"}, {"data", data}});
    EXPECT_EQ(rest["resumed_at"], 200);
    EXPECT_EQ(rest["stored"], 250);
    EXPECT_EQ(rest["links"], 450) << "links between the parts, too";
    EXPECT_EQ(world.ask("galactic.dashboard")["total"], 450);
    EXPECT_EQ(steps, std::vector<std::string>{"200 records"});
}

TEST(Exchange, one_bad_record_does_not_lose_the_others_and_is_named) {
    const std::map<std::string, std::pair<std::string, std::string>> files = {
        {"jsonl", {"{\"content\": \"a\"}\n{\"content\": \n{\"content\": \"c\"}\n", "line 2: "}},
        {"json", {"{\"memories\": [{\"content\": \"a\"},\n {\"content\": nonsense},\n {\"content\": \"c\"}]}", "line 2: "}},
        {"csv", {"content,private\na,\nb,perhaps\nc,FALSE\n", "line 3: private is 'perhaps', neither true nor false"}},
        {"markdown", {"# a\na\n# b\n<!-- resonant: {nonsense} -->\n\nb\n\n# c\nc\n", "line 3: the comment"}},
        {"mem0", {"{\"results\": [{\"memory\": \"a\"},\n 7,\n {\"memory\": \"c\"}]}", "line 2: is no object"}}};
    for (const auto& [format, file] : files) {
        test::World world;
        const Json report = world.ask("memory.import", {{"format", format}, {"data", file.first}});
        EXPECT_EQ(report["records"], 3) << format << report.dump();
        EXPECT_EQ(report["stored"], 2) << format << report.dump();
        EXPECT_EQ(report["refused"], 1) << format << report.dump();
        EXPECT_THAT(report["refusals"].dump(), HasSubstr(file.second)) << format;
    }
}

TEST(Exchange, a_file_that_breaks_off_keeps_what_came_before_and_says_where) {
    const std::map<std::string, std::pair<std::string, std::string>> files = {
        {"json", {"[{\"content\": \"a\"},\n {\"content\": \"b\"}\n {\"content\": \"c\"}]", "line 3: the JSON has '{' where"}},
        {"csv", {"content\na\nb\n\"c never closed\n", "line 4: a quote that opens in this row is never closed"}},
        {"mem0", {"{\"results\": [{\"memory\": \"a\"},\n {\"memory\": \"b\"},", "the JSON has its end where an element"}}};
    for (const auto& [format, file] : files) {
        test::World world;
        std::ofstream(world.parts().home.inbox() / "broken") << file.first;
        const call::Reply reply = world.call("memory.import", {{"format", format}, {"path", "broken"}});
        EXPECT_TRUE(reply.error) << format;
        EXPECT_THAT(reply.content.dump(), HasSubstr("memory.import: broken: ")) << format;
        EXPECT_THAT(reply.content.dump(), HasSubstr(file.second)) << format;
        EXPECT_THAT(reply.content.dump(), HasSubstr("the 2 records before it are kept")) << format;
        EXPECT_EQ(world.ask("galactic.dashboard")["total"], 2) << format;
    }
}

TEST(Exchange, an_export_that_is_cancelled_leaves_no_file) {
    test::World world;
    std::string lines;
    for (int i = 0; i < 600; ++i) {
        lines += "{\"content\": \"heron number " + std::to_string(i) + "\"}\n";
    }
    world.ask("memory.import", {{"format", "jsonl"}, {"data", lines}});
    for (const std::string format : {"jsonl", "arrow", "parquet"}) {
        call::Request request;
        request.tool = "memory.export";
        request.arguments = {{"format", format}, {"path", "all." + format}};
        request.caller.principal = "ada";
        request.cancelled = std::make_shared<std::atomic<bool>>(false);
        request.progress = [cancelled = request.cancelled](double, double, const std::string&) { cancelled->store(true); };
        const call::Reply cut = world.parts().dispatcher->run(request);
        EXPECT_TRUE(cut.error);
        EXPECT_THAT(cut.content.dump(), HasSubstr("cancelled after 500 memories; no file was made"));
        EXPECT_TRUE(fs::is_empty(world.parts().home.outbox()));
        EXPECT_EQ(world.ask("memory.export", {{"format", format}, {"path", "all." + format}})["count"], 600);
        fs::remove(world.parts().home.outbox() / ("all." + format));
    }
}

TEST(Exchange, a_server_memory_graph_becomes_memories_with_links) {
    test::World world;
    const std::string graph =
        R"({"type":"entity","name":"Alice","entityType":"person","observations":["likes herons","speaks French"]})"
        "\n"
        R"({"type":"entity","name":"Acme","entityType":"company","observations":[]})"
        "\n"
        R"({"type":"relation","from":"Alice","to":"Acme","relationType":"works_at"})"
        "\n"
        R"({"type":"relation","from":"Alice","to":"Nobody","relationType":"knows"})"
        "\n"
        "not json\n";
    const Json report = world.ask("memory.import", {{"format", "server_memory"}, {"data", graph}});
    EXPECT_EQ(report["stored"], 2) << report.dump();
    EXPECT_EQ(report["links"], 1);
    EXPECT_EQ(report["refused"], 2);
    EXPECT_THAT(report["refusals"].dump(), HasSubstr("line 4: relation from 'Alice' to 'Nobody'"));
    EXPECT_THAT(report["refusals"].dump(), HasSubstr("line 5"));
    const Json alice = world.ask("memory.search", {{"query", "herons"}, {"tags", {"person"}}})["hits"][0];
    EXPECT_EQ(alice["title"], "Alice");
    EXPECT_THAT(alice["content"].get<std::string>(), HasSubstr("speaks French"));
    EXPECT_THAT(alice["content"].get<std::string>(), HasSubstr("Alice works_at Acme"));
    EXPECT_EQ(world.ask("memory.related", {{"id", alice["id"]}})["hits"][0]["title"], "Acme");
}

TEST(Exchange, a_mem0_export_keeps_who_when_and_what) {
    test::World world;
    const std::string data = R"({"results": [
        {"id": "u-1", "memory": "Likes herons", "user_id": "alex", "metadata": {"category": "birds"},
         "created_at": "2024-07-26T08:00:00.000000-07:00", "updated_at": null},
        {"id": "u-2"}],
        "relations": [{"source": "alex", "relationship": "watches", "target": "herons"}]})";
    const Json report = world.ask("memory.import", {{"format", "mem0"}, {"data", data}});
    EXPECT_EQ(report["stored"], 2) << report.dump();
    EXPECT_EQ(report["refused"], 1);
    const Json found = world.ask("memory.search", {{"query", "likes"}, {"tags", {"user:alex", "category:birds"}}});
    ASSERT_EQ(found["count"], 1);
    const Json memory = world.ask("memory.read", {{"ids", {found["hits"][0]["id"]}}, {"metadata", true}});
    EXPECT_EQ(memory["memories"][0]["created"], "2024-07-26T15:00:00Z");
    EXPECT_EQ(world.ask("memory.search", {{"query", "watches"}})["count"], 1);
}

void make_store(const fs::path& file, const std::string& script) {
    auto database = sql::Database::open(file, {});
    ASSERT_TRUE(database.has_value()) << database.error().message;
    const Status done = (*database)->write([&](sql::Connection& connection) { return connection.run(script); });
    ASSERT_TRUE(done.has_value()) << done.error().message;
}

TEST(Exchange, a_mem0_history_gives_the_newest_text_and_leaves_out_what_was_deleted) {
    test::World world;
    make_store(world.parts().home.inbox() / "history.db",
               "CREATE TABLE history(id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT,"
               " created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT);"
               "INSERT INTO history VALUES('1','a',NULL,'likes herons','ADD','2024-07-26T08:00:00',NULL,0,NULL,NULL),"
               "('2','b',NULL,'likes cats','ADD','2024-07-26T08:00:00',NULL,0,NULL,NULL),"
               "('3','a','likes herons','loves herons','UPDATE','2024-07-26T08:00:00','2024-07-27T08:00:00',0,NULL,NULL),"
               "('4','b','likes cats',NULL,'DELETE','2024-07-26T08:00:00','2024-07-28T08:00:00',1,NULL,NULL);");
    const Json report = world.ask("memory.import", {{"format", "mem0"}, {"path", "history.db"}});
    EXPECT_EQ(report["stored"], 1) << report.dump();
    EXPECT_THAT(report["refusals"].dump(), HasSubstr("it was deleted there"));
    EXPECT_EQ(world.ask("memory.search", {{"query", "loves herons"}})["count"], 1);
}

TEST(Exchange, a_whitemagic_store_brings_tags_flags_times_and_associations) {
    test::World world;
    make_store(
        world.parts().home.inbox() / "whitemagic.db",
        "CREATE TABLE memories(id TEXT PRIMARY KEY, content TEXT, memory_type TEXT, created_at TEXT, updated_at TEXT,"
        " accessed_at TEXT, access_count INTEGER, emotional_valence REAL, importance REAL, neuro_score REAL,"
        " novelty_score REAL, recall_count INTEGER, half_life_days REAL, is_protected INTEGER, metadata TEXT, title TEXT,"
        " galactic_distance REAL, retention_score REAL, last_retention_sweep TEXT, content_hash TEXT, event_time TEXT,"
        " ingestion_time TEXT, is_private INTEGER, model_exclude INTEGER);"
        "CREATE TABLE tags(memory_id TEXT, tag TEXT);"
        "CREATE TABLE associations(source_id TEXT, target_id TEXT, strength REAL, last_traversed_at TEXT,"
        " traversal_count INTEGER, created_at TEXT, direction TEXT, relation_type TEXT, edge_type TEXT,"
        " valid_from TEXT, valid_until TEXT, ingestion_time TEXT);"
        "INSERT INTO memories(id, content, memory_type, created_at, importance, is_protected, title, is_private,"
        " model_exclude) VALUES('aa','the heron waits','LONG_TERM','2025-03-01T10:00:00',0.9,1,'Heron',0,0),"
        "('bb','the heron hides','SHORT_TERM','2025-03-02T10:00:00',0.4,0,'',0,1),"
        "('cc','','NARRATIVE','2025-03-02T10:00:00',0.4,0,'empty',0,0);"
        "INSERT INTO tags VALUES('aa','bird'),('aa','grey');"
        "INSERT INTO associations(source_id, target_id, strength, relation_type) VALUES('aa','bb',0.8,'extends'),"
        "('aa','zz',0.8,'associated_with');");
    const Json report = world.ask("memory.import", {{"format", "whitemagic"}, {"path", "whitemagic.db"}});
    EXPECT_EQ(report["stored"], 2) << report.dump();
    EXPECT_EQ(report["refused"], 1);
    EXPECT_EQ(report["links"], 1);
    EXPECT_EQ(report["links_without_target"], 1);
    const Json found = world.ask("memory.search", {{"query", "waits"}, {"tags", {"bird", "grey"}}});
    ASSERT_EQ(found["count"], 1);
    const Json memory = world.ask("memory.read", {{"ids", {found["hits"][0]["id"]}}, {"metadata", true}})["memories"][0];
    EXPECT_EQ(memory["type"], "fact");
    EXPECT_EQ(memory["protected"], true);
    EXPECT_EQ(memory["created"], "2025-03-01T10:00:00Z");
    EXPECT_EQ(world.ask("memory.search", {{"query", "hides"}})["count"], 0) << "excluded from models: private";
    EXPECT_EQ(world.ask("memory.search", {{"query", "hides"}, {"include_private", true}})["count"], 1);
}

TEST(Exchange, an_export_says_what_it_leaves_out_and_covers_every_galaxy) {
    test::World world;
    world.ask("galaxy.create", {{"name", "pond"}});
    world.remember("heron in the default galaxy");
    world.remember("heron in the pond", {{"galaxy", "pond"}});
    world.remember("heron in private", {{"private", true}});
    world.ask("memory.add", {{"content", "heron of bob"}, {"private", true}}, call::Role::Agent, "bob");
    const Json all = world.ask("memory.export");
    EXPECT_EQ(all["count"], 2) << all.dump();
    EXPECT_EQ(all["left_out"], Json({{"private", 1}})) << "what is another's is not even counted";
    EXPECT_EQ(world.ask("memory.export", {{"galaxy", "pond"}})["count"], 1);
    const Json owner = world.ask("memory.export", {}, call::Role::Owner, "operator");
    EXPECT_EQ(owner["left_out"], Json({{"private_of_others", 2}})) << owner.dump();
    EXPECT_EQ(world.ask("memory.export", {{"query", "pond"}}).value("left_out", Json(0)), 0) << "only what would be in it";
    EXPECT_EQ(world.ask("memory.export", {{"include_private", true}})["count"], 3);
}

TEST(Exchange, the_ending_of_a_file_says_its_format) {
    test::World world;
    world.remember("heron");
    for (const auto& [name, format] : {std::pair{"a.json", "json"}, {"a.csv", "csv"}, {"a.md", "markdown"}, {"a", "jsonl"},
                                       {"a.arrow", "arrow"}, {"a.txt", "jsonl"}}) {
        EXPECT_EQ(world.ask("memory.export", {{"path", name}})["format"], format) << name;
        fs::rename(world.parts().home.outbox() / name, world.parts().home.inbox() / name);
        const Json back = world.ask("memory.import", {{"path", name}});
        EXPECT_EQ(back["format"], format) << back.dump();
        EXPECT_EQ(back["skipped"], 1) << back.dump();
    }
}

TEST(Exchange, galaxies_come_back_where_they_lay) {
    test::World from, to;
    from.ask("galaxy.create", {{"name", "pond"}});
    from.remember("heron one");
    from.remember("heron two", {{"galaxy", "pond"}});
    for (const char* format : {"json", "jsonl", "csv", "markdown", "arrow"}) {
        const fs::path there = carry(from, format, to);
        const Json report = to.ask("memory.import", {{"path", there.filename().string()}});
        EXPECT_EQ(report["refused"], 0) << report.dump();
        EXPECT_EQ(report.value("galaxies_made", Json::array()).size(), report["stored"] == 0 ? 0U : 1U) << report.dump();
    }
    EXPECT_EQ(to.ask("galactic.dashboard", {{"galaxy", "pond"}})["total"], 1);
    EXPECT_EQ(to.ask("galactic.dashboard", {{"galaxy", "default"}})["total"], 1);
    const std::string bad = R"({"content": "a", "galaxy": "no such/name"})";
    EXPECT_THAT(to.ask("memory.import", {{"data", bad}})["refusals"].dump(), HasSubstr("a name has 1 to 64 of"));
    EXPECT_EQ(to.ask("memory.import", {{"data", R"({"content": "b", "galaxy": "pond"})"}, {"galaxy", "default"}})["stored"], 1);
    EXPECT_EQ(to.ask("galactic.dashboard", {{"galaxy", "pond"}})["total"], 1) << "who names a galaxy means it";
}

TEST(Exchange, fields_of_strangers_are_understood_and_what_is_not_is_told) {
    test::World world;
    const std::map<std::string, std::string> files = {
        {"epoch.json", R"([{"text": "heron a", "labels": "bird, grey", "created_at": 1767225600.5, "mood": "calm"}])"},
        {"millis.json", R"({"notes": [{"body": "heron a", "keywords": ["bird", "grey"], "timestamp": 1767225600500, "mood": 1}]})"},
        {"semicolon.csv", "Text;Labels;Date;Mood\nheron a;bird, grey;2026-01-01;calm\n"},
        {"tabs.tsv", "text\ttags\tcreated_time\tmood\nheron a\tbird;grey\t2026-01-01T00:00:00Z\tcalm\n"},
        {"note.md", "---\ntags: [bird, grey]\ndate: 2026-01-01\nmood: calm\n---\nheron a\n"},
        {"service.json", R"([{"content": "heron a", "content_hash": "1f", "tags": ["bird", "grey"], "memory_type": "sighting",
                             "metadata": {"place": "pond"}, "created_at": 1767225600, "created_at_iso": "2026-01-01T00:00:00Z",
                             "mood": null}])"}};
    for (const auto& [name, text] : files) {
        world.ask("galaxy.create", {{"name", name}});
        const Json report = world.ask("memory.import", {{"data", text}, {"format", name == "tabs.tsv" || name == "semicolon.csv" ? "csv" : name == "note.md" ? "markdown" : "json"}, {"galaxy", name}});
        EXPECT_EQ(report["stored"], 1) << name << report.dump();
        EXPECT_EQ(report["unknown_members"].size(), 1U) << name << report.dump();
        const Json found = world.ask("memory.search", {{"tags", {"bird", "grey"}}, {"galaxy", name}});
        ASSERT_EQ(found["count"], 1) << name;
        const Json memory = world.ask("memory.read", {{"ids", {found["hits"][0]["id"]}}, {"metadata", true}})["memories"][0];
        EXPECT_EQ(memory["created"].get<std::string>().substr(0, 10), "2026-01-01") << name;
        EXPECT_EQ(memory["content"], "heron a") << name;
    }
    const call::Reply reply = world.call("memory.import", {{"format", "csv"}, {"data", "Sighting,Where\nheron b,pond\n"}});
    EXPECT_THAT(reply.content.dump(), HasSubstr("the columns are: Sighting, Where"));
    EXPECT_EQ(world.ask("memory.import", {{"format", "csv"}, {"data", "Sighting,Where\nheron b,pond\n"},
                                          {"columns", {{"content", "Sighting"}, {"tags", "Where"}}}})["stored"], 1);
    EXPECT_EQ(world.ask("memory.search", {{"tags", {"pond"}}})["count"], 1);
}

TEST(Exchange, what_was_deleted_there_is_not_revived) {
    test::World world;
    const std::string lines = R"({"content": "a", "deleted_at": "2026-01-01"})" "\n" R"({"content": "b", "state": "deleted"})" "\n"
                              R"({"content": "c", "is_deleted": true})" "\n" R"({"content": "d", "deleted_at": null, "state": "active"})";
    const Json report = world.ask("memory.import", {{"data", lines}});
    EXPECT_EQ(report["stored"], 1) << report.dump();
    EXPECT_EQ(report["refused"], 3);
    EXPECT_THAT(report["refusals"].dump(), HasSubstr("line 2: it was deleted there"));
}

TEST(Exchange, conversations_become_a_memory_for_each_question) {
    test::World world;
    const std::string chatgpt = R"([{"title": "Herons", "create_time": 1767225600.0, "current_node": "c", "mapping": {
        "r": {"message": null, "parent": null}, "a": {"parent": "r", "message": {"author": {"role": "user"}, "create_time": 1767225601.0,
            "content": {"content_type": "text", "parts": ["where do herons sleep"]}}},
        "x": {"parent": "a", "message": {"author": {"role": "assistant"}, "content": {"parts": ["a branch that was left"]}}},
        "b": {"parent": "a", "message": {"author": {"role": "assistant"}, "content": {"parts": ["in trees", {"asset": 1}]}}},
        "c": {"parent": "b", "message": {"author": {"role": "user"}, "content": {"parts": ["and gulls"]}}}}}])";
    const Json first = world.ask("memory.import", {{"data", chatgpt}});
    EXPECT_EQ(first["format"], "chatgpt") << first.dump();
    EXPECT_EQ(first["stored"], 2) << first.dump();
    const Json hit = world.ask("memory.search", {{"query", "herons sleep"}})["hits"][0];
    EXPECT_EQ(hit["content"], "person: where do herons sleep\n\nassistant: in trees");
    EXPECT_EQ(hit["title"], "Herons");
    const std::string claude = R"([{"uuid": "1", "name": "Kites", "chat_messages": [
        {"sender": "human", "text": "", "content": [{"type": "text", "text": "what do kites eat"}], "created_at": "2026-01-01T00:00:00Z"},
        {"sender": "assistant", "text": "mostly carrion"}]}])";
    EXPECT_EQ(world.ask("memory.import", {{"data", claude}})["stored"], 1);
    const std::string code = R"({"type":"summary","summary":"x"})" "\n"
        R"({"type":"user","sessionId":"s","timestamp":"2026-01-01T00:00:00Z","message":{"role":"user","content":"mend the reindex"}})" "\n"
        R"({"type":"assistant","sessionId":"s","message":{"role":"assistant","content":[{"type":"tool_use","name":"x"},{"type":"text","text":"mended"}]}})" "\n"
        R"({"type":"user","sessionId":"s","message":{"role":"user","content":[{"type":"tool_result","content":"noise"}]}})";
    const Json session = world.ask("memory.import", {{"data", code}});
    EXPECT_EQ(session["format"], "claude_code") << session.dump();
    EXPECT_EQ(session["stored"], 1) << session.dump();
    EXPECT_EQ(world.ask("memory.search", {{"query", "noise"}})["count"], 0);
}

TEST(Exchange, stores_of_others_are_known_by_their_tables) {
    test::World world;
    make_store(world.parts().home.inbox() / "service.db",
               "CREATE TABLE memories(id INTEGER PRIMARY KEY, content_hash TEXT, content TEXT, tags TEXT, memory_type TEXT,"
               " metadata TEXT, created_at REAL, updated_at REAL, created_at_iso TEXT, deleted_at REAL DEFAULT NULL);"
               "INSERT INTO memories VALUES(1,'1f','herons sleep in trees','bird,grey','sighting','{\"place\": \"pond\"}',"
               "1767225600.5,1767225600.5,'2026-01-01T00:00:00Z',NULL),"
               "(2,'2f','was taken back','bird','note',NULL,1767225600.5,1767225600.5,'2026-01-01T00:00:00Z',1767225700.0);");
    const Json report = world.ask("memory.import", {{"path", "service.db"}});
    EXPECT_EQ(report["format"], "sqlite") << report.dump();
    EXPECT_EQ(report["stored"], 1) << report.dump();
    EXPECT_THAT(report["refusals"].dump(), HasSubstr("row 2: it was deleted there"));
    EXPECT_EQ(world.ask("memory.search", {{"tags", {"bird", "grey", "place:pond", "sighting"}}})["count"], 1);
    make_store(world.parts().home.inbox() / "other.db", "CREATE TABLE birds(name TEXT);");
    EXPECT_THAT(world.call("memory.import", {{"path", "other.db"}}).content.dump(), HasSubstr("its tables are: birds"));
}

TEST(Exchange, front_matter_that_is_broken_or_huge_does_no_harm) {
    test::World world;
    const Json broken = world.ask("memory.import", {{"format", "markdown"}, {"data", "---\ntags: [a\n---\nthe heron waits\n"}});
    EXPECT_EQ(broken["stored"], 1) << broken.dump();
    EXPECT_THAT(broken["refusals"].dump(), HasSubstr("front matter: line"));
    std::string bomb = "---\na0: &a0 [x, x]\n";
    for (int i = 1; i < 40; ++i) {
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" + std::to_string(i - 1) + "]\n";
    }
    EXPECT_EQ(world.ask("memory.import", {{"format", "markdown"}, {"data", bomb + "---\nthe gull waits\n"}})["stored"], 1);
    EXPECT_EQ(world.ask("memory.import", {{"format", "markdown"}, {"data", "---\nno end of it\nthe kite waits\n"}})["stored"], 1)
        << "a line across the page opens nothing";
}

TEST(Exchange, an_engines_output_can_be_taken_out_as_a_table) {
    test::World world;
    world.remember("heron");
    const Json made = world.ask("datasea.export", {{"name", "galactic"}, {"path", "galactic.arrow"}});
    EXPECT_EQ(made["count"], 1);
    EXPECT_EQ(made["generation"], 1);
    EXPECT_EQ(world.error("datasea.export", {{"name", "poetry"}, {"path", "x.arrow"}}), "not_found");
    EXPECT_EQ(world.ask("datasea.export", {{"name", "memories"}, {"format", "parquet"}, {"path", "m.parquet"}})["count"], 1);
}

TEST(Exchange, damaged_tables_and_stores_are_refused_with_words) {
    test::World world;
    std::ofstream(world.parts().home.inbox() / "bad") << "this is neither";
    for (const char* format : {"arrow", "parquet", "whitemagic"}) {
        const call::Reply reply = world.call("memory.import", {{"format", format}, {"path", "bad"}});
        EXPECT_TRUE(reply.error) << format;
        EXPECT_EQ(world.error("memory.import", {{"format", format}, {"data", "x"}}), "invalid_argument");
    }
    EXPECT_EQ(world.ask("galactic.dashboard")["total"], 0);
}

}  // namespace
}  // namespace resonant::tools
