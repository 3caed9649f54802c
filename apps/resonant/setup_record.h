// A SetupRecord is what `resonant setup` did to a client's file, kept in <home>/clients so that --undo knows what is
// ours and what the person changed since.
//
// Belongs to the main thread; a plain value.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "resonant/json/source_edit.h"
#include "resonant/runtime/home.h"

namespace resonant::app {

struct SetupRecord {
    struct Removed {
        json::SourcePath path;
        Json entry;
    };

    std::string client, file;
    bool created = false;          // there was no file before
    bool edited = false;           // somebody else changed it between two of our changes
    std::string before;            // SHA-256 of what the first change replaced
    std::string written;           // what the last change wrote
    json::SourcePath block;        // where our block stands
    std::vector<Removed> removed;  // what was taken out of the file
    std::vector<std::string> servers;  // their names behind us
};

// Nothing when there is none for this file (as the links lead), or none that can be read.
std::optional<SetupRecord> find_record(const std::filesystem::path& home, const std::filesystem::path& target);
Status keep_record(const runtime::Home& home, const std::filesystem::path& target, const SetupRecord& record);
void forget_record(const std::filesystem::path& home, const std::filesystem::path& target);

// In which members two documents differ: "mcpServers.github: added", at most 20, values not shown.
std::vector<std::string> differences(const Json& before, const Json& after);

}  // namespace resonant::app
