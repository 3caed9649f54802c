#include "resonant/tools/families.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "resonant/govern/ledger.h"
#include "resonant/govern/rules.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/society/consents.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;
using call::Role;

namespace {

constexpr double kTtlDefault = 3600;
constexpr std::size_t kNoteMax = 300;  // bytes of what a client says

Json show(const society::Consent& consent) {
    Json shown = {{"consent_id", consent.id},
                  {"state", consent.state},
                  {"scope", consent.scope},
                  {"to", consent.principal},
                  {"reason", consent.reason},  // an empty one too: the answer promises it
                  {"expires", show_time(consent.expires_at.count)}};
    if (!consent.answered_by.empty()) {
        shown["answered_by"] = consent.answered_by;
    }
    return shown;
}

Result<Nanos> ttl_of(const call::Call& call) {
    const double seconds = number_of(call, "ttl_s", kTtlDefault);
    if (!(seconds >= 1 && seconds <= society::kConsentTtlMax.seconds())) {
        return fail(Code::InvalidArgument,
                    fmt::format("ttl_s is {}; a consent lasts 1 to {} seconds", seconds,
                                society::kConsentTtlMax.seconds()));
    }
    return from_seconds(seconds);
}

// What the person in front of the client says to it. A no ends the matter; a yes is passed on to the owner,
// who alone can grant, with where the client works.
struct Word {
    bool refused = false;
    std::string note;
};

Result<Word> ask_person(const call::Call& call) {
    Word word;
    if (!call.client || !call.client->can("elicitation")) {
        return word;
    }
    const std::string message =
        fmt::format("{} asks for leave: {}. Reason given: {}. A yes is passed on to the owner, a no ends it.",
                    call.caller.principal, text_of(call, "action"), text_of(call, "reason"));
    const Json form = {{"type", "object"}, {"properties", {{"note", {{"type", "string"}, {"title", "A word to the owner"}}}}}};
    std::vector<call::Question> questions{{"person", "elicitation/create", {{"message", message}, {"requestedSchema", form}}}};
    if (call.client->can("roots")) {
        questions.push_back({"folders", "roots/list", Json::object()});
    }
    const Result<std::vector<Json>> answers = call.client->ask(questions);
    if (!answers && answers.error().code == Code::InputRequired) {
        return std::unexpected(answers.error());
    }
    if (!answers) {
        return word;  // nobody could be asked: the owner decides without
    }
    const Json& person = answers->front();
    word.refused = person.value("action", Json()) != "accept";
    const Json content = person.value("content", Json::object());
    if (content.is_object() && content.value("note", Json()).is_string()) {
        word.note = fmt::format("; the person at the client: {}", content["note"].get<std::string>().substr(0, kNoteMax));
    }
    const Json roots = answers->back().value("roots", Json::array());
    for (std::size_t i = 0; roots.is_array() && i < std::min<std::size_t>(roots.size(), 4); ++i) {
        if (roots[i].is_object() && roots[i].value("uri", Json()).is_string()) {
            word.note += fmt::format("; works in {}", roots[i]["uri"].get<std::string>().substr(0, kNoteMax));
        }
    }
    return word;
}

// Whether an event says that a call about consents is over: its rows are durable then.
bool is_about_consents(const Services& services, const ring::Event& event) {
    const auto& tools = services.toolbox->tools();
    return event.type == ring::EventType::ToolCompleted && event.tool > 0 && event.tool <= tools.size() &&
           tools[event.tool - 1].contract.name.starts_with("consent.");
}

// Sleeps behind the ring until somebody answers, the request expires, or the time is over.
Result<society::Consent> await_answer(Services& services, const call::Call& call, society::Consent consent) {
    const Nanos started = services.clock->monotonic();
    const Nanos lasts = Nanos{std::max<std::int64_t>(0, consent.expires_at.count - services.clock->wall().count)};
    const Nanos deadline = started + std::min(from_seconds(number_of(call, "wait_s", 0)), lasts);
    ring::Subscription news = services.plane->subscribe();
    std::array<ring::Event, 64> events;
    for (bool look = true;;) {
        if (look) {
            RESONANT_ASSIGN(consent, services.consents->find(consent.id));
        }
        const Nanos left = deadline - services.clock->monotonic();
        if (left.count <= 0) {
            return services.consents->find(consent.id);  // it may have expired just now
        }
        if (consent.state != "waiting" || call.is_cancelled()) {
            return consent;
        }
        news.wait(&services.plane->ring(), ring::WaitStrategy::Block, std::min(left, services.plane->nap()));
        const std::uint64_t lost = news.lost();
        look = false;
        for (std::size_t count = events.size(); count == events.size();) {
            count = news.poll(events);
            look = look || std::any_of(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(count),
                                       [&](const ring::Event& event) { return is_about_consents(services, event); });
        }
        look = look || news.lost() != lost;
    }
}

Result<Json> request(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const Nanos ttl, ttl_of(call));
    RESONANT_ASSIGN(const Word word, ask_person(call));
    RESONANT_ASSIGN(society::Consent consent,
                    services.consents->request(call.caller.principal, text_of(call, "action"),
                                               text_of(call, "reason") + word.note, ttl));
    if (word.refused) {
        RESONANT_ASSIGN(consent, services.consents->refuse(consent.id, call.caller.principal,
                                                           "the person at the client said no"));
        return show(consent);
    }
    services.plane->publish(ring::EventType::ConsentRequested, call.caller.principal,
                            call.contract->id + 1U);
    RESONANT_ASSIGN(consent, await_answer(services, call, consent));
    Json answer = show(consent);
    if (consent.state == "waiting") {
        answer["way_on"] = fmt::format(
            "the owner answers with: resonant consent grant {}; ask again with consent.verify",
            consent.id);
    }
    return answer;
}

Result<Json> grant(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const Nanos ttl, ttl_of(call));
    society::Consents::Grant grant;
    grant.scope = text_of(call, "scope");
    grant.to = text_of(call, "to");
    grant.ttl = ttl;
    grant.request_id = text_of(call, "request_id");
    grant.by = call.caller.principal;
    RESONANT_ASSIGN(const society::Consent consent, services.consents->grant(grant));
    services.plane->publish(ring::EventType::ConsentGranted, call.caller.principal,
                            call.contract->id + 1U);
    return show(consent);
}

Result<Json> revoke(Services& services, call::Call& call) {
    const std::string id = text_of(call, "consent_id");
    RESONANT_ASSIGN(const society::Consent consent, services.consents->find(id));
    const bool own = consent.principal == call.caller.principal;
    if (!own && call.caller.role < call::Role::Coordinator) {
        return fail(
            Code::PermissionDenied,
            fmt::format(
                "consent.revoke: {} is not yours; its holder or a coordinator takes it back", id));
    }
    RESONANT_ASSIGN(const society::Consent revoked,
                    services.consents->revoke(id, call.caller.principal));
    services.plane->publish(ring::EventType::ConsentRevoked, call.caller.principal,
                            call.contract->id + 1U);
    return show(revoked);
}

Result<Json> verify(Services& services, call::Call& call) {
    const std::string action = text_of(call, "action");
    if (!action.empty()) {
        // "sandbox.run:rm -r build" names a tool and a command line, as a scope does.
        const std::size_t colon = action.find(':');
        const std::string tool = action.substr(0, colon);
        const std::string command = colon == std::string::npos ? "" : action.substr(colon + 1);
        const std::string risk =
            command.empty() ? "" : std::string(govern::name_of(govern::classify(command).risk));
        RESONANT_ASSIGN(const auto covering,
                        services.consents->covers(call.caller.principal, tool, command, risk));
        Json answer = {{"action", action}, {"covered", covering.has_value()}};
        if (covering) {
            RESONANT_ASSIGN(const society::Consent consent, services.consents->find(*covering));
            answer["consent"] = show(consent);
        }
        return answer;
    }
    society::Consents::Listing listing;
    listing.principal = call.caller.role >= call::Role::Coordinator ? "" : call.caller.principal;
    RESONANT_ASSIGN(const auto consents, services.consents->list(listing));
    Json answer = {{"count", consents.size()}, {"consents", Json::array()}};
    for (const society::Consent& consent : consents) {
        answer["consents"].push_back(show(consent));
    }
    return answer;
}

// The call that an action amounts to: a tool's when it begins with its name, else a command in the
// sandbox.
call::Call call_of(const Services& services, const call::Call& call) {
    call::Call asked = call;
    const std::string action = text_of(call, "action");
    const std::string first = action.substr(0, action.find_first_of(" :("));
    const Tool* tool = services.toolbox->find(first);
    asked.arguments = call.arguments.value("context", Json::object());
    if (tool == nullptr) {
        tool = services.toolbox->find("sandbox.run");
        asked.arguments["command"] = action;
    } else if (first.size() + 1 < action.size() && tool->contract.access == call::Access::Execute) {
        asked.arguments["command"] = action.substr(first.size() + 1);
    }
    asked.contract = &tool->contract;
    return asked;
}

Result<Json> evaluate(Services& services, call::Call& call) {
    const call::Call asked = call_of(services, call);
    const govern::Evaluation evaluation = services.rules->evaluate(asked);
    Json answer = {
        {"action", text_of(call, "action")},  {"judged_as", asked.contract->name},
        {"score", rounded(evaluation.score)}, {"verdict", govern::name_of(evaluation.action)},
        {"boundaries", Json::array()},        {"guidance", Json::array()}};
    if (evaluation.command) {
        const govern::Classification& risk = evaluation.command->classification;
        answer["command_risk"] = {
            {"class", govern::name_of(risk.risk)}, {"rule", risk.rule}, {"reason", risk.reason}};
        if (risk.risk == govern::Risk::Forbidden) {
            answer["score"] = 0.0;
            answer["verdict"] = "block";
        }
    }
    for (const govern::Match& match : evaluation.matches) {
        answer["boundaries"].push_back(
            {{"rule", match.rule.name},
             {"action", govern::name_of(match.rule.action)},
             {"severity", match.rule.severity},
             {"why", match.rule.explain},
             {"where", fmt::format("{}:{}", match.rule.file, match.rule.line)},
             {"lifted_by", match.consent_id.empty() ? Json(nullptr) : Json(match.consent_id)}});
        if (match.rule.consent && match.consent_id.empty()) {
            answer["guidance"].push_back("a person may allow it: consent.request " +
                                         asked.contract->name);
        }
    }
    if (asked.contract->access == call::Access::Delete) {
        answer["guidance"].push_back(
            "it destroys: prefer what can be undone, such as memory.archive");
    }
    govern::TraceFilter filter;
    filter.tool = asked.contract->name;
    filter.decision = evaluation.action == govern::Action::Block ? "deny" : "all";
    filter.limit = 1;
    RESONANT_ASSIGN(const Json trace, services.ledger->trace(filter));
    const Json entries = trace.value("entries", Json::array());
    answer["precedent"] = entries.empty() ? Json(nullptr) : entries[0];
    return answer;
}

}  // namespace

void add_straddling_legs(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "straddling_legs",
                   .wire_name = "gana_straddling_legs_consent",
                   .mansion = "奎 Kui",
                   .quadrant = "West",
                   .summary = "May I? score an action's ethics; ask, grant, check human consent"});
    toolbox.add({.name = "consent.revoke",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "consent_id*:id",
                 .summary = "take back a consent at once"},
                bind(services, revoke));
    toolbox.add({.name = "ethics.evaluate",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "action*:string context:object",
                 .summary = "score an action against rules and principles, rule by rule: "
                            "boundaries crossed, guidance, nearest precedent in the ledger",
                 .free_text = true},
                bind(services, evaluate));
    toolbox.add(
        {.name = "consent.request",
         .access = Access::Write,
         .core = true,
         .parameters = "action*:string reason*:string ttl_s:number wait_s:number<=30",
         .summary = "ask for consent: the person at the client, where it has elicitation, may say no "
                    "or add a word; the owner grants; returns consent_id, "
                    "state granted|refused|waiting",
         .pace = Pace::Waits,
         .free_text = true,
         .example = R"({"action": "sandbox.run", "reason": "the build has to run", "wait_s": 20})"},
        bind(services, request));
    toolbox.add({.name = "consent.grant",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "scope*:string to*:string ttl_s*:number request_id:id",
                 .summary = "owner only: record a person's consent for a class of actions, or "
                            "answer a consent.request; always expires",
                 .role = Role::Owner,
                 .example = R"({"scope": "sandbox.run", "to": "uid:1000", "ttl_s": 600})"},
                bind(services, grant));
    toolbox.add({.name = "consent.verify",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "action:string",
                 .summary = "is there live consent that covers the action; with no action: all "
                            "live consents and waiting requests"},
                bind(services, verify));
}

}  // namespace resonant::tools
