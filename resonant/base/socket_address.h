// The address of a Unix socket, and above all one that is no file: an abstract name, written with an '@' in front. No rights
// guard it, and it is gone with its socket. Ours for agents of other users carry the user who holds them,
// "@resonant-UID-...". After unix(7).
//
// Threads: any.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>
#include <string_view>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"

namespace resonant {

struct SocketAddress {
    sockaddr_un address{};
    socklen_t size = 0;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

// Of a file. One whose path is longer than an address is reached through its folder, which `folder` keeps open until the
// address has been used. NotFound, PermissionDenied for the folder; InvalidArgument when even the file's name is too long.
Result<SocketAddress> file_address(const std::string& path, Descriptor& folder);

// InvalidArgument when `name` is none: '@' and 1 to 107 bytes.
Result<SocketAddress> abstract_name(std::string_view name);

// For who has connected `socket` to "@resonant-UID-...": PermissionDenied when another user than UID listens there, as any
// may while no kernel runs. Nobody else shall see a token.
Status expect_holder(int socket, std::string_view name);

}  // namespace resonant
