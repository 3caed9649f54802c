// ToolSearch finds tools by what somebody wants to do, over our own and those of other servers: it
// keeps a ToolIndex up to date while servers come and go and texts are embedded in the background.
//
// Threads: any. A search works on the index it began with.
//
// Invariants:
//   (1) put() and remove() are seen by the next search; our own tools are always there.
//   (2) Until a tool's texts are embedded it is found by words alone; nobody waits for that except
//       who calls wait_embedded(). What is compared word by word is embedded after all else, and for the
//       first few thousand texts only (kTokenTextsMax).
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/units.h"
#include "resonant/embed/embedder.h"
#include "resonant/tools/tool_index.h"
#include "resonant/tools/toolbox.h"

namespace resonant::tools {

struct ToolHit {
    std::shared_ptr<const ToolDocument> document;
    const Tool* tool = nullptr;  // null: another server's
    double score = 0;            // 0..1
    std::string why = {};        // of a search: shared words and nearness
};

class ToolSearch {
  public:
    // The toolbox is complete and stays.
    explicit ToolSearch(const Toolbox& toolbox);
    ToolSearch(const ToolSearch&) = delete;
    ToolSearch& operator=(const ToolSearch&) = delete;

    // The tools of another server, in place of all that it had before.
    void put(const std::string& server, std::vector<ToolDocument> tools);
    void remove(const std::string& server) { put(server, {}); }

    // Tools that fit `query`, best first, without those that have nothing in common. Without an
    // embedder, or before texts are embedded, by words alone. Asks for the embedding of texts.
    std::vector<ToolHit> rank(std::string_view query, std::size_t limit);

    // All tools: ours in the order of the catalogue, then those of other servers.
    std::vector<ToolHit> all();
    // By any of its names: "memory.add", "memory_add", "github__create_issue".
    std::optional<ToolHit> find(std::string_view name);
    // The `count` names nearest to a misspelt one, best first, of all tools.
    std::vector<std::string> nearest(std::string_view name, std::size_t count);

    // Who may see which tool, where not everybody sees all. Once, before the first search.
    using Sight = std::function<bool(const call::Caller& caller, const ToolHit& hit)>;
    void let_see(Sight sight) { sight_ = std::move(sight); }
    bool sees(const call::Caller& caller, const ToolHit& hit) const { return !sight_ || sight_(caller, hit); }

    // Meaning counts from now on, and words in their context where `words` is given. `bell` is called, from any
    // thread, when texts wait for embed_some(). Once, before the first search.
    void use(embed::Embedder& embedder, embed::TokenEmbedder* words, std::function<void()> bell);
    bool has_meaning() const { return embedder_ != nullptr; }
    // Embeds at most `count` texts that wait, for work in the background; returns how many are left.
    // Nothing waits before the first search.
    Result<std::size_t> embed_some(std::size_t count);
    // Whether all texts were embedded as wholes within `patience`; asks for it.
    bool wait_embedded(Nanos patience);

  private:
    struct Snapshot {
        std::vector<const Tool*> tools;  // beside the index's documents; null: another server's
        std::unique_ptr<const ToolIndex> index;
    };
    std::shared_ptr<const Snapshot> snapshot();
    void want(const ToolIndex::Documents& documents);
    void drop_unused_tokens();
    void ask_for_vectors();
    Result<std::size_t> embed_some_words(std::size_t count);

    const Toolbox& toolbox_;
    Sight sight_;
    embed::Embedder* embedder_ = nullptr;
    embed::TokenEmbedder* token_embedder_ = nullptr;
    std::function<void()> bell_;
    std::mutex mutex_;
    std::condition_variable embedded_;
    bool wanted_ = false;
    std::map<std::string, ToolIndex::Documents> servers_;  // "": ours
    ToolIndex::Vectors vectors_;
    std::vector<std::string> waiting_;  // texts without a vector
    TokenTexts tokens_;
    std::vector<std::string> waiting_words_;  // texts without their words'
    std::shared_ptr<const Snapshot> snapshot_;  // null: to be made anew
};

}  // namespace resonant::tools
