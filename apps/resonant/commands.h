// The subcommands of `resonant`, each a few lines over a tool call, the kernel's socket or the home. Each add_...()
// appends its rows to the table of commands (command.h).
//
// Belongs to the main thread.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include "apps/resonant/command.h"
#include "resonant/json/json.h"
#include "resonant/runtime/home.h"

namespace resonant::app {

// What is common to all commands.
struct Common {
    std::string home;  // empty: RESONANT_HOME and so on
    bool json = false;
    bool quiet = false;  // nothing on the way of long work
    std::string secret_file;
    bool as_person = false;  // ask as the clients of this user do, not as the operator
    std::string asked_secret = {};  // the owner typed it, or it was just made: for the calls of this command

    // The home, made when it is not there.
    Result<runtime::Home> open() const;
    // The home for commands that only look: nothing is made and nothing changed. NotFound when there is none.
    Result<runtime::Home> look() const;
};

// What to say when nobody answers on a home's socket.
std::string no_kernel(const runtime::Home& home);
// Asks the kernel one thing over its socket: {"op":"status"} and alike. NotFound with the way out when none runs.
Result<Json> ask_kernel(const runtime::Home& home, const Json& question);
// Prints an answer for a person, or as JSON with --json.
void show(const Common& common, const Json& value);
// Prints the error on stderr and returns its exit code, or `exit_code`.
int report(const Error& error);
int report(const Error& error, int exit_code);
int exit_code_of(const Error& error);
// The same for a home that a command looks for: where there is none, there is no kernel either.
int report_no_home(const Error& error);

// The admin secret from --secret-file or RESONANT_ADMIN_SECRET; empty when neither is given.
Result<std::string> given_secret(const Common& common);

// Calls a tool of the running kernel as the operator. Gives the kernel's whole answer, denials and errors of
// the tool too, or the exit code after it was told on stderr why the kernel could not be asked.
std::expected<Json, int> whole_answer(const Common& common, const std::string& tool, const Json& arguments);
int exit_code_of(const Json& whole_answer);
// The same. Gives its content, or the exit code after the error
// was told on stderr.
std::expected<Json, int> ask_tool(const Common& common, const std::string& tool, const Json& arguments);
// The same, and shows the answer. Returns the exit code.
int call_tool(const Common& common, const std::string& tool, const Json& arguments);

void add_kernel_commands(Commands& commands);  // init up down status mcp
void add_tool_commands(Commands& commands);    // call tools board ring memory monitors agents
void add_memory_commands(Commands& commands);  // memory add search recall import export stats verify
void add_policy_commands(Commands& commands);  // ledger policy consent pause quarantine helper agent
void add_server_commands(Commands& commands);  // server add list approve remove import scan enable disable secret
void add_client_commands(Commands& commands);  // setup client-config
void add_doctor_command(Commands& commands);
// help, man, completions: they show the table, which stays where it is.
void add_help_commands(Commands& commands, const std::vector<Argument>& common);

}  // namespace resonant::app
