// resonant setup CLIENT: puts this program into a client's file, takes the servers that stand there over, and undoes it.
//
// Belongs to the main thread.
#pragma once

#include <string>

#include "apps/resonant/commands.h"

namespace resonant::app {

struct SetupFlags {
    std::string client, file, workspace;
    bool yes = false, dry_run = false, keep = false, undo = false;
};

// Returns the exit code: kUsage where somebody should have been asked and there is no terminal.
int setup_client(Common& common, const SetupFlags& flags);
int undo_client(Common& common, const SetupFlags& flags);

// The file of the client that is there, else the first place; `others`: further ones that are there, too.
Result<std::filesystem::path> client_file(const std::string& client, const std::string& given, std::vector<std::string>& others);

}  // namespace resonant::app
