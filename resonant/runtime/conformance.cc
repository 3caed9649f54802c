#include "resonant/runtime/conformance.h"

#include <fmt/core.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "resonant/dispatch/asked_client.h"
#include "resonant/mcp/tool_client.h"

namespace resonant::runtime {
namespace {

using call::Call;
using call::LogLevel;
using call::Pace;
using call::Question;
using mcp::TaskNeed;
using mcp::Change;
using mcp::Prompt;
using mcp::Resource;
using mcp::user_message;

constexpr const char* kPng =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
constexpr const char* kWav = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";
constexpr auto kBetween = std::chrono::milliseconds(50);

Json text_block(const std::string& text) { return {{"type", "text"}, {"text", text}}; }

// A tool whose answer is content blocks.
Result<Json> blocks(Call& call, Json given) {
    call.blocks = std::move(given);
    return Json::object();
}

Result<Json> text(Call& call, const std::string& words) { return blocks(call, Json::array({text_block(words)})); }

Json form(Json properties, Json required) {
    return {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

Question elicit(const std::string& key, const std::string& message, Json schema) {
    return {key, "elicitation/create", {{"message", message}, {"requestedSchema", std::move(schema)}}};
}

Question elicit_name(const std::string& message) {
    return elicit("user_name", message, form({{"name", {{"type", "string"}}}}, Json::array({"name"})));
}

Question sample(const std::string& key, const std::string& prompt, int tokens) {
    return {key, "sampling/createMessage",
            {{"messages", Json::array({{{"role", "user"}, {"content", text_block(prompt)}}})}, {"maxTokens", tokens}}};
}

Question roots() { return {"client_roots", "roots/list", Json::object()}; }

std::string content_of(const Json& answer, const char* name) {
    const auto content = answer.find("content");
    return content != answer.end() && content->is_object() && content->contains(name) && (*content)[name].is_string()
               ? (*content)[name].get<std::string>()
               : std::string("nobody");
}

// A tool that asks everything at once and shows the answers.
tools::Handler asking(std::vector<Question> questions, std::string_view words) {
    return [questions = std::move(questions), words = std::string(words)](Call& call) -> Result<Json> {
        RESONANT_ASSIGN(const std::vector<Json> answers, call.client->ask(questions));
        std::string shown = words;
        for (const Json& answer : answers) {
            shown += " " + json::dump(answer);
        }
        return text(call, shown);
    };
}

struct Fixture {
    const char* name;
    tools::Handler handler;
    Pace pace = Pace::Fast;
    const char* parameters = "";
};

void add(tools::Toolbox& toolbox, Fixture fixture) {
    toolbox.add({.name = fixture.name,
                 .access = call::Access::Read,
                 .core = false,
                 .parameters = fixture.parameters,
                 .summary = "a fixture of the conformance suite",
                 .pace = fixture.pace,
                 .free_text = true,
                 .calls_per_minute = 10'000},
                std::move(fixture.handler));
    toolbox.last().alone = true;
}

void add_content(tools::Toolbox& toolbox) {
    const Json png = {{"type", "image"}, {"data", kPng}, {"mimeType", "image/png"}};
    add(toolbox, {"test_simple_text", [](Call& call) { return text(call, "This is a simple text response for testing."); }});
    add(toolbox, {"test_image_content", [png](Call& call) { return blocks(call, Json::array({png})); }});
    add(toolbox, {"test_audio_content", [](Call& call) {
                      return blocks(call, Json::array({{{"type", "audio"}, {"data", kWav}, {"mimeType", "audio/wav"}}}));
                  }});
    add(toolbox, {"test_embedded_resource", [](Call& call) {
                      return blocks(call, Json::array({{{"type", "resource"},
                                                        {"resource", {{"uri", "test://embedded-resource"},
                                                                      {"mimeType", "text/plain"},
                                                                      {"text", "This is an embedded resource content."}}}}}));
                  }});
    add(toolbox, {"test_multiple_content_types", [png](Call& call) {
                      return blocks(call, Json::array({text_block("Multiple content types test:"), png,
                                                       {{"type", "resource"},
                                                        {"resource", {{"uri", "test://mixed-content-resource"},
                                                                      {"mimeType", "application/json"},
                                                                      {"text", R"({"test":"data","value":123})"}}}}}));
                  }});
    add(toolbox, {"test_error_handling", [](Call& call) -> Result<Json> {
                      call.blocks = Json::array({text_block("This tool intentionally returns an error for testing")});
                      return fail(Code::InvalidArgument, "This tool intentionally returns an error for testing");
                  }});
}

void add_telling(tools::Toolbox& toolbox) {
    add(toolbox, {"test_tool_with_logging", [](Call& call) {
                      for (const char* words : {"Tool execution started", "Tool processing data", "Tool execution completed"}) {
                          call.client->log(LogLevel::Info, "conformance", words);
                          std::this_thread::sleep_for(kBetween);
                      }
                      return text(call, "Tool with logging executed successfully");
                  }, Pace::Waits});
    add(toolbox, {"test_logging_tool", [](Call& call) {
                      call.client->log(LogLevel::Info, "conformance", "a message for who asked for it");
                      return text(call, "logged");
                  }});
    add(toolbox, {"test_tool_with_progress", [](Call& call) {
                      for (const int done : {0, 50, 100}) {
                          if (call.progress) {
                              call.progress(done, 100, "");
                          }
                          std::this_thread::sleep_for(kBetween);
                      }
                      return text(call, "Tool with progress executed successfully");
                  }, Pace::Waits});
    add(toolbox, {"test_reconnection", [](Call& call) {
                      call.client->release(from_millis(500));
                      std::this_thread::sleep_for(2 * kBetween);
                      return text(call, "Reconnection test completed successfully");
                  }, Pace::Waits});
}

void add_asking(tools::Toolbox& toolbox) {
    add(toolbox, {"test_sampling", [](Call& call) -> Result<Json> {
                      RESONANT_ASSIGN(const auto answers,
                                      call.client->ask({sample("answer", call.arguments.at("prompt"), 100)}));
                      const Json content = answers[0].value("content", Json::object());
                      return text(call, "LLM response: " + content.value("text", std::string("none")));
                  }, Pace::Waits, "prompt*:string"});
    add(toolbox, {"test_elicitation", [](Call& call) -> Result<Json> {
                      const Json schema =
                          form({{"username", {{"type", "string"}, {"description", "User's response"}}},
                                {"email", {{"type", "string"}, {"description", "User's email address"}}}},
                               Json::array({"username", "email"}));
                      RESONANT_ASSIGN(const auto answers,
                                      call.client->ask({elicit("answer", call.arguments.at("message"), schema)}));
                      return text(call, "User response: " + json::dump(answers[0]));
                  }, Pace::Waits, "message*:string"});
    const Json defaults = form(
        {{"name", {{"type", "string"}, {"description", "User name"}, {"default", "John Doe"}}},
         {"age", {{"type", "integer"}, {"description", "User age"}, {"default", 30}}},
         {"score", {{"type", "number"}, {"description", "User score"}, {"default", 95.5}}},
         {"status", {{"type", "string"}, {"enum", {"active", "inactive", "pending"}}, {"default", "active"}}},
         {"verified", {{"type", "boolean"}, {"default", true}}}},
        Json::array());
    const auto titled = [](const char* a, const char* b, const char* c) {
        return Json::array({{{"const", "value1"}, {"title", a}}, {{"const", "value2"}, {"title", b}}, {{"const", "value3"}, {"title", c}}});
    };
    const Json options = {"option1", "option2", "option3"};
    const Json enums = form(
        {{"untitledSingle", {{"type", "string"}, {"enum", options}}},
         {"titledSingle", {{"type", "string"}, {"oneOf", titled("First Option", "Second Option", "Third Option")}}},
         {"legacyEnum", {{"type", "string"}, {"enum", {"opt1", "opt2", "opt3"}}, {"enumNames", {"Option One", "Option Two", "Option Three"}}}},
         {"untitledMulti", {{"type", "array"}, {"items", {{"type", "string"}, {"enum", options}}}}},
         {"titledMulti", {{"type", "array"}, {"items", {{"anyOf", titled("First Choice", "Second Choice", "Third Choice")}}}}}},
        Json::array());
    for (const auto& [name, schema] : {std::pair("test_elicitation_sep1034_defaults", defaults),
                                       std::pair("test_elicitation_sep1330_enums", enums)}) {
        add(toolbox, {name, [asked = schema](Call& call) -> Result<Json> {
                          RESONANT_ASSIGN(const auto answers, call.client->ask({elicit("answer", "Please fill this in", asked)}));
                          return text(call, fmt::format("Elicitation completed: action={}, content={}",
                                                        answers[0].value("action", ""),
                                                        json::dump(answers[0].value("content", Json::object()))));
                      }, Pace::Waits});
    }
}

// Fast: in the modern era a question is an answer.
void add_input_required(tools::Toolbox& toolbox) {
    const auto confirm = elicit("confirm", "Please confirm", form({{"ok", {{"type", "boolean"}}}}, Json::array({"ok"})));
    add(toolbox, {"test_input_required_result_elicitation", [](Call& call) -> Result<Json> {
                      RESONANT_ASSIGN(const auto answers, call.client->ask({elicit_name("What is your name?")}));
                      return text(call, fmt::format("Hello, {}!", content_of(answers[0], "name")));
                  }});
    add(toolbox, {"test_input_required_result_sampling", asking({sample("capital_question", "What is the capital of France?", 100)}, "The model said")});
    add(toolbox, {"test_input_required_result_list_roots", asking({roots()}, "The roots are")});
    add(toolbox, {"test_input_required_result_request_state", asking({confirm}, "state-ok")});
    add(toolbox, {"test_input_required_result_tampered_state", asking({confirm}, "state-ok")});
    add(toolbox, {"test_input_required_result_multiple_inputs",
                  asking({elicit_name("What is your name?"), sample("greeting", "Generate a greeting", 50), roots()}, "All of it:")});
    add(toolbox, {"test_input_required_result_multi_round", [](Call& call) -> Result<Json> {
                      const Question name = elicit("step1", "Step 1: What is your name?", form({{"name", {{"type", "string"}}}}, Json::array({"name"})));
                      const Question color = elicit("step2", "Step 2: What is your favorite color?", form({{"color", {{"type", "string"}}}}, Json::array({"color"})));
                      RESONANT_ASSIGN(const auto first, call.client->ask({name}));
                      RESONANT_ASSIGN(const auto second, call.client->ask({color}));
                      return text(call, fmt::format("{} likes {}", content_of(first[0], "name"), content_of(second[0], "color")));
                  }});
    add(toolbox, {"test_input_required_result_capabilities", [](Call& call) -> Result<Json> {
                      std::vector<Question> questions;
                      if (call.client->can("elicitation")) {
                          questions.push_back(elicit_name("What is your name?"));
                      }
                      if (call.client->can("sampling")) {
                          questions.push_back(sample("greeting", "Generate a greeting", 50));
                      }
                      RESONANT_ASSIGN(const auto answers, call.client->ask(questions));
                      return text(call, fmt::format("{} answers", answers.size()));
                  }});
    add(toolbox, {"test_streaming_elicitation", asking({elicit_name("What is your name?")}, "Hello")});
    add(toolbox, {"test_missing_capability", asking({sample("answer", "Say something", 10)}, "The model said")});
}

// Works for so many seconds, or until it is cancelled.
Status work_for(const Call& call, double seconds) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    while (std::chrono::steady_clock::now() < until) {
        if (call.is_cancelled()) {
            return resonant::fail(Code::Unavailable, "it was cancelled");
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return {};
}

bool become_task(Call& call, TaskNeed need) {
    const auto* asked = dynamic_cast<const dispatch::AskedClient*>(call.client.get());
    auto* client = dynamic_cast<mcp::ToolClient*>(asked != nullptr ? asked->inner() : call.client.get());
    return client != nullptr && client->become_task(need);
}

void add_tasks(tools::Toolbox& toolbox) {
    add(toolbox, {"greet", [](Call& call) { return text(call, fmt::format("Hello, {}!", call.arguments.value("name", "you"))); },
                  Pace::Fast, "name*:string"});
    add(toolbox, {"slow_compute", [](Call& call) -> Result<Json> {
                      const double seconds = call.arguments.value("seconds", 0.0);
                      if (seconds > 0) {
                          become_task(call, TaskNeed::Can);
                      }
                      RESONANT_CHECK(work_for(call, seconds));
                      return text(call, fmt::format("computed for {} s", seconds));
                  }, Pace::Waits, "seconds:number label:string"});
    add(toolbox, {"failing_job", [](Call& call) -> Result<Json> {
                      if (!become_task(call, TaskNeed::Must)) {
                          return resonant::fail(Code::Unavailable, "this job is a task only");
                      }
                      RESONANT_CHECK(work_for(call, 1));
                      return resonant::fail(Code::InvalidArgument, "this job always fails");
                  }, Pace::Waits});
    add(toolbox, {"protocol_error_job", [](Call& call) -> Result<Json> {
                      become_task(call, TaskNeed::Can);
                      throw std::runtime_error("this job always breaks");
                  }, Pace::Waits});
    add(toolbox, {"confirm_delete", [](Call& call) -> Result<Json> {
                      become_task(call, TaskNeed::Can);
                      RESONANT_ASSIGN(const auto answers, call.client->ask({elicit("confirm", "Delete it?",
                          form({{"confirm", {{"type", "boolean"}}}}, Json::array({"confirm"})))}));
                      return text(call, "deleted: " + json::dump(answers[0]));
                  }, Pace::Waits, "filename:string"});
    add(toolbox, {"multi_input", [](Call& call) -> Result<Json> {
                      become_task(call, TaskNeed::Can);
                      RESONANT_ASSIGN(const auto answers, call.client->ask({elicit_name("What is your name?"),
                          elicit("confirm", "Go on?", form({{"confirm", {{"type", "boolean"}}}}, Json::array({"confirm"})))}));
                      return text(call, fmt::format("{} answers", answers.size()));
                  }, Pace::Waits});
    add(toolbox, {"test_tool_with_task", [](Call& call) -> Result<Json> {
                      RESONANT_ASSIGN(const auto answers, call.client->ask({elicit_name("What is your name?")}));
                      if (!become_task(call, TaskNeed::Must)) {
                          return resonant::fail(Code::Unavailable, "this job is a task only");
                      }
                      return text(call, fmt::format("Hello, {}!", content_of(answers[0], "name")));
                  }, Pace::Waits});
}

void add_schemas(tools::Toolbox& toolbox) {
    add(toolbox, {"json_schema_2020_12_tool", [](Call& call) { return text(call, json::dump(call.arguments)); }});
    toolbox.last().input_schema = {{"type", "object"}};
    toolbox.last().shown_schema = Json::parse(R"({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "$defs": {"address": {"$anchor": "addressDef", "type": "object",
                              "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
        "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"},
                       "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                       "phone": {"type": "string"}, "email": {"type": "string"}},
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]}, "else": {"required": ["email"]}, "additionalProperties": false})");
    add(toolbox, {"test_custom_headers", [](Call& call) { return text(call, json::dump(call.arguments)); }});
    toolbox.last().input_schema = {{"type", "object"}};
    toolbox.last().shown_schema = Json::parse(R"({
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"},
                       "priority": {"type": "integer", "x-mcp-header": "Priority"},
                       "query": {"type": "string"}},
        "required": ["region"]})");
}

}  // namespace

void add_fixture_tools(tools::Toolbox& toolbox, std::function<void(Change)> changed) {
    add_content(toolbox);
    add_telling(toolbox);
    add_asking(toolbox);
    add_input_required(toolbox);
    add_tasks(toolbox);
    add_schemas(toolbox);
    for (const auto& [name, change] : {std::pair("test_trigger_tool_change", Change::Tools),
                                       std::pair("test_trigger_prompt_change", Change::Prompts)}) {
        add(toolbox, {name, [changed, what = change](Call& call) {
                          changed(what);
                          return text(call, "changed");
                      }});
    }
}

std::vector<Prompt> fixture_prompts() {
    const auto fixed = [](Json messages) {
        return [messages = std::move(messages)](const Json&, call::Client&) -> Result<Json> { return messages; };
    };
    std::vector<Prompt> prompts;
    prompts.push_back({"test_simple_prompt", "Simple", "a fixture of the conformance suite", {},
                       fixed(Json::array({user_message("This is a simple prompt for testing.")})), {}});
    prompts.push_back({"test_prompt_with_arguments", "Arguments", "a fixture of the conformance suite",
                       {{"arg1", "First test argument", true}, {"arg2", "Second test argument", true}},
                       [](const Json& given, call::Client&) -> Result<Json> {
                           return Json::array({user_message(fmt::format("Prompt with arguments: arg1='{}', arg2='{}'",
                                                                        given.value("arg1", ""), given.value("arg2", "")))});
                       },
                       [](const std::string&, const std::string& begun) {
                           std::vector<std::string> values;
                           for (const char* value : {"paris", "park", "party"}) {
                               if (std::string_view(value).starts_with(begun)) {
                                   values.emplace_back(value);
                               }
                           }
                           return values;
                       }});
    prompts.push_back({"test_prompt_with_embedded_resource", "Embedded resource", "a fixture of the conformance suite",
                       {{"resourceUri", "URI of the resource to embed", true}},
                       [](const Json& given, call::Client&) -> Result<Json> {
                           const Json resource = {{"uri", given.value("resourceUri", "")},
                                                  {"mimeType", "text/plain"},
                                                  {"text", "Embedded resource content for testing."}};
                           return Json::array({{{"role", "user"}, {"content", {{"type", "resource"}, {"resource", resource}}}},
                                               user_message("Please process the embedded resource above.")});
                       }, {}});
    prompts.push_back({"test_prompt_with_image", "Image", "a fixture of the conformance suite", {},
                       fixed(Json::array({{{"role", "user"},
                                           {"content", {{"type", "image"}, {"data", kPng}, {"mimeType", "image/png"}}}},
                                          user_message("Please analyze the image above.")})), {}});
    prompts.push_back({"test_input_required_result_prompt", "Asks", "a fixture of the conformance suite", {},
                       [](const Json&, call::Client& client) -> Result<Json> {
                           RESONANT_ASSIGN(const auto answers,
                                           client.ask({elicit("user_context", "What context should the prompt use?",
                                                              form({{"context", {{"type", "string"}}}}, Json::array({"context"})))}));
                           return Json::array({user_message("Use this context: " + content_of(answers[0], "context"))});
                       }, {}});
    return prompts;
}

std::vector<Resource> fixture_resources() {
    const auto made = [](const char* uri, const char* name, const char* mime, auto content) {
        Resource resource;
        resource.uri = uri;
        resource.name = name;
        resource.title = name;
        resource.description = "a fixture of the conformance suite";
        resource.mime = mime;
        resource.content = content;
        return resource;
    };
    const auto plain = [](const char* words) {
        return [words](const std::string& uri, const std::string&) -> Json {
            return {{"uri", uri}, {"mimeType", "text/plain"}, {"text", words}};
        };
    };
    return {
        made("test://static-text", "static_text", "text/plain", plain("This is the content of the static text resource.")),
        made("test://static-binary", "static_binary", "image/png", [](const std::string& uri, const std::string&) -> Json {
            return {{"uri", uri}, {"mimeType", "image/png"}, {"blob", kPng}};
        }),
        made("test://watched-resource", "watched", "text/plain", plain("Somebody may watch this.")),
        made("test://template/{id}/data", "template", "application/json", [](const std::string& uri, const std::string& id) -> Json {
            return {{"uri", uri},
                    {"mimeType", "application/json"},
                    {"text", json::dump({{"id", id}, {"templateTest", true}, {"data", "Data for ID: " + id}})}};
        }),
    };
}

}  // namespace resonant::runtime
