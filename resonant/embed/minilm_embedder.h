// A MiniLmEmbedder is the Embedder over all-MiniLM-L6-v2, with a cache of computed vectors. Its kernels
// decide the precision, half, bfloat16 or float32; it is part of the model's name, so that vectors of two
// precisions mix neither in an index nor in the cache.
//
// Threads: any; calls run side by side. Only looking up the cache takes turns.
//
// Invariants:
//   (1) One text gives one vector of unit length, up to the last bits that kernels may differ in.
//   (2) The model costs no memory before the first text that is not in the cache: weights are mapped, the
//       vocabulary is read then.
//   (3) A cache that fails costs time, never an answer; the log says so once.
//
// Long text: the window is 256 tokens, [CLS] and [SEP] among them. A longer text is cut into windows of 254
// tokens of its own; the vector is the mean over all tokens of all windows, then of unit length. After
// kWindowsMax windows the rest is left out (full text finds it all the same).
//
// Where the model lies: RESONANT_MODEL, else `model` beside the executable or one or two folders above,
// else $XDG_CACHE_HOME/resonant/model (~/.cache/resonant/model). `./dev build` or scripts/fetch_model.sh
// puts model.safetensors and vocab.txt there.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "resonant/embed/embedder.h"
#include "resonant/embed/embedding_cache.h"
#include "resonant/embed/encoder.h"
#include "resonant/embed/token_embedder.h"

namespace resonant::embed {

inline constexpr std::size_t kWindowsMax = 64;

// The folder that holds the model by the rule above; when none does, where ./dev build would put it.
std::filesystem::path find_model_folder();
// $XDG_CACHE_HOME/resonant, else ~/.cache/resonant; empty when there is no home folder.
std::filesystem::path default_cache_folder();

class MiniLmEmbedder final : public Embedder, public TokenEmbedder {
  public:
    struct Options {
        std::filesystem::path model_folder;
        std::filesystem::path cache_folder;         // empty: no cache
        const Kernels* kernels = &best_kernels();  // tests compare others
    };

    // Maps the weights and checks their header. NotFound when the model is missing (the text says which
    // command brings it), DataLoss when it is damaged.
    static Result<std::unique_ptr<MiniLmEmbedder>> open(const Options& options);

    // About 2 ms for 16 tokens (see Encoder), 10 us from the cache. DataLoss when the model is damaged.
    Result<Vector> embed(std::string_view text) override;
    std::vector<Result<Vector>> embed_many(std::span<const std::string> texts,
                                           const BatchOptions& options) override;
    // At most one window of the text; neither read from nor kept in the cache. Cost as embed() without it.
    Result<std::vector<Token>> embed_tokens(std::string_view text, std::size_t tokens_max) override;
    // About 100 us from the cache.
    Result<std::shared_ptr<const TokenText>> embed_text(std::string_view text) override;
    Status forget(std::string_view text) override;
    std::string model() const override;  // "all-MiniLM-L6-v2/f16"

    // The tokens the model would read, without [CLS] and [SEP]; for tests and for counting.
    Result<std::vector<TokenId>> tokens(std::string_view text);

  private:
    MiniLmEmbedder(Options options, Weights weights);
    EmbeddingCache::Key key_of(std::string_view text) const;
    const Status& load();
    // Computes the vectors of `texts` into `results`, side by side.
    void compute(std::span<const std::string_view> texts, std::span<Result<Vector>> results);
    Result<Vector> direction_of(Vector sum) const;
    // From the cache where it has them, else computed and kept.
    void embed_group(std::span<const std::string> texts, std::span<Result<Vector>> results);
    void warn_once(const Error& error);

    const Options options_;
    const Weights weights_;
    std::unique_ptr<EmbeddingCache> open_cache(const EmbeddingCache::Kind& kind);

    std::unique_ptr<EmbeddingCache> cache_, token_cache_;  // null: none
    std::atomic<bool> warned_{false};
    std::once_flag loaded_;
    Status load_status_;
    std::optional<Tokenizer> tokenizer_;
    std::optional<Encoder> encoder_;
};

}  // namespace resonant::embed
