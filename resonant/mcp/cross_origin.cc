#include "resonant/mcp/cross_origin.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "resonant/mcp/http_headers.h"
#include "resonant/net/media_type.h"

namespace resonant::mcp {

namespace {

// What both eras of the protocol send; Mcp-Param-* are named by tools.
constexpr std::array<std::string_view, 9> kHeaders = {"authorization",  "content-type", "accept",        "mcp-session-id", "mcp-protocol-version",
                                                      "mcp-method",     "mcp-name",     "last-event-id", "cache-control"};
constexpr std::string_view kParameter = "mcp-param-";
constexpr std::size_t kAskedMax = 64;  // headers of one preflight

bool may_send(std::string_view header) {
    const auto is_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
    return std::ranges::find(kHeaders, header) != kHeaders.end() ||
           (header.starts_with(kParameter) && std::ranges::all_of(header, is_name));
}

}  // namespace

Result<std::string> origin_of(std::string_view text) {
    std::string origin = net::lower(text);
    const bool web = origin.starts_with("https://") || origin.starts_with("http://");
    const std::string_view host = web ? std::string_view(origin).substr(origin.find("://") + 3) : std::string_view();
    if (!web || host.empty() || host.find_first_of("/?#@* ") != std::string_view::npos || origin_host(origin).empty()) {
        return fail(Code::InvalidArgument,
                    fmt::format("'{}' is not an origin; write scheme, host and port as a browser sends them, such as "
                                "https://app.example or http://localhost:5173, without a path or *", text));
    }
    return origin;
}

bool CrossOrigin::allows(std::string_view origin) const {
    return std::ranges::find(origins_, net::lower(origin)) != origins_.end();
}

bool CrossOrigin::is_preflight(const net::HttpRequest& request) {
    return request.method == "OPTIONS" && request.header("origin") != nullptr &&
           request.header("access-control-request-method") != nullptr;
}

net::HttpResponse CrossOrigin::preflight(const net::HttpRequest& request, std::string_view origin) {
    std::string allowed;
    for (const std::string_view header : kHeaders) {
        allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", header);
    }
    const std::string* asked = request.header("access-control-request-headers");
    std::string_view rest = asked == nullptr ? std::string_view() : std::string_view(*asked);
    for (std::size_t i = 0; !rest.empty() && i < kAskedMax; ++i) {
        const std::size_t end = std::min(rest.find(','), rest.size());
        std::string name = net::lower(rest.substr(0, end));
        std::erase(name, ' ');
        if (name.starts_with(kParameter) && may_send(name)) {
            allowed += ", " + name;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    net::HttpResponse response{204, "text/plain", {}, {}};
    response.headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                        {"Access-Control-Allow-Headers", allowed},
                        {"Access-Control-Max-Age", "600"}};
    if (request.header("access-control-request-private-network") != nullptr) {
        response.headers.emplace_back("Access-Control-Allow-Private-Network", "true");
    }
    mark(response, origin);
    return response;
}

void CrossOrigin::mark(net::HttpResponse& response, std::string_view origin) {
    response.headers.emplace_back("Access-Control-Allow-Origin", std::string(origin));
    response.headers.emplace_back("Access-Control-Expose-Headers",
                                  "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After");
    response.headers.emplace_back("Vary", "Origin");
}

}  // namespace resonant::mcp
