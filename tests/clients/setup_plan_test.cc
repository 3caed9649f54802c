// The files of tests/clients_files, one folder a case: `before`, what setup makes of it (`after`), and what it says of the
// servers there (`plan.json`). RESONANT_WRITE_GOLDEN=1 writes what it makes now, to be read before it is committed.
#include "resonant/clients/setup_plan.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "resonant/mcp/server_file.h"
#include "tests/support/repository.h"

namespace resonant::clients {
namespace {

namespace fs = std::filesystem;

const fs::path kFiles = test::repository() / "tests/clients_files";

std::string whole(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<std::string> cases() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(kFiles)) {
        names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

// The longest client's name that the case begins with.
const Client& client_of(const std::string& name) {
    const Client* found = nullptr;
    for (const Client& client : all_clients()) {
        if (name.starts_with(client.name) && (found == nullptr || client.name.size() > found->name.size())) {
            found = &client;
        }
    }
    return *found;
}

SetupRequest request_for(const std::string& name) {
    SetupRequest request;
    request.client = &client_of(name);
    request.program = "/opt/resonant/bin/resonant";
    request.home = "/people/ada/.local/state/resonant";
    request.self = {.program = request.program, .address = "http://127.0.0.1:7370/mcp"};
    request.place.user = "/people/ada";
    if (name.ends_with("-project") || name.ends_with("-workspace")) {
        request.place.project = request.place.folder = "/people/ada/work";
    } else {
        request.place.folder = request.place.user;
    }
    return request;
}

fs::path before_of(const std::string& name) {
    for (const char* ending : {"json", "jsonc", "toml"}) {
        if (fs::exists(kFiles / name / fmt::format("before.{}", ending))) {
            return kFiles / name / fmt::format("before.{}", ending);
        }
    }
    return {};
}

std::set<std::string> all_names(const SetupPlan& plan) {
    std::set<std::string> names;
    for (const SetupPlan::Taken& one : plan.taken()) {
        names.insert(one.entry.record.name);
    }
    return names;
}

Json shown(const SetupPlan& plan) {
    Json made = {{"taken", Json::array()}, {"staying", Json::object()}, {"own", plan.own()}};
    for (const SetupPlan::Taken& one : plan.taken()) {
        const call::UpstreamSpec usual;
        Json record = mcp::json_of(one.entry.record);  // with what is not as usual
        for (const auto& [name, value, otherwise] : {std::tuple("timeout_s", one.entry.record.timeout_s, usual.timeout_s),
                                                     std::tuple("start_timeout_s", one.entry.record.start_timeout_s, usual.start_timeout_s)}) {
            record.erase(name);
            if (value != otherwise) {
                record[name] = value;
            }
        }
        Json entry = {{"record", std::move(record)}, {"words", one.entry.words}, {"path", one.found.path}};
        for (const Asked& asked : one.entry.asked) {
            entry["asked"].push_back({{"id", asked.id}, {"hidden", asked.hidden}, {"description", asked.description},
                                      {"default", asked.otherwise}, {"choices", asked.choices}});
        }
        made["taken"].push_back(std::move(entry));
    }
    for (const SetupPlan::Staying& one : plan.staying()) {
        made["staying"][one.name] = one.why;
    }
    return made;
}

class ClientFiles : public testing::TestWithParam<std::string> {};

TEST_P(ClientFiles, become_what_was_written_down_for_them) {
    const fs::path before = before_of(GetParam());
    const Result<SetupPlan> plan = SetupPlan::make(request_for(GetParam()), whole(before));
    ASSERT_TRUE(plan) << plan.error().message;
    const Result<std::string> text = plan->final_text(all_names(*plan));
    ASSERT_TRUE(text) << text.error().message;
    const fs::path after = before.parent_path() / ("after" + before.extension().string());
    if (std::getenv("RESONANT_WRITE_GOLDEN") != nullptr) {
        std::ofstream(after, std::ios::binary) << *text;
        std::ofstream(before.parent_path() / "plan.json", std::ios::binary) << shown(*plan).dump(2) << "\n";
    }
    EXPECT_EQ(*text, whole(after));
    EXPECT_EQ(shown(*plan).dump(2) + "\n", whole(before.parent_path() / "plan.json"));
}

TEST_P(ClientFiles, change_only_once) {
    const Result<SetupPlan> plan = SetupPlan::make(request_for(GetParam()), whole(before_of(GetParam())));
    ASSERT_TRUE(plan) << plan.error().message;
    const std::string text = plan->final_text(all_names(*plan)).value_or("");
    const Result<SetupPlan> again = SetupPlan::make(request_for(GetParam()), text);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(again->has_block());
    EXPECT_TRUE(again->taken().empty());
    EXPECT_EQ(again->staying().size(), plan->staying().size());
    EXPECT_EQ(again->final_text({}).value_or(""), text);
}

TEST_P(ClientFiles, keep_what_is_not_behind_us) {
    const Result<SetupPlan> plan = SetupPlan::make(request_for(GetParam()), whole(before_of(GetParam())));
    ASSERT_TRUE(plan) << plan.error().message;
    const Result<SetupPlan> kept = SetupPlan::make(request_for(GetParam()), plan->final_text({}).value_or(""));
    ASSERT_TRUE(kept) << kept.error().message;
    EXPECT_EQ(kept->taken().size(), plan->taken().size());
    EXPECT_TRUE(kept->has_block());
}

TEST_P(ClientFiles, cut_anywhere_are_refused_with_a_place_or_read_and_never_changed_by_halves) {
    const std::string text = whole(before_of(GetParam()));
    const std::size_t step = std::max<std::size_t>(text.size() / 150, 1);
    for (std::size_t size = 0; size < text.size(); size += step) {
        const Result<SetupPlan> plan = SetupPlan::make(request_for(GetParam()), text.substr(0, size));
        if (!plan) {
            EXPECT_NE(plan.error().message.find("line"), std::string::npos) << plan.error().message;
            continue;
        }
        const Result<std::string> made = plan->final_text(all_names(*plan));
        ASSERT_TRUE(made) << size << ": " << made.error().message;
        EXPECT_TRUE(SetupPlan::make(request_for(GetParam()), *made)) << *made;
    }
}

INSTANTIATE_TEST_SUITE_P(Files, ClientFiles, testing::ValuesIn(cases()), [](const auto& one) {
    std::string name = one.param;
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
});

TEST(SetupPlan, a_server_that_is_behind_us_already_is_recognised_and_another_of_its_name_stays) {
    SetupRequest request = request_for("cursor");
    const std::string text = R"({"mcpServers": {"a": {"command": "a-mcp"}, "b": {"command": "b-mcp"}}})";
    const Result<SetupPlan> first = SetupPlan::make(request, text);
    ASSERT_TRUE(first && first->taken().size() == 2);
    for (const SetupPlan::Taken& one : first->taken()) {
        call::UpstreamSpec spec = one.entry.record;
        spec.environment["PATH"] = "/usr/bin";
        spec.disabled = true;  // the owner switched it off since
        if (spec.name == "b") {
            spec.command = {"other"};
        }
        request.behind[spec.name] = spec;
    }
    const Result<SetupPlan> plan = SetupPlan::make(request, text);
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->taken().size(), 1U);
    EXPECT_TRUE(plan->taken()[0].there);
    ASSERT_EQ(plan->staying().size(), 1U);
    EXPECT_NE(plan->staying()[0].why.find("another name"), std::string::npos);
}

TEST(SetupPlan, a_server_of_somebody_else_may_have_our_name) {
    const Result<SetupPlan> plan = SetupPlan::make(request_for("cursor"), R"({"mcpServers": {"resonant": {"command": "chimes", "args": []}}})");
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->taken().size(), 1U);
    EXPECT_EQ(plan->block_path().back(), "resonant-swarm");
}

TEST(SetupPlan, a_section_of_another_type_is_refused_and_named) {
    for (const char* text : {R"({"mcpServers": []})", R"({"mcpServers": "x"})"}) {
        const Result<SetupPlan> plan = SetupPlan::make(request_for("cursor"), text);
        ASSERT_TRUE(plan);
        const Result<std::string> made = plan->final_text({});
        ASSERT_FALSE(made);
        EXPECT_NE(made.error().message.find("mcpServers"), std::string::npos) << made.error().message;
    }
    EXPECT_FALSE(SetupPlan::make(request_for("cursor"), "[]"));
    const Result<SetupPlan> inlined = SetupPlan::make(request_for("codex"), "mcp_servers = { a = { command = \"x\" } }\n");
    ASSERT_TRUE(inlined);
    EXPECT_FALSE(inlined->final_text({}));
}

}  // namespace
}  // namespace resonant::clients
