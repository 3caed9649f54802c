// Whatever a caller gives a tool, the circuit stays closed: only what the server broke opens it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "resonant/govern/circuit_breaker.h"
#include "resonant/memory/galaxies.h"
#include "tests/support/world.h"

namespace resonant::tools {
namespace {

constexpr int kTries = 6;  // one more than open a circuit

// Values of a type that a hostile caller would try, all legal under the schema.
std::vector<Json> hostile_values(const Json& schema) {
    const std::string type = schema.value("type", Json("")).is_string() ? schema.value("type", "") : "";
    if (schema.contains("enum")) {
        return std::vector<Json>(schema["enum"].begin(), schema["enum"].end());
    }
    if (type == "integer" || type == "number") {
        return {0, -1, 1, 9007199254740991};
    }
    if (type == "boolean") {
        return {true, false};
    }
    if (type == "array") {
        return {Json::array(), Json::array({"m999999"}), Json::array({"../x", "\u0001", ""}), Json::array({Json::object()}),
                Json::array({1e300, -1e300})};
    }
    if (type == "object") {
        return {Json::object(), {{"a", "x"}, {"a/b", "y"}}, {{"", Json()}, {"x", Json::array({Json::array()})}}};
    }
    return {"", "m999999", "no such thing", "/", "/proc/self/mem", "../../etc/passwd", std::string("a\0b", 3),
            std::string(5'000, 'x'), "\"'`;--*%", "default", "NaN", "1970-01-01T00:00:00Z"};
}

// The example with one argument after the other made hostile, and those that are left out by default put in.
std::vector<Json> hostile_arguments(const call::Contract& contract) {
    std::vector<Json> all = {contract.example};
    const Json properties = contract.input_schema.value("properties", Json::object());
    for (const auto& [name, schema] : properties.items()) {
        const bool waits = name == "wait_s" || name == "timeout_s";
        for (const Json& value : hostile_values(schema)) {
            Json arguments = contract.example;
            arguments[name] = waits ? Json(0.01) : value;
            all.push_back(arguments);
            arguments = Json::object();
            arguments[name] = waits ? Json(0.01) : value;
            all.push_back(std::move(arguments));
        }
    }
    for (Json& arguments : all) {  // nothing here is worth waiting for
        for (const char* wait : {"wait_s", "timeout_s"}) {
            if (properties.contains(wait)) {
                arguments[wait] = 0.01;
            }
        }
    }
    return all;
}

// The world of the test has neither a model nor a gateway.
bool is_missing_part(const std::string& words) {
    return words.find("no model") != words.npos || words.find("no gateway") != words.npos;
}

TEST(Fault, no_bad_input_opens_the_circuit_of_any_built_tool) {
    test::World world;
    std::vector<std::string> blamed;
    int caller = 0;
    for (const Tool& tool : world.parts().toolbox.tools()) {
        const call::Contract& contract = tool.contract;
        if (!tool.handler) {
            continue;
        }
        for (const Json& arguments : hostile_arguments(contract)) {
            const call::Reply reply = world.call(contract.name, arguments, call::Role::Owner, "u" + std::to_string(++caller / 100));
            const Json error = reply.content.is_object() ? reply.content.value("error", Json::object()) : Json::object();
            const std::string code = error.is_object() ? error.value("code", "") : "";
            if ((code == "internal" || code == "unavailable" || code == "data_loss" || code == "timeout") &&
                !is_missing_part(error.value("message", ""))) {
                blamed.push_back(contract.name + " " + arguments.dump().substr(0, 200) +
                                 ": " + reply.content.dump().substr(0, 300));
            }
        }
    }
    EXPECT_THAT(blamed, testing::IsEmpty());
}

// Files that a person may put into an import folder, each read in each format.
TEST(Fault, no_file_that_somebody_imports_opens_the_circuit) {
    test::World world;
    const auto inbox = world.home() / "home" / "inbox";
    std::filesystem::create_directories(inbox / "folder");
    const std::vector<std::pair<std::string, std::string>> files = {
        {"empty", ""},
        {"text", "hello\n"},
        {"zeros", std::string(8'192, '\0')},
        {"store", std::string("SQLite format 3\0", 16) + std::string(5'000, 'x')},
        {"arrow", "ARROW1\0\0" + std::string(64, '\xff') + "ARROW1"},
        {"parquet", "PAR1" + std::string(64, '\x01') + "PAR1"},
        {"json", "{\"a\": [1, {\"b\": null}]}"}};
    for (const auto& [name, bytes] : files) {
        std::ofstream(inbox / name, std::ios::binary) << bytes;
    }
    std::filesystem::copy_file(world.home() / "home" / "resonant.db", inbox / "other.db");
    const Tool* import = world.parts().toolbox.find("memory.import");
    ASSERT_NE(import, nullptr);
    const Json formats = import->contract.input_schema["properties"]["format"]["enum"];
    ASSERT_GT(formats.size(), 3U);
    for (const Json& format : formats) {
        for (const char* name : {"empty", "text", "zeros", "store", "arrow", "parquet", "json", "other.db", "folder", "gone"}) {
            for (int i = 0; i < kTries; ++i) {
                const call::Reply reply = world.call(
                    "memory.import", {{"format", format}, {"path", (inbox / name).string()}}, call::Role::Owner,
                    "u-" + format.get<std::string>() + name);
                ASSERT_FALSE(reply.denial && reply.denial->code == "circuit_open")
                    << format << " " << name << ": " << reply.content.dump();
            }
        }
    }
}

TEST(Fault, five_programs_with_files_that_cannot_be_do_not_close_the_sandbox_to_others) {
    test::World world;
    for (int i = 0; i < kTries; ++i) {
        EXPECT_EQ(world.error("sandbox.run", {{"command", {"true"}}, {"files", {{"a", "x"}, {"a/b", "y"}}}}),
                  "invalid_argument");
    }
    const call::Reply reply = world.call("sandbox.run", {{"command", {"true"}}}, call::Role::Agent, "grace");
    EXPECT_FALSE(reply.denial.has_value()) << reply.content.dump();
}

}  // namespace
}  // namespace resonant::tools
