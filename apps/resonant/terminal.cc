#include "apps/resonant/terminal.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>

namespace resonant::app {
namespace {

termios terminal_before{};  // what a signal's handler puts back; it can be given nothing

extern "C" void restore_and_die(int signal) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
    static_cast<void>(::raise(signal));  // the first signal has taken the handler away
}

// The terminal of standard input shows nothing of what is typed while this lives.
class HiddenTyping {
public:
    explicit HiddenTyping(const termios& shown) {
        terminal_before = shown;
        struct sigaction restoring {};
        restoring.sa_handler = restore_and_die;
        restoring.sa_flags = static_cast<int>(SA_RESETHAND);
        for (std::size_t i = 0; i < kEnding.size(); ++i) {
            ::sigaction(kEnding[i], &restoring, &before_[i]);
        }
        termios hidden = shown;
        hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    HiddenTyping(const HiddenTyping&) = delete;
    HiddenTyping& operator=(const HiddenTyping&) = delete;
    ~HiddenTyping() {
        ::tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
        for (std::size_t i = 0; i < kEnding.size(); ++i) {
            ::sigaction(kEnding[i], &before_[i], nullptr);
        }
        std::cerr << "\n";  // the Enter that was not shown
    }

private:
    static constexpr std::array kEnding = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    std::array<struct sigaction, kEnding.size()> before_{};
};

std::optional<std::string> next_line(const std::string& question) {
    std::cerr << question << std::flush;
    std::string line;
    return std::getline(std::cin, line) ? std::optional(std::move(line)) : std::nullopt;
}

}  // namespace

std::optional<std::string> ask_line(const std::string& question, bool hidden) {
    termios shown{};
    if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &shown) != 0) {
        return std::nullopt;
    }
    if (!hidden) {
        return next_line(question);
    }
    const HiddenTyping typing(shown);
    return next_line(question);
}

bool agreed(const std::string& question) {
    const std::optional<std::string> line = ask_line(question + " [y/N] ", false);
    return line && (*line == "y" || *line == "yes" || *line == "Y");
}

}  // namespace resonant::app
