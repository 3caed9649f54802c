// Servers in a text of TOML, as Codex keeps them: [mcp_servers.NAME]. toml++ reads it and says where things
// stand; the text is changed by whole lines, so that comments and everything else stay as they are.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "resonant/json/source_edit.h"

namespace resonant::clients {

// The text as a value; dates become texts. InvalidArgument with line, column and what is wrong.
Result<Json> read_toml(std::string_view text);

// `path` is {section, name}. A table that is there gets the values of `entry`, a new one comes last.
// InvalidArgument when the section is written as an inline table: such a one has no lines of its own.
Result<std::string> put_toml_server(std::string_view text, const json::SourcePath& path, const json::Ordered& entry);
// Takes the server's lines out: its table, its sub-tables, its dotted keys. Comments between them stay.
Result<std::string> take_toml_server(std::string_view text, const json::SourcePath& path);

}  // namespace resonant::clients
