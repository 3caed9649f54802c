// The required part of the official test suite of draft 2020-12. It is downloaded at set-up (scripts/fetch_schema_suite.sh);
// RESONANT_SCHEMA_SUITE names another folder.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "resonant/json/schema.h"
#include "tests/support/repository.h"

namespace resonant::json {
namespace {

namespace fs = std::filesystem;

fs::path suite() {
    const char* named = std::getenv("RESONANT_SCHEMA_SUITE");
    return named != nullptr ? fs::path(named) : test::repository() / "build/schema_suite";
}

// The suite holds numbers beyond 64 bits, which json::parse() refuses.
Json read(const fs::path& path) {
    std::ifstream file(path);
    return Json::parse(std::string(std::istreambuf_iterator<char>(file), {}));
}

struct Tally {
    int passed = 0;
    int refused = 0;
    std::vector<std::string> failed;
    std::vector<std::string> refusals;  // groups that name another document
};

Tally run(const SchemaOptions& options) {
    Tally tally;
    for (const auto& entry : fs::directory_iterator(suite() / "tests")) {
        for (const Json& group : entry.is_regular_file() ? read(entry.path()) : Json::array()) {
            const std::string name = entry.path().stem().string() + ": " + group["description"].get<std::string>();
            const auto schema = Schema::compile(group["schema"], options);
            if (!schema && schema.error().message.find("is another document") != std::string::npos) {
                tally.refused += static_cast<int>(group["tests"].size());
                tally.refusals.push_back(name);
                continue;
            }
            for (const Json& test : group["tests"]) {
                if (schema && schema->valid(test["data"]) == test["valid"].get<bool>()) {
                    ++tally.passed;
                } else {
                    tally.failed.push_back(name + ": " + test["description"].get<std::string>() +
                                           (schema ? "" : ": " + schema.error().message));
                }
            }
        }
    }
    return tally;
}

std::string lines(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += "\n  " + name;
    }
    return text;
}

class SchemaSuite : public testing::Test {
  protected:
    void SetUp() override {
        if (!fs::exists(suite() / "tests")) {
            GTEST_SKIP() << "no suite at " << suite() << "; scripts/setup.sh schema_suite brings it";
        }
    }
};

TEST_F(SchemaSuite, passes_with_its_documents_at_hand) {
    std::map<std::string, Json> documents;
    for (const auto& entry : fs::recursive_directory_iterator(suite() / "remotes")) {
        if (entry.is_regular_file()) {
            documents["http://localhost:1234/" + fs::relative(entry.path(), suite() / "remotes").string()] = read(entry.path());
        }
    }
    const Tally tally = run({.documents = &documents});
    std::cout << "official suite, draft 2020-12, required: " << tally.passed << " passed, " << tally.failed.size()
              << " failed, " << tally.refused << " refused\n";
    EXPECT_TRUE(tally.failed.empty()) << lines(tally.failed);
    EXPECT_EQ(tally.refused, 0) << lines(tally.refusals);
    EXPECT_GE(tally.passed, 1257);
}

TEST_F(SchemaSuite, refuses_what_would_have_to_be_fetched_and_passes_the_rest) {
    const Tally tally = run({});
    std::cout << "the same without its documents: " << tally.passed << " passed, " << tally.failed.size() << " failed, "
              << tally.refused << " refused, of these groups:" << lines(tally.refusals) << "\n";
    for (const std::string& name : tally.failed) {
        // Its metaschema is such a document too; without it the usual vocabularies hold.
        EXPECT_TRUE(name.starts_with("vocabulary: schema that uses custom metaschema")) << name;
    }
    for (const std::string& name : tally.refusals) {
        EXPECT_TRUE(name.starts_with("refRemote: ") || name.starts_with("dynamicRef: ")) << name;
    }
}

}  // namespace
}  // namespace resonant::json
