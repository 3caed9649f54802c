// A TextSource gives the bytes of a file, or of a text at hand, in order and piece by piece, so that a file of any size
// costs one buffer.
//
// Belongs to one thread.
//
// Invariants:
//   (1) A byte order mark at the beginning is no content.
//   (2) A read that fails ends the text; failure() then says why, and whoever reads to the end asks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"

namespace resonant::tools {

class TextSource {
  public:
    static constexpr int kEnd = -1;

    explicit TextSource(std::string text);
    // A regular file; `name` is for words.
    static Result<TextSource> of_file(Descriptor file, std::string name);

    // The next byte (0 to 255) or kEnd; peek() leaves it there.
    int peek() { return at_ < end_ || refill() ? static_cast<unsigned char>(text_[at_]) : kEnd; }
    int take() {
        const int next = peek();
        if (next != kEnd) {
            ++at_;
            line_ += next == '\n' ? 1 : 0;
        }
        return next;
    }
    // The next line, without its end ("\n" or "\r\n"). False at the end of the text.
    // Of a line of more than `bytes_max` only so many are kept, and one more.
    bool take_line(std::string& line, std::size_t bytes_max);

    // Some bytes in one piece, none at the end; valid until the next call. Their lines are not counted.
    std::string_view take_piece();

    std::size_t line() const { return line_; }               // of the next byte, from 1
    std::uint64_t position() const { return start_ + at_; }  // of the next byte
    double share() const;                                    // of all bytes, 0 to 1
    const Status& failure() const { return failure_; }
    void rewind();
    // The line that begins at `position`, wherever reading stands.
    Result<std::string> line_at(std::uint64_t position) const;
    // The first bytes, at most `count`.
    Result<std::string> head(std::size_t count) const;

  private:
    bool refill();

    void skip_mark();

    std::string text_;  // the text, or the buffer of a file
    Descriptor file_;   // none: text_ is all
    std::string name_;
    std::uint64_t size_ = 0;
    std::size_t at_ = 0;       // the next byte, in text_
    std::size_t end_ = 0;      // of what text_ holds
    std::uint64_t start_ = 0;  // where text_ begins in the whole
    std::size_t line_ = 1;
    Status failure_{};
};

}  // namespace resonant::tools
