#include <fmt/core.h>

#include "resonant/json/schema.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

constexpr std::int64_t kTokens = 512, kTokensMax = 8'192;
constexpr std::string_view kClientModel = "client";

// The one model there is to ask so far is the client's own, by sampling.
Result<Json> list_models(Services&, call::Call& call) {
    const bool can = call.client && call.client->can("sampling");
    Json models = Json::array();
    if (can) {
        models.push_back({{"model", kClientModel}, {"by", "sampling: the client asks its own model, and its user may refuse"}});
    }
    Json answer = {{"count", models.size()}, {"models", std::move(models)}};
    if (!can) {
        answer["note"] = "none: this client did not declare the capability sampling, and no endpoint is configured";
    }
    return answer;
}

// The params of sampling/createMessage; a message of role system goes into the system prompt.
Result<Json> sampling_of(const call::Call& call) {
    Json params = {{"messages", Json::array()},
                   {"maxTokens", std::clamp<std::int64_t>(integer_of(call, "max_tokens", kTokens), 1, kTokensMax)}};
    std::string system;
    for (const Json& message : call.arguments["messages"]) {
        const std::string role = message.value("role", "user");
        const std::string content = message.value("content", "");
        if (role == "system") {
            system += (system.empty() ? "" : "\n") + content;
        } else if (role == "user" || role == "assistant") {
            params["messages"].push_back({{"role", role}, {"content", {{"type", "text"}, {"text", content}}}});
        } else {
            return fail(Code::InvalidArgument, fmt::format("model.chat: role '{}'; there are user, assistant and system",
                                                           role.substr(0, 40)));
        }
    }
    if (params["messages"].empty()) {
        return fail(Code::InvalidArgument, "model.chat: no message of role user; send one at least");
    }
    if (call.arguments.contains("json_schema")) {
        system += fmt::format("{}Answer with JSON alone, of this JSON Schema: {}", system.empty() ? "" : "\n",
                              json::dump(call.arguments["json_schema"]));
    }
    if (!system.empty()) {
        params["systemPrompt"] = system;
    }
    return params;
}

// Of one content block, or of a list of them.
std::string text_in(const Json& content) {
    std::string text;
    for (const Json& block : content.is_array() ? content : Json::array({content})) {
        text += block.is_object() && block.value("type", Json()) == "text" ? block.value("text", "") : "";
    }
    return text;
}

// Whether the words are JSON of the wanted form is told, never mended.
Status add_json(const Json& wanted, const std::string& text, Json& answer) {
    RESONANT_ASSIGN(const json::Schema schema, json::Schema::compile(wanted));
    Result<Json> value = json::parse(text);
    std::vector<std::string> errors = value ? schema.errors(*value) : std::vector<std::string>{value.error().message};
    answer["fits"] = errors.empty();
    if (errors.empty()) {
        answer["json"] = std::move(*value);
    } else {
        answer["errors"] = std::move(errors);
    }
    return {};
}

Result<Json> chat(Services&, call::Call& call) {
    const std::string model = text_of(call, "model", std::string(kClientModel));
    if (model != kClientModel) {
        return fail(Code::NotFound, fmt::format("model.chat: no model '{}'; model.list names those that can be asked",
                                                model.substr(0, 80)));
    }
    RESONANT_ASSIGN(Json params, sampling_of(call));
    if (!call.client) {
        return fail(Code::InvalidArgument, "model.chat: nobody to ask: this call comes from no client with a model of its own");
    }
    RESONANT_ASSIGN(const std::vector<Json> answers,
                    call.client->ask({{.key = "model", .method = "sampling/createMessage", .params = std::move(params)}}));
    const Json& given = answers.front();
    Json answer = {{"text", text_in(given.value("content", Json()))},
                   {"model", given.value("model", Json("unknown"))},
                   {"answered_by", "the client's own model, by sampling"},
                   {"untrusted", true}};
    if (given.contains("stopReason")) {
        answer["stop_reason"] = given["stopReason"];
    }
    if (call.arguments.contains("json_schema")) {
        RESONANT_CHECK(add_json(call.arguments["json_schema"], answer["text"].get<std::string>(), answer));
    }
    return answer;
}

}  // namespace

void add_turtle_beak(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "turtle_beak",
                   .wire_name = "gana_turtle_beak_models",
                   .mansion = "觜 Zui",
                   .quadrant = "West",
                   .summary = "Ask another model: the client's own, by sampling"});
    toolbox.add({.name = "edge.infer",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "query*:string ground_in_memory:bool",
                 .summary = "answer from compiled rules and memories, no model involved; says "
                            "when it does not know",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "model.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "models that can be asked: the configured endpoint, and the "
                            "client's own through sampling"},
                bind(services, list_models));
    toolbox.add({.name = "model.chat",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "messages*:object[]{role,content} model:string max_tokens:int "
                               "json_schema:object",
                 .summary = "ask one model, several turns",
                 .pace = Pace::Waits,
                 .external = true,
                 .free_text = true},
                bind(services, chat));
    toolbox.add({.name = "ensemble.ask",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "prompt*:string models:string[] timeout_s:number",
                 .summary = "ask several models and compare",
                 .pace = Pace::Slow,
                 .external = true,
                 .free_text = true});
}

}  // namespace resonant::tools
