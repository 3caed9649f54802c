// A KernelLink is the other end of a KernelSocket: `resonant status`, `call`, `down`, and the process that
// waits for a client. It sends lines, with descriptors where they are needed, and waits for lines.
//
// Threads: any one, blocking with time limits.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::net {

inline constexpr std::size_t kDescriptorsMax = 8;  // of one line

class KernelLink {
  public:
    // NotFound when no kernel listens there; PermissionDenied when another user holds an abstract name (base/socket_address.h).
    static Result<KernelLink> connect(const std::filesystem::path& path);

    // Sends one line, with descriptors when there are some.
    Status send(std::string_view line, std::span<const int> descriptors = {});
    // The next line; Timeout when none came in time, Unavailable when the kernel hung up.
    Result<std::string> receive(Nanos patience);
    // send() and receive().
    Result<std::string> ask(std::string_view line, Nanos patience);
    int descriptor() const { return socket_.get(); }

  private:
    explicit KernelLink(Descriptor socket) : socket_(std::move(socket)) {}

    Descriptor socket_;
    std::string pending_;
};

}  // namespace resonant::net
