#include "resonant/clients/setup_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "resonant/mcp/server_file.h"

namespace resonant::clients {
namespace {

constexpr const char* kOwnName = "resonant";

}  // namespace

bool same_server(call::UpstreamSpec a, call::UpstreamSpec b) {
    for (call::UpstreamSpec* one : {&a, &b}) {
        one->disabled = false;
        one->environment.erase("PATH");
    }
    return a == b;
}

Result<SetupPlan> SetupPlan::make(const SetupRequest& request, std::string text) {
    SetupPlan plan;
    plan.client_ = request.client;
    RESONANT_ASSIGN(plan.file_, ClientText::read(*request.client, std::move(text)));
    for (const FoundServer& found : plan.file_.servers()) {
        if (is_self(found, request.self)) {
            plan.own_.push_back(found.project.empty() ? found.name : fmt::format("{} (of {})", found.name, found.project));
            const bool better = plan.block_path_.empty() || found.name == kOwnName;
            plan.block_path_ = found.project.empty() && better ? found.path : plan.block_path_;
            continue;
        }
        plan.consider(request, found);
    }
    plan.put_block(request);
    return plan;
}

void SetupPlan::consider(const SetupRequest& request, const FoundServer& found) {
    const std::string shown = found.project.empty() ? found.name : fmt::format("{} (of {})", found.name, found.project);
    Result<ServerEntry> entry = read_entry(*client_, file_, found, request.place);
    if (!entry) {
        staying_.push_back({shown, entry.error().message});
        return;
    }
    const auto known = [&](const std::string& name) -> const call::UpstreamSpec* {
        const auto taken = std::find_if(taken_.begin(), taken_.end(), [&](const Taken& one) { return one.entry.record.name == name; });
        const auto behind = request.behind.find(name);
        return taken != taken_.end() ? &taken->entry.record : behind != request.behind.end() ? &behind->second : nullptr;
    };
    const call::UpstreamSpec* other = known(entry->record.name);
    if (other != nullptr && !same_server(*other, entry->record) && !found.project.empty()) {
        const std::string folder = std::filesystem::path(found.project).filename().string();
        entry->record.name = mcp::server_name(found.name.substr(0, mcp::kServerNameMax / 2) + "_" + folder);
        other = known(entry->record.name);
    }
    if (other != nullptr && !same_server(*other, entry->record)) {
        staying_.push_back({shown, fmt::format("another server named {} is behind resonant already; give one of them another name, and "
                                               "run this again", entry->record.name)});
        return;
    }
    taken_.push_back({found, std::move(*entry), other != nullptr});
}

void SetupPlan::put_block(const SetupRequest& request) {
    if (block_path_.empty()) {
        const auto clash = std::find_if(file_.servers().begin(), file_.servers().end(), [](const FoundServer& one) {
            return one.project.empty() && one.name == kOwnName;
        });
        // A server of somebody else may have our name; ours then gets another.
        block_path_ = file_.place_of(clash == file_.servers().end() ? kOwnName : "resonant-swarm");
    }
    block_ = own_entry(*request.client, request.program, request.home);
    const Json* there = &file_.whole();
    for (const std::string& name : block_path_) {
        const auto found = there->is_object() ? there->find(name) : there->end();
        if (!there->is_object() || found == there->end()) {
            return;
        }
        there = &*found;
    }
    Json merged = *there;
    if (merged.is_object()) {
        merged.update(Json::parse(block_.dump()));
        has_block_ = merged == *there;
    }
}

Result<std::string> SetupPlan::final_text(const std::set<std::string>& gone) const {
    RESONANT_ASSIGN(ClientText text, file_.put(block_path_, block_));
    for (const Taken& one : taken_) {
        if (gone.contains(one.entry.record.name)) {
            RESONANT_ASSIGN(text, text.take(one.found.path));
        }
    }
    return text.text();
}

}  // namespace resonant::clients
