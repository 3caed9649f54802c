// The block that a client needs in its configuration file to start this server, and the writing of it.
//
// Belongs to the main thread.
#pragma once

#include <string>

#include "resonant/json/json.h"

namespace resonant::app {

struct ClientBlock {
    std::string file;   // where the client looks for it
    std::string text;   // what to paste: JSON, or a command for Claude Code
    std::string hint;   // one line
};

// `client`: claude, claude-desktop, cursor or vscode. InvalidArgument for others.
Result<ClientBlock> client_block(const std::string& client, const std::string& program, const std::string& home);

// Merges the block into the client's file, keeping a copy as FILE.before-resonant. Returns the file.
Result<std::string> write_client_block(const std::string& client, const std::string& program,
                                       const std::string& home);

}  // namespace resonant::app
