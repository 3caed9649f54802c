// Where the tests find the model: RESONANT_MODEL, else build/model of the source tree. Tests that need
// the model fail without it; `./dev test` fetches it.
#pragma once

#include <cstdlib>
#include <filesystem>

#include "tests/support/repository.h"

namespace resonant::embed {

inline std::filesystem::path model_folder() {
    const char* named = std::getenv("RESONANT_MODEL");
    return named != nullptr ? std::filesystem::path(named)
                            : test::repository() / "build" / "model";
}

}  // namespace resonant::embed
