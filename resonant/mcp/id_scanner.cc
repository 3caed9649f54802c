#include "resonant/mcp/id_scanner.h"

#include <utility>

#include "resonant/json/json.h"

namespace resonant::mcp {

namespace {

constexpr std::size_t kTokenMax = 256;

bool is_number(char c) { return (c >= '0' && c <= '9') || c == '-'; }

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// A JSON integer of any length: it is echoed as it came.
bool is_integer(std::string_view text) {
    text.remove_prefix(text.starts_with('-') ? 1 : 0);
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos &&
           (text == "0" || text[0] != '0');
}

}  // namespace

void IdScanner::feed(std::string_view piece) {
    for (const char c : piece) {
        if (!started_ && !is_space(c)) {
            started_ = true;
            opened_ = c == '{' || c == '[';
        }
        step(c);
        ++at_;
    }
}

void IdScanner::finish() {
    if (state_ == State::IdNumber) {
        end_id();
    }
}

void IdScanner::step(char c) {
    if (in_string_) {  // of a value that does not matter, at any depth
        if (escaped_) {
            escaped_ = false;
        } else if (c == '\\') {
            escaped_ = true;
        } else if (c == '"') {
            in_string_ = false;
        }
        return;
    }
    switch (state_) {
        case State::Key:
        case State::IdString:
            if (!escaped_ && c == '"') {
                state_ == State::Key ? key_ended() : end_id();
                return;
            }
            escaped_ = !escaped_ && c == '\\';
            overflow_ = overflow_ || token_.size() >= kTokenMax;
            if (!overflow_) {
                token_.push_back(c);
            }
            return;
        case State::IdNumber:
            if (is_number(c)) {
                overflow_ = overflow_ || token_.size() >= kTokenMax;
                token_.push_back(overflow_ ? '0' : c);
                token_.resize(overflow_ ? 0 : token_.size());
                return;
            }
            // A fraction or an exponent makes it no integer, and so no id.
            overflow_ = overflow_ || c == '.' || c == 'e' || c == 'E';
            end_id();
            break;
        case State::AfterKey:
            if (c == ':') {
                state_ = State::Value;
            }
            return;
        case State::Value:
            if (is_space(c)) {
                return;
            }
            state_ = State::Between;
            if (key_ == "id" && depth_ == 1 && (c == '"' || is_number(c))) {
                token_.clear();
                overflow_ = false;
                state_ = c == '"' ? State::IdString : State::IdNumber;
                if (c != '"') {
                    token_.push_back(c);
                }
                return;
            }
            break;
        case State::Between:
            break;
    }
    between(c);
}

void IdScanner::between(char c) {
    switch (c) {
        case '"':
            if (depth_ == 1 && expect_key_) {
                state_ = State::Key;
                token_.clear();
                overflow_ = false;
                escaped_ = false;
            } else {
                in_string_ = true;
                escaped_ = false;
            }
            return;
        case '{':
            ++depth_;
            expect_key_ = depth_ == 1;
            return;
        case '[':
            // An array at the top is no single message: what lies inside is deeper than its members.
            depth_ += depth_ == 0 ? 2 : 1;
            expect_key_ = false;
            return;
        case '}':
        case ']':
            depth_ -= depth_ > 0 ? 1 : 0;
            expect_key_ = false;
            return;
        case ',':
            expect_key_ = depth_ == 1;
            return;
        default:
            return;
    }
}

void IdScanner::key_ended() {
    key_ = overflow_ ? std::string() : token_;
    state_ = State::AfterKey;
    expect_key_ = false;
    has_id_ = has_id_ || key_ == "id";
    method_ = method_ || key_ == "method";
    response_ = response_ || key_ == "result" || key_ == "error";
}

void IdScanner::end_id() {
    if (!overflow_ && id_.empty()) {
        std::string text = state_ == State::IdString ? "\"" + token_ + "\"" : token_;
        // It will be echoed, so it must be JSON itself: broken text may hold raw control bytes, "1-2" or no UTF-8.
        if (state_ == State::IdNumber ? is_integer(text) : json::parse(text).has_value()) {
            id_ = std::move(text);
            id_end_ = at_ + (state_ == State::IdString ? 1 : 0);
        }
    }
    state_ = State::Between;
}

}  // namespace resonant::mcp
