// AgeLists keep numbered things in the order in which their time began, a list for each kind of time limit. Within a
// kind every limit is the same, so the first of a list is the next to run out: nobody has to look at the others.
// (The idea is that of the timing lists in Varghese and Lauck, 1987, for few different intervals.)
//
// Belongs to one thread.
//
// Invariants:
//   (1) A thing stands in exactly one list from add() to remove(), behind everything that began before it.
//   (2) add(), start() and remove() cost O(1); start() allocates nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>

namespace resonant::net {

template <std::size_t kKinds>
class AgeLists {
  public:
    struct Entry {
        std::uint64_t id = 0;
        std::int64_t since = 0;
        std::size_t kind = 0;
    };
    using Place = typename std::list<Entry>::iterator;

    Place add(std::uint64_t id, std::size_t kind, std::int64_t now) {
        return lists_[kind].insert(lists_[kind].end(), Entry{id, now, kind});
    }
    // Its time begins anew, perhaps under another limit.
    void start(Place place, std::size_t kind, std::int64_t now) {
        lists_[kind].splice(lists_[kind].end(), lists_[place->kind], place);
        place->kind = kind;
        place->since = now;
    }
    void remove(Place place) { lists_[place->kind].erase(place); }

    // The one that began first, or null.
    const Entry* oldest(std::size_t kind) const { return lists_[kind].empty() ? nullptr : &lists_[kind].front(); }
    std::size_t size(std::size_t kind) const { return lists_[kind].size(); }

  private:
    std::array<std::list<Entry>, kKinds> lists_;
};

}  // namespace resonant::net
