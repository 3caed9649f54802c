#include "resonant/mcp/stdio_front.h"

#include <fmt/core.h>

#include <utility>

#include "resonant/base/log.h"

namespace resonant::mcp {

namespace {

std::string key_of(std::uint64_t connection) { return fmt::format("stdio {}", connection); }

}  // namespace

class StdioFront::Client final : public Outlet,
                                 public net::LineSink,
                                 public std::enable_shared_from_this<Client> {
  public:
    Client(StdioFront& front, std::uint64_t number, Adoption adoption)
        : front_(front),
          number_(number),
          talk_(std::make_shared<Conversation>()),
          closed_(std::move(adoption.closed)) {
        talk_->caller = std::move(adoption.caller);
        talk_->caller.transport = call::Transport::Stdio;
        talk_->listing = adoption.listing;
    }

    void serve(std::unique_ptr<net::LineConnection> connection) {
        connection_ = std::move(connection);
        talk_->standing = weak_from_this();
        read_note();
        agreed();
    }
    Status start() { return connection_->start(); }
    void end(const std::string& why) { connection_->end(why); }
    void abandon() { front_.server_.abandon(*talk_); }
    // The connection ends here, on the loop: a tool's worker may hold the client longer, and what it says is lost.
    void let_go() { connection_.reset(); }

    // --- what the server says
    void accepted(const std::vector<std::string>& ids) override {
        if (!connection_) {
            return;
        }
        for (const std::string& id : ids) {
            if (!connection_->journal().open(id)) {
                log().info("client {}: an id of {} bytes is not journaled", number_, id.size());
            }
        }
        connection_->take();
    }
    void send(Answer answer) override {
        if (!connection_) {
            return;
        }
        connection_->send(answer.text, answer.id);
        settle();
    }
    void withdrawn(const std::string& id) override {
        if (!connection_) {
            return;
        }
        connection_->withdraw(id);
        settle();
    }
    void agreed() override {
        if (!connection_) {
            return;
        }
        const Json note = {{"connection", talk_->caller.connection},
                           {"version", talk_->version},
                           {"client", talk_->caller.client}};
        if (const Status kept = connection_->journal().set_note(json::dump(note)); !kept) {
            log().warn("client {}: {}", number_, kept.error().message);
        }
    }

    // --- what the connection says
    void line(net::LineConnection&, std::string_view line) override {
        // A copy: it lies in the journal, where a client of another user could change it between two looks.
        front_.server_.receive(talk_, std::string(line), shared_from_this());
        if (talk_->open.size() >= kOpenCallsMax) {
            paused_ = true;
            connection_->pause();
        }
    }
    void overlong(net::LineConnection&, std::string_view piece, bool last) override {
        scanner_.feed(piece);
        if (last) {
            scanner_.finish();
            front_.server_.receive_overlong(talk_, std::exchange(scanner_, {}), shared_from_this());
        }
    }
    void input_ended(net::LineConnection&) override {
        input_ended_ = true;
        front_.server_.end_subscriptions(*talk_);
        settle();
    }
    void closed(net::LineConnection&, const std::string& why) override {
        log().info("left: client '{}', {}: {}", talk_->caller.client, talk_->caller.principal, why);
        front_.server_.abandon(*talk_);
        if (closed_) {
            closed_(why);
        }
        front_.gone(number_);
    }

  private:
    // Goes on reading when there is room for calls again; ends when nothing is left to answer.
    void settle() {
        if (paused_ && talk_->open.size() < kOpenCallsMax) {
            paused_ = false;
            connection_->resume();
        }
        if (input_ended_ && talk_->open.empty()) {
            connection_->finish();
        }
    }
    // A client that another kernel served goes on with what it had agreed on.
    void read_note() {
        const std::string text = connection_->journal().note();
        const Result<Json> note = text.empty() ? Json::object() : json::parse(text);
        if (note && note->is_object() && note->contains("connection") &&
            (*note)["connection"].is_number_integer()) {
            talk_->caller.connection = (*note)["connection"].get<std::uint64_t>();
            talk_->key = key_of(talk_->caller.connection);
            talk_->version = note->value("version", Json("")).is_string() ? note->value("version", "") : "";
            talk_->caller.client = note->value("client", Json("")).is_string() ? note->value("client", "") : "";
            if (!talk_->version.empty()) {
                front_.server_.resume(talk_);
            }
            return;
        }
        // Positive as a signed number too, so that a database column can hold it.
        talk_->caller.connection = (front_.random_.next() >> 1) | 1;
        talk_->key = key_of(talk_->caller.connection);
    }

    StdioFront& front_;
    std::uint64_t number_;
    std::shared_ptr<Conversation> talk_;
    std::function<void(const std::string&)> closed_;
    std::unique_ptr<net::LineConnection> connection_;
    IdScanner scanner_;
    bool paused_ = false;
    bool input_ended_ = false;
};

StdioFront::StdioFront(net::Loop& loop, Server& server, Random& random)
    : loop_(loop), server_(server), random_(random) {}

StdioFront::~StdioFront() {
    for (auto& [number, client] : clients_) {
        client->abandon();  // tools that wait need not wait longer
        client->let_go();
    }
}

Result<std::uint64_t> StdioFront::adopt(Adoption adoption) {
    auto journal = adoption.journal ? net::Journal::adopt(std::move(adoption.journal)) : net::Journal::create();
    if (!journal) {
        return std::unexpected(journal.error());
    }
    const std::uint64_t number = next_++;
    Descriptor input = std::move(adoption.input);
    Descriptor output = std::move(adoption.output);
    auto client = std::make_shared<Client>(*this, number, std::move(adoption));
    RESONANT_ASSIGN(auto connection, net::LineConnection::open(loop_, std::move(input), std::move(output),
                                                               std::move(*journal), *client));
    client->serve(std::move(connection));
    clients_.emplace(number, client);
    // Later, so that whoever adopts it can say so before the first answer.
    loop_.post([this, number, alive = std::weak_ptr<Client>(client)] {
        const std::shared_ptr<Client> still = alive.lock();
        if (!still || !clients_.contains(number)) {
            return;
        }
        if (const Status started = still->start(); !started) {
            still->end(started.error().message);
        }
    });
    return number;
}

void StdioFront::drop(std::uint64_t client, const std::string& why) {
    const auto found = clients_.find(client);
    if (found != clients_.end()) {
        found->second->end(why);
    }
}

void StdioFront::gone(std::uint64_t client) {
    const auto found = clients_.find(client);
    if (found == clients_.end()) {
        return;
    }
    // The connection is still on the stack; it is destroyed from the loop.
    loop_.post([client = std::move(found->second)] { client->let_go(); });
    clients_.erase(found);
}

}  // namespace resonant::mcp
