#include "resonant/net/fetch.h"

#include <fmt/core.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "resonant/base/descriptor.h"
#include "resonant/net/http_client.h"

namespace resonant::net {

namespace {

struct Place {
    bool secure = false;
    std::string host;
    std::string port;
    std::string path;
    std::string authority;  // host and port as the header Host has them
};

Result<Place> place_of(const std::string& text) {
    RESONANT_ASSIGN(const Url url, parse_url(text));
    const std::string host = url.host.find(':') == std::string::npos ? url.host : fmt::format("[{}]", url.host);
    const bool usual = url.port == (url.secure ? 443 : 80);
    return Place{url.secure, url.host, std::to_string(url.port), url.target,
                 usual ? host : fmt::format("{}:{}", host, url.port)};
}

Result<Descriptor> connect_to(const Place& place, Nanos patience) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found); error != 0) {
        return fail(Code::Unavailable, fmt::format("fetch: {}: {}", place.host, gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
    const timeval limit{patience.count / 1'000'000'000, patience.count / 1'000 % 1'000'000};
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        Descriptor socket(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // connect() heeds it too
        setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        if (socket && ::connect(socket.get(), one->ai_addr, one->ai_addrlen) == 0) {
            return socket;
        }
    }
    return fail(Code::Unavailable, fmt::format("fetch: {}:{} does not answer ({})", place.host, place.port,
                                               std::strerror(errno)));
}

struct Freeing {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// The bytes of the answer, whichever way they come.
template <typename Write, typename Read>
Result<Fetched> exchange(const Place& place, const std::string& request, std::size_t bytes_max, const Write& write,
                         const Read& read) {
    if (write(request.data(), request.size()) != static_cast<long>(request.size())) {
        return fail(Code::Unavailable, fmt::format("fetch: {} took no request", place.host));
    }
    std::string text;
    char piece[16 * 1024];
    for (long count = 0; (count = read(piece, sizeof piece)) > 0;) {
        text.append(piece, static_cast<std::size_t>(count));
        if (text.size() > bytes_max) {
            return fail(Code::Unavailable, fmt::format("fetch: {} sent more than {} bytes", place.host, bytes_max));
        }
    }
    const std::size_t head = text.find("\r\n\r\n");
    Fetched fetched;
    if (head == std::string::npos || !text.starts_with("HTTP/1.") || text.size() < 12 ||
        std::from_chars(text.data() + 9, text.data() + 12, fetched.status).ec != std::errc()) {
        return fail(Code::Unavailable, fmt::format("fetch: {}{} answered '{}', which is no HTTP", place.host, place.path,
                                                   text.substr(0, std::min(text.find('\r'), std::size_t{60}))));
    }
    fetched.body = text.substr(head + 4);
    return fetched;
}

Result<Fetched> ask(const Place& place, const std::string& request, FetchLimits limits) {
    RESONANT_ASSIGN(const Descriptor socket, connect_to(place, limits.patience));
    if (!place.secure) {
        return exchange(
            place, request, limits.bytes_max,
            [&](const char* from, std::size_t size) { return ::send(socket.get(), from, size, MSG_NOSIGNAL); },
            [&](char* to, std::size_t size) { return ::recv(socket.get(), to, size, 0); });
    }
    const std::unique_ptr<SSL_CTX, Freeing> context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_default_verify_paths(context.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const std::unique_ptr<SSL, Freeing> ssl(SSL_new(context.get()));
    SSL_set_tlsext_host_name(ssl.get(), place.host.c_str());
    SSL_set1_host(ssl.get(), place.host.c_str());
    SSL_set_fd(ssl.get(), socket.get());
    if (SSL_connect(ssl.get()) != 1) {
        return fail(Code::Unavailable, fmt::format("fetch: no trusted connection to {} (certificate: {})", place.host,
                                                   X509_verify_cert_error_string(SSL_get_verify_result(ssl.get()))));
    }
    return exchange(
        place, request, limits.bytes_max,
        [&](const char* from, std::size_t size) { return long{SSL_write(ssl.get(), from, static_cast<int>(size))}; },
        [&](char* to, std::size_t size) { return long{SSL_read(ssl.get(), to, static_cast<int>(size))}; });
}

}  // namespace

Result<std::string> fetch(const std::string& url, FetchLimits limits) {
    RESONANT_ASSIGN(const Place place, place_of(url));
    RESONANT_ASSIGN(Fetched fetched, ask(place, fmt::format("GET {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n\r\n",
                                                            place.path, place.authority), limits));
    if (fetched.status != 200) {
        return fail(Code::Unavailable, fmt::format("fetch: {}{} answered {}, not 200", place.host, place.path, fetched.status));
    }
    return std::move(fetched.body);
}

Result<Fetched> post_form(const std::string& url, const std::string& form, const std::string& authorization,
                          FetchLimits limits) {
    RESONANT_ASSIGN(const Place place, place_of(url));
    const std::string login = authorization.empty() ? "" : fmt::format("Authorization: {}\r\n", authorization);
    return ask(place, fmt::format("POST {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n{}Content-Type: "
                                  "application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
                                  place.path, place.authority, login, form.size(), form), limits);
}

}  // namespace resonant::net
