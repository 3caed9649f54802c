#include "resonant/runtime/secrets.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

namespace resonant::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameMax = 120;

// A file name of letters, digits, '_', '-' and '.'; every other byte is written as %XX.
std::string file_name(const std::string& server, const std::string& name) {
    std::string made = server + "@";
    for (const char c : name) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
        made += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return made;
}

}  // namespace

std::optional<std::string> Secrets::find(const std::string& server, const std::string& name) const {
    Result<std::string> text = read_file(folder_ / file_name(server, name));
    return text ? std::optional(std::move(*text)) : std::nullopt;
}

Status Secrets::keep(const std::string& server, const std::string& name, const std::string& value) const {
    if (server.empty() || server.find('/') != std::string::npos || name.empty() || name.size() > kNameMax) {
        return fail(Code::InvalidArgument, fmt::format("secret '{}' of server '{}': a name has 1 to {} characters", name.substr(0, 60),
                                                       server.substr(0, 60), kNameMax));
    }
    if (value.size() > kSecretMax) {
        return fail(Code::ResourceExhausted, fmt::format("secret {}: {} bytes, at most {} are kept", name, value.size(), kSecretMax));
    }
    if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail_errno(fmt::format("secret: making {}", folder_.string()), errno);
    }
    return write_file(folder_ / file_name(server, name), value);
}

Result<bool> Secrets::forget(const std::string& server, const std::string& name) const {
    std::error_code error;
    const bool gone = fs::remove(folder_ / file_name(server, name), error);
    if (error) {
        return fail(Code::PermissionDenied, fmt::format("secret {}: it cannot be removed: {}", name, error.message()));
    }
    return gone;
}

std::vector<std::string> Secrets::names(const std::string& server) const {
    std::vector<std::string> names;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
        const std::string file = entry.path().filename().string();
        if (file.starts_with(server + "@") && !file.ends_with(".tmp")) {
            names.push_back(file.substr(server.size() + 1));
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace resonant::runtime
