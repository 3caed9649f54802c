// Attaches to a kernel from C++, gives up its user when told to, reads the board and follows the ring.
//
//     attach_cc HOME/plane.sock EVENTS [UID]
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "resonant/client/client.h"

int main(int count, char** words) {
    if (count < 3) {
        fmt::print(stderr, "usage: attach_cc HOME/plane.sock EVENTS [UID]\n");
        return 2;
    }
    const auto client = resonant::client::Client::attach(words[1]);
    if (!client) {
        fmt::print(stderr, "{}\n", client.error().message);
        return 1;
    }
    const uid_t user = count > 3 ? static_cast<uid_t>(std::atoi(words[3])) : ::getuid();
    if (count > 3 && (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0)) {
        return 1;
    }
    const resonant::board::BoardView& board = (*client)->board();
    fmt::print("uid {}, epoch {}, error_rate {:.3f}\n", ::getuid(), board.epoch(), board.traffic().error_rate);
    // The type has no function that writes; the page table refuses who goes around it.
    const bool written = ::mprotect(const_cast<void*>(board.page()), 4096, PROT_READ | PROT_WRITE) == 0;
    fmt::print("writes that succeeded: {}\n", written ? 1 : 0);
    std::fflush(stdout);
    int left = std::atoi(words[2]);
    while (left > 0 && (*client)->wait(resonant::from_seconds(30))) {
        resonant::ring::Event event;
        while (left > 0 && (*client)->events().poll(event) == resonant::ring::Poll::Got) {
            fmt::print("{} {} {}\n", (*client)->events().position() - 1, name_of(event.type), name_in(event));
            --left;
        }
    }
    fmt::print("lost {}\n", (*client)->lost());
    return left == 0 && !written ? 0 : 1;
}
