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
//   (3) Who does not read answers is not read from: with output_high bytes waiting, or with a journal that
//       has no row left for another id, no line is delivered and at most kReadAhead bytes are read ahead.
//       What is sent all the same may add up to output_max; beyond that the connection ends.
//   (4) After the input ended, lines already taken may still be answered; finish() ends it.
//   (5) At most kLinesAtOnce lines are delivered in a row before others have their turn.
//   (6) No line is left lying: when delivering stops for another reason than that no line is there, the
//       event that ends this reason (bytes written, resume(), withdraw(), its next turn) starts it again.
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

inline constexpr int kLinesAtOnce = 64;
inline constexpr std::size_t kReadAhead = 64 * 1024;  // bytes held while no line may be delivered

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
    // The connection is over, once, and last. `why` is for people. The owner destroys it later, from
    // the loop, never inside a call of this sink.
    virtual void closed(LineConnection& from, const std::string& why) = 0;
};

struct LineOptions {
    std::size_t output_high = 1 * 1024 * 1024;  // bytes that wait for a slow reader and stop its requests
    // Bytes that may wait for a slow reader: calls that run already end when they end, 256 of 256 KiB.
    std::size_t output_max = 64 * 1024 * 1024;
};

class LineConnection {
  public:
    // Takes both descriptors (for one socket: two duplicates) and a journal, whose input from before is
    // delivered first. InvalidArgument for anything but pipes and stream sockets; PermissionDenied when
    // a pipe of another user cannot be reopened.
    static Result<std::unique_ptr<LineConnection>> open(Loop& loop, Descriptor input, Descriptor output,
                                                        std::unique_ptr<Journal> journal,
                                                        LineSink& sink, LineOptions options = {});
    LineConnection(const LineConnection&) = delete;
    LineConnection& operator=(const LineConnection&) = delete;
    ~LineConnection();

    // Starts to deliver. Call once the owner is ready for lines.
    Status start();
    // Sends one line; the end is added. `label` leaves the journal once the line is written whole.
    // Nothing happens after the end.
    void send(std::string_view line, std::string_view label = {});
    // Commits the line being delivered; see LineSink::line.
    void take();
    // Takes a label from the journal that gets no answer.
    void withdraw(std::string_view label);
    // Stops delivering until resume(): back-pressure.
    void pause();
    void resume();
    // Ends after what waits has been written; end() ends at once.
    void finish();
    void end(const std::string& why);

    Journal& journal() { return *journal_; }
    bool ended() const { return ended_; }
    // Bytes that wait for the reader.
    std::size_t waiting_bytes() const { return pending_.size() - written_; }
    bool reader_is_slow() const { return waiting_bytes() >= options_.output_high; }

  private:
    enum class Kind : std::uint8_t { Pipe, Socket };
    struct End {
        Descriptor fd;
        Kind kind = Kind::Pipe;
    };

    LineConnection(Loop& loop, End input, End output, std::unique_ptr<Journal> journal, LineSink& sink,
                   LineOptions options);
    static Result<End> own_end(Descriptor handed, int mode);
    bool is_one_socket() const { return !input_.fd; }
    int input_fd() const { return is_one_socket() ? output_.fd.get() : input_.fd.get(); }
    void on_ready(std::uint32_t events);
    void on_input();
    void on_output(std::uint32_t events);
    bool may_deliver() const;
    void deliver();
    void deliver_later();
    void go_on();
    bool deliver_one();
    bool drop_overlong(std::string_view input, std::size_t end);
    void ask_for_events();
    void flush();
    long write_pending();
    void forget_written();

    Loop& loop_;
    End input_;  // empty when output_ is a socket for both ways
    End output_;
    std::unique_ptr<Journal> journal_;
    LineSink& sink_;
    LineOptions options_;
    std::string pending_;              // bytes that wait for the reader
    std::size_t written_ = 0;          // of pending_
    std::deque<std::pair<std::size_t, std::string>> labels_;  // end in pending_, label to close
    std::size_t current_ = 0;          // bytes of the line being delivered, with its end
    std::size_t scanned_ = 0;          // of the input, known to hold no line end
    int unflushed_ = 0;                // lines sent while delivering
    bool mid_line_ = false;            // what was written last ends within a line
    bool taken_ = false;
    bool discarding_ = false;
    bool silent_discard_ = false;      // its beginning died with another kernel
    bool delivering_ = false;
    bool undelivered_ = false;         // delivering stopped, and lines may lie there
    bool later_ = false;               // a posted task goes on delivering
    bool input_watched_ = false;
    bool end_reported_ = false;        // input_ended() was called
    bool paused_ = false;
    bool input_over_ = false;
    bool finishing_ = false;
    bool ended_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // weak copies know whether *this is
};

}  // namespace resonant::net
