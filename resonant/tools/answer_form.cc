#include "resonant/tools/answer_form.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/base/ensure.h"

namespace resonant::tools {
namespace {

constexpr int kDepthMax = 6;

class Reader {
  public:
    explicit Reader(std::string_view form) : rest_(form) {}

    // An object's schema; `required` gets the names with a star.
    Result<Json> fields(Json& required, int depth) {
        Json properties = Json::object();
        for (skip(); !rest_.empty() && rest_.front() != '}'; skip()) {
            const std::string name(word());
            if (name.empty() || depth > kDepthMax) {
                return wrong();
            }
            if (take('*')) {
                required.push_back(name);
            }
            Json type = {{"type", "string"}};
            if (take(':')) {
                RESONANT_ASSIGN(type, type_of(depth));
            }
            properties[name] = std::move(type);
        }
        return Json{{"type", "object"}, {"properties", std::move(properties)}};
    }
    bool done() const { return rest_.empty(); }
    std::unexpected<Error> wrong() const {
        return fail(Code::InvalidArgument, fmt::format("answer form: '{}' is no field; see answer_form.h", rest_.substr(0, 40)));
    }

  private:
    Result<Json> type_of(int depth) {
        Json type;
        if (take('{')) {
            Json required = Json::array();
            RESONANT_ASSIGN(type, fields(required, depth + 1));
            if (!required.empty()) {
                type["required"] = std::move(required);
            }
            if (!take('}')) {
                return wrong();
            }
        } else {
            const std::string_view name = word();
            if (name == "any") {
                type = Json::object();
            } else if (name == "string" || name == "number" || name == "object") {
                type = {{"type", name}};
            } else if (name == "int" || name == "bool") {
                type = {{"type", name == "int" ? "integer" : "boolean"}};
            } else {
                return wrong();
            }
        }
        while (take('[')) {
            if (!take(']')) {
                return wrong();
            }
            Json items = std::move(type);
            type = {{"type", "array"}};
            if (!items.empty()) {
                type["items"] = std::move(items);
            }
        }
        if (take('?') && type.contains("type")) {
            type["type"] = Json::array({type["type"], "null"});
        }
        return type;
    }
    std::string_view word() {
        const std::size_t end = std::min(rest_.find_first_of(" *:{}[]?"), rest_.size());
        const std::string_view found = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return found;
    }
    bool take(char mark) {
        const bool there = !rest_.empty() && rest_.front() == mark;
        rest_.remove_prefix(there ? 1 : 0);
        return there;
    }
    void skip() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

    std::string_view rest_;
};

}  // namespace

Result<Json> output_schema(std::string_view form) {
    Reader reader(form);
    Json required = Json::array();
    RESONANT_ASSIGN(Json schema, reader.fields(required, 0));
    if (!reader.done()) {
        return reader.wrong();
    }
    if (!required.empty()) {
        schema["anyOf"] = Json::array({{{"required", std::move(required)}}});
        for (const char* other : {"error", "denial", "cut"}) {
            schema["anyOf"].push_back({{"required", Json::array({other})}});
        }
    }
    return schema;
}

Json output_schema_of(const call::Contract& contract) {
    const std::string_view form = answer_form_of(contract.name);
    if (form.empty() || !contract.available) {
        return Json();
    }
    Result<Json> schema = output_schema(form);
    RESONANT_ENSURE(schema.has_value(), "a row of answer_table.cc follows answer_form.h");
    return std::move(*schema);
}

}  // namespace resonant::tools
