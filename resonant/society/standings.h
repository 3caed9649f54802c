// Standings keep who may not call at the moment, and why, so that a pause outlives a restart.
//
// Threads: any. Durable when it returns.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "resonant/base/clock.h"
#include "resonant/sql/database.h"

namespace resonant::society {

struct Standing {
    std::string reason;
    std::string by;
    Nanos at{};
};

class Standings {
  public:
    static Result<std::unique_ptr<Standings>> open(sql::Database& database, Clock& clock);
    Standings(const Standings&) = delete;
    Standings& operator=(const Standings&) = delete;

    // `principal` is suspended from now on; "*" is everybody but the owner.
    Status suspend(const std::string& principal, const std::string& reason, const std::string& by);
    // NotFound when it was not suspended.
    Status lift(const std::string& principal);
    Result<std::map<std::string, Standing>> suspended() const;

  private:
    Standings(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}

    sql::Database& database_;
    Clock& clock_;
};

}  // namespace resonant::society
