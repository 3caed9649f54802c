#include "resonant/tools/load.h"

#include <fmt/core.h>

#include <utility>

#include "resonant/memory/galaxies.h"
#include "resonant/memory/imports.h"
#include "resonant/sql/database.h"
#include "resonant/tools/remember.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kRefusalsShown = 50;
constexpr std::size_t kTiesAtOnce = 1'000;  // links of one transaction
constexpr std::size_t kUnknownMax = 50;     // names of members that are told

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

}  // namespace

Load::Load(Services& services, const call::Call& call, Options options)
    : services_(services), call_(call), options_(std::move(options)) {}

Status Load::begin() {
    if (options_.only_validate) {
        return {};
    }
    RESONANT_ASSIGN(resumed_, services_.imports->done(options_.job));
    kept_ = resumed_;
    return {};
}

Status Load::take(Record record, double share) {
    share_ = share;
    for (const std::string& name : record.unknown) {
        if (counts_.unknown.size() < kUnknownMax || counts_.unknown.contains(name)) {
            ++counts_.unknown[name];
        }
    }
    if (++met_ > resumed_) {
        batch_bytes_ += record.memory.content.size();
        batch_.push_back(std::move(record));
    }
    const bool is_known_batch = met_ <= resumed_ && met_ % kImportBatch == 0;
    if (batch_.size() < kImportBatch && batch_bytes_ < kImportBatchBytes && !is_known_batch) {
        return {};
    }
    RESONANT_CHECK(look_up());
    return is_known_batch ? tell() : flush();
}

Status Load::tell() const {
    if (call_.progress) {
        call_.progress(100 * share_, 100, fmt::format("{} records", met_));
    }
    return {};
}

// Between two batches: is somebody waiting still, and what does he see?
Status Load::look_up() {
    if (!call_.is_cancelled()) {
        return {};
    }
    has_failed_ = true;
    return fail(Code::Timeout,
                fmt::format("memory.import: cancelled after {} records, {:.0f} % of the whole; those are kept, and "
                            "the same import goes on behind them",
                            kept_, 100 * share_));
}

Status Load::flush() {
    if (batch_.empty()) {
        return {};
    }
    const Counts before = counts_;
    if (const Status done = store_batch(); !done) {
        counts_ = before;
        known_galaxies_.clear();  // those that were made are not there
        has_failed_ = true;
        return fail(done.error().code,
                    fmt::format("memory.import: stopped at {} {}: {}; the {} records before it are kept, and the "
                                "same import goes on behind them",
                                options_.unit, batch_.front().line, done.error().message, kept_));
    }
    batch_.clear();
    batch_bytes_ = 0;
    return tell();
}

Status Load::store_batch() {
    if (options_.only_validate) {
        for (const Record& record : batch_) {
            if (!record.refusal.empty()) {
                refuse(record, record.refusal);
            }
        }
        return {};
    }
    const std::size_t done = kept_ + batch_.size();
    RESONANT_CHECK(services_.database->write([&](sql::Connection&) -> Status {
        for (const Record& record : batch_) {
            if (record.refusal.empty()) {
                RESONANT_CHECK(store(record));
            } else {
                refuse(record, record.refusal);
            }
        }
        return services_.imports->advance(options_.job, done);
    }));
    kept_ = done;
    return {};
}

void Load::refuse(const Record& record, const std::string& why) {
    ++counts_.refused;
    if (counts_.refusals.size() < kRefusalsShown) {
        counts_.refusals.push_back(fmt::format("{} {}: {}", options_.unit, record.line, why));
    }
}

// Ok when memories may be added to it. Of a store that comes home to an empty house the galaxies are made.
Status Load::find_galaxy(const std::string& name) {
    const auto known = known_galaxies_.find(name);
    if (known != known_galaxies_.end()) {
        return known->second;
    }
    Status found = services_.galaxies->check_open(name);
    if (!found && found.error().code == Code::NotFound) {
        memory::Galaxy galaxy;
        galaxy.name = name;
        galaxy.description = options_.source;
        galaxy.by = call_.caller.principal;
        found = services_.galaxies->create(galaxy);
        if (found) {
            counts_.galaxies.push_back(name);
        } else if (found.error().code == Code::ResourceExhausted) {
            found = fail(Code::Conflict, found.error().message);  // this record's trouble, no end of the import
        }
    }
    known_galaxies_.emplace(name, found);
    return found;
}

// The same words of two people are two memories: one's tag and time say nothing of the other's.
Status Load::add_once(const Record& record, const memory::Memory& memory, memory::Added& added) {
    if (record.who.empty() || options_.twin == memory::Twin::Copy) {
        RESONANT_ASSIGN(added, remember(services_, call_, memory, 0, options_.twin));
        return {};
    }
    RESONANT_ASSIGN(const auto twin, services_.imports->find_twin(memory, record.who, call_.caller.principal));
    if (twin) {
        added = {*twin, true, {}};
        return {};
    }
    RESONANT_ASSIGN(added, remember(services_, call_, memory, 0, memory::Twin::Copy));
    return {};
}

Status Load::remember_once(const Record& record, memory::Added& added, bool& is_known) {
    memory::Memory memory = record.memory;
    memory.galaxy = options_.galaxy;
    if (options_.keeps_galaxies && !record.galaxy.empty()) {
        RESONANT_CHECK(find_galaxy(record.galaxy));
        memory.galaxy = record.galaxy;
    }
    memory.source = memory.source.empty() ? options_.source : memory.source;
    bool has_answer = false;
    const Status kept = services_.database->write([&](sql::Connection&) -> Status {
        RESONANT_CHECK(add_once(record, memory, added));
        has_answer = true;
        if (added.reinforced && !options_.merge) {
            return fail(Code::AlreadyExists, "known");  // undoes what reinforcing changed
        }
        return settle(services_, call_, record, added, options_.merge);
    });
    is_known = !kept && kept.error().code == Code::AlreadyExists && has_answer;
    return is_known ? Status() : kept;
}

Status Load::store(const Record& record) {
    memory::Added added;
    bool is_known = false;
    if (const Status kept = remember_once(record, added, is_known); !kept) {
        if (is_fatal(kept.error().code)) {
            return kept;
        }
        refuse(record, kept.error().message);
        return {};
    }
    ++(is_known ? counts_.skipped : added.reinforced ? counts_.merged : counts_.stored);
    if (!record.key.empty()) {
        RESONANT_CHECK(services_.imports->keep_key(options_.job, record.key, added.id));
    }
    return draw(record, added.id);
}

// Links to records that are stored; the others wait.
Status Load::draw(const Record& record, memory::MemoryId from) {
    for (const Record::Tie& tie : record.ties) {
        RESONANT_ASSIGN(const auto to, services_.imports->find_key(options_.job, tie.to));
        RESONANT_CHECK(to ? link(from, *to, tie.type, tie.weight)
                          : services_.imports->keep_tie(options_.job, {0, from, tie.to, tie.type, tie.weight}));
    }
    return {};
}

Status Load::link(memory::MemoryId from, memory::MemoryId to, const std::string& type, double weight) {
    const Status drawn = from == to ? fail(Code::InvalidArgument, "a memory is not linked to itself")
                                    : services_.sea->link({from, to, type, weight}, false,
                                                          call_.caller.principal);
    if (!drawn && is_fatal(drawn.error().code)) {
        return drawn;
    }
    ++(drawn ? counts_.links : counts_.links_open);
    return {};
}

Status Load::finish() {
    if (options_.only_validate) {
        return {};
    }
    RESONANT_CHECK(look_up());  // whoever gave up may have taken the file away, too: its end is not the whole's
    for (std::int64_t row = 0;;) {
        RESONANT_ASSIGN(const auto ties, services_.imports->ties(options_.job, row, kTiesAtOnce));
        if (ties.empty()) {
            break;
        }
        row = ties.back().row;
        RESONANT_CHECK(look_up());
        RESONANT_CHECK(services_.database->write([&](sql::Connection&) -> Status {
            for (const memory::Imports::Tie& tie : ties) {
                RESONANT_ASSIGN(const auto to, services_.imports->find_key(options_.job, tie.to));
                if (to) {
                    RESONANT_CHECK(link(tie.from, *to, tie.type, tie.weight));
                } else {
                    ++counts_.links_open;
                }
            }
            return services_.imports->drop_ties(options_.job, row);
        }));
    }
    return services_.imports->finish(options_.job);
}

Json Load::shown() const {
    Json shown = {{"records", met_},
                  {"stored", counts_.stored},
                  {"skipped", counts_.skipped},
                  {"merged", counts_.merged},
                  {"refused", counts_.refused}};
    if (counts_.links + counts_.links_open > 0) {
        shown["links"] = counts_.links;
    }
    if (counts_.links_open > 0) {
        shown["links_without_target"] = counts_.links_open;
    }
    if (counts_.refused > 0) {
        shown["refusals"] = counts_.refusals;
    }
    if (!counts_.unknown.empty()) {
        shown["unknown_members"] = counts_.unknown;  // read over: nothing of these is kept
    }
    if (!counts_.galaxies.empty()) {
        shown["galaxies_made"] = counts_.galaxies;
    }
    if (options_.only_validate) {
        shown["validated_only"] = true;
        return shown;
    }
    if (resumed_ > 0) {
        shown["resumed_at"] = resumed_;
    }
    shown["findable"] = "by words now; by meaning when the index has caught up (vector.status)";
    return shown;
}

}  // namespace resonant::tools
