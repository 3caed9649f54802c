// Judges one program call by its words: the table behind classify().
//
// Any thread; no state.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "resonant/govern/command.h"

namespace resonant::govern {

// `again` judges a line that the program would run itself (`sh -c`, eval, here documents).
struct ProgramCall {
    std::span<const std::string> words;  // words[0] is the program
    std::string_view here;               // text it reads from a here document
    bool from_pipe = false;
    std::function<Classification(std::string_view line)> again;
};

Classification judge_program(const ProgramCall& call);
// A file that is written: devices, sockets by name, system folders.
Classification judge_write(std::string_view path, bool overwrites);

// The last part of a program's path: "/bin/rm" is "rm".
std::string_view program_name(std::string_view word);
bool is_shell(std::string_view program);
bool is_interpreter(std::string_view program);
bool is_download(std::string_view program);
// Where the real program starts behind assignments, keywords and wrappers (sudo, env, nohup, timeout).
struct Unwrapped {
    std::span<const std::string> words;
    bool as_root = false;  // sudo, doas, su
};
Unwrapped unwrap(std::span<const std::string> words);

// The worse of two; the first when they are equal.
Classification worse(Classification a, Classification b);

}  // namespace resonant::govern
