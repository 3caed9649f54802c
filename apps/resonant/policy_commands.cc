#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "apps/resonant/commands.h"
#include "resonant/base/clock.h"
#include "resonant/govern/ledger.h"
#include "resonant/govern/rules.h"
#include "resonant/net/kernel_link.h"

namespace resonant::app {
namespace {

CLI::App* group(CLI::App& app, const std::string& name, const std::string& help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->require_subcommand(1);
    return command;
}

// Reads the database itself, so it works with and without a kernel and does not ask the kernel to judge
// itself.
int verify_ledger(const Common& common) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
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
    RESONANT_ASSIGN(const runtime::Home home, common.open());
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

void add_ledger(CLI::App& app, Common& common) {
    CLI::App* ledger = group(app, "ledger", "what was decided and done: tail, verify, acknowledge");
    auto reason = std::make_shared<std::string>();
    CLI::App* acknowledge = ledger->add_subcommand("acknowledge", "owner: take note of a break, so that writes go on");
    acknowledge->add_option("--reason", *reason, "why the chain is broken, for the record")->required();
    acknowledge->callback([&common, reason] {
        const Status done = acknowledge_break(common, *reason);
        common.exit_code = done ? kOk : report(done.error(), done.error().code == Code::PermissionDenied ? kDenied : kFailed);
    });
    auto limit = std::make_shared<int>(20);
    CLI::App* tail = ledger->add_subcommand("tail", "newest entries");
    tail->add_option("--limit", *limit, "entries at most");
    tail->callback([&common, limit] { common.exit_code = call_tool(common, "karma.trace", {{"limit", *limit}}); });
    ledger->add_subcommand("verify", "check the chain of hashes in the database file")->callback([&common] {
        common.exit_code = verify_ledger(common);
    });
}

// Whom `policy test` judges.
struct Judged {
    std::string tool, arguments = "{}";
    std::string as = fmt::format("uid:{}", ::getuid());  // as clients of this user are named
    std::string role;
    bool contained = false;
};

int test_policy(const Common& common, const Judged& judged) {
    const Result<Json> parsed = json::parse(judged.arguments);
    if (!parsed) {
        return report(parsed.error(), kUsage);
    }
    Json question = {{"tool", judged.tool}, {"arguments", *parsed}, {"as", judged.as}, {"contained", judged.contained}};
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

void add_policy_test(CLI::App& policy, Common& common) {
    auto judged = std::make_shared<Judged>();
    CLI::App* test = policy.add_subcommand("test", "what would happen to a call, stage by stage; nothing runs, exit code 3 when denied");
    test->add_option("tool", judged->tool, "dotted name")->required();
    test->add_option("arguments", judged->arguments, "its arguments, a JSON object");
    test->add_option("--as", judged->as, "principal that calls, as the ledger names it (a client of yours: uid:N)")->capture_default_str();
    test->add_option("--role", judged->role, "observer, agent, coordinator or owner (what the configuration gives, else agent)")
        ->check(CLI::IsMember({"observer", "agent", "coordinator", "owner"}));
    test->add_flag("--contained", judged->contained, "as an agent of another user or in a sandbox");
    test->callback([&common, judged] { common.exit_code = test_policy(common, *judged); });
}

void add_policy(CLI::App& app, Common& common) {
    CLI::App* policy = group(app, "policy", "the owner's rules: check, test");
    auto folder = std::make_shared<std::string>();
    CLI::App* check = policy->add_subcommand("check", "read policy files, say what is wrong with file:line");
    check->add_option("folder", *folder, "folder of YAML files (the home's policy.d)");
    check->callback([&common, folder] {
        std::filesystem::path where = *folder;
        if (where.empty()) {
            const Result<runtime::Home> home = common.open();
            if (!home) {
                common.exit_code = report(home.error());
                return;
            }
            where = home->policy();
        }
        const Result<std::size_t> rules = govern::Rules::check(where);
        if (!rules) {
            common.exit_code = report(rules.error());
            return;
        }
        show(common, {{"folder", where.string()}, {"rules", *rules}, {"ok", true}});
    });
    add_policy_test(*policy, common);
}

void add_consent(CLI::App& app, Common& common) {
    CLI::App* consent = group(app, "consent", "a person's consent: list, grant, revoke");
    consent->add_subcommand("list", "live consents and waiting requests")->callback([&common] {
        common.exit_code = call_tool(common, "consent.verify", Json::object());
    });
    auto request = std::make_shared<std::string>();
    auto scope = std::make_shared<std::string>();
    auto to = std::make_shared<std::string>();
    auto ttl = std::make_shared<double>(3600);
    CLI::App* grant = consent->add_subcommand("grant", "answer a request, or grant a scope of your own");
    grant->add_option("request", *request, "id of the request it answers");
    grant->add_option("--scope", *scope, "for example sandbox.run or 'sandbox.run:rm *'");
    grant->add_option("--to", *to, "principal, or *");
    grant->add_option("--ttl", *ttl, "seconds until it expires");
    grant->callback([&common, request, scope, to, ttl] {
        Json arguments = {{"scope", *scope}, {"to", *to}, {"ttl_s", *ttl}};
        if (!request->empty()) {
            arguments["request_id"] = *request;
        }
        common.exit_code = call_tool(common, "consent.grant", arguments);
    });
    auto id = std::make_shared<std::string>();
    CLI::App* revoke = consent->add_subcommand("revoke", "take a consent back at once");
    revoke->add_option("id", *id, "its id")->required();
    revoke->callback([&common, id] { common.exit_code = call_tool(common, "consent.revoke", {{"consent_id", *id}}); });
}

void add_standing(CLI::App& app, Common& common) {
    const auto suspend = [&common](const std::string& agent, bool suspended, const std::string& reason) {
        common.exit_code =
            call_tool(common, "agent.suspend", {{"agent", agent}, {"suspended", suspended}, {"reason", reason}});
    };
    auto reason = std::make_shared<std::string>("by the operator");
    CLI::App* pause = app.add_subcommand("pause", "refuse every call but the owner's, at once");
    pause->add_option("--reason", *reason, "shown to whoever is refused");
    pause->callback([suspend, reason] { suspend("*", true, *reason); });
    app.add_subcommand("resume", "lift a pause (owner)")->callback([suspend, reason] { suspend("*", false, *reason); });
    auto agent = std::make_shared<std::string>();
    auto lift = std::make_shared<bool>(false);
    CLI::App* quarantine = app.add_subcommand("quarantine", "refuse one agent's calls at once");
    quarantine->add_option("agent", *agent, "its principal, for example uid:1000")->required();
    quarantine->add_flag("--lift", *lift, "let it call again (owner)");
    quarantine->callback([suspend, agent, lift, reason] { suspend(*agent, !*lift, *reason); });
}

int report_none(const Error& error) { return report(error, error.code == Code::Unavailable ? kNoKernel : kFailed); }

// One line to the kernel's data-plane socket; the words behind "ok".
Result<std::string> ask_plane(const Common& common, const std::string& line) {
    RESONANT_ASSIGN(const runtime::Home home, common.open());
    Result<net::KernelLink> link = net::KernelLink::connect(home.root / "plane.sock");
    if (!link) {
        return fail(Code::Unavailable, no_kernel(home));
    }
    RESONANT_ASSIGN(const std::string answer, link->ask(line, from_seconds(10)));
    return answer.starts_with("ok") ? Result<std::string>(answer.substr(std::min<std::size_t>(3, answer.size())))
                                    : fail(Code::InvalidArgument, answer);
}

void add_helpers(CLI::App& app, Common& common) {
    CLI::App* helper = group(app, "helper", "processes of your own user that publish on the ring: list, revoke");
    helper->add_subcommand("list", "who is there, what it may publish, what became of it")->callback([&common] {
        const Result<std::string> answer = ask_plane(common, "helpers");
        const Result<Json> helpers = answer ? json::parse(*answer) : std::unexpected(answer.error());
        helpers ? show(common, {{"helpers", *helpers}}) : static_cast<void>(common.exit_code = report_none(helpers.error()));
    });
    auto name = std::make_shared<std::string>();
    auto event = std::make_shared<std::string>();
    CLI::App* revoke = helper->add_subcommand("revoke", "from its next event on, none of it is republished");
    revoke->add_option("name", *name, "the helper's name")->required();
    revoke->add_option("--event", *event, "only events of this type");
    revoke->callback([&common, name, event] {
        const Result<std::string> answer = ask_plane(common, fmt::format("revoke {} {}", *name, *event));
        answer ? show(common, {{"revoked", *name}, {"events", event->empty() ? "all" : *event}})
               : static_cast<void>(common.exit_code = report_none(answer.error()));
    });
}

void add_agents(CLI::App& app, Common& common) {
    CLI::App* agent = group(app, "agent", "agents of other users of this machine: address, close");
    agent->add_subcommand("address", "let them read board and ring; what each is given to attach with, on one line")
        ->callback([&common] {
            const Result<std::string> address = ask_plane(common, "contained");
            address ? show(common, {{"address", *address}}) : static_cast<void>(common.exit_code = report_none(address.error()));
        });
    agent->add_subcommand("close", "no more: the address is void from now on")->callback([&common] {
        const Result<std::string> closed = ask_plane(common, "contained close");
        closed ? show(common, {{"closed", true}}) : static_cast<void>(common.exit_code = report_none(closed.error()));
    });
}

}  // namespace

void add_policy_commands(CLI::App& app, Common& common) {
    add_ledger(app, common);
    add_policy(app, common);
    add_consent(app, common);
    add_standing(app, common);
    add_helpers(app, common);
    add_agents(app, common);
}

}  // namespace resonant::app
