#include "resonant/memory/rows.h"

#include <algorithm>
#include <cstring>

#include "resonant/memory/retention.h"

namespace resonant::memory {
namespace {

// Tags hold no control characters, so this one may stand between them.
constexpr char kTagBreak = '\n';

constexpr std::string_view kColumns =
    "m.id, m.title, t.content, m.type, m.importance, m.is_protected, m.is_private, m.is_archived,"
    " m.source, m.session, m.galaxy, m.owner, m.created_ns, m.updated_ns, coalesce(a.last_ns, 0),"
    " coalesce(a.count, 0), m.version, m.distance, m.constellation, m.predecessor_family, m.phase,"
    " m.posture, e.sequence IS NOT NULL,"
    " (SELECT group_concat(tag, char(10)) FROM memory_tags WHERE memory_id = m.id)";

constexpr std::string_view kTables =
    " FROM memories m JOIN memory_texts t ON t.memory_id = m.id"
    " LEFT JOIN memory_access a ON a.memory_id = m.id"
    " LEFT JOIN memory_embeddings e ON e.memory_id = m.id ";

std::vector<std::string> split_tags(const std::string& joined) {
    std::vector<std::string> tags;
    for (std::size_t start = 0; start < joined.size();) {
        const std::size_t stop = std::min(joined.find(kTagBreak, start), joined.size());
        tags.push_back(joined.substr(start, stop - start));
        start = stop + 1;
    }
    std::sort(tags.begin(), tags.end());
    return tags;
}

template <typename Number>
Number number(const sql::Statement& row, int column) {
    return static_cast<Number>(row.integer(column));
}

}  // namespace

int Condition::bind(sql::Statement& statement, int parameter) const {
    for (const auto& value : values) {
        std::visit([&](const auto& each) { statement.bind(parameter, each); }, value);
        ++parameter;
    }
    return parameter;
}

namespace {

// What the filter asks besides who may see it.
void add_rest(const Filter& filter, Condition& condition) {
    const auto with = [&](std::string_view text, auto value) {
        condition.text += text;
        condition.values.emplace_back(std::move(value));
    };
    if (!filter.galaxy.empty()) {
        with(" AND m.galaxy = ?", filter.galaxy);
    }
    if (!filter.include_archived) {
        condition.text += " AND m.is_archived = 0";
    }
    if (!filter.type.empty()) {
        with(" AND m.type = ?", filter.type);
    }
    if (filter.zone) {
        const Ring ring = ring_of(*filter.zone);
        with(" AND m.distance >= ?", ring.from);
        with(" AND m.distance < ?", ring.to);
    }
    if (filter.since_ns) {
        with(" AND m.created_ns >= ?", *filter.since_ns);
    }
    if (filter.until_ns) {
        with(" AND m.created_ns <= ?", *filter.until_ns);
    }
    if (filter.is_protected) {
        with(" AND m.is_protected = ?", std::int64_t{*filter.is_protected});
    }
    for (const std::string& tag : filter.tags) {
        with(" AND EXISTS(SELECT 1 FROM memory_tags WHERE memory_id = m.id AND tag = ?)", tag);
    }
}

}  // namespace

Condition condition_of(const Filter& filter, const std::string& viewer) {
    Condition condition;
    if (filter.include_private && !viewer.empty()) {
        condition.text = "(m.is_private = 0 OR m.owner = ?)";
        condition.values.emplace_back(viewer);
    } else {
        condition.text = "m.is_private = 0";
    }
    add_rest(filter, condition);
    return condition;
}

Condition hidden_by(const Filter& filter, const std::string& viewer) {
    Condition condition;
    condition.text = "m.is_private = 1";
    if (filter.include_private && !viewer.empty()) {
        condition.text += " AND m.owner <> ?";
        condition.values.emplace_back(viewer);
    }
    add_rest(filter, condition);
    return condition;
}

std::string select_memories(std::string_view further_columns) {
    return "SELECT " + std::string(kColumns) + std::string(further_columns) + std::string(kTables);
}

Memory memory_of(const sql::Statement& row) {
    Memory memory;
    memory.id = number<MemoryId>(row, 0);
    memory.title = row.text(1);
    memory.content = row.text(2);
    memory.type = row.text(3);
    memory.importance = row.real(4);
    memory.is_protected = row.integer(5) != 0;
    memory.is_private = row.integer(6) != 0;
    memory.is_archived = row.integer(7) != 0;
    memory.source = row.text(8);
    memory.session = row.text(9);
    memory.galaxy = row.text(10);
    memory.owner = row.text(11);
    memory.created_ns = row.integer(12);
    memory.updated_ns = row.integer(13);
    memory.accessed_ns = std::max(memory.updated_ns, row.integer(14));
    memory.access_count = number<std::uint32_t>(row, 15);
    memory.version = number<std::uint32_t>(row, 16);
    memory.distance = row.real(17);
    memory.constellation = number<std::uint16_t>(row, 18);
    memory.predecessor_family = number<std::uint8_t>(row, 19);
    memory.phase = number<std::uint8_t>(row, 20);
    memory.posture = number<std::uint8_t>(row, 21);
    memory.has_vector = row.integer(22) != 0;
    memory.tags = split_tags(row.text(23));
    return memory;
}

Result<Memory> load(sql::Connection& connection, MemoryId id, const std::string& viewer) {
    static const std::string one = select_memories() + "WHERE m.id = ?";
    RESONANT_ASSIGN(auto statement, connection.prepare(one));
    RESONANT_ASSIGN(const bool has_row, statement.bind(1, sql_id(id)).step());
    if (has_row) {
        Memory memory = memory_of(statement);
        if (!memory.is_private || memory.owner == viewer) {
            return memory;
        }
    }
    return fail(Code::NotFound,
                "memory " + wire_id(id) + ": there is none; ids come from recall, search or list");
}

Status copy_vector(std::span<const std::byte> blob, MemoryId id, Vector& vector) {
    if (blob.size() != sizeof(Vector)) {
        return fail(Code::DataLoss,
                    "vector of " + wire_id(id) + ": it is not 384 floats; run vector.index");
    }
    std::memcpy(vector.data(), blob.data(), blob.size());
    return {};
}

std::string tag_text(const std::vector<std::string>& tags) {
    std::vector<std::string> sorted = tags;
    std::sort(sorted.begin(), sorted.end());
    std::string text;
    for (const std::string& tag : sorted) {
        text += (text.empty() ? "" : " ") + tag;
    }
    return text;
}

}  // namespace resonant::memory
