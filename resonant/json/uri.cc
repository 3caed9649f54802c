#include "resonant/json/uri.h"

#include <algorithm>
#include <vector>

namespace resonant::json {

namespace {

struct Parts {
    std::string_view scheme;     // with its ':'
    std::string_view authority;  // with its "//"
    std::string_view path;
    std::string_view query;      // with its '?'
    std::string_view fragment;   // with its '#'
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Parts parts_of(std::string_view uri) {
    Parts parts;
    const auto cut = [&uri](std::size_t at) {
        const std::string_view head = uri.substr(0, at);
        uri.remove_prefix(head.size());
        return head;
    };
    const std::size_t hash = std::min(uri.find('#'), uri.size());
    parts.fragment = uri.substr(hash);
    uri = uri.substr(0, hash);
    const std::size_t colon = uri.find_first_of(":/?");
    if (colon != std::string_view::npos && uri[colon] == ':' && colon > 0 && is_letter(uri[0])) {
        parts.scheme = cut(colon + 1);
    }
    if (uri.starts_with("//")) {
        parts.authority = cut(uri.find_first_of("/?", 2));
    }
    parts.path = cut(uri.find('?'));
    parts.query = uri;
    return parts;
}

// "/a/./b/../c" is "/a/c".
std::string without_dots(std::string_view path) {
    std::vector<std::string_view> kept;
    const bool rooted = path.starts_with('/');
    std::string_view last;
    for (std::size_t at = rooted ? 1 : 0; at <= path.size();) {
        const std::size_t end = std::min(path.find('/', at), path.size());
        last = path.substr(at, end - at);
        if (last == "..") {
            if (!kept.empty()) {
                kept.pop_back();
            }
        } else if (last != ".") {
            kept.push_back(last);
        }
        at = end + 1;
    }
    std::string out = rooted ? "/" : "";
    for (std::size_t i = 0; i < kept.size(); ++i) {
        out.append(i == 0 ? "" : "/").append(kept[i]);
    }
    if ((last == "." || last == "..") && !kept.empty()) {
        out += '/';
    }
    return out;
}

std::string joined(std::string_view scheme, std::string_view authority, std::string_view path,
                   std::string_view query, std::string_view fragment) {
    std::string out;
    for (const std::string_view part : {scheme, authority, path, query, fragment}) {
        out.append(part);
    }
    return out;
}

}  // namespace

std::string resolve_uri(std::string_view base, std::string_view reference) {
    const Parts from = parts_of(base);
    const Parts to = parts_of(reference);
    if (!to.scheme.empty()) {
        return joined(to.scheme, to.authority, without_dots(to.path), to.query, to.fragment);
    }
    if (!to.authority.empty()) {
        return joined(from.scheme, to.authority, without_dots(to.path), to.query, to.fragment);
    }
    if (to.path.empty()) {
        return joined(from.scheme, from.authority, from.path, to.query.empty() ? from.query : to.query, to.fragment);
    }
    std::string path(to.path);
    if (!to.path.starts_with('/')) {
        const std::size_t slash = from.path.rfind('/');
        if (slash != std::string_view::npos) {
            path = std::string(from.path.substr(0, slash + 1)) + path;
        } else if (!from.authority.empty()) {
            path = "/" + path;
        }
    }
    return joined(from.scheme, from.authority, without_dots(path), to.query, to.fragment);
}

std::pair<std::string, std::string> split_fragment(std::string_view uri) {
    const std::size_t hash = std::min(uri.find('#'), uri.size());
    const std::string_view raw = uri.substr(std::min(hash + 1, uri.size()));
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    std::string fragment;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] == '%' && i + 2 < raw.size() && digit(raw[i + 1]) >= 0 && digit(raw[i + 2]) >= 0) {
            fragment += static_cast<char>(digit(raw[i + 1]) * 16 + digit(raw[i + 2]));
            i += 2;
        } else {
            fragment += raw[i];
        }
    }
    return {std::string(uri.substr(0, hash)), fragment};
}

}  // namespace resonant::json
