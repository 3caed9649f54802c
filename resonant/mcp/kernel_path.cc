#include "resonant/mcp/kernel_path.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kIdMax = 64;  // characters that are read of an id

}  // namespace

KernelPath path_of(const Json& entry) {
    KernelPath path;
    const auto meta = entry.is_object() ? entry.find("_meta") : entry.end();
    if (!entry.is_object() || meta == entry.end() || !meta->is_object()) {
        return path;
    }
    const Json named = meta->value(kMetaKernels, Json());
    for (const Json& kernel : named.is_array() ? named : Json::array()) {
        if (kernel.is_string() && path.size() <= kKernelsMax) {
            path.push_back(kernel.get<std::string>().substr(0, kIdMax));
        }
    }
    return path;
}

void came_through(Json& entry, std::string_view kernel) {
    KernelPath path = path_of(entry);
    if (kernel.empty() || (!path.empty() && path.front() == kernel)) {
        return;
    }
    path.insert(path.begin(), std::string(kernel));
    entry["_meta"][kMetaKernels] = path;
}

}  // namespace resonant::mcp
