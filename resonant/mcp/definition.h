// A definition is what an upstream server says of one of its tools: name, description, schemas, annotations.
// It is data of a stranger that a model will read, so it is pinned, compared and looked through.
//
// Pure functions; any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/call/upstreams.h"

namespace resonant::mcp {

// The first character of a text that cannot be seen, if there is one.
using FindHidden = std::function<std::optional<char32_t>(std::string_view)>;

// `server__tool`, at most kUpstreamNameMax characters of [A-Za-z0-9_-]. What does not fit, or holds other
// characters, loses its beginning and gets a piece of the hash of both names, so it stays what it is.
std::string upstream_name(std::string_view server, std::string_view tool);

// SHA-256 of the RFC 8785 text of everything but `_meta`, in hexadecimal: key order and spaces do not matter.
std::string definition_hash(const Json& definition);

// What a person should know before approving: hidden characters, words that command a model, secrets.
std::vector<std::string> findings(const Json& definition, const FindHidden& hidden);

// An argument that is mirrored to a header of a call by HTTP: its place in the arguments, and the header.
struct MirroredArgument {
    std::vector<std::string> path;
    std::string header;  // "Mcp-Param-Region"
};
// Those that the schema names (x-mcp-header). InvalidArgument says what the protocol does not allow there: a
// tool with such a schema is not to be called by HTTP.
Result<std::vector<MirroredArgument>> mirrored_arguments(const Json& input_schema);

// The schema that arguments are checked by: as the server wrote it, but `nullable`, OpenAPI's word, means what its server
// means by it.
Json checked_schema(Json input_schema);

// The input schema as models' interfaces take it: they refuse a list in which one schema has anyOf, oneOf, allOf, not or
// enum at its root. Those are left out of what is shown; arguments are checked by the whole schema.
Json shown_input(Json input_schema);
// The output schema that is listed for a tool of another server: what it promises, or that the answer was cut. Null
// when a client of that era cannot read it.
Json shown_output(const Json& output_schema, bool modern);

// What changed, line by line of both as indented JSON: "- old", "+ new". Empty when nothing did.
std::string difference(const Json& before, const Json& after);

// read where the server (approved as it is) says readOnlyHint, write where it says it destroys nothing, else
// execute.
call::Access access_of(const Json& definition);

// The contract that the pipeline judges its calls by.
call::Contract contract_of(const std::string& name, const Json& definition, std::uint8_t family, std::uint16_t id,
                           bool reads_only);

}  // namespace resonant::mcp
