#include "apps/resonant/attach.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>

#include "resonant/base/descriptor.h"
#include "resonant/base/log.h"
#include "resonant/json/json.h"
#include "resonant/mcp/envelope.h"
#include "resonant/net/journal.h"
#include "resonant/net/kernel_link.h"

namespace resonant::app {

namespace {

constexpr int kAttemptsInARow = 3;  // kernels that may die on one client before it is told so

enum class Ending : std::uint8_t { Finished, Died, Down };

// Copies bytes until either side ends. Blocking ends, its own thread.
void copy_all(int from, int into) {
    std::array<char, 64 * 1024> bytes;
    while (true) {
        const ssize_t count = read(from, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return;
        }
        for (ssize_t sent = 0; sent < count;) {
            const ssize_t step = write(into, bytes.data() + sent, static_cast<std::size_t>(count - sent));
            if (step < 0 && errno == EINTR) {
                continue;
            }
            if (step <= 0) {
                return;
            }
            sent += step;
        }
    }
}

// One end of the client's as the kernel can serve it: itself when it is a pipe or a socket, else the far
// end of a socketpair that a thread feeds or empties.
class ServedEnd {
  public:
    enum class Direction : std::uint8_t { Input, Output };

    // A pipe that another user made (a client that starts us through sudo or su) may be used and not opened again,
    // which the kernel has to do.
    static bool may_reopen(int fd, Direction direction) {
        const int way = direction == Direction::Input ? O_RDONLY : O_WRONLY;
        return static_cast<bool>(Descriptor(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), way | O_NONBLOCK | O_CLOEXEC)));
    }

    // The kernel of another user may not open what is ours again, so it is always given a socket.
    static Result<std::unique_ptr<ServedEnd>> open(int fd, Direction direction, bool relayed) {
        struct stat facts {};
        if (fstat(fd, &facts) != 0) {
            return fail_errno("mcp: look at standard input and output", errno);
        }
        auto end = std::make_unique<ServedEnd>();
        const bool served = S_ISSOCK(facts.st_mode) || (S_ISFIFO(facts.st_mode) && may_reopen(fd, direction));
        if (!relayed && served) {
            // Not for the kernel that may be started from here: it would keep the client's ends open.
            end->served_.reset(fcntl(fd, F_DUPFD_CLOEXEC, 3));
            return end;
        }
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
            return fail_errno("mcp: a socketpair for an end that is a file", errno);
        }
        end->served_.reset(pair[0]);
        end->pump_ = std::thread([fd, direction, own = Descriptor(pair[1])] {
            const bool input = direction == Direction::Input;
            input ? copy_all(fd, own.get()) : copy_all(own.get(), fd);
            shutdown(own.get(), SHUT_RDWR);
        });
        end->direction_ = direction;
        return end;
    }
    ServedEnd() = default;
    ServedEnd(const ServedEnd&) = delete;
    ServedEnd& operator=(const ServedEnd&) = delete;
    ~ServedEnd() {
        if (!pump_.joinable()) {
            return;
        }
        // What the kernel wrote is still copied out; what nobody will read any more is not read in.
        shutdown(served_.get(), direction_ == Direction::Output ? SHUT_WR : SHUT_RDWR);
        direction_ == Direction::Output ? pump_.join() : pump_.detach();
    }

    int fd() const { return served_.get(); }

  private:
    Descriptor served_;
    Direction direction_ = Direction::Input;
    std::thread pump_;
};

Status write_line(int fd, std::string line) {
    line.push_back('\n');
    std::size_t sent = 0;
    while (sent < line.size()) {
        const ssize_t count = write(fd, line.data() + sent, line.size() - sent);
        if (count >= 0) {
            sent += static_cast<std::size_t>(count);
            continue;
        }
        if (errno == EAGAIN) {  // the client made its end non-blocking
            pollfd wait{fd, POLLOUT, 0};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return fail_errno("mcp: write to the client", errno);
        }
    }
    return {};
}

// Ends a line that may have been left unfinished. Whether it was cannot be known: the kernel may have died
// after its last byte. So what ends it is a message, which a client reads as such when the line was whole: an
// empty line is reported by SDKs as an unreadable message.
constexpr const char* kLineEnd =
    R"({"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","logger":"resonant","data":"the kernel stopped; this client goes on with the next one"}})";

// Answers what the dead kernel owed, and ends the line it may have left unfinished.
Status settle_debts(net::Journal& journal, int output) {
    journal.recover();
    if (journal.mid_line()) {
        RESONANT_CHECK(write_line(output, kLineEnd));
        journal.set_mid_line(false);
    }
    for (const std::string& id : journal.open_labels()) {
        RESONANT_CHECK(write_line(
            output, mcp::error_text(id, mcp::kKernelStopped,
                                    "the kernel stopped; the call may or may not have happened; see "
                                    "karma.trace")));
        journal.close(id);
    }
    return {};
}

// As a kernel names why it refuses.
Code refusal_code(const Json& answer) {
    for (const Code code : {Code::ResourceExhausted, Code::PermissionDenied, Code::Unavailable}) {
        if (answer.value("code", "") == name_of(code)) {
            return code;
        }
    }
    return Code::InvalidArgument;
}

// Hands the client over. The link then belongs to this client.
Result<net::KernelLink> hand_over(const AttachOptions& options, int input, int output,
                                  const net::Journal& journal) {
    Result<net::KernelLink> link = net::KernelLink::connect(options.socket);
    if (!link && link.error().code == Code::NotFound && options.start_kernel) {
        RESONANT_CHECK(options.start_kernel());
        link = net::KernelLink::connect(options.socket);
    }
    if (!link) {
        return std::unexpected(link.error());
    }
    Json request = {{"op", "attach"}, {"listing", options.listing}};
    if (options.contained) {
        request["contained"] = true;
    }
    if (!options.token.empty()) {
        request["token"] = options.token;
    }
    const std::array<int, 3> descriptors{input, output, journal.descriptor()};
    RESONANT_CHECK(link->send(json::dump(request), descriptors));
    RESONANT_ASSIGN(const std::string text, link->receive(options.patience));
    RESONANT_ASSIGN(const Json answer, json::parse(text));
    if (!answer.value("ok", false)) {
        return fail(refusal_code(answer), answer.value("error", "the kernel refused this client"));
    }
    return std::move(*link);
}

Ending wait_for_end(net::KernelLink& link) {
    while (true) {
        const Result<std::string> line = link.receive(from_seconds(3600));
        if (!line && line.error().code == Code::Timeout) {
            continue;
        }
        if (!line) {
            return Ending::Died;
        }
        const Result<Json> event = json::parse(*line);
        const std::string name = event && event->is_object() ? event->value("event", "") : "";
        if (name == "closed") {
            return Ending::Finished;
        }
        if (name == "down") {
            return Ending::Down;
        }
    }
}

// A kernel that was told to go down stays down until the client asks for something. False when the
// client ended instead.
bool client_speaks(int input) {
    while (true) {
        pollfd wait{input, POLLIN, 0};
        if (poll(&wait, 1, -1) < 0 && errno == EINTR) {
            continue;
        }
        return (wait.revents & POLLIN) != 0;
    }
}

Status serve(const AttachOptions& options, int input, int output) {
    RESONANT_ASSIGN(const std::unique_ptr<net::Journal> journal, net::Journal::create());
    std::optional<Error> last;
    for (int attempt = 0; attempt < kAttemptsInARow;) {
        Result<net::KernelLink> link = hand_over(options, input, output, *journal);
        if (!link) {
            const bool may_help = link.error().code == Code::Unavailable || link.error().code == Code::NotFound;
            last = link.error();
            if (!may_help) {
                return std::unexpected(*last);
            }
            RESONANT_CHECK(settle_debts(*journal, output));
            ++attempt;
            continue;
        }
        attempt = 0;
        const Ending ending = wait_for_end(*link);
        if (ending == Ending::Finished) {
            return {};
        }
        RESONANT_CHECK(settle_debts(*journal, output));
        if (ending == Ending::Down && journal->input().empty() && !client_speaks(input)) {
            return {};
        }
        if (ending == Ending::Died) {
            log().warn("mcp: the kernel died; this client goes on with the next one");
        }
    }
    return std::unexpected(*last);
}

}  // namespace

Status attach(const AttachOptions& options) {
    if (isatty(options.input) != 0) {
        return fail(Code::InvalidArgument,
                    "`resonant mcp` speaks JSON-RPC with an MCP client over standard input and output; a "
                    "terminal is no client. Let your client start it (`resonant setup claude` writes its "
                    "file), or try `resonant call health.check`");
    }
    std::signal(SIGPIPE, SIG_IGN);
    RESONANT_ASSIGN(const auto input, ServedEnd::open(options.input, ServedEnd::Direction::Input, !options.token.empty()));
    RESONANT_ASSIGN(const auto output, ServedEnd::open(options.output, ServedEnd::Direction::Output, !options.token.empty()));
    return serve(options, input->fd(), output->fd());
}

}  // namespace resonant::app
