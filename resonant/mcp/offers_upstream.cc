// What servers behind this one offer beside tools, as clients see it: under names of ours, asked for by calls
// that pass all stages, and marked as other people's words.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "resonant/mcp/conform.h"
#include "resonant/mcp/kernel_path.h"
#include "resonant/mcp/render.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {
namespace {

constexpr const char* kUntrusted = "resonant/untrusted";
constexpr std::size_t kValuesMax = 100;  // of one completion, as the protocol has it

// "it" and "file:///x" of "upstream://it/file:///x"; empty strings when it is none.
std::pair<std::string, std::string> split_uri(std::string_view uri) {
    if (!uri.starts_with(call::kUpstreamScheme)) {
        return {};
    }
    uri.remove_prefix(call::kUpstreamScheme.size());
    const std::size_t slash = uri.find('/');
    if (slash == std::string_view::npos || slash == 0) {
        return {};
    }
    return {std::string(uri.substr(0, slash)), std::string(uri.substr(slash + 1))};
}

std::string asking_tool(std::string_view server, std::string_view name) { return fmt::format("{}__{}", server, name); }

}  // namespace

// Their entries as they came, under our names.
void Server::add_offers(Json& entries, call::UpstreamOffer::Kind kind, const call::ClientSet* set) const {
    if (options_.upstreams == nullptr) {
        return;
    }
    const auto offers = options_.upstreams->offers();
    for (const call::UpstreamOffer& offer : *offers) {
        if (offer.kind != kind || (set != nullptr && !set->has_server(offer.server))) {
            continue;
        }
        Json entry = offer.definition;
        if (kind == call::UpstreamOffer::Kind::Prompt) {
            entry["name"] = offer.name;
        } else {
            entry[kind == call::UpstreamOffer::Kind::Template ? "uriTemplate" : "uri"] = offer.name;
        }
        KernelPath path = path_of(entry);
        entry["_meta"] = {{kUntrusted, offer.server}};
        if (!path.empty()) {
            path.insert(path.begin(), options_.kernel);
            entry["_meta"][kMetaKernels] = std::move(path);
        }
        entries.push_back(std::move(entry));
    }
}

void Server::read_upstream(Turn turn, const std::string& uri) {
    const auto [server, theirs] = split_uri(uri);
    call::Request request;
    request.tool = asking_tool(server, call::kReadUpstream);
    request.arguments = {{"uri", theirs}};
    submit(std::move(turn), std::move(request), &Server::finish_resource);
}

void Server::send_upstream_contents(const Turn& turn, std::string_view server, Json content) {
    Json result = {{"contents", Json::array()}, {"_meta", {{kUntrusted, server}}}};
    for (Json& one : content["contents"]) {
        if (!conform_contents(one)) {
            continue;  // what is no content is not passed on
        }
        one["uri"] = fmt::format("{}{}/{}", call::kUpstreamScheme, server, text_of(one, "uri"));
        result["contents"].push_back(std::move(one));
    }
    turn.succeed_cached(std::move(result), 0, "private");
}

// False when no server has it.
bool Server::get_upstream_prompt(Turn& turn, const std::string& name, const Json& arguments) {
    const auto offers = options_.upstreams == nullptr ? nullptr : options_.upstreams->offers();
    if (!offers) {
        return false;
    }
    const auto found = std::find_if(offers->begin(), offers->end(), [&](const call::UpstreamOffer& one) {
        return one.kind == call::UpstreamOffer::Kind::Prompt && one.name == name;
    });
    if (found == offers->end()) {
        return false;
    }
    call::Request request;
    request.tool = asking_tool(found->server, call::kPromptUpstream);
    request.arguments = {{"name", found->theirs}};
    if (!arguments.is_object()) {
        turn.fail(kInvalidParams, fmt::format("arguments must be an object, not {}", arguments.type_name()));
        return true;
    }
    if (!arguments.empty()) {
        request.arguments["arguments"] = arguments;
    }
    submit(std::move(turn), std::move(request), &Server::finish_prompt);
    return true;
}

void Server::finish_prompt(const Turn& turn, const call::Reply& reply) {
    if (!settle(turn) || asks_back(turn)) {
        return;
    }
    if (reply.error) {
        turn.fail(kInvalidParams, fmt::format("Prompt {} cannot be had", shown(text_of(turn.params, "name"))), body_of(reply));
        return;
    }
    Json result = {{"messages", Json::array()}, {"_meta", {{kUntrusted, call::server_of(reply.tool)}}}};
    for (const Json& message : reply.content.value("messages", Json::array())) {
        const std::string role = message.is_object() ? text_of(message, "role") : "";
        if ((role == "user" || role == "assistant") && message.contains("content")) {
            Json block = Json::array({message["content"]});
            conform_blocks(block);  // what is no block is told as text
            result["messages"].push_back({{"role", role}, {"content", std::move(block.front())}});
        }
    }
    if (const std::string description = text_of(reply.content, "description"); !description.empty()) {
        result["description"] = description;
    }
    if (turn.modern) {
        result["resultType"] = "complete";
    }
    turn.succeed(json::dump(result));
}

// False when what is to be completed is ours.
bool Server::complete_upstream(Turn& turn, const Json& ref, const Json& argument) {
    const auto offers = options_.upstreams == nullptr ? nullptr : options_.upstreams->offers();
    if (!offers) {
        return false;
    }
    const std::string name = text_of(ref, "name"), uri = text_of(ref, "uri");
    const auto found = std::find_if(offers->begin(), offers->end(), [&](const call::UpstreamOffer& one) {
        return one.name == (one.kind == call::UpstreamOffer::Kind::Prompt ? name : uri);
    });
    if (found == offers->end()) {
        return false;
    }
    call::Request request;
    request.tool = asking_tool(found->server, call::kCompleteUpstream);
    Json theirs = ref;
    theirs[found->kind == call::UpstreamOffer::Kind::Prompt ? "name" : "uri"] = found->theirs;
    request.arguments = {{"ref", std::move(theirs)}, {"argument", argument}};
    if (const auto context = turn.params.find("context"); context != turn.params.end() && context->is_object()) {
        request.arguments["context"] = *context;
    }
    submit(std::move(turn), std::move(request), &Server::finish_completion);
    return true;
}

// A server that completes nothing has no values, which is no error.
void Server::finish_completion(const Turn& turn, const call::Reply& reply) {
    if (!settle(turn)) {
        return;
    }
    if (reply.error && reply.denial) {
        turn.fail(kInvalidParams, "The completion was refused", body_of(reply));
        return;
    }
    Json values = Json::array();
    bool more = false;
    if (!reply.error && reply.content.is_object()) {
        const Json completion = reply.content.value("completion", Json::object());
        for (const Json& value : completion.is_object() ? completion.value("values", Json::array()) : Json::array()) {
            if (value.is_string() && values.size() < kValuesMax) {
                values.push_back(value);
            }
        }
        more = completion.is_object() && completion.value("hasMore", Json(false)) == Json(true);
    }
    Json result = {{"completion", {{"values", values}, {"total", values.size()}, {"hasMore", more}}}};
    if (turn.modern) {
        result["resultType"] = "complete";
    }
    turn.succeed(json::dump(result));
}

}  // namespace resonant::mcp
