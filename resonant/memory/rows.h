// How a Memory stands in SQLite: the columns that are read, and a Filter as a condition.
//
// Any thread; used on a connection that the caller holds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "resonant/memory/memory.h"
#include "resonant/sql/database.h"

namespace resonant::memory {

// A condition on `m` (memories) with the values of its parameters, in order.
struct Condition {
    std::string text;
    std::vector<std::variant<std::int64_t, double, std::string>> values;

    // Binds the values from `parameter` on; returns the next free parameter.
    int bind(sql::Statement& statement, int parameter) const;
};

// What `filter` lets through and `viewer` may see.
Condition condition_of(const Filter& filter, const std::string& viewer);
// Those that condition_of() leaves out for nothing but that they are private.
Condition hidden_by(const Filter& filter, const std::string& viewer);

// "SELECT ... FROM memories m JOIN ..." whose rows memory_of() reads; further columns follow.
std::string select_memories(std::string_view further_columns = "");
inline constexpr int kMemoryColumns = 24;
Memory memory_of(const sql::Statement& row);

// The memory, or NotFound when there is none or it is another's private one.
Result<Memory> load(sql::Connection& connection, MemoryId id, const std::string& viewer);

// The bytes of a vector as SQLite holds them. DataLoss when they are not 384 floats.
Status copy_vector(std::span<const std::byte> blob, MemoryId id, Vector& vector);

// The tags as the full-text index holds them.
std::string tag_text(const std::vector<std::string>& tags);

inline std::int64_t sql_id(MemoryId id) { return static_cast<std::int64_t>(id); }

}  // namespace resonant::memory
