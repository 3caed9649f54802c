#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_room(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "room",
                   .wire_name = "gana_room_sandbox",
                   .mansion = "房 Fang",
                   .quadrant = "East",
                   .summary = "Run a program safely in a sandbox; lock a resource between agents"});
    toolbox.add({.name = "sandbox.run",
                 .access = Access::Execute,
                 .core = true,
                 .parameters = "command*:string[] stdin:string files:object timeout_s:number "
                               "memory_mb:int network:bool",
                 .summary = "run a program isolated (empty work folder, limits, no network "
                            "unless policy allows); returns exit status, stdout, stderr",
                 .pace = Pace::Slow,
                 .external = true,
                 .free_text = true,
                 .example = R"({"command": ["/bin/echo", "hello"]})"});
    toolbox.add({.name = "sandbox.set_limits",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "tool*:string timeout_s:number memory_mb:int cpu_s:number",
                 .summary = "limits of one executing tool; an agent may only lower them, the "
                            "owner may raise"});
    toolbox.add({.name = "sandbox.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "what the kernel offers (namespaces, seccomp, Landlock), limits, "
                            "running children"});
    toolbox.add({.name = "sandbox.violations",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "limit:int",
                 .summary = "recent limit hits and denied system calls"});
    toolbox.add({.name = "lock.acquire",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "resource*:string ttl_s:number wait_s:number<=30 token:int "
                               "reason:string",
                 .summary = "named lease so that two agents do not edit one thing; returns "
                            "fencing token; call again with token to renew",
                 .pace = Pace::Waits});
    toolbox.add({.name = "lock.release",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "resource*:string token*:int",
                 .summary = "give a lease back (token from lock.acquire)"});
    toolbox.add({.name = "lock.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "resource:string",
                 .summary = "leases held, by whom, until when"});
}

}  // namespace resonant::tools
