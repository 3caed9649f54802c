#include "resonant/mcp/prompts.h"

#include <fmt/format.h>

namespace resonant::mcp {
namespace {

std::string value_of(const Json& arguments, const char* name, const std::string& otherwise) {
    const auto found = arguments.find(name);
    return found != arguments.end() && found->is_string() ? found->get<std::string>() : otherwise;
}

Prompt recipe(std::string name, std::string title, std::string description, std::vector<PromptArgument> arguments,
              std::function<std::string(const Json&)> text) {
    Prompt prompt;
    prompt.name = std::move(name);
    prompt.title = std::move(title);
    prompt.description = std::move(description);
    prompt.arguments = std::move(arguments);
    prompt.messages = [text = std::move(text)](const Json& given, call::Client&) -> Result<Json> {
        return Json::array({user_message(text(given))});
    };
    return prompt;
}

}  // namespace

Json user_message(const std::string& text) {
    return {{"role", "user"}, {"content", {{"type", "text"}, {"text", text}}}};
}

Json describe(const Prompt& prompt) {
    Json arguments = Json::array();
    for (const PromptArgument& argument : prompt.arguments) {
        arguments.push_back(
            {{"name", argument.name}, {"description", argument.description}, {"required", argument.required}});
    }
    Json entry = {{"name", prompt.name}, {"title", prompt.title}, {"description", prompt.description}};
    if (!arguments.empty()) {
        entry["arguments"] = std::move(arguments);
    }
    return entry;
}

std::vector<Prompt> own_prompts() {
    return {
        recipe("resume_work", "Resume work", "Take up where the last session stopped",
               {{"session", "id of the session, \"s12\"; left out: the newest that is open", false}},
               [](const Json& given) {
                   const std::string session = value_of(given, "session", "");
                   return fmt::format("Call session.bootstrap, then {}. Say in three lines what was being done, what is open "
                                      "and what you would do next; wait for my word before you change anything.",
                                      session.empty() ? "session.resume with the newest open session of session.list"
                                                      : fmt::format("session.resume with session_id \"{}\"", session));
               }),
        recipe("recall_topic", "What do we know about ...", "Everything remembered about a topic, with its sources",
               {{"topic", "what to look for, in your own words", true}},
               [](const Json& given) {
                   return fmt::format("Call memory.recall with the query \"{}\" and limit 10. Answer only from what it returns, "
                                      "give the id of the memory behind each statement, and say what is missing.",
                                      value_of(given, "topic", ""));
               }),
        recipe("hand_over", "Hand over", "Write down the state of this work for whoever goes on",
               {{"to", "who goes on; left out: anybody", false}},
               [](const Json& given) {
                   return fmt::format("Write a handover of this work{}: goal, what is done, what is open, decisions with their "
                                      "reasons, next step. Store it with session.checkpoint, and each decision with memory.add "
                                      "tagged \"decision\".",
                                      given.contains("to") ? " for " + value_of(given, "to", "") : "");
               }),
        recipe("explain_denial", "Why was this denied?", "Which stage refused a tool, and what would help",
               {{"tool", "dotted name, \"sandbox.run\"", true}},
               [](const Json& given) {
                   return fmt::format("Call tool.explain for \"{}\" with the arguments that were refused, and karma.trace for its "
                                      "last entries. Say which stage decided, by which rule, and the smallest thing that would "
                                      "let it pass: other arguments, waiting, or consent.request.",
                                      value_of(given, "tool", ""));
               }),
    };
}

}  // namespace resonant::mcp
