// A Scratch is a folder of a test's own, gone when the test ends.
//
// Belongs to one thread.
#pragma once

#include <filesystem>

namespace resonant::test {

class Scratch {
  public:
    Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch();

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const char* name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

}  // namespace resonant::test
