#include "resonant/mcp/event_reader.h"

#include <charconv>
#include <utility>

namespace resonant::mcp {

void EventReader::feed(std::string_view piece) {
    while (!piece.empty()) {
        if (std::exchange(after_return_, false) && piece.front() == '\n') {
            piece.remove_prefix(1);
            continue;
        }
        const std::size_t end = piece.find_first_of("\r\n");
        const std::string_view text = piece.substr(0, end);
        if (line_.size() + text.size() > event_max_) {
            too_long_ = true;
        } else {
            line_ += text;
        }
        if (end == std::string_view::npos) {
            return;
        }
        after_return_ = piece[end] == '\r';
        piece.remove_prefix(end + 1);
        std::string whole;
        whole.swap(line_);
        line(whole);
    }
}

void EventReader::line(std::string_view text) {
    if (text.empty()) {
        if (too_long_) {
            ++dropped_;
        } else if (has_data_) {
            const std::string name = name_.empty() ? "message" : name_;
            const std::string data = std::move(data_);
            name_.clear();
            data_.clear();
            has_data_ = false;
            take_(name, data);  // may end this object: nothing is touched afterwards
            return;
        }
        name_.clear();
        data_.clear();
        has_data_ = too_long_ = false;
        return;
    }
    const std::size_t colon = text.find(':');
    const std::string_view field = text.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
    if (value.starts_with(' ')) {
        value.remove_prefix(1);
    }
    if (field == "data") {
        if (data_.size() + value.size() > event_max_) {
            too_long_ = true;
            return;
        }
        if (std::exchange(has_data_, true)) {
            data_ += '\n';
        }
        data_ += value;
    } else if (field == "event") {
        name_ = value.substr(0, 100);
    } else if (field == "id" && value.find('\0') == std::string_view::npos) {
        last_id_ = value.substr(0, 1000);
    } else if (field == "retry") {
        std::int64_t millis = 0;
        const auto [last, error] = std::from_chars(value.data(), value.data() + value.size(), millis);
        if (error == std::errc() && last == value.data() + value.size() && millis >= 0) {
            retry_ = from_millis(millis);
        }
    }
}

}  // namespace resonant::mcp
