// A Command is a row of the program's table: its name, what it does, the words it takes, the kernel it needs and
// the function that carries it out. Parsing, --help, completions and manual pages are made from the table.
//
// Belongs to the main thread. Values that arguments write into live as long as the table: `run` owns them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace resonant::app {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kDenied = 3;
inline constexpr int kNoKernel = 4;
inline constexpr int kTimedOut = 5;

struct ExitCode {
    int code;
    const char* meaning;
};

// What every command's exit code means; --help, the manual pages and the documentation show this table.
inline constexpr std::array<ExitCode, 6> kExitCodes = {{
    {kOk, "ok"},
    {kFailed, "failed, or what was checked is not as it should be"},
    {kUsage, "usage: the command line, or a file it names, is wrong"},
    {kDenied, "denied by policy, or only the owner may"},
    {kNoKernel, "no kernel runs on this home"},
    {kTimedOut, "timed out"},
}};

// What a command needs of a kernel. What stores or asks memory, calls a tool or adds a server starts one where none
// runs, as `resonant mcp` does; what shows or steers a running kernel says that there is none, and exits 4.
enum class KernelNeed : std::uint8_t {
    None,
    Running,  // exits 4 where there is none
    Asked,    // starts one on a home that is there; makes no home
    Started,  // starts one, and makes the home
};

// Where an argument's value goes. A list takes as many words as there are; a flag is bool.
using Target = std::variant<bool*, int*, std::size_t*, double*, std::string*, std::optional<double>*,
                            std::vector<std::string>*>;

struct Argument {
    std::string name;    // "--limit", or "query" for one that is known by its place
    Target target;
    std::string help;
    std::string value = {};                 // what help calls the value: "FILE", "SECONDS"; empty: by the type
    std::vector<std::string> choices = {};  // the only values; empty: any
    std::function<std::string(const std::string&)> meant = {};  // the choice that another word for it means; empty: none
    bool required = false;
    char letter = 0;                        // 'f' for -f; 0: none
    bool is_text = false;                   // "-" reads standard input, "@FILE" a file, "@@" is an @

    bool is_flag() const { return std::holds_alternative<bool*>(target); }
    bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target); }
    bool is_positional() const { return !name.starts_with('-'); }
};

struct Common;

struct Command {
    std::string name;     // "memory add"; a group is a row of its own, without `run`
    std::string summary;  // one line, without a full stop
    std::vector<Argument> arguments = {};
    std::function<int(Common&)> run = {};
    KernelNeed kernel = KernelNeed::None;
    std::function<std::string()> check = {};  // what is wrong with the values together, before anything is made or started
    std::string more = {};  // further sentences of help and manual page; may be empty
};

using Commands = std::vector<Command>;

}  // namespace resonant::app
