#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <algorithm>

#include "resonant/broker/sandbox.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

Result<Json> run(Services& services, call::Call& call) {
    broker::Program program;
    program.command = words_of(call, "command");
    program.input = text_of(call, "stdin");
    program.timeout = from_seconds(std::clamp(number_of(call, "timeout_s", 30), -1.0, 1e6));
    const std::int64_t megabytes = integer_of(call, "memory_mb", 512);
    program.memory =
        mebibytes(static_cast<std::uint64_t>(std::clamp<std::int64_t>(megabytes, 0, 1 << 20)));
    program.network = flag_of(call, "network");
    const Json files = call.arguments.value("files", Json::object());
    for (const auto& [name, content] : files.items()) {
        if (!content.is_string()) {
            return fail(Code::InvalidArgument,
                        fmt::format("sandbox.run: files.{} is no text; give name: content",
                                    name.substr(0, 60)));
        }
        program.files[name] = content.get<std::string>();
    }
    const Result<broker::Outcome> outcome = services.sandbox->run(program, call.cancelled.get());
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    ++call.effects.processes;
    Json answer = {{"exit_status", outcome->exit_status},
                   {"stdout", outcome->output},
                   {"stderr", outcome->errors},
                   {"timed_out", outcome->timed_out},
                   {"seconds", rounded(outcome->took.seconds())}};
    if (outcome->output_cut) {
        answer["output_cut"] = true;
        answer["note"] = fmt::format("only the first {} bytes of a stream are kept",
                                     broker::Sandbox::kOutputMax);
    }
    return answer;
}

Result<Json> status(Services& services, call::Call&) {
    const broker::SandboxStatus status = services.sandbox->status();
    Json answer = {{"available", status.available},
                   {"runner", status.runner},
                   {"running", status.running},
                   {"runs", status.runs},
                   {"timeouts", status.timeouts},
                   {"network_allowed", services.sandbox->network_allowed()},
                   {"isolation",
                    {"user", "mount", "pid", "ipc", "uts", "cgroup and net namespaces",
                     "no capabilities", "no new namespaces"}},
                   {"limits",
                    {{"programs", broker::Sandbox::kRunningMax},
                     {"timeout_s", broker::Sandbox::kTimeoutMax.seconds()},
                     {"memory_mb", broker::Sandbox::kMemoryMax.count >> 20},
                     {"processes", broker::Sandbox::kProcessesMax},
                     {"output_bytes", broker::Sandbox::kOutputMax},
                     {"input_bytes", broker::Sandbox::kFilesBytes}}}};
    if (!status.reason.empty()) {
        answer["reason"] = status.reason;
    }
    return answer;
}

}  // namespace

void add_room(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "room",
                   .wire_name = "gana_room_sandbox",
                   .mansion = "房 Fang",
                   .quadrant = "East",
                   .summary = "Run a program safely in a sandbox"});
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
                 .example = R"({"command": ["/bin/echo", "hello"]})"},
                bind(services, run));
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
                            "running children"},
                bind(services, status));
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
