#include "apps/resonant/setup_command.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "apps/resonant/server_adding.h"
#include "apps/resonant/setup_record.h"
#include "apps/resonant/terminal.h"
#include "resonant/base/sha256.h"
#include "resonant/clients/person_file.h"
#include "resonant/clients/setup_plan.h"
#include "resonant/mcp/server_file.h"
#include "resonant/runtime/config.h"

namespace resonant::app {
namespace {

namespace fs = std::filesystem;

clients::Surroundings surroundings() { return {.user = variable("HOME").value_or(""), .variable = variable}; }

// The servers behind us as they are written down; the kernel need not run.
Result<std::map<std::string, call::UpstreamSpec>> servers_behind(const fs::path& home) {
    std::map<std::string, call::UpstreamSpec> behind;
    if (fs::exists(home / "servers.json")) {
        RESONANT_ASSIGN(const std::string text, runtime::read_file(home / "servers.json"));
        RESONANT_ASSIGN(const Json kept, json::parse(text));
        const Json servers = kept.is_object() ? kept.value("servers", Json::object()) : Json::object();
        for (const auto& [name, server] : servers.items()) {
            const auto written = server.find("spec");
            if (Result<call::UpstreamSpec> spec = written == server.end() ? mcp::spec_of(Json()) : mcp::spec_of(*written)) {
                behind[name] = std::move(*spec);  // `server list` names those that cannot be used
            }
        }
    }
    RESONANT_ASSIGN(const runtime::Config config, runtime::load_config(home / "resonant.toml"));
    for (const call::UpstreamSpec& spec : config.servers) {
        behind[spec.name] = spec;
    }
    return behind;
}

// Everything of one run, from the plan to what came of it.
struct Setup {
    const clients::Client* client = nullptr;
    clients::PersonFile file;
    clients::SetupPlan plan;
    fs::path home;
    std::vector<std::string> others;
    bool keep = false;
    bool named = false;  // the file, by --file
    std::string options;  // of this run, for commands that go on with it: " --home DIR"

    bool nothing_to_do() const {
        bool done = plan.has_block();
        for (const clients::SetupPlan::Taken& one : plan.taken()) {
            done = done && keep && one.there;
        }
        return done;
    }
};

// A file's ending says how its clients write it.
Status expect_form(const clients::Client& client, const fs::path& file) {
    const std::string ending = file.extension().string();
    const bool toml = client.form == clients::Form::Toml;
    if (toml ? ending == ".json" || ending == ".jsonc" : ending == ".toml") {
        const clients::Client* whose = clients::client_of_file(file);
        return fail(Code::InvalidArgument, fmt::format("{}: {} reads {}, this is a file of another kind{}; name its own with --file",
                                                       file.string(), client.title, toml ? "TOML" : "JSON",
                                                       whose == nullptr ? "" : fmt::format(" (of {})", whose->title)));
    }
    return {};
}

// Words for a file that looks like another client's: nobody would read what is put there.
std::string doubt(const clients::Client& client, const fs::path& file) {
    const clients::Client* whose = clients::client_of_file(file);
    return whose == nullptr || whose == &client || (whose->section == client.section && whose->form == client.form)
               ? ""
               : fmt::format("by its name this is a file of {}, which does not read what {} reads; for it: resonant setup {}", whose->title,
                             client.title, whose->name);
}

Result<Setup> prepare(const Common& common, const SetupFlags& flags) {
    Setup setup;
    setup.client = clients::find_client(flags.client);
    setup.options = common.home.empty() ? "" : " --home " + common.home;
    setup.keep = flags.keep;
    setup.named = !flags.file.empty();
    RESONANT_ASSIGN(setup.home, runtime::choose_home(common.home));
    setup.home = fs::absolute(setup.home).lexically_normal();
    RESONANT_ASSIGN(const fs::path path, client_file(flags.client, flags.file, setup.others));
    RESONANT_CHECK(expect_form(*setup.client, path));
    RESONANT_ASSIGN(setup.file, clients::PersonFile::read(path));
    clients::SetupRequest request;
    request.client = setup.client;
    request.home = setup.home.string();
    request.self = self_of(setup.home);
    request.program = request.self.program.string();
    const clients::Surroundings around = surroundings();
    request.place.user = around.user;
    request.place.project = flags.workspace.empty() ? clients::project_of(setup.file.path(), around) : fs::absolute(flags.workspace);
    request.place.folder = request.place.project.empty() ? around.user : request.place.project;
    RESONANT_ASSIGN(request.behind, servers_behind(setup.home));
    Result<clients::SetupPlan> plan = clients::SetupPlan::make(request, setup.file.text());
    const Result<std::string> text = plan ? plan->final_text({}) : std::unexpected(plan.error());  // whether our block finds its place
    if (!text) {
        return fail(text.error().code, fmt::format("{}: {}; nothing was changed. Mend it there, or name another file with --file",
                                                   setup.file.path().string(), text.error().message));
    }
    setup.plan = std::move(*plan);
    return setup;
}

// What a server starts or reaches, without values of variables and headers: these may be secrets.
std::string described(const call::UpstreamSpec& record) {
    std::string words = record.url;
    for (const std::string& word : record.command) {
        words += (words.empty() ? "" : " ") + word;
    }
    for (const auto* pairs : {&record.environment, &record.headers}) {
        std::string names;
        for (const auto& [name, value] : *pairs) {
            names += (names.empty() ? "" : ", ") + name;
        }
        words += names.empty() ? "" : fmt::format(" ({} {})", pairs == &record.headers ? "headers" : "with", names);
    }
    return words;
}

Json described(const Setup& setup) {
    Json would = {{"client", setup.client->title}, {"file", setup.file.path().string()}};
    would["file_is"] = setup.file.there() ? "there" : "made anew";
    if (setup.file.target() != setup.file.path()) {
        would["link_to"] = setup.file.target().string();
    }
    if (const std::string words = doubt(*setup.client, setup.file.path()); !words.empty()) {
        would["doubt"] = words;
    }
    if (setup.file.names() > 1) {
        would["note"] = fmt::format("the file has {} names (hard links); only this one will show the change", setup.file.names());
    }
    if (!setup.others.empty()) {
        would["other_files"] = setup.others;
    }
    would["block"] = {{setup.plan.block_path().back(), Json::parse(setup.plan.block().dump())},
                      {"state", setup.plan.has_block() ? "there already" : setup.plan.own().empty() ? "to be added" : "to be brought up to date"}};
    Json taken = Json::array(), staying = Json::array();
    for (const clients::SetupPlan::Taken& one : setup.plan.taken()) {
        const call::UpstreamSpec& record = one.entry.record;
        Json shown = {{"name", one.found.name}, {"runs", described(record)}};
        if (record.name != one.found.name) {
            shown["as"] = record.name;
        }
        if (!one.found.project.empty()) {
            shown["project"] = one.found.project;
        }
        if (record.disabled) {
            shown["disabled"] = true;
        }
        if (one.there) {
            shown["behind_resonant"] = true;
        }
        for (const clients::Asked& asked : one.entry.asked) {
            shown["asks_for"].push_back(asked.id);
        }
        if (!one.entry.words.empty()) {
            shown["notes"] = one.entry.words;
        }
        taken.push_back(std::move(shown));
    }
    for (const clients::SetupPlan::Staying& one : setup.plan.staying()) {
        staying.push_back({{"name", one.name}, {"why", one.why}});
    }
    would["take_over"] = std::move(taken);
    would["stays_in_file"] = std::move(staying);
    would["out_of_file"] = !setup.keep;
    if (setup.file.there()) {
        would["original_kept_as"] = setup.file.original().string();
    }
    return would;
}

struct Outcome {
    std::set<std::string> behind;  // names of records that are behind us now
    Json taken = Json::array(), staying = Json::array();
    std::string made_secret;
};

Json staying(const clients::SetupPlan::Taken& one, const std::string& why) {
    Json shown = {{"name", one.found.name}, {"why", why}};
    if (!one.found.project.empty()) {
        shown["project"] = one.found.project;
    }
    return shown;
}

// Puts the servers behind us. An exit code when that could not be tried.
std::expected<Outcome, int> take_over(Common& common, const runtime::Home& home, const Setup& setup) {
    Outcome outcome;
    for (const clients::SetupPlan::Staying& one : setup.plan.staying()) {
        outcome.staying.push_back({{"name", one.name}, {"why", one.why}});
    }
    bool ready = false;
    for (const clients::SetupPlan::Taken& one : setup.plan.taken()) {
        const call::UpstreamSpec& record = one.entry.record;
        if (one.there) {
            outcome.behind.insert(record.name);
            outcome.taken.push_back({{"name", record.name}, {"behind_resonant", true}});
            continue;
        }
        if (!ready) {
            const Status owner = be_owner(common, home, outcome.made_secret);
            const Status kernel = owner ? need_kernel(common) : owner;
            if (!kernel) {
                return std::unexpected(report(kernel.error()));
            }
            ready = true;
        }
        if (const Status answered = record.disabled ? Status() : answer_questions(home, one.entry); !answered) {
            outcome.staying.push_back(staying(one, answered.error().message));
            continue;
        }
        int code = kOk;
        std::cerr << (common.quiet ? "" : fmt::format("{}: {}\n", record.name, record.disabled ? "kept behind resonant, switched off as it was" : "starting it behind resonant ...")) << std::flush;
        const Added added = add_one(common, record, code);
        if (code == kNoKernel) {
            return std::unexpected(code);
        }
        if (!added.trouble.empty()) {
            outcome.staying.push_back(staying(one, added.trouble));
            continue;
        }
        outcome.behind.insert(record.name);
        outcome.taken.push_back(json_of(added));
    }
    return outcome;
}

SetupRecord record_of(const Setup& setup, const std::set<std::string>& gone, const std::string& written) {
    const fs::path& target = setup.file.target();
    const std::optional<SetupRecord> earlier = find_record(setup.home, target);
    SetupRecord record = earlier.value_or(SetupRecord());
    if (earlier) {
        record.edited = earlier->edited || setup.file.text() != earlier->written;
    } else {
        record.created = !setup.file.there();
        record.before = sha256_hex(setup.file.text());
    }
    record.client = setup.client->name;
    record.file = target.string();
    record.written = written;
    record.block = setup.plan.block_path();
    for (const clients::SetupPlan::Taken& one : setup.plan.taken()) {
        if (gone.contains(one.entry.record.name)) {
            record.removed.push_back({one.found.path, one.found.entry});
            record.servers.push_back(one.entry.record.name);
        }
    }
    return record;
}

int carry_out(Common& common, Setup& setup) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
    }
    const std::expected<Outcome, int> outcome = take_over(common, *home, setup);
    if (!outcome) {
        return outcome.error();
    }
    const std::set<std::string> gone = setup.keep ? std::set<std::string>() : outcome->behind;
    const Result<std::string> text = setup.plan.final_text(gone);
    if (!text) {
        return report(text.error());
    }
    const bool changed = *text != setup.file.text();
    if (changed) {
        const SetupRecord record = record_of(setup, gone, *text);
        if (const Status done = setup.file.replace(*text); !done) {
            return report({done.error().code, done.error().message + (outcome->taken.empty() ? "" : "; the servers that were taken over are "
                                              "behind resonant, the next run finds them there")});
        }
        if (const Status kept = keep_record(*home, setup.file.target(), record); !kept) {
            return report({kept.error().code, fmt::format("{} is set up, but what was done could not be noted for --undo: {}; the original is {}",
                                                          setup.file.path().string(), kept.error().message, setup.file.original().string())});
        }
    }
    Json answer = {{"client", setup.client->title}, {"file", setup.file.path().string()}, {"changed", changed},
                   {"taken_over", outcome->taken}, {"stays_in_file", outcome->staying}, {"next", setup.client->afterwards},
                   {"undo", fmt::format("resonant{} setup {}{} --undo", setup.options, setup.client->name,
                                        setup.named ? fmt::format(" --file {}", setup.file.path().string()) : "")}};
    if (const std::string words = doubt(*setup.client, setup.file.path()); !words.empty()) {
        answer["doubt"] = words;
    }
    if (!outcome->staying.empty()) {
        answer["again"] = fmt::format("once what is said there is mended: resonant{} setup {}{}", setup.options, setup.client->name,
                                      setup.named ? fmt::format(" --file {}", setup.file.path().string()) : "");
    }
    if (!outcome->made_secret.empty()) {
        answer["admin_secret"] = outcome->made_secret;
        answer["admin_secret_note"] = "shown this once, keep it: it makes you the owner";
    }
    show(common, answer);
    return kOk;
}

// True when it shall be done; else `code` says how the command ends.
bool confirmed(const Common& common, const SetupFlags& flags, const Json& would, int& code) {
    code = kOk;
    if (flags.yes && !flags.dry_run) {
        return true;
    }
    Json shown = would;
    if (flags.dry_run || ::isatty(STDIN_FILENO) == 0) {
        shown["changed"] = false;
    }
    show(common, shown);
    if (flags.dry_run) {
        return false;
    }
    if (::isatty(STDIN_FILENO) == 0) {
        code = report({Code::InvalidArgument, "nothing was changed: there is no terminal to ask at; add --yes to do it"}, kUsage);
        return false;
    }
    if (!agreed("do it?")) {
        std::cerr << "nothing was changed\n";
        return false;
    }
    return true;
}

}  // namespace

Result<fs::path> client_file(const std::string& name, const std::string& given, std::vector<std::string>& others) {
    const clients::Client* client = clients::find_client(name);
    if (client == nullptr) {
        return fail(Code::NotFound, fmt::format("'{}' is not a client that is known; give {}", name, clients::client_names()));
    }
    if (!given.empty()) {
        return fs::path(given);
    }
    const clients::Surroundings around = surroundings();
    if (around.user.empty()) {
        return fail(Code::NotFound, "HOME is not set, so the client's file cannot be found; name it with --file");
    }
    const std::vector<fs::path> places = clients::places_of(*client, around);
    fs::path chosen;
    for (const fs::path& place : places) {
        std::error_code error;
        if (!fs::exists(fs::symlink_status(place, error))) {
            continue;
        }
        if (chosen.empty()) {
            chosen = place;
        } else {
            others.push_back(place.string());
        }
    }
    return chosen.empty() ? places.front() : chosen;
}

int setup_client(Common& common, const SetupFlags& flags) {
    if (clients::find_client(flags.client) == nullptr) {
        return report({Code::NotFound, fmt::format("'{}' is not a client that is known; give {}", flags.client, clients::client_names())}, kUsage);
    }
    Result<Setup> setup = prepare(common, flags);
    if (!setup) {
        return report(setup.error());
    }
    const Json would = described(*setup);
    if (setup->nothing_to_do()) {
        Json answer = {{"client", setup->client->title}, {"file", setup->file.path().string()}, {"changed", false},
                       {"words", "it is set up already"}, {"stays_in_file", would["stays_in_file"]}};
        show(common, answer);
        return kOk;
    }
    int code = kOk;
    return confirmed(common, flags, would, code) ? carry_out(common, *setup) : code;
}

namespace {

// How --undo goes about it.
struct Undo {
    clients::PersonFile file;
    std::optional<SetupRecord> record;
    std::vector<std::string> since;  // what changed since the last setup
    bool whole = false;              // the original takes its place; else only our part is undone
    bool original = false;           // one is kept
};

Result<Undo> prepare_undo(const fs::path& home, const clients::Client& client, const fs::path& path) {
    Undo undo;
    RESONANT_ASSIGN(undo.file, clients::PersonFile::read(path));
    undo.record = find_record(home, undo.file.target());
    std::error_code error;
    undo.original = fs::exists(fs::symlink_status(undo.file.original(), error));
    if (!undo.original && !undo.record) {
        return fail(Code::NotFound, fmt::format("{}: there is nothing to undo: neither {} nor a record of this home is there",
                                                path.string(), undo.file.original().filename().string()));
    }
    if (!undo.record) {
        undo.whole = true;
        undo.since.emplace_back("unknown: this home has no record of the set-up");
        return undo;
    }
    bool first = false;
    if (undo.original) {
        RESONANT_ASSIGN(const clients::PersonFile kept, clients::PersonFile::read(undo.file.original()));
        first = sha256_hex(kept.text()) == undo.record->before;
    }
    const bool unchanged = undo.file.text() == undo.record->written;
    undo.whole = unchanged && !undo.record->edited && (first || undo.record->created);
    if (!unchanged) {
        const Result<clients::ClientText> now = clients::ClientText::read(client, undo.file.text());
        const Result<clients::ClientText> then = clients::ClientText::read(client, undo.record->written);
        undo.since = now && then ? differences(then->whole(), now->whole()) : std::vector<std::string>{"it cannot be read any more"};
        if (undo.since.empty()) {
            undo.since.emplace_back("only how it is written");
        }
        undo.whole = !now && undo.original;
    }
    return undo;
}

// Takes our block out and puts back what was taken out, in the file as it is now.
Status undo_part(const clients::Client& client, Undo& undo) {
    RESONANT_ASSIGN(clients::ClientText text, clients::ClientText::read(client, undo.file.text()));
    for (const SetupRecord::Removed& one : undo.record->removed) {
        const bool there = std::any_of(text.servers().begin(), text.servers().end(), [&](const auto& server) { return server.path == one.path; });
        if (!there) {
            RESONANT_ASSIGN(text, text.put(one.path, json::Ordered::parse(one.entry.dump())));
        }
    }
    RESONANT_ASSIGN(text, text.take(undo.record->block));
    return undo.file.replace(text.text(), false);
}

}  // namespace

int undo_client(Common& common, const SetupFlags& flags) {
    const clients::Client* client = clients::find_client(flags.client);
    std::vector<std::string> others;
    const Result<fs::path> path = client_file(flags.client, flags.file, others);
    if (!path) {
        return report(path.error(), client == nullptr ? kUsage : kFailed);
    }
    const Result<fs::path> home = runtime::choose_home(common.home);
    if (!home) {
        return report(home.error());
    }
    Result<Undo> undo = prepare_undo(fs::absolute(*home).lexically_normal(), *client, *path);
    if (!undo) {
        return report(undo.error());
    }
    const bool created = undo->record && undo->record->created && undo->whole && !undo->original;
    Json would = {{"client", client->title}, {"file", undo->file.path().string()}};
    would["undo"] = created       ? "the file goes: there was none before"
                    : undo->whole ? "the original takes its place again, byte for byte"
                                  : "our block goes and what was taken out comes back; what changed since stays";
    if (!undo->since.empty()) {
        would["changed_since"] = undo->since;
    }
    if (!undo->whole && undo->original) {
        would["original_kept_as"] = undo->file.original().string();
    }
    const auto behind = servers_behind(fs::absolute(*home).lexically_normal());
    if (undo->record && behind) {
        std::erase_if(undo->record->servers, [&](const std::string& name) { return !behind->contains(name); });
    }
    if (undo->record && !undo->record->servers.empty()) {
        would["still_behind_resonant"] = undo->record->servers;
        would["next"] = fmt::format("resonant{} server remove NAME, for those that are not wanted there",
                                    common.home.empty() ? "" : " --home " + common.home);
    }
    int code = kOk;
    if (!confirmed(common, flags, would, code)) {
        return code;
    }
    const bool keep_current = undo->whole && !undo->since.empty();
    const Status done = created ? undo->file.remove() : undo->whole ? undo->file.restore(keep_current) : undo_part(*client, *undo);
    if (!done) {
        return report(done.error());
    }
    forget_record(fs::absolute(*home).lexically_normal(), undo->file.target());
    would["changed"] = true;
    if (keep_current) {
        would["kept"] = "what stood there, as " + undo->file.target().filename().string() + ".before-undo";
    }
    show(common, would);
    return kOk;
}

}  // namespace resonant::app
