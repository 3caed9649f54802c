#include "resonant/net/tls.h"

#include <fmt/core.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "resonant/base/ensure.h"
#include "resonant/base/log.h"

namespace resonant::net {

namespace {

constexpr std::size_t kRecordMax = 16 * 1024;

std::string last_words() {
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_get_error(), text.data(), text.size());
    ERR_clear_error();
    return text.data();
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::load(const std::filesystem::path& certificate,
                                                     const std::filesystem::path& key) {
    std::shared_ptr<TlsContext> made(new TlsContext(certificate, key));
    made->stamp_ = made->stamp();
    RESONANT_ASSIGN(made->context_, made->read());
    return made;
}

Result<std::shared_ptr<SSL_CTX>> TlsContext::read() const {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    RESONANT_ENSURE(context != nullptr, "OpenSSL has a TLS server method");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_.c_str()) != 1) {
        return fail(Code::InvalidArgument,
                    fmt::format("tls: {} is no certificate in PEM: {}", certificate_.string(), last_words()));
    }
    if (SSL_CTX_use_PrivateKey_file(context.get(), key_.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context.get()) != 1) {
        return fail(Code::InvalidArgument, fmt::format("tls: {} is not the key of {}: {}", key_.string(),
                                                       certificate_.string(), last_words()));
    }
    return context;
}

// Which files these are, and as of when.
std::string TlsContext::stamp() const {
    std::string stamps;
    for (const std::filesystem::path* file : {&certificate_, &key_}) {
        struct stat seen {};
        if (::stat(file->c_str(), &seen) == 0) {
            stamps += fmt::format("{}:{}:{}.{} ", seen.st_ino, seen.st_size, seen.st_mtim.tv_sec, seen.st_mtim.tv_nsec);
        }
    }
    return stamps;
}

void TlsContext::renew() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    if (std::exchange(looked_at_s_, std::int64_t{now.tv_sec}) == now.tv_sec) {
        return;
    }
    std::string seen = stamp();
    if (seen == stamp_) {
        return;
    }
    Result<std::shared_ptr<SSL_CTX>> context = read();
    if (context) {
        context_ = std::move(*context);
        stamp_ = std::move(seen);
        log().info("tls: {} was renewed", certificate_.string());
    } else if (refused_ != seen) {
        refused_ = std::move(seen);
        log().error("{}; the certificate that was read before is kept", context.error().message);
    }
}

TlsStream::TlsStream(const TlsContext& context, int descriptor) : ssl_(SSL_new(context.context_.get()), SSL_free) {
    RESONANT_ENSURE(ssl_ != nullptr && SSL_set_fd(ssl_.get(), descriptor) == 1, "memory for one TLS connection");
    SSL_set_accept_state(ssl_.get());
}

long TlsStream::judge(int result) {
    if (result > 0) {
        wants_to_write_ = false;
        return result;
    }
    const int why = SSL_get_error(ssl_.get(), result);
    wants_to_write_ = why == SSL_ERROR_WANT_WRITE;
    if (wants_to_write_ || why == SSL_ERROR_WANT_READ) {
        errno = EAGAIN;
        return -1;
    }
    ERR_clear_error();
    errno = EPROTO;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

long TlsStream::receive(std::span<char> to) {
    // A whole record fits, so that nothing stays behind in the library where no event tells of it.
    RESONANT_ENSURE(to.size() >= kRecordMax, "receive() is given room for a record");
    return judge(SSL_read(ssl_.get(), to.data(), static_cast<int>(to.size())));
}

long TlsStream::send(std::string_view from) {
    return judge(SSL_write(ssl_.get(), from.data(), static_cast<int>(std::min(from.size(), std::size_t{1} << 30))));
}

void TlsStream::finish() {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

}  // namespace resonant::net
