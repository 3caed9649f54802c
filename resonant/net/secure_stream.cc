#include "resonant/net/secure_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace resonant::net {
namespace {

int whole(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

}  // namespace

std::shared_ptr<void> SecureStream::make_context() {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    if (context == nullptr) {
        return nullptr;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_default_verify_paths(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return {context, [](void* one) { SSL_CTX_free(static_cast<SSL_CTX*>(one)); }};
}

std::unique_ptr<SecureStream> SecureStream::open(const std::shared_ptr<void>& context, int socket,
                                                 const std::string& host) {
    std::unique_ptr<SecureStream> stream(new SecureStream());
    SSL* tls = context ? SSL_new(static_cast<SSL_CTX*>(context.get())) : nullptr;
    stream->tls_ = tls;
    if (tls != nullptr) {
        SSL_set_fd(tls, socket);
        SSL_set_tlsext_host_name(tls, host.c_str());
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str()) != 1) {
            SSL_set1_host(tls, host.c_str());
        }
        SSL_set_connect_state(tls);
    }
    return stream;
}

SecureStream::~SecureStream() { SSL_free(static_cast<SSL*>(tls_)); }

ssize_t SecureStream::read(char* into, std::size_t size) {
    ERR_clear_error();
    return tls_ == nullptr ? judge(0) : judge(SSL_read(static_cast<SSL*>(tls_), into, whole(size)));
}

ssize_t SecureStream::write(const char* from, std::size_t size) {
    ERR_clear_error();
    return tls_ == nullptr ? judge(0) : judge(SSL_write(static_cast<SSL*>(tls_), from, whole(size)));
}

ssize_t SecureStream::judge(int result) {
    if (result > 0) {
        return result;
    }
    SSL* tls = static_cast<SSL*>(tls_);
    const int error = tls == nullptr ? SSL_ERROR_SSL : SSL_get_error(tls, result);
    wants_write_ = error == SSL_ERROR_WANT_WRITE || (error == SSL_ERROR_SYSCALL && errno == ENOTCONN);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return 0;
    }
    if (error == SSL_ERROR_SSL) {
        char words[200] = "OpenSSL has no context";
        if (const unsigned long code = ERR_get_error(); code != 0) {
            ERR_error_string_n(code, words, sizeof words);
        }
        const long verdict = tls == nullptr ? X509_V_OK : SSL_get_verify_result(tls);
        words_ = std::string("TLS: ") + (verdict == X509_V_OK ? words : X509_verify_cert_error_string(verdict));
    }
    errno = EPROTO;
    return -1;
}

}  // namespace resonant::net
