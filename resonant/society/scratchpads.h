// Scratchpads are working notes with named sections, kept over restarts until they are finalized
// into a memory.
//
// Threads: any. A principal sees its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/sql/database.h"

namespace resonant::society {

struct Scratchpad {
    std::int64_t id = 0;  // on the wire "n3"
    std::string name;
    std::int64_t session = 0;     // 0: none
    std::string status = "open";  // open|final
    std::int64_t updated_ns = 0;
    std::vector<std::pair<std::string, std::string>> sections;  // in the order of their making
};

class Scratchpads {
  public:
    static constexpr std::size_t kSectionsMax = 100;
    static constexpr std::size_t kSectionBytes = 256 * 1024;

    static Result<std::unique_ptr<Scratchpads>> open(sql::Database& database, Clock& clock);
    Scratchpads(const Scratchpads&) = delete;
    Scratchpads& operator=(const Scratchpads&) = delete;

    Result<Scratchpad> create(const std::string& name, std::int64_t session,
                              const std::string& principal);
    // Replaces or appends a section, made if absent. Conflict when the notes are final,
    // ResourceExhausted past the limits above. Returns the bytes of the section.
    Result<std::size_t> write(std::int64_t id, const std::string& section,
                              const std::string& content, bool append,
                              const std::string& principal);
    Result<Scratchpad> read(std::int64_t id, const std::string& principal);
    // Open ones, newest first, without sections; of one session when it is not 0.
    Result<std::vector<Scratchpad>> list(std::int64_t session, std::size_t limit,
                                         const std::string& principal);
    Status finalize(std::int64_t id, const std::string& principal);

  private:
    Scratchpads(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    sql::Database& database_;
    Clock& clock_;
};

}  // namespace resonant::society
