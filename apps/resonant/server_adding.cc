#include "apps/resonant/server_adding.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "apps/resonant/launch.h"
#include "apps/resonant/terminal.h"
#include "resonant/mcp/server_file.h"
#include "resonant/runtime/config.h"
#include "resonant/runtime/secrets.h"

namespace resonant::app {

std::optional<std::string> variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

clients::Self self_of(const std::filesystem::path& home) {
    std::error_code error;
    const Result<runtime::Config> config = runtime::load_config(home / "resonant.toml");
    return {.program = std::filesystem::read_symlink("/proc/self/exe", error),
            .address = fmt::format("http://127.0.0.1:{}/mcp", config ? config->http.port : runtime::Config().http.port)};
}

void remember_path(call::UpstreamSpec& spec) {
    const std::optional<std::string> path = variable("PATH");
    if (!spec.command.empty() && path && !spec.environment.contains("PATH")) {
        spec.environment["PATH"] = *path;
    }
}

Added add_one(const Common& common, call::UpstreamSpec spec, int& exit_code) {
    remember_path(spec);
    Added added;
    added.name = spec.name;
    added.disabled = spec.disabled;
    const auto answer = whole_answer(common, "server.add", mcp::json_of(spec));
    exit_code = answer ? exit_code_of(*answer) : answer.error();
    const Json content = answer ? answer->value("content", Json::object()) : Json::object();
    if (exit_code != kOk) {
        const Json error = content.value("error", Json::object());
        const Json denial = content.value("denial", Json::object());
        added.trouble = error.value("message", denial.value("reason", "the kernel could not be asked"));
        return added;
    }
    added.tools = content.value("tools", std::size_t{0});
    added.quarantined = content.value("quarantined", Json::array());
    return added;
}

Json json_of(const Added& added) {
    Json one = {{"name", added.name}, {"tools", added.tools}};
    if (added.disabled) {
        one["disabled"] = true;
        one["next"] = fmt::format("resonant server enable {}", added.name);
    }
    if (!added.quarantined.empty()) {
        one["quarantined"] = added.quarantined;
    }
    return one;
}

Status answer_questions(const runtime::Home& home, const clients::ServerEntry& entry) {
    const runtime::Secrets secrets(home);
    const std::string& server = entry.record.name;
    for (const clients::Asked& asked : entry.asked) {
        if (secrets.find(server, asked.id)) {
            continue;
        }
        std::string question = fmt::format("{}: {}", server, asked.description.empty() ? asked.id : asked.description);
        for (const std::string& choice : asked.choices) {
            question += fmt::format("{}{}", &choice == &asked.choices.front() ? " (" : ", ", choice);
        }
        question += fmt::format("{}{}: ", asked.choices.empty() ? "" : ")",
                                asked.otherwise.empty() ? "" : fmt::format(" [{}]", asked.otherwise));
        std::optional<std::string> answer = ask_line(question, asked.hidden);
        if (answer && answer->empty() && !asked.otherwise.empty()) {
            answer = asked.otherwise;
        }
        const bool known = asked.choices.empty() || (answer && std::ranges::find(asked.choices, *answer) != asked.choices.end());
        if (!answer || answer->empty() || !known) {
            return fail(Code::InvalidArgument,
                        fmt::format("it needs {}{}; give it at a terminal, or keep it with `resonant server secret {} {}` and run this again",
                                    asked.id, asked.description.empty() ? "" : " (" + asked.description + ")", server, asked.id));
        }
        RESONANT_CHECK(secrets.keep(server, asked.id, *answer));
    }
    return {};
}

Status be_owner(Common& common, const runtime::Home& home, std::string& made) {
    RESONANT_ASSIGN(const std::string given, given_secret(common));
    if (!given.empty() || ::geteuid() == 0) {
        return {};
    }
    if (!runtime::has_admin_secret(home)) {
        SystemRandom random;
        RESONANT_ASSIGN(made, runtime::set_admin_secret(home, random));
        common.asked_secret = made;
        return {};
    }
    const std::optional<std::string> line = ask_line("admin secret: ", true);
    if (!line || !runtime::is_admin_secret(home, *line)) {
        return fail(Code::PermissionDenied, line ? "this is not the admin secret of the home; nothing was changed"
                                                 : "servers are added by the owner: give the admin secret by --secret-file or "
                                                   "RESONANT_ADMIN_SECRET; nothing was changed");
    }
    common.asked_secret = *line;
    return {};
}

}  // namespace resonant::app
