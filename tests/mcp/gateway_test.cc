// Which servers there are, what of them may be called, and what is told of them: over servers of the test's own.
#include "resonant/mcp/gateway.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "resonant/tools/families.h"
#include "resonant/tools/services.h"
#include "tests/support/pipe_server.h"

namespace resonant::mcp {
namespace {

using test::PipeServer;

constexpr auto kPatience = std::chrono::seconds(30);  // a bound, never a measure
constexpr const char* kOwn = "this kernel";

std::string result_of(const Json& id, const Json& result) { return json::dump({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}}); }

Json tool(const std::string& name, const Json& more = Json::object()) {
    Json made = {{"name", name}, {"description", "does it"}, {"inputSchema", {{"type", "object"}}}};
    made.update(more);
    return made;
}
Json through(std::vector<std::string> kernels) { return {{"_meta", {{kMetaKernels, kernels}}}}; }

// What a server lists; changed by the test under the lock.
struct Listed {
    std::mutex mutex;
    Json tools = Json::array(), resources = Json::array();
    std::string kernel;  // that it says it is

    void set(const Json& now) {
        const std::lock_guard lock(mutex);
        tools = now;
    }
    void answer(PipeServer& server, const Json& message) {
        const std::string method = message.value("method", "");
        const std::lock_guard lock(mutex);
        if (method == "initialize") {
            Json result = {{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", {{"listChanged", true}}}, {"resources", Json::object()}}},
                           {"serverInfo", {{"name", "scripted"}, {"version", "1"}}}};
            if (!kernel.empty()) {
                result["_meta"][kMetaKernel] = kernel;
            }
            server.line(result_of(message["id"], result));
        } else if (method == "tools/list") {
            server.line(result_of(message["id"], {{"tools", tools}}));
        } else if (method == "resources/list") {
            server.line(result_of(message["id"], {{"resources", resources}}));
        } else if (method == "resources/templates/list") {
            server.line(result_of(message["id"], {{"resourceTemplates", Json::array()}}));
        }
    }
};

class GatewayTest : public testing::Test {
  protected:
    GatewayTest() : loop_(std::move(*net::Loop::create())) { tools::add_all(toolbox_, services_); }
    ~GatewayTest() override {
        if (runner_.joinable()) {
            std::promise<void> gone;
            loop_->post([&] {
                gateway_->close();
                gateway_.reset();
                gone.set_value();
            });
            gone.get_future().wait();
            loop_->stop();
            runner_.join();
        }
    }
    // `kept`: as an earlier kernel left it.
    void start(const Json& kept = Json()) {
        gateway_ = std::make_unique<Gateway>(Gateway::Needs{
            .loop = *loop_, .clock = clock_, .random = random_, .catalogue = toolbox_,
            .start_child = [this](const call::UpstreamSpec& spec) { return servers_.at(spec.name).start()(spec); },
            .hidden = {}, .fill_in = {}, .load = [kept]() -> Result<Json> { return kept; },
            .save = [this](const Json& now) -> Status {
                saved_ = now;
                return {};
            },
            .version = "1", .kernel = kOwn});
        std::promise<void> opened;
        loop_->post([&] {
            EXPECT_TRUE(gateway_->open());
            opened.set_value();
        });
        runner_ = std::thread([this] { loop_->run(); });
        opened.get_future().wait();
    }
    Result<Json> add(const std::string& name) {
        servers_.try_emplace(name, [this, name](PipeServer& server, const Json& message) { listed_[name].answer(server, message); });
        return gateway_->add({{"name", name}, {"command", {"x"}}, {"era", "legacy"}});
    }
    bool comes(const std::function<bool()>& look) {
        const auto until = std::chrono::steady_clock::now() + kPatience;
        while (!look() && std::chrono::steady_clock::now() < until) {
            std::this_thread::sleep_for(std::chrono::milliseconds(3));
        }
        return look();
    }
    std::string trouble(const std::string& name) { return json::dump(gateway_->list(name)->value("trouble", Json::array())); }

    SystemClock clock_;
    SeededRandom random_{1};
    tools::Services services_;
    tools::Toolbox toolbox_;
    std::unique_ptr<net::Loop> loop_;
    std::map<std::string, Listed> listed_;
    std::map<std::string, PipeServer> servers_;
    Json saved_;
    std::unique_ptr<Gateway> gateway_;
    std::thread runner_;
};

TEST_F(GatewayTest, what_clients_cannot_read_is_mended_or_left_out_and_told_once) {
    start();
    listed_["it"].set(Json::array({tool("good"), tool("odd", {{"title", nullptr}}), tool("list", {{"inputSchema", {{"type", "array"}}}}), 5}));
    ASSERT_TRUE(add("it"));
    EXPECT_EQ(gateway_->tools()->size(), 2U);
    EXPECT_FALSE(gateway_->find("it__odd")->definition.contains("title"));
    const std::string first = trouble("it");
    EXPECT_NE(first.find("odd: title was null"), std::string::npos) << first;
    EXPECT_NE(first.find("list is left out"), std::string::npos) << first;
    listed_["more"].set(Json::array({tool("good")}));
    ASSERT_TRUE(add("more"));  // every publication would tell it again
    EXPECT_EQ(trouble("it"), first);
}

TEST_F(GatewayTest, what_was_approved_before_its_form_was_mended_stays_approved) {
    const Json odd = tool("odd", {{"title", nullptr}, {"annotations", {{"readOnlyHint", "yes"}}}});
    listed_["it"].set(Json::array({odd}));
    servers_.try_emplace("it", [this](PipeServer& server, const Json& message) { listed_["it"].answer(server, message); });
    start({{"version", 1}, {"servers", {{"it", {{"spec", {{"name", "it"}, {"command", {"x"}}, {"era", "legacy"}}}, {"pins", {{"odd", odd}}}}}}}});
    ASSERT_NE(gateway_->find("it__odd"), nullptr) << "it is offered before its server was heard";
    EXPECT_TRUE(gateway_->find("it__odd")->quarantine.empty());
    ASSERT_TRUE(comes([&] { return gateway_->list("it")->value("state", "") == "ready"; }));
    EXPECT_TRUE(gateway_->find("it__odd")->quarantine.empty());
}

TEST_F(GatewayTest, a_changed_definition_waits_in_quarantine_and_meta_alone_changes_none) {
    start();
    listed_["it"].set(Json::array({tool("act")}));
    ASSERT_TRUE(add("it"));
    const auto version = gateway_->version();
    listed_["it"].set(Json::array({tool("act", {{"_meta", {{"shown", 5}}}})}));
    servers_.at("it").note("notifications/tools/list_changed");
    ASSERT_TRUE(comes([&] { return gateway_->version() != version; }));
    EXPECT_TRUE(gateway_->find("it__act")->quarantine.empty());
    listed_["it"].set(Json::array({tool("act", {{"description", "something else"}})}));
    servers_.at("it").note("notifications/tools/list_changed");
    ASSERT_TRUE(comes([&] { return !gateway_->find("it__act")->quarantine.empty(); }));
    ASSERT_TRUE(gateway_->approve("it", "act", ""));
    EXPECT_TRUE(gateway_->find("it__act")->quarantine.empty());
}

TEST_F(GatewayTest, what_is_our_own_and_what_came_too_far_is_left_out_and_the_rest_names_its_way) {
    start();
    listed_["it"].kernel = "next";
    listed_["it"].set(Json::array({tool("its"), tool("back", through({"next", kOwn})), tool("far", through({"next", "1", "2", "3", "4", "5", "6", "7", "8"})),
                       tool("behind", through({"next", "third"}))}));
    ASSERT_TRUE(add("it"));
    EXPECT_EQ(gateway_->tools()->size(), 2U);
    EXPECT_EQ(path_of(gateway_->find("it__its")->definition), (KernelPath{"next"}));
    EXPECT_EQ(path_of(gateway_->find("it__behind")->definition), (KernelPath{"next", "third"}));
    const std::string told = trouble("it");
    EXPECT_NE(told.find("1 of its tools are this very kernel's own"), std::string::npos) << told;
    EXPECT_NE(told.find("more than 8 kernels"), std::string::npos) << told;
}

TEST_F(GatewayTest, a_server_that_is_or_leads_back_to_this_kernel_is_not_added) {
    start();
    listed_["self"].kernel = kOwn;
    const auto self = add("self");
    ASSERT_FALSE(self.has_value());
    EXPECT_NE(self.error().message.find("this very kernel"), std::string::npos) << self.error().message;
    listed_["proxy"].set(Json::array({tool("ours", through({kOwn})), tool("other")}));
    const auto proxy = add("proxy");
    ASSERT_FALSE(proxy.has_value());
    EXPECT_NE(proxy.error().message.find("leads back"), std::string::npos) << proxy.error().message;
    EXPECT_TRUE(gateway_->tools()->empty());
    ASSERT_TRUE(comes([&] { return gateway_->list("")->at("count") == 0; }));
}

TEST_F(GatewayTest, one_that_turns_out_to_lead_back_offers_nothing_though_it_was_approved) {
    start();
    listed_["it"].set(Json::array({tool("act")}));
    ASSERT_TRUE(add("it"));
    listed_["it"].set(Json::array({tool("act"), tool("ours", through({kOwn}))}));
    servers_.at("it").note("notifications/tools/list_changed");
    ASSERT_TRUE(comes([&] { return gateway_->list("it")->value("state", "") == "refused"; }));
    EXPECT_TRUE(gateway_->tools()->empty());
    EXPECT_NE(trouble("it").find("leads back to this very kernel"), std::string::npos);
    EXPECT_EQ(servers_.at("it").starts, 1) << "it is not tried again";
}

TEST_F(GatewayTest, a_server_that_is_taken_out_while_it_talks_leaves_the_others_alone) {
    start();
    for (const char* name : {"it", "other"}) {
        listed_[name].set(Json::array({tool("act")}));
        ASSERT_TRUE(add(name));
    }
    for (int i = 0; i < 50; ++i) {
        servers_.at("it").note("notifications/tools/list_changed");
    }
    ASSERT_TRUE(gateway_->remove("it"));
    ASSERT_TRUE(comes([&] { return gateway_->list("")->at("count") == 1; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // its link ends in the meantime
    EXPECT_EQ(gateway_->list("other")->at("state"), "ready");
}

TEST_F(GatewayTest, equal_names_of_several_servers_stay_apart_and_clashes_are_told) {
    start();
    listed_["a"].set(Json::array({tool("act"), tool("x y"), tool("x.y")}));
    listed_["b"].set(Json::array({tool("act"), tool("act")}));
    ASSERT_TRUE(add("a"));
    ASSERT_TRUE(add("b"));
    std::set<std::string> names;
    for (const auto& one : *gateway_->tools()) {
        EXPECT_TRUE(names.insert(one->contract.name).second) << one->contract.name;
    }
    EXPECT_EQ(names.size(), 4U);
    EXPECT_NE(trouble("b").find("act has the same name"), std::string::npos) << trouble("b");
    EXPECT_FALSE(add("A").has_value()) << "it differs in case alone";
}

}  // namespace
}  // namespace resonant::mcp
