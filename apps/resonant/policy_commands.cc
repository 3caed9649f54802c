#include <fmt/core.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "apps/resonant/commands.h"
#include "resonant/base/clock.h"
#include "resonant/call/principal.h"
#include "resonant/govern/ledger.h"
#include "resonant/govern/rules.h"
#include "resonant/net/kernel_link.h"
#include "resonant/runtime/diagnosis.h"

namespace resonant::app {
namespace {

// Reads the database itself, so it works with and without a kernel and does not ask the kernel to judge
// itself.
int verify_ledger(const Common& common) {
    const Result<runtime::Home> home = common.look();
    if (!home) {
        return report_no_home(home.error());
    }
    if (const std::string lost = runtime::lost_ledger(*home); !lost.empty()) {
        return report({Code::DataLoss, "ledger verify: " + lost});
    }
    std::error_code missing;
    if (!std::filesystem::exists(home->database(), missing)) {
        show(common, {{"ok", true}, {"entries", 0}, {"note", "nothing is written yet: there is no " + home->database().string()}});
        return kOk;
    }
    Result<std::unique_ptr<sql::Database>> database = sql::Database::open(home->database(), {.readers = 1, .read_only = true});
    if (!database) {
        return report(database.error());
    }
    const Result<govern::Verification> found = govern::Ledger::check(**database);
    if (!found) {
        return report(found.error());
    }
    Json answer = {{"ok", found->ok}, {"entries", found->entries}, {"head", found->head_seq},
                   {"head_hash", found->head_hash}};
    if (found->acknowledged > 0) {
        answer["breaks_acknowledged"] = found->acknowledged;
    }
    if (!found->ok) {
        answer["first_break"] = found->first_break;
        answer["why"] = found->why;
    }
    show(common, answer);
    return found->ok ? kOk : kFailed;
}

// The owner takes note of a break in the chain, while no kernel runs that would judge by the old finding.
Status acknowledge_break(const Common& common, const std::string& reason) {
    RESONANT_ASSIGN(const runtime::Home home, common.look());
    if (reason.find_first_not_of(" \t\r\n") == std::string::npos) {
        return fail(Code::InvalidArgument, "ledger acknowledge: --reason is empty; say why the chain is broken, for the record");
    }
    RESONANT_ASSIGN(const std::string secret, given_secret(common));
    const bool owner = secret.empty() ? ::geteuid() == 0 : runtime::is_admin_secret(home, secret);
    if (!owner) {
        return fail(Code::PermissionDenied, secret.empty()
                                                ? "ledger acknowledge: only the owner may; give the admin secret with "
                                                  "--secret-file or RESONANT_ADMIN_SECRET"
                                                : "ledger acknowledge: the admin secret that was given is not this home's; "
                                                  "give the one that `resonant init` showed");
    }
    const Result<Descriptor> lock = runtime::lock_file(home.kernel_lock(), false);
    if (!lock) {
        return fail(Code::Conflict, "ledger acknowledge: a kernel runs on this home; stop it first with `resonant down`");
    }
    SystemClock clock;
    RESONANT_ASSIGN(const auto database, sql::Database::open(home.database(), {}));
    RESONANT_ASSIGN(const auto ledger, govern::Ledger::open(*database, clock));
    return ledger->acknowledge("operator", reason);
}

void add_ledger(Commands& commands) {
    commands.push_back({.name = "ledger", .summary = "what was decided and done: tail, verify, acknowledge"});
    auto limit = std::make_shared<int>(20);
    commands.push_back({.name = "ledger tail",
                        .summary = "newest entries",
                        .arguments = {{.name = "--limit", .target = limit.get(), .help = "entries at most", .letter = 'n'}},
                        .run = [limit](const Common& common) { return call_tool(common, "karma.trace", {{"limit", *limit}}); },
                        .kernel = KernelNeed::Running});
    commands.push_back(
        {.name = "ledger verify", .summary = "check the chain of hashes in the database file", .run = verify_ledger});
    auto reason = std::make_shared<std::string>();
    commands.push_back(
        {.name = "ledger acknowledge",
         .summary = "owner: take note of a break, so that writes go on",
         .arguments = {{.name = "--reason", .target = reason.get(), .help = "why the chain is broken, for the record",
                        .required = true, .is_text = true}},
         .run = [reason](const Common& common) {
             const Status done = acknowledge_break(common, *reason);
             if (!done) {
                 const Code code = done.error().code;
                 return report(done.error(), code == Code::PermissionDenied  ? kDenied
                                             : code == Code::InvalidArgument ? kUsage
                                                                             : exit_code_of(done.error()));
             }
             std::cerr << "resonant: the break is recorded as acknowledged; writes go on with the next kernel\n";
             return verify_ledger(common);
         }});
}

int check_policy(const Common& common, const std::string& folder) {
    std::filesystem::path where = folder;
    if (where.empty()) {
        const Result<runtime::Home> home = common.look();
        if (!home) {
            return report_no_home(home.error());
        }
        where = home->policy();
    }
    const Result<std::size_t> rules = govern::Rules::check(where);
    if (!rules) {
        return report(rules.error(), kFailed);
    }
    const Result<std::vector<std::string>> notes = runtime::notes_on_policy(where);
    if (!notes) {
        return report(notes.error(), kFailed);
    }
    Json answer = {{"folder", where.string()}, {"rules", *rules}, {"ok", notes->empty()},
                   {"activate", "resonant call dharma.reload, by the owner; a kernel that starts reads it itself"}};
    if (!notes->empty()) {
        answer["notes"] = *notes;
    }
    show(common, answer);
    return notes->empty() ? kOk : kFailed;
}

// Whom `policy test` judges.
struct Judged {
    std::string tool, arguments = "{}";
    std::string as = fmt::format("uid:{}", ::getuid());  // as clients of this user are named
    std::string role;
    bool contained = false;
};

int test_policy(const Common& common, const Judged& judged) {
    Json question = {{"tool", judged.tool}, {"arguments", *json::parse(judged.arguments)}, {"as", judged.as}, {"contained", judged.contained}};
    if (!judged.role.empty()) {
        question["role"] = judged.role;
    }
    const auto answer = ask_tool(common, "tool.explain", question);
    if (!answer) {
        return answer.error();
    }
    show(common, *answer);
    return answer->contains("denial") ? kDenied : answer->value("allowed", false) ? kOk : kFailed;
}

void add_policy(Commands& commands) {
    commands.push_back({.name = "policy", .summary = "the owner's rules: check, test"});
    auto folder = std::make_shared<std::string>();
    commands.push_back({.name = "policy check",
                        .summary = "read policy files, say what is wrong with file:line",
                        .arguments = {{.name = "folder", .target = folder.get(),
                                       .help = "folder of YAML files (the home's policy.d)", .value = "DIR"}},
                        .run = [folder](const Common& common) { return check_policy(common, *folder); }});
    auto judged = std::make_shared<Judged>();
    commands.push_back(
        {.name = "policy test",
         .summary = "what would happen to a call, stage by stage; nothing runs, exit code 3 when denied",
         .arguments = {{.name = "tool", .target = &judged->tool, .help = "dotted name", .required = true},
                       {.name = "arguments", .target = &judged->arguments, .help = "its arguments, a JSON object",
                        .value = "JSON", .is_text = true},
                       {.name = "--as", .target = &judged->as,
                        .help = "principal that calls, as the ledger names it (a client of yours: uid:N)", .value = "PRINCIPAL"},
                       {.name = "--role", .target = &judged->role, .help = "what the configuration gives, else agent",
                        .choices = {"observer", "agent", "coordinator", "owner"}},
                       {.name = "--contained", .target = &judged->contained, .help = "as an agent of another user or in a sandbox"}},
         .run = [judged](const Common& common) { return test_policy(common, *judged); },
         .kernel = KernelNeed::Running,
         .check = [judged] {
             const Result<Json> parsed = json::parse(judged->arguments);
             // "operator" is how the ledger names the owner.
             if (const std::string why = judged->as == "operator" ? "" : call::wrong_principal(judged->as); !why.empty()) {
                 return "--as: " + why;
             }
             return std::string(parsed && parsed->is_object() ? "" : "the arguments are not a JSON object; give for example '{\"query\":\"x\"}'");
         }});
}

void add_consent(Commands& commands) {
    commands.push_back({.name = "consent", .summary = "a person's consent: list, grant, revoke"});
    commands.push_back({.name = "consent list",
                        .summary = "live consents and waiting requests",
                        .run = [](const Common& common) { return call_tool(common, "consent.verify", Json::object()); },
                        .kernel = KernelNeed::Running});
    struct Grant {
        std::string request, scope, to;
        double ttl_s = 3600;
    };
    auto grant = std::make_shared<Grant>();
    commands.push_back(
        {.name = "consent grant",
         .summary = "answer a request, or grant a scope of your own",
         .arguments = {{.name = "request", .target = &grant->request, .help = "id of the request it answers"},
                       {.name = "--scope", .target = &grant->scope, .help = "for example sandbox.run or 'sandbox.run:rm *'"},
                       {.name = "--to", .target = &grant->to, .help = "principal, or *", .value = "PRINCIPAL"},
                       {.name = "--ttl", .target = &grant->ttl_s, .help = "until it expires", .value = "SECONDS"}},
         .run = [grant](const Common& common) {
             Json arguments = {{"scope", grant->scope}, {"to", grant->to}, {"ttl_s", grant->ttl_s}};
             if (!grant->request.empty()) {
                 arguments["request_id"] = grant->request;
             }
             return call_tool(common, "consent.grant", arguments);
         },
         .kernel = KernelNeed::Running,
         .check = [grant] {
             if (grant->request.empty() && grant->scope.empty()) {
                 return std::string("give the id of a request (resonant consent list shows them), or a --scope of your own");
             }
             // "sandbox.run:rm *" names a tool and a command; "class:dangerous" names none.
             const std::string tool = grant->scope.substr(0, grant->scope.find(':'));
             const std::string note = tool.empty() || tool == "class" ? "" : runtime::note_on_tools(tool);
             if (!note.empty()) {
                 return "--scope: " + note;
             }
             const std::string why = grant->to.empty() || grant->to == "*" ? "" : call::wrong_principal(grant->to);
             return why.empty() ? why : "--to: " + why + "; * is everybody";
         }});
    auto id = std::make_shared<std::string>();
    commands.push_back(
        {.name = "consent revoke",
         .summary = "take a consent back at once, or refuse a request that waits",
         .arguments = {{.name = "id", .target = id.get(), .help = "its id", .required = true}},
         .run = [id](const Common& common) { return call_tool(common, "consent.revoke", {{"consent_id", *id}}); },
         .kernel = KernelNeed::Running});
}

void add_standing(Commands& commands) {
    const auto suspend = [](const Common& common, const std::string& agent, bool suspended, const std::string& reason) {
        return call_tool(common, "agent.suspend", {{"agent", agent}, {"suspended", suspended}, {"reason", reason}});
    };
    auto reason = std::make_shared<std::string>("by the operator");
    const Argument why = {.name = "--reason", .target = reason.get(), .help = "shown to whoever is refused", .is_text = true};
    commands.push_back({.name = "pause",
                        .summary = "refuse every call but the owner's, at once",
                        .arguments = {why},
                        .run = [suspend, reason](const Common& common) { return suspend(common, "*", true, *reason); },
                        .kernel = KernelNeed::Running});
    commands.push_back({.name = "resume",
                        .summary = "lift a pause (owner)",
                        .run = [suspend, reason](const Common& common) { return suspend(common, "*", false, *reason); },
                        .kernel = KernelNeed::Running});
    auto agent = std::make_shared<std::string>();
    auto lift = std::make_shared<bool>(false);
    commands.push_back(
        {.name = "quarantine",
         .summary = "refuse one agent's calls at once",
         .arguments = {{.name = "agent", .target = agent.get(), .help = "its principal, for example uid:1000", .required = true},
                       {.name = "--lift", .target = lift.get(), .help = "let it call again (owner)"},
                       why},
         .run = [suspend, agent, lift, reason](const Common& common) { return suspend(common, *agent, !*lift, *reason); },
         .kernel = KernelNeed::Running,
         // What was suspended under another name before can be lifted.
         .check = [agent, lift] { return *lift ? "" : call::wrong_principal(*agent); }});
}

// One line to the kernel's data-plane socket; the words behind "ok".
Result<std::string> ask_plane(const Common& common, const std::string& line) {
    RESONANT_ASSIGN(const runtime::Home home, common.look());
    Result<net::KernelLink> link = net::KernelLink::connect(home.root / "plane.sock");
    if (!link) {
        return fail(Code::NotFound, no_kernel(home));
    }
    RESONANT_ASSIGN(const std::string answer, link->ask(line, from_seconds(10)));
    return answer.starts_with("ok") ? Result<std::string>(answer.substr(std::min<std::size_t>(3, answer.size())))
                                    : fail(Code::InvalidArgument, answer);
}

int report_plane(const Error& error) {
    return report(error, error.code == Code::NotFound ? kNoKernel : exit_code_of(error));
}

int list_helpers(const Common& common) {
    const Result<std::string> answer = ask_plane(common, "helpers");
    const Result<Json> helpers = answer ? json::parse(*answer) : std::unexpected(answer.error());
    if (!helpers) {
        return report_plane(helpers.error());
    }
    show(common, {{"helpers", *helpers}});
    return kOk;
}

int revoke_helper(const Common& common, const std::string& name, const std::string& event) {
    const Result<std::string> answer = ask_plane(common, fmt::format("revoke {} {}", name, event));
    if (!answer) {
        return report_plane(answer.error());
    }
    show(common, {{"revoked", name}, {"events", event.empty() ? "all" : event}});
    return kOk;
}

void add_helpers(Commands& commands) {
    commands.push_back(
        {.name = "helper", .summary = "processes of your own user that publish on the ring: list, revoke"});
    commands.push_back({.name = "helper list",
                        .summary = "who is there, what it may publish, what became of it",
                        .run = list_helpers,
                        .kernel = KernelNeed::Running});
    auto name = std::make_shared<std::string>();
    auto event = std::make_shared<std::string>();
    commands.push_back(
        {.name = "helper revoke",
         .summary = "from its next event on, none of it is republished",
         .arguments = {{.name = "name", .target = name.get(), .help = "the helper's name", .required = true},
                       {.name = "--event", .target = event.get(), .help = "only events of this type", .value = "TYPE"}},
         .run = [name, event](const Common& common) { return revoke_helper(common, *name, *event); },
         .kernel = KernelNeed::Running});
}

int open_door(const Common& common) {
    const Result<std::string> address = ask_plane(common, "contained");
    if (!address) {
        return report_plane(address.error());
    }
    show(common, {{"address", *address}});
    return kOk;
}

int close_door(const Common& common) {
    const Result<std::string> closed = ask_plane(common, "contained close");
    if (!closed) {
        return report_plane(closed.error());
    }
    show(common, {{"closed", true}});
    return kOk;
}

void add_agents(Commands& commands) {
    commands.push_back({.name = "agent", .summary = "agents of other users of this machine: address, close"});
    commands.push_back({.name = "agent address",
                        .summary = "let them read board and ring; what each is given to attach with, on one line",
                        .run = open_door,
                        .kernel = KernelNeed::Running});
    commands.push_back({.name = "agent close",
                        .summary = "no more: the address is void from now on",
                        .run = close_door,
                        .kernel = KernelNeed::Running});
}

}  // namespace

void add_policy_commands(Commands& commands) {
    add_ledger(commands);
    add_policy(commands);
    add_consent(commands);
    add_standing(commands);
    add_helpers(commands);
    add_agents(commands);
}

}  // namespace resonant::app
