#include "resonant/net/wheel.h"

#include <bit>

namespace resonant::net {

Wheel::Wheel(std::uint64_t now_tick) : now_(now_tick) {
    for (std::uint32_t i = 0; i < kHeads; ++i) {
        heads_[i] = {kHead | i, kHead | i, 0};
    }
}

void Wheel::arm(std::uint32_t number, std::uint64_t due) {
    if (number >= links_.size()) {
        links_.resize(number + 1, Link{kNone, kNone, 0});
    }
    cancel(number);
    due = due > now_ ? due : now_ + 1;
    links_[number].due = due;
    insert(number, due);
    ++armed_;
}

void Wheel::cancel(std::uint32_t number) {
    if (is_armed(number)) {
        unlink(number);
        --armed_;
    }
}

std::uint64_t Wheel::ticks_left() const {
    std::uint64_t least = ~std::uint64_t{0};
    for (unsigned level = 0; level < kLevels; ++level) {
        if (const std::uint64_t at = next_at(level); at != 0 && at - now_ < least) {
            least = at - now_;
        }
    }
    return armed_ == 0 ? 0 : least;
}

void Wheel::advance(std::uint64_t until, std::vector<std::uint32_t>& expired) {
    while (now_ < until) {
        const std::uint64_t left = ticks_left();
        if (left == 0 || left > until - now_) {
            now_ = until;
            return;
        }
        now_ += left;
        for (unsigned level = kLevels - 1; level > 0; --level) {
            if ((now_ & ((std::uint64_t{1} << (kBits * level)) - 1)) == 0) {
                cascade(level);
            }
        }
        const auto head = static_cast<std::uint32_t>(now_ & kMask);
        while (heads_[head].next != (kHead | head)) {
            const std::uint32_t number = heads_[head].next;
            unlink(number);
            --armed_;
            expired.push_back(number);
        }
    }
}

// The tick at which the first list of a level that is not empty is reached; 0: the level is empty.
std::uint64_t Wheel::next_at(unsigned level) const {
    if (filled_[level] == 0) {
        return 0;
    }
    const unsigned shift = kBits * level;
    const std::uint64_t current = now_ >> shift;
    // Distances 1 to 64: the current list itself is a whole turn away.
    const std::uint64_t turned = std::rotr(filled_[level], static_cast<int>((current + 1) & kMask));
    return (current + 1 + static_cast<std::uint64_t>(std::countr_zero(turned))) << shift;
}

void Wheel::insert(std::uint32_t number, std::uint64_t due) {
    const std::uint64_t delta = due - now_;
    unsigned level = 0;
    while (level + 1 < kLevels && delta >> (kBits * (level + 1)) != 0) {
        ++level;
    }
    std::uint64_t place = due >> (kBits * level);
    if (delta >> (kBits * kLevels) != 0) {
        place = (now_ >> (kBits * level)) + kMask;  // beyond the wheel: as far as it goes, then again
    }
    const auto slot = static_cast<std::uint32_t>(place & kMask);
    const std::uint32_t head = level * kSlots + slot;
    Link& first = heads_[head];
    Link& link = links_[number];
    link.next = kHead | head;
    link.prev = first.prev;
    at(first.prev).next = number;
    first.prev = number;
    filled_[level] |= std::uint64_t{1} << slot;
}

void Wheel::unlink(std::uint32_t number) {
    Link& link = links_[number];
    at(link.next).prev = link.prev;
    at(link.prev).next = link.next;
    if (link.next == link.prev && (link.next & kHead) != 0) {
        const std::uint32_t head = link.next & ~kHead;
        filled_[head / kSlots] &= ~(std::uint64_t{1} << (head & kMask));
    }
    link.next = link.prev = kNone;
}

// Deals out the list of `level` that has just been reached.
void Wheel::cascade(unsigned level) {
    const std::uint32_t head = level * kSlots + static_cast<std::uint32_t>((now_ >> (kBits * level)) & kMask);
    std::uint32_t number = heads_[head].next;
    heads_[head] = {kHead | head, kHead | head, 0};
    filled_[level] &= ~(std::uint64_t{1} << (head & kMask));
    while ((number & kHead) == 0) {
        const std::uint32_t next = links_[number].next;
        insert(number, links_[number].due);
        number = next;
    }
}

}  // namespace resonant::net
