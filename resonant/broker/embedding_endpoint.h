// An EmbeddingEndpoint is an Embedder that asks an OpenAI-compatible server (POST .../embeddings) for its
// vectors. Every text that is remembered or asked for is sent there: it is an option for owners who want
// that, and off by default. Its vectors have a model's name of their own, so they mix neither with the local
// model's nor with another endpoint's.
//
// Threads: any; calls run side by side, each over a connection of its own.
//
// Invariants:
//   (1) No call lasts longer than `timeout` a request.
//   (2) A server that is down, busy or refuses our key is Unavailable: the text waits and is tried again.
//       A text that the server cannot take is InvalidArgument.
//   (3) A key goes over https, or to this machine.
#pragma once

#include <chrono>
#include <memory>

#include "resonant/embed/embedder.h"
#include "resonant/embed/embedding_cache.h"

namespace resonant::broker {

class EmbeddingEndpoint final : public embed::Embedder {
  public:
    struct Options {
        std::string url;    // "http://127.0.0.1:11434/v1" or "https://..."; "/embeddings" is added
        std::string model;  // as the server names it
        std::string key;    // empty: none is sent
        std::chrono::milliseconds timeout{10'000};
        std::filesystem::path cache_folder;  // empty: no cache
    };
    static constexpr std::size_t kTextsMax = 32;               // in one request
    static constexpr std::size_t kTextBytesMax = 32 * 1024;    // further bytes of a text are not sent
    static constexpr std::size_t kAnswerBytesMax = 16U << 20;

    // InvalidArgument for a URL or model that cannot be used; connects to nothing.
    static Result<std::unique_ptr<EmbeddingEndpoint>> open(Options options);

    Result<Vector> embed(std::string_view text) override;
    std::vector<Result<Vector>> embed_many(std::span<const std::string> texts,
                                                   const embed::BatchOptions& options) override;
    Status forget(std::string_view text) override;
    std::string model() const override { return "endpoint " + host_ + " " + options_.model; }

  private:
    EmbeddingEndpoint(Options options, std::string host);
    embed::EmbeddingCache::Key key_of(std::string_view text) const;
    // The vectors of at most kTextsMax texts, in one request.
    Result<std::vector<Vector>> ask(std::span<const std::string> texts);
    Result<std::vector<Vector>> read(const std::string& body, std::size_t count) const;

    const Options options_;
    const std::string host_;  // with its port
    std::string port_, target_, name_;
    bool is_encrypted_ = false;
    std::unique_ptr<embed::EmbeddingCache> cache_;
};

}  // namespace resonant::broker
