// Addresses of servers: their text, and where they are.
#include <fmt/core.h>
#include <netdb.h>
#include <sys/socket.h>

#include <charconv>

#include "resonant/net/http_client.h"

namespace resonant::net {

Result<Url> parse_url(std::string_view text) {
    const auto wrong = [&](std::string_view words) {
        return fail(Code::InvalidArgument, fmt::format("url '{}' {}", text.substr(0, 200), words));
    };
    Url url;
    std::string_view rest = text;
    if (rest.starts_with("https://")) {
        url.secure = true;
        rest.remove_prefix(8);
    } else if (rest.starts_with("http://")) {
        rest.remove_prefix(7);
    } else {
        return wrong("must begin with http:// or https://");
    }
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7F) {
            return wrong("holds a blank or a control character");
        }
    }
    rest = rest.substr(0, rest.find('#'));
    const std::size_t slash = rest.find_first_of("/?");
    std::string_view place = rest.substr(0, slash);
    url.target = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash));
    if (url.target.front() == '?') {
        url.target.insert(url.target.begin(), '/');
    }
    if (place.find('@') != std::string_view::npos) {
        return wrong("holds a user; put a token into headers.Authorization");
    }
    url.port = url.secure ? 443 : 80;
    const std::size_t bracket = place.starts_with('[') ? place.find(']') : 0;
    if (bracket == std::string_view::npos) {
        return wrong("has an address without its ]");
    }
    const std::size_t colon = place.find(':', bracket);
    if (colon != std::string_view::npos) {
        const std::string_view port = place.substr(colon + 1);
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
        if (error != std::errc() || end != port.data() + port.size() || url.port == 0) {
            return wrong("has a port that is none");
        }
        place = place.substr(0, colon);
    }
    url.host = place.starts_with('[') ? std::string(place.substr(1, bracket - 1)) : std::string(place);
    if (url.host.empty()) {
        return wrong("names no host");
    }
    return url;
}

Result<Address> look_up(const Url& url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int status = ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
    if (status != 0 || found == nullptr) {
        return fail(Code::NotFound, fmt::format("look up {}: {}", url.host, ::gai_strerror(status)));
    }
    // "localhost" may come as ::1 first while servers listen on 127.0.0.1.
    const addrinfo* best = found;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        if (one->ai_family == AF_INET) {
            best = one;
            break;
        }
    }
    const char* bytes = reinterpret_cast<const char*>(best->ai_addr);
    Address address{{bytes, bytes + best->ai_addrlen}};
    ::freeaddrinfo(found);
    return address;
}

}  // namespace resonant::net
