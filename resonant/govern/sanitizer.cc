#include "resonant/govern/sanitizer.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace resonant::govern {
namespace {

// Names by which arguments claim to be somebody or to be let through, without case and separators; sorted.
constexpr std::array<std::string_view, 33> kClaims = {
    "admin", "adminid", "administrator", "adminoverride", "adminsecret", "agentid", "asadmin",
    "asuser", "auth", "authorization", "authorized", "bypass", "caller", "callerid", "callerrole",
    "identity", "impersonate", "isadmin", "isowner", "isroot", "owner", "permission",
    "permissions", "principal", "privilege", "privileges", "role", "roles", "root", "runas",
    "sudo", "superuser", "userrole"};
constexpr std::array<std::string_view, 4> kClaimsBegin = {"_bypass", "_internal", "_sudo", "_prevalidated"};
constexpr std::size_t kPathBytesMax = 200;

bool claims(std::string_view key) {
    std::array<char, 24> name;  // on the stack: this is asked of every argument
    std::size_t size = 0;
    for (const char c : key) {
        if (c == '_' || c == '-' || c == '.' || c == ' ') {
            continue;
        }
        if (size == name.size()) {
            break;  // longer than any of them
        }
        name[size++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return std::binary_search(kClaims.begin(), kClaims.end(), std::string_view(name.data(), size)) ||
           std::any_of(kClaimsBegin.begin(), kClaimsBegin.end(),
                       [key](std::string_view begin) { return key.starts_with(begin); });
}

call::Denial refuse(std::string code, std::string rule, std::string reason, std::string way_out) {
    return {.code = std::move(code),
            .stage = std::string(kSanitizer),
            .rule = std::move(rule),
            .reason = std::move(reason),
            .way_out = std::move(way_out),
            .retry_after_s = {}};
}

// One walk over the arguments of a call; the path is built only on the way back from a find.
class Walk {
  public:
    Walk(const SanitizerLimits& limits, bool free_text) : limits_(limits), free_text_(free_text) {}

    std::optional<call::Denial> value(const Json& json, std::size_t depth) {
        if (++nodes_ > limits_.nodes) {
            return large("nodes", fmt::format("more than {} values", limits_.nodes));
        }
        if (json.is_string()) {
            return text(json.get_ref<const std::string&>(), false);
        }
        if (!json.is_structured()) {
            return std::nullopt;
        }
        if (depth >= limits_.depth) {
            return refuse("too_deep", "depth", fmt::format("nested deeper than {} levels", limits_.depth),
                          "send a flatter value");
        }
        if (json.size() > limits_.list) {
            return large("list", fmt::format("{} entries, the limit is {}", json.size(), limits_.list));
        }
        return json.is_object() ? members(json, depth) : items(json, depth);
    }

    const std::string& path() const { return path_; }

  private:
    std::optional<call::Denial> members(const Json& object, std::size_t depth) {
        for (const auto& [key, member] : object.items()) {
            auto denial = text(key, true);
            if (!denial) {
                denial = value(member, depth + 1);
            }
            if (denial) {
                return under(find_hidden(key) ? "?" : key, std::move(denial));
            }
        }
        return std::nullopt;
    }

    std::optional<call::Denial> items(const Json& list, std::size_t depth) {
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (auto denial = value(list[i], depth + 1)) {
                return under(fmt::format("[{}]", i), std::move(denial));
            }
        }
        return std::nullopt;
    }

    std::optional<call::Denial> under(const std::string& step, std::optional<call::Denial> denial) {
        if (path_.size() + step.size() < kPathBytesMax) {
            path_ = path_.empty() || path_[0] == '[' ? step + path_ : step + "." + path_;
        }
        return denial;
    }

    std::optional<call::Denial> text(const std::string& words, bool key) {
        text_bytes_ += words.size();
        if (text_bytes_ > limits_.text_bytes) {
            return large("text_bytes", fmt::format("more than {} bytes of text in all", limits_.text_bytes));
        }
        const bool prose = free_text_ && !key;
        if (!prose && words.size() > limits_.string_bytes) {
            return large("string_bytes",
                         fmt::format("a string of {} bytes, the limit is {}", words.size(), limits_.string_bytes));
        }
        if (prose) {
            return words.find('\0') == std::string::npos ? std::nullopt : hidden(0);
        }
        const std::optional<char32_t> found = find_hidden(words);
        return found ? hidden(*found) : std::nullopt;
    }

    static std::optional<call::Denial> large(std::string rule, std::string reason) {
        return refuse("too_large", std::move(rule), std::move(reason),
                      "send less at once; long text belongs in memory.import or several calls");
    }

    static std::optional<call::Denial> hidden(char32_t c) {
        const auto number = static_cast<std::uint32_t>(c);
        const bool control = number < 0x20 || (number >= 0x7F && number <= 0x9F);
        return refuse(control ? "control_character" : "hidden_text", control ? "control characters" : "hidden text",
                      number > 0x10FFFF ? std::string("bytes that are no UTF-8")
                                        : fmt::format("the character U+{:04X}, which cannot be seen{}", number,
                                                      control ? "" : " and can hide or turn other text"),
                      "send the text without it");
    }

    const SanitizerLimits& limits_;
    const bool free_text_;
    std::size_t nodes_ = 0;
    std::size_t text_bytes_ = 0;
    std::string path_;
};

// A key that is an argument of the tool is no claim: karma.report may ask about an agent.
std::optional<call::Denial> find_claim(const call::Call& call) {
    const Json& schema = call.contract->input_schema;
    const auto properties = schema.is_object() ? schema.find("properties") : schema.end();
    for (const auto& [key, value] : call.arguments.items()) {
        if (claims(key) && (properties == schema.end() || !properties->contains(key))) {
            return refuse("identity_claim", "identity comes from the transport",
                          fmt::format("the argument \"{}\" claims who is calling or what they may do; {} has no such "
                                      "argument, and who you are ({}) comes from the connection",
                                      key, call.contract->name, call.caller.principal),
                          fmt::format("leave out \"{}\"; what needs the owner is run by the owner", key));
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<call::Denial> Sanitizer::judge(const call::Call& call, Look, std::string&) {
    if (!call.arguments.is_object()) {
        return refuse("malformed", "arguments are an object",
                      fmt::format("the arguments are of type {}, an object is needed", call.arguments.type_name()),
                      "send {\"name\": value, ...}");
    }
    Walk walk(limits_, call.contract->free_text);
    if (auto denial = walk.value(call.arguments, 0)) {
        denial->reason = fmt::format("argument {}: {}", walk.path().empty() ? "object" : walk.path(), denial->reason);
        return denial;
    }
    return find_claim(call);
}

}  // namespace resonant::govern
