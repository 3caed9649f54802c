#include "resonant/mcp/render.h"

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
        words["retry_after"] = *denial.retry_after_s;
    }
    body["denial"] = std::move(words);
    return body;
}

std::string call_result(const call::Reply& reply, RenderOptions options) {
    // A refusal may come as text alone.
    const bool as_is = reply.content.is_object() &&
                       (!reply.denial || !reply.text.empty() || reply.content.contains("denial"));
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
        if (options.structured && !server.empty() && !reply.content.is_null()) {
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
