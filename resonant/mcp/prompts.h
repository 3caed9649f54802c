// Prompts are texts that a person picks in a client: small recipes over our tools.
//
// Constant after start; the loop's thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "resonant/call/client.h"

namespace resonant::mcp {

struct PromptArgument {
    std::string name;
    std::string description;
    bool required = false;
};

struct Prompt {
    std::string name;
    std::string title;
    std::string description;
    std::vector<PromptArgument> arguments;
    // The messages of prompts/get. Arguments are strings, and the required ones are there.
    std::function<Result<Json>(const Json& arguments, call::Client& client)> messages;
    // Values for an argument that begins so, best first; may be empty.
    std::function<std::vector<std::string>(const std::string& argument, const std::string& begun)> complete;
};

std::vector<Prompt> own_prompts();
// The entry of prompts/list.
Json describe(const Prompt& prompt);
// {"role":"user","content":{"type":"text","text":...}}
Json user_message(const std::string& text);

}  // namespace resonant::mcp
