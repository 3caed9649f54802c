#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>

#include "resonant/broker/files.h"
#include "resonant/call/upstreams.h"
#include "resonant/govern/ledger.h"
#include "resonant/ipc/channel.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

constexpr std::size_t kProbeBytes = 32 * 1024 * 1024;

// Reads memory for a moment; gigabytes a second.
double read_bandwidth(Clock& clock) {
    const std::vector<std::uint64_t> words(kProbeBytes / sizeof(std::uint64_t), 1);
    double best = 0;
    volatile std::uint64_t sink = 0;
    for (int round = 0; round < 3; ++round) {
        const Nanos began = clock.monotonic();
        // Eight sums side by side, so that the memory is the limit and not one chain of additions.
        std::array<std::uint64_t, 8> sums{};
        for (std::size_t i = 0; i < words.size(); i += sums.size()) {
            for (std::size_t lane = 0; lane < sums.size(); ++lane) {
                sums[lane] += words[i + lane];
            }
        }
        sink = sink + std::accumulate(sums.begin(), sums.end(), std::uint64_t{0});
        const double took = (clock.monotonic() - began).seconds();
        best = took > 0 ? std::max(best, static_cast<double>(kProbeBytes) / took * 1e-9) : best;
    }
    return best;
}

Json instruction_sets() {
    Json sets = Json::array();
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) sets.push_back("avx2");
    if (__builtin_cpu_supports("fma")) sets.push_back("fma");
    if (__builtin_cpu_supports("avx512f")) sets.push_back("avx512f");
    if (__builtin_cpu_supports("avx512bw")) sets.push_back("avx512bw");
    if (__builtin_cpu_supports("avx512vnni")) sets.push_back("avx512vnni");
    if (__builtin_cpu_supports("avx512bf16")) sets.push_back("avx512bf16");
#endif
    return sets;
}

// Which ways between processes are there, and which of them are in use.
Json ipc_part(const Services& services) {
    const std::vector<std::string> channels = services.channels ? services.channels() : std::vector<std::string>();
    return {{"board_and_ring", "sealed read-only descriptors"},
            {"iceoryx2", ipc::is_built(ipc::Kind::Iceoryx2) ? "built in, for helpers of this user" : "left out of this build"},
            {"channels_in_use", channels}};
}

Result<Json> native(Services& services, call::Call&) {
    const memory::VectorStatus vectors = services.sea->status();
    return Json{{"cores", std::thread::hardware_concurrency()},
                {"instruction_sets", instruction_sets()},
                {"search_kernel", vectors.kernel},
                {"model", vectors.model},
                {"memory_read_gb_s", rounded(read_bandwidth(*services.clock), 1)},
                {"search", vectors.from_sqlite ? "exact, from SQLite: there is no mapped copy yet" : "exact, over the mapped Arrow copy"},
                {"ipc", ipc_part(services)}};
}

Json board_part(const Services& services) {
    const board::Snapshot snapshot = services.plane->board().view().snapshot();
    const Nanos age{services.clock->wall().count - static_cast<std::int64_t>(snapshot.heartbeat_ns)};
    return {{"epoch", snapshot.epoch},
            {"heartbeat_age_s", snapshot.heartbeat_ns == 0 ? Json(nullptr) : Json(rounded(age.seconds()))},
            {"writes", snapshot.tick},
            {"harmony", show(snapshot.harmony)},
            {"traffic", show(snapshot.traffic)}};
}

Json ring_part(const Services& services) {
    return {{"epoch", services.plane->ring().epoch()},
            {"published", services.plane->ring().head()},
            {"slots", ring::kSlots},
            {"dampened", services.plane->dampened()}};
}

Result<Json> memory_part(const Services& services) {
    RESONANT_ASSIGN(const std::size_t waiting, services.sea->waiting());
    const memory::VectorStatus vectors = services.sea->status();
    std::error_code unknown;
    const auto bytes = std::filesystem::file_size(services.database->file(), unknown);
    return Json{{"memories", vectors.rows},
                {"embedded", vectors.embedded},
                {"waiting_for_vectors", waiting},
                {"segments", vectors.segments},
                {"arrow_bytes", vectors.bytes},
                {"database_bytes", unknown ? Json(nullptr) : Json(bytes)},
                {"model", vectors.model.empty() ? Json(nullptr) : Json(vectors.model)}};
}

Json tools_part(const Services& services) {
    return {{"built", services.toolbox->tools().size()}, {"families", services.toolbox->built_families()}};
}

// Other servers behind this one, and what of their tools may be called.
Json upstream_part(const Services& services) {
    std::size_t servers = 0, callable = 0, quarantined = 0;
    if (services.upstreams != nullptr) {
        servers = services.upstreams->servers().size();
        for (const auto& tool : *services.upstreams->tools()) {
            (tool->quarantine.empty() ? callable : quarantined) += 1;
        }
    }
    return {{"servers", servers}, {"tools", callable}, {"quarantined", quarantined}};
}

Json sizes_part() {
    std::ifstream status("/proc/self/status");
    Json sizes = Json::object();
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:") || line.starts_with("Threads:")) {
            const std::size_t digits = line.find_first_of("0123456789");
            sizes[line.starts_with("VmRSS") ? "resident_kib" : "threads"] =
                std::stoll("0" + line.substr(std::min(digits, line.size())));
        }
    }
    return sizes;
}

Result<Json> report(Services& services, call::Call& call) {
    const std::string section = text_of(call, "section");
    RESONANT_ASSIGN(const Json memories, memory_part(services));
    Json parts = {{"board", board_part(services)},
                  {"ring", ring_part(services)},
                  {"memory", memories},
                  {"upstream", upstream_part(services)},
                  {"tools", tools_part(services)},
                  {"sizes", sizes_part()},
                  {"ledger", {{"verified", services.ledger->verified()}}}};
    if (section.empty()) {
        parts["version"] = services.version;
        parts["uptime_s"] = rounded(Nanos{call.at.count - services.started.count}.seconds(), 0);
        return parts;
    }
    const std::string key = section == "upstream servers" ? "upstream" : section;
    if (!parts.contains(key)) {
        return fail(
            Code::NotFound,
            fmt::format(
                "health.report: no section '{}'; there are board, ring, memory, upstream servers, "
                "tools, sizes, ledger",
                section.substr(0, 40)));
    }
    return Json{{key, parts[key]}};
}

Result<Json> check(Services& services, call::Call&) {
    const bool whole = services.ledger->verified();
    Json answer = {
        {"ready", whole},
        {"status",
         whole ? "ok" : "the ledger has a break that nobody acknowledged: resonant ledger verify"}};
    if (Json held = standings_of(services); !held.empty()) {
        answer["standings"] = std::move(held);
    }
    return answer;
}

Result<Json> paths(Services& services, call::Call&) {
    const Paths& paths = services.paths;
    Json folders = Json::array();
    for (const auto& folder : services.files->folders()) {
        folders.push_back(folder.string());
    }
    return Json{{"home", paths.home.string()},
                {"database", paths.database.string()},
                {"socket", paths.socket.string()},
                {"token", paths.token.string()},
                {"policy", paths.policy.string()},
                {"prompts", paths.prompts.string()},
                {"segments", paths.segments.string()},
                {"inbox", paths.inbox.string()},
                {"configuration", paths.configuration.string()},
                {"model", paths.model.empty() ? Json(nullptr) : Json(paths.model.string())},
                {"http", paths.http.empty() ? Json(nullptr) : Json(paths.http)},
                {"import_folders", folders}};
}

}  // namespace

void add_root(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "root",
         .wire_name = "gana_root_health",
         .mansion = "氐 Di",
         .quadrant = "East",
         .summary = "Is this server healthy; its paths, parts and CPU"});
    toolbox.add({.name = "health.report",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "section:string",
                 .summary = "parts and versions in detail, probed live, or one section: board, "
                            "ring, memory, upstream servers, tools, sizes",
                 .pace = Pace::Slow},
                bind(services, report));
    toolbox.add({.name = "health.check",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "alive and ready? one line",
                 .calls_per_minute = 600},
                bind(services, check));
    toolbox.add({.name = "state.paths",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "folders, sockets and files that this server uses"},
                bind(services, paths));
    toolbox.add({.name = "native.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "instruction sets, chosen kernels and their bandwidth, IPC in use "
                            "and why",
                 .pace = Pace::Slow},
                bind(services, native));
    toolbox.add({.name = "release.check",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "path*:path max_matches:int large_file_mb:number",
                 .summary = "before a release: scan a work tree for secrets, huge files, "
                            "absolute paths",
                 .pace = Pace::Slow});
}

}  // namespace resonant::tools
