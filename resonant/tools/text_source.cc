#include "resonant/tools/text_source.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace resonant::tools {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Result<std::size_t> read_at(const Descriptor& file, const std::string& name, char* into, std::size_t count,
                            std::uint64_t position) {
    for (;;) {
        const ssize_t got = ::pread(file.get(), into, count, static_cast<off_t>(position));
        if (got >= 0) {
            return static_cast<std::size_t>(got);
        }
        if (errno != EINTR) {
            return fail_errno("read " + name, errno);
        }
    }
}

}  // namespace

TextSource::TextSource(std::string text) : text_(std::move(text)), size_(text_.size()), end_(text_.size()) {
    skip_mark();
}

Result<TextSource> TextSource::of_file(Descriptor file, std::string name) {
    struct stat about{};
    if (::fstat(file.get(), &about) != 0) {
        return fail_errno("stat " + name, errno);
    }
    TextSource source{std::string()};
    source.text_.resize(kBufferBytes);
    source.file_ = std::move(file);
    source.name_ = std::move(name);
    source.size_ = static_cast<std::uint64_t>(about.st_size);
    source.skip_mark();
    return source;
}

bool TextSource::refill() {
    if (!file_ || !failure_) {
        return false;
    }
    const auto got = read_at(file_, name_, text_.data(), text_.size(), start_ + end_);
    if (!got) {
        failure_ = std::unexpected(got.error());
    }
    start_ += end_;
    at_ = 0;
    end_ = got.value_or(0);
    return end_ > 0;
}

void TextSource::skip_mark() {
    peek();
    if (start_ == 0 && std::string_view(text_).substr(0, end_).starts_with(kByteOrderMark)) {
        at_ = kByteOrderMark.size();
    }
}

void TextSource::rewind() {
    at_ = 0;
    line_ = 1;
    if (file_) {
        start_ = 0;
        end_ = 0;
    }
    skip_mark();
}

bool TextSource::take_line(std::string& line, std::size_t bytes_max) {
    line.clear();
    if (peek() == kEnd) {
        return false;
    }
    while (peek() != kEnd) {
        const std::string_view rest = std::string_view(text_).substr(at_, end_ - at_);
        const std::size_t stop = rest.find('\n');
        const std::string_view piece = rest.substr(0, stop);
        line.append(piece.substr(0, std::min(piece.size(), bytes_max + 1 - std::min(line.size(), bytes_max + 1))));
        at_ += piece.size();
        if (stop != std::string_view::npos) {
            ++at_;
            ++line_;
            break;
        }
    }
    if (line.ends_with('\r')) {
        line.pop_back();
    }
    return true;
}

std::string_view TextSource::take_piece() {
    if (peek() == kEnd) {
        return {};
    }
    const std::size_t from = std::exchange(at_, end_);
    return std::string_view(text_).substr(from, end_ - from);
}

double TextSource::share() const {
    return size_ == 0 ? 1 : std::min(1.0, static_cast<double>(position()) / static_cast<double>(size_));
}

Result<std::string> TextSource::head(std::size_t count) const {
    if (!file_) {
        return text_.substr(0, count);
    }
    std::string text(count, '\0');
    RESONANT_ASSIGN(const std::size_t got, read_at(file_, name_, text.data(), count, 0));
    text.resize(got);
    return text;
}

Result<std::string> TextSource::line_at(std::uint64_t position) const {
    if (!file_) {
        const auto rest = std::string_view(text_).substr(std::min<std::uint64_t>(position, text_.size()));
        return std::string(rest.substr(0, rest.find('\n')));
    }
    std::string line;
    std::array<char, 8'192> buffer;
    for (;;) {
        RESONANT_ASSIGN(const std::size_t got, read_at(file_, name_, buffer.data(), buffer.size(), position));
        const std::string_view piece(buffer.data(), got);
        const std::size_t stop = piece.find('\n');
        line.append(piece.substr(0, stop));
        if (got == 0 || stop != std::string_view::npos) {
            return line;
        }
        position += got;
    }
}

}  // namespace resonant::tools
