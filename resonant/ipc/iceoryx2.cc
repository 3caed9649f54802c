// Channels of the crate iceoryx2, through the C ABI of shim/iceoryx2. Left out when the build found
// no cargo >= 1.89; channel.cc says so then.
#ifdef RESONANT_ICEORYX2

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "resonant/ipc/channel.h"
#include "shim/iceoryx2/shim.h"

namespace resonant::ipc {
namespace {

constexpr const char* kNotices = "resonant/notices";
constexpr const char* kAsked = "resonant/asked";  // the bell of questions
constexpr const char* kAsk = "resonant/ask";
constexpr std::int64_t kTimedOut = -3;
constexpr std::int64_t kTooLong = -4;
constexpr std::size_t kAnswersAtOnce = 64;

std::string service_of(const std::string& topic) { return "resonant/" + topic; }

std::unexpected<Error> failed(std::string_view what) {
    const std::string_view words = rsx_last_error();
    const Code code = words.find("DoesNotExist") != words.npos ? Code::NotFound : Code::Unavailable;
    return fail(code, fmt::format("{}: iceoryx2 says {}", what, words));
}

template <typename Handle, void (*Free)(Handle*)>
struct Freed {
    void operator()(Handle* handle) const { Free(handle); }
};
template <typename Handle, void (*Free)(Handle*)>
using Owned = std::unique_ptr<Handle, Freed<Handle, Free>>;
using Node = Owned<RsxNode, rsx_node_free>;
using Publisher = Owned<RsxPublisher, rsx_publisher_free>;
using SubscriberPort = Owned<RsxSubscriber, rsx_subscriber_free>;
using Held = Owned<RsxSample, rsx_sample_free>;
using Notifier = Owned<RsxNotifier, rsx_notifier_free>;
using ListenerPort = Owned<RsxListener, rsx_listener_free>;
using Server = Owned<RsxServer, rsx_server_free>;
using Client = Owned<RsxClient, rsx_client_free>;

// Makes a handle by one of the shim's functions whose last argument is where it goes.
template <typename Handle, typename Make, typename... Arguments>
Result<Handle> made(std::string_view what, const Make& make, Arguments... arguments) {
    typename Handle::pointer raw = nullptr;
    if (make(arguments..., &raw) < 0) {
        return failed(what);
    }
    return Handle(raw);
}

Result<Node> node_in(const Place& place, const char* name) {
    return made<Node>("channel", rsx_node_new, name, place.folder.c_str(), place.prefix.c_str());
}

class Iceoryx2Subscriber final : public Subscriber {
  public:
    explicit Iceoryx2Subscriber(SubscriberPort port) : port_(std::move(port)) {}

    Result<std::optional<Sample>> receive() override {
        held_.reset();
        RsxSample* sample = nullptr;
        const void* memory = nullptr;
        RsxHeader header{};
        const int got = rsx_subscriber_receive(port_.get(), &sample, &memory, &header);
        if (got < 0) {
            return failed("receive");
        }
        if (got == 0) {
            return std::optional<Sample>{};
        }
        held_.reset(sample);
        count(header.position);
        return Sample{{static_cast<const std::byte*>(memory), header.bytes},
                      header.position,
                      header.kind == 1 ? Body::FileReference : Body::Bytes};
    }

  private:
    SubscriberPort port_;
    Held held_;  // ends before the port
};

class Iceoryx2Listener final : public Listener {
  public:
    explicit Iceoryx2Listener(ListenerPort port) : port_(std::move(port)) {}

    Result<std::vector<Notice>> wait(Nanos timeout) override {
        std::vector<Notice> notices;
        const auto note = [](void* context, std::uint64_t id, std::uint64_t count) {
            static_cast<std::vector<Notice>*>(context)->push_back({static_cast<std::uint32_t>(id), count});
        };
        if (rsx_listener_wait(port_.get(), timeout.count, note, &notices) < 0) {
            return failed("listen");
        }
        return notices;
    }

  private:
    ListenerPort port_;
};

class Iceoryx2Guest final : public Guest {
  public:
    Iceoryx2Guest(Node node, Client client, Notifier asked)
        : node_(std::move(node)), client_(std::move(client)), asked_(std::move(asked)), answer_(kQuestionBytesMax, '\0') {}

    Result<std::unique_ptr<Subscriber>> subscribe(const std::string& topic) override {
        RESONANT_ASSIGN(auto port, made<SubscriberPort>(fmt::format("subscribe to '{}'", topic), rsx_subscriber_new,
                                                        node_.get(), service_of(topic).c_str()));
        static_cast<void>(rsx_notify(asked_.get(), 0));  // the owner sends the history when it answers
        return std::make_unique<Iceoryx2Subscriber>(std::move(port));
    }
    Result<std::unique_ptr<Listener>> listen() override {
        RESONANT_ASSIGN(auto port, made<ListenerPort>("listen", rsx_listener_new, node_.get(), kNotices));
        return std::make_unique<Iceoryx2Listener>(std::move(port));
    }

    Result<std::string> ask(std::string_view question, Nanos patience) override {
        if (question.empty() || question.size() > kQuestionBytesMax) {
            return fail(Code::InvalidArgument, fmt::format("ask: the question has {} bytes, 1 to {} are taken",
                                                           question.size(), kQuestionBytesMax));
        }
        const auto ring = [](void* notifier) {
            static_cast<void>(rsx_notify(static_cast<RsxNotifier*>(notifier), 0));
        };
        const std::int64_t got = rsx_client_call(client_.get(), question.data(), question.size(), answer_.data(),
                                                 answer_.size(), patience.count, ring, asked_.get());
        if (got == kTimedOut) {
            return fail(Code::Timeout, fmt::format("ask: no answer within {} ms", patience.count / 1'000'000));
        }
        if (got < 0) {
            return got == kTooLong ? fail(Code::DataLoss, "ask: the answer is longer than an owner's may be")
                                   : failed("ask");
        }
        return answer_.substr(0, static_cast<std::size_t>(got));
    }

  private:
    Node node_;
    Client client_;
    Notifier asked_;
    std::string answer_;
};

class Iceoryx2Owner final : public Owner {
  public:
    struct Ports {
        std::vector<Publisher> publishers;
        Notifier notices;
        Notifier asked;  // keeps its service alive
        ListenerPort bell;
        Server server;
    };
    Iceoryx2Owner(Node node, Ports ports, const Services& services)
        : node_(std::move(node)), ports_(std::move(ports)), next_(ports_.publishers.size()) {
        for (const Topic& topic : services.topics) {
            sizes_.push_back(topic.sample_max.count);
        }
    }

    Result<std::span<std::byte>> loan(std::size_t topic, std::size_t bytes) override {
        if (bytes == 0 || bytes > sizes_.at(topic)) {
            return fail(Code::InvalidArgument,
                        fmt::format("topic {}: a sample of {} bytes; 1 to {} are possible, larger ones go as a file",
                                    topic, bytes, sizes_.at(topic)));
        }
        void* memory = nullptr;
        if (rsx_publisher_loan(ports_.publishers[topic].get(), bytes, &memory) < 0) {
            return failed("loan");
        }
        return std::span<std::byte>{static_cast<std::byte*>(memory), bytes};
    }
    Result<std::uint64_t> send(std::size_t topic, Body body) override {
        const std::uint64_t position = next_.at(topic);
        if (rsx_publisher_send(ports_.publishers[topic].get(), position, static_cast<std::uint64_t>(body)) < 0) {
            return failed("send");
        }
        ++next_[topic];
        return position;
    }
    Status notify(std::uint32_t id) override {
        if (rsx_notify(ports_.notices.get(), id) < 0) {
            return failed("notify");
        }
        return {};
    }
    int descriptor() const override { return rsx_listener_fd(ports_.bell.get()); }

    Result<std::size_t> answer(const Answer& with) override {
        if (rsx_listener_wait(ports_.bell.get(), 0, [](void*, std::uint64_t, std::uint64_t) {}, nullptr) < 0) {
            return failed("answer");
        }
        for (const Publisher& publisher : ports_.publishers) {
            if (rsx_publisher_update(publisher.get()) < 0) {
                return failed("answer");
            }
        }
        const auto fill = [](void* context, const void* asked, std::size_t bytes, void* to, std::size_t room) {
            const std::string words =
                (*static_cast<const Answer*>(context))({static_cast<const char*>(asked), bytes});
            const std::size_t taken = std::min(words.size(), room);
            std::memcpy(to, words.data(), taken);
            return taken;
        };
        std::size_t answered = 0;
        for (int got = 1; got > 0 && answered < kAnswersAtOnce;) {
            got = rsx_server_answer(ports_.server.get(), fill, const_cast<Answer*>(&with));
            if (got < 0) {
                return failed("answer");
            }
            answered += static_cast<std::size_t>(got);
        }
        return answered;
    }

    Result<std::size_t> reap() override {
        std::uint64_t failures = 0;
        const std::int64_t reaped = rsx_node_reap(node_.get(), &failures);
        if (reaped < 0 || failures > 0) {
            return fail(Code::Unavailable, fmt::format("reap: {} dead nodes could not be cleaned away", failures));
        }
        return static_cast<std::size_t>(reaped);
    }

  private:
    Node node_;
    Ports ports_;
    std::vector<std::uint64_t> next_;
    std::vector<std::size_t> sizes_;
};

}  // namespace

Result<std::unique_ptr<Owner>> own_iceoryx2(const Place& place, const Services& services) {
    RESONANT_ASSIGN(Node node, node_in(place, "resonant"));
    Iceoryx2Owner::Ports ports;
    for (const Topic& topic : services.topics) {
        const RsxTopic shape{topic.sample_max.count, topic.history, topic.buffer, services.guests_max};
        RESONANT_ASSIGN(auto publisher, made<Publisher>("make topic " + topic.name, rsx_publisher_new, node.get(),
                                                        service_of(topic.name).c_str(), &shape));
        ports.publishers.push_back(std::move(publisher));
    }
    RESONANT_ASSIGN(ports.notices, made<Notifier>("make notices", rsx_event_new, node.get(), kNotices));
    RESONANT_ASSIGN(ports.asked, made<Notifier>("make questions", rsx_event_new, node.get(), kAsked));
    RESONANT_ASSIGN(ports.bell, made<ListenerPort>("make questions", rsx_listener_new, node.get(), kAsked));
    RESONANT_ASSIGN(ports.server, made<Server>("make questions", rsx_server_new, node.get(), kAsk, kQuestionBytesMax,
                                               std::size_t{services.guests_max}));
    return std::make_unique<Iceoryx2Owner>(std::move(node), std::move(ports), services);
}

Result<std::unique_ptr<Guest>> join_iceoryx2(const Place& place) {
    // iceoryx2 would make what it does not find.
    if (struct stat about {}; ::stat(place.folder.c_str(), &about) != 0) {
        return fail(Code::NotFound, fmt::format("join: there is no {}; ask the kernel for its channel again",
                                                place.folder.string()));
    }
    RESONANT_ASSIGN(Node node, node_in(place, "resonant-guest"));
    RESONANT_ASSIGN(auto client, made<Client>("join", rsx_client_new, node.get(), kAsk));
    RESONANT_ASSIGN(auto asked, made<Notifier>("join", rsx_notifier_new, node.get(), kAsked));
    return std::make_unique<Iceoryx2Guest>(std::move(node), std::move(client), std::move(asked));
}

}  // namespace resonant::ipc

#endif
