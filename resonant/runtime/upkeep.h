// Upkeep is the kernel's two quiet threads: one that does small duties once a second (heartbeat, batch
// of reads, saved limits, maturity), one at low priority that embeds new memories.
//
// Threads: construct, start and stop from one thread; nudge() from any.
//
// Invariants:
//   (1) A duty that fails or throws is logged and tried again a second later; the others go on.
//   (2) stop() runs every duty once more, so that what was noted is on the disk.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::runtime {

class Upkeep {
  public:
    struct Duty {
        std::string name;
        std::function<Status()> work;
    };

    Upkeep() = default;
    Upkeep(const Upkeep&) = delete;
    Upkeep& operator=(const Upkeep&) = delete;
    ~Upkeep() { stop(); }

    // `duties` run each second. `index` embeds a few memories and returns how many are left; it runs
    // again at once while some are left, else after the next nudge().
    void start(std::vector<Duty> duties, std::function<Result<std::size_t>()> index);
    // There may be something to embed.
    void nudge();
    void stop();

  private:
    void serve();
    void embed();
    void run_all();

    std::vector<Duty> duties_;
    std::function<Result<std::size_t>()> index_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    bool news_ = true;
    std::thread duty_thread_;
    std::thread index_thread_;
};

}  // namespace resonant::runtime
