// While an Optimistic stands on a thread, a write() inside a write() of that thread makes no savepoint: many
// changes in one transaction then cost no more than their rows, and full text is put in order once for all.
// A change that fails before it changed a row still stands alone; one that fails later spoils the whole
// transaction, which is rolled back and can be done again with savepoints.
//
// Belongs to the thread that made it; one at a time.
#pragma once

namespace resonant::sql {

class Optimistic {
  public:
    Optimistic();
    Optimistic(const Optimistic&) = delete;
    Optimistic& operator=(const Optimistic&) = delete;
    ~Optimistic();

    // True when the outermost write() was rolled back because an inner one could not be undone alone.
    bool spoiled() const { return spoiled_; }

  private:
    friend class Database;
    bool spoiled_ = false;
};

}  // namespace resonant::sql
