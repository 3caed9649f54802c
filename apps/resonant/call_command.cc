#include <fmt/core.h>

#include <cstdlib>
#include <iostream>

#include "apps/resonant/commands.h"
#include "apps/resonant/progress_line.h"
#include "apps/resonant/render.h"
#include "apps/resonant/terminal.h"
#include "resonant/base/clock.h"
#include "resonant/base/printable.h"
#include "resonant/base/random.h"
#include "resonant/net/kernel_link.h"

namespace resonant::app {
namespace {

constexpr Nanos kPatience = from_seconds(3600);  // from one word of the kernel to the next; it ends when it hangs up

// The answer; what the kernel tells of the way to it goes to `progress`.
Result<Json> ask_long(const runtime::Home& home, const Json& question, ProgressLine& progress) {
    RESONANT_ASSIGN(net::KernelLink link, net::KernelLink::connect(home.socket()));
    RESONANT_CHECK(link.send(json::dump(question)));
    for (;;) {
        RESONANT_ASSIGN(const std::string line, link.receive(kPatience));
        RESONANT_ASSIGN(Json answer, json::parse(line));
        if (answer.value("event", "") != "progress") {
            return answer;
        }
        progress.tell(answer.value("done", 0.0), answer.value("total", 0.0), answer.value("words", ""));
    }
}

bool needs_owner(const Json& answer) {
    const Json content = answer.value("content", Json());
    const Json denial = content.is_object() ? content.value("denial", Json()) : Json();
    return denial.is_object() && denial.value("code", "") == "permission_denied" &&
           denial.value("rule", "").find("owner") != std::string::npos;
}

}  // namespace

Result<std::string> given_secret(const Common& common) {
    if (!common.secret_file.empty()) {
        Result<std::string> read = runtime::read_file(common.secret_file);
        if (!read) {
            return fail(Code::InvalidArgument, "--secret-file: " + read.error().message);
        }
        std::string secret = std::move(*read);
        while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) {
            secret.pop_back();
        }
        if (secret.empty()) {  // none at all would go on as somebody who is not the owner
            return fail(Code::InvalidArgument, fmt::format("--secret-file: {} is empty; it holds the admin secret that `resonant init` "
                                                           "showed, in one line", common.secret_file));
        }
        return secret;
    }
    if (!common.asked_secret.empty()) {
        return common.asked_secret;
    }
    const char* secret = std::getenv("RESONANT_ADMIN_SECRET");
    return std::string(secret == nullptr ? "" : secret);
}

Result<runtime::Home> Common::open() const {
    RESONANT_ASSIGN(const std::filesystem::path root, runtime::choose_home(home));
    SystemRandom random;
    return runtime::open_home(root, random);
}

Result<runtime::Home> Common::look() const {
    RESONANT_ASSIGN(const std::filesystem::path root, runtime::choose_home(home));
    return runtime::find_home(root);
}

std::string no_kernel(const runtime::Home& home) {
    return fmt::format("no kernel runs on {}; start one with: resonant up --home {}", home.root.string(), home.root.string());
}

Result<Json> ask_kernel(const runtime::Home& home, const Json& question) {
    Result<net::KernelLink> link = net::KernelLink::connect(home.socket());
    if (!link) {
        return fail(Code::NotFound, no_kernel(home));
    }
    RESONANT_ASSIGN(const std::string line, link->ask(json::dump(question), from_seconds(10)));
    return json::parse(line);
}

void show(const Common& common, const Json& value) {
    std::cout << (common.json ? printable_json(json::dump(value)) + "\n" : render(value, SystemClock().wall())) << std::flush;
}

int report(const Error& error, int exit_code) {
    std::cerr << "resonant: " << printable(error.message, Lines::Kept) << "\n";
    return exit_code;
}

int report(const Error& error) { return report(error, exit_code_of(error)); }

int report_no_home(const Error& error) {
    return report(error, error.code == Code::NotFound         ? kNoKernel
                         : error.code == Code::InvalidArgument ? kUsage
                                                               : exit_code_of(error));
}

int exit_code_of(const Error& error) {
    return error.code == Code::Timeout ? kTimedOut : kFailed;
}

std::expected<Json, int> whole_answer(const Common& common, const std::string& tool,
                                      const Json& arguments) {
    const Result<runtime::Home> home = common.look();
    if (!home) {
        return std::unexpected(report_no_home(home.error()));
    }
    const Result<std::string> secret = given_secret(common);
    if (!secret) {
        return std::unexpected(report(secret.error(), kUsage));
    }
    Json question = {{"op", "call"}, {"tool", tool}, {"arguments", arguments}};
    if (common.as_person) {
        question["person"] = true;
    } else if (!secret->empty()) {
        question["secret"] = *secret;
    }
    if (!common.quiet) {
        question["progress"] = true;
    }
    ProgressLine progress(tool, common.quiet);
    Result<Json> answer = ask_long(*home, question, progress);
    if (answer && needs_owner(*answer) && secret->empty() && !common.as_person) {
        const std::optional<std::string> typed = ask_line("admin secret: ", true);
        if (typed && !typed->empty()) {
            question["secret"] = *typed;
            answer = ask_long(*home, question, progress);
        }
    }
    if (!answer) {
        const bool none = answer.error().code == Code::NotFound;
        return std::unexpected(
            none ? report({Code::Unavailable, no_kernel(*home)}, kNoKernel) : report(answer.error()));
    }
    if (!answer->value("ok", false)) {
        const bool denied = answer->value("code", "") == name_of(Code::PermissionDenied);
        return std::unexpected(report({Code::Internal, answer->value("error", "the kernel gave no reason")},
                                      denied ? kDenied : kFailed));
    }
    return *answer;
}

int exit_code_of(const Json& answer) {
    if (answer.value("denied", false)) {
        return kDenied;
    }
    if (!answer.value("is_error", false)) {
        return kOk;
    }
    const Json content = answer.value("content", Json());
    const Json error = content.is_object() ? content.value("error", Json()) : Json();
    const std::string code = error.is_object() ? error.value("code", "") : "";
    return code == "timeout" ? kTimedOut : code == name_of(Code::PermissionDenied) ? kDenied : kFailed;
}

namespace {

// A refusal or an error of a tool in words: why, what helps, and what else the answer holds.
std::string words_of_refusal(const Json& content, const std::string& tool) {
    const auto text_of = [](const Json& object, const char* key) {
        const Json value = object.is_object() ? object.value(key, Json()) : Json();
        return value.is_string() ? value.get<std::string>() : std::string();
    };
    if (const Json denial = content.value("denial", Json()); denial.is_object()) {
        const std::string way_out = text_of(denial, "way_out");
        return fmt::format("{}: refused by {} ({}): {}{}", tool, text_of(denial, "stage"), text_of(denial, "code"),
                           text_of(denial, "reason"), way_out.empty() ? "" : "; " + way_out);
    }
    const std::string message = text_of(content.value("error", Json()), "message");
    Json rest = content;
    for (const char* shown : {"error", "tool", "schema", "schema_hash"}) {
        rest.erase(shown);
    }
    if (rest.contains("errors") && rest["errors"].size() == 1) {
        rest.erase("errors");
    }
    std::string words = message.starts_with(tool) || message.empty() ? message : tool + ": " + message;
    if (!rest.empty()) {
        words += (words.empty() ? tool + " failed:\n" : "\n") + render(rest, SystemClock().wall());
        words.pop_back();
    }
    return words;
}

}  // namespace

std::expected<Json, int> ask_tool(const Common& common, const std::string& tool, const Json& arguments) {
    const auto answer = whole_answer(common, tool, arguments);
    if (!answer) {
        return std::unexpected(answer.error());
    }
    Json content = answer->value("content", Json::object());
    if (const int code = exit_code_of(*answer); code != kOk) {
        if (common.json) {
            show(common, content);
        }
        return std::unexpected(report({Code::Internal, words_of_refusal(content, tool)}, code));
    }
    return content;
}

int call_tool(const Common& common, const std::string& tool, const Json& arguments) {
    const auto content = ask_tool(common, tool, arguments);
    if (!content) {
        return content.error();
    }
    show(common, *content);
    return kOk;
}

}  // namespace resonant::app
