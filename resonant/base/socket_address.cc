#include "resonant/base/socket_address.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace resonant {

Result<SocketAddress> file_address(const std::string& path, Descriptor& folder) {
    SocketAddress file;
    file.address.sun_family = AF_UNIX;
    std::string text = path;
    if (text.size() >= sizeof file.address.sun_path) {
        const std::size_t slash = path.rfind('/');
        const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
        folder.reset(::open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!folder) {
            return fail_errno("socket: open the folder " + parent, errno);
        }
        text = fmt::format("/proc/self/fd/{}/{}", folder.get(), path.substr(slash + 1));
    }
    if (text.size() >= sizeof file.address.sun_path) {
        return fail(Code::InvalidArgument, fmt::format("socket: the file name of {} is too long; an address has {} bytes", path,
                                                       sizeof file.address.sun_path - 1));
    }
    std::memcpy(file.address.sun_path, text.c_str(), text.size() + 1);
    file.size = sizeof file.address;
    return file;
}

Result<SocketAddress> abstract_name(std::string_view name) {
    SocketAddress abstract;
    abstract.address.sun_family = AF_UNIX;
    if (name.size() < 2 || name[0] != '@' || name.size() > sizeof abstract.address.sun_path) {
        return fail(Code::InvalidArgument, fmt::format("'{}' is no abstract name: '@' and 1 to {} bytes", name,
                                                       sizeof abstract.address.sun_path - 1));
    }
    std::memcpy(abstract.address.sun_path + 1, name.data() + 1, name.size() - 1);
    abstract.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    return abstract;
}

Status expect_holder(int socket, std::string_view name) {
    constexpr std::string_view kPrefix = "@resonant-";
    uid_t uid = 0;
    ucred holder{};
    socklen_t size = sizeof holder;
    const bool numbered = name.starts_with(kPrefix) &&
                          std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), uid).ec == std::errc{};
    if (!numbered || ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &holder, &size) != 0 || holder.uid != uid) {
        return fail(Code::PermissionDenied,
                    fmt::format("who holds {} is user {}, not the one it names: it is told nothing", name, holder.uid));
    }
    return {};
}

}  // namespace resonant
