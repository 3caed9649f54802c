#include "resonant/runtime/upstream_servers.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "resonant/base/sha256.h"
#include "resonant/broker/child.h"
#include "resonant/clients/server_entry.h"
#include "resonant/govern/sanitizer.h"
#include "resonant/mcp/server_variables.h"
#include "resonant/runtime/config.h"
#include "resonant/runtime/kernel.h"
#include "resonant/runtime/secrets.h"

namespace resonant::runtime {
namespace {

constexpr Nanos kLook = from_seconds(1);
constexpr std::size_t kKernelIdDigits = 16;
constexpr std::uintmax_t kNamedFileMax = 1024 * 1024;  // bytes

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

// A file that a record names. Only a regular one, for this is the loop's thread: a pipe would stop everybody.
Result<std::string> read_named_file(const std::string& file) {
    std::error_code error;
    const std::filesystem::path path(file);
    if (!path.is_absolute()) {
        return fail(Code::InvalidArgument, fmt::format("{} is not an absolute path; give one", file));
    }
    if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
        return fail(Code::InvalidArgument, fmt::format("{} is not a regular file", file));
    }
    if (const std::uintmax_t size = std::filesystem::file_size(path, error); !error && size > kNamedFileMax) {
        return fail(Code::ResourceExhausted, fmt::format("{} has {} bytes, at most {} are read", file, size, kNamedFileMax));
    }
    return read_file(path);
}

// The servers of the file and of those it names. The names of the latter go to `files`.
Result<std::vector<call::UpstreamSpec>> read_all(const std::filesystem::path& file,
                                                 std::vector<std::filesystem::path>& files) {
    RESONANT_ASSIGN(Config config, load_config(file));
    std::vector<call::UpstreamSpec> servers = std::move(config.servers);
    for (const std::string& name : config.server_files) {
        files.emplace_back(name);
        RESONANT_ASSIGN(const std::string text, read_file(name));
        const std::filesystem::path folder = std::filesystem::path(name).parent_path();
        Result<clients::ServerFile> read = clients::read_servers(name, text, {.user = variable("HOME").value_or(""), .project = folder,
                                                                              .folder = folder},
                                                                       {.program = "/proc/self/exe", .address = {}});
        if (!read || !read->left_out.empty()) {
            return fail(Code::InvalidArgument, fmt::format("{}: {}", name, read ? read->left_out.front()
                                                                               : read.error().message));
        }
        for (clients::ServerEntry& entry : read->servers) {
            call::UpstreamSpec& spec = entry.record;
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
        .fill_in = [secrets = Secrets(home)](const call::UpstreamSpec& spec) {
            return mcp::filled(spec, {.variable = [&](const std::string& name) {
                                          const std::optional<std::string> set = variable(name);
                                          return set && !set->empty() ? set : secrets.find(spec.name, name);
                                      },
                                      .input = [&](const std::string& id) { return secrets.find(spec.name, id); },
                                      .file = read_named_file});
        },
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
