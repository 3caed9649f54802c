#include "resonant/broker/embedding_endpoint.h"

#include <fmt/core.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cmath>

#include "resonant/base/log.h"
#include "resonant/base/utf8.h"
#include "resonant/broker/post.h"
#include "resonant/json/json.h"
#include "resonant/net/http_client.h"

namespace resonant::broker {
namespace {


// Whole characters only: a cut through one would be invalid JSON.
std::string_view sent_part(std::string_view text) {
    return cut_utf8(text, EmbeddingEndpoint::kTextBytesMax);
}

// What the server said is wrong, in a few words.
std::string reason_in(const std::string& body) {
    const Json answer = Json::parse(body, nullptr, false);
    if (answer.is_object() && answer.contains("error")) {
        const Json& error = answer["error"];
        if (error.is_object() && error.contains("message") && error["message"].is_string()) {
            return error["message"].get<std::string>().substr(0, 200);
        }
        return error.dump().substr(0, 200);
    }
    return body.substr(0, 200);
}

bool read_vector(const Json& entry, Vector& vector) {
    if (!entry.is_object() || !entry.contains("embedding") || !entry["embedding"].is_array() ||
        entry["embedding"].size() != kDimensions) {
        return false;
    }
    double squares = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        const Json& number = entry["embedding"][i];
        if (!number.is_number()) {
            return false;
        }
        vector[i] = number.get<float>();
        squares += static_cast<double>(vector[i]) * static_cast<double>(vector[i]);
    }
    if (!std::isfinite(squares) || squares <= 0) {
        return false;
    }
    const auto scale = static_cast<float>(1 / std::sqrt(squares));
    std::ranges::transform(vector, vector.begin(), [scale](float value) { return value * scale; });
    return true;
}

}  // namespace

EmbeddingEndpoint::EmbeddingEndpoint(Options options, std::string host)
    : options_(std::move(options)), host_(std::move(host)) {
    if (options_.cache_folder.empty()) {
        return;
    }
    if (auto cache = embed::EmbeddingCache::open(options_.cache_folder)) {
        cache_ = std::move(*cache);
    } else {
        log().warn("embedding endpoint: works without its cache: {}", cache.error().message);
    }
}

Result<std::unique_ptr<EmbeddingEndpoint>> EmbeddingEndpoint::open(Options options) {
    RESONANT_ASSIGN(const net::Url url, net::parse_url(options.url));
    if (url.target.find('?') != std::string::npos) {
        return fail(Code::InvalidArgument, "embedding endpoint: its address holds a query; give http://HOST:PORT/PATH");
    }
    if (options.model.empty()) {
        return fail(Code::InvalidArgument,
                    "embedding endpoint: it has no model; name one as the server does");
    }
    const bool is_here = url.host == "127.0.0.1" || url.host == "localhost" || url.host == "::1";
    if (!options.key.empty() && !url.secure && !is_here) {
        return fail(Code::InvalidArgument, fmt::format("embedding endpoint: a key would go to {} in the "
                                                       "clear; give an https address",
                                                       url.host));
    }
    std::unique_ptr<EmbeddingEndpoint> made(
        new EmbeddingEndpoint(std::move(options), fmt::format("{}:{}", url.host, url.port)));
    made->name_ = url.host;
    made->port_ = std::to_string(url.port);
    made->target_ = url.target + (url.target.ends_with('/') ? "embeddings" : "/embeddings");
    made->is_encrypted_ = url.secure;
    return made;
}

embed::EmbeddingCache::Key EmbeddingEndpoint::key_of(std::string_view text) const {
    const std::string bytes = model() + '\0' + std::string(text);
    embed::EmbeddingCache::Key key;
    SHA256(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), key.data());
    return key;
}

Result<std::vector<Vector>> EmbeddingEndpoint::read(const std::string& body, std::size_t count) const {
    const Json answer = Json::parse(body, nullptr, false);
    if (!answer.is_object() || !answer.contains("data") || !answer["data"].is_array() ||
        answer["data"].size() != count) {
        return fail(Code::Unavailable,
                    fmt::format("embedding endpoint {}: its answer has no list `data` of {} embeddings; is it "
                                "an OpenAI-compatible server?",
                                host_, count));
    }
    std::vector<Vector> vectors(count);
    std::vector<bool> seen(count, false);
    for (std::size_t i = 0; i < count; ++i) {
        const Json& entry = answer["data"][i];
        const std::size_t at = entry.is_object() && entry.contains("index") && entry["index"].is_number_unsigned()
                                   ? entry["index"].get<std::size_t>()
                                   : i;
        if (at >= count || seen[at] || !read_vector(entry, vectors[at])) {
            return fail(Code::Unavailable,
                        fmt::format("embedding endpoint {}: model {} gives no vector of {} numbers; choose a "
                                    "model that has as many",
                                    host_, options_.model, kDimensions));
        }
        seen[at] = true;
    }
    return vectors;
}

Result<std::vector<Vector>> EmbeddingEndpoint::ask(std::span<const std::string> texts) {
    Json question{{"model", options_.model}, {"dimensions", kDimensions}, {"input", Json::array()}};
    for (const std::string& text : texts) {
        question["input"].push_back(text.empty() ? " " : std::string(sent_part(text)));
    }
    const Post post{.host = name_,
                    .port = port_,
                    .target = target_,
                    .is_encrypted = is_encrypted_,
                    .authorization = options_.key.empty() ? "" : "Bearer " + options_.key,
                    .body = question.dump(),
                    .timeout = options_.timeout,
                    .answer_bytes_max = kAnswerBytesMax};
    RESONANT_ASSIGN(const PostAnswer answer, send(post));
    if (answer.status == 200) {
        return read(answer.body, texts.size());
    }
    const bool is_the_text = answer.status == 400 || answer.status == 413 || answer.status == 422;
    return fail(is_the_text ? Code::InvalidArgument : Code::Unavailable,
                fmt::format("embedding endpoint {}: status {}: {}", host_, answer.status, reason_in(answer.body)));
}

Result<Vector> EmbeddingEndpoint::embed(std::string_view text) {
    const std::string one(text);
    return embed_many(std::span(&one, 1), {}).front();
}

std::vector<Result<Vector>> EmbeddingEndpoint::embed_many(std::span<const std::string> texts,
                                                          const embed::BatchOptions&) {
    std::vector<Result<Vector>> results(texts.size(), fail(Code::Internal, "embedding endpoint: not reached"));
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (auto cached = cache_ ? cache_->find(key_of(texts[i])) : std::nullopt) {
            results[i] = *cached;
        } else {
            missing.push_back(i);
        }
    }
    for (std::size_t from = 0; from < missing.size(); from += kTextsMax) {
        std::vector<std::string> batch;
        for (std::size_t i = from; i < std::min(from + kTextsMax, missing.size()); ++i) {
            batch.push_back(texts[missing[i]]);
        }
        auto vectors = ask(batch);
        if (!vectors && vectors.error().code == Code::InvalidArgument && batch.size() > 1) {
            for (std::size_t i = 0; i < batch.size(); ++i) {  // one of them is refused: which?
                auto alone = ask(std::span(&batch[i], 1));
                results[missing[from + i]] =
                    alone ? Result<Vector>(alone->front()) : std::unexpected<Error>(alone.error());
            }
            continue;
        }
        for (std::size_t i = 0; i < batch.size(); ++i) {
            Result<Vector>& result = results[missing[from + i]];
            result = vectors ? Result<Vector>((*vectors)[i]) : std::unexpected<Error>(vectors.error());
            if (result && cache_) {
                if (const auto kept = cache_->insert(key_of(batch[i]), *result); !kept) {
                    log().warn("embedding endpoint: {}", kept.error().message);
                }
            }
        }
    }
    return results;
}

Status EmbeddingEndpoint::forget(std::string_view text) {
    return cache_ ? cache_->forget(key_of(text)) : Status{};
}

}  // namespace resonant::broker
