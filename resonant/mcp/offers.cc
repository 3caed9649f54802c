// What a server offers beside tools: resources, prompts, completion, logging.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "resonant/mcp/kernel_path.h"
#include "resonant/mcp/render.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kValuesMax = 100;  // of one completion, as the protocol has it

// The resource of a URI and its variable; null when there is none.
std::pair<const Resource*, std::string> find(const std::vector<Resource>& resources, const std::string& uri) {
    for (const Resource& resource : resources) {
        if (auto variable = match(resource, uri)) {
            return {&resource, std::move(*variable)};
        }
    }
    return {nullptr, {}};
}

const dispatch::PromptTemplate* find(const std::vector<dispatch::PromptTemplate>& templates, const std::string& name) {
    const auto found = std::find_if(templates.begin(), templates.end(), [&](const auto& one) { return one.name == name; });
    return found == templates.end() ? nullptr : &*found;
}

}  // namespace

// The first of our own entries says whose it is, so that a kernel knows itself behind a gateway that hides the handshake.
void Server::mark_first(Json& entries) const {
    if (!entries.empty()) {
        came_through(entries.front(), options_.kernel);
    }
}

void Server::list_resources(const Turn& turn, bool templates) {
    const call::ClientSet* set = set_of(turn);
    Json entries = Json::array();
    for (const Resource& resource : options_.resources) {
        if (resource.is_template() == templates && (set == nullptr || resource.tool.empty() || set->has_tool(resource.tool))) {
            entries.push_back(describe(resource));
        }
    }
    mark_first(entries);
    add_offers(entries, templates ? call::UpstreamOffer::Kind::Template : call::UpstreamOffer::Kind::Resource, set);
    list_entries(turn, templates ? "resourceTemplates" : "resources", entries);
}

void Server::list_prompts(const Turn& turn) {
    const call::ClientSet* set = set_of(turn);
    Json entries = Json::array();
    for (const Prompt& prompt : options_.prompts) {
        entries.push_back(describe(prompt));
    }
    const auto templates = options_.prompt_book == nullptr ? nullptr : options_.prompt_book->templates();
    for (std::size_t i = 0; templates && i < templates->size() && (set == nullptr || set->has_tool("prompt.render")); ++i) {
        entries.push_back(describe((*templates)[i]));
    }
    mark_first(entries);
    add_offers(entries, call::UpstreamOffer::Kind::Prompt, set);
    list_entries(turn, "prompts", entries);
}

void Server::read_resource(Turn turn) {
    const std::string uri = text_of(turn.params, "uri");
    if (uri.empty()) {
        turn.fail(kInvalidParams, "resources/read needs uri, a string");
        return;
    }
    if (options_.upstreams != nullptr && uri.starts_with(call::kUpstreamScheme)) {
        read_upstream(std::move(turn), uri);
        return;
    }
    const auto [resource, variable] = find(options_.resources, uri);
    if (resource == nullptr) {
        turn.fail(turn.modern ? kInvalidParams : kResourceNotFound,
                  "Resource not found; resources/list and resources/templates/list name what there is",
                  {{"uri", shown(uri)}});
        return;
    }
    if (resource->tool.empty()) {
        send_contents(turn, resource->content(uri, variable));
        return;
    }
    call::Request request;
    request.tool = resource->tool;
    request.arguments = arguments_for(*resource, variable);
    submit(std::move(turn), std::move(request), &Server::finish_resource);
}

void Server::finish_resource(const Turn& turn, const call::Reply& reply) {
    if (!settle(turn) || asks_back(turn)) {
        return;
    }
    const std::string uri = text_of(turn.params, "uri");
    if (reply.error) {
        Json data = body_of(reply);
        data["uri"] = uri;
        turn.fail(turn.modern ? kInvalidParams : kResourceNotFound, fmt::format("Resource {} cannot be read", uri), data);
        return;
    }
    if (const std::string_view server = call::server_of(reply.tool); !server.empty()) {
        send_upstream_contents(turn, server, reply.content);
        return;
    }
    send_contents(turn, {{"uri", uri}, {"mimeType", "application/json"}, {"text", json::dump(reply.content)}});
}

void Server::send_contents(const Turn& turn, Json content) {
    turn.succeed_cached({{"contents", Json::array({std::move(content)})}}, 0, "private");
}

void Server::get_prompt(Turn turn) {
    const std::string name = text_of(turn.params, "name");
    const auto prompt = std::find_if(options_.prompts.begin(), options_.prompts.end(),
                                     [&](const Prompt& one) { return one.name == name; });
    const Json arguments = turn.params.value("arguments", Json::object());
    if (prompt == options_.prompts.end()) {
        if (!get_template(turn, name, arguments) && !get_upstream_prompt(turn, name, arguments)) {
            turn.fail(kInvalidParams, fmt::format("Unknown prompt: {}; prompts/list names what there is", shown(name)));
        }
        return;
    }
    if (const std::string fault = fault_of(name, prompt->arguments, arguments); !fault.empty()) {
        turn.fail(kInvalidParams, fault);
        return;
    }
    turn.cancelled = std::make_shared<std::atomic<bool>>(false);
    if (!prepare_client(turn)) {
        return;
    }
    Result<Json> messages = prompt->messages(arguments, *turn.client);
    if (asks_back(turn)) {
        return;
    }
    if (!messages) {
        turn.fail(kInternalError, messages.error().message);
        return;
    }
    Json result = {{"description", prompt->description}, {"messages", std::move(*messages)}};
    if (turn.modern) {
        result["resultType"] = "complete";
    }
    turn.succeed(json::dump(result));
}

// False when there is no such template.
bool Server::get_template(Turn& turn, const std::string& name, const Json& arguments) {
    const auto templates = options_.prompt_book == nullptr ? nullptr : options_.prompt_book->templates();
    const dispatch::PromptTemplate* found = templates ? find(*templates, name) : nullptr;
    if (found == nullptr) {
        return false;
    }
    if (const std::string fault = fault_of(name, found->arguments, arguments); !fault.empty()) {
        turn.fail(kInvalidParams, fault);
        return true;
    }
    call::Request request;
    request.tool = "prompt.render";
    request.arguments = {{"name", name}, {"variables", arguments}};
    submit(std::move(turn), std::move(request), &Server::finish_template);
    return true;
}

// It was allowed. Filled in once more, for a long answer comes in pieces.
void Server::finish_template(const Turn& turn, const call::Reply& reply) {
    if (!settle(turn) || asks_back(turn)) {
        return;
    }
    const std::string name = text_of(turn.params, "name");
    const auto templates = options_.prompt_book->templates();
    const dispatch::PromptTemplate* found = find(*templates, name);
    if (reply.error || found == nullptr) {
        turn.fail(kInvalidParams, fmt::format("Prompt {} cannot be had", shown(name)), body_of(reply));
        return;
    }
    const Result<std::string> text = dispatch::render(*found, turn.params.value("arguments", Json::object()));
    if (!text) {
        turn.fail(kInvalidParams, text.error().message);
        return;
    }
    Json result = {{"messages", Json::array({user_message(*text)})}};
    if (!found->description.empty()) {
        result["description"] = found->description;
    }
    if (turn.modern) {
        result["resultType"] = "complete";
    }
    turn.succeed(json::dump(result));
}

// Values for an argument of a prompt of ours. False when there is no such prompt.
bool Server::complete_own(const std::string& name, const std::string& argument, const std::string& begun,
                          std::vector<std::string>& values) const {
    const auto prompt = std::find_if(options_.prompts.begin(), options_.prompts.end(),
                                     [&](const Prompt& one) { return one.name == name; });
    const auto templates = options_.prompt_book == nullptr ? nullptr : options_.prompt_book->templates();
    const dispatch::PromptTemplate* found = templates ? find(*templates, name) : nullptr;
    if (prompt != options_.prompts.end() && prompt->complete) {
        values = prompt->complete(argument, begun);
        return true;
    }
    if (found != nullptr) {
        for (const dispatch::PromptArgument& one : found->arguments) {
            if (one.name == argument) {
                std::copy_if(one.values.begin(), one.values.end(), std::back_inserter(values),
                             [&](const std::string& value) { return value.starts_with(begun); });
            }
        }
    }
    if (values.empty() && argument == "tool") {
        values = tools_beginning(begun);
    }
    return found != nullptr || prompt != options_.prompts.end();
}

void Server::complete(Turn turn) {
    const auto ref = turn.params.find("ref");
    const auto argument = turn.params.find("argument");
    if (ref == turn.params.end() || !ref->is_object() || argument == turn.params.end() || !argument->is_object()) {
        turn.fail(kInvalidParams, "completion/complete needs ref and argument, both objects");
        return;
    }
    for (const char* member : {"name", "value"}) {
        if (const auto found = argument->find(member); found == argument->end() || !found->is_string()) {
            turn.fail(kInvalidParams, fmt::format("completion/complete needs argument.{}, a string", member));
            return;
        }
    }
    const std::string begun = text_of(*argument, "value");
    std::vector<std::string> values;
    const std::string type = text_of(*ref, "type");
    if (type != "ref/prompt" && type != "ref/resource") {
        turn.fail(kInvalidParams, "ref.type is \"ref/prompt\" or \"ref/resource\"");
        return;
    }
    if (const char* named = type == "ref/prompt" ? "name" : "uri"; text_of(*ref, named).empty()) {
        turn.fail(kInvalidParams, fmt::format("completion/complete needs ref.{}, a string", named));
        return;
    }
    if (complete_upstream(turn, *ref, *argument)) {
        return;
    }
    if (type == "ref/prompt") {
        if (!complete_own(text_of(*ref, "name"), text_of(*argument, "name"), begun, values)) {
            turn.fail(kInvalidParams, fmt::format("Unknown prompt: {}", shown(text_of(*ref, "name"))));
            return;
        }
    } else if (text_of(*ref, "uri").starts_with("tool://")) {
        values = tools_beginning(begun);
    }
    const std::size_t total = values.size();
    values.resize(std::min(total, kValuesMax));
    Json result = {{"completion", {{"values", values}, {"total", total}, {"hasMore", total > kValuesMax}}}};
    if (turn.modern) {
        result["resultType"] = "complete";
    }
    turn.succeed(json::dump(result));
}

std::vector<std::string> Server::tools_beginning(const std::string& begun) const {
    std::vector<std::string> names;
    for (const tools::Tool& tool : catalogue_.tools()) {
        if (tool.contract.name.starts_with(begun)) {
            names.push_back(tool.contract.name);
        }
    }
    return names;
}

void Server::set_level(const Turn& turn) {
    const auto level = log_level_of(text_of(turn.params, "level"));
    if (!level) {
        turn.fail(kInvalidParams, fmt::format("level must be one of {}", fmt::join(call::kLogLevels, ", ")));
        return;
    }
    turn.conversation->log_level.store(*level, std::memory_order_relaxed);
    remember(*turn.conversation);
    turn.succeed("{}");
}

}  // namespace resonant::mcp
