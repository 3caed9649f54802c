// ClientRecords are what the next kernel shall know of this one's clients: what a session wants to be told of, and
// which tasks were open. One small record a key, in one file of the home.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) A record is given back only if it was written by who knows the secret, under that very key: each is sealed by an
//       HMAC-SHA-256. A torn or changed line is as if it had never been written.
//   (2) The file (0600) names no key, only its hash, since the id of a session is half a secret.
//   (3) kRecordsMax records of kRecordBytesMax at most, kRecordsBytesMax in all: the oldest give way. The file is written
//       anew when it holds more that is over than that is not.
// It outlives a killed kernel; a power cut may take the last ones along, as nothing waits for the disk.
#pragma once

#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"

namespace resonant::mcp {

inline constexpr std::size_t kRecordsMax = 16'384;
inline constexpr std::size_t kRecordBytesMax = 16 * 1024;
inline constexpr std::size_t kRecordsBytesMax = 16 * 1024 * 1024;

class ClientRecords {
  public:
    // Reads what is there. A file that cannot be read or written is an error; what is damaged in it is left out.
    static Result<std::unique_ptr<ClientRecords>> open(std::filesystem::path file, std::string secret);
    ClientRecords(const ClientRecords&) = delete;
    ClientRecords& operator=(const ClientRecords&) = delete;

    // `text` is one line. InvalidArgument when it is too long; then what was kept under the key is gone.
    Status put(std::string_view key, std::string_view text);
    std::optional<std::string> find(std::string_view key) const;
    Status drop(std::string_view key);
    std::size_t size() const { return records_.size(); }

  private:
    struct Record {
        std::string name;  // hash of its key
        std::string text;
    };

    ClientRecords(std::filesystem::path file, std::string secret);
    std::string line_of(std::string_view name, std::string_view text) const;
    void keep(std::string name, std::string text);
    void forget(const std::string& name);
    bool read_line(std::string_view line);
    Status append(const std::string& line);
    Status write_anew();

    const std::filesystem::path path_;
    const std::string secret_;
    Descriptor file_;
    std::size_t file_bytes_ = 0, live_bytes_ = 0;
    std::list<Record> records_;  // oldest first
    std::unordered_map<std::string, std::list<Record>::iterator> by_name_;
};

}  // namespace resonant::mcp
