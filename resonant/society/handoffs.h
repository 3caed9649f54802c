// Handoffs pass a session to another agent, client or device: offered, then accepted once.
//
// Threads: any.
//
// Invariant: a session changes hands only when its owner offered it and the one it was offered to
// (or, when nobody was named, whoever came first) accepted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/society/sessions.h"
#include "resonant/sql/database.h"

namespace resonant::society {

struct Handoff {
    std::int64_t id = 0;  // on the wire "h2"
    std::int64_t session = 0;
    std::string from, to, message;  // `to` is empty: for whoever accepts
    std::string status = "open";    // open|accepted
    std::string accepted_by;
    std::int64_t at_ns = 0;
};

class Handoffs {
  public:
    static Result<std::unique_ptr<Handoffs>> open(sql::Database& database, Clock& clock,
                                                  Sessions& sessions);
    Handoffs(const Handoffs&) = delete;
    Handoffs& operator=(const Handoffs&) = delete;

    Result<Handoff> offer(std::int64_t session, const std::string& to, const std::string& message,
                          const std::string& principal);
    // NotFound when it was not offered to `principal`, Conflict when it was accepted already.
    Result<Handoff> accept(std::int64_t id, const std::string& principal);
    // What `principal` offered, may accept or accepted; newest first. status: open|accepted|all.
    Result<std::vector<Handoff>> list(const std::string& status, std::size_t limit,
                                      const std::string& principal);

  private:
    Handoffs(sql::Database& database, Clock& clock, Sessions& sessions)
        : database_(database), clock_(clock), sessions_(sessions) {}
    sql::Database& database_;
    Clock& clock_;
    Sessions& sessions_;
};

}  // namespace resonant::society
