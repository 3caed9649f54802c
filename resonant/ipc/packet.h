// A Packet is one message of a Unix seqpacket socket: bytes and perhaps descriptors, whole or not at
// all, so that nobody ever waits for the second half.
//
// One thread at a time on each end.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"

namespace resonant::ipc {

inline constexpr std::size_t kPacketBytesMax = 64 * 1024;

struct Packet {
    std::string bytes;
    std::vector<Descriptor> descriptors;
};

// A listening socket at `path` (0600), or one connected to it. Any length of path. NotFound when
// nobody listens.
Result<Descriptor> listen_for_packets(const std::filesystem::path& path);
Result<Descriptor> connect_for_packets(const std::filesystem::path& path);

// Unavailable when the other end is gone or does not read; ResourceExhausted beyond the limits.
Status send_packet(int socket, std::string_view bytes, std::span<const int> descriptors = {});
// Does not wait: none when there is none. Unavailable when the other end is gone, DataLoss when what
// came was cut.
Result<std::optional<Packet>> receive_packet(int socket);

}  // namespace resonant::ipc
