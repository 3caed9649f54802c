// Secrets are values that records of servers name and do not hold: one file a value, 0600, in <home>/secrets. They are
// read at each start of a server, so a changed one is used from then on.
//
// Threads and processes: any; a file is replaced as a whole.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "resonant/runtime/home.h"

namespace resonant::runtime {

inline constexpr std::size_t kSecretMax = 64 * 1024;  // bytes of a value

class Secrets {
  public:
    explicit Secrets(const Home& home) : folder_(home.root / "secrets") {}

    // The value that `server` uses for `name` (a variable, or the id of a question); nothing when none is kept.
    std::optional<std::string> find(const std::string& server, const std::string& name) const;
    // InvalidArgument for a name that no file can have, ResourceExhausted for a value over kSecretMax.
    Status keep(const std::string& server, const std::string& name, const std::string& value) const;
    // True when there was one.
    Result<bool> forget(const std::string& server, const std::string& name) const;
    // The names that are kept for a server, sorted.
    std::vector<std::string> names(const std::string& server) const;

  private:
    std::filesystem::path folder_;
};

}  // namespace resonant::runtime
