// What the owner does with servers, and what is told of them.
#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>

#include "resonant/mcp/gateway.h"
#include "resonant/mcp/server_file.h"
#include "resonant/mcp/upstream_listing.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kAddPatience = from_seconds(30);  // beyond the two handshakes that a server is offered
constexpr std::size_t kTroubleShown = 40;         // lines of a server
constexpr Nanos kPatience = from_seconds(10);

// The bytes of a tools/list answer that a client would have read from the server itself.
std::size_t listed_bytes(const Json& definitions) { return json::dump({{"tools", definitions}}).size(); }

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

}  // namespace

Result<Json> Gateway::on_loop(std::function<void(std::function<void(Result<Json>)> done)> work, Nanos patience) {
    struct Waiting {
        std::mutex mutex;
        std::condition_variable arrived;
        std::optional<Result<Json>> answer;
    };
    const auto waiting = std::make_shared<Waiting>();
    const auto give = [waiting](Result<Json> given) {
        const std::lock_guard lock(waiting->mutex);
        if (!waiting->answer) {
            waiting->answer = std::move(given);
            waiting->arrived.notify_all();
        }
    };
    if (needs_.loop.in_loop()) {
        return fail(Code::Internal, "what changes servers cannot wait on the I/O thread");
    }
    needs_.loop.post([work = std::move(work), give, this, alive = std::weak_ptr<int>(alive_)] {
        if (alive.expired() || closed_) {
            give(fail(Code::Unavailable, "the kernel is going down"));
            return;
        }
        work(give);
    });
    std::unique_lock lock(waiting->mutex);
    if (!waiting->arrived.wait_for(lock, std::chrono::nanoseconds(patience.count), [&] { return waiting->answer.has_value(); })) {
        return fail(Code::Timeout, fmt::format("the server did not answer within {:.0f} s", patience.seconds()));
    }
    return *waiting->answer;
}

Result<Gateway::Server*> Gateway::known(const std::string& name) {
    const auto found = servers_.find(name);
    if (found != servers_.end()) {
        return found->second.get();
    }
    std::string names;
    for (const auto& [other, server] : servers_) {
        names += (names.empty() ? "" : ", ") + other;
    }
    return fail(Code::NotFound, fmt::format("no server '{}'; there are: {}", name.substr(0, 60),
                                            names.empty() ? "none" : names));
}

Result<Json> Gateway::add(const Json& arguments) {
    RESONANT_ASSIGN(const call::UpstreamSpec spec, spec_of(arguments));
    if (!spec.family.empty() && needs_.catalogue.find_family(spec.family) < 0) {
        return fail(Code::NotFound, fmt::format("gana: no family '{}'; leave it out for roof", spec.family.substr(0, 60)));
    }
    Result<Json> added = on_loop(
        [this, spec](const std::function<void(Result<Json>)>& done) {
            for (const auto& [name, other] : servers_) {
                if (lower(name) == lower(spec.name)) {
                    done(fail(Code::AlreadyExists, fmt::format("server {} is there already; server.remove it first, or "
                                                               "choose another name", name)));
                    return;
                }
            }
            if (servers_.size() >= call::kUpstreamServersMax) {
                done(fail(Code::ResourceExhausted, fmt::format("{} servers are there, the limit", servers_.size())));
                return;
            }
            Server& server = make(spec, false);
            if (spec.disabled) {
                keep();
                publish();
                done(summary(server));
                return;
            }
            server.adding = done;
            server.upstream->open();
        },
        from_seconds(2 * spec.start_timeout_s) + kAddPatience);
    if (!added && added.error().code == Code::Timeout) {
        needs_.loop.post([this, name = spec.name, alive = std::weak_ptr<int>(alive_)] {
            const auto found = alive.expired() ? servers_.end() : servers_.find(name);
            if (!alive.expired() && found != servers_.end() && found->second->adding) {
                found->second->adding = {};
                drop(name);
                publish();
            }
        });
        return fail(Code::InvalidArgument, fmt::format("server {} was not added: {}", spec.name, added.error().message));
    }
    return added;
}

Result<Json> Gateway::remove(const std::string& name) {
    return on_loop(
        [this, name](const std::function<void(Result<Json>)>& done) {
            const Result<Server*> server = known(name);
            if (!server) {
                done(std::unexpected(server.error()));
                return;
            }
            if ((*server)->configured) {
                done(fail(Code::Conflict, fmt::format("server {} is in the configuration; take it out there", name)));
                return;
            }
            drop(name);
            keep();
            publish();
            done(Json{{"removed", name}});
        },
        kPatience);
}

Result<Json> Gateway::enable(const std::string& name, bool enabled) {
    return on_loop(
        [this, name, enabled](const std::function<void(Result<Json>)>& done) {
            const Result<Server*> known_server = known(name);
            if (!known_server) {
                done(std::unexpected(known_server.error()));
                return;
            }
            Server& server = **known_server;
            if (server.configured) {
                done(fail(Code::Conflict, fmt::format("server {} is in the configuration; write disabled = {} there", name,
                                                      enabled ? "false" : "true")));
                return;
            }
            if (server.spec.disabled == enabled) {
                server.spec.disabled = !enabled;
                server.listed = Json();
                keep();
                offer(server);
                enabled ? server.upstream->open() : server.upstream->close("it is switched off");
                publish();
            }
            done(Json{{"server", name}, {"approved", Json::array()}, {"enabled", enabled}});
        },
        kPatience);
}

Result<Json> Gateway::approve(const std::string& name, const std::string& tool, const std::string& hash) {
    return on_loop(
        [this, name, tool, hash](const std::function<void(Result<Json>)>& done) {
            const Result<Server*> known_server = known(name);
            if (!known_server) {
                done(std::unexpected(known_server.error()));
                return;
            }
            Server& server = **known_server;
            Json approved = Json::array();
            bool seen = false;
            for (const auto& one : server.tools) {
                if (!tool.empty() && tool != one->tool && tool != one->contract.name) {
                    continue;
                }
                seen = true;
                if (one->quarantine.empty()) {
                    continue;
                }
                if (!hash.empty() && hash != one->hash) {
                    done(fail(Code::Conflict, fmt::format("{} has hash {} by now; look at the difference again",
                                                          one->contract.name, one->hash)));
                    return;
                }
                const auto pin = server.pins.find(one->tool);
                approved.push_back({{"tool", one->contract.name}, {"hash", one->hash},
                                    {"difference", difference(pin == server.pins.end() ? Json::object()
                                                                                       : pin->second.definition,
                                                              one->definition)}});
                server.pins[one->tool] = {one->hash, one->definition};
            }
            if (!tool.empty() && !seen) {
                done(fail(Code::NotFound, fmt::format("server {} has no tool '{}'", name, tool.substr(0, 80))));
                return;
            }
            keep();
            offer(server);
            publish();
            done(Json{{"server", name}, {"approved", approved}});
        },
        kPatience);
}

// What is told of a server; `whole` with every tool.
Json Gateway::shown(const Server& server, bool whole) const {
    Json made = server.upstream->facts();
    made["name"] = server.spec.name;
    if (server.spec.disabled) {
        made["state"] = "disabled";
    }
    if (server.hidden > 0) {
        made["tools_hidden"] = server.hidden;
    }
    made["from"] = server.configured ? "configuration" : "server.add";
    std::size_t callable = 0;
    Json held = Json::array(), names = Json::array();
    for (const auto& tool : server.tools) {
        if (tool->quarantine.empty()) {
            ++callable;
            if (whole) {
                names.push_back({{"tool", tool->contract.name},
                                 {"summary", tool->contract.summary.substr(0, 200)},
                                 {"access", call::name_of(tool->contract.access)},
                                 {"hash", tool->hash.substr(0, 16)}});
            }
            continue;
        }
        Json one = {{"tool", tool->contract.name}, {"why", tool->quarantine}, {"hash", tool->hash}};
        if (whole) {
            const auto pin = server.pins.find(tool->tool);
            one["difference"] = difference(pin == server.pins.end() ? Json::object() : pin->second.definition,
                                           tool->definition);
        }
        held.push_back(std::move(one));
    }
    made["tools"] = callable;
    for (const auto& [kind, entries] : server.offered) {
        made[kind == call::UpstreamOffer::Kind::Prompt     ? "prompts"
             : kind == call::UpstreamOffer::Kind::Template ? "resource_templates"
                                                           : "resources"] = entries.size();
    }
    if (!held.empty()) {
        made["quarantined"] = std::move(held);
    }
    if (whole) {
        made["tool_list"] = std::move(names);
    }
    std::vector<std::string> trouble = server.trouble;
    if (server.upstream->state() == Upstream::State::Waiting) {
        trouble.push_back(made.value("last_error", "it ended"));
    }
    for (const auto& [list, lines] : server.read_trouble) {
        trouble.insert(trouble.end(), lines.begin(), lines.end());
    }
    trouble.insert(trouble.end(), server.clashes.begin(), server.clashes.end());
    if (trouble.size() > kTroubleShown) {
        const std::size_t more = trouble.size() - kTroubleShown;
        trouble.resize(kTroubleShown);
        trouble.push_back(fmt::format("and {} more", more));
    }
    if (!trouble.empty()) {
        made["trouble"] = std::move(trouble);
    }
    return made;
}

// What server.add answers.
Json Gateway::summary(const Server& server) const {
    Json made = shown(server, true);
    made["listing_bytes"] = {{"alone", listed_bytes(server.listed)}};
    return made;
}

// Servers that were not heard of for a while are asked first, so that none is called ready which is lost.
Result<Json> Gateway::list(const std::string& name) {
    return on_loop(
        [this, name](const std::function<void(Result<Json>)>& done) {
            if (!name.empty() && !known(name)) {
                done(std::unexpected(known(name).error()));
                return;
            }
            const auto answer = [this, name, done, alive = std::weak_ptr<int>(alive_)] {
                if (alive.expired()) {
                    done(fail(Code::Unavailable, "the kernel is going down"));
                    return;
                }
                const Result<Server*> one = name.empty() ? Result<Server*>(nullptr) : known(name);
                done(!one ? Result<Json>(std::unexpected(one.error())) : *one != nullptr ? shown(**one, true) : list_now());
            };
            const auto open = std::make_shared<std::size_t>(1);  // checks that are not over, and this loop
            const auto over = [open, answer] {
                if (--*open == 0) {
                    answer();
                }
            };
            for (const auto& [each, server] : servers_) {
                if (name.empty() || each == name) {
                    ++*open;
                    server->upstream->check(over);
                }
            }
            over();
        },
        kPatience);
}

Json Gateway::list_now() const {
    Json servers = Json::array();
    std::size_t alone = 0;
    for (const auto& [each, server] : servers_) {
        servers.push_back(shown(*server, false));
        alone += server->listed.is_null() ? 0 : listed_bytes(server->listed);
    }
    Json answer = {{"servers", servers},
                   {"count", servers.size()},
                   {"listing_bytes",
                    {{"servers_alone", alone},
                     {"families", list_tools(needs_.catalogue, Listing::Families, {.upstreams = this}).size()},
                     {"families_without_servers", list_tools(needs_.catalogue, Listing::Families).size()}}}};
    if (!trouble_.empty()) {
        answer["configuration_error"] = trouble_;
    }
    for (const auto& [name, unread] : unread_) {
        answer["trouble"].push_back(fmt::format("{} of servers.json cannot be used and is kept as it is: {}", name, unread.second));
    }
    return answer;
}

Result<Json> Gateway::scan(const std::string& name) {
    return on_loop(
        [this, name](const std::function<void(Result<Json>)>& done) {
            const Result<Server*> server = known(name);
            if (!server) {
                done(std::unexpected(server.error()));
                return;
            }
            Json found = Json::array();
            for (const auto& tool : (*server)->tools) {
                std::vector<std::string> words = findings(tool->definition, needs_.hidden);
                for (const auto& [other_name, other] : servers_) {
                    for (const auto& one : other->tools) {
                        if (one->server != tool->server && lower(one->tool) == lower(tool->tool)) {
                            words.push_back(fmt::format("server {} has a tool of the same name", other_name));
                        }
                    }
                }
                if (!words.empty()) {
                    found.push_back({{"tool", tool->contract.name}, {"findings", words}});
                }
            }
            done(Json{{"server", name}, {"tools", (*server)->tools.size()}, {"found", found},
                      {"clean", found.empty()}});
        },
        kPatience);
}

}  // namespace resonant::mcp
