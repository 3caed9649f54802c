// The link over a child's pipes. What the server prints on stdout beside messages is counted and shown,
// never fatal; of stderr the end is kept.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cctype>

#include "resonant/mcp/id_scanner.h"
#include "resonant/mcp/upstream_link.h"
#include "resonant/net/journal.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kReadAtOnce = 64 * 1024;
constexpr std::size_t kOutputMax = 16 * 1024 * 1024;  // bytes that wait for a server that does not read
constexpr std::size_t kErrorsKept = 4 * 1024;
constexpr std::size_t kNoiseKept = 200;

void keep_end(std::string& kept, std::string_view more, std::size_t most) {
    kept.append(more.substr(more.size() > most ? more.size() - most : 0));
    if (kept.size() > most) {
        kept.erase(0, kept.size() - most);
    }
}

class StdioLink final : public UpstreamLink {
  public:
    StdioLink(net::Loop& loop, ChildStreams child, UpstreamSink& sink)
        : loop_(loop), child_(std::move(child)), sink_(sink) {}
    ~StdioLink() override {
        for (const Descriptor* fd : {&child_.input, &child_.output, &child_.errors}) {
            if (*fd) {
                loop_.unwatch(fd->get());
            }
        }
    }

    Status start() {
        for (const Descriptor* fd : {&child_.input, &child_.output, &child_.errors}) {
            if (::fcntl(fd->get(), F_SETFL, O_NONBLOCK) != 0) {
                return fail_errno("make a child's pipe non-blocking", errno);
            }
        }
        RESONANT_CHECK(loop_.watch(child_.output.get(), EPOLLIN, [this](std::uint32_t) { read_output(); }));
        RESONANT_CHECK(loop_.watch(child_.errors.get(), EPOLLIN, [this](std::uint32_t) { read_errors(); }));
        return loop_.watch(child_.input.get(), 0, [this](std::uint32_t events) {
            (events & EPOLLOUT) != 0 ? flush() : over("its input was closed");
        });
    }

    void send(Outgoing message) override {
        if (ended_) {
            return;  // closed() is on its way
        }
        if (pending_.size() - written_ + message.text.size() > kOutputMax) {
            over(fmt::format("it does not read its input: {} bytes wait", pending_.size() - written_));
            return;
        }
        pending_ += message.text;
        pending_ += '\n';
        flush();
    }

    void silence() override { alive_.reset(); }
    std::shared_ptr<void> take_process() override { return std::move(child_.process); }
    std::string_view kind() const override { return "stdio"; }
    Json facts() const override {
        Json facts = {{"pid", child_.pid}};
        if (noise_ > 0) {
            facts["stdout_noise"] = {{"lines", noise_}, {"last", last_noise_}};
        }
        if (!errors_.empty()) {
            facts["stderr_end"] = errors_;
        }
        return facts;
    }

  private:
    void read_output() {
        std::array<char, kReadAtOnce> bytes;
        const ssize_t count = ::read(child_.output.get(), bytes.data(), bytes.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (count <= 0) {
            over("it closed its output");
            return;
        }
        const std::weak_ptr<int> alive(alive_);
        std::string_view rest(bytes.data(), static_cast<std::size_t>(count));
        while (!rest.empty() && !ended_) {
            const std::size_t end = rest.find('\n');
            take(rest.substr(0, end));
            if (end == std::string_view::npos) {
                break;
            }
            line_ended();
            if (alive.expired()) {
                return;  // the owner dropped this link because of what the line said
            }
            rest.remove_prefix(end + 1);
        }
    }
    void take(std::string_view piece) {
        if (!overlong_ && line_.size() + piece.size() <= net::kLineMax) {
            line_ += piece;
            return;
        }
        if (!overlong_) {
            overlong_ = std::make_unique<IdScanner>();
            overlong_->feed(line_);
            line_.clear();
        }
        overlong_->feed(piece);
    }
    void line_ended() {
        if (const auto scanner = std::move(overlong_)) {
            scanner->finish();
            noise("(a line of more than 4 MB)");
            const std::string& id = scanner->id();
            if (scanner->looks_like_response() && !id.empty() && id.size() < 19 && std::isdigit(id[0]) != 0) {
                sink_.failed(std::stoull(id),
                             {Code::ResourceExhausted, fmt::format("its answer is a line of more than {} bytes",
                                                                   net::kLineMax)}, 0);
            }
            return;
        }
        std::string line;
        line.swap(line_);
        const std::size_t first = line.find_first_not_of(" \t\r");
        if (first == std::string::npos) {
            return;
        }
        if (line[first] != '{' && line[first] != '[') {
            noise(line);
            return;
        }
        sink_.message(line, 0);
    }
    void noise(std::string_view line) {
        ++noise_;
        last_noise_ = std::string(line.substr(0, kNoiseKept));
    }
    void read_errors() {
        std::array<char, kReadAtOnce> bytes;
        const ssize_t count = ::read(child_.errors.get(), bytes.data(), bytes.size());
        if (count > 0) {
            keep_end(errors_, {bytes.data(), static_cast<std::size_t>(count)}, kErrorsKept);
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            loop_.unwatch(child_.errors.get());
            child_.errors.reset();
        }
    }
    void flush() {
        while (written_ < pending_.size()) {
            const ssize_t count = ::write(child_.input.get(), pending_.data() + written_, pending_.size() - written_);
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
                loop_.change(child_.input.get(), EPOLLOUT);
                return;
            }
            if (count < 0) {
                over("its input was closed");
                return;
            }
            written_ += static_cast<std::size_t>(count);
        }
        pending_.clear();
        if (std::exchange(written_, 0) > 0) {
            loop_.change(child_.input.get(), 0);
        }
    }
    // Told later: never inside send().
    void over(const std::string& why) {
        if (std::exchange(ended_, true)) {
            return;
        }
        loop_.unwatch(child_.input.get());
        loop_.unwatch(child_.output.get());
        // A moment for its last words and for its exit code.
        loop_.after(from_millis(20), [this, why, alive = std::weak_ptr<int>(alive_)] {
            if (alive.expired()) {
                return;
            }
            if (child_.errors) {
                read_errors();
            }
            const std::string how = child_.how_it_ended ? child_.how_it_ended() : "";
            const std::string words = how.empty() ? why : fmt::format("it ended, {}", how);
            sink_.closed({Code::Unavailable, errors_.empty() ? words : fmt::format("{}; its last words: {}", words,
                                                                                   last_words())});
        });
    }
    std::string last_words() const {
        std::string_view text = errors_;
        while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
            text.remove_suffix(1);
        }
        return std::string(text.substr(text.size() > 300 ? text.size() - 300 : 0));
    }

    net::Loop& loop_;
    ChildStreams child_;
    UpstreamSink& sink_;
    std::string line_;
    std::unique_ptr<IdScanner> overlong_;
    std::string pending_;  // for its stdin
    std::size_t written_ = 0;
    std::string errors_;
    std::uint64_t noise_ = 0;
    std::string last_noise_;
    bool ended_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

Result<std::unique_ptr<UpstreamLink>> open_stdio_link(net::Loop& loop, const call::UpstreamSpec& spec,
                                                      const StartChild& start, UpstreamSink& sink) {
    RESONANT_ASSIGN(ChildStreams child, start(spec));
    auto link = std::make_unique<StdioLink>(loop, std::move(child), sink);
    RESONANT_CHECK(link->start());
    return link;
}

}  // namespace resonant::mcp
