// Prompt templates as the protocol may see them: to list and to complete. To have one filled in is a call.
//
// Any thread.
#pragma once

#include "resonant/tools/prompt_book.h"

namespace resonant::dispatch {

using PromptArgument = tools::PromptArgument;
using PromptBook = tools::PromptBook;
using PromptTemplate = tools::PromptTemplate;
using tools::render;

}  // namespace resonant::dispatch
