// A ToolIndex ranks a fixed set of tools by what somebody wants to do: meaning (the mean cosine over a
// tool's texts, half of the whole request and half of its best clause) plus words (how much of the query a
// tool's fields cover, and BM25 over the fields after Robertson and Zaragoza, BM25F). Where the words of a
// query are the tool's own they decide; where they are not, meaning does. The best of these are then compared
// with the query word by word, each word in its context (token_match.h).
//
// Threads: any; constant after construction.
//
// Invariants:
//   (1) The same tools and query give the same order; ties go to the tool that came first.
//   (2) A tool whose texts have no vectors yet is ranked by words alone, never left out; and nothing is compared
//       word by word while one of the best has no tokens yet.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resonant/embed/embedder.h"
#include "resonant/tools/terms.h"
#include "resonant/tools/token_match.h"
#include "resonant/tools/tool_document.h"

namespace resonant::tools {

struct RankedTool {
    std::size_t document = 0;  // index into documents()
    double score = 0;          // 0..1
    std::string why;           // "account, create; meaning 0.52": shared words, then the cosine if known
};

// What a query means, as far as it is known. Nothing: words alone.
struct Meaning {
    std::vector<Vector> vectors;  // of the whole, then of its clauses if there are several
    TokenMatch::Query tokens = {};        // word by word
};

class ToolIndex {
  public:
    using Documents = std::vector<std::shared_ptr<const ToolDocument>>;
    // Vectors by text; one that is not there is taken as not embedded yet.
    using Vectors = std::unordered_map<std::string, Vector>;

    ToolIndex(Documents documents, const Vectors& vectors, const TokenTexts& tokens = {});
    ToolIndex(const ToolIndex&) = delete;
    ToolIndex& operator=(const ToolIndex&) = delete;

    // What shall be embedded for one tool.
    static std::vector<std::string> texts_of(const ToolDocument& document);
    // What of it shall be embedded word by word.
    static std::vector<std::string> token_texts_of(const ToolDocument& document);
    // What shall be embedded for one query: the whole, then its clauses.
    static std::vector<std::string> texts_of(std::string_view query);

    const Documents& documents() const { return documents_; }
    // Tools with vectors, so that a caller may leave out to embed a query in vain.
    std::size_t embedded() const { return embedded_; }

    // Tools whose words are known in their context.
    std::size_t tokened() const { return tokened_; }

    // Best first, without those that have nothing in common with the query. A few hundred microseconds
    // for a thousand tools, and one or two milliseconds to compare the best word by word.
    std::vector<RankedTool> rank(std::string_view query, const Meaning& meaning, std::size_t limit) const;

  private:
    struct Posting {
        std::uint32_t document;
        float weight;  // how much the fields of the document say of the term, lengths allowed for
        float reach;   // 1 in a name, less in a description, least in parameters
    };
    struct Postings {
        double rarity = 0;  // inverse document frequency
        std::vector<Posting> postings;  // in the order of documents
    };
    void add_words();
    struct Words {
        double bm25 = 0;      // 1 for the best of the query
        double share = 0;     // of the query's words, each by its rarity, that the tool's fields cover
        double relative = 0;  // that share to the best one's
    };
    std::vector<Words> words(const std::vector<Term>& query) const;
    // Of each tool, the greatest of the cosines of its uses and the mean over its other texts; -1 where there is none yet.
    std::vector<double> cosines(const std::vector<Vector>& meaning) const;
    // Compares the best of `ranked`, sorted, with the query word by word, and sorts them anew.
    void compare_words(const TokenMatch::Query& query, std::vector<RankedTool>& ranked) const;
    std::string why(std::size_t document, const std::vector<Term>& query, double cosine) const;

    const Documents documents_;
    std::unordered_map<std::string, Postings> terms_;
    struct Text {
        std::uint32_t document;
        bool is_use;  // tells in other words what the tool, or one of its kind, is for
        Vector vector;
    };
    std::vector<Text> texts_;
    std::vector<std::vector<std::shared_ptr<const TokenText>>> tokens_;  // of each document, none where one is missing
    std::optional<const TokenMatch> match_;
    std::size_t embedded_ = 0, tokened_ = 0;
};

}  // namespace resonant::tools
