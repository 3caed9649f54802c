// Variables in what is written of a server: ${VAR}, ${VAR:-otherwise}, ${env:VAR}, ${input:ID}, ${file:PATH}. They are
// filled in at each start of the server and never kept filled, so that a changed secret is the one that is sent.
//
// Pure but for what the lookups do; any thread.
//
// Invariants:
//   (1) What is no such form stays as it is written ("${x y}", "$HOME"); "$${" stands for "${".
//   (2) What is returned passes check(): a value cannot smuggle in what the written text could not hold.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "resonant/call/upstreams.h"

namespace resonant::mcp {

struct VariableSources {
    // The value of VAR, nothing when it is not set.
    std::function<std::optional<std::string>(const std::string& name)> variable;
    // What was answered to the question ID of a client's file.
    std::function<std::optional<std::string>(const std::string& id)> input;
    // The whole of a file.
    std::function<Result<std::string>(const std::string& path)> file;
};

// The record with its variables filled in and the lines of env_file in its environment. NotFound names every variable
// that has no value, with the ways to give it one; else the error of the file, or of check().
Result<call::UpstreamSpec> filled(const call::UpstreamSpec& spec, const VariableSources& sources);

// The NAME=VALUE lines of a file: comments, `export`, "quoted" (with \n and \") and 'literal' values.
std::map<std::string, std::string> environment_lines(std::string_view text);

}  // namespace resonant::mcp
