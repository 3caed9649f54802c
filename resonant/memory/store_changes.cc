// The part of store.h for what its callers change in a memory: each change is a version.
#include <algorithm>

#include "resonant/memory/checks.h"
#include "resonant/memory/store.h"

namespace resonant::memory {
namespace {

using sql::Connection;

// The memory's vector under a new sequence: the copy takes it in again, now in the files of its galaxy.
Status renew_vector(Connection& connection, MemoryId id) {
    RESONANT_ASSIGN(auto kept, connection.prepare("SELECT model, is_private, vector FROM memory_embeddings"
                                                  " WHERE memory_id = ?"));
    RESONANT_ASSIGN(const bool is_there, kept.bind(1, sql_id(id)).step());
    if (!is_there) {
        return {};  // it waits for one
    }
    const std::string model = kept.text(0);
    const bool is_private = kept.integer(1) != 0;
    const std::vector<std::byte> vector(kept.blob(2).begin(), kept.blob(2).end());
    RESONANT_ASSIGN(auto former, connection.prepare("DELETE FROM memory_embeddings WHERE memory_id = ?"));
    RESONANT_CHECK(former.bind(1, sql_id(id)).run());
    RESONANT_ASSIGN(auto insert, connection.prepare("INSERT INTO memory_embeddings(memory_id, model, is_private, vector)"
                                                    " VALUES(?, ?, ?, ?)"));
    insert.bind(1, sql_id(id)).bind(2, model).bind(3, is_private);
    return insert.bind(4, std::span<const std::byte>(vector)).run();
}

}  // namespace

Result<bool> Store::update(MemoryId id, const Update& update, const std::string& by) {
    bool is_stale = false;
    const Status done = database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const Memory before, load(connection, id, by));
        if (update.if_version && *update.if_version != before.version) {
            return fail(Code::Conflict, "update " + wire_id(id) + ": if_version is " +
                                            std::to_string(*update.if_version) + ", it is at " +
                                            std::to_string(before.version) + "; read it again");
        }
        Memory after = before;
        after.title = update.title.value_or(before.title);
        after.content = update.content.value_or(before.content);
        after.importance = update.importance.value_or(before.importance);
        after.galaxy = update.galaxy.value_or(before.galaxy);
        after.tags.insert(after.tags.end(), update.add_tags.begin(), update.add_tags.end());
        std::erase_if(after.tags, [&](const std::string& tag) {
            return std::find(update.remove_tags.begin(), update.remove_tags.end(), tag) !=
                   update.remove_tags.end();
        });
        after.tags = each_once(after.tags);
        RESONANT_CHECK(check(after));
        const bool moves = before.galaxy != after.galaxy;
        const std::string reason = moves ? "from galaxy " + before.galaxy + " to " + after.galaxy : "";
        is_stale = moves || before.title != after.title || before.content != after.content;
        RESONANT_CHECK(write_version(connection, before, std::move(after), moves ? "transferred" : "updated", by, reason));
        return moves ? renew_vector(connection, id) : Status();
    });
    RESONANT_CHECK(done);
    return is_stale;
}

Status Store::archive(MemoryId id, const std::string& reason, const std::string& by) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const Memory before, load(connection, id, by));
        if (before.is_protected) {
            return fail(Code::Conflict, "archive " + wire_id(id) +
                                            ": it is protected; release it first (protect: false)");
        }
        if (before.is_archived) {
            return {};
        }
        Memory after = before;
        after.is_archived = true;
        return write_version(connection, before, std::move(after), "archived", by, reason);
    });
}

Result<bool> Store::restore(MemoryId id, std::optional<std::uint32_t> version,
                            const std::string& by) {
    bool has_new_text = false;
    const Status done = database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const Memory before, load(connection, id, by));
        if (!version && !before.is_archived) {
            return fail(Code::InvalidArgument, "restore " + wire_id(id) +
                                                   ": it is not archived; give the version of its "
                                                   "text that shall come back");
        }
        Memory after = before;
        after.is_archived = false;
        if (version) {
            RESONANT_ASSIGN(const auto versions, history(id, by));
            const auto wanted =
                std::find_if(versions.begin(), versions.end(), [&](const Version& each) {
                    return each.version == *version && each.what != "moved";
                });
            if (wanted == versions.end()) {
                return fail(Code::NotFound, "restore " + wire_id(id) + ": there is no version " +
                                                std::to_string(*version) + ", the last is " +
                                                std::to_string(before.version));
            }
            after.title = wanted->title;
            after.content = wanted->content;
        }
        has_new_text = before.title != after.title || before.content != after.content;
        return write_version(connection, before, std::move(after), "restored", by, "");
    });
    RESONANT_CHECK(done);
    return has_new_text;
}

Status Store::protect(MemoryId id, bool is_protected, const std::string& by) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const Memory before, load(connection, id, by));
        if (before.is_protected == is_protected) {
            return {};
        }
        Memory after = before;
        after.is_protected = is_protected;
        after.is_archived = before.is_archived && !is_protected;
        return write_version(connection, before, std::move(after),
                             is_protected ? "protected" : "released", by, "");
    });
}

}  // namespace resonant::memory
