// A ShellLine is a line of shell taken apart as far as judging it needs: simple commands, what they are
// piped into, where they write, what runs inside substitutions. It expands nothing and runs nothing.
//
// Any thread; plain values.
//
// Invariants:
//   (1) Quotes and escapes are resolved: `r"m"` and `\rm` read as rm, 'a b' is one word.
//   (2) What stands in $(...), `...` and <(...) is in `inside`, to be judged as lines of their own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resonant::govern {

struct SimpleCommand {
    std::vector<std::string> words;
    std::vector<std::string> overwrites;  // targets of > and >|
    std::vector<std::string> appends;     // targets of >>
    std::string here;                     // text of << and <<<
    bool substitutes = false;             // a word holds $(...) or `...`
    bool from_pipe = false;               // its input is the command before
};

struct ShellLine {
    std::vector<SimpleCommand> commands;
    std::vector<std::string> inside;  // scripts of substitutions
    bool readable = true;             // false: an open quote or bracket
};

ShellLine read_shell_line(std::string_view line);

}  // namespace resonant::govern
