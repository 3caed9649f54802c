// Randomness comes in through a constructor, so that one seed replays a whole run.
//
// A Random belongs to one thread unless its class says otherwise.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>

namespace resonant {

class Random {
  public:
    Random() = default;
    Random(const Random&) = delete;
    Random& operator=(const Random&) = delete;
    virtual ~Random() = default;

    // Fills `target` with random bytes.
    virtual void fill(std::span<std::byte> target) = 0;

    std::uint64_t next();
    // `bytes` random bytes as lower-case hexadecimal, two digits a byte.
    std::string hex(std::size_t bytes);
};

// The operating system's generator: fit for tokens and secrets. Any thread.
class SystemRandom final : public Random {
  public:
    void fill(std::span<std::byte> target) override;
};

// Replayable, for tests. Never for secrets.
class SeededRandom final : public Random {
  public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    void fill(std::span<std::byte> target) override;

  private:
    std::mt19937_64 engine_;
};

}  // namespace resonant
