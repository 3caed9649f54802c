#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_winnowing_basket(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "winnowing_basket",
                   .wire_name = "gana_winnowing_basket_find",
                   .mansion = "箕 Ji",
                   .quadrant = "East",
                   .summary = "Find memories: recall in plain words first; search exact; read"});
    toolbox.add({.name = "memory.search",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string "
                               "type:note|fact|decision|task|code|pattern|narrative "
                               "tags:string[] zone:core|inner_rim|mid_band|outer_rim|far_edge "
                               "since:time until:time include_private:bool galaxy:string "
                               "limit:int cursor:string",
                 .summary = "full-text search by exact words, tags, time; use when you know a "
                            "word that is in the text; best first",
                 .pace = Pace::Slow,
                 .free_text = true});
    toolbox.add({.name = "memory.recall",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query*:string limit:int depth:int token_budget:int "
                               "tags:string[] since:time galaxy:string",
                 .summary = "the default way to find memories: ask in plain words; meaning, "
                            "words and links fused, with the reason for each hit and its id",
                 .pace = Pace::Slow,
                 .free_text = true,
                 .calls_per_minute = 600});
    toolbox.add({.name = "memory.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "ids*:id[] metadata:bool",
                 .summary = "one or more memories in full by id (ids come from recall, search, "
                            "list)"});
    toolbox.add({.name = "memory.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "sort:created|accessed|importance|distance "
                               "type:note|fact|decision|task|code|pattern|narrative "
                               "zone:core|inner_rim|mid_band|outer_rim|far_edge tags:string[] "
                               "galaxy:string limit:int cursor:string",
                 .summary = "page through memories with no query: newest, most used, most "
                            "important"});
    toolbox.add({.name = "memory.related",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "id*:id hops:int types:string[] limit:int",
                 .summary = "memories linked to this one by typed edges"});
    toolbox.add({.name = "vector.search",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string vector:number[384] like_id:id k:int "
                               "zone:core|inner_rim|mid_band|outer_rim|far_edge "
                               "min_score:number protected:bool galaxy:string",
                 .summary = "pure nearest neighbours with cosine scores (give query, vector or "
                            "like_id); for finding a memory use memory.recall",
                 .pace = Pace::Slow,
                 .free_text = true,
                 .example = R"({"query": "share memory between two processes", "k": 5})"});
    toolbox.add({.name = "vector.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "model, dimensions, rows, coverage, kernel, file age"});
}

}  // namespace resonant::tools
