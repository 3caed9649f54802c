// TLS for connections that were accepted: a TlsContext holds certificate and key, a TlsStream is one
// connection's encryption over a descriptor that does not block. TLS 1.2 and 1.3, by OpenSSL.
//
// A context is constant, any thread; a stream belongs to one thread.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
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

  private:
    friend class TlsStream;
    explicit TlsContext(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}

    std::shared_ptr<ssl_ctx_st> context_;
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
