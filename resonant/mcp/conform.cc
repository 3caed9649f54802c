#include "resonant/mcp/conform.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <functional>

#include "resonant/json/schema.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kShownBytes = 2'000;  // of a block that is none, in the text that takes its place

using Holds = bool (*)(const Json& value);

bool is_text(const Json& value) { return value.is_string(); }
bool is_flag(const Json& value) { return value.is_boolean(); }
bool is_size(const Json& value) { return value.is_number_integer(); }
bool is_object(const Json& value) { return value.is_object(); }
bool is_priority(const Json& value) { return value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1; }
bool are_roles(const Json& value) {
    return value.is_array() && std::all_of(value.begin(), value.end(), [](const Json& one) { return one == "user" || one == "assistant"; });
}
bool are_texts(const Json& value) { return value.is_array() && std::all_of(value.begin(), value.end(), is_text); }

// "2026-02-28T10:00:00.5Z" or with an offset: the npm SDK takes no other form.
bool is_moment(const Json& value) {
    if (!value.is_string()) {
        return false;
    }
    const std::string_view text = value.get_ref<const std::string&>();
    constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
    const auto fits = [](std::string_view part, std::string_view form) {
        return part.size() == form.size() && std::equal(part.begin(), part.end(), form.begin(), [](char c, char f) {
                   return f == 'd' ? c >= '0' && c <= '9' : c == f;
               });
    };
    if (!fits(text.substr(0, kForm.size()), kForm)) {
        return false;
    }
    const auto number = [&](std::size_t at, std::size_t count) { return std::stoi(std::string(text.substr(at, count))); };
    const std::chrono::year_month_day day{std::chrono::year(number(0, 4)), std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(number(8, 2)))};
    std::string_view rest = text.substr(kForm.size());
    if (rest.starts_with('.')) {
        const std::size_t digits = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
        rest = digits > 1 ? rest.substr(digits) : std::string_view("x");
    }
    const bool offset = fits(rest, "+dd:dd") || fits(rest, "-dd:dd");
    const bool zone = rest == "Z" || (offset && std::stoi(std::string(rest.substr(1, 2))) < 24 && std::stoi(std::string(rest.substr(4, 2))) < 60);
    return day.ok() && number(11, 2) < 24 && number(14, 2) < 60 && number(17, 2) < 60 && zone;
}

// A member that is there and does not hold what it must goes, and `mended` says so.
void keep_if(Json& object, const char* name, Holds holds, std::vector<std::string>& mended) {
    const auto found = object.find(name);
    if (found == object.end() || holds(*found)) {
        return;
    }
    mended.push_back(fmt::format("{} was {} and is left out", name, found->is_null() ? "null" : "not what it may be"));
    object.erase(found);
}

void conform_annotations(Json& object, std::vector<std::string>& mended) {
    keep_if(object, "annotations", is_object, mended);
    if (const auto annotations = object.find("annotations"); annotations != object.end()) {
        keep_if(*annotations, "audience", are_roles, mended);
        keep_if(*annotations, "priority", is_priority, mended);
        keep_if(*annotations, "lastModified", is_moment, mended);
    }
}

bool is_icon(const Json& icon) {
    const auto optional = [&](const char* name, Holds holds) { return !icon.contains(name) || holds(icon.at(name)); };
    return icon.is_object() && icon.contains("src") && icon["src"].is_string() && optional("mimeType", is_text) &&
           optional("sizes", are_texts) &&
           optional("theme", [](const Json& theme) { return theme == "light" || theme == "dark"; });
}
bool are_icons(const Json& value) { return value.is_array() && std::all_of(value.begin(), value.end(), is_icon); }

// What every entry may have.
void conform_common(Json& entry, std::vector<std::string>& mended) {
    keep_if(entry, "title", is_text, mended);
    keep_if(entry, "description", is_text, mended);
    keep_if(entry, "icons", are_icons, mended);
    keep_if(entry, "_meta", is_object, mended);
}

bool has_text(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() && !found->get_ref<const std::string&>().empty();
}

// A schema of an object as both SDKs read one. False when it is a schema of something else.
bool conform_schema(Json& schema, const std::string& name, std::vector<std::string>& mended) {
    if (schema == Json(true)) {
        schema = Json::object();
    }
    if (!schema.is_object()) {
        return false;
    }
    keep_if(schema, "$schema", is_text, mended);
    const auto type = schema.find("type");
    const bool may_be = type == schema.end() || type->is_null() || *type == "object" ||
                        (type->is_array() && std::find(type->begin(), type->end(), Json("object")) != type->end());
    if (!may_be) {
        return false;
    }
    if (type == schema.end() || *type != "object") {
        mended.push_back(fmt::format("{} did not say that it is of an object", name));
        schema["type"] = "object";
    }
    keep_if(schema, "properties", is_object, mended);
    if (const auto properties = schema.find("properties"); properties != schema.end()) {
        for (auto at = properties->begin(); at != properties->end(); ++at) {
            if (at->is_boolean()) {  // a schema that takes anything, or nothing: the npm SDK reads objects only
                *at = at->get<bool>() ? Json::object() : Json{{"not", Json::object()}};
            } else if (!at->is_object()) {
                mended.push_back(fmt::format("{}: {} had no schema", name, at.key().substr(0, 60)));
                *at = Json::object();
            }
        }
    }
    keep_if(schema, "required", are_texts, mended);
    return true;
}

// base64 as atob() takes it: spaces do not count. The form for URLs is translated.
bool conform_base64(Json& value) {
    if (!value.is_string()) {
        return false;
    }
    std::string& text = value.get_ref<std::string&>();
    std::size_t digits = 0, pads = 0;
    for (char& c : text) {
        c = c == '-' ? '+' : c == '_' ? '/' : c;
        if (std::string_view(" \t\n\f\r").find(c) != std::string_view::npos) {
            continue;
        }
        const bool digit = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/';
        if ((!digit && c != '=') || (digit && pads > 0)) {
            return false;
        }
        (digit ? digits : pads) += 1;
    }
    return pads == 0 ? digits % 4 != 1 : pads <= 2 && (digits + pads) % 4 == 0;
}

Conformed conform_prompt(Json& prompt) {
    Conformed done;
    if (!prompt.is_object() || !has_text(prompt, "name")) {
        return {.left_out = "it has no name", .mended = {}};
    }
    conform_common(prompt, done.mended);
    keep_if(prompt, "arguments", [](const Json& value) { return value.is_array(); }, done.mended);
    if (const auto arguments = prompt.find("arguments"); arguments != prompt.end()) {
        for (auto at = arguments->begin(); at != arguments->end();) {
            if (!at->is_object() || !has_text(*at, "name")) {
                done.mended.emplace_back("an argument without a name is left out");
                at = arguments->erase(at);
                continue;
            }
            keep_if(*at, "title", is_text, done.mended);
            keep_if(*at, "description", is_text, done.mended);
            keep_if(*at, "required", is_flag, done.mended);
            ++at;
        }
    }
    return done;
}

// A text block that tells of what could not be one.
Json in_words(const Json& block) {
    const std::string kind = block.is_object() && block.contains("type") && block["type"].is_string()
                                 ? block["type"].get<std::string>().substr(0, 40)
                                 : std::string();
    std::string text = json::dump(block);
    const bool cut = text.size() > kShownBytes;
    if (cut) {
        text = fmt::format("{} bytes of JSON, which are left out", text.size());
    }
    return {{"type", "text"},
            {"text", fmt::format("(a block of the server{} that clients cannot read: {})",
                                 kind.empty() ? "" : fmt::format(", of type {},", kind), text)}};
}

}  // namespace

Conformed conform_tool(Json& tool) {
    Conformed done;
    if (!tool.is_object() || !has_text(tool, "name")) {
        return {.left_out = "it has no name", .mended = {}};
    }
    conform_common(tool, done.mended);
    if (!tool.contains("inputSchema") || tool["inputSchema"].is_null()) {
        done.mended.emplace_back("inputSchema was missing: any arguments are passed on");
        tool["inputSchema"] = {{"type", "object"}};
    } else if (!conform_schema(tool["inputSchema"], "inputSchema", done.mended)) {
        return {.left_out = "its inputSchema is not one of an object", .mended = {}};
    }
    if (const auto output = tool.find("outputSchema"); output != tool.end()) {
        // Whoever lists tools compiles these: one that does not compile costs the whole list.
        if (!output->is_object() || !json::Schema::compile(*output)) {
            done.mended.emplace_back("outputSchema is no schema and is left out");
            tool.erase(output);
        } else if (output->value("type", Json()) == "object") {
            conform_schema(*output, "outputSchema", done.mended);
        }
    }
    keep_if(tool, "annotations", is_object, done.mended);
    if (const auto annotations = tool.find("annotations"); annotations != tool.end()) {
        keep_if(*annotations, "title", is_text, done.mended);
        for (const char* hint : {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}) {
            keep_if(*annotations, hint, is_flag, done.mended);
        }
    }
    keep_if(tool, "execution", is_object, done.mended);
    return done;
}

Conformed conform_offer(call::UpstreamOffer::Kind kind, Json& offer) {
    if (kind == call::UpstreamOffer::Kind::Prompt) {
        return conform_prompt(offer);
    }
    Conformed done;
    const char* key = kind == call::UpstreamOffer::Kind::Template ? "uriTemplate" : "uri";
    if (!offer.is_object() || !has_text(offer, key)) {
        return {.left_out = fmt::format("it has no {}", key), .mended = {}};
    }
    conform_common(offer, done.mended);
    if (!has_text(offer, "name")) {
        done.mended.emplace_back("name was missing");
        offer["name"] = has_text(offer, "title") ? offer["title"] : offer[key];
    }
    keep_if(offer, "mimeType", is_text, done.mended);
    keep_if(offer, "size", is_size, done.mended);
    conform_annotations(offer, done.mended);
    return done;
}

bool conform_contents(Json& contents) {
    std::vector<std::string> mended;
    if (!contents.is_object() || !has_text(contents, "uri")) {
        return false;
    }
    keep_if(contents, "text", is_text, mended);
    keep_if(contents, "mimeType", is_text, mended);
    keep_if(contents, "_meta", is_object, mended);
    if (const auto blob = contents.find("blob"); blob != contents.end() && !conform_base64(*blob)) {
        contents.erase(blob);
    }
    return contents.contains("text") || contents.contains("blob");
}

bool conform_block(Json& block) {
    if (!block.is_object() || !has_text(block, "type")) {
        return false;
    }
    std::vector<std::string> mended;
    conform_annotations(block, mended);
    keep_if(block, "_meta", is_object, mended);
    const std::string type = block["type"].get<std::string>();
    if (type == "text") {
        return block.contains("text") && block["text"].is_string();
    }
    if (type == "image" || type == "audio") {
        return block.contains("data") && conform_base64(block["data"]) && block.contains("mimeType") && block["mimeType"].is_string();
    }
    if (type == "resource") {
        return block.contains("resource") && conform_contents(block["resource"]);
    }
    return type == "resource_link" && conform_offer(call::UpstreamOffer::Kind::Resource, block).left_out.empty();
}

void conform_blocks(Json& blocks) {
    if (!blocks.is_array()) {
        blocks = blocks.is_null() ? Json::array() : Json::array({std::move(blocks)});
    }
    for (Json& block : blocks) {
        if (!conform_block(block)) {
            block = in_words(block);
        }
    }
}

}  // namespace resonant::mcp
