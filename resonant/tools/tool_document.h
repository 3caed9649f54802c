// A ToolDocument is what is known of a tool before it is called: one of ours, or another server's as it
// lists it. It is what a search reads and what a suggestion shows.
//
// Any thread; plain values. Nothing in a document is trusted: it is shown and compared, never obeyed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::tools {

struct ToolDocument {
    std::string name;         // as a call names it: "memory.add", "github__create_issue"
    std::string server = {};  // whose it is; empty: ours
    std::string title = {};
    std::string description = {};
    std::string uses = {};  // the same in other words, for a search only; see uses.h
    std::vector<std::string> kind_uses = {};  // what tools of its kinds are wanted for, likewise; see tool_kinds.h
    Json input_schema = Json::object();
    Json example = nullptr;  // arguments of a legal call; null: made of the schema when it is shown
    bool available = true;   // can be called; others stand further back
};

// A tool as tools/list gives it (name, title, description, inputSchema), or as other conventions have it:
// wrapped in "function", with `parameters` (a schema, a map or a list), with a `server`. What is missing
// or of another type is empty.
ToolDocument document_of(const Json& listed);

// The tool's own name, without its server's: "create_issue".
std::string_view own_name(const ToolDocument& document);
// Names, descriptions and choices of its parameters, nested ones too.
std::string parameter_words(const Json& schema);
// Up to the first full stop, at most `bytes`, on one line.
std::string first_sentence(std::string_view text, std::size_t bytes);

// Few tokens that suffice for a right call: {tool, score, why, summary, example: {tool, args}}.
Json suggestion_of(const ToolDocument& document, double score, std::string_view why = {});

}  // namespace resonant::tools
