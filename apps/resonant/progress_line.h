// A ProgressLine tells on stderr how far long work is: on a terminal a line that rewrites itself, elsewhere a line
// every five seconds, and nothing when it shall be quiet or the work is short.
//
// Belongs to one thread.
#pragma once

#include <chrono>
#include <string_view>

namespace resonant::app {

class ProgressLine {
  public:
    // `what`: the work, "memory.import".
    ProgressLine(std::string_view what, bool quiet);
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    // Takes the line off the terminal again.
    ~ProgressLine();

    // `total` 0: nobody knows. Control characters in `words` are not printed.
    void tell(double done, double total, std::string_view words);

  private:
    using Time = std::chrono::steady_clock::time_point;

    const std::string_view what_;
    const bool is_quiet_;
    const bool is_terminal_;
    Time told_;
    bool is_shown_ = false;
};

}  // namespace resonant::app
