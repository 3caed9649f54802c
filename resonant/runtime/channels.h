// Channels is the kernel as supervisor of what helpers of the same user share with it: it owns the
// private root of this start and every service in it, made whole before anybody is told where. A
// channel is made when the first helper asks for it; until then it costs nothing.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) What an earlier kernel of this home left is cleared before anything is made.
//   (2) A sample of the topic "board" is a whole page by docs/formats/board.md, sent when the board
//       has changed, at most once in kBoardPause; notice 0 goes with it.
//   (3) A sample of the topic "batches" names an Arrow segment of the DataSea, once each, in the order
//       of writing; notice 1 goes with it. Segments hold no private memory.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "resonant/ipc/root.h"
#include "resonant/net/loop.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/runtime/home.h"

namespace resonant::runtime {

inline constexpr Nanos kBoardPause = from_millis(20);
inline constexpr Nanos kReapPause = from_seconds(10);
inline constexpr std::uint32_t kBoardNotice = 0;
inline constexpr std::uint32_t kBatchNotice = 1;

class Channels {
  public:
    // All three outlive it.
    Channels(net::Loop& loop, plane::KernelPlane& plane, const Home& home);
    Channels(const Channels&) = delete;
    Channels& operator=(const Channels&) = delete;
    ~Channels();

    // Where the channel of this kind is, which is made now if it is not there. Unimplemented when
    // the build left it out.
    Result<ipc::Place> open(ipc::Kind kind);
    // The kinds that were opened. Any thread.
    std::vector<std::string> in_use() const;

  private:
    struct Opened {
        std::unique_ptr<ipc::Root> root;  // ends last
        std::unique_ptr<ipc::Owner> owner;
        std::set<std::string> batches;  // names of segments that were sent
    };
    void schedule();
    void publish_board();
    void publish_batches();
    void reap();
    std::string answer(std::string_view question) const;

    net::Loop& loop_;
    plane::KernelPlane& plane_;
    const Home& home_;
    std::array<std::unique_ptr<Opened>, 2> opened_;
    std::array<std::atomic<bool>, 2> in_use_{};
    std::vector<std::byte> last_page_;
    std::filesystem::file_time_type manifest_time_{};
    std::uint64_t timer_ = 0;
    Nanos reaped_{};
};

}  // namespace resonant::runtime
