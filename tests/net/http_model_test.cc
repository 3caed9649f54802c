// The model of HTTP connections: whatever a client does with its writing and reading, every request that arrived whole
// is answered exactly once, in order, byte for byte, and what the server holds for it stays within bounds. The naive
// twin is the list of answers itself.
//
//     build/tests/test_net --gtest_filter='HttpModel*'     RESONANT_LONG=1: 1,000 seeds
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "resonant/net/http.h"
#include "tests/support/http_client.h"
#include "tests/support/interrupt.h"

namespace resonant::net {
namespace {

using namespace std::chrono_literals;
using Dice = std::mt19937_64;

constexpr auto kPatience = 60s;  // without a byte; a bound, never a measure

// One request and the answer it must get: a body of `size` letters that only this request has.
struct Ask {
    std::size_t number = 0;
    std::size_t size = 0;
    std::string way;  // "now", "later" (by another thread), "stream" (in pieces)
    std::string sent_body;

    std::string text() const {
        return "POST /" + way + "/" + std::to_string(number) + "/" + std::to_string(size) + " HTTP/1.1\r\nHost: h\r\nContent-Length: " +
               std::to_string(sent_body.size()) + "\r\n\r\n" + sent_body;
    }
};

std::string body_of(std::size_t number, std::size_t size, std::size_t got) {
    std::string body = std::to_string(number) + ":" + std::to_string(got) + ":";
    const char letter = static_cast<char>('a' + number % 26);
    body.resize(std::max(body.size(), size), letter);
    return body;
}

// A server that answers as the path says, and remembers the most that it held.
class ModelServer {
  public:
    ModelServer() : loop_(std::move(*Loop::create())) {
        HttpServerOptions options;
        options.port = 0;
        server_ = std::move(*HttpServer::open(
            *loop_, [this](HttpRequest request, auto give) { handle(std::move(request), std::move(give)); }, options));
        runner_ = std::thread([this] { loop_->run(); });
        worker_ = std::thread([this] { work(); });
    }
    ~ModelServer() {
        {
            const std::lock_guard lock(mutex_);
            over_ = true;
        }
        changed_.notify_all();
        worker_.join();
        loop_->stop();
        runner_.join();
        server_.reset();
    }
    std::uint16_t port() const { return server_->port(); }
    std::size_t take_peak() { return peak_.exchange(0); }
    // Waits until every connection is gone.
    bool empties() {
        for (const auto end = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < end;) {
            std::atomic<int> open{-1};
            loop_->post([&] { open = static_cast<int>(server_->connections()); });
            while (open < 0) {
                std::this_thread::yield();
            }
            if (open == 0) {
                return true;
            }
            std::this_thread::sleep_for(1ms);
        }
        return false;
    }

  private:
    void handle(HttpRequest request, std::function<void(HttpResponse)> give) {
        peak_ = std::max(peak_.load(), server_->held_bytes());
        std::size_t at = request.target.find('/', 1);
        const std::string way = request.target.substr(1, at - 1);
        const std::size_t number = std::stoul(request.target.substr(at + 1));
        at = request.target.find('/', at + 1);
        const std::string body = body_of(number, std::stoul(request.target.substr(at + 1)), request.body.size());
        if (way == "stream") {
            const auto stream = std::make_shared<HttpStream>();
            stream->probe = "?";  // stands in no body
            HttpResponse response{200, "text/event-stream", {}, {}};
            response.stream = stream;
            give(std::move(response));
            feed(stream, std::make_shared<std::string>(body), 0);
        } else if (way == "later") {
            const std::lock_guard lock(mutex_);
            jobs_.emplace_back([give, body] { give({200, "text/plain", body, {}}); });
            changed_.notify_one();
        } else {
            give({200, "text/plain", body, {}});
        }
    }
    void feed(const std::shared_ptr<HttpStream>& stream, const std::shared_ptr<std::string>& body, std::size_t from) {
        const std::size_t piece = std::min<std::size_t>(body->size() - from, 1 + body->size() / 7);
        stream->write(std::string_view(*body).substr(from, piece));
        if (from + piece == body->size()) {
            stream->end();
            return;
        }
        loop_->post([this, stream, body, next = from + piece] { feed(stream, body, next); });
    }
    void work() {
        std::unique_lock lock(mutex_);
        while (true) {
            changed_.wait(lock, [this] { return over_ || !jobs_.empty(); });
            if (jobs_.empty()) {
                return;
            }
            const auto job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
            lock.lock();
        }
    }

    std::unique_ptr<Loop> loop_;
    std::unique_ptr<HttpServer> server_;
    std::thread runner_;
    std::thread worker_;
    std::atomic<std::size_t> peak_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;  // under mutex_
    bool over_ = false;                       // under mutex_
};

enum class Reader { Fast, Slow, Pausing, HalfClosed, Gone };
constexpr const char* kReaders[] = {"fast", "slow", "pausing", "half-closed", "gone"};

// Takes answers apart as they come; says what is wrong with them.
class Answers {
  public:
    explicit Answers(const std::vector<Ask>& asks) : asks_(asks) {}
    bool whole() const { return got_ == asks_.size(); }
    std::size_t got() const { return got_; }
    const std::string& wrong() const { return wrong_; }
    void add(std::string_view bytes) {
        input_.append(bytes);
        while (wrong_.empty() && take_one()) {
        }
    }

  private:
    bool take_one() {
        const std::size_t head = input_.find("\r\n\r\n");
        if (head == std::string::npos) {
            return false;
        }
        std::string body;
        std::size_t end = 0;
        if (const std::size_t length = input_.find("Content-Length: "); length < head) {
            const std::size_t size = std::stoul(input_.substr(length + 16));
            end = head + 4 + size;
            if (input_.size() < end) {
                return false;
            }
            body = input_.substr(head + 4, size);
        } else if (!take_chunks(head + 4, body, end)) {
            return false;
        }
        std::erase(body, '?');
        if (got_ == asks_.size()) {
            wrong_ = "an answer that nobody asked for: " + input_.substr(0, 200);
        } else if (!input_.starts_with("HTTP/1.1 200 ") || body != body_of(asks_[got_].number, asks_[got_].size, asks_[got_].sent_body.size())) {
            wrong_ = "answer " + std::to_string(got_) + " is " + input_.substr(0, 200);
        }
        ++got_;
        input_.erase(0, end);
        return true;
    }
    bool take_chunks(std::size_t at, std::string& body, std::size_t& end) const {
        for (;;) {
            const std::size_t line = input_.find("\r\n", at);
            if (line == std::string::npos) {
                return false;
            }
            const std::size_t size = std::stoul(input_.substr(at, line - at), nullptr, 16);
            if (input_.size() < line + 2 + size + 2) {
                return false;
            }
            body.append(input_, line + 2, size);
            at = line + 2 + size + 2;
            if (size == 0) {
                end = at;
                return true;
            }
        }
    }

    const std::vector<Ask>& asks_;
    std::string input_;
    std::string wrong_;
    std::size_t got_ = 0;
};

std::vector<Ask> draw_asks(Dice& dice, std::size_t& total) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(dice() % n); };
    const std::size_t count = 1 + below(dice() % 4 == 0 ? 200 : 20);
    const std::size_t big = dice() % 3 == 0 ? 200'000 : 3'000;
    std::vector<Ask> asks;
    for (std::size_t i = 0; i < count; ++i) {
        const char* ways[] = {"now", "now", "later", "stream"};
        asks.push_back({i, below(big), ways[below(4)], std::string(dice() % 8 == 0 ? below(100'000) : below(200), 'x')});
        total += asks.back().size;
    }
    return asks;
}

// One connection's life. Returns what is wrong, empty when nothing is.
std::string live(std::uint16_t port, Dice& dice, Reader reader, const std::vector<Ask>& asks, std::size_t total) {
    std::string text;
    for (const Ask& ask : asks) {
        text += ask.text();
    }
    const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int small = reader == Reader::Fast ? 1 << 20 : 16'384;
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return "connect failed";
    }
    const std::size_t trickle = total < 50'000 ? 1 : 512;
    const std::size_t write_at_once = dice() % 4 == 0 ? trickle + dice() % 50 : 1 + dice() % 100'000;
    const std::size_t read_at_once = reader == Reader::Fast ? 65'536 : trickle + dice() % 8'192;
    const std::size_t leaves_after = reader == Reader::Gone ? dice() % (asks.size() + 1) : asks.size() + 1;
    std::size_t written = 0, reads = 0;
    Answers answers(asks);
    std::vector<char> bytes(read_at_once);
    auto last = std::chrono::steady_clock::now();
    while (!answers.whole() && answers.wrong().empty()) {
        if (answers.got() >= leaves_after) {
            return {};
        }
        pollfd wait{socket.get(), static_cast<short>(POLLIN | (written < text.size() ? POLLOUT : 0)), 0};
        ::poll(&wait, 1, 1'000);
        if ((wait.revents & POLLOUT) != 0) {
            const ssize_t count = ::send(socket.get(), text.data() + written, std::min(write_at_once, text.size() - written),
                                         MSG_DONTWAIT | MSG_NOSIGNAL);
            if (count < 0 && errno != EAGAIN) {
                return "the server closed the connection while it was written to";
            }
            written += count > 0 ? static_cast<std::size_t>(count) : 0;
            if (written == text.size() && reader == Reader::HalfClosed) {
                shutdown(socket.get(), SHUT_WR);
            }
        }
        if ((wait.revents & (POLLIN | POLLHUP)) != 0) {
            if (reader == Reader::Pausing && ++reads % 16 == 1) {
                std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 4));
            }
            const ssize_t count = ::recv(socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (count <= 0 && errno != EAGAIN) {
                return "the connection ended after " + std::to_string(answers.got()) + " of " + std::to_string(asks.size()) + " answers";
            }
            if (count > 0) {
                answers.add({bytes.data(), static_cast<std::size_t>(count)});
                last = std::chrono::steady_clock::now();
            }
        }
        if (std::chrono::steady_clock::now() - last > kPatience) {
            return "silence after " + std::to_string(answers.got()) + " of " + std::to_string(asks.size()) + " answers, " +
                   std::to_string(written) + " of " + std::to_string(text.size()) + " bytes written";
        }
    }
    return answers.wrong();
}

TEST(HttpModel, every_request_is_answered_once_whatever_its_reader_does) {
    const char* given = std::getenv("RESONANT_SEED");
    const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    const int seeds = given != nullptr ? 1 : test::long_run() ? 1'000 : 40;
    std::printf("seeds %llu to %llu; one again: RESONANT_SEED=N\n", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(first) + static_cast<unsigned long long>(seeds) - 1);
    ModelServer server;
    for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(seeds); ++seed) {
        Dice dice(seed);
        const auto reader = static_cast<Reader>(dice() % 5);
        std::size_t total = 0;
        const std::vector<Ask> asks = draw_asks(dice, total);
        const std::string wrong = live(server.port(), dice, reader, asks, total);
        ASSERT_EQ(wrong, "") << "seed " << seed << ", a reader that is " << kReaders[static_cast<int>(reader)] << ", "
                             << asks.size() << " requests, " << total << " bytes of answers";
        ASSERT_TRUE(server.empties()) << "seed " << seed << ": the connection stays after its client went";
        // One answer and one read of requests at a time, whatever was asked.
        ASSERT_LE(server.take_peak(), 1'000'000u) << "seed " << seed << " of " << total << " bytes of answers";
    }
}

TEST(HttpModel, many_connections_at_once_get_what_each_asked_for) {
    ModelServer server;
    const std::uint64_t first = std::random_device{}();
    std::printf("seeds from %llu\n", static_cast<unsigned long long>(first));
    std::vector<std::jthread> clients;
    std::mutex mutex;
    std::vector<std::string> wrong;
    for (std::uint64_t i = 0; i < 8; ++i) {
        clients.emplace_back([&, i] {
            for (int round = 0; round < (test::long_run() ? 50 : 4); ++round) {
                Dice dice(first + i * 1'000 + static_cast<std::uint64_t>(round));
                std::size_t total = 0;
                const auto reader = static_cast<Reader>(dice() % 5);
                const std::vector<Ask> asks = draw_asks(dice, total);
                const std::string one = live(server.port(), dice, reader, asks, total);
                if (!one.empty()) {
                    const std::lock_guard lock(mutex);
                    wrong.push_back("seed " + std::to_string(first + i * 1'000) + ": " + one);
                }
            }
        });
    }
    clients.clear();
    EXPECT_EQ(wrong, std::vector<std::string>());
    EXPECT_TRUE(server.empties());
}

}  // namespace
}  // namespace resonant::net
