#include "resonant/govern/shell_line.h"

#include <utility>

namespace resonant::govern {
namespace {

class Reader {
  public:
    explicit Reader(std::string_view line) : line_(line) {}

    ShellLine read() {
        while (at_ < line_.size() && result_.readable) {
            step();
        }
        end_command(false);
        return std::move(result_);
    }

  private:
    enum class Expect { Word, Overwrite, Append, HereString, HereDocument, Input };

    char peek(std::size_t ahead = 0) const { return at_ + ahead < line_.size() ? line_[at_ + ahead] : '\0'; }

    void step() {
        const char c = line_[at_];
        if (c == ' ' || c == '\t' || c == '\r') {
            end_word();
            ++at_;
        } else if (c == '\n') {
            end_command(false);
            ++at_;
            skip_here_documents();
        } else if (c == '#' && !in_word_) {
            at_ = std::min(line_.find('\n', at_), line_.size());
        } else if (c == ';' || c == '(' || c == ')') {
            end_command(false);
            ++at_;
        } else if (c == '|' || c == '&') {
            step_operator();
        } else if (c == '>' || c == '<') {
            step_redirect();
        } else {
            step_word();
        }
    }

    void step_operator() {
        const char c = line_[at_];
        if (c == '&' && peek(1) == '>') {  // &> file
            end_word();
            ++at_;
            return;
        }
        const bool doubled = peek(1) == c;
        end_command(c == '|' && !doubled);
        at_ += doubled || (c == '|' && peek(1) == '&') ? 2 : 1;
    }

    void step_redirect() {
        // A number in front is the descriptor, no word: 2>file.
        if (in_word_ && word_.find_first_not_of("0123456789") == std::string::npos) {
            word_.clear();
            in_word_ = false;
        }
        end_word();
        const char c = line_[at_++];
        if (peek() == '(') {  // <(script) and >(script)
            ++at_;
            substitute(')');
            in_word_ = true;
            return;
        }
        if (c == '>') {
            expect_ = peek() == '>' ? Expect::Append : Expect::Overwrite;
            at_ += peek() == '>' || peek() == '|' ? 1 : 0;
            if (peek() == '&') {  // 2>&1 names a descriptor, >&file a file
                ++at_;
                expect_ = (peek() >= '0' && peek() <= '9') || peek() == '-' ? Expect::Input : expect_;
            }
        } else if (peek() == '<' && peek(1) == '<') {
            at_ += 2;
            expect_ = Expect::HereString;
        } else if (peek() == '<') {
            at_ += peek(1) == '-' ? 2 : 1;
            expect_ = Expect::HereDocument;
        } else {
            at_ += peek() == '>' || peek() == '&' ? 1 : 0;
            expect_ = Expect::Input;
        }
    }

    void step_word() {
        const char c = line_[at_];
        in_word_ = true;
        if (c == '\\') {
            if (peek(1) != '\n') {
                word_ += peek(1);
            }
            at_ += 2;
        } else if (c == '\'') {
            const std::size_t end = line_.find('\'', at_ + 1);
            if (end == std::string_view::npos) {
                result_.readable = false;
                return;
            }
            word_ += line_.substr(at_ + 1, end - at_ - 1);
            at_ = end + 1;
        } else if (c == '"') {
            double_quoted();
        } else {
            expand();
        }
    }

    void double_quoted() {
        ++at_;
        while (at_ < line_.size() && line_[at_] != '"' && result_.readable) {
            if (line_[at_] == '\\' && at_ + 1 < line_.size()) {
                word_ += line_[at_ + 1];
                at_ += 2;
            } else {
                expand();
            }
        }
        result_.readable = result_.readable && at_ < line_.size();
        ++at_;
    }

    // One plain character, or a substitution.
    void expand() {
        if (line_[at_] == '$' && peek(1) == '(') {
            at_ += 2;
            substitute(')');
        } else if (line_[at_] == '`') {
            ++at_;
            substitute('`');
        } else {
            word_ += line_[at_++];
        }
    }

    // Takes the script up to its closing bracket, minding quotes and brackets in it.
    void substitute(char close) {
        const std::size_t begin = at_;
        int open = 1;
        char quote = '\0';
        for (; at_ < line_.size(); ++at_) {
            const char c = line_[at_];
            if (c == '\\') {
                ++at_;
            } else if (quote != '\0') {
                quote = c == quote ? '\0' : quote;
            } else if (c == '\'' || c == '"') {
                quote = c;
            } else if (close == ')' && c == '(') {
                ++open;
            } else if (c == close && --open == 0) {
                result_.inside.emplace_back(line_.substr(begin, at_ - begin));
                command_.substitutes = true;
                word_ += "$()";
                ++at_;
                return;
            }
        }
        result_.readable = false;
    }

    void end_word() {
        if (!in_word_) {
            return;
        }
        in_word_ = false;
        std::string word = std::exchange(word_, {});
        switch (std::exchange(expect_, Expect::Word)) {
            case Expect::Word: command_.words.push_back(std::move(word)); break;
            case Expect::Overwrite: command_.overwrites.push_back(std::move(word)); break;
            case Expect::Append: command_.appends.push_back(std::move(word)); break;
            case Expect::HereString: command_.here += word + "\n"; break;
            case Expect::HereDocument: documents_.emplace_back(result_.commands.size(), std::move(word)); break;
            case Expect::Input: break;
        }
    }

    void end_command(bool pipes) {
        end_word();
        expect_ = Expect::Word;
        if (command_.words.empty() && command_.overwrites.empty() && command_.appends.empty()) {
            command_ = {};
        } else {
            result_.commands.push_back(std::exchange(command_, {}));
        }
        command_.from_pipe = pipes;
    }

    // The lines that follow belong to the documents begun on the line before.
    void skip_here_documents() {
        for (const auto& [owner, end_mark] : std::exchange(documents_, {})) {
            while (at_ < line_.size()) {
                const std::size_t end = std::min(line_.find('\n', at_), line_.size());
                std::string_view text = line_.substr(at_, end - at_);
                at_ = std::min(end + 1, line_.size());
                text.remove_prefix(std::min(text.find_first_not_of('\t'), text.size()));
                if (text == end_mark) {
                    break;
                }
                if (owner < result_.commands.size()) {
                    result_.commands[owner].here += std::string(text) + "\n";
                }
            }
        }
    }

    std::string_view line_;
    std::size_t at_ = 0;
    ShellLine result_;
    SimpleCommand command_;
    std::string word_;
    bool in_word_ = false;
    Expect expect_ = Expect::Word;
    std::vector<std::pair<std::size_t, std::string>> documents_;
};

}  // namespace

ShellLine read_shell_line(std::string_view line) { return Reader(line).read(); }

}  // namespace resonant::govern
