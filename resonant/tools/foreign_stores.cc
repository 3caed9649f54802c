// The SQLite stores of other products, opened for reading and never changed.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "resonant/sql/database.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/foreign_records.h"

#include "resonant/tools/record_forms.h"

namespace resonant::tools {
namespace {

using sql::Connection;
using sql::Statement;

// Their times are ISO 8601 texts, or seconds since 1970.
std::int64_t time_from(const std::string& text) {
    if (text.empty()) {
        return 0;
    }
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error == std::errc() && end == text.data() + text.size() && seconds > 0 && seconds < 7e9) {
        return from_seconds(seconds).count;
    }
    return parse_time(text, Nanos{0}).value_or(0);
}

void add_tag(memory::Memory& memory, std::string tag) {
    const bool is_plain = std::none_of(tag.begin(), tag.end(), [](char letter) {
        return static_cast<unsigned char>(letter) < 32;
    });
    if (!tag.empty() && tag.size() <= memory::kTagMax && is_plain &&
        memory.tags.size() < memory::kTagsMax) {
        memory.tags.push_back(std::move(tag));
    }
}

Result<std::vector<Record>> read_store(
    const std::filesystem::path& file,
    const std::function<Status(Connection&, std::vector<Record>&)>& take) {
    sql::Database::Options options;
    options.readers = 1;
    options.read_only = true;
    RESONANT_ASSIGN(const auto database, sql::Database::open(file, options));
    std::vector<Record> records;
    RESONANT_CHECK(database->read([&](Connection& connection) { return take(connection, records); }));
    for (Record& record : records) {
        if (record.refusal.empty()) {
            record.refusal = refusal_of(record.memory);
        }
    }
    return records;
}

std::string type_from(const std::string& theirs) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {
        {{"LONG_TERM", "fact"}, {"NARRATIVE", "narrative"}, {"PATTERN", "pattern"}, {"IMMUNE", "pattern"}}};
    std::string upper = theirs;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
    for (const auto& [name, ours] : kTypes) {
        if (upper == name) {
            return std::string(ours);
        }
    }
    return "note";
}

std::string link_from(const std::string& theirs) {
    for (const std::string_view type : memory::DataSea::link_types()) {
        if (theirs == type) {
            return theirs;
        }
    }
    return "related";
}

Status take_whitemagic(Connection& connection, std::vector<Record>& records) {
    std::map<std::string, std::size_t> places;
    RESONANT_ASSIGN(auto rows,
                    connection.prepare("SELECT id, content, memory_type, created_at, importance,"
                                       " is_protected, title, is_private, model_exclude"
                                       " FROM memories ORDER BY created_at, id"));
    RESONANT_CHECK(rows.each([&](const Statement& row) -> Status {
        if (records.size() >= kRecordsMax) {
            return std::unexpected(too_many_records().error());
        }
        Record record;
        record.line = records.size() + 1;
        record.key = row.text(0);
        memory::Memory& memory = record.memory;
        memory.content = row.text(1);
        memory.type = type_from(row.text(2));
        memory.created_ns = time_from(row.text(3));
        memory.importance = std::clamp(row.is_null(4) ? 0.5 : row.real(4), 0.0, 1.0);
        memory.is_protected = row.integer(5) != 0;
        memory.title = row.text(6).substr(0, memory::kTitleMax);
        memory.is_private = row.integer(7) != 0 || row.integer(8) != 0;
        memory.source = "whitemagic:" + record.key;
        places[record.key] = records.size();
        records.push_back(std::move(record));
        return {};
    }));
    RESONANT_ASSIGN(auto tags, connection.prepare("SELECT memory_id, tag FROM tags ORDER BY 1, 2"));
    RESONANT_CHECK(tags.each([&](const Statement& row) -> Status {
        if (const auto place = places.find(row.text(0)); place != places.end()) {
            add_tag(records[place->second].memory, row.text(1));
        }
        return {};
    }));
    RESONANT_ASSIGN(auto links, connection.prepare("SELECT source_id, target_id, strength,"
                                                   " relation_type FROM associations ORDER BY 1, 2"));
    return links.each([&](const Statement& row) -> Status {
        const auto place = places.find(row.text(0));
        if (place != places.end() && row.text(0) != row.text(1)) {
            records[place->second].ties.push_back(
                {row.text(1), link_from(row.text(3)), std::clamp(row.real(2), 0.0, 1.0)});
        }
        return {};
    });
}

Status take_mem0(Connection& connection, std::vector<Record>& records) {
    RESONANT_ASSIGN(auto rows,
                    connection.prepare("SELECT memory_id, new_memory, event, created_at, updated_at,"
                                       " coalesce(is_deleted, 0) FROM history ORDER BY rowid"));
    std::map<std::string, std::size_t> places;
    RESONANT_CHECK(rows.each([&](const Statement& row) -> Status {
        const std::string key = row.text(0);
        if (!places.contains(key)) {
            if (records.size() >= kRecordsMax) {
                return std::unexpected(too_many_records().error());
            }
            places[key] = records.size();
            Record made;
            made.line = records.size() + 1;
            made.key = key;
            made.memory.source = "mem0";
            made.memory.created_ns = time_from(row.text(3));
            records.push_back(std::move(made));
        }
        Record& record = records[places[key]];
        record.refusal.clear();
        if (row.text(2) == "DELETE" || row.integer(5) != 0) {
            record.refusal = "it was deleted there";
        } else if (!row.text(1).empty()) {
            record.memory.content = row.text(1);
        }
        return {};
    }));
    return {};
}

}  // namespace

Result<std::vector<Record>> whitemagic_store(const std::filesystem::path& file) {
    return read_store(file, take_whitemagic);
}

Result<std::vector<Record>> mem0_store(const std::filesystem::path& file) {
    return read_store(file, take_mem0);
}

}  // namespace resonant::tools
