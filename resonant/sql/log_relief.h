// A LogRelief moves what is committed from SQLite's log (the WAL) into the file while readers and the writer
// go on, so that no commit has to do it: a commit that finds all of the log moved begins it anew.
//
// One thread at a time, best one in the background.
//
// Invariants:
//   (1) It waits for nobody and nobody waits for it: what a reader still needs stays in the log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "resonant/base/result.h"
#include "resonant/sql/database.h"

namespace resonant::sql {

class LogRelief {
  public:
    static constexpr std::uintmax_t kWorthwhileBytes = std::uintmax_t{4} << 20;

    explicit LogRelief(std::filesystem::path database) : file_(std::move(database)) {}
    LogRelief(const LogRelief&) = delete;
    LogRelief& operator=(const LogRelief&) = delete;
    ~LogRelief() = default;

    // Does nothing while the log is short. Cost: writes every page changed since, once.
    Status run();

  private:
    const std::filesystem::path file_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace resonant::sql
