// Terms are a text's words as a search compares them: lower case, names split (readFile, read_file,
// read.file), grammar's endings off (Porter's stemmer, 1980), words that say nothing left out.
//
// Any thread; plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace resonant::tools {

struct Term {
    std::string said;  // as the text has it, in lower case
    std::string stem;  // what is compared
};

// In the order of the text, repetitions kept.
std::vector<Term> said_terms(std::string_view text);
// The stems alone.
std::vector<std::string> terms_of(std::string_view text);
// A lower-case word without its ending: "connections" and "connected" become "connect".
std::string stem(std::string word);
// The words of a name, apart by spaces, in lower case: "createPullRequest" is "create pull request".
std::string spaced(std::string_view name);

}  // namespace resonant::tools
