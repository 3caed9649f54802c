#include "resonant/tools/tool_search.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "resonant/tools/nearest.h"
#include "resonant/tools/tool_kinds.h"
#include "resonant/tools/uses.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kVectorsMax = 16'384;  // those of servers that are gone are dropped at this many
constexpr std::size_t kTokenTextsMax = 4'096;  // likewise; about 13 KB each

}  // namespace

ToolSearch::ToolSearch(const Toolbox& toolbox) : toolbox_(toolbox) {
    ToolIndex::Documents& ours = servers_[""];
    for (const Tool& tool : toolbox.tools()) {
        const call::Contract& contract = tool.contract;
        ours.push_back(std::make_shared<ToolDocument>(
            ToolDocument{.name = contract.name,
                         .description = contract.summary,
                         .uses = std::string(uses_of(contract.name)),
                         .input_schema = contract.input_schema,
                         .example = contract.example,
                         .available = contract.available}));
    }
    want(ours);
}

void ToolSearch::put(const std::string& server, std::vector<ToolDocument> tools) {
    const std::lock_guard lock(mutex_);
    servers_.erase(server);
    ToolIndex::Documents& documents = servers_[server];
    for (ToolDocument& tool : tools) {
        tool.server = server;
        tool.kind_uses = uses_of_kinds(tool);
        documents.push_back(std::make_shared<ToolDocument>(std::move(tool)));
    }
    if (vectors_.size() > kVectorsMax) {
        vectors_.clear();
        waiting_.clear();
        for (const auto& [name, all] : servers_) {
            want(all);
        }
    } else {
        want(documents);
    }
    if (documents.empty()) {
        servers_.erase(server);
    }
    if (tokens_.size() >= kTokenTextsMax) {
        drop_unused_tokens();
    }
    snapshot_.reset();
}

void ToolSearch::drop_unused_tokens() {
    std::set<std::string> used;
    for (const auto& [name, documents] : servers_) {
        for (const auto& document : documents) {
            for (std::string& text : ToolIndex::token_texts_of(*document)) {
                used.insert(std::move(text));
            }
        }
    }
    std::erase_if(tokens_, [&](const auto& each) { return !used.contains(each.first); });
}

std::shared_ptr<const ToolSearch::Snapshot> ToolSearch::snapshot() {
    const std::lock_guard lock(mutex_);
    if (!snapshot_) {
        auto made = std::make_shared<Snapshot>();
        ToolIndex::Documents documents;
        for (const auto& [server, tools] : servers_) {
            documents.insert(documents.end(), tools.begin(), tools.end());
            for (std::size_t i = 0; i < tools.size(); ++i) {
                made->tools.push_back(server.empty() ? &toolbox_.tools()[i] : nullptr);
            }
        }
        made->index = std::make_unique<const ToolIndex>(std::move(documents), vectors_, tokens_);
        snapshot_ = std::move(made);
    }
    return snapshot_;
}

void ToolSearch::want(const ToolIndex::Documents& documents) {
    for (const auto& document : documents) {
        for (std::string& text : ToolIndex::texts_of(*document)) {
            if (!vectors_.contains(text)) {
                waiting_.push_back(std::move(text));
            }
        }
        for (std::string& text : ToolIndex::token_texts_of(*document)) {
            if (!tokens_.contains(text)) {
                waiting_words_.push_back(std::move(text));
            }
        }
    }
}

void ToolSearch::use(embed::Embedder& embedder, embed::TokenEmbedder* words, std::function<void()> bell) {
    embedder_ = &embedder;
    token_embedder_ = words;
    bell_ = std::move(bell);
}

Result<std::size_t> ToolSearch::embed_some(std::size_t count) {
    std::vector<std::string> texts;
    {
        const std::lock_guard lock(mutex_);
        if (embedder_ == nullptr || !wanted_) {
            return std::size_t{0};
        }
        if (waiting_.empty() && token_embedder_ == nullptr) {
            return std::size_t{0};
        }
        const std::size_t taken = std::min(count, waiting_.size());
        texts.assign(waiting_.end() - static_cast<std::ptrdiff_t>(taken), waiting_.end());
    }
    if (texts.empty()) {
        return embed_some_words(count);
    }
    const std::vector<Result<Vector>> vectors = embedder_->embed_many(texts, {});
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (!vectors[i]) {
            return std::unexpected(vectors[i].error());
        }
        vectors_[texts[i]] = *vectors[i];
    }
    std::erase_if(waiting_, [this](const std::string& text) { return vectors_.contains(text); });
    snapshot_.reset();
    if (waiting_.empty()) {
        embedded_.notify_all();
    }
    return waiting_.size() + (token_embedder_ != nullptr ? waiting_words_.size() : 0);
}

Result<std::size_t> ToolSearch::embed_some_words(std::size_t count) {
    std::vector<std::string> texts;
    {
        const std::lock_guard lock(mutex_);
        const std::size_t room = kTokenTextsMax - std::min(kTokenTextsMax, tokens_.size());
        const std::size_t taken = std::min({count, waiting_words_.size(), room});
        texts.assign(waiting_words_.end() - static_cast<std::ptrdiff_t>(taken), waiting_words_.end());
    }
    TokenTexts made;
    for (const std::string& text : texts) {
        RESONANT_ASSIGN(made[text], token_embedder_->embed_text(text));
    }
    const std::lock_guard lock(mutex_);
    tokens_.merge(made);
    std::erase_if(waiting_words_, [this](const std::string& text) { return tokens_.contains(text); });
    const bool full = tokens_.size() >= kTokenTextsMax;
    if (!texts.empty() && (waiting_words_.empty() || full)) {
        snapshot_.reset();
    }
    return full ? 0 : waiting_words_.size();
}

void ToolSearch::ask_for_vectors() {
    {
        const std::lock_guard lock(mutex_);
        wanted_ = true;
        if (embedder_ == nullptr || waiting_.empty()) {
            return;
        }
    }
    bell_();
}

bool ToolSearch::wait_embedded(Nanos patience) {
    ask_for_vectors();
    std::unique_lock lock(mutex_);
    return embedded_.wait_for(lock, std::chrono::nanoseconds(patience.count),
                              [this] { return waiting_.empty(); });
}

std::vector<ToolHit> ToolSearch::all() {
    const std::shared_ptr<const Snapshot> now = snapshot();
    std::vector<ToolHit> hits;
    for (std::size_t i = 0; i < now->tools.size(); ++i) {
        hits.push_back({now->index->documents()[i], now->tools[i], 1});
    }
    return hits;
}

std::optional<ToolHit> ToolSearch::find(std::string_view name) {
    const Tool* ours = toolbox_.find(name);
    for (ToolHit& hit : all()) {
        if (ours != nullptr ? hit.tool == ours : hit.document->name == name) {
            return std::move(hit);
        }
    }
    return std::nullopt;
}

std::vector<std::string> ToolSearch::nearest(std::string_view name, std::size_t count) {
    std::vector<std::string> names;
    for (const ToolHit& hit : all()) {
        names.push_back(hit.document->name);
    }
    return nearest_names(name, std::move(names), count);
}

std::vector<ToolHit> ToolSearch::rank(std::string_view query, std::size_t limit) {
    ask_for_vectors();
    const std::shared_ptr<const Snapshot> now = snapshot();
    Meaning meaning;
    if (embedder_ != nullptr && now->index->embedded() > 0) {
        for (const std::string& text : ToolIndex::texts_of(query)) {
            if (Result<Vector> vector = embedder_->embed(text)) {
                meaning.vectors.push_back(*vector);
            }
        }
        if (token_embedder_ != nullptr && now->index->tokened() > 0) {
            if (auto tokens = token_embedder_->embed_tokens(query, kQueryTokensMax)) {
                meaning.tokens = std::move(*tokens);
            }
        }
    }
    std::vector<ToolHit> hits;
    for (RankedTool& ranked : now->index->rank(query, meaning, limit)) {
        hits.push_back({now->index->documents()[ranked.document], now->tools[ranked.document],
                        ranked.score, std::move(ranked.why)});
    }
    return hits;
}

}  // namespace resonant::tools
