#include "resonant/mcp/render.h"

#include <fmt/compile.h>

#include <cmath>

#include "resonant/call/upstreams.h"
#include "resonant/json/quote.h"

namespace resonant::mcp {

Json body_of(const call::Reply& reply) {
    const std::string_view server = call::server_of(reply.tool);
    if (!server.empty() && !reply.blocks.is_null()) {
        Json body = {{"untrusted", server}, {"content", reply.blocks}};
        if (!reply.content.is_null()) {
            body["structured"] = reply.content;
        }
        return body;
    }
    Json body = reply.content.is_object() ? reply.content : Json{{"value", reply.content}};
    if (!reply.denial || body.contains("denial")) {
        return body;
    }
    const call::Denial& denial = *reply.denial;
    Json words = {{"code", denial.code},
                  {"stage", denial.stage},
                  {"rule", denial.rule},
                  {"reason", denial.reason},
                  {"way_out", denial.way_out}};
    if (denial.retry_after_s) {
        words["retry_after_s"] = *denial.retry_after_s;
    }
    body["denial"] = std::move(words);
    if (!reply.tool.empty()) {
        body["tool"] = reply.tool;
    }
    return body;
}

namespace {

// What stands between the words of a refusal: as JSON, and as JSON within a string of JSON.
struct Marks {
    std::string_view code, reason, retry, rule, stage, way_out, tool, end;
};
constexpr Marks kPlain{R"({"denial":{"code":")", R"(","reason":")",       R"(","retry_after_s":)", R"(,"rule":")",
                       R"(","stage":")",         R"(","way_out":")",      R"("},"tool":")",        R"("})"};
constexpr Marks kWithin{R"({\"denial\":{\"code\":\")", R"(\",\"reason\":\")",  R"(\",\"retry_after_s\":)",
                        R"(,\"rule\":\")",             R"(\",\"stage\":\")",   R"(\",\"way_out\":\")",
                        R"(\"},\"tool\":\")",           R"(\"})"};

void append(std::string& out, const Marks& marks, const call::Denial& denial, std::string_view tool,
            std::string_view retry_after_s) {
    out.append(marks.code).append(denial.code).append(marks.reason).append(denial.reason);
    out.append(marks.retry).append(retry_after_s);
    out.append(marks.rule).append(denial.rule).append(marks.stage).append(denial.stage);
    out.append(marks.way_out).append(denial.way_out).append(marks.tool).append(tool).append(marks.end);
}

// Refusals come in floods: they are written in one pass, without a document in between. Empty: of this one it cannot be.
std::string refusal_result(const call::Reply& reply, RenderOptions options) {
    const call::Denial& denial = *reply.denial;
    for (const std::string* word : {&denial.code, &denial.reason, &denial.rule, &denial.stage, &denial.way_out, &reply.tool}) {
        if (!json::is_plain(*word)) {
            return {};
        }
    }
    const double wait_ms = denial.retry_after_s ? std::ceil(*denial.retry_after_s * 1000) : -1;
    if (wait_ms < 0 || wait_ms > 1e12) {
        return {};
    }
    const auto whole = static_cast<std::int64_t>(wait_ms);
    char digits[32];
    const std::string_view retry(digits, static_cast<std::size_t>(
        fmt::format_to(digits, FMT_COMPILE("{}.{:03}"), whole / 1000, whole % 1000) - digits));
    std::string result;
    result.reserve(2 * (denial.code.size() + denial.reason.size() + denial.rule.size() + denial.stage.size() +
                        denial.way_out.size() + reply.tool.size()) + reply.resonance.size() + 512);
    result += options.modern ? R"({"resultType":"complete","content":[{"type":"text","text":")"
                             : R"({"content":[{"type":"text","text":")";
    append(result, kWithin, denial, reply.tool, retry);
    result += R"("}])";
    if (options.structured) {
        result += R"(,"structuredContent":)";
        append(result, kPlain, denial, reply.tool, retry);
    }
    result += R"(,"isError":true)";
    if (!reply.resonance.empty()) {
        result.append(R"(,"_meta":{"resonant/resonance":)").append(reply.resonance).append("}");
    }
    return result += '}';
}

}  // namespace

std::string call_result(const call::Reply& reply, RenderOptions options) {
    if (reply.denial && reply.content.empty()) {
        if (std::string refusal = refusal_result(reply, options); !refusal.empty()) {
            return refusal;
        }
    }
    const bool as_is = reply.content.is_object() && (!reply.denial || reply.content.contains("denial"));
    const Json made = as_is ? Json() : body_of(reply);
    const Json& body = as_is ? reply.content : made;
    const bool written = as_is && !reply.text.empty();
    const std::string dumped = written ? std::string() : json::dump(body);
    const std::string& structured = written ? reply.text : dumped;
    const auto text = body.find("text");
    const bool own_text = text != body.end() && text->is_string();

    std::string result;
    result.reserve(2 * structured.size() + 256);
    if (!reply.blocks.is_null()) {
        const std::string_view server = call::server_of(reply.tool);
        result += options.modern ? R"({"resultType":"complete","content":)" : R"({"content":)";
        result += json::dump(reply.blocks);
        // Before 2026-07-28 it is an object; what else it may be stands in the blocks.
        const bool has_form = options.modern ? !reply.content.is_null() : reply.content.is_object();
        if (options.structured && !server.empty() && has_form) {
            result.append(R"(,"structuredContent":)").append(json::dump(reply.content));
        }
        result += reply.error ? R"(,"isError":true)" : R"(,"isError":false)";
        if (!server.empty()) {
            result.append(R"(,"_meta":{"resonant/untrusted":)").append(json::dump(server));
            if (!reply.resonance.empty()) {
                result.append(R"(,"resonant/resonance":)").append(reply.resonance);
            }
            result += "}";
        }
        return result += "}";
    }
    result += options.modern ? R"({"resultType":"complete","content":[{"type":"text","text":)"
                             : R"({"content":[{"type":"text","text":)";
    if (own_text) {
        result += json::dump(*text);
    } else {
        json::append_quoted(result, structured);
    }
    // An answer that goes on says so where everybody reads it: clients of before 2025-06-18 get the blocks alone.
    const auto more = own_text ? body.find("more") : body.end();
    if (own_text && more != body.end() && more->is_string()) {
        result.append(R"(},{"type":"text","text":)").append(json::dump(*more));
    }
    result += "}]";
    if (options.structured) {
        result.append(R"(,"structuredContent":)").append(structured);
    }
    result += reply.error ? R"(,"isError":true)" : R"(,"isError":false)";
    const std::string_view server = call::server_of(reply.tool);
    if (!server.empty() && !reply.denial) {
        result.append(R"(,"_meta":{"resonant/untrusted":)").append(json::dump(server));
        if (!reply.resonance.empty()) {
            result.append(R"(,"resonant/resonance":)").append(reply.resonance);
        }
        result += "}";
    } else if (!reply.resonance.empty()) {
        result.append(R"(,"_meta":{"resonant/resonance":)").append(reply.resonance).append("}");
    }
    result += "}";
    return result;
}

}  // namespace resonant::mcp
