#include "resonant/mcp/kernel_front.h"

#include <fmt/core.h>
#include <unistd.h>

#include <utility>

#include "resonant/base/log.h"
#include "resonant/base/secret.h"
#include "resonant/mcp/render.h"

namespace resonant::mcp {

namespace {

constexpr std::size_t kOperatorsMax = 64;  // connections that are no clients: status, calls
constexpr int kRetryAfter = 1;             // s
constexpr std::string_view kMoreDescriptors = "raise the hard limit of open files (ulimit -Hn, LimitNOFILE=) and start the kernel anew";

Json refusal(Code code, std::string_view words) {
    Json answer = {{"ok", false}, {"code", name_of(code)}, {"error", words}};
    if (code == Code::ResourceExhausted) {
        answer["retry_after_s"] = kRetryAfter;
    }
    return answer;
}

std::string text_of(const Json& request, const char* key) {
    const auto found = request.find(key);
    return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<std::unique_ptr<KernelFront>> KernelFront::open(net::Loop& loop, call::Door& door, StdioFront& stdio,
                                                       KernelFrontOptions options) {
    auto front = std::unique_ptr<KernelFront>(new KernelFront(loop, door, stdio, std::move(options)));
    net::KernelSocket::Handler handler{
        [raw = front.get()](net::KernelMessage message) { raw->message(std::move(message)); },
        [raw = front.get()](std::uint64_t connection) { raw->closed(connection); },
        [raw = front.get()](std::uint64_t connection) { return raw->calls_.contains(connection); }};
    const std::size_t connections_max = front->options_.clients_max + kOperatorsMax;
    net::KernelSocket::Options how{
        .access = front->options_.token.empty() ? net::KernelSocket::Access::OwnUser : net::KernelSocket::Access::AnyUser,
        .connections_max = connections_max,
        .refusal = json::dump(refusal(Code::ResourceExhausted,
                                      fmt::format("the kernel has no room for another connection ({} at most); try again, or {}",
                                                  connections_max, front->options_.way_out)))};
    RESONANT_ASSIGN(front->socket_, net::KernelSocket::open(loop, front->options_.path, std::move(handler), std::move(how)));
    return front;
}

KernelFront::KernelFront(net::Loop& loop, call::Door& door, StdioFront& stdio, KernelFrontOptions options)
    : loop_(loop), door_(door), stdio_(stdio), options_(std::move(options)) {}

KernelFront::~KernelFront() {
    for (auto& [connection, cancelled] : calls_) {
        cancelled->store(true, std::memory_order_relaxed);
    }
}

void KernelFront::say(std::uint64_t connection, const Json& answer) {
    socket_->send(connection, json::dump(answer));
}

void KernelFront::end_clients() {
    constexpr std::string_view kWhy = "the door for agents of other users was closed";
    for (const auto& [connection, client] : std::exchange(clients_, {})) {
        stdio_.drop(client, std::string(kWhy));
        say(connection, {{"event", "closed"}, {"why", kWhy}});
    }
}

void KernelFront::announce_end() {
    for (const auto& [connection, client] : clients_) {
        say(connection, {{"event", "down"}});
    }
}

void KernelFront::message(net::KernelMessage message) {
    const Result<Json> request = json::parse(message.text);
    if (!request || !request->is_object()) {
        say(message.connection, refusal(Code::InvalidArgument, "a request is one line with a JSON object"));
        return;
    }
    const std::string op = text_of(*request, "op");
    if (!options_.token.empty() && (op != "attach" || !is_same_secret(text_of(*request, "token"), options_.token))) {
        log().warn("kernel front: uid {} pid {} asked \"{}\" without a valid token", message.peer.uid, message.peer.pid, op);
        say(message.connection, refusal(Code::PermissionDenied, "here only attach is answered, and a valid token comes with it; "
                                                                "the owner has one from: resonant agent address"));
    } else if (turned_away(message, op)) {
        return;
    } else if (op == "ping") {
        say(message.connection, {{"ok", true}});
    } else if (op == "attach") {
        attach(message, *request);
    } else if (op == "call") {
        call(message, *request);
    } else if (op == "status") {
        Json answer = options_.status ? options_.status() : Json::object();
        answer["ok"] = true;
        say(message.connection, answer);
    } else if (op == "down") {
        say(message.connection, {{"ok", true}});
        if (options_.down) {
            loop_.post(options_.down);
        }
    } else {
        say(message.connection,
            refusal(Code::InvalidArgument,
                    fmt::format("unknown op \"{}\"; known: attach, call, status, down, ping", op)));
    }
}

// Where connections or descriptors have run out, only the operator's short questions are answered.
bool KernelFront::turned_away(const net::KernelMessage& message, std::string_view op) {
    const bool is_short = op == "ping" || op == "status" || op == "down";
    std::string why;
    std::string_view way_out = options_.way_out;
    if (op == "attach" && stdio_.clients() >= options_.clients_max) {
        why = fmt::format("{} clients are attached, and that is the limit", options_.clients_max);
    } else if (message.descriptors_lost || (message.brief && !is_short)) {
        why = "the kernel has no connection or file descriptor left";
        way_out = kMoreDescriptors;
    } else {
        return false;
    }
    say(message.connection, refusal(Code::ResourceExhausted, fmt::format("{}: {}; try again, or {}", op, why, way_out)));
    return true;
}

void KernelFront::attach(net::KernelMessage& message, const Json& request) {
    const std::uint64_t connection = message.connection;
    if (message.descriptors.size() != 3 || clients_.contains(connection)) {
        say(connection, refusal(Code::InvalidArgument,
                                fmt::format("attach comes once, with 3 descriptors (input, output, journal); "
                                            "{} came", message.descriptors.size())));
        return;
    }
    Adoption adoption;
    adoption.input = std::move(message.descriptors[0]);
    adoption.output = std::move(message.descriptors[1]);
    adoption.journal = std::move(message.descriptors[2]);
    adoption.caller.principal = fmt::format("uid:{}", message.peer.uid);
    adoption.caller.role = options_.role ? options_.role(message.peer) : call::Role::Agent;
    const auto says_so = request.find("contained");
    adoption.caller.contained = message.peer.uid != geteuid() || (says_so != request.end() && *says_so == true);
    adoption.listing = listing_of(text_of(request, "listing"));
    adoption.closed = [this, connection, alive = std::weak_ptr<int>(alive_)](const std::string& why) {
        if (!alive.expired() && clients_.erase(connection) > 0) {
            say(connection, {{"event", "closed"}, {"why", why}});
            socket_->close(connection);
        }
    };
    const Result<std::uint64_t> client = stdio_.adopt(std::move(adoption));
    if (!client) {
        say(connection, refusal(client.error().code, client.error().message));
        return;
    }
    clients_.emplace(connection, *client);
    say(connection, {{"ok", true}});
}

void KernelFront::call(const net::KernelMessage& message, const Json& request) {
    const std::uint64_t connection = message.connection;
    if (calls_.contains(connection)) {
        say(connection, refusal(Code::ResourceExhausted, "one call at a time on a connection"));
        return;
    }
    const std::string secret = text_of(request, "secret");
    // Who asks as the person (its clients' principal) gives up what the operator may; that needs no permission.
    const bool as_person = request.value("person", Json()) == true;
    const bool owner = !as_person && options_.owner && options_.owner(message.peer, secret);
    if (!owner && !as_person && !secret.empty()) {
        log().warn("kernel front: uid {} pid {} showed a wrong admin secret", message.peer.uid, message.peer.pid);
        say(connection, refusal(Code::PermissionDenied,
                                "the admin secret that was given (--secret-file, RESONANT_ADMIN_SECRET or typed) is not this "
                                "home's; nothing was run. Give the one that `resonant init` showed, or none for calls that "
                                "need no owner"));
        return;
    }
    call::Request asked;
    asked.tool = text_of(request, "tool");
    asked.arguments = request.value("arguments", Json::object());
    asked.caller.principal = owner ? "operator" : fmt::format("uid:{}", message.peer.uid);
    asked.caller.client = "resonant call";
    asked.caller.role = owner ? call::Role::Owner : call::Role::Coordinator;
    asked.caller.transport = call::Transport::Operator;
    asked.caller.contained = message.peer.uid != geteuid();
    asked.cancelled = std::make_shared<std::atomic<bool>>(false);
    calls_.emplace(connection, asked.cancelled);
    net::Loop& loop = loop_;
    if (request.value("progress", Json()) == true) {
        asked.progress = [this, connection, &loop, alive = std::weak_ptr<int>(alive_)](double done, double total,
                                                                                       const std::string& words) {
            loop.post([this, connection, alive, done, total, words] {
                if (!alive.expired() && calls_.contains(connection)) {
                    say(connection, {{"event", "progress"}, {"done", done}, {"total", total}, {"words", words}});
                }
            });
        };
    }
    door_.submit(std::move(asked), [this, connection, &loop,
                                    alive = std::weak_ptr<int>(alive_)](const call::Reply& reply) {
        const auto answer = [this, connection, alive, reply] {
            if (alive.expired() || calls_.erase(connection) == 0) {
                return;
            }
            Json words = {{"ok", true}, {"tool", reply.tool}, {"is_error", reply.error},
                          {"denied", reply.denial.has_value()}, {"content", body_of(reply)}};
            if (!reply.resonance.empty()) {
                words["resonance"] = Json::parse(reply.resonance);  // our own text
            }
            say(connection, words);
        };
        loop.in_loop() ? answer() : loop.post(answer);
    });
}

void KernelFront::closed(std::uint64_t connection) {
    if (const auto running = calls_.find(connection); running != calls_.end()) {
        running->second->store(true, std::memory_order_relaxed);
        calls_.erase(running);
    }
    const auto found = clients_.find(connection);
    if (found == clients_.end()) {
        return;
    }
    const std::uint64_t client = found->second;
    clients_.erase(found);
    stdio_.drop(client, "its waiting process went away");
}

}  // namespace resonant::mcp
