// What libFuzzer calls: the target that the build names.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    resonant::fuzz::RESONANT_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
    return 0;
}
