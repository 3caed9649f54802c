// A LineConnection carries lines (text that ends with '\n') over two descriptors somebody handed over:
// a client's stdin and stdout, or the two directions of a socket.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) It never blocks on the descriptors and leaves their flags alone, for O_NONBLOCK is shared with
//       the client: pipes are reopened through /proc/self/fd, sockets use MSG_DONTWAIT. Only pipes and
//       sockets are accepted.
//   (2) A line longer than kLineMax is never held: its bytes pass through overlong() and are dropped.
//   (3) At most output_max bytes wait for a slow reader; beyond that the connection ends.
//   (4) After the input ended, lines already taken may still be answered; finish() ends it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "resonant/base/descriptor.h"
#include "resonant/net/journal.h"
#include "resonant/net/loop.h"

namespace resonant::net {

class LineConnection;

// What a connection tells its owner. Calls come from the loop's thread.
class LineSink {
  public:
    LineSink() = default;
    LineSink(const LineSink&) = delete;
    LineSink& operator=(const LineSink&) = delete;
    virtual ~LineSink() = default;

    // One line without its end. The sink may call take() once it knows the line's ids and before it acts
    // on it; otherwise the line counts as taken when this returns. `line` stays valid until it returns.
    virtual void line(LineConnection& from, std::string_view line) = 0;
    // A piece of a line that is too long; `last` with its end.
    virtual void overlong(LineConnection& from, std::string_view piece, bool last) = 0;
    // The other side will send nothing more. Answers may still be sent.
    virtual void input_ended(LineConnection& from) = 0;
    // The connection is over, once, and last. `why` is for people.
    virtual void closed(LineConnection& from, const std::string& why) = 0;
};

struct LineOptions {
    std::size_t output_max = 16 * 1024 * 1024;  // bytes that may wait for a slow reader
};

class LineConnection {
  public:
    // Takes both descriptors (they may be the same socket twice, duplicated) and a journal.
    // InvalidArgument for anything but pipes and sockets; PermissionDenied when a pipe of another user
    // cannot be reopened. Delivers what the journal holds from before, then reads.
    static Result<std::unique_ptr<LineConnection>> open(Loop& loop, Descriptor input, Descriptor output,
                                                        std::unique_ptr<Journal> journal,
                                                        LineSink& sink, LineOptions options = {});
    LineConnection(const LineConnection&) = delete;
    LineConnection& operator=(const LineConnection&) = delete;
    ~LineConnection();

    // Starts to deliver. Call once the owner is ready for lines.
    void start();
    // Sends one line; the end is added. Nothing happens after the end.
    void send(std::string_view line);
    // Commits the line being delivered; see LineSink::line.
    void take();
    // Stops reading until resume(): back-pressure.
    void pause();
    void resume();
    // Ends after what waits has been written; end() ends at once.
    void finish();
    void end(const std::string& why);

    Journal& journal() { return *journal_; }

  private:
    enum class Kind : std::uint8_t { Pipe, Socket };
    LineConnection(Loop& loop, std::unique_ptr<Journal> journal, LineSink& sink, LineOptions options)
        : loop_(loop), journal_(std::move(journal)), sink_(sink), options_(options) {}

    Status take_ends(Descriptor input, Descriptor output);
    void on_input();
    void on_output(std::uint32_t events);
    void deliver();
    void discard();
    void input_over();
    void watch_input();
    bool write_some();
    void flush();
    long read_into(std::span<char> room);

    Loop& loop_;
    Descriptor input_;
    Descriptor output_;
    Kind input_kind_ = Kind::Pipe;
    Kind output_kind_ = Kind::Pipe;
    std::unique_ptr<Journal> journal_;
    LineSink& sink_;
    LineOptions options_;
    std::string pending_;          // bytes that wait for the reader
    std::size_t written_ = 0;      // of pending_
    std::size_t current_ = 0;      // bytes of the line being delivered, with its end
    std::size_t scanned_ = 0;      // of the input, known to hold no line end
    bool taken_ = false;
    bool discarding_ = false;
    bool delivering_ = false;
    bool paused_ = false;
    bool watching_input_ = false;
    bool watching_output_ = false;
    bool input_over_ = false;
    bool finishing_ = false;
    bool closed_ = false;
    bool started_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // weak copies know whether *this is
};

}  // namespace resonant::net
