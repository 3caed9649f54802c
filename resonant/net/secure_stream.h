// A SecureStream is TLS over a connected socket that does not block, from the client's side.
//
// Belongs to one thread. Private to http_client.cc; OpenSSL stays behind it.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

namespace resonant::net {

class SecureStream {
  public:
    // Roots of the system, TLS 1.2 at least. Null when OpenSSL cannot.
    static std::shared_ptr<void> make_context();
    // The certificate must be `host`'s. Takes no ownership of the socket.
    static std::unique_ptr<SecureStream> open(const std::shared_ptr<void>& context, int socket, const std::string& host);
    SecureStream(const SecureStream&) = delete;
    SecureStream& operator=(const SecureStream&) = delete;
    ~SecureStream();

    // As read(2) and write(2): -1 with EAGAIN when it has to wait, with EPROTO when words() says why.
    ssize_t read(char* into, std::size_t size);
    ssize_t write(const char* from, std::size_t size);
    bool wants_write() const { return wants_write_; }
    const std::string& words() const { return words_; }

  private:
    SecureStream() = default;
    ssize_t judge(int result);

    void* tls_ = nullptr;
    bool wants_write_ = true;
    std::string words_ = "the connection was closed";
};

}  // namespace resonant::net
