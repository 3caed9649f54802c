#include "resonant/embed/minilm_embedder.h"

#include <fmt/core.h>
#include <openssl/sha.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "resonant/base/log.h"
#include "resonant/embed/token_text.h"

namespace resonant::embed {
namespace {

constexpr std::size_t kWindowOwnTokens = kWindowTokens - 2;
constexpr unsigned kThreadsMax = 64;
constexpr std::size_t kGroupTexts = 4;  // texts that a thread takes at once
// About 100 MB.
constexpr EmbeddingCache::Kind kTokenTexts{
    "tokens-v1", {'R', 'S', 'N', 'T', 'O', 'K', '0', '1'}, sizeof(TokenText::Packed), 4'096};

bool holds_model(const std::filesystem::path& folder) {
    std::error_code ignored;
    return std::filesystem::exists(folder / "model.safetensors", ignored);
}

}  // namespace

std::filesystem::path default_cache_folder() {
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && cache[0] == '/') {
        return std::filesystem::path(cache) / "resonant";
    }
    if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
        return std::filesystem::path(home) / ".cache" / "resonant";
    }
    return {};
}

std::filesystem::path find_model_folder() {
    if (const char* named = std::getenv("RESONANT_MODEL"); named != nullptr && named[0] != '\0') {
        return named;
    }
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto beside = program.parent_path();
    for (const auto& folder : {beside, beside.parent_path(), beside.parent_path().parent_path()}) {
        if (holds_model(folder / "model")) {
            return folder / "model";
        }
    }
    const auto cached = default_cache_folder() / "model";
    return holds_model(cached) ? cached : beside / "model";
}

MiniLmEmbedder::MiniLmEmbedder(Options options, Weights weights)
    : options_(std::move(options)), weights_(std::move(weights)) {
    if (!options_.cache_folder.empty()) {
        cache_ = open_cache(EmbeddingCache::kTexts);
        token_cache_ = open_cache(kTokenTexts);
    }
}

std::unique_ptr<EmbeddingCache> MiniLmEmbedder::open_cache(const EmbeddingCache::Kind& kind) {
    auto cache = EmbeddingCache::open(options_.cache_folder, kind);
    if (!cache) {
        warn_once(cache.error());
        return nullptr;
    }
    return std::move(*cache);
}

Result<std::unique_ptr<MiniLmEmbedder>> MiniLmEmbedder::open(const Options& options) {
    for (const char* name : {"model.safetensors", "vocab.txt"}) {
        std::error_code error;
        if (!std::filesystem::exists(options.model_folder / name, error)) {
            return fail(Code::NotFound,
                        fmt::format("embedder: {} has no {}; fetch the model with ./dev build or "
                                    "scripts/fetch_model.sh {}, or name its folder in RESONANT_MODEL",
                                    options.model_folder.string(), name,
                                    options.model_folder.string()));
        }
    }
    RESONANT_ASSIGN(Weights weights, Weights::open(options.model_folder / "model.safetensors"));
    return std::unique_ptr<MiniLmEmbedder>(new MiniLmEmbedder(options, std::move(weights)));
}

void MiniLmEmbedder::warn_once(const Error& error) {
    if (!warned_.exchange(true)) {
        log().warn("embedder: works without its cache: {}", error.message);
    }
}

const Status& MiniLmEmbedder::load() {
    std::call_once(loaded_, [this] {
        auto tokenizer = Tokenizer::open(options_.model_folder / "vocab.txt");
        if (!tokenizer) {
            load_status_ = std::unexpected<Error>(tokenizer.error());
            return;
        }
        auto encoder = Encoder::create(weights_, *options_.kernels);
        if (!encoder) {
            load_status_ = std::unexpected<Error>(encoder.error());
            return;
        }
        tokenizer_.emplace(std::move(*tokenizer));
        encoder_.emplace(std::move(*encoder));
    });
    return load_status_;
}

Result<std::vector<TokenId>> MiniLmEmbedder::tokens(std::string_view text) {
    RESONANT_CHECK(load());
    return tokenizer_->tokens(text, kWindowsMax * kWindowOwnTokens);
}

std::string MiniLmEmbedder::model() const {
    return fmt::format("all-MiniLM-L6-v2/{}", name_of(options_.kernels->precision));
}

// The mean over all tokens has the direction of their sum, and only the direction stays.
Result<Vector> MiniLmEmbedder::direction_of(Vector sum) const {
    double squares = 0;
    for (const float value : sum) {
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    if (!std::isfinite(squares) || squares == 0) {
        return fail(Code::DataLoss,
                    fmt::format("embedder: the model in {0} computes no number; it is damaged, remove "
                                "it and run scripts/fetch_model.sh {0}",
                                options_.model_folder.string()));
    }
    const auto scale = static_cast<float>(1.0 / std::sqrt(squares));
    std::ranges::transform(sum, sum.begin(), [scale](float value) { return value * scale; });
    return sum;
}

void MiniLmEmbedder::compute(std::span<const std::string_view> texts,
                             std::span<Result<Vector>> results) {
    if (const Status& loaded = load(); !loaded) {
        std::ranges::fill(results, Result<Vector>(std::unexpected<Error>(loaded.error())));
        return;
    }
    std::vector<Vector> sums(texts.size(), Vector{});
    std::vector<std::vector<TokenId>> windows;
    std::vector<Vector*> into;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const auto all = tokenizer_->tokens(texts[i], kWindowsMax * kWindowOwnTokens);
        std::span<const TokenId> rest = all;
        do {  // the empty text is one window of [CLS] and [SEP]
            const auto own = rest.first(std::min(rest.size(), kWindowOwnTokens));
            auto& window = windows.emplace_back(1, tokenizer_->start());
            window.insert(window.end(), own.begin(), own.end());
            window.push_back(tokenizer_->stop());
            into.push_back(&sums[i]);
            rest = rest.subspan(own.size());
        } while (!rest.empty());
    }
    std::vector<Encoder::Window> batch;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < windows.size(); ++i) {
        if (tokens + windows[i].size() > kBatchTokens) {
            encoder_->add_outputs(batch);
            batch.clear();
            tokens = 0;
        }
        batch.push_back({windows[i], into[i]});
        tokens += windows[i].size();
    }
    encoder_->add_outputs(batch);
    std::ranges::transform(sums, results.begin(), [&](const Vector& sum) { return direction_of(sum); });
}

Result<std::vector<Token>> MiniLmEmbedder::embed_tokens(std::string_view text, std::size_t tokens_max) {
    RESONANT_CHECK(load());
    const auto own = tokenizer_->tokens(text, std::min(tokens_max, kWindowOwnTokens));
    std::vector<TokenId> window(1, tokenizer_->start());
    window.insert(window.end(), own.begin(), own.end());
    window.push_back(tokenizer_->stop());
    Vector sum{};
    std::vector<Vector> outputs(window.size());
    const Encoder::Window one{window, &sum, outputs.data()};
    encoder_->add_outputs({&one, 1});
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < own.size(); ++i) {
        if (!tokenizer_->is_sign(own[i])) {
            RESONANT_ASSIGN(const Vector direction, direction_of(outputs[i + 1]));
            tokens.push_back({own[i], direction});
        }
    }
    return tokens;
}

Result<std::shared_ptr<const TokenText>> MiniLmEmbedder::embed_text(std::string_view text) {
    const EmbeddingCache::Key key = key_of(text);
    TokenText::Packed packed;
    const auto bytes = std::as_writable_bytes(std::span(&packed, 1));
    if (token_cache_ && token_cache_->find(key, bytes)) {
        if (std::optional<TokenText> kept = TokenText::unpacked(packed)) {
            return std::make_shared<const TokenText>(std::move(*kept));
        }
    }
    RESONANT_ASSIGN(const std::vector<Token> tokens, embed_tokens(text, kTextTokensMax));
    auto made = std::make_shared<const TokenText>(tokens);
    if (token_cache_) {
        packed = made->packed();
        if (const auto kept = token_cache_->insert(key, bytes); !kept) {
            warn_once(kept.error());
        }
    }
    return made;
}

EmbeddingCache::Key MiniLmEmbedder::key_of(std::string_view text) const {
    std::string bytes = model();
    bytes.append(reinterpret_cast<const char*>(weights_.fingerprint().data()),
                 weights_.fingerprint().size());
    bytes.append(text);
    EmbeddingCache::Key key;
    SHA256(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), key.data());
    return key;
}

void MiniLmEmbedder::embed_group(std::span<const std::string> texts,
                                 std::span<Result<Vector>> results) {
    std::vector<std::size_t> missing;
    std::vector<std::string_view> wanted;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (auto cached = cache_ ? cache_->find(key_of(texts[i])) : std::nullopt) {
            results[i] = *cached;
            continue;
        }
        missing.push_back(i);
        wanted.emplace_back(texts[i]);
    }
    if (missing.empty()) {
        return;
    }
    std::vector<Result<Vector>> computed(wanted.size(), fail(Code::Internal, "embedder: not reached"));
    compute(wanted, computed);
    for (std::size_t i = 0; i < missing.size(); ++i) {
        if (computed[i] && cache_) {
            if (const auto kept = cache_->insert(key_of(wanted[i]), *computed[i]); !kept) {
                warn_once(kept.error());
            }
        }
        results[missing[i]] = std::move(computed[i]);
    }
}

Result<Vector> MiniLmEmbedder::embed(std::string_view text) {
    const std::string one(text);
    Result<Vector> result = fail(Code::Internal, "embedder: not reached");
    embed_group(std::span(&one, 1), std::span(&result, 1));
    return result;
}

Status MiniLmEmbedder::forget(std::string_view text) {
    const EmbeddingCache::Key key = key_of(text);
    const Status of_tokens = token_cache_ ? token_cache_->forget(key) : Status{};
    RESONANT_CHECK(cache_ ? cache_->forget(key) : Status{});
    return of_tokens;
}

std::vector<Result<Vector>> MiniLmEmbedder::embed_many(std::span<const std::string> texts,
                                                       const BatchOptions& options) {
    std::vector<Result<Vector>> results(texts.size(), fail(Code::Internal, "embedder: not reached"));
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        // On Linux niceness is a thread's own. A refusal only makes the work less polite.
        (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), options.niceness);
        for (std::size_t i = next.fetch_add(kGroupTexts); i < texts.size();
             i = next.fetch_add(kGroupTexts)) {
            const std::size_t count = std::min(kGroupTexts, texts.size() - i);
            embed_group(texts.subspan(i, count), std::span(results).subspan(i, count));
        }
    };
    std::vector<std::jthread> threads;
    const unsigned count = std::clamp(options.threads, 1U, kThreadsMax);
    for (unsigned i = 0; i < count; ++i) {
        threads.emplace_back(work);
    }
    threads.clear();  // joins
    return results;
}

}  // namespace resonant::embed
