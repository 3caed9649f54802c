// The SQLite stores of other products, opened for reading and never changed.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "resonant/base/utf8.h"
#include "resonant/sql/database.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/foreign_records.h"

namespace resonant::tools {
namespace {

using sql::Connection;
using sql::Statement;

std::int64_t time_from(const std::string& text) { return text.empty() ? 0 : time_in(text).value_or(0); }

// What is wrong with the file is wrong with what was given: its reader is whole.
Error of_the_file(const Error& error, const std::filesystem::path& file, const std::string& product) {
    if (error.code == Code::ResourceExhausted || error.code == Code::PermissionDenied || error.code == Code::NotFound) {
        return error;
    }
    return {Code::InvalidArgument, fmt::format("{} cannot be read as a store of {}: {}; choose the format it has",
                                               file.string(), product, error.message.substr(0, error.message.rfind("; ")))};
}

// Opens the store and lets `give` read it, with the number of rows of `table`.
Status read_rows(const std::filesystem::path& file, const std::string& table,
                 const std::function<Status(Connection&, double)>& give) {
    sql::Database::Options options;
    options.readers = 1;
    options.read_only = true;
    RESONANT_ASSIGN(const auto database, sql::Database::open(file, options));
    return database->read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT count(*) FROM " + table));
        RESONANT_ASSIGN(const bool is_there, rows.step());
        return give(connection, is_there ? std::max(1.0, rows.real(0)) : 1.0);
    });
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

Record whitemagic_record(const Statement& row, std::size_t line) {
    Record record;
    record.line = line;
    record.key = row.text(0);
    memory::Memory& memory = record.memory;
    memory.content = row.text(1);
    memory.type = type_from(row.text(2));
    memory.created_ns = time_from(row.text(3));
    memory.importance = std::clamp(row.is_null(4) ? 0.5 : row.real(4), 0.0, 1.0);
    memory.is_protected = row.integer(5) != 0;
    memory.title = cut_utf8(row.text(6), memory::kTitleMax);
    memory.is_private = row.integer(7) != 0 || row.integer(8) != 0;
    memory.source = "whitemagic:" + record.key;
    return record;
}

// Rows of another table beside the memories', both in the order of the memories' ids: read once, side by side.
class Beside {
  public:
    explicit Beside(Statement& rows) : rows_(rows) {}

    // Calls `use` for each row whose first column is `key`; keys come in their order.
    template <typename Use>
    Status each_of(const std::string& key, const Use& use) {
        for (;;) {
            if (!has_row_) {
                RESONANT_ASSIGN(has_row_, is_over_ ? Result<bool>(false) : rows_.step());
                is_over_ = !has_row_;
            }
            if (!has_row_ || rows_.text(0) > key) {
                return {};
            }
            if (rows_.text(0) == key) {
                use(rows_);
            }
            has_row_ = false;
        }
    }

  private:
    Statement& rows_;
    bool has_row_ = false;
    bool is_over_ = false;
};

Status give_whitemagic(Connection& connection, double total, const TakeRecord& take) {
    RESONANT_ASSIGN(auto rows,
                    connection.prepare("SELECT CAST(id AS TEXT) AS key, content, memory_type, created_at, importance,"
                                       " is_protected, title, is_private, model_exclude"
                                       " FROM memories ORDER BY key"));
    RESONANT_ASSIGN(auto tag_rows, connection.prepare("SELECT CAST(memory_id AS TEXT) AS key, tag FROM tags"
                                                      " ORDER BY key, tag"));
    RESONANT_ASSIGN(auto link_rows,
                    connection.prepare("SELECT CAST(source_id AS TEXT) AS key, CAST(target_id AS TEXT), strength,"
                                       " relation_type FROM associations ORDER BY key, 2"));
    Beside tags(tag_rows);
    Beside links(link_rows);
    std::size_t count = 0;
    return rows.each([&](const Statement& row) -> Status {
        Record record = whitemagic_record(row, ++count);
        RESONANT_CHECK(tags.each_of(record.key, [&](const Statement& tag) { add_tag(record.memory, tag.text(1)); }));
        RESONANT_CHECK(links.each_of(record.key, [&](const Statement& link) {
            if (link.text(1) != record.key) {
                record.ties.push_back(
                    {link.text(1), link_from(link.text(3)), std::clamp(link.real(2), 0.0, 1.0)});
            }
        }));
        record.refusal = refusal_of(record.memory);
        return take(std::move(record), static_cast<double>(count) / total);
    });
}

// Rows of one memory stand together, oldest first.
Status give_mem0(Connection& connection, double total, const TakeRecord& take) {
    RESONANT_ASSIGN(auto rows,
                    connection.prepare("SELECT memory_id, new_memory, event, created_at,"
                                       " coalesce(is_deleted, 0) FROM history ORDER BY memory_id, rowid"));
    Record record;
    std::size_t memories = 0;
    double count = 0;
    bool is_deleted = false;
    const auto finish = [&]() -> Status {
        if (memories == 0) {
            return {};
        }
        record.refusal = is_deleted ? "it was deleted there" : refusal_of(record.memory);
        return take(std::exchange(record, Record()), count / total);
    };
    RESONANT_CHECK(rows.each([&](const Statement& row) -> Status {
        const std::string key = row.text(0);
        if (memories == 0 || key != record.key) {
            RESONANT_CHECK(finish());
            record.line = ++memories;
            record.key = key;
            record.memory.source = "mem0";
            record.memory.created_ns = time_from(row.text(3));
        }
        ++count;
        is_deleted = row.text(2) == "DELETE" || row.integer(4) != 0;
        if (!is_deleted && !row.text(1).empty()) {
            record.memory.content = row.text(1);
        }
        return {};
    }));
    return finish();
}

using Give = std::function<Status(Connection&, double, const TakeRecord&)>;

Status read_store(const std::filesystem::path& file, const std::string& product, const std::string& table, const Give& give,
                  const TakeRecord& take) {
    bool is_ours = false;  // the error of whoever takes the records
    const Status read = read_rows(file, table, [&](Connection& connection, double total) {
        return give(connection, total, [&](Record record, double share) {
            Status taken = take(std::move(record), share);
            is_ours = is_ours || !taken;
            return taken;
        });
    });
    return read || is_ours ? read : std::unexpected(of_the_file(read.error(), file, product));
}

Result<std::vector<std::string>> columns_of(Connection& connection, std::string_view table) {
    std::vector<std::string> columns;
    RESONANT_ASSIGN(auto rows, connection.prepare("SELECT name FROM pragma_table_info(?) ORDER BY cid"));
    RESONANT_CHECK(rows.bind(1, table).each([&](const Statement& row) -> Status {
        columns.push_back(row.text(0));
        return {};
    }));
    return columns;
}

}  // namespace

Status whitemagic_store(const std::filesystem::path& file, const TakeRecord& take) {
    return read_store(file, "whitemagic", "memories", give_whitemagic, take);
}

Status mem0_store(const std::filesystem::path& file, const TakeRecord& take) {
    return read_store(file, "mem0", "history", give_mem0, take);
}

Status sqlite_store(const std::filesystem::path& file, const TakeRecord& take, const RecordNames& names) {
    const auto give = [&](Connection& connection, double total, const TakeRecord& use) -> Status {
        RESONANT_ASSIGN(const auto columns, columns_of(connection, "memories"));
        const auto is_text = [&](const std::string& column) { return names.ours(column) == "content"; };
        if (std::none_of(columns.begin(), columns.end(), is_text)) {
            return fail(Code::InvalidArgument,
                        fmt::format("no column of its table memories is known to hold the text (the columns are: {}), name it "
                                    "with columns {{\"content\": \"their name\"}}",
                                    fmt::join(columns, ", ")));
        }
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT * FROM memories"));
        std::size_t count = 0;
        return rows.each([&](const Statement& row) -> Status {
            Json object = Json::object();
            for (std::size_t column = 0; column < columns.size(); ++column) {
                const std::string_view ours = names.ours(columns[column]);
                if (const int at = static_cast<int>(column); !row.is_null(at) && !ours.empty()) {
                    object[columns[column]] = ours == "?" ? "" : row.text(at);  // vectors and alike are bytes
                }
            }
            ++count;
            return use(object_record(object, count, names), static_cast<double>(count) / total);
        });
    };
    return read_store(file, "memories", "memories", give, take);
}

Result<std::string> kind_of_store(const std::filesystem::path& file) {
    std::vector<std::string> tables;
    const Status read = read_rows(file, "sqlite_schema", [&](Connection& connection, double) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'"));
        return rows.each([&](const Statement& row) -> Status {
            tables.push_back(row.text(0));
            return {};
        });
    });
    if (!read) {
        return std::unexpected(of_the_file(read.error(), file, "memories"));
    }
    const auto has = [&](std::string_view name) { return std::find(tables.begin(), tables.end(), name) != tables.end(); };
    if (has("memories")) {
        return has("associations") ? "whitemagic" : "sqlite";
    }
    return has("history") ? Result<std::string>("mem0")
                          : fail(Code::InvalidArgument,
                                 fmt::format("a SQLite store with neither a table memories nor history; its tables are: {}",
                                             fmt::format("{}", fmt::join(tables, ", ")).substr(0, 400)));
}

}  // namespace resonant::tools
