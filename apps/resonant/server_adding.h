// Putting servers behind the kernel one after the other, as `server import` and `setup` do: what has to be asked first,
// and what came of it.
//
// Belongs to the main thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/resonant/commands.h"
#include "apps/resonant/launch.h"
#include "resonant/clients/server_entry.h"

namespace resonant::app {

struct Added {
    std::string name;
    std::size_t tools = 0;
    Json quarantined = Json::array();
    bool disabled = false;
    std::string trouble;  // why it is not there; empty: it is
};

// Adds one server. `exit_code` says how it went; kNoKernel when the kernel could not be asked.
Added add_one(const Common& common, call::UpstreamSpec spec, int& exit_code);
Json json_of(const Added& added);

// Clients start a kernel with almost no environment: the PATH of whoever adds a server is kept with it.
void remember_path(call::UpstreamSpec& spec);

// Finds answers for the questions of an entry (${input:ID}): those kept already, else the person at the terminal is asked
// and the answers are kept in the home (0600). InvalidArgument with the way out where there is no terminal.
Status answer_questions(const runtime::Home& home, const clients::ServerEntry& entry);

// Makes sure once that calls of the owner will be taken: root needs nothing; else the secret is given, asked for at the
// terminal, or made where the home has none yet (`made` then holds it, to be shown once).
Status be_owner(Common& common, const runtime::Home& home, std::string& made);

std::optional<std::string> variable(const std::string& name);

// This program as a client's file may name it.
clients::Self self_of(const std::filesystem::path& home);

}  // namespace resonant::app
