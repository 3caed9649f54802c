#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;
using call::Role;

void add_roof(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "roof",
                   .wire_name = "gana_roof_servers",
                   .mansion = "危 Wei",
                   .quadrant = "North",
                   .summary = "Other MCP servers behind this one: add, list, approve; extensions"});
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
                               "headers:object timeout_s:number",
                 .summary = "owner only: put another MCP server behind this one (command "
                            "starts a process, url connects); new tools stay quarantined until "
                            "server.approve",
                 .role = Role::Owner,
                 .pace = Pace::Slow,
                 .external = true,
                 .example = R"({"name": "files", "command": ["npx", "some-mcp-server"]})"});
    toolbox.add({.name = "server.remove",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string",
                 .summary = "owner only: take an upstream server out",
                 .role = Role::Owner});
    toolbox.add(
        {.name = "server.list",
         .access = Access::Read,
         .core = true,
         .parameters = "name:string",
         .summary = "upstream MCP servers: health, tools (server__tool), pins, quarantine"});
    toolbox.add({.name = "server.approve",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string tool:string",
                 .summary = "owner only: accept a new or changed tool description after seeing "
                            "the difference (its hash is pinned)",
                 .role = Role::Owner});
    toolbox.add({.name = "server.scan",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "name*:string",
                 .summary = "look for poisoned descriptions, shadowed names, secrets",
                 .pace = Pace::Slow});
}

}  // namespace resonant::tools
