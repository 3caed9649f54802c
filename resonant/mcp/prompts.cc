#include "resonant/mcp/prompts.h"

#include <fmt/core.h>

namespace resonant::mcp {
namespace {

Json entry_of(const std::string& name, const std::string& title, const std::string& description,
              const std::vector<dispatch::PromptArgument>& wanted) {
    Json entry = {{"name", name}, {"title", title}};
    if (!description.empty()) {
        entry["description"] = description;
    }
    for (const dispatch::PromptArgument& argument : wanted) {
        Json shown = {{"name", argument.name}, {"required", argument.required}};
        if (!argument.description.empty()) {
            shown["description"] = argument.description;
        }
        entry["arguments"].push_back(std::move(shown));
    }
    return entry;
}

}  // namespace

Json user_message(const std::string& text) {
    return {{"role", "user"}, {"content", {{"type", "text"}, {"text", text}}}};
}

Json describe(const Prompt& prompt) {
    return entry_of(prompt.name, prompt.title, prompt.description, prompt.arguments);
}

Json describe(const dispatch::PromptTemplate& prompt) {
    return entry_of(prompt.name, prompt.title, prompt.description, prompt.arguments);
}

std::string fault_of(const std::string& name, const std::vector<dispatch::PromptArgument>& wanted, const Json& given) {
    if (!given.is_object()) {
        return fmt::format("arguments must be an object, not {}", given.type_name());
    }
    for (const auto& [key, value] : given.items()) {
        if (!value.is_string()) {
            return fmt::format("arguments of a prompt are strings; {} is {}", key.substr(0, 200), value.type_name());
        }
    }
    for (const dispatch::PromptArgument& argument : wanted) {
        if (argument.required && !given.contains(argument.name)) {
            return fmt::format("prompt {} needs the argument {}, a string{}{}", name, argument.name,
                               argument.description.empty() ? "" : ": ", argument.description);
        }
    }
    return {};
}

}  // namespace resonant::mcp
