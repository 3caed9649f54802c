#include "apps/resonant/render.h"

namespace resonant::app {
namespace {

bool is_scalar(const Json& value) { return !value.is_structured() || value.empty(); }

std::string scalar(const Json& value) {
    if (value.is_string()) {
        return value.get<std::string>();
    }
    return value.is_structured() ? (value.is_array() ? "(none)" : "(empty)") : json::dump(value);
}

void write(const Json& value, const std::string& margin, std::string& out) {
    if (is_scalar(value)) {
        out += margin + scalar(value) + "\n";
        return;
    }
    if (value.is_array()) {
        for (const Json& item : value) {
            if (is_scalar(item)) {
                out += margin + "- " + scalar(item) + "\n";
            } else {
                const std::size_t start = out.size();
                write(item, margin + "  ", out);
                out[start + margin.size()] = '-';
            }
        }
        return;
    }
    for (const auto& [key, item] : value.items()) {
        if (is_scalar(item)) {
            out += margin + key + ": " + scalar(item) + "\n";
        } else {
            out += margin + key + ":\n";
            write(item, margin + "  ", out);
        }
    }
}

}  // namespace

std::string render(const Json& value) {
    std::string out;
    write(value, "", out);
    return out;
}

}  // namespace resonant::app
