#include "resonant/tools/answers.h"

#include <fmt/core.h>

#include <cmath>
#include <ctime>

#include "resonant/base/utf8.h"

namespace resonant::tools {

std::string show_time(std::int64_t at_ns) {
    if (at_ns == 0) {
        return "";
    }
    const std::time_t seconds = at_ns / 1'000'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

double rounded(double value, int digits) {
    const double scale = std::pow(10.0, digits);
    return std::round(value * scale) / scale;
}

std::string shortened(std::string_view text, std::size_t bytes) {
    if (text.size() <= bytes) {
        return std::string(text);
    }
    return std::string(cut_utf8(text, bytes)) + "…";
}

std::size_t tokens_of(std::string_view text) { return (text.size() + 3) / 4; }

std::string title_of(const memory::Memory& memory) {
    if (!memory.title.empty()) {
        return memory.title;
    }
    return shortened(std::string_view(memory.content).substr(0, memory.content.find('\n')), 60);
}

Json show(const memory::Memory& memory, bool metadata) {
    Json shown = {{"id", memory::wire_id(memory.id)},
                  {"title", title_of(memory)},
                  {"content", memory.content},
                  {"type", memory.type},
                  {"tags", memory.tags}};
    if (memory.is_archived) {
        shown["archived"] = true;
    }
    if (memory.is_private) {
        shown["private"] = true;
    }
    if (metadata) {
        shown.update({{"importance", rounded(memory.importance)},
                      {"protected", memory.is_protected},
                      {"zone", memory::name_of(memory.zone())},
                      {"distance", rounded(memory.distance)},
                      {"version", memory.version},
                      {"source", memory.source},
                      {"session_id", memory.session},
                      {"galaxy", memory.galaxy},
                      {"owner", memory.owner},
                      {"created", show_time(memory.created_ns)},
                      {"updated", show_time(memory.updated_ns)},
                      {"accessed", show_time(memory.accessed_ns)},
                      {"accesses", memory.access_count},
                      {"embedded", memory.has_vector}});
    }
    return shown;
}

Json show(const memory::Hit& hit, std::size_t content_bytes) {
    Json shown = {{"id", memory::wire_id(hit.memory.id)},
                  {"title", title_of(hit.memory)},
                  {"content", shortened(hit.memory.content, content_bytes)},
                  {"type", hit.memory.type},
                  {"created", show_time(hit.memory.created_ns)}};
    if (!hit.memory.tags.empty()) {
        shown["tags"] = hit.memory.tags;
    }
    if (!hit.reasons.empty()) {
        shown["score"] = rounded(hit.score, 4);
        shown["why"] = hit.reasons;
    }
    return shown;
}

Json show(const memory::Page& page, std::size_t content_bytes) {
    Json shown = {{"count", page.hits.size()}, {"hits", Json::array()}};
    for (const memory::Hit& hit : page.hits) {
        shown["hits"].push_back(show(hit, content_bytes));
    }
    if (!page.cursor.empty()) {
        shown["cursor"] = page.cursor;
    }
    if (!page.note.empty()) {
        shown["note"] = page.note;
    }
    return shown;
}

Json show(const board::Harmony& harmony) {
    return {{"balance", rounded(harmony.balance)},     {"headroom", rounded(harmony.headroom)},
            {"swiftness", rounded(harmony.swiftness)}, {"reliability", rounded(harmony.reliability)},
            {"dharma", rounded(harmony.dharma)},       {"accord", rounded(harmony.accord)},
            {"energy", rounded(harmony.energy)},       {"composite", rounded(harmony.composite())}};
}

Json describe(const board::StateBoard& board, board::Field field) {
    if (!board::is_user(field)) {
        const board::FieldInfo& info = board::info_of(field);
        return {{"unit", info.unit}, {"rises", board::name_of(info.rise)}, {"meaning", info.meaning}};
    }
    std::string unit;
    for (const board::RegisteredField& known : board.registered()) {
        unit = known.field == field ? known.unit : unit;
    }
    return {{"unit", unit}, {"rises", board::name_of(board::Rise::Neither)}, {"meaning", "a user field; whoever writes it says what it means"}};
}

Json show(const board::Traffic& traffic) {
    return {{"error_rate", rounded(traffic.error_rate)},
            {"latency_p95_s", rounded(traffic.latency_p95_s, 6)},
            {"calls_per_minute", rounded(traffic.calls_per_minute)},
            {"violations", rounded(traffic.violations)},
            {"karma_debt", rounded(traffic.karma_debt)}};
}

Json show(const society::Session& session) {
    Json shown = {{"session_id", society::wire_id('s', session.id)},
                  {"name", session.name},
                  {"status", session.status},
                  {"goals", session.goals},
                  {"tags", session.tags},
                  {"started", show_time(session.created_ns)},
                  {"updated", show_time(session.updated_ns)}};
    if (!session.summary.empty()) {
        shown["summary"] = session.summary;
    }
    if (session.memory != 0) {
        shown["memory_id"] = memory::wire_id(session.memory);
    }
    return shown;
}

Json show(const society::Checkpoint& checkpoint) {
    Json shown = {{"checkpoint_id", society::wire_id('c', checkpoint.id)},
                  {"name", checkpoint.name},
                  {"at", show_time(checkpoint.at_ns)},
                  {"state", checkpoint.state}};
    if (!checkpoint.note.empty()) {
        shown["note"] = checkpoint.note;
    }
    return shown;
}

}  // namespace resonant::tools
