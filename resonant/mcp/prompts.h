// Prompts are texts that a person picks in a client. Those of the PromptBook are listed here and filled in by the tool
// prompt.render, so that one passes the same door, stages and ledger as any call; a Prompt is one that is made in code.
//
// Constant after start; the loop's thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "resonant/call/client.h"
#include "resonant/dispatch/prompts.h"

namespace resonant::mcp {

struct Prompt {
    std::string name;
    std::string title;
    std::string description;
    std::vector<dispatch::PromptArgument> arguments;
    // The messages of prompts/get. Arguments are strings, and the required ones are there.
    std::function<Result<Json>(const Json& arguments, call::Client& client)> messages;
    // Values for an argument that begins so, best first; may be empty.
    std::function<std::vector<std::string>(const std::string& argument, const std::string& begun)> complete;
};

// The entry of prompts/list.
Json describe(const Prompt& prompt);
Json describe(const dispatch::PromptTemplate& prompt);
// What is wrong with the arguments of prompts/get; empty when nothing is.
std::string fault_of(const std::string& name, const std::vector<dispatch::PromptArgument>& wanted, const Json& given);
// {"role":"user","content":{"type":"text","text":...}}
Json user_message(const std::string& text);

}  // namespace resonant::mcp
