// A FairQueue holds what waits for a worker, a lane a principal, and gives it out lane by lane: who sends a
// thousand calls waits for its own, who sends one is next but one round. When it is full somebody has to go:
// one of those who hold more than their share, the lowest class first. (Fair queueing after Nagle; longest
// queue drop after McKenney.)
//
// Belongs to its owner, who locks.
//
// Invariants:
//   (1) What one principal pushed comes out in the order of pushing.
//   (2) Between two items of one lane every other lane that waits is served once.
//   (3) Nothing is shed before kMax items wait, and never from a principal that holds no more than its share
//       (kMax / number of lanes) while another holds more.
//   (4) Every item that was pushed is given out by pop() or handed back by push() as shed, once.
//
// Cost: O(1); O(lanes) when it is full.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace resonant::dispatch {

// What is shed first when not everything can be done. Reading can be asked again without harm.
enum class Rank : std::uint8_t { Background, Read, Act, Operator };
inline constexpr std::size_t kRanks = 4;

template <typename Item>
class FairQueue {
  public:
    explicit FairQueue(std::size_t items_max) : items_max_(items_max) {}

    struct Pushed {
        bool taken = true;         // false: it is full, and the new one has to go; it was not moved from
        std::optional<Item> shed;  // the one that went in its place
    };
    Pushed push(const std::string& principal, Rank rank, Item&& item) {
        Pushed pushed;
        if (size_ >= items_max_) {
            const Lane* victim = choose(principal, rank);
            if (victim == nullptr) {
                pushed.taken = false;
                return pushed;
            }
            pushed.shed = take_newest(*victim);
        }
        const auto [place, made] = by_principal_.try_emplace(principal);
        if (made) {
            place->second = lanes_.insert(lanes_.end(), Lane{principal, {}, {}});
        }
        Lane& lane = *place->second;
        lane.items.emplace_back(rank, std::move(item));
        ++lane.ranks[static_cast<std::size_t>(rank)];
        ++size_;
        return pushed;
    }

    // The next one; not when it is empty.
    Item pop() {
        return std::move(*pop_if([](const std::string&) { return true; }));
    }

    // The next one of a principal that `may` be served now; nothing when there is none.
    template <typename May>
    std::optional<Item> pop_if(May may) {
        const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& one) { return may(one.principal); });
        if (lane == lanes_.end()) {
            return std::nullopt;
        }
        Item item = std::move(lane->items.front().second);
        --lane->ranks[static_cast<std::size_t>(lane->items.front().first)];
        lane->items.pop_front();
        --size_;
        if (lane->items.empty()) {
            by_principal_.erase(lane->principal);
            lanes_.erase(lane);
        } else {
            lanes_.splice(lanes_.end(), lanes_, lane);
        }
        return item;
    }

    bool empty() const { return size_ == 0; }
    std::size_t size() const { return size_; }
    std::size_t waiting(const std::string& principal) const {
        const auto found = by_principal_.find(principal);
        return found == by_principal_.end() ? 0 : found->second->items.size();
    }

  private:
    struct Lane {
        std::string principal;
        std::deque<std::pair<Rank, Item>> items;
        std::array<std::size_t, kRanks> ranks{};

        Rank lowest() const {
            std::size_t rank = 0;
            while (rank + 1 < kRanks && ranks[rank] == 0) {
                ++rank;
            }
            return static_cast<Rank>(rank);
        }
    };

    // The lane that gives one up for a newcomer; null: the newcomer goes.
    const Lane* choose(const std::string& principal, Rank rank) const {
        const std::size_t own = waiting(principal);
        const std::size_t share = items_max_ / (lanes_.size() + (own == 0 ? 1 : 0));
        const Lane* victim = nullptr;
        bool found = own + 1 > share;  // the newcomer itself is the first that may go
        Rank lowest = rank;
        std::size_t longest = own + 1;
        for (const Lane& lane : lanes_) {
            const std::size_t held = lane.items.size() + (lane.principal == principal ? 1 : 0);
            if (held <= share) {
                continue;
            }
            if (!found || lane.lowest() < lowest || (lane.lowest() == lowest && held > longest)) {
                victim = &lane;
                lowest = lane.lowest();
                longest = held;
                found = true;
            }
        }
        return victim;
    }

    // Of its lowest class.
    Item take_newest(const Lane& of) {
        const auto lane = by_principal_.at(of.principal);
        const Rank lowest = lane->lowest();
        auto place = lane->items.end();
        do {
            --place;
        } while (place->first != lowest);
        Item item = std::move(place->second);
        lane->items.erase(place);
        --lane->ranks[static_cast<std::size_t>(lowest)];
        --size_;
        if (lane->items.empty()) {
            by_principal_.erase(lane->principal);
            lanes_.erase(lane);
        }
        return item;
    }

    const std::size_t items_max_;
    std::size_t size_ = 0;
    std::list<Lane> lanes_;  // the front one is served next
    std::unordered_map<std::string, typename std::list<Lane>::iterator> by_principal_;
};

}  // namespace resonant::dispatch
