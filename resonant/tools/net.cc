#include <algorithm>

#include "resonant/tools/arguments.h"
#include "resonant/tools/families.h"
#include "resonant/tools/prompt_book.h"

namespace resonant::tools {
namespace {

Json shown(const PromptTemplate& one) {
    Json arguments = Json::array();
    for (const PromptArgument& argument : one.arguments) {
        arguments.push_back(
            {{"name", argument.name}, {"description", argument.description}, {"required", argument.required}});
        if (!argument.values.empty()) {
            arguments.back()["values"] = argument.values;
        }
    }
    Json entry = {{"name", one.name}, {"title", one.title}, {"tags", one.tags}, {"arguments", std::move(arguments)}};
    if (!one.description.empty()) {
        entry["description"] = one.description;
    }
    if (!one.file.empty()) {
        entry["file"] = one.file;
    }
    return entry;
}

Result<Json> list(Services& services, call::Call& call) {
    const std::string tag = text_of(call, "tag");
    Json prompts = Json::array();
    const auto templates = services.prompts->templates();
    for (const PromptTemplate& one : *templates) {
        if (tag.empty() || std::find(one.tags.begin(), one.tags.end(), tag) != one.tags.end()) {
            prompts.push_back(shown(one));
        }
    }
    return Json{{"count", prompts.size()}, {"prompts", std::move(prompts)}, {"folder", services.prompts->folder().string()}};
}

Result<Json> fill_in(Services& services, call::Call& call) {
    const std::string name = text_of(call, "name");
    const auto templates = services.prompts->templates();
    const auto found = std::find_if(templates->begin(), templates->end(),
                                    [&](const PromptTemplate& one) { return one.name == name; });
    if (found == templates->end()) {
        return fail(Code::NotFound, "prompt.render: there is no template \"" + name.substr(0, 80) + "\"; prompt.list names them");
    }
    RESONANT_ASSIGN(std::string text, render(*found, call.arguments.value("variables", Json::object())));
    return Json{{"name", found->name}, {"title", found->title}, {"text", std::move(text)}};
}

Result<Json> reload(Services& services, call::Call&) { return services.prompts->reload(); }

}  // namespace

using call::Access;

void add_net(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "net",
                   .wire_name = "gana_net_prompts",
                   .mansion = "毕 Bi",
                   .quadrant = "West",
                   .summary = "Prompt templates: list, fill in, reload"});
    toolbox.add({.name = "prompt.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tag:string",
                 .summary = "templates"},
                bind(services, list));
    toolbox.add({.name = "prompt.render",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "name*:string variables:object",
                 .summary = "fill one template (name from prompt.list)",
                 .free_text = true,
                 .example = R"({"name":"recall_topic","variables":{"topic":"the harbour"}})"},
                bind(services, fill_in));
    toolbox.add({.name = "prompt.reload",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "",
                 .summary = "read the template folder again"},
                bind(services, reload));
}

}  // namespace resonant::tools
