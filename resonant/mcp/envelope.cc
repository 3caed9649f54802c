#include "resonant/mcp/envelope.h"

#include <fmt/core.h>

#include <cmath>

#include "resonant/mcp/id_scanner.h"

namespace resonant::mcp {

namespace {

Envelope broken(Envelope envelope, std::string words) {
    envelope.kind = Envelope::Kind::Broken;
    envelope.code = kInvalidRequest;
    envelope.words = std::move(words);
    return envelope;
}

}  // namespace

std::string id_text(const Json& id) {
    if (id.is_string() || id.is_number_integer()) {
        return json::dump(id);
    }
    if (id.is_number_float()) {
        const double number = id.get<double>();
        if (std::floor(number) == number && std::fabs(number) < 9.0e15) {
            return fmt::format("{:.0f}", number);
        }
    }
    return {};
}

Envelope sort_message(Json message) {
    Envelope envelope;
    if (!message.is_object()) {
        return broken(std::move(envelope), fmt::format("a message is an object, not {}", message.type_name()));
    }
    const auto id = message.find("id");
    const bool has_id = id != message.end();
    envelope.id = has_id ? id_text(*id) : std::string();
    const auto method = message.find("method");
    if (method == message.end() && (message.contains("result") || message.contains("error"))) {
        envelope.kind = Envelope::Kind::Response;
        envelope.failed = !message.contains("result");
        envelope.params = std::move(message[envelope.failed ? "error" : "result"]);
        return envelope;
    }
    const auto version = message.find("jsonrpc");
    if (version == message.end() || *version != "2.0") {
        return broken(std::move(envelope), "\"jsonrpc\" must be \"2.0\"");
    }
    if (method == message.end() || !method->is_string()) {
        return broken(std::move(envelope), "\"method\" must be a string");
    }
    envelope.method = method->get<std::string>();
    if (has_id && envelope.id.empty()) {
        return broken(std::move(envelope), "\"id\" must be a string or an integer");
    }
    envelope.kind = has_id ? Envelope::Kind::Request : Envelope::Kind::Notification;
    if (const auto params = message.find("params"); params != message.end()) {
        envelope.params = std::move(*params);
    }
    return envelope;
}

Envelope sort_unparsed(std::string_view text, const Error& why) {
    IdScanner scanner;
    scanner.feed(text);
    scanner.finish();
    Envelope envelope;
    if (scanner.looks_like_response()) {
        envelope.kind = Envelope::Kind::Response;
        return envelope;
    }
    const bool too_much = why.code == Code::ResourceExhausted;  // JSON, but more than is taken
    if (too_much && scanner.looks_like_notification()) {
        envelope.kind = Envelope::Kind::Notification;
        return envelope;
    }
    const std::string& id = scanner.id();
    if (too_much && id.size() > 18 && id.front() != '"') {
        const std::size_t end = scanner.id_end();
        const std::string shorter = fmt::format("{}0{}", text.substr(0, end - id.size()), text.substr(end));
        if (Result<Json> message = json::parse(shorter)) {
            envelope = sort_message(std::move(*message));
            envelope.id = id;
            return envelope;
        }
    }
    envelope.id = id;
    envelope.code = too_much ? kInvalidRequest : kParseError;
    envelope.words = why.message;
    return envelope;
}

std::string result_text(std::string_view id, std::string_view result) {
    std::string text;
    text.reserve(id.size() + result.size() + 40);
    text.append(R"({"jsonrpc":"2.0","id":)").append(id).append(R"(,"result":)").append(result).append("}");
    return text;
}

std::string error_text(std::string_view id, int code, std::string_view words, const Json& data) {
    Json error = {{"code", code}, {"message", words}};
    if (!data.is_null()) {
        error["data"] = data;
    }
    std::string text = R"({"jsonrpc":"2.0","id":)";
    text.append(id.empty() ? "null" : id).append(R"(,"error":)").append(json::dump(error)).append("}");
    return text;
}

}  // namespace resonant::mcp
