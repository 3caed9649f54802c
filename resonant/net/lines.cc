#include "resonant/net/lines.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "resonant/base/log.h"

namespace resonant::net {

namespace {

constexpr int kBatch = 16;  // answers that may share one write
constexpr std::size_t kReadLeast = 16 * 1024;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

bool is_same_file(int one, int other) {
    struct stat first {};
    struct stat second {};
    return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

}  // namespace

Result<LineConnection::End> LineConnection::own_end(Descriptor handed, int mode) {
    struct stat facts {};
    if (fstat(handed.get(), &facts) != 0) {
        return fail_errno("attach: look at a descriptor that was handed over", errno);
    }
    if (S_ISSOCK(facts.st_mode)) {
        int type = 0;
        socklen_t size = sizeof type;
        if (getsockopt(handed.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
            return fail(Code::InvalidArgument, "attach: a socket that is no stream; hand over a stream");
        }
        return End{std::move(handed), Kind::Socket};
    }
    if (!S_ISFIFO(facts.st_mode)) {
        return fail(Code::InvalidArgument,
                    fmt::format("attach: a descriptor of file type {:o}; only pipes and stream sockets "
                                "can be served, relay through a socketpair",
                                facts.st_mode & S_IFMT));
    }
    // An open file description of our own: O_NONBLOCK set here is not seen by the client.
    const std::string path = fmt::format("/proc/self/fd/{}", handed.get());
    Descriptor own(::open(path.c_str(), mode | O_NONBLOCK | O_CLOEXEC));
    if (!own) {
        return fail_errno("attach: reopen a pipe through /proc/self/fd", errno);
    }
    return End{std::move(own), Kind::Pipe};
}

Result<std::unique_ptr<LineConnection>> LineConnection::open(Loop& loop, Descriptor input,
                                                             Descriptor output,
                                                             std::unique_ptr<Journal> journal,
                                                             LineSink& sink, LineOptions options) {
    RESONANT_ASSIGN(End in, own_end(std::move(input), O_RDONLY));
    RESONANT_ASSIGN(End out, own_end(std::move(output), O_WRONLY));
    if (in.kind == Kind::Socket && is_same_file(in.fd.get(), out.fd.get())) {
        in = End{Descriptor(), Kind::Socket};  // one descriptor and one watch do for both ways
    }
    return std::unique_ptr<LineConnection>(new LineConnection(loop, std::move(in), std::move(out),
                                                              std::move(journal), sink, options));
}

LineConnection::LineConnection(Loop& loop, End input, End output, std::unique_ptr<Journal> journal,
                               LineSink& sink, LineOptions options)
    : loop_(loop),
      input_(std::move(input)),
      output_(std::move(output)),
      journal_(std::move(journal)),
      sink_(sink),
      options_(options) {
    discarding_ = silent_discard_ = journal_->discarding();
}

LineConnection::~LineConnection() {
    loop_.unwatch(input_fd());
    loop_.unwatch(output_.fd.get());
}

Status LineConnection::start() {
    // Without an event asked for, the output still reports when the client closed its end.
    RESONANT_CHECK(loop_.watch(output_.fd.get(), 0, [this](std::uint32_t events) { on_ready(events); }));
    deliver();  // what the journal holds from before
    return {};
}

void LineConnection::on_ready(std::uint32_t events) {
    on_output(events);
    if (is_one_socket() && (events & EPOLLIN) != 0) {
        on_input();
    }
}

void LineConnection::on_input() {
    if (ended_ || input_over_) {
        return;
    }
    const std::span<char> room = journal_->room(kReadLeast);
    if (room.empty()) {
        end("its journal was changed by another process");  // what is read ahead is less than it holds
        return;
    }
    const ssize_t count = input_.kind == Kind::Socket
                              ? recv(input_fd(), room.data(), room.size(), MSG_DONTWAIT)
                              : read(input_fd(), room.data(), room.size());
    if (count < 0 && would_block(errno)) {
        return;
    }
    if (count <= 0) {
        input_over_ = true;
    } else {
        journal_->received(static_cast<std::size_t>(count));
    }
    deliver();
}

bool LineConnection::may_deliver() const {
    return !ended_ && !paused_ && !reader_is_slow() && journal_->open_count() < kOpenMax;
}

void LineConnection::deliver() {
    if (delivering_ || ended_) {
        return;
    }
    delivering_ = true;
    bool more = true;
    for (int lines = 0; more && lines < kLinesAtOnce && may_deliver(); ++lines) {
        more = deliver_one();
    }
    delivering_ = false;
    undelivered_ = more && !journal_->input().empty();
    if (!ended_) {
        flush();
    }
    if (!ended_ && !undelivered_ && input_over_ && !std::exchange(end_reported_, true)) {
        sink_.input_ended(*this);
    }
    go_on();
    ask_for_events();
}

// Whatever may have ended the reason why delivering stopped calls this.
void LineConnection::go_on() {
    if (undelivered_ && !delivering_ && may_deliver()) {
        deliver_later();
    }
}

// What the loop should report follows from the state, and only here. An input that is not to be read is not
// watched at all: with no event asked for, the loop would report again and again that the client closed it.
void LineConnection::ask_for_events() {
    if (ended_) {
        return;
    }
    const bool in = !input_over_ && !(undelivered_ && journal_->input().size() >= kReadAhead);
    const std::uint32_t out = pending_.empty() ? 0U : static_cast<std::uint32_t>(EPOLLOUT);
    if (is_one_socket()) {
        loop_.change(output_.fd.get(), out | (in ? static_cast<std::uint32_t>(EPOLLIN) : 0U));
        return;
    }
    loop_.change(output_.fd.get(), out);
    if (in == std::exchange(input_watched_, in)) {
        return;
    }
    if (!in) {
        loop_.unwatch(input_.fd.get());
    } else if (const Status watched = loop_.watch(input_.fd.get(), EPOLLIN, [this](std::uint32_t) { on_input(); });
               !watched) {
        input_watched_ = false;
        end(watched.error().message);
    }
}

void LineConnection::deliver_later() {
    if (std::exchange(later_, true)) {
        return;
    }
    loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) {
            later_ = false;
            deliver();
        }
    });
}

// Delivers the next whole line, or what is left at the end of the input. False when there is none.
bool LineConnection::deliver_one() {
    const std::string_view input = journal_->input();
    const std::size_t from = std::min(scanned_, input.size());
    const void* found = std::memchr(input.data() + from, '\n', input.size() - from);
    std::size_t end = input.size();
    if (found != nullptr) {
        end = static_cast<std::size_t>(static_cast<const char*>(found) - input.data());
    } else if (!input_over_ && input.size() <= kLineMax && !discarding_) {
        scanned_ = input.size();
        return false;
    }
    if (input.empty()) {
        return false;
    }
    if (discarding_ || end > kLineMax) {
        return drop_overlong(input, end);
    }
    std::string_view line = input.substr(0, end);
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    current_ = std::min(end + 1, input.size());
    taken_ = line.empty();
    if (!line.empty()) {
        sink_.line(*this, line);
    }
    if (!taken_ || line.empty()) {
        taken_ = false;
        take();
    }
    return true;
}

bool LineConnection::drop_overlong(std::string_view input, std::size_t end) {
    const bool last = end < input.size() || input_over_;
    discarding_ = !last;
    journal_->set_discarding(!last);
    if (!silent_discard_) {
        sink_.overlong(*this, input.substr(0, end), last);
    }
    silent_discard_ = silent_discard_ && !last;
    scanned_ = 0;
    journal_->commit(last ? std::min(end + 1, input.size()) : end);
    return true;
}

void LineConnection::take() {
    if (taken_) {
        return;
    }
    taken_ = true;
    scanned_ = 0;
    journal_->commit(current_);
}

void LineConnection::withdraw(std::string_view label) {
    journal_->close(label);
    go_on();
}

void LineConnection::pause() { paused_ = true; }

void LineConnection::resume() {
    if (!paused_ || ended_) {
        return;
    }
    paused_ = false;
    go_on();
}

void LineConnection::send(std::string_view line, std::string_view label) {
    if (ended_) {
        return;
    }
    pending_.append(line);
    pending_.push_back('\n');
    if (!label.empty()) {
        labels_.emplace_back(pending_.size(), label);
    }
    if (pending_.size() - written_ > options_.output_max) {
        log().warn("client: {} bytes wait for it, the limit is {}; it reads too slowly and is let go",
                   pending_.size() - written_, options_.output_max);
        end("it reads its answers too slowly");
        return;
    }
    if (!delivering_ || ++unflushed_ >= kBatch) {
        flush();
    }
}

long LineConnection::write_pending() {
    const char* from = pending_.data() + written_;
    const std::size_t size = pending_.size() - written_;
    // A pipe takes up to PIPE_BUF bytes whole or not at all; anything else may be cut by our death.
    if (output_.kind == Kind::Socket || size > PIPE_BUF) {
        journal_->set_mid_line(true);
    }
    const long count = output_.kind == Kind::Socket
                           ? ::send(output_.fd.get(), from, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                           : write(output_.fd.get(), from, size);
    if (count > 0) {
        mid_line_ = from[count - 1] != '\n';
    }
    journal_->set_mid_line(mid_line_);
    return count;
}

void LineConnection::forget_written() {
    while (!labels_.empty() && labels_.front().first <= written_) {
        journal_->close(labels_.front().second);
        labels_.pop_front();
    }
    if (written_ == pending_.size()) {
        pending_.clear();
        if (pending_.capacity() > kLineMax) {
            pending_.shrink_to_fit();
        }
        written_ = 0;
    } else if (written_ > kLineMax) {
        pending_.erase(0, written_);
        for (auto& [end, label] : labels_) {
            end -= written_;
        }
        written_ = 0;
    }
}

void LineConnection::flush() {
    unflushed_ = 0;
    while (written_ < pending_.size()) {
        const long count = write_pending();
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 && would_block(errno)) {
            break;
        }
        if (count < 0) {
            end("it closed its input");
            return;
        }
        written_ += static_cast<std::size_t>(count);
    }
    forget_written();
    if (pending_.empty() && finishing_) {
        end("finished");
        return;
    }
    go_on();
    ask_for_events();
}

void LineConnection::on_output(std::uint32_t events) {
    if (ended_) {
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        flush();
    } else if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        end("it closed its input");
    }
}

void LineConnection::finish() {
    finishing_ = true;
    if (!ended_ && !delivering_) {
        flush();
    }
}

void LineConnection::end(const std::string& why) {
    if (ended_) {
        return;
    }
    ended_ = true;
    loop_.unwatch(input_fd());
    loop_.unwatch(output_.fd.get());
    sink_.closed(*this, why);
}

}  // namespace resonant::net
