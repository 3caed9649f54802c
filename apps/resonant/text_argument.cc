#include "apps/resonant/text_argument.h"

#include <fmt/core.h>

#include <fstream>
#include <iostream>
#include <sstream>

namespace resonant::app {
namespace {

Result<std::string> read_all(std::istream& from, const std::string& name) {
    std::string text;
    std::string part(64UL * 1024, '\0');
    while (from.read(part.data(), static_cast<std::streamsize>(part.size())) || from.gcount() > 0) {
        text.append(part, 0, static_cast<std::size_t>(from.gcount()));
        if (text.size() > kTextBytesMax) {
            return fail(Code::InvalidArgument, fmt::format("{} has more than {} bytes, the most that a text may have; "
                                                           "load long ones with: resonant memory import FILE",
                                                           name, kTextBytesMax));
        }
    }
    if (text.ends_with('\n')) {
        text.resize(text.size() - (text.ends_with("\r\n") ? 2 : 1));
    }
    return text;
}

}  // namespace

Status read_text(std::string& word, bool& input_read) {
    if (word == "-") {
        if (input_read) {
            return fail(Code::InvalidArgument, "standard input was read for another argument already; name a file with @FILE");
        }
        input_read = true;
        RESONANT_ASSIGN(word, read_all(std::cin, "standard input"));
        return {};
    }
    if (word.starts_with("@@")) {
        word.erase(0, 1);
        return {};
    }
    if (word.size() > 1 && word.starts_with('@')) {
        const std::string file = word.substr(1);
        std::ifstream opened(file, std::ios::binary);
        opened.peek();
        if (opened.bad() || !opened.is_open() || (opened.fail() && !opened.eof())) {
            return fail_errno(fmt::format("reading {} (a text that begins with @ is written @@)", file), errno);
        }
        opened.clear();
        RESONANT_ASSIGN(word, read_all(opened, file));
    }
    return {};
}

}  // namespace resonant::app
