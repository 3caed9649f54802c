#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_neck(Toolbox& toolbox, [[maybe_unused]] Services& services) {
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
                 .pace = Pace::Slow,
                 .free_text = true,
                 .calls_per_minute = 600});
    toolbox.add({.name = "memory.restore",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id version:int",
                 .summary = "undo: bring back an archived memory, or an earlier version of its "
                            "text"});
    toolbox.add({.name = "memory.update",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id title:string content:string add_tags:string[] "
                               "remove_tags:string[] importance:0..1 if_version:int",
                 .summary = "change a memory in place; the former version stays in "
                            "memory.history; if_version refuses a lost update",
                 .free_text = true,
                 .example = R"({"id": "m42", "content": "the new text"})"});
    toolbox.add({.name = "memory.archive",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id reason:string",
                 .summary = "hide a memory from default results (far edge); nothing is "
                            "destroyed, memory.restore undoes it",
                 .free_text = true,
                 .example = R"({"id": "m42", "reason": "out of date"})"});
    toolbox.add({.name = "memory.protect",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id*:id protected*:bool",
                 .summary = "pin a memory to the core, or release it"});
    toolbox.add(
        {.name = "memory.import",
         .access = Access::Write,
         .core = true,
         .parameters = "format*:json|jsonl|csv|markdown|parquet path:string "
                       "data:string on_conflict:skip|merge|copy validate_only:bool "
                       "galaxy:string",
         .summary = "bulk load from path or data; reports counts and one line for each "
                    "refused record",
         .pace = Pace::Slow,
         .free_text = true,
         .example =
             R"({"format": "jsonl", "data": "{\"content\": \"first\"}\n{\"content\": \"second\"}"})"});
    toolbox.add({.name = "memory.history",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "id*:id limit:int cursor:string",
                 .summary = "versions, moves between zones, and who read or changed it"});
    toolbox.add({.name = "vector.index",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "id:id all:bool limit:int",
                 .summary = "embed memories that have no embedding yet; reports progress",
                 .pace = Pace::Slow});
    toolbox.add({.name = "memory.link",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "from_id*:id to_id*:id "
                               "type*:related|extends|contradicts|supersedes|temporal|causal "
                               "weight:0..1 remove:bool",
                 .summary = "draw (or remove) one typed edge between two memories",
                 .free_text = true,
                 .example = R"({"from_id": "m42", "to_id": "m7", "type": "extends"})"});
}

}  // namespace resonant::tools
