#include "fuzz/targets.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "resonant/base/ensure.h"
#include "resonant/board/state_board.h"
#include "resonant/govern/command.h"
#include "resonant/json/json.h"
#include "resonant/json/schema.h"
#include "resonant/mcp/id_scanner.h"

namespace resonant::fuzz {

void json(std::string_view bytes) {
    const Result<Json> value = json::parse(bytes);
    if (!value) {
        RESONANT_ENSURE(!value.error().message.empty(), "a refusal explains itself");
        return;
    }
    const Result<Json> again = json::parse(json::dump(*value));
    RESONANT_ENSURE(again && *again == *value, "what was dumped reads back the same");
    const std::string canonical = json::canonical(*value);
    // Integers beyond 2^53 are written as the doubles they are, which can be longer than 64 bits: then refused.
    const Result<Json> canonical_again = json::parse(canonical);
    RESONANT_ENSURE(!canonical_again || json::canonical(*canonical_again) == canonical,
                    "the canonical form of the canonical form is itself");
}

namespace {

std::string scan(std::string_view bytes, std::size_t piece) {
    mcp::IdScanner scanner;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        scanner.feed(bytes.substr(at, piece));
    }
    scanner.finish();
    return scanner.id();
}

}  // namespace

void id_scanner(std::string_view bytes) {
    const std::string whole = scan(bytes, std::max<std::size_t>(bytes.size(), 1));
    RESONANT_ENSURE(scan(bytes, 1) == whole && scan(bytes, 7) == whole, "cuts do not matter");
    if (!whole.empty()) {
        const bool integer = whole.find_first_not_of("-0123456789") == std::string::npos;
        const Result<Json> id = json::parse(whole);
        RESONANT_ENSURE(integer || (id && id->is_string()), "an id is a string or an integer");
    }
}

void schema(std::string_view bytes) {
    const std::size_t line = bytes.find('\n');
    const Result<Json> text = json::parse(bytes.substr(0, line));
    if (!text) {
        return;
    }
    const Result<json::Schema> compiled = json::Schema::compile(*text);
    if (!compiled || line == std::string_view::npos) {
        return;
    }
    const Result<Json> value = json::parse(bytes.substr(line + 1));
    if (value) {
        RESONANT_ENSURE(compiled->valid(*value) == compiled->errors(*value).empty(), "one verdict");
    }
}

void command(std::string_view bytes) {
    const govern::Classification line = govern::classify(bytes);
    RESONANT_ENSURE((line.risk == govern::Risk::Safe) == line.rule.empty(), "a risk names its rule");
    // The same words as a program's arguments: NUL cannot stand in one.
    std::vector<std::string> words;
    for (std::size_t at = 0; at < bytes.size() && words.size() < 64;) {
        const std::size_t end = std::min(bytes.find('\0', at), bytes.size());
        words.emplace_back(bytes.substr(at, end - at));
        at = end + 1;
    }
    if (!words.empty()) {
        govern::classify(words);
        govern::classify(govern::command_line(words));
    }
}

void board(std::string_view bytes) {
    alignas(4096) std::array<std::byte, 4096> page{};
    std::memcpy(page.data(), bytes.data(), std::min(bytes.size(), page.size()));
    const Result<board::BoardView> view = board::BoardView::over(page.data(), page.size());
    if (view) {
        for (const board::FieldInfo& info : board::built_in_fields()) {
            if (!info.name.starts_with("harmony.") && !info.name.starts_with("resonance.")) {
                view->word(info.field);
            }
        }
    }
}

}  // namespace resonant::fuzz
