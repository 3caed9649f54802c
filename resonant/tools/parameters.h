// Parameters are written in one line of the catalogue and become a JSON Schema (2020-12) and an
// example: "id*:id type:note|fact weight:0..1 plan:object[]{tool,arguments}". A star marks what is
// required.
//
// Types: string int number bool id time path url sequence object; number<=30; 0..1; T[] and T[][];
// number[384] (exact length); a|b|c (one of); object{a,b} and object[]{a,b,c[]}: known fields, of
// which the first is required in an array's items, c[] being a list of strings.
//
// Any thread; plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/json.h"

namespace resonant::tools {

struct Parameter {
    std::string name;
    std::string type;  // as written
    bool required = false;
};

// InvalidArgument names the word that is no parameter.
Result<std::vector<Parameter>> parse_parameters(std::string_view line);
// The schema of an arguments object: closed, so that a misspelt argument is told and not ignored.
Json input_schema(const std::vector<Parameter>& parameters);
// Arguments of one legal call: what is required, or else the first parameter.
Json example(const std::vector<Parameter>& parameters);
// The same for a schema that somebody else wrote: its required properties (else the first), by their
// default, first choice or type. Whatever is no schema is taken as text.
Json example_for(const Json& schema);

}  // namespace resonant::tools
