#include "resonant/base/fault.h"

#include <cstdlib>
#include <mutex>
#include <set>
#include <string>

namespace resonant {
namespace {

struct Armed {
    std::mutex mutex;
    std::set<std::string, std::less<>> names;

    Armed() {
        const char* wanted = std::getenv("RESONANT_FAULTS");
        std::string_view rest = wanted == nullptr ? "" : wanted;
        while (!rest.empty()) {
            const std::size_t comma = rest.find(',');
            names.emplace(rest.substr(0, comma));
            rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
        }
        faults_armed.store(!names.empty());
    }
};

// Process-wide by nature: a test reaches into the middle of a call that it does not hold.
Armed& armed() {
    static Armed instance;
    return instance;
}

}  // namespace

void arm_fault(std::string_view name) {
    const std::lock_guard lock(armed().mutex);
    armed().names.emplace(name);
    faults_armed.store(true);
}

void disarm_faults() {
    const std::lock_guard lock(armed().mutex);
    armed().names.clear();
    faults_armed.store(false);
}

void throw_if_armed(std::string_view name) {
    const std::lock_guard lock(armed().mutex);
    if (armed().names.contains(name)) {
        throw InjectedFault("injected fault at " + std::string(name));
    }
}

}  // namespace resonant
