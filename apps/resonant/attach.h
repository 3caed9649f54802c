// attach() is `resonant mcp`: it hands its stdin and stdout to the kernel and waits. If the kernel dies
// it answers the calls that were open and hands both to the next kernel; the client notices nothing else.
//
// Belongs to the main thread; starts a pump thread only for ends that are neither pipe nor socket.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::app {

struct AttachOptions {
    std::filesystem::path socket;            // the home's kernel.sock
    std::function<Status()> start_kernel;    // starts one and returns when it listens; race-free by lock
    std::string listing;                     // "", "families", "core" or "all"
    std::string token;                       // where `socket` is for agents of other users
    bool contained = false;                  // policy may ask more of this client
    int input = 0;
    int output = 1;
    Nanos patience = from_millis(15'000);    // for one attach, kernel start included
};

// Serves until the client ends. Ok when it did; an error says why the client cannot be served. A
// terminal instead of a client is InvalidArgument with words that explain this command.
Status attach(const AttachOptions& options);

}  // namespace resonant::app
