#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <charconv>
#include <optional>

#include "resonant/memory/galaxies.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/import.h"
#include "resonant/tools/records.h"
#include "resonant/tools/remember.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

Result<Json> add(Services& services, call::Call& call) {
    memory::Memory memory;
    memory.content = text_of(call, "content");
    if (memory.content.find_first_not_of(" \t\r\n") == std::string::npos) {
        return fail(Code::InvalidArgument,
                    "memory.add: content is empty; give the text to remember");
    }
    if (memory.content.size() > kContentMax) {
        return fail(
            Code::InvalidArgument,
            fmt::format("memory.add: content has {} bytes, the limit is {}; split it or use "
                        "memory.import",
                        memory.content.size(), kContentMax));
    }
    memory.title = text_of(call, "title");
    memory.tags = words_of(call, "tags");
    memory.type = text_of(call, "type", memory.type);
    memory.importance = number_of(call, "importance", memory.importance);
    memory.is_protected = flag_of(call, "protect");
    memory.is_private = flag_of(call, "private");
    memory.source = text_of(call, "source");
    RESONANT_ASSIGN(memory.galaxy, galaxy_of(services, call));
    RESONANT_CHECK(services.galaxies->check_open(memory.galaxy));
    RESONANT_ASSIGN(const std::int64_t session, session_of(services, call));
    RESONANT_ASSIGN(const memory::Added added, remember(services, call, memory, session));
    Json answer = {{"id", memory::wire_id(added.id)}};
    if (added.reinforced) {
        answer["reinforced"] = true;
        answer["note"] = "this very text was known; it counts for more now";
        return answer;
    }
    if (!added.near.empty()) {
        answer["near_duplicates"] = Json::array();
        for (const memory::MemoryId id : added.near) {
            answer["near_duplicates"].push_back(memory::wire_id(id));
        }
    }
    answer["findable"] = "by words now; by meaning and links in a moment";
    return answer;
}

// The memory after a change, so that the caller need not read it again.
Result<Json> changed(Services& services, const call::Call& call, memory::MemoryId id,
                     const char* what) {
    RESONANT_ASSIGN(const memory::Memory memory, services.sea->read(id, call.caller.principal));
    return Json{{"id", memory::wire_id(id)},
                {"done", what},
                {"title", title_of(memory)},
                {"version", memory.version},
                {"zone", memory::name_of(memory.zone())},
                {"archived", memory.is_archived},
                {"protected", memory.is_protected}};
}

// The id in argument `name` of a memory that the caller may see; others' private ones are NotFound.
Result<memory::MemoryId> visible_id(Services& services, const call::Call& call,
                                    const char* name = "id") {
    RESONANT_ASSIGN(const memory::MemoryId id, memory_id_of(call, name));
    RESONANT_CHECK(services.sea->read(id, call.caller.principal));
    return id;
}

// A version's number; one beyond all that there can be would be taken for another.
Result<std::uint32_t> version_of(const call::Call& call, const char* name) {
    const std::int64_t version = integer_of(call, name, 0);
    if (version < 0 || version > UINT32_MAX) {
        return fail(Code::InvalidArgument,
                    fmt::format("{}: {} is the number of no version; memory.history has them", name, version));
    }
    return static_cast<std::uint32_t>(version);
}

Result<Json> update(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, visible_id(services, call));
    memory::Update update;
    if (has(call, "title")) {
        update.title = text_of(call, "title");
    }
    if (has(call, "content")) {
        update.content = text_of(call, "content");
        if (update.content->find_first_not_of(" \t\r\n") == std::string::npos ||
            update.content->size() > kContentMax) {
            return fail(
                Code::InvalidArgument,
                fmt::format("memory.update: content must have 1 to {} bytes; memory.archive "
                            "hides a memory",
                            kContentMax));
        }
    }
    update.add_tags = words_of(call, "add_tags");
    update.remove_tags = words_of(call, "remove_tags");
    if (has(call, "importance")) {
        update.importance = number_of(call, "importance", 0);
    }
    if (has(call, "if_version")) {
        RESONANT_ASSIGN(update.if_version, version_of(call, "if_version"));
    }
    if (has(call, "galaxy")) {
        update.galaxy = text_of(call, "galaxy");
        RESONANT_CHECK(services.galaxies->check_open(*update.galaxy));
    }
    if (!update.title && !update.content && !update.importance && !update.galaxy && update.add_tags.empty() &&
        update.remove_tags.empty()) {
        return fail(
            Code::InvalidArgument,
            "memory.update: nothing to change; give title, content, add_tags, remove_tags, "
            "importance or galaxy");
    }
    RESONANT_CHECK(services.sea->update(id, update, call.caller.principal));
    return changed(services, call, id, "updated");
}

Result<Json> archive(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, visible_id(services, call));
    RESONANT_CHECK(services.sea->archive(id, text_of(call, "reason"), call.caller.principal));
    RESONANT_ASSIGN(Json answer, changed(services, call, id, "archived"));
    answer["undo"] = "memory.restore";
    return answer;
}

Result<Json> restore(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, visible_id(services, call));
    std::optional<std::uint32_t> version;
    if (has(call, "version")) {
        RESONANT_ASSIGN(version, version_of(call, "version"));
    }
    RESONANT_CHECK(services.sea->restore(id, version, call.caller.principal));
    return changed(services, call, id, "restored");
}

Result<Json> protect(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, visible_id(services, call));
    const bool on = flag_of(call, "protected");
    RESONANT_CHECK(services.sea->protect(id, on, call.caller.principal));
    return changed(services, call, id, on ? "pinned to the core" : "released");
}

Result<Json> history(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, memory_id_of(call, "id"));
    RESONANT_ASSIGN(const auto versions, services.sea->history(id, call.caller.principal));
    const std::size_t limit = limit_of(call, 20, 200);
    std::size_t from = 0;
    const std::string cursor = text_of(call, "cursor", "0");
    const char* end = cursor.data() + cursor.size();
    if (const auto read = std::from_chars(cursor.data(), end, from); read.ec != std::errc() || read.ptr != end) {
        return fail(Code::InvalidArgument,
                    fmt::format("cursor: '{}' is none of memory.history's", cursor.substr(0, 40)));
    }
    Json answer = {
        {"id", memory::wire_id(id)}, {"count", versions.size()}, {"history", Json::array()}};
    for (std::size_t i = from; i < versions.size() && i < from + limit; ++i) {
        const memory::Version& version = versions[i];
        answer["history"].push_back({{"version", version.version},
                                     {"what", version.what},
                                     {"by", version.by},
                                     {"at", show_time(version.at_ns)},
                                     {"title", version.title},
                                     {"content", limit == 1 ? version.content
                                                            : shortened(version.content, 300)}});
    }
    RESONANT_ASSIGN(const memory::Memory now, services.sea->read(id, call.caller.principal));
    answer["reads"] = now.access_count;
    if (from + limit < versions.size()) {
        answer["cursor"] = std::to_string(from + limit);
    }
    if (limit > 1) {
        answer["whole"] = "limit 1 with a cursor (0, 1, 2 ...) gives one version's text whole";
    }
    return answer;
}

Result<Json> rebuild(Services& services, call::Call& call) {
    RESONANT_CHECK(services.sea->rebuild([&](std::size_t done, std::size_t total) {
        if (call.progress) {
            call.progress(static_cast<double>(done), static_cast<double>(total), fmt::format("{} written", done));
        }
    }));
    const memory::VectorStatus after = services.sea->status();
    return Json{{"embedded", 0}, {"left", after.rows - std::min(after.rows, after.embedded)}, {"rows", after.rows},
                {"model", after.model}, {"segments", after.segments}, {"bytes", after.bytes}};
}

Result<Json> index(Services& services, call::Call& call) {
    if (flag_of(call, "rebuild")) {
        return rebuild(services, call);
    }
    if (has(call, "id")) {
        RESONANT_CHECK(visible_id(services, call));
    }
    constexpr std::size_t kStep = 32;  // between two looks at cancellation
    std::size_t room = has(call, "limit") ? limit_of(call, 1, 100'000) : 1'000;
    if (flag_of(call, "all") || has(call, "id")) {
        room = services.sea->status().rows + kStep;
    }
    const memory::VectorStatus before = services.sea->status();
    const std::size_t total = std::min(room, before.rows - std::min(before.rows, before.embedded));
    std::size_t left = 0;
    for (std::size_t done = 0; done < room && !call.is_cancelled(); done += kStep) {
        RESONANT_ASSIGN(left, services.sea->catch_up(std::min(kStep, room - done), {}));
        if (call.progress) {
            const std::size_t so_far = std::min(done + kStep, total);
            call.progress(static_cast<double>(so_far), static_cast<double>(total),
                          fmt::format("{} left", left));
        }
        if (left == 0) {
            break;
        }
    }
    const memory::VectorStatus after = services.sea->status();
    return Json{{"embedded", after.embedded - std::min(after.embedded, before.embedded)},
                {"left", left},
                {"rows", after.rows},
                {"model", after.model}};
}

Result<Json> link(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId from, visible_id(services, call, "from_id"));
    RESONANT_ASSIGN(const memory::MemoryId to, visible_id(services, call, "to_id"));
    if (from == to) {
        return fail(Code::InvalidArgument, "memory.link: from_id and to_id are the same memory");
    }
    const bool remove = flag_of(call, "remove");
    const memory::Edge edge{from, to, text_of(call, "type"), number_of(call, "weight", 0.5)};
    RESONANT_CHECK(services.sea->link(edge, remove, call.caller.principal));
    return Json{{"from_id", memory::wire_id(from)},
                {"to_id", memory::wire_id(to)},
                {"type", edge.type},
                {"done", remove ? "removed" : "linked"}};
}

}  // namespace

// tidy-allow(functions_fit_a_screen): one table of declarations, read as one
void add_neck(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "neck",
                   .wire_name = "gana_neck_save",
                   .mansion = "亢 Kang",
                   .quadrant = "East",
                   .summary = "Save memories: add, change, link, import, archive, restore, embed"});
    toolbox.add({.name = "memory.add",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "content*:string title:string tags:string[] "
                               "type:note|fact|decision|task|code|pattern|narrative "
                               "importance:0..1 protect:bool private:bool source:string "
                               "session_id:id galaxy:string",
                 .summary = "store one memory (content alone is enough); returns id; identical "
                            "content reinforces the one that exists, near-duplicates are "
                            "linked, never dropped",
                 .free_text = true,
                 .calls_per_minute = 600},
                bind(services, add));
    toolbox.add({.name = "memory.restore",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id version:int",
                 .summary = "undo: bring back an archived memory, or an earlier version of its "
                            "text"},
                bind(services, restore));
    toolbox.add({.name = "memory.update",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id title:string content:string add_tags:string[] "
                               "remove_tags:string[] importance:0..1 galaxy:string if_version:int",
                 .summary = "change a memory in place, or move it to another galaxy; the former version "
                            "stays in memory.history; if_version refuses a lost update",
                 .free_text = true,
                 .example = R"({"id": "m42", "content": "the new text"})"},
                bind(services, update));
    toolbox.add({.name = "memory.archive",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id reason:string",
                 .summary = "hide a memory from default results (far edge); nothing is "
                            "destroyed, memory.restore undoes it",
                 .free_text = true,
                 .example = R"({"id": "m42", "reason": "out of date"})"},
                bind(services, archive));
    toolbox.add({.name = "memory.protect",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id protected*:bool",
                 .summary = "pin a memory to the core, or release it"},
                bind(services, protect));
    toolbox.add(
        {.name = "memory.import",
         .access = Access::Write,
         .core = true,
         .parameters = "format:json|jsonl|csv|markdown|parquet|arrow|server_memory|mem0|"
                       "whitemagic|sqlite|chatgpt|claude|claude_code path:string data:string "
                       "on_conflict:skip|merge|copy validate_only:bool "
                       "galaxy:string columns:object",
         .summary = "bulk load from path or data; what it is, is told by its content unless format "
                    "says it; reports counts and one line for each refused record",
         .pace = Pace::Slow,
         .free_text = true,
         .example =
             R"({"format": "jsonl", "data": "{\"content\": \"first\"}\n{\"content\": \"second\"}"})"},
        bind(services, import_memories));
    toolbox.add({.name = "memory.history",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "id*:id limit:int cursor:string",
                 .summary = "versions, moves between zones, who changed it, how often it was read"},
                bind(services, history));
    toolbox.add({.name = "vector.index",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id:id all:bool limit:int rebuild:bool",
                 .summary = "embed memories that have no embedding yet, or (rebuild) write the mapped "
                            "copy anew; reports progress",
                 .pace = Pace::Slow},
                bind(services, index));
    toolbox.add({.name = "memory.link",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "from_id*:id to_id*:id "
                               "type*:related|extends|contradicts|supersedes|temporal|causal "
                               "weight:0..1 remove:bool",
                 .summary = "draw (or remove) one typed edge between two memories",
                 .free_text = true,
                 .example = R"({"from_id": "m42", "to_id": "m7", "type": "extends"})"},
                bind(services, link));
}

}  // namespace resonant::tools
