#include "resonant/mcp/http_headers.h"

#include <algorithm>

#include "resonant/net/media_type.h"

namespace resonant::mcp {

using net::lower;

namespace {

// What a header says that may be sent in several parts.
std::optional<std::string> whole(const net::HttpRequest& request, std::string_view name) {
    std::optional<std::string> text;
    for (const auto& [one, value] : request.headers) {
        if (one == name) {
            text = text ? *text + "," + value : value;
        }
    }
    return text;
}

}  // namespace

std::string host_name(std::string_view text) {
    const std::size_t end = text.starts_with('[') ? text.find(']') + 1 : std::min(text.find(':'), text.size());
    const std::string_view port = text.substr(end);
    if (!port.empty() && (port[0] != ':' || port.size() > 6 ||
                          port.find_first_not_of("0123456789", 1) != std::string_view::npos)) {
        return {};
    }
    return lower(text.substr(0, end));
}

std::string origin_host(std::string_view origin) {
    const auto scheme = origin.find("://");
    return scheme == std::string_view::npos ? std::string() : host_name(origin.substr(scheme + 3));
}

std::optional<std::string> copy(const std::string* value) {
    return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
}

bool accepts_json(const net::HttpRequest& request) {
    const auto accept = whole(request, "accept");
    return !accept || net::accepts(*accept, "application/json");
}

bool accepts_events(const net::HttpRequest& request) {
    const auto accept = whole(request, "accept");
    return accept && net::accepts(*accept, "text/event-stream");
}

std::string said_twice(const net::HttpRequest& request) {
    for (const auto& [name, value] : request.headers) {
        const bool matters = name == "content-type" || name == "content-encoding" || name == "authorization" ||
                             name == "last-event-id" || name.starts_with("mcp-");
        if (matters && *request.header(name) != value) {
            return name;
        }
    }
    return {};
}

bool is_json(const net::HttpRequest& request) {
    const std::string* type = request.header("content-type");
    const std::string* coding = request.header("content-encoding");
    if (type == nullptr || (coding != nullptr && lower(*coding) != "identity")) {
        return false;
    }
    const net::MediaType media = net::media_type(*type);
    return media.name == "application/json" && (media.charset.empty() || media.charset == "utf-8");
}

}  // namespace resonant::mcp
