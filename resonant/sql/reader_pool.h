// The reading connections of a Database: lent to one thread at a time, each for a transaction that sees one state.
//
// Threads: any; add() before the first lend().
//
// Invariants:
//   (1) A thread that reads already is given its own connection again: reads inside reads see the same state.
//   (2) While the pool is hushed nobody begins to read.
//   (3) What was read from a page that is not as it was written is refused (PageOwners).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "resonant/sql/database.h"
#include "resonant/sql/page_owners.h"

namespace resonant::sql {

class ReaderPool {
  public:
    explicit ReaderPool(PageOwners& owners) : owners_(owners) {}
    ReaderPool(const ReaderPool&) = delete;
    ReaderPool& operator=(const ReaderPool&) = delete;

    void add(std::unique_ptr<Connection> reader);

    // Runs `query` with a connection of the pool; waits while all are lent or the pool is hushed.
    Status lend(const std::function<Status(Connection&)>& query);

    // Waits until nobody reads, and keeps those who come waiting until let_go_on(). Unavailable when somebody
    // reads for longer than `patience`, Conflict inside a read.
    Status hush(std::chrono::milliseconds patience);
    void let_go_on();

  private:
    struct Loan;

    PageOwners& owners_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<std::unique_ptr<Connection>> readers_;
    std::vector<Connection*> idle_;
    std::map<std::thread::id, Connection*> reading_;
    int hushed_ = 0;  // checkpoints that keep new readers waiting
};

}  // namespace resonant::sql
