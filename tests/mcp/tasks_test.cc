#include "resonant/mcp/tasks.h"

#include <gtest/gtest.h>

#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

class TasksTest : public testing::Test {
  protected:
    std::shared_ptr<Task> begin(const std::string& principal = "anna") { return tasks_.begin(principal, flag_); }

    ManualClock clock_;
    SeededRandom random_{7};
    Tasks tasks_{clock_, random_};
    std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
};

TEST_F(TasksTest, a_task_is_found_by_who_began_it_and_by_nobody_else) {
    const auto task = begin();
    EXPECT_EQ(tasks_.find(task->id(), "anna"), task);
    EXPECT_EQ(tasks_.find(task->id(), "ben"), nullptr);
    EXPECT_EQ(tasks_.find("", "anna"), nullptr);
}

TEST_F(TasksTest, it_is_kept_for_its_time_after_its_end_and_then_forgotten) {
    const auto task = begin();
    clock_.advance(kTaskLife + kTaskLife);
    EXPECT_NE(tasks_.find(task->id(), "anna"), nullptr) << "it runs";
    task->complete({{"content", Json::array()}}, false);
    clock_.advance(kTaskLife);
    EXPECT_EQ(tasks_.find(task->id(), "anna")->describe(true)["status"], "completed");
    clock_.advance(from_millis(1));
    EXPECT_EQ(tasks_.held(), 0U);
}

TEST_F(TasksTest, one_principal_cannot_take_all_room) {
    for (std::size_t i = 0; i < kTasksEachMax; ++i) {
        ASSERT_NE(begin(), nullptr);
    }
    EXPECT_EQ(begin(), nullptr);
    EXPECT_NE(begin("ben"), nullptr);
}

TEST_F(TasksTest, questions_are_open_until_each_is_answered) {
    const auto task = begin();
    std::jthread tool([task] {
        const auto answers = task->ask({{"name", "elicitation/create", {}}, {"go", "elicitation/create", {}}});
        task->complete({{"answers", answers.value()}}, false);
    });
    while (task->describe(true)["status"] != "input_required") {
        std::this_thread::yield();
    }
    EXPECT_EQ(task->describe(true)["inputRequests"].size(), 2U);
    EXPECT_FALSE(task->describe(false).contains("inputRequests"));
    task->update({{"name", {{"action", "accept"}}}, {"unknown", {{"action", "accept"}}}, {"go", "no object"}});
    EXPECT_EQ(task->describe(true)["status"], "input_required");
    EXPECT_FALSE(task->describe(true)["inputRequests"].contains("name"));
    task->update({{"go", {{"action", "decline"}}}});
    tool.join();
    EXPECT_EQ(task->describe(true)["result"]["answers"][1]["action"], "decline");
}

TEST_F(TasksTest, a_cancelled_task_ends_as_its_tool_ended) {
    const auto stopped = begin();
    stopped->cancel();
    EXPECT_TRUE(flag_->load()) << "the tool is told";
    EXPECT_EQ(stopped->describe(true)["status"], "working") << "until it has stopped";
    stopped->complete({{"isError", true}}, true);
    EXPECT_EQ(stopped->describe(true)["status"], "cancelled");
    EXPECT_FALSE(stopped->describe(true).contains("result"));
    stopped->cancel();
    EXPECT_EQ(stopped->describe(true)["status"], "cancelled");
    const auto finished = begin();
    finished->cancel();
    finished->complete({{"isError", false}}, false);
    EXPECT_EQ(finished->describe(true)["status"], "completed") << "it was done before it looked";
}

std::string modern(const std::string& id, const std::string& method, const std::string& members, bool tasks = true) {
    return R"({"jsonrpc":"2.0","id":")" + id + R"(","method":")" + method +
           R"(","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
           R"("io.modelcontextprotocol/clientCapabilities":{)" +
           (tasks ? R"("extensions":{"io.modelcontextprotocol/tasks":{}})" : "") + "}}," + members + "}}";
}

TEST(TaskMethods, a_call_that_takes_long_becomes_a_task_that_can_be_cancelled) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    const Json handle =
        wire->ask(modern("1", "tools/call", R"("name":"health_check","arguments":{"behave":"wait"})"))["result"];
    ASSERT_EQ(handle["resultType"], "task");
    const std::string id = R"("taskId":")" + handle["taskId"].get<std::string>() + "\"";
    EXPECT_EQ(wire->ask(modern("2", "tasks/get", id))["result"]["status"], "working");
    const Json done = {{"resultType", "complete"}};
    EXPECT_EQ(wire->ask(modern("3", "tasks/cancel", id))["result"], done);
    Json state;
    do {
        state = wire->ask(modern("4", "tasks/get", id))["result"];
    } while (state["status"] == "working");
    EXPECT_EQ(rig.door().cancelled, 1);
    EXPECT_EQ(state["status"], "completed") << "the rig's tool answers without an error all the same";
    const auto other = rig.http();
    EXPECT_EQ(other->ask(modern("5", "tasks/get", id))["error"]["code"], -32020) << "the header names the task, too";
}

TEST(TaskMethods, who_knows_no_tasks_gets_none_and_may_not_ask) {
    test::McpRig rig;
    const auto wire = rig.pipes();
    const Json refused = wire->ask(modern("1", "tasks/get", R"("taskId":"x")", false))["error"];
    EXPECT_EQ(refused["code"], -32021);
    EXPECT_TRUE(refused["data"]["requiredCapabilities"]["extensions"].contains("io.modelcontextprotocol/tasks"));
    for (const char* method : {"tasks/get", "tasks/cancel", "tasks/update"}) {
        EXPECT_EQ(wire->ask(modern("2", method, R"("taskId":"x")"))["error"]["code"], -32602);
    }
    for (const char* gone : {"tasks/result", "tasks/list"}) {
        EXPECT_EQ(wire->ask(modern("3", gone, R"("taskId":"x")"))["error"]["code"], -32601);
    }
}

}  // namespace
}  // namespace resonant::mcp
