#include <fmt/core.h>

#include <algorithm>
#include <iostream>

#include "apps/resonant/commands.h"
#include "resonant/base/printable.h"
#include "resonant/runtime/diagnosis.h"

namespace resonant::app {
namespace {

using runtime::Concern;
using runtime::Finding;

constexpr const char* kBoundary =
    "code of this uid outside a sandbox could edit the database itself: it is inside the trust boundary; only clients "
    "of another uid or in a sandbox are contained";

// Which of the ways that were built a running kernel goes.
std::string in_use(const Json& native) {
    const Json ipc = native.value("ipc", Json::object());
    std::string channels;
    for (const Json& kind : ipc.value("channels_in_use", Json::array())) {
        channels += (channels.empty() ? "" : ", ") + kind.get<std::string>();
    }
    return fmt::format("board and ring: {}; channels of helpers: {}; search: {}, kernel {}; encoder: {}",
                       ipc.value("board_and_ring", "?"), channels.empty() ? "none opened" : channels,
                       native.value("search", "?"), native.value("search_kernel", "?"),
                       native.value("model", "").empty() ? "none" : native.value("model", ""));
}

// What a tool answers, or nothing: a kernel that is paused, say, is a finding of its own.
std::optional<Json> answer_of(const runtime::Home& home, const std::string& tool) {
    const Result<Json> answer = ask_kernel(home, {{"op", "call"}, {"tool", tool}, {"arguments", Json::object()}});
    if (!answer || !answer->value("ok", false) || answer->value("is_error", false)) {
        return std::nullopt;
    }
    return answer->value("content", Json::object());
}

std::string_view word_for(Concern concern) {
    switch (concern) {
        case Concern::Fine: return "ok";
        case Concern::Note: return "note";
        case Concern::Person: return "needs a person";
    }
    return "";
}

Json to_json(const Finding& finding) {
    Json shown = {{"part", finding.part}, {"present", finding.concern == Concern::Fine}, {"state", word_for(finding.concern)},
                  {"detail", finding.detail}};
    if (!finding.way_out.empty()) {
        shown["way_out"] = finding.way_out;
    }
    return shown;
}

void print(const std::vector<Finding>& findings, std::size_t concerns) {
    for (const Finding& finding : findings) {
        std::cout << fmt::format("{:<14}  {}: {}\n", word_for(finding.concern), printable(finding.part), printable(finding.detail));
        if (finding.concern != Concern::Fine && !finding.way_out.empty()) {
            std::cout << fmt::format("{:<14}    -> {}\n", "", printable(finding.way_out));
        }
    }
    std::cout << "\ntrust boundary: " << kBoundary << "\n"
              << (concerns == 0 ? "nothing needs a person\n" : fmt::format("{} of {} need a person\n", concerns, findings.size()));
}

int doctor(const Common& common) {
    const Result<std::filesystem::path> root = runtime::choose_home(common.home);
    if (!root) {
        return report(root.error(), kUsage);
    }
    const runtime::Home home{*root};
    runtime::KernelWords kernel;
    if (Result<Json> status = ask_kernel(home, {{"op", "status"}})) {
        kernel.status = std::move(*status);
        kernel.servers = answer_of(home, "server.list");
    }
    std::vector<Finding> findings = runtime::diagnose(*root, kernel);
    if (kernel.status) {
        if (const std::optional<Json> native = answer_of(home, "native.status")) {
            findings.push_back({"paths in use", Concern::Fine, in_use(*native)});
        }
    }
    const auto concerns = static_cast<std::size_t>(
        std::ranges::count_if(findings, [](const Finding& finding) { return finding.concern == Concern::Person; }));
    if (common.json) {
        Json parts = Json::array();
        for (const Finding& finding : findings) {
            parts.push_back(to_json(finding));
        }
        show(common, {{"ok", concerns == 0}, {"parts", parts}, {"trust_boundary", kBoundary}});
    } else {
        print(findings, concerns);
    }
    return concerns == 0 ? kOk : kFailed;
}

}  // namespace

void add_doctor_command(Commands& commands) {
    commands.push_back({.name = "doctor",
                        .summary = "what is here, what is missing, and what needs a person",
                        .run = doctor,
                        .more = "Looks at home, configuration, policy, ledger, model, sandbox, HTTP address, servers, disk, "
                                "descriptors, standings and waiting consents; changes nothing. Exits 1 when something needs a "
                                "person, and names the command for it."});
}

}  // namespace resonant::app
