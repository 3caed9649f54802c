// A Load is one import on its way into the store: records are gathered into batches, each batch is one transaction
// with the note how far the load has come, and the same load begun again goes on behind the last whole one.
//
// Belongs to the thread of its call.
//
// Invariants:
//   (1) It holds one batch: at most kImportBatch records or about kImportBatchBytes of text.
//   (2) After a crash each record is stored once or not at all, and the note says which.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "resonant/memory/data_sea.h"
#include "resonant/tools/records.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

inline constexpr std::size_t kImportBatch = 200;
inline constexpr std::size_t kImportBatchBytes = 4 * 1024 * 1024;

class Load {
  public:
    struct Options {
        std::string job;     // the name under which progress is kept
        std::string galaxy;  // of every record, or of those that say nothing
        bool keeps_galaxies = false;  // those that say where they lay go there; it is made when it is not there
        std::string source;  // of records without their own
        std::string unit = "line";  // what Record::line counts
        bool merge = false;
        bool only_validate = false;
        memory::Twin twin = memory::Twin::Reinforce;
    };
    Load(Services& services, const call::Call& call, Options options);

    // Asks how far an earlier load of this job has come.
    Status begin();
    // The next record; those that are done already are passed over. Timeout when the call was cancelled.
    Status take(Record record, double share);
    // Stores what is gathered. At the end and when reading failed.
    Status flush();
    // Draws the links that waited for records that came later, and forgets the job.
    Status finish();

    std::size_t kept() const { return kept_; }  // records that are done for good, of earlier loads, too
    // An error of take() or flush() that has all words already.
    bool has_failed() const { return has_failed_; }
    Json shown() const;

  private:
    Status store_batch();
    Status store(const Record& record);
    Status remember_once(const Record& record, memory::Added& added, bool& is_known);
    Status add_once(const Record& record, const memory::Memory& memory, memory::Added& added);
    Status find_galaxy(const std::string& name);
    Status draw(const Record& record, memory::MemoryId from);
    Status link(memory::MemoryId from, memory::MemoryId to, const std::string& type, double weight);
    void refuse(const Record& record, const std::string& why);
    Status look_up();
    Status tell() const;

    struct Counts {
        std::size_t stored = 0, skipped = 0, merged = 0, refused = 0, links = 0, links_open = 0;
        Json refusals = Json::array();
        std::map<std::string, std::size_t> unknown;  // members of records that mean nothing here
        std::vector<std::string> galaxies;           // that were made
    };

    Services& services_;
    const call::Call& call_;
    const Options options_;
    Counts counts_;
    std::map<std::string, Status> known_galaxies_;
    std::vector<Record> batch_;
    std::size_t batch_bytes_ = 0;
    std::size_t met_ = 0;      // records that were read
    std::size_t kept_ = 0;
    std::size_t resumed_ = 0;  // records of an earlier load
    double share_ = 0;         // of the whole that is read
    bool has_failed_ = false;
};

}  // namespace resonant::tools
