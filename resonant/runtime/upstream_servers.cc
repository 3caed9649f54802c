#include "resonant/runtime/upstream_servers.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "resonant/base/sha256.h"
#include "resonant/broker/child.h"
#include "resonant/govern/sanitizer.h"
#include "resonant/mcp/server_file.h"
#include "resonant/runtime/config.h"
#include "resonant/runtime/kernel.h"

namespace resonant::runtime {
namespace {

constexpr Nanos kLook = from_seconds(1);
constexpr std::size_t kKernelIdDigits = 16;

Result<mcp::ChildStreams> start_child(const call::UpstreamSpec& spec) {
    RESONANT_ASSIGN(std::unique_ptr<broker::Child> started,
                    broker::Child::start({.command = spec.command, .folder = spec.folder, .environment = spec.environment}));
    const std::shared_ptr<broker::Child> child(std::move(started));
    mcp::ChildStreams streams;
    streams.input = child->take_input();
    streams.output = child->take_output();
    streams.errors = child->take_errors();
    streams.pid = child->pid();
    streams.how_it_ended = [weak = std::weak_ptr<broker::Child>(child)] {
        const auto there = weak.lock();
        return there && there->ended() ? there->how() : std::string();
    };
    streams.process = child;
    return streams;
}

std::optional<std::string> variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// The servers of the file and of those it names. The names of the latter go to `files`.
Result<std::vector<call::UpstreamSpec>> read_all(const std::filesystem::path& file,
                                                 std::vector<std::filesystem::path>& files) {
    RESONANT_ASSIGN(Config config, load_config(file));
    std::vector<call::UpstreamSpec> servers = std::move(config.servers);
    for (const std::string& name : config.server_files) {
        files.emplace_back(name);
        RESONANT_ASSIGN(const std::string text, read_file(name));
        Result<mcp::ServerFile> read = mcp::read_servers(text, variable);
        if (!read || !read->left_out.empty()) {
            return fail(Code::InvalidArgument, fmt::format("{}: {}", name, read ? read->left_out.front()
                                                                               : read.error().message));
        }
        for (call::UpstreamSpec& spec : read->servers) {
            const bool twice = std::any_of(servers.begin(), servers.end(),
                                           [&](const auto& one) { return one.name == spec.name; });
            if (twice) {
                return fail(Code::AlreadyExists, fmt::format("{}: server {} is there twice", name, spec.name));
            }
            servers.push_back(std::move(spec));
        }
    }
    return servers;
}

}  // namespace

std::unique_ptr<mcp::Gateway> make_gateway(const Home& home, net::Loop& loop, Clock& clock, Random& random,
                                           const tools::Toolbox& toolbox) {
    return std::make_unique<mcp::Gateway>(mcp::Gateway::Needs{
        .loop = loop,
        .clock = clock,
        .random = random,
        .catalogue = toolbox,
        .start_child = start_child,
        .hidden = govern::find_hidden,
        .load = [file = home.root / "servers.json"]() -> Result<Json> {
            if (!std::filesystem::exists(file)) {
                return Json();
            }
            RESONANT_ASSIGN(const std::string text, read_file(file));
            Result<Json> parsed = json::parse(text);
            if (!parsed) {
                return fail(Code::DataLoss, fmt::format("{} cannot be read ({}); mend it, or move it away and add the "
                                                        "servers again", file.string(), parsed.error().message));
            }
            return parsed;
        },
        .save = [file = home.root / "servers.json"](const Json& kept) { return write_file(file, json::dump(kept) + "\n"); },
        .version = program_version(),
        .kernel = kernel_id(home)});
}

std::string kernel_id(const Home& home) {
    const Result<std::string> token = read_file(home.token());
    return sha256_hex(fmt::format("kernel id\n{}\n{}", home.root.string(), token ? *token : std::string()), kKernelIdDigits);
}

void let_find(const mcp::Gateway& gateway, tools::ToolSearch& search, std::set<std::string>& found) {
    std::map<std::string, std::vector<tools::ToolDocument>> documents;
    for (const auto& tool : *gateway.tools()) {
        if (!tool->quarantine.empty()) {
            continue;
        }
        tools::ToolDocument document = tools::document_of(tool->definition);
        document.name = tool->contract.name;
        document.server = tool->server;
        documents[tool->server].push_back(std::move(document));
    }
    for (const std::string& gone : found) {
        if (!documents.contains(gone)) {
            search.remove(gone);
        }
    }
    found.clear();
    for (auto& [server, tools] : documents) {
        found.insert(server);
        search.put(server, std::move(tools));
    }
}

ServerConfiguration::ServerConfiguration(net::Loop& loop, mcp::Gateway& gateway, std::filesystem::path file)
    : loop_(loop), gateway_(gateway), file_(std::move(file)) {
    load();
    timer_ = loop_.after(kLook, [this] { look(); });
}

ServerConfiguration::~ServerConfiguration() { loop_.cancel(timer_); }

// Changes with the file: inode, size and time, so that a replaced file is noticed as well.
std::string ServerConfiguration::stamp_of(const std::filesystem::path& file) {
    struct stat facts {};
    if (::stat(file.c_str(), &facts) != 0) {
        return "none";
    }
    return fmt::format("{} {} {}.{}", facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
}

void ServerConfiguration::look() {
    const bool same = std::all_of(stamps_.begin(), stamps_.end(),
                                  [](const auto& one) { return stamp_of(one.first) == one.second; });
    if (!same) {
        load();
    }
    timer_ = loop_.after(kLook, [this] { look(); });
}

void ServerConfiguration::load() {
    // Stamps first: a file that changes while it is read is read again.
    Stamps stamps = {{file_, stamp_of(file_)}};
    for (const auto& [file, stamp] : stamps_) {
        stamps[file] = stamp_of(file);
    }
    std::vector<std::filesystem::path> files;
    Result<std::vector<call::UpstreamSpec>> servers = read_all(file_, files);
    for (const std::filesystem::path& file : files) {
        stamps.emplace(file, stamp_of(file));
    }
    stamps_ = std::move(stamps);
    gateway_.configure(servers ? std::move(*servers) : std::vector<call::UpstreamSpec>(),
                       servers ? "" : servers.error().message);
}

}  // namespace resonant::runtime
