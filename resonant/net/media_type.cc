#include "resonant/net/media_type.h"

#include <algorithm>

namespace resonant::net {

namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t from = text.find_first_not_of(" \t");
    return from == std::string_view::npos ? std::string_view()
                                          : text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// Takes what stands before `mark` off the front of `text`.
std::string_view next(std::string_view& text, char mark) {
    const std::size_t end = std::min(text.find(mark), text.size());
    const std::string_view part = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

// 0: does not fit; else the more exact the higher.
int fit(std::string_view range, std::string_view type) {
    if (range == type) {
        return 3;
    }
    if (range == "*/*") {
        return 1;
    }
    return range.ends_with("/*") && type.starts_with(range.substr(0, range.size() - 1)) ? 2 : 0;
}

// "q=0", "q=0.0": not at all.
bool forbids(std::string_view parameters) {
    while (!parameters.empty()) {
        const std::string one = lower(next(parameters, ';'));
        if (one.starts_with("q=")) {
            return one.find_first_not_of("0.", 2) == std::string::npos;
        }
    }
    return false;
}

}  // namespace

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

MediaType media_type(std::string_view header) {
    MediaType media;
    media.name = lower(next(header, ';'));
    while (!header.empty()) {
        std::string_view parameter = next(header, ';');
        if (lower(next(parameter, '=')) == "charset") {
            media.charset = lower(parameter);
            std::erase(media.charset, '"');
        }
    }
    return media;
}

bool accepts(std::string_view accept, std::string_view type) {
    int best = 0;
    bool allowed = false;
    while (!accept.empty()) {
        std::string_view range = next(accept, ',');
        const int fits = fit(lower(next(range, ';')), type);
        if (fits > best) {
            best = fits;
            allowed = !forbids(range);
        }
    }
    return allowed;
}

}  // namespace resonant::net
