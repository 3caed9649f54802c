#include "resonant/json/source_edit.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace resonant::json {
namespace {

const SourcePath kPath = {"mcpServers", "resonant"};

Ordered block() {
    Ordered made;
    made["command"] = "/r";
    made["args"] = {"mcp"};
    return made;
}

std::string put(std::string_view text, const SourcePath& path = kPath) {
    const Result<std::string> made = put_member(text, path, block());
    EXPECT_TRUE(made) << text << ": " << made.error().message;
    return made.value_or("");
}

std::string take(std::string_view text, const SourcePath& path) {
    const Result<std::string> made = take_member(text, path);
    EXPECT_TRUE(made) << text << ": " << made.error().message;
    return made.value_or("");
}

Json value(std::string_view text) {
    const Result<SourceTree> tree = read_source(text);
    EXPECT_TRUE(tree) << text << ": " << tree.error().message;
    return tree ? *value_of(text, *tree) : Json();
}

TEST(SourceEdit, a_member_is_put_last_and_looks_like_its_neighbours) {
    EXPECT_EQ(put("{\n\t\"mcpServers\": {\n\t\t\"a\": {} // the a\n\t}\n}\n"),
              "{\n\t\"mcpServers\": {\n\t\t\"a\": {}, // the a\n\t\t\"resonant\": {\n\t\t\t\"command\": \"/r\",\n\t\t\t\"args\": [\n"
              "\t\t\t\t\"mcp\"\n\t\t\t]\n\t\t}\n\t}\n}\n");
    EXPECT_EQ(put("{\"a\":1}"), "{\"a\":1,\"mcpServers\":{\"resonant\":{\"command\":\"/r\",\"args\":[\"mcp\"]}}}");
    EXPECT_EQ(put("{\r\n  \"mcpServers\": {\r\n    \"a\": 1,\r\n  },\r\n}\r\n").find("},\r\n  },\r\n}\r\n"),
              put("{\r\n  \"mcpServers\": {\r\n    \"a\": 1,\r\n  },\r\n}\r\n").size() - 13);
}

TEST(SourceEdit, where_nothing_stands_an_object_is_made) {
    for (const char* text : {"", "\n", "{}", "{ }\n", "// only a comment", "{ // inside\n}", "{\"mcpServers\": null}", "\xEF\xBB\xBF{}",
                             "{\"mcpServers\":{}}", "/* c */\n{\n}\n"}) {
        const std::string made = put(text);
        EXPECT_EQ(value(made), Json({{"mcpServers", {{"resonant", Json::parse(block().dump())}}}})) << text << " became " << made;
        EXPECT_EQ(put(made), made) << "a second time changes nothing";
    }
}

TEST(SourceEdit, what_is_in_the_way_is_named_with_its_place) {
    const Result<std::string> made = put_member("{\n \"mcpServers\": [1]}", kPath, block());
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find("line 2, column 16"), std::string::npos) << made.error().message;
    EXPECT_FALSE(put_member("[]", kPath, block()));
    EXPECT_FALSE(put_member("{\"a\": }", kPath, block()));
}

TEST(SourceEdit, a_member_goes_with_its_comma_and_its_line_and_leaves_comments) {
    EXPECT_EQ(take("{\n  \"a\": 1, // of a\n  \"b\": 2\n}", {"a"}), "{\n  // of a\n  \"b\": 2\n}");
    EXPECT_EQ(take("{\n  \"a\": 1,\n  // of b\n  \"b\": {\n    \"x\": 1\n  }\n}", {"b"}), "{\n  \"a\": 1\n  // of b\n}");
    EXPECT_EQ(take("{\"a\":1,\"b\":2}", {"b"}), "{\"a\":1}");
    EXPECT_EQ(take("{\"a\":1,\"b\":2}", {"a"}), "{\"b\":2}");
    EXPECT_EQ(take("{\"a\": 1 /* x */ , \"b\": 2}", {"a"}), "{/* x */  \"b\": 2}");
    EXPECT_EQ(take("{\"a\": 1, \"a\": 2}", {"a"}), "{}");
    EXPECT_EQ(take("{\"a\": {\"b\": 1}}", {"a", "c"}), "{\"a\": {\"b\": 1}}");
    EXPECT_EQ(take("{\"a\": 1}", {"a", "c"}), "{\"a\": 1}");
}

// A random document as people write them, with what it means.
class Writer {
  public:
    explicit Writer(std::uint64_t seed) : random_(seed), eol_(one_in(4) ? "\r\n" : "\n") {}

    std::string object(Json& meant, int level, const std::vector<std::string>& names) {
        meant = Json::object();
        std::string text = "{" + space();
        for (std::size_t i = 0; i < names.size(); ++i) {
            Json inner;
            const std::string body = value(inner, level + 1);
            meant[names[i]] = inner;
            text += space() + Ordered(names[i]).dump(-1, ' ', one_in(3)) + space() + ":" + space() + body + space();
            text += i + 1 < names.size() || one_in(4) ? "," + space() : "";
        }
        return text + "}";
    }

    std::string value(Json& meant, int level) {
        switch (below(level > 4 ? 4 : 6)) {
            case 0: meant = below(1000); return std::to_string(meant.get<int>());
            case 1: meant = one_in(2); return meant.dump();
            case 2: meant = nullptr; return "null";
            case 3: {
                static const char* kTexts[] = {"", "x,}y,]z", "// no", "/* no */", "\"quoted\"", "\xC3\xA4\xE2\x82\xAC", "a\\b", "{", "\n"};
                meant = kTexts[below(std::size(kTexts))];
                return Ordered(meant.get<std::string>()).dump(-1, ' ', one_in(2));
            }
            case 4: {
                meant = Json::array();
                std::string text = "[" + space();
                for (std::size_t i = below(4); i > 0; --i) {
                    Json inner;
                    text += value(inner, level + 1) + space() + (i > 1 || one_in(4) ? "," : "") + space();
                    meant.push_back(inner);
                }
                return text + "]";
            }
            default: return object(meant, level, names(below(4)));
        }
    }

    std::vector<std::string> names(std::size_t count) {
        std::vector<std::string> made;
        for (std::size_t i = 0; i < count; ++i) {
            made.push_back((one_in(5) ? "\xC3\xBC \"" : "n") + std::to_string(i));
        }
        return made;
    }

    std::string space() {
        switch (below(9)) {
            case 0: return eol_ + std::string(below(6), ' ');
            case 1: return " /* \" , } ] */ ";
            case 2: return "// \" it's , {" + eol_;
            case 3: return "\t";
            case 4: return " ";
            default: return "";
        }
    }

    std::size_t below(std::size_t bound) { return random_() % bound; }
    bool one_in(std::size_t n) { return below(n) == 0; }

  private:
    std::mt19937_64 random_;
    std::string eol_;
};

// What is left of `text` when the members' own bytes are taken out: it must be the same before and after.
std::string visible(std::string_view text) {
    std::string made;
    for (const char c : text) {
        made += c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' ? "" : std::string(1, c);
    }
    return made;
}

TEST(SourceEdit, random_documents_change_in_nothing_but_the_member_that_is_meant) {
    const char* given = std::getenv("RESONANT_SEED");
    const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
    const std::uint64_t count = std::getenv("RESONANT_LONG") != nullptr ? 100'000 : given != nullptr ? 1 : 3'000;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        Writer writer(seed);
        Json meant;
        std::vector<std::string> names = writer.names(writer.below(5));
        std::string text = writer.space() + writer.object(meant, 1, names) + writer.space();
        ASSERT_EQ(value(text), meant) << "RESONANT_SEED=" << seed << "\n" << text;
        const std::string added = put(text, {"new"});
        Json wanted = meant;
        wanted["new"] = Json::parse(block().dump());
        ASSERT_EQ(value(added), wanted) << "RESONANT_SEED=" << seed << "\n" << text << "\n----\n" << added;
        // The old text is there in its order, byte for byte but for one comma and white space.
        const std::string body = visible(Ordered(block()).dump());
        std::string rest = visible(added);
        const std::size_t at = rest.rfind("\"new\":" + body);
        ASSERT_NE(at, std::string::npos) << "RESONANT_SEED=" << seed << "\n" << added;
        rest.erase(at, 6 + body.size());
        ASSERT_EQ(rest, visible(text)) << "RESONANT_SEED=" << seed;
        const std::string back = take(added, {"new"});
        ASSERT_EQ(value(back), meant) << "RESONANT_SEED=" << seed << "\n" << added << "\n----\n" << back;
        ASSERT_EQ(visible(back), visible(text)) << "RESONANT_SEED=" << seed;
        if (!names.empty()) {
            const std::string name = names[writer.below(names.size())];
            const std::string less = take(text, {name});
            wanted = meant;
            wanted.erase(name);
            ASSERT_EQ(value(less), wanted) << "RESONANT_SEED=" << seed << "\n" << text << "\n----\n" << less;
        }
    }
}

}  // namespace
}  // namespace resonant::json
