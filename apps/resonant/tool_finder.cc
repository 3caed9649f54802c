#include "apps/resonant/tool_finder.h"

#include <fmt/core.h>

#include <iostream>
#include <memory>
#include <thread>

#include "resonant/base/printable.h"
#include "resonant/embed/minilm_embedder.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_listing.h"
#include "resonant/tools/tool_search.h"

namespace resonant::app {
namespace {

using tools::ToolDocument;
using tools::ToolIndex;

Result<ToolIndex::Documents> read_catalogue(const std::string& path) {
    RESONANT_ASSIGN(const std::string text, runtime::read_file(path));
    Result<std::vector<ToolDocument>> listed = tools::documents_of(text);
    if (!listed) {
        return fail(listed.error().code, fmt::format("tools: {}: {}", path, listed.error().message));
    }
    ToolIndex::Documents documents;
    for (ToolDocument& tool : *listed) {
        documents.push_back(std::make_shared<ToolDocument>(std::move(tool)));
    }
    return documents;
}

ToolIndex::Documents our_catalogue() {
    tools::Services none;
    tools::Toolbox toolbox;
    tools::add_all(toolbox, none);
    tools::ToolSearch search(toolbox);
    ToolIndex::Documents documents;
    for (const tools::ToolHit& hit : search.all()) {
        auto ours = std::make_shared<ToolDocument>(*hit.document);
        ours->available = true;  // handlers are bound in the kernel only
        documents.push_back(std::move(ours));
    }
    return documents;
}

Result<ToolIndex::Vectors> embed_all(embed::Embedder& embedder, const ToolIndex::Documents& documents) {
    std::vector<std::string> texts;
    for (const auto& document : documents) {
        for (std::string& text : ToolIndex::texts_of(*document)) {
            texts.push_back(std::move(text));
        }
    }
    const std::vector<Result<Vector>> made = embedder.embed_many(texts, {.threads = 2, .niceness = 0});
    ToolIndex::Vectors vectors;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        RESONANT_ASSIGN(vectors[texts[i]], made[i]);
    }
    return vectors;
}

// On two threads, for the first run with these texts.
Status embed_words(embed::TokenEmbedder& embedder, const ToolIndex::Documents& documents, tools::TokenTexts& kept) {
    constexpr std::size_t kThreads = 2;
    std::vector<std::string> texts;
    for (const auto& document : documents) {
        for (std::string& text : ToolIndex::token_texts_of(*document)) {
            texts.push_back(std::move(text));
        }
    }
    std::vector<Result<std::shared_ptr<const embed::TokenText>>> made(texts.size());
    {
        std::vector<std::jthread> threads;
        for (std::size_t first = 0; first < kThreads; ++first) {
            threads.emplace_back([&, first] {
                for (std::size_t i = first; i < texts.size(); i += kThreads) {
                    made[i] = embedder.embed_text(texts[i]);
                }
            });
        }
    }
    for (std::size_t i = 0; i < texts.size(); ++i) {
        RESONANT_ASSIGN(kept[texts[i]], std::move(made[i]));
    }
    return {};
}

Result<Json> answer(const ToolIndex& index, embed::MiniLmEmbedder* embedder, const std::string& query,
                    std::size_t limit) {
    tools::Meaning meaning;
    if (embedder != nullptr) {
        for (const std::string& text : ToolIndex::texts_of(query)) {
            RESONANT_ASSIGN(const Vector vector, embedder->embed(text));
            meaning.vectors.push_back(vector);
        }
        RESONANT_ASSIGN(meaning.tokens, embedder->embed_tokens(query, tools::kQueryTokensMax));
    }
    Json shown = {{"query", query}, {"tools", Json::array()}};
    for (const tools::RankedTool& ranked : index.rank(query, meaning, limit)) {
        const ToolDocument& document = *index.documents()[ranked.document];
        Json tool = tools::suggestion_of(document, ranked.score, ranked.why);
        if (!document.server.empty()) {
            tool["server"] = document.server;
        }
        tool["index"] = ranked.document;
        shown["tools"].push_back(std::move(tool));
    }
    return shown;
}

// The name, why, what it does, and a call to start from.
void print(const Json& found) {
    for (const Json& tool : found["tools"]) {
        const std::string server = tool.value("server", "");
        std::cout << printable(fmt::format("{:.2f}  {:<32} {}\n      {}\n      {}\n", tool["score"].get<double>(),
                                 (server.empty() ? "" : server + ": ") + tool["tool"].get<std::string>(),
                                 tool["summary"].get<std::string>(), json::dump(tool["example"]),
                                 tool.value("why", "")), Lines::Kept);
    }
    if (found["tools"].empty()) {
        std::cout << "no tool has these words; say the goal otherwise\n";
    }
}

// What the tools' texts mean to the embedder. Without a model there is none, and the words alone decide.
struct CatalogueMeaning {
    std::unique_ptr<embed::MiniLmEmbedder> embedder;
    ToolIndex::Vectors vectors;
    tools::TokenTexts words;

    Status open(const ToolIndex::Documents& documents) {
        auto opened = embed::MiniLmEmbedder::open(
            {.model_folder = embed::find_model_folder(), .cache_folder = embed::default_cache_folder()});
        if (!opened) {
            std::cerr << "words only: " << opened.error().message << "\n";
            return {};
        }
        embedder = std::move(*opened);
        RESONANT_ASSIGN(vectors, embed_all(*embedder, documents));
        return embed_words(*embedder, documents, words);
    }
};

}  // namespace

int find_tools(const Common& common, const ToolQuestion& question) {
    Result<ToolIndex::Documents> documents =
        question.catalogue.empty() ? our_catalogue() : read_catalogue(question.catalogue);
    if (!documents) {
        return report(documents.error(), kUsage);
    }
    CatalogueMeaning meaning;
    if (!question.words_only) {
        if (const Status known = meaning.open(*documents); !known) {
            return report(known.error());
        }
    }
    embed::MiniLmEmbedder* const embedder = meaning.embedder.get();
    const ToolIndex index(std::move(*documents), meaning.vectors, meaning.words);
    if (question.query == "-") {
        for (std::string line; std::getline(std::cin, line);) {
            const Result<Json> found = answer(index, embedder, line, question.limit);
            if (!found) {
                return report(found.error());
            }
            std::cout << json::dump(*found) << std::endl;
        }
        return kOk;
    }
    const Result<Json> found = answer(index, embedder, question.query, question.limit);
    if (!found) {
        return report(found.error());
    }
    if (common.json) {
        show(common, *found);
    } else {
        print(*found);
    }
    return kOk;
}

}  // namespace resonant::app
