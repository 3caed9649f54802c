// TLS for connections that were accepted: a TlsContext holds certificate and key, a TlsStream is one
// connection's encryption over a descriptor that does not block. TLS 1.2 and 1.3, by OpenSSL.
//
// A certificate that was renewed is taken up without a restart: connections that are there keep the old one.
//
// A context and its streams belong to one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "resonant/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace resonant::net {

class TlsContext {
  public:
    // Reads PEM files: the certificate with its chain, and its key. InvalidArgument when they do not fit.
    static Result<std::shared_ptr<TlsContext>> load(const std::filesystem::path& certificate,
                                                    const std::filesystem::path& key);
    // Reads the files again when one of them is another than it was; looks at most once a second. When they do
    // not fit (a renewal may be under way) the old ones hold, and it is tried again. Before each connection.
    void renew();

  private:
    friend class TlsStream;
    TlsContext(std::filesystem::path certificate, std::filesystem::path key)
        : certificate_(std::move(certificate)), key_(std::move(key)) {}
    Result<std::shared_ptr<ssl_ctx_st>> read() const;
    std::string stamp() const;

    const std::filesystem::path certificate_, key_;
    std::shared_ptr<ssl_ctx_st> context_;
    std::string stamp_, refused_;   // of the files in use, and of those that did not fit
    std::int64_t looked_at_s_ = 0;
};

class TlsStream {
  public:
    // The server's side; the handshake goes on with the first receive() or send().
    TlsStream(const TlsContext& context, int descriptor);

    // As recv() and send() do: bytes, 0 at the end, -1 with errno (EAGAIN: later).
    long receive(std::span<char> to);
    long send(std::string_view from);
    // Says that nothing more is sent.
    void finish();
    // Whether the last call is waiting for room to write rather than for bytes to read.
    bool wants_to_write() const { return wants_to_write_; }

  private:
    long judge(int result);

    std::shared_ptr<ssl_st> ssl_;
    bool wants_to_write_ = false;
};

}  // namespace resonant::net
