#include <fmt/core.h>

#include "resonant/call/upstreams.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/families.h"

namespace resonant::tools {
namespace {

Result<call::Upstreams*> gateway_of(Services& services) {
    if (services.upstreams == nullptr) {
        return fail(Code::Unavailable, "this program has no gateway; a kernel (resonant up) has one");
    }
    return services.upstreams;
}

Result<Json> add_server(Services& services, call::Call& call) {
    RESONANT_ASSIGN(call::Upstreams * gateway, gateway_of(services));
    return gateway->add(call.arguments);
}

Result<Json> remove_server(Services& services, call::Call& call) {
    RESONANT_ASSIGN(call::Upstreams * gateway, gateway_of(services));
    return gateway->remove(text_of(call, "name"));
}

Result<Json> list_servers(Services& services, call::Call& call) {
    RESONANT_ASSIGN(call::Upstreams * gateway, gateway_of(services));
    return gateway->list(text_of(call, "name"));
}

Result<Json> approve_server(Services& services, call::Call& call) {
    RESONANT_ASSIGN(call::Upstreams * gateway, gateway_of(services));
    if (const auto enabled = call.arguments.find("enabled"); enabled != call.arguments.end() && enabled->is_boolean()) {
        return gateway->enable(text_of(call, "name"), enabled->get<bool>());
    }
    return gateway->approve(text_of(call, "name"), text_of(call, "tool"), text_of(call, "hash"));
}

Result<Json> scan_server(Services& services, call::Call& call) {
    RESONANT_ASSIGN(call::Upstreams * gateway, gateway_of(services));
    return gateway->scan(text_of(call, "name"));
}

}  // namespace

using call::Access;
using call::Pace;
using call::Role;

void add_roof(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "roof",
                   .wire_name = "gana_roof_servers",
                   .mansion = "危 Wei",
                   .quadrant = "North",
                   .summary = "Other MCP servers behind this one: add, list, approve, scan"});
    toolbox.add({.name = "extension.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "declared tools loaded from files"});
    toolbox.add({.name = "extension.reload",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "load declarations again",
                 .role = Role::Owner});
    toolbox.add({.name = "server.add",
                 .access = Access::Execute,
                 .core = false,
                 .parameters = "name*:string command:string[] url:url gana:string env:object "
                               "headers:object oauth:object timeout_s:number start_timeout_s:number "
                               "cwd:string reads_only:bool era:modern|legacy disabled:bool "
                               "tools_allowed:string[] tools_denied:string[] env_file:string",
                 .summary = "owner only: put another MCP server behind this one (command "
                            "starts a process, url connects); what it shows now is approved, what "
                            "changes later stays quarantined until server.approve",
                 .role = Role::Owner,
                 .pace = Pace::Slow,
                 .external = true,
                 .free_text = true,
                 .example = R"({"name": "files", "command": ["npx", "some-mcp-server"]})"},
                bind(services, add_server));
    toolbox.add({.name = "server.remove",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string",
                 .summary = "owner only: take an upstream server out",
                 .role = Role::Owner,
                 .pace = Pace::Slow,
                 .external = true},
                bind(services, remove_server));
    toolbox.add(
        {.name = "server.list",
         .access = Access::Read,
         .core = true,
         .parameters = "name:string",
         .summary = "upstream MCP servers: health, tools (server__tool), pins, quarantine",
         .pace = Pace::Slow},
        bind(services, list_servers));
    toolbox.add({.name = "server.approve",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string tool:string hash:string enabled:bool",
                 .summary = "owner only: accept a new or changed tool description after seeing "
                            "the difference (its hash is pinned); enabled starts a server that is "
                            "switched off, or switches it off",
                 .role = Role::Owner,
                 .pace = Pace::Slow,
                 .external = true},
                bind(services, approve_server));
    toolbox.add({.name = "server.scan",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "name*:string",
                 .summary = "look for poisoned descriptions, shadowed names, secrets",
                 .pace = Pace::Slow},
                bind(services, scan_server));
}

}  // namespace resonant::tools
