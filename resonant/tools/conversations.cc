// What people said to ChatGPT, Claude and Claude Code, as those export it: a question and its answer are one memory.
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "resonant/json/json.h"
#include "resonant/base/utf8.h"
#include "resonant/tools/foreign_records.h"
#include "resonant/tools/json_elements.h"

namespace resonant::tools {
namespace {

struct Said {
    bool is_person = false;
    std::string text;
    Json at{};
};

std::string text_in(const Json& object, const char* name) {
    const auto field = object.is_object() ? object.find(name) : object.end();
    return field != object.end() && field->is_string() ? field->get<std::string>() : "";
}

// The texts of a list of blocks or parts: what is no text (pictures, calls of tools) is left out.
std::string texts_of(const Json& blocks) {
    if (blocks.is_string()) {
        return blocks.get<std::string>();
    }
    std::string text;
    for (const Json& block : blocks.is_array() ? blocks : Json::array()) {
        const bool is_call = block.is_object() && block.contains("type") && block["type"] != "text";
        const std::string part = block.is_string() ? block.get<std::string>() : is_call ? "" : text_in(block, "text");
        text += part.empty() || text.empty() ? part : "\n" + part;
    }
    return text;
}

// A question and what follows it up to the next one.
class Exchange {
  public:
    Exchange(std::string title, std::string tag, const TakeRecord& take)
        : title_(std::move(title)), tag_(std::move(tag)), take_(take) {}

    Status add(const Said& said, std::size_t line, double share) {
        if (said.text.find_first_not_of(" \t\r\n") == std::string::npos) {
            return {};
        }
        if (said.is_person) {
            RESONANT_CHECK(finish(share));
        }
        if (record_.memory.content.empty()) {
            record_.line = line;
            record_.memory.created_ns = said.at.is_null() ? 0 : time_in(said.at).value_or(0);
        }
        std::string& content = record_.memory.content;
        if (content.size() <= kContentMax) {  // one that is longer is refused; how much longer does not matter
            content += fmt::format("{}{}: {}", content.empty() ? "" : "\n\n", said.is_person ? "person" : "assistant", said.text);
        }
        return {};
    }
    Status finish(double share) {
        Record record = std::exchange(record_, Record());
        if (record.memory.content.empty()) {
            return {};
        }
        record.memory.title = std::string(cut_utf8(title_, memory::kTitleMax));
        record.memory.type = "narrative";
        record.memory.source = tag_;
        record.memory.tags = {"conversation", tag_};
        record.refusal = refusal_of(record.memory);
        return take_(std::move(record), share);
    }

  private:
    const std::string title_, tag_;
    const TakeRecord& take_;
    Record record_;
};

// ChatGPT keeps a tree: answers that were asked for again are branches. What the person saw last leads from
// current_node up to the root.
std::vector<Said> said_in_tree(const Json& conversation) {
    std::vector<Said> all;
    const Json mapping = conversation.value("mapping", Json::object());
    std::string node = text_in(conversation, "current_node");
    for (std::size_t steps = 0; mapping.is_object() && mapping.contains(node) && steps < mapping.size(); ++steps) {
        const Json& at = mapping[node];
        const Json message = at.is_object() ? at.value("message", Json()) : Json();
        if (message.is_object()) {
            const std::string role = text_in(message.value("author", Json()), "role");
            const Json content = message.value("content", Json());
            if (role == "user" || role == "assistant") {
                all.push_back({role == "user", texts_of(content.is_object() ? content.value("parts", Json()) : Json()),
                               message.value("create_time", Json())});
            }
        }
        node = text_in(at, "parent");
    }
    std::reverse(all.begin(), all.end());
    return all;
}

std::vector<Said> said_in_list(const Json& conversation) {
    std::vector<Said> all;
    const Json messages = conversation.value("chat_messages", Json());
    for (const Json& message : messages.is_array() ? messages : Json::array()) {
        if (message.is_object()) {
            std::string text = texts_of(message.value("content", Json()));
            all.push_back({text_in(message, "sender") == "human", text.empty() ? text_in(message, "text") : std::move(text),
                           message.value("created_at", Json())});
        }
    }
    return all;
}

}  // namespace

Status conversation_records(TextSource& text, const TakeRecord& take) {
    const auto use = [&](const JsonElement& element) -> Status {
        const Result<Json> conversation = element.parsed();
        if (!conversation || !conversation->is_object()) {
            return take(refused_record(element.line, conversation ? "is no object" : conversation.error().message), text.share());
        }
        const bool is_tree = conversation->contains("mapping");
        if (!is_tree && !conversation->contains("chat_messages")) {
            return take(refused_record(element.line, "is no conversation: it has neither mapping nor chat_messages"), text.share());
        }
        Exchange exchange(text_in(*conversation, is_tree ? "title" : "name"), is_tree ? "chatgpt" : "claude", take);
        for (const Said& said : is_tree ? said_in_tree(*conversation) : said_in_list(*conversation)) {
            RESONANT_CHECK(exchange.add(said, element.line, text.share()));
        }
        return exchange.finish(text.share());
    };
    constexpr std::array<std::string_view, 1> kLists = {"conversations"};
    RESONANT_ASSIGN(const std::size_t lists, each_element(text, kLists, use));
    return lists > 0 ? Status() : fail(Code::InvalidArgument, "it is no list of conversations");
}

Status session_records(TextSource& text, const TakeRecord& take) {
    Exchange exchange("", "claude-code", take);
    std::string line;
    for (std::size_t number = 1; text.take_line(line, kRecordBytes); number = text.line()) {
        if (line.find_first_not_of(" \t") == std::string::npos) {
            continue;
        }
        const Result<Json> entry = json::parse(line);
        if (!entry || !entry->is_object()) {
            RESONANT_CHECK(take(refused_record(number, entry ? "is no object" : entry.error().message), text.share()));
            continue;
        }
        const std::string kind = text_in(*entry, "type");
        const Json message = entry->value("message", Json());
        if ((kind != "user" && kind != "assistant") || !message.is_object() || entry->value("isMeta", Json()) == true) {
            continue;  // summaries, snapshots of files, results of tools
        }
        RESONANT_CHECK(exchange.add({kind == "user", texts_of(message.value("content", Json())), entry->value("timestamp", Json())},
                                    number, text.share()));
    }
    return exchange.finish(text.share());
}

}  // namespace resonant::tools
