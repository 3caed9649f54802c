// ToolSearch finds tools by what somebody wants to do: words (BM25 over name, parameters and
// summary) fused with meaning (embeddings of the summaries) once they are warm.
//
// Threads: any after construction; warm() may run beside rank().
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/memory/data_sea.h"
#include "resonant/tools/toolbox.h"

namespace resonant::tools {

struct ToolHit {
    const Tool* tool = nullptr;
    double score = 0;  // 0..1
};

class ToolSearch {
  public:
    // The toolbox is complete and stays.
    explicit ToolSearch(const Toolbox& toolbox);
    ToolSearch(const ToolSearch&) = delete;
    ToolSearch& operator=(const ToolSearch&) = delete;

    // Embeds the summaries, once. Unavailable when there is no model: words remain. About a second.
    Status warm(memory::DataSea& sea);
    bool warmed() const { return warmed_.load(std::memory_order_acquire); }

    // Tools that fit `query`, best first, without those that have nothing in common. `sea` may be
    // null.
    std::vector<ToolHit> rank(std::string_view query, std::size_t limit,
                              memory::DataSea* sea) const;

  private:
    struct Entry {
        std::map<std::string, double> weights;  // term -> weight; the name counts thrice
        double length = 0;
        memory::Vector vector{};
    };
    std::vector<double> word_scores(std::string_view query) const;

    const Toolbox& toolbox_;
    std::vector<Entry> entries_;
    std::map<std::string, double> rarity_;  // term -> inverse document frequency
    double length_mean_ = 0;
    std::mutex warming_;
    std::atomic<bool> warmed_{false};
};

}  // namespace resonant::tools
