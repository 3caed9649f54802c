#include "resonant/mcp/server.h"

#include <fmt/core.h>

#include <utility>

#include "resonant/base/log.h"
#include "resonant/mcp/envelope.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {

namespace {

constexpr std::size_t kBatchMax = 256;

// Gathers the answers to a batch and sends them as one array.
class BatchOutlet final : public Outlet {
  public:
    explicit BatchOutlet(std::shared_ptr<Outlet> outlet) : outlet_(std::move(outlet)) {}

    void send(Answer answer) override {
        if (answer.id.empty() && answer.error == 0) {
            outlet_->send(std::move(answer));  // a notification does not wait
            return;
        }
        texts_.push_back(std::move(answer.text));
        ids_.push_back(std::move(answer.id));
        send_when_whole();
    }
    void withdrawn(const std::string& id) override {
        outlet_->withdrawn(id);
        --expected_;
        send_when_whole();
    }
    bool reaches() const override { return outlet_->reaches(); }
    void expect(std::size_t answers) {
        expected_ = answers;
        whole_ = true;
        send_when_whole();
    }

  private:
    void send_when_whole() {
        if (!whole_ || texts_.size() < expected_ || texts_.empty()) {
            return;
        }
        Answer answer{"[", ids_.front(), 0, false};
        for (const std::string& text : texts_) {
            answer.text += (answer.text.size() > 1 ? "," : "") + text;
        }
        answer.text += "]";
        texts_.clear();
        outlet_->send(std::move(answer));
        for (std::size_t i = 1; i < ids_.size(); ++i) {
            outlet_->withdrawn(ids_[i]);  // the first id stood for the others
        }
    }

    std::shared_ptr<Outlet> outlet_;
    std::vector<std::string> texts_;
    std::vector<std::string> ids_;
    std::size_t expected_ = 0;
    bool whole_ = false;
};

}  // namespace

std::size_t Server::receive(const Talk& conversation, std::string_view text, const Out& outlet,
                            const Arrival& arrival) {
    Result<Json> message = json::parse(text);
    if (message && message->is_array()) {
        return receive_batch(conversation, std::move(*message), outlet, arrival);
    }
    Envelope envelope = message ? sort_message(std::move(*message))
                                : sort_unparsed(text, message.error());
    if (!envelope.id.empty() && envelope.kind != Envelope::Kind::Response) {
        outlet->accepted({envelope.id});
    }
    return receive_one(conversation, std::move(envelope), outlet, arrival);
}

std::size_t Server::receive_batch(const Talk& conversation, Json batch, const Out& outlet,
                                  const Arrival& arrival) {
    Envelope refusal;
    refusal.code = kInvalidRequest;
    if (conversation->version != "2025-03-26") {
        refusal.words = "batches belong to revision 2025-03-26 only; send one message at a time";
        return refuse(*conversation, *outlet, refusal, arrival.http);
    }
    if (batch.empty() || batch.size() > kBatchMax) {
        refusal.words = fmt::format("a batch holds 1 to {} messages, this one {}", kBatchMax, batch.size());
        return refuse(*conversation, *outlet, refusal, arrival.http);
    }
    std::vector<Envelope> envelopes;
    std::vector<std::string> ids;
    for (Json& message : batch) {
        Envelope& envelope = envelopes.emplace_back(sort_message(std::move(message)));
        if (envelope.kind == Envelope::Kind::Request && envelope.method == "initialize") {
            envelope.kind = Envelope::Kind::Broken;  // its answer decides how the others are read
            envelope.code = kInvalidRequest;
            envelope.words = "initialize is no part of a batch; send it by itself";
        }
        if (!envelope.id.empty() && envelope.kind != Envelope::Kind::Response) {
            ids.push_back(envelope.id);
        }
    }
    outlet->accepted(ids);
    const auto gather = std::make_shared<BatchOutlet>(outlet);
    std::size_t answers = 0;
    for (Envelope& envelope : envelopes) {
        answers += receive_one(conversation, std::move(envelope), gather, arrival);
    }
    gather->expect(answers);
    return answers > 0 ? 1 : 0;
}

std::size_t Server::receive_one(const Talk& conversation, Envelope envelope, const Out& outlet,
                                const Arrival& arrival) {
    switch (envelope.kind) {
        case Envelope::Kind::Response:
            answered(*conversation, std::move(envelope));
            return 0;  // answering one could bounce for ever
        case Envelope::Kind::Broken:
            return refuse(*conversation, *outlet, envelope, arrival.http);
        case Envelope::Kind::Notification:
            conversation->errors_in_a_row = 0;
            notified(*conversation, envelope);
            return 0;
        case Envelope::Kind::Request:
            break;
    }
    conversation->errors_in_a_row = 0;
    request({conversation, outlet, arrival, std::move(envelope.id), std::move(envelope.method),
             std::move(envelope.params), false, nullptr});
    return 1;
}

std::size_t Server::receive_overlong(const Talk& conversation, const IdScanner& seen, const Out& outlet) {
    if (seen.looks_like_response() || seen.looks_like_notification()) {
        return 0;
    }
    Envelope refusal;
    refusal.id = seen.id();
    refusal.code = seen.looks_like_json() ? kInvalidRequest : kParseError;
    refusal.words = fmt::format("the message is longer than {} bytes and was dropped; send less, or in parts",
                                json::kTextMax);
    if (!refusal.id.empty()) {
        outlet->accepted({refusal.id});
    }
    return refuse(*conversation, *outlet, refusal, false);
}

// A refusal with an id has somebody who waits for it; one without may be the echo of our own, so a peer
// gets only so many of them.
std::size_t Server::refuse(Conversation& conversation, Outlet& outlet, const Envelope& envelope,
                           bool always) {
    if (envelope.id.empty() && !always && ++conversation.errors_in_a_row > kErrorsInARow) {
        if (conversation.errors_in_a_row == kErrorsInARow + 1) {
            log().warn("client {}: {} unreadable messages in a row; no more answers until a good one",
                       conversation.caller.client, kErrorsInARow);
        }
        return 0;
    }
    outlet.send({error_text(envelope.id, envelope.code, envelope.words), envelope.id, envelope.code, false});
    return 1;
}

void Server::notified(Conversation& conversation, const Envelope& envelope) {
    if (envelope.method != "notifications/cancelled" || !envelope.params.is_object()) {
        return;  // notifications/initialized and others ask for nothing
    }
    const auto named = envelope.params.find("requestId");
    const std::string id = named == envelope.params.end() ? std::string() : id_text(*named);
    if (id.empty()) {
        return;
    }
    const auto open = conversation.open.find(id);
    if (open != conversation.open.end()) {
        open->second->store(true, std::memory_order_relaxed);
    }
    stop_listening(conversation, id);
}

// What nobody asked for is dropped in silence.
void Server::answered(Conversation& conversation, Envelope envelope) {
    const auto found = conversation.asked.find(envelope.id);
    if (found == conversation.asked.end()) {
        return;
    }
    const auto give = std::move(found->second);
    conversation.asked.erase(found);
    conversation.errors_in_a_row = 0;
    if (!envelope.failed) {
        give(std::move(envelope.params));
        return;
    }
    const std::string why = envelope.params.is_object() ? text_of(envelope.params, "message") : std::string();
    give(resonant::fail(Code::InvalidArgument, fmt::format("the client refused to answer: {}", why.substr(0, 500))));
}

void Server::abandon(Conversation& conversation) {
    for (const auto& [id, give] : std::exchange(conversation.asked, {})) {
        give(resonant::fail(Code::Unavailable, "the client went away"));
    }
    for (auto& [id, cancelled] : conversation.open) {
        cancelled->store(true, std::memory_order_relaxed);
    }
    conversation.open.clear();
}

void Server::request(Turn turn) {
    if (turn.conversation->open.contains(turn.id)) {
        turn.fail(kInvalidRequest, fmt::format("id {} is still being worked on", turn.id));
        return;
    }
    turn.modern = turn.method == "server/discover" || turn.arrival.version_header == kModernVersion;
    if (!turn.params.is_object()) {
        turn.fail(kInvalidParams, fmt::format("params must be an object, not {}", turn.params.type_name()));
        return;
    }
    if (const auto meta = turn.params.find("_meta"); meta != turn.params.end() && !meta->is_object()) {
        turn.fail(kInvalidParams, fmt::format("_meta must be an object, not {}", meta->type_name()));
        return;
    }
    turn.modern = turn.modern || turn.meta().contains(kMetaVersion);
    const auto& header = turn.arrival.version_header;
    if (!turn.modern && header && !known_legacy(*header)) {
        turn.modern = true;  // for the status: only a modern peer tells versions request by request
        turn.fail(kUnsupportedVersion, fmt::format("Unsupported protocol version {}", shown(*header)),
                  {{"supported", supported_versions()}, {"requested", shown(*header)}});
        return;
    }
    turn.modern ? modern(std::move(turn)) : legacy(std::move(turn));
}

void Server::legacy(Turn turn) {
    if (turn.method == "initialize") {
        initialize(turn);
    } else if (turn.method == "ping") {
        turn.succeed("{}");
    } else if (turn.method == "logging/setLevel") {
        set_level(turn);
    } else if (turn.method == "resources/subscribe" || turn.method == "resources/unsubscribe") {
        watch(turn, turn.method == "resources/subscribe");
    } else if (!offer(turn)) {
        turn.fail(kMethodNotFound, fmt::format("method not found: {}", shown(turn.method)));
    }
}

// What both eras have. False for a method that is none of these.
bool Server::offer(Turn& turn) {
    if (turn.method == "tools/call") {
        call(std::move(turn));
    } else if (turn.method == "tools/list") {
        list(turn);
    } else if (turn.method == "resources/list" || turn.method == "resources/templates/list") {
        list_resources(turn, turn.method == "resources/templates/list");
    } else if (turn.method == "resources/read") {
        read_resource(std::move(turn));
    } else if (turn.method == "prompts/list") {
        list_prompts(turn);
    } else if (turn.method == "prompts/get") {
        get_prompt(std::move(turn));
    } else if (turn.method == "completion/complete") {
        complete(std::move(turn));
    } else {
        return false;
    }
    return true;
}

}  // namespace resonant::mcp
