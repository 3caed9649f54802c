// A Diagnosis looks at a home and the machine below it for what a person should see to: configuration, policy, ledger,
// model, sandbox, address, servers, room on the disk, descriptors, standings, waiting consents.
//
// Threads: any; it changes nothing, makes nothing and needs no kernel. With one it believes the kernel's own status.
//
// Invariants:
//   (1) A finding that needs a person names the command, or the file, that mends it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/json/json.h"
#include "resonant/runtime/config.h"
#include "resonant/runtime/home.h"

namespace resonant::runtime {

enum class Concern : std::uint8_t {
    Fine,
    Note,    // a part is left out, or a wish of the owner's; everything else works
    Person,  // somebody has to decide or mend
};

struct Finding {
    std::string part;
    Concern concern = Concern::Fine;
    std::string detail;
    std::string way_out = {};
};

// What a running kernel says: `resonant status`, and what server.list answers. Empty: none runs.
struct KernelWords {
    std::optional<Json> status;
    std::optional<Json> servers;
};

// Patterns of the folder's policy that fit no tool; errors as those of `policy check`.
Result<std::vector<std::string>> notes_on_policy(const std::filesystem::path& folder);
// The same of one pattern, such as the scope of a consent; empty when nothing is wrong with it.
std::string note_on_tools(std::string_view pattern);
// What is lost when the database is gone while ledger.head remembers entries of its ledger; empty when it is not.
std::string lost_ledger(const Home& home);

// `home` is the folder that was chosen, whether there is a home in it or not.
std::vector<Finding> diagnose(const std::filesystem::path& home, const KernelWords& kernel);

}  // namespace resonant::runtime
