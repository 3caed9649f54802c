// Channels of sealed memory: who joins gets the descriptors of every topic and of the bell over a
// seqpacket socket in the channel's folder, and asks on that connection.
#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "resonant/ipc/channel.h"
#include "resonant/ipc/packet.h"
#include "resonant/ipc/sealed_memory.h"

namespace resonant::ipc {
namespace {

constexpr std::size_t kEventsAtOnce = 32;
constexpr int kQuestionsAtOnce = 64;  // of one guest, before the others have their turn
constexpr std::string_view kJoin = "join";

std::filesystem::path socket_in(const Place& place) { return place.folder / "sealed.sock"; }

class SealedOwner final : public Owner {
  public:
    SealedOwner(std::vector<SealedTopic> topics, shm::Segment bell, Descriptor listener, Descriptor poll,
                std::size_t guests_max)
        : topics_(std::move(topics)),
          bell_(std::move(bell)),
          listener_(std::move(listener)),
          poll_(std::move(poll)),
          guests_max_(guests_max) {}

    Result<std::span<std::byte>> loan(std::size_t topic, std::size_t bytes) override {
        return topics_.at(topic).loan(bytes);
    }
    Result<std::uint64_t> send(std::size_t topic, Body body) override { return topics_.at(topic).send(body); }
    Status notify(std::uint32_t id) override {
        ring_bell(bell_, id);
        return {};
    }
    int descriptor() const override { return poll_.get(); }

    Result<std::size_t> answer(const Answer& with) override {
        epoll_event ready[kEventsAtOnce];
        const int count = ::epoll_wait(poll_.get(), ready, kEventsAtOnce, 0);
        std::size_t answered = 0;
        for (int i = 0; i < count; ++i) {
            if (ready[i].data.fd == listener_.get()) {
                welcome();
            } else {
                answered += serve(ready[i].data.fd, with);
            }
        }
        return answered;
    }

    // The system closes a dead guest's connection, and its mappings never counted.
    Result<std::size_t> reap() override {
        static_cast<void>(answer([](std::string_view) { return std::string(); }));
        return std::exchange(gone_, 0);
    }

  private:
    void welcome() {
        for (;;) {
            Descriptor guest(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            if (!guest) {
                return;
            }
            epoll_event wanted{};
            wanted.events = EPOLLIN;
            wanted.data.fd = guest.get();
            if (guests_.size() < guests_max_ &&
                ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, guest.get(), &wanted) == 0) {
                const int fd = guest.get();
                guests_.emplace(fd, std::move(guest));
            }
        }
    }

    std::size_t serve(int fd, const Answer& with) {
        std::size_t answered = 0;
        for (int turn = 0; turn < kQuestionsAtOnce; ++turn) {
            const auto packet = receive_packet(fd);
            if (packet && !*packet) {
                break;
            }
            const bool joins = packet && (*packet)->bytes == kJoin;
            if (!packet || !(joins ? hand_over(fd) : reply(fd, (*packet)->bytes, with))) {
                guests_.erase(fd);
                ++gone_;
                break;
            }
            answered += !joins;
        }
        return answered;
    }

    // A question is 8 bytes of its number and its words; so is the answer.
    bool reply(int fd, const std::string& packet, const Answer& with) {
        if (packet.size() < 8) {
            return false;
        }
        std::string answer = packet.substr(0, 8) + with(std::string_view(packet).substr(8));
        answer.resize(std::min(answer.size(), kQuestionBytesMax + 8));
        return send_packet(fd, answer).has_value();
    }

    bool hand_over(int fd) {
        std::string names;
        std::vector<int> fds;
        std::vector<Descriptor> shared;
        const auto add = [&](const shm::Segment& segment) {
            Result<Descriptor> copy = segment.share();
            if (copy) {
                fds.push_back(copy->get());
                shared.push_back(std::move(*copy));
            }
        };
        add(bell_);
        for (const SealedTopic& topic : topics_) {
            names += topic.name() + '\n';
            add(topic.segment());
        }
        return fds.size() == topics_.size() + 1 && send_packet(fd, names + '\n', fds).has_value();
    }

    std::vector<SealedTopic> topics_;
    shm::Segment bell_;
    Descriptor listener_;
    Descriptor poll_;
    std::size_t guests_max_;
    std::size_t gone_ = 0;
    std::unordered_map<int, Descriptor> guests_;
};

// One packet, waiting for it.
Result<Packet> next_packet(int socket, Nanos patience) {
    pollfd one{socket, POLLIN, 0};
    int ready = -1;
    do {
        ready = ::poll(&one, 1, static_cast<int>(patience.count / 1'000'000));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return fail(Code::Timeout, fmt::format("channel: no answer within {} ms", patience.count / 1'000'000));
    }
    RESONANT_ASSIGN(std::optional<Packet> packet, receive_packet(socket));
    if (!packet) {
        return fail(Code::Timeout, "channel: no answer came");
    }
    return std::move(*packet);
}

Descriptor copy_of(const Descriptor& descriptor) {
    return Descriptor(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 0));
}

class SealedGuest final : public Guest {
  public:
    SealedGuest(Descriptor socket, Packet welcome) : socket_(std::move(socket)) {
        bell_ = std::move(welcome.descriptors.front());
        std::string_view names = welcome.bytes;
        for (std::size_t i = 1; i < welcome.descriptors.size(); ++i) {
            topics_.emplace(names.substr(0, names.find('\n')), std::move(welcome.descriptors[i]));
            names.remove_prefix(std::min(names.size(), names.find('\n') + 1));
        }
    }

    Result<std::unique_ptr<Subscriber>> subscribe(const std::string& topic) override {
        const auto found = topics_.find(topic);
        if (found == topics_.end()) {
            return fail(Code::NotFound, fmt::format("subscribe: the owner made no topic '{}'", topic));
        }
        return subscribe_sealed(copy_of(found->second));
    }
    Result<std::unique_ptr<Listener>> listen() override { return listen_sealed(copy_of(bell_)); }

    Result<std::string> ask(std::string_view question, Nanos patience) override {
        if (question.empty() || question.size() > kQuestionBytesMax) {
            return fail(Code::InvalidArgument, fmt::format("ask: the question has {} bytes, 1 to {} are taken",
                                                           question.size(), kQuestionBytesMax));
        }
        std::string packet(8, '\0');
        ++asked_;
        std::memcpy(packet.data(), &asked_, sizeof asked_);
        packet += question;
        RESONANT_CHECK(send_packet(socket_.get(), packet));
        for (;;) {  // answers to questions that timed out come first
            RESONANT_ASSIGN(const Packet answer, next_packet(socket_.get(), patience));
            if (answer.bytes.size() >= 8 && answer.bytes.compare(0, 8, packet, 0, 8) == 0) {
                return answer.bytes.substr(8);
            }
        }
    }

  private:
    Descriptor socket_;
    Descriptor bell_;
    std::unordered_map<std::string, Descriptor> topics_;
    std::uint64_t asked_ = 0;
};

}  // namespace

Result<std::unique_ptr<Owner>> own_sealed(const Place& place, const Services& services) {
    std::vector<SealedTopic> topics;
    for (const Topic& topic : services.topics) {
        RESONANT_ASSIGN(SealedTopic made, SealedTopic::create(topic));
        topics.push_back(std::move(made));
    }
    RESONANT_ASSIGN(shm::Segment bell, make_bell());
    RESONANT_ASSIGN(Descriptor listener, listen_for_packets(socket_in(place)));
    Descriptor poll(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.fd = listener.get();
    if (!poll || ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, listener.get(), &wanted) != 0) {
        return fail_errno("channel: epoll", errno);
    }
    return std::make_unique<SealedOwner>(std::move(topics), std::move(bell), std::move(listener), std::move(poll),
                                         services.guests_max);
}

Result<std::unique_ptr<Guest>> join_sealed(const Place& place) {
    RESONANT_ASSIGN(Descriptor socket, connect_for_packets(socket_in(place)));
    RESONANT_CHECK(send_packet(socket.get(), kJoin));
    RESONANT_ASSIGN(Packet welcome, next_packet(socket.get(), kJoinWait));
    const auto names = static_cast<std::size_t>(std::ranges::count(welcome.bytes, '\n'));
    if (welcome.descriptors.empty() || names != welcome.descriptors.size()) {
        return fail(Code::DataLoss, "join: this is no channel's welcome");
    }
    return std::make_unique<SealedGuest>(std::move(socket), std::move(welcome));
}

}  // namespace resonant::ipc
