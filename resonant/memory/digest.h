// A Digest takes bytes in pieces and gives their SHA-256.
//
// Belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace resonant::memory {

using Sha256 = std::array<std::byte, 32>;

class Digest {
  public:
    Digest();
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    ~Digest();

    void add(std::span<const std::byte> bytes);
    void add(std::string_view text);
    // Ends it; nothing may be added afterwards.
    Sha256 finish();

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

std::string hex(std::span<const std::byte> bytes);

}  // namespace resonant::memory
