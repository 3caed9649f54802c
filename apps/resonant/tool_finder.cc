#include "apps/resonant/tool_finder.h"

#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "resonant/memory/minilm_embedder.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_search.h"

namespace resonant::app {
namespace {

using tools::ToolDocument;
using tools::ToolIndex;

// An array of tools, or an object with one under "tools".
Result<ToolIndex::Documents> read_catalogue(const std::string& path) {
    RESONANT_ASSIGN(const std::string text, runtime::read_file(path));
    const Json parsed = Json::parse(text, nullptr, false);
    const Json& listed = parsed.is_object() && parsed.contains("tools") ? parsed["tools"] : parsed;
    if (!listed.is_array()) {
        return fail(Code::InvalidArgument,
                    fmt::format("tools: {} is no list of tools; give an array of tools as tools/list has them, or "
                                "{{\"tools\": [...]}}",
                                path));
    }
    ToolIndex::Documents documents;
    for (const Json& tool : listed) {
        documents.push_back(std::make_shared<ToolDocument>(tools::document_of(tool)));
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

Result<ToolIndex::Vectors> embed_all(memory::Embedder& embedder, const ToolIndex::Documents& documents) {
    std::vector<std::string> texts;
    for (const auto& document : documents) {
        for (std::string& text : ToolIndex::texts_of(*document)) {
            texts.push_back(std::move(text));
        }
    }
    const std::vector<Result<memory::Vector>> made = embedder.embed_many(texts, {.threads = 2, .niceness = 0});
    ToolIndex::Vectors vectors;
    for (std::size_t i = 0; i < texts.size(); ++i) {
        RESONANT_ASSIGN(vectors[texts[i]], made[i]);
    }
    return vectors;
}

Json answer(const ToolIndex& index, memory::Embedder* embedder, const std::string& query, std::size_t limit) {
    Json shown = {{"query", query}, {"tools", Json::array()}};
    Result<memory::Vector> meaning = fail(Code::Unavailable, "no model");
    if (embedder != nullptr) {
        meaning = embedder->embed(query);
    }
    for (const tools::RankedTool& ranked : index.rank(query, meaning ? &*meaning : nullptr, limit)) {
        const ToolDocument& document = *index.documents()[ranked.document];
        shown["tools"].push_back(tools::suggestion_of(document, ranked.score));
        if (!document.server.empty()) {
            shown["tools"].back()["server"] = document.server;
        }
    }
    return shown;
}

}  // namespace

int find_tools(const Common& common, const ToolQuestion& question) {
    Result<ToolIndex::Documents> documents =
        question.catalogue.empty() ? our_catalogue() : read_catalogue(question.catalogue);
    if (!documents) {
        return report(documents.error(), kUsage);
    }
    std::unique_ptr<memory::MiniLmEmbedder> embedder;
    ToolIndex::Vectors vectors;
    if (!question.words_only) {
        auto opened = memory::MiniLmEmbedder::open(
            {.model_folder = memory::find_model_folder(), .cache_folder = memory::default_cache_folder()});
        if (opened) {
            embedder = std::move(*opened);
            Result<ToolIndex::Vectors> made = embed_all(*embedder, *documents);
            if (!made) {
                return report(made.error());
            }
            vectors = std::move(*made);
        } else {
            std::cerr << "words only: " << opened.error().message << "\n";
        }
    }
    const ToolIndex index(std::move(*documents), vectors);
    if (question.query == "-") {
        for (std::string line; std::getline(std::cin, line);) {
            std::cout << json::dump(answer(index, embedder.get(), line, question.limit)) << std::endl;
        }
        return kOk;
    }
    const Json found = answer(index, embedder.get(), question.query, question.limit);
    if (common.json) {
        show(common, found);
        return kOk;
    }
    for (const Json& tool : found["tools"]) {
        std::cout << fmt::format("{:.2f}  {:<32} {}\n", tool["score"].get<double>(), tool["tool"].get<std::string>(),
                                 tool["summary"].get<std::string>());
    }
    return kOk;
}

}  // namespace resonant::app
