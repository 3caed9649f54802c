#include "resonant/tools/import.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <span>

#include "resonant/broker/files.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/galaxies.h"
#include "resonant/memory/imports.h"
#include "resonant/tools/foreign_records.h"
#include "resonant/tools/memory_table.h"
#include "resonant/tools/records.h"
#include "resonant/tools/remember.h"

namespace resonant::tools {
namespace {

constexpr Bytes kFileMax = mebibytes(512);
constexpr std::size_t kRefusalsShown = 50;

struct Counts {
    std::size_t stored = 0, skipped = 0, merged = 0, refused = 0, links = 0, links_open = 0;
    Json refusals = Json::array();

    void refuse(std::size_t line, const std::string& why) {
        ++refused;
        if (refusals.size() < kRefusalsShown) {
            refusals.push_back(fmt::format("line {}: {}", line, why));
        }
    }
    Json show(std::size_t records) const {
        Json shown = {{"records", records},
                      {"stored", stored},
                      {"skipped", skipped},
                      {"merged", merged},
                      {"refused", refused}};
        if (links + links_open > 0) {
            shown["links"] = links;
        }
        if (links_open > 0) {
            shown["links_without_target"] = links_open;
        }
        if (refused > 0) {
            shown["refusals"] = refusals;
        }
        return shown;
    }
};

// One load: what is read, and the name under which its progress is kept.
struct Load {
    std::vector<Record> records;
    std::string job;
    bool merge = false;
    memory::Twin twin = memory::Twin::Reinforce;
};

// Failures of ours end the import; what is wrong with one record refuses that record.
bool is_fatal(Code code) {
    return code == Code::ResourceExhausted || code == Code::DataLoss || code == Code::Unavailable ||
           code == Code::Internal || code == Code::PermissionDenied;
}

// Tags and importance of a known memory are joined by the store; a title of its own wins over the old one.
Status settle(Services& services, const call::Call& call, const Record& record,
              const memory::Added& added, bool merge) {
    if (!added.reinforced && record.memory.is_archived) {
        return services.sea->archive(added.id, "imported as archived", call.caller.principal);
    }
    if (!added.reinforced || !merge || record.memory.title.empty()) {
        return {};
    }
    memory::Update update;
    update.title = record.memory.title;
    return services.sea->update(added.id, update, call.caller.principal);
}

Status store(Services& services, const call::Call& call, const Load& load, const Record& record,
             Counts& counts) {
    Result<memory::Added> added = fail(Code::Internal, "nothing was stored");
    const Status kept = services.database->write([&](sql::Connection&) -> Status {
        RESONANT_ASSIGN(added, remember(services, call, record.memory, 0, load.twin));
        if (added->reinforced && !load.merge) {
            return fail(Code::AlreadyExists, "known");  // undoes what reinforcing changed
        }
        return settle(services, call, record, *added, load.merge);
    });
    const bool is_known = !kept && kept.error().code == Code::AlreadyExists && added.has_value();
    if (!kept && !is_known) {
        if (is_fatal(kept.error().code)) {
            return kept;
        }
        counts.refuse(record.line, kept.error().message);
        return {};
    }
    ++(is_known ? counts.skipped : added->reinforced ? counts.merged : counts.stored);
    return record.key.empty() ? Status() : services.imports->keep_key(load.job, record.key, added->id);
}

Status store_batch(Services& services, const call::Call& call, const Load& load, std::size_t begin,
                   std::size_t end, Counts& counts) {
    return services.database->write([&](sql::Connection&) -> Status {
        for (std::size_t i = begin; i < end; ++i) {
            const Record& record = load.records[i];
            if (record.refusal.empty()) {
                RESONANT_CHECK(store(services, call, load, record, counts));
            } else {
                counts.refuse(record.line, record.refusal);
            }
        }
        return services.imports->advance(load.job, end);
    });
}

Status store_all(Services& services, const call::Call& call, const Load& load, std::size_t begin,
                 Counts& counts) {
    for (; begin < load.records.size(); begin += kImportBatch) {
        if (call.is_cancelled()) {
            return fail(Code::Timeout,
                        fmt::format("memory.import: cancelled after {} of {} records; those are kept, and "
                                    "the same import goes on behind them",
                                    begin, load.records.size()));
        }
        const std::size_t end = std::min(begin + kImportBatch, load.records.size());
        const Counts before = counts;
        if (const Status done = store_batch(services, call, load, begin, end, counts); !done) {
            counts = before;
            return fail(done.error().code,
                        fmt::format("memory.import: stopped at line {}: {}; the {} records before it are "
                                    "kept, and the same import goes on behind them",
                                    load.records[begin].line, done.error().message, begin));
        }
        if (call.progress) {
            call.progress(static_cast<double>(end), static_cast<double>(load.records.size()),
                          fmt::format("{} of {} records", end, load.records.size()));
        }
    }
    return {};
}

// Draws the links between records, now that all have an id; those of an earlier part count, too.
Status draw_ties(Services& services, const call::Call& call, const Load& load, Counts& counts) {
    return services.database->write([&](sql::Connection&) -> Status {
        for (const Record& record : load.records) {
            if (record.ties.empty() || !record.refusal.empty()) {
                continue;
            }
            RESONANT_ASSIGN(const auto from, services.imports->find_key(load.job, record.key));
            for (const Record::Tie& tie : record.ties) {
                RESONANT_ASSIGN(const auto to, services.imports->find_key(load.job, tie.to));
                if (!from || !to || *from == *to) {
                    ++counts.links_open;
                    continue;
                }
                const Status drawn = services.sea->link({*from, *to, tie.type, tie.weight}, false,
                                                        call.caller.principal);
                if (!drawn && is_fatal(drawn.error().code)) {
                    return drawn;
                }
                ++(drawn ? counts.links : counts.links_open);
            }
        }
        return {};
    });
}

bool is_store(const std::string& format, std::string_view head) {
    return format == "whitemagic" || (format == "mem0" && head.starts_with("SQLite format 3"));
}

std::string job_of(const call::Call& call, const std::string& galaxy, std::string_view what) {
    memory::Digest digest;
    for (const std::string& part : {text_of(call, "format"), galaxy, call.caller.principal}) {
        digest.add(part);
        digest.add(std::string_view("\0", 1));
    }
    digest.add(what);
    return memory::hex(digest.finish());
}

// Files that are no text are read where they lie; their name, size and time stand for their bytes.
Result<Load> load_file(Services& services, const call::Call& call, const std::string& galaxy) {
    const std::string format = text_of(call, "format");
    RESONANT_ASSIGN(const auto file, services.files->locate(text_of(call, "path")));
    struct stat about{};
    if (::stat(file.c_str(), &about) != 0) {
        return fail_errno("stat " + file.string(), errno);
    }
    Load load;
    load.job = job_of(call, galaxy,
                      fmt::format("{} {} {}.{}", file.string(), about.st_size, about.st_mtim.tv_sec,
                                  about.st_mtim.tv_nsec));
    if (format == "parquet" || format == "arrow") {
        RESONANT_ASSIGN(load.records, table_records(format, file));
    } else if (format == "whitemagic") {
        RESONANT_ASSIGN(load.records, whitemagic_store(file));
    } else {
        RESONANT_ASSIGN(load.records, mem0_store(file));
    }
    return load;
}

Result<Load> load_records(Services& services, const call::Call& call, const std::string& galaxy) {
    const std::string format = text_of(call, "format");
    if (has(call, "path") == has(call, "data")) {
        return fail(Code::InvalidArgument, "memory.import: give either path or data");
    }
    const bool is_table = format == "parquet" || format == "arrow" || format == "whitemagic";
    if (is_table && has(call, "data")) {
        return fail(Code::InvalidArgument,
                    "memory.import: " + format + " is no text; give its path in an import folder");
    }
    if (is_table) {
        return load_file(services, call, galaxy);
    }
    std::string text = text_of(call, "data");
    if (has(call, "path")) {
        RESONANT_ASSIGN(text, services.files->read(text_of(call, "path"), kFileMax));
        if (is_store(format, text)) {
            return load_file(services, call, galaxy);
        }
    }
    Load load;
    load.job = job_of(call, galaxy, text);
    if (format == "server_memory") {
        RESONANT_ASSIGN(load.records, server_memory_records(text));
    } else if (format == "mem0") {
        RESONANT_ASSIGN(load.records, mem0_records(text));
    } else {
        RESONANT_ASSIGN(load.records, parse_records(format, text));
    }
    return load;
}

Json only_validated(const Load& load) {
    Counts counts;
    for (const Record& record : load.records) {
        if (!record.refusal.empty()) {
            counts.refuse(record.line, record.refusal);
        }
    }
    Json shown = counts.show(load.records.size());
    shown["validated_only"] = true;
    return shown;
}

}  // namespace

Result<Json> import_memories(Services& services, call::Call& call) {
    const std::string conflict = text_of(call, "on_conflict", "skip");
    RESONANT_ASSIGN(const std::string galaxy, galaxy_of(services, call));
    RESONANT_CHECK(services.galaxies->check_open(galaxy));
    RESONANT_ASSIGN(Load load, load_records(services, call, galaxy));
    load.merge = conflict == "merge";
    load.twin = conflict == "copy" ? memory::Twin::Copy : memory::Twin::Reinforce;
    if (flag_of(call, "validate_only")) {
        return only_validated(load);
    }
    for (Record& record : load.records) {
        record.memory.galaxy = galaxy;
        if (record.memory.source.empty()) {
            record.memory.source = has(call, "path") ? "import:" + text_of(call, "path") : "import";
        }
    }
    RESONANT_ASSIGN(const std::size_t before, services.imports->done(load.job));
    Counts counts;
    RESONANT_CHECK(store_all(services, call, load, before, counts));
    RESONANT_CHECK(draw_ties(services, call, load, counts));
    RESONANT_CHECK(services.imports->finish(load.job));
    Json shown = counts.show(load.records.size());
    if (before > 0) {
        shown["resumed_at"] = before;
    }
    shown["findable"] = "by words now; by meaning when the index has caught up (vector.status)";
    return shown;
}

}  // namespace resonant::tools
