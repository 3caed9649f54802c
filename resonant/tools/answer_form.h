// An AnswerForm says in one line what a tool answers, and becomes the JSON Schema (2020-12) that clients see
// as its outputSchema: "count*:int hits*:{id title score:number}[] note".
//
// A field without a type is text; a star marks what every answer has. Types: string int number bool object any;
// {fields}; T[] a list; T? or null. Schemas are open: an answer may tell more than its form promises.
//
// Three other answers are told in place of a tool's own: an error, a denial, and an answer that was cut. The
// schema allows them, for clients check what they get against it whatever it is.
//
// Any thread; pure functions.
#pragma once

#include <string_view>

#include "resonant/base/result.h"
#include "resonant/call/contract.h"
#include "resonant/json/json.h"

namespace resonant::tools {

// The form of a tool's answers; empty when none is promised.
std::string_view answer_form_of(std::string_view tool);
// InvalidArgument names the place that is none.
Result<Json> output_schema(std::string_view form);
// What a tool promises; null when it promises nothing, or is not built.
Json output_schema_of(const call::Contract& contract);

}  // namespace resonant::tools
