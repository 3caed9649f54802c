// The subcommands of `resonant`, each a few lines over a tool call, the kernel's socket or the home.
//
// Belongs to the main thread. Exit codes: 0 ok, 1 failed, 2 usage, 3 denied by policy, 4 no kernel running.
#pragma once

#include <CLI/CLI.hpp>
#include <expected>
#include <optional>
#include <string>

#include "resonant/json/json.h"
#include "resonant/runtime/home.h"

namespace resonant::app {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kDenied = 3;
inline constexpr int kNoKernel = 4;

// What is common to all commands.
struct Common {
    std::optional<std::string> home;
    bool json = false;
    bool quiet = false;  // nothing on the way of long work
    std::string secret_file;
    bool as_person = false;  // ask as the clients of this user do, not as the operator
    int exit_code = kOk;
    std::string asked_secret = {};  // the owner typed it, or it was just made: for the calls of this command

    Result<runtime::Home> open() const;
};

// What to say when nobody answers on a home's socket.
std::string no_kernel(const runtime::Home& home);
// Prints an answer for a person, or as JSON with --json.
void show(const Common& common, const Json& value);
// Prints the error on stderr and returns `exit_code`.
int report(const Error& error, int exit_code = kFailed);

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

void add_kernel_commands(CLI::App& app, Common& common);    // init up down status mcp pause resume doctor
void add_tool_commands(CLI::App& app, Common& common);      // call tools board ring memory monitors agents ...
void add_memory_commands(CLI::App& app, Common& common);    // memory add search recall import export stats verify
void add_policy_commands(CLI::App& app, Common& common);    // ledger policy consent quarantine helper
void add_client_commands(CLI::App& app, Common& common);    // setup client-config

}  // namespace resonant::app
