#include "resonant/tools/prompt_book.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "resonant/base/descriptor.h"
#include "resonant/base/log.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kNameMax = 60;
constexpr std::size_t kArgumentsMax = 32;
constexpr std::string_view kFence = "---\n";
constexpr std::string_view kOpen = "{{", kClose = "}}";

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    });
}

// One place of a text that is filled in.
struct Blank {
    std::size_t begin = 0, end = 0;  // with its braces
    std::string_view name;
    std::optional<std::string_view> otherwise;
};

// The next one from `from` on. What is no name between braces is text.
std::optional<Blank> next_blank(std::string_view text, std::size_t from) {
    for (std::size_t open = text.find(kOpen, from); open != std::string_view::npos; open = text.find(kOpen, open + 1)) {
        const std::size_t close = text.find(kClose, open);
        if (close == std::string_view::npos) {
            return std::nullopt;
        }
        const std::string_view inner = text.substr(open + kOpen.size(), close - open - kOpen.size());
        const std::size_t bar = inner.find('|');
        const std::string_view name = inner.substr(0, bar);
        if (is_name(name)) {
            return Blank{open, close + kClose.size(), name,
                         bar == std::string_view::npos ? std::nullopt : std::optional(inner.substr(bar + 1))};
        }
    }
    return std::nullopt;
}

std::string scalar(const YAML::Node& node, std::string_view what) {
    if (!node.IsScalar()) {
        throw YAML::Exception(node.Mark(), fmt::format("{} must be a text", what));
    }
    return node.Scalar();
}

std::vector<std::string> scalars(const YAML::Node& node, std::string_view what) {
    if (!node.IsSequence()) {
        throw YAML::Exception(node.Mark(), fmt::format("{} must be a list of texts", what));
    }
    std::vector<std::string> found;
    for (const YAML::Node& one : node) {
        found.push_back(scalar(one, what));
    }
    return found;
}

PromptArgument argument_of(std::string name, const YAML::Node& node) {
    PromptArgument argument{.name = std::move(name), .description = "", .required = false, .values = {}};
    if (!is_name(argument.name)) {
        throw YAML::Exception(node.Mark(), "an argument's name has letters, digits, _ and -");
    }
    if (!node.IsMap()) {
        argument.description = scalar(node, argument.name);
        return argument;
    }
    for (const auto& member : node) {
        const std::string key = scalar(member.first, "a key");
        if (key == "description") {
            argument.description = scalar(member.second, key);
        } else if (key == "values") {
            argument.values = scalars(member.second, key);
        } else {
            throw YAML::Exception(member.first.Mark(), fmt::format("{} is not known; an argument has description and values", key));
        }
    }
    return argument;
}

void read_header(const std::string& header, PromptTemplate& made) {
    const YAML::Node root = YAML::Load(header);
    if (!root.IsMap() && !root.IsNull()) {
        throw YAML::Exception(root.Mark(), "the head must be key: value lines");
    }
    for (const auto& member : root) {
        const std::string key = scalar(member.first, "a key");
        if (key == "title") {
            made.title = scalar(member.second, key);
        } else if (key == "description") {
            made.description = scalar(member.second, key);
        } else if (key == "tags") {
            made.tags = scalars(member.second, key);
        } else if (key == "arguments" && member.second.IsMap() && member.second.size() <= kArgumentsMax) {
            for (const auto& argument : member.second) {
                made.arguments.push_back(argument_of(scalar(argument.first, "a name"), argument.second));
            }
        } else {
            throw YAML::Exception(member.first.Mark(),
                                  fmt::format("{}: a head has title, description, tags (a list) and arguments (a map, at most {})",
                                              key, kArgumentsMax));
        }
    }
}

// Arguments are what the text uses; the head describes them. One that is used without words is required.
Status settle_arguments(PromptTemplate& made) {
    std::set<std::string_view> used;
    std::size_t from = 0;
    while (const auto blank = next_blank(made.text, from)) {
        from = blank->end;
        used.insert(blank->name);
        auto known = std::find_if(made.arguments.begin(), made.arguments.end(),
                                  [&](const PromptArgument& one) { return one.name == blank->name; });
        if (known == made.arguments.end()) {
            if (made.arguments.size() >= kArgumentsMax) {
                return fail(Code::InvalidArgument, fmt::format("more than {} arguments", kArgumentsMax));
            }
            made.arguments.push_back({.name = std::string(blank->name), .description = "", .required = false, .values = {}});
            known = std::prev(made.arguments.end());
        }
        known->required = known->required || !blank->otherwise;
    }
    for (const PromptArgument& argument : made.arguments) {
        if (!used.contains(argument.name)) {
            return fail(Code::InvalidArgument, fmt::format("the argument {} is described and not used", argument.name));
        }
    }
    return {};
}

Result<std::string> text_of_file(const std::filesystem::path& file) {
    const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat facts {};
    if (!opened || ::fstat(opened.get(), &facts) != 0) {
        return fail_errno("open it", errno);
    }
    if (!S_ISREG(facts.st_mode) || static_cast<std::size_t>(facts.st_size) > kTemplateMax) {
        return fail(Code::InvalidArgument, fmt::format("it is no plain file of at most {} bytes", kTemplateMax));
    }
    std::string text(kTemplateMax + 1, '\0');
    const ssize_t count = ::read(opened.get(), text.data(), text.size());
    if (count < 0) {
        return fail_errno("read it", errno);
    }
    text.resize(static_cast<std::size_t>(count));
    return text;
}

PromptTemplate ours(std::string name, std::string_view text) {
    Result<PromptTemplate> made = read_template(std::move(name), text);
    return std::move(*made);  // our own texts: a test reads each
}

std::map<std::string, PromptTemplate> own_templates() {
    std::map<std::string, PromptTemplate> made;
    for (const auto& [name, text] : std::initializer_list<std::pair<const char*, const char*>>{
             {"resume_work", R"(---
title: Resume work
description: Take up where the last session stopped
tags: [session]
arguments:
  session: 'id of the session, "s12"; left out: the newest that is open'
---
Call session.bootstrap, then session.resume with session_id {{session|of the newest open session of session.list}}. Say in three lines what was being done, what is open and what you would do next; wait for my word before you change anything.
)"},
             {"recall_topic", R"(---
title: What do we know about ...
description: Everything remembered about a topic, with its sources
tags: [memory]
arguments:
  topic: what to look for, in your own words
---
Call memory.recall with the query "{{topic}}" and limit 10. Answer only from what it returns, give the id of the memory behind each statement, and say what is missing.
)"},
             {"hand_over", R"(---
title: Hand over
description: Write down the state of this work for whoever goes on
tags: [session, memory]
arguments:
  to: 'who goes on; left out: anybody'
---
Write a handover of this work for {{to|whoever goes on}}: goal, what is done, what is open, decisions with their reasons, next step. Store it with session.checkpoint, and each decision with memory.add tagged "decision".
)"},
             {"explain_denial", R"(---
title: Why was this denied?
description: Which stage refused a tool, and what would help
tags: [governance]
arguments:
  tool: dotted name, "sandbox.run"
---
Call tool.explain for "{{tool}}" with the arguments that were refused, and karma.trace for its last entries. Say which stage decided, by which rule, and the smallest thing that would let it pass: other arguments, waiting, or consent.request.
)"}}) {
        made.emplace(name, ours(name, text));
    }
    return made;
}

}  // namespace

Result<PromptTemplate> read_template(std::string name, std::string_view text) {
    PromptTemplate made;
    made.name = std::move(name);
    if (!is_name(made.name)) {
        return fail(Code::InvalidArgument, fmt::format("its name must be 1 to {} letters, digits, _ and -", kNameMax));
    }
    if (!simdjson::validate_utf8(text.data(), text.size()) || text.size() > kTemplateMax) {
        return fail(Code::InvalidArgument, fmt::format("it must be UTF-8 of at most {} bytes", kTemplateMax));
    }
    if (text.starts_with(kFence)) {
        const std::size_t end = text.find("\n---\n", kFence.size() - 1);
        if (end == std::string_view::npos) {
            return fail(Code::InvalidArgument, "its head begins with --- and does not end with one");
        }
        try {
            read_header(std::string(text.substr(kFence.size(), end + 1 - kFence.size())), made);
        } catch (const YAML::Exception& error) {
            return fail(Code::InvalidArgument, fmt::format("line {}: {}", error.mark.line + 2, error.msg));
        }
        text.remove_prefix(end + 5);
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.remove_suffix(1);
    }
    if (text.empty()) {
        return fail(Code::InvalidArgument, "it has no text");
    }
    made.text = text;
    made.title = made.title.empty() ? made.name : made.title;
    RESONANT_CHECK(settle_arguments(made));
    return made;
}

Result<std::string> render(const PromptTemplate& one, const Json& variables) {
    std::vector<std::string> missing;
    for (const PromptArgument& argument : one.arguments) {
        if (argument.required && !variables.contains(argument.name)) {
            missing.push_back(argument.name);
        }
    }
    if (!missing.empty()) {
        return fail(Code::InvalidArgument, fmt::format("prompt {} needs {} (a text); give it in variables", one.name,
                                                       fmt::join(missing, ", ")));
    }
    std::string text;
    std::size_t from = 0;
    while (const auto blank = next_blank(one.text, from)) {
        text.append(one.text, from, blank->begin - from);
        from = blank->end;
        const auto given = variables.find(std::string(blank->name));
        if (given == variables.end()) {
            text += blank->otherwise.value_or("");
        } else {
            text += given->is_string() ? given->get_ref<const std::string&>() : json::dump(*given);
        }
        if (text.size() > kRenderedMax) {
            return fail(Code::InvalidArgument, fmt::format("prompt {} filled in has more than {} bytes; give less", one.name,
                                                           kRenderedMax));
        }
    }
    return text + one.text.substr(from);
}

PromptBook::PromptBook(std::filesystem::path folder) : folder_(std::move(folder)) {
    auto made = std::make_shared<std::vector<PromptTemplate>>();
    for (auto& [name, one] : own_templates()) {
        made->push_back(std::move(one));
    }
    templates_ = std::move(made);
}

PromptBook::Templates PromptBook::templates() const {
    const std::lock_guard lock(mutex_);
    return templates_;
}

std::vector<std::filesystem::path> PromptBook::files() const {
    std::vector<std::filesystem::path> found;
    std::error_code error;
    for (std::filesystem::directory_iterator each(folder_, error), end; !error && each != end; each.increment(error)) {
        if (each->path().extension() == ".md" && found.size() < 4 * kTemplatesMax) {
            found.push_back(each->path());
        }
    }
    std::sort(found.begin(), found.end());
    return found;
}

Json PromptBook::reload() {
    const std::lock_guard reloading(reload_mutex_);
    std::error_code error;
    seen_ = std::filesystem::last_write_time(folder_, error);
    std::map<std::string, PromptTemplate> found = own_templates();
    Json refused = Json::array();
    for (const std::filesystem::path& file : files()) {
        Result<PromptTemplate> made = fail(Code::ResourceExhausted, fmt::format("more than {} templates", kTemplatesMax));
        if (const std::string name = file.stem().string(); found.size() < kTemplatesMax || found.contains(name)) {
            const Result<std::string> text = text_of_file(file);
            made = text ? read_template(name, *text) : std::unexpected(text.error());
        }
        if (!made) {
            log().warn("prompts: {}: {}", file.string(), made.error().message);
            refused.push_back({{"file", file.filename().string()}, {"why", made.error().message}});
            continue;
        }
        made->file = file.filename().string();
        found.insert_or_assign(made->name, std::move(*made));
    }
    auto list = std::make_shared<std::vector<PromptTemplate>>();
    for (auto& [name, one] : found) {
        list->push_back(std::move(one));
    }
    const std::size_t count = list->size();
    const bool changed = *list != *templates();
    {
        const std::lock_guard lock(mutex_);
        templates_ = std::move(list);
    }
    if (changed && told_) {
        told_();
    }
    return {{"templates", count}, {"changed", changed}, {"refused", std::move(refused)}};
}

void PromptBook::look() {
    std::error_code error;
    const std::filesystem::file_time_type now = std::filesystem::last_write_time(folder_, error);
    {
        const std::lock_guard lock(reload_mutex_);
        if (now == seen_) {
            return;
        }
    }
    reload();
}

}  // namespace resonant::tools
