// The catalogue as a page of markdown: docs/catalogue.md is this text, and a test compares the two.
#pragma once

#include <string>

#include "resonant/tools/toolbox.h"

namespace resonant::tools {

std::string catalogue_page(const Toolbox& toolbox);

}  // namespace resonant::tools
