#include "resonant/tools/import.h"

#include <fmt/format.h>

#include <span>

#include "resonant/broker/files.h"
#include "resonant/tools/records.h"
#include "resonant/tools/remember.h"

namespace resonant::tools {
namespace {

constexpr Bytes kFileMax = mebibytes(64);
constexpr std::size_t kRefusalsShown = 50;

struct Counts {
    std::size_t stored = 0, skipped = 0, merged = 0, refused = 0;
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
        if (refused > 0) {
            shown["refusals"] = refusals;
        }
        return shown;
    }
};

// Failures of ours end the import; what is wrong with one record refuses that record.
bool is_fatal(Code code) {
    return code == Code::ResourceExhausted || code == Code::DataLoss || code == Code::Unavailable ||
           code == Code::Internal || code == Code::PermissionDenied;
}

Status store(Services& services, const call::Call& call, const Record& record, bool merge,
             Counts& counts) {
    Result<memory::Added> added = fail(Code::Internal, "nothing was stored");
    const Status kept = services.database->write([&](sql::Connection&) -> Status {
        RESONANT_ASSIGN(added, remember(services, call, record.memory, 0));
        if (added->reinforced && !merge) {
            return fail(Code::AlreadyExists, "known");  // undoes what reinforcing changed
        }
        return {};
    });
    if (!kept && kept.error().code == Code::AlreadyExists) {
        ++counts.skipped;
        return {};
    }
    if (!kept && is_fatal(kept.error().code)) {
        return kept;
    }
    if (!kept) {
        counts.refuse(record.line, kept.error().message);
        return {};
    }
    if (!added->reinforced) {
        ++counts.stored;
        return {};
    }
    ++counts.merged;  // its tags and importance; a title of its own wins over the old one
    if (record.memory.title.empty()) {
        return {};
    }
    memory::Update update;
    update.title = record.memory.title;
    return services.sea->update(added->id, update, call.caller.principal);
}

Status store_all(Services& services, const call::Call& call, std::span<const Record> records,
                 bool merge, Counts& counts) {
    for (std::size_t begin = 0; begin < records.size(); begin += kImportBatch) {
        if (call.is_cancelled()) {
            return fail(
                Code::Timeout,
                fmt::format("memory.import: cancelled after {} of {} records; those are kept",
                            begin, records.size()));
        }
        const auto batch = records.subspan(begin, std::min(kImportBatch, records.size() - begin));
        const Counts before = counts;
        const Status done = services.database->write([&](sql::Connection&) -> Status {
            for (const Record& record : batch) {
                if (record.refusal.empty()) {
                    RESONANT_CHECK(store(services, call, record, merge, counts));
                } else {
                    counts.refuse(record.line, record.refusal);
                }
            }
            return {};
        });
        if (!done) {
            counts = before;
            return fail(
                done.error().code,
                fmt::format(
                    "memory.import: stopped at line {}: {}; the {} records before it are kept",
                    batch.front().line, done.error().message, begin));
        }
        if (call.progress) {
            const std::size_t so_far = begin + batch.size();
            call.progress(static_cast<double>(so_far), static_cast<double>(records.size()),
                          fmt::format("{} of {} records", so_far, records.size()));
        }
    }
    return {};
}

Result<std::string> text_to_import(Services& services, const call::Call& call) {
    if (has(call, "path") == has(call, "data")) {
        return fail(Code::InvalidArgument, "memory.import: give either path or data");
    }
    if (has(call, "data")) {
        return text_of(call, "data");
    }
    return services.files->read(text_of(call, "path"), kFileMax);
}

}  // namespace

Result<Json> import_memories(Services& services, call::Call& call) {
    const std::string conflict = text_of(call, "on_conflict", "skip");
    if (conflict == "copy") {
        return fail(
            Code::Unimplemented,
            "memory.import: on_conflict=copy is not built yet, identical content is one memory; "
            "use skip or merge");
    }
    RESONANT_ASSIGN(const std::string text, text_to_import(services, call));
    RESONANT_ASSIGN(std::vector<Record> records, parse_records(text_of(call, "format"), text));
    for (Record& record : records) {
        record.memory.galaxy = text_of(call, "galaxy", record.memory.galaxy);
        if (record.memory.source.empty()) {
            record.memory.source = has(call, "path") ? "import:" + text_of(call, "path") : "import";
        }
    }
    Counts counts;
    if (flag_of(call, "validate_only")) {
        for (const Record& record : records) {
            if (!record.refusal.empty()) {
                counts.refuse(record.line, record.refusal);
            }
        }
        Json shown = counts.show(records.size());
        shown["validated_only"] = true;
        return shown;
    }
    RESONANT_CHECK(store_all(services, call, records, conflict == "merge", counts));
    Json shown = counts.show(records.size());
    shown["findable"] = "by words now; by meaning when the index has caught up (vector.status)";
    return shown;
}

}  // namespace resonant::tools
