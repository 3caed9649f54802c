#include "apps/resonant/setup_record.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "resonant/base/sha256.h"

namespace resonant::app {
namespace {

constexpr std::size_t kDifferencesMax = 20;
constexpr std::size_t kLevelsMax = 3;

std::filesystem::path record_file(const std::filesystem::path& home, const std::filesystem::path& target) {
    return home / "clients" / (sha256_hex(target.string()).substr(0, 24) + ".json");
}

void compare(const Json& before, const Json& after, const std::string& path, std::size_t level, std::vector<std::string>& found) {
    std::set<std::string> names;
    for (const Json* one : {&before, &after}) {
        for (const auto& [name, value] : one->items()) {
            names.insert(name);
        }
    }
    for (const std::string& name : names) {
        const std::string where = path.empty() ? name : path + "." + name;
        const auto old = before.find(name), now = after.find(name);
        if (found.size() >= kDifferencesMax || (old != before.end() && now != after.end() && *old == *now)) {
            continue;
        }
        if (old == before.end() || now == after.end()) {
            found.push_back(where + (old == before.end() ? ": added" : ": removed"));
        } else if (level < kLevelsMax && old->is_object() && now->is_object()) {
            compare(*old, *now, where, level + 1, found);
        } else {
            found.push_back(where + ": changed");
        }
    }
}

}  // namespace

std::vector<std::string> differences(const Json& before, const Json& after) {
    std::vector<std::string> found;
    if (before.is_object() && after.is_object()) {
        compare(before, after, "", 1, found);
    } else if (before != after) {
        found.emplace_back("the whole file");
    }
    return found;
}

std::optional<SetupRecord> find_record(const std::filesystem::path& home, const std::filesystem::path& target) {
    const Result<std::string> text = runtime::read_file(record_file(home, target));
    const Json kept = text ? Json::parse(*text, nullptr, false) : Json();
    if (!kept.is_object()) {
        return std::nullopt;
    }
    SetupRecord record;
    try {
        record.client = kept.at("client");
        record.file = kept.at("file");
        record.created = kept.at("created");
        record.edited = kept.at("edited");
        record.before = kept.at("before");
        record.written = kept.at("written");
        record.block = kept.at("block").get<json::SourcePath>();
        record.servers = kept.at("servers").get<std::vector<std::string>>();
        for (const Json& one : kept.at("removed")) {
            record.removed.push_back({one.at("path").get<json::SourcePath>(), one.at("entry")});
        }
    } catch (const Json::exception&) {
        return std::nullopt;
    }
    return record;
}

Status keep_record(const runtime::Home& home, const std::filesystem::path& target, const SetupRecord& record) {
    const std::filesystem::path file = record_file(home.root, target);
    if (::mkdir(file.parent_path().c_str(), 0700) != 0 && errno != EEXIST) {
        return fail_errno(fmt::format("setup: making {}", file.parent_path().string()), errno);
    }
    Json removed = Json::array();
    for (const SetupRecord::Removed& one : record.removed) {
        removed.push_back({{"path", one.path}, {"entry", one.entry}});
    }
    return runtime::write_file(file, json::dump({{"client", record.client}, {"file", record.file}, {"created", record.created}, {"edited", record.edited},
                                                 {"before", record.before}, {"written", record.written}, {"block", record.block},
                                                 {"removed", std::move(removed)}, {"servers", record.servers}}) + "\n");
}

void forget_record(const std::filesystem::path& home, const std::filesystem::path& target) {
    std::error_code error;
    std::filesystem::remove(record_file(home, target), error);
}

}  // namespace resonant::app
