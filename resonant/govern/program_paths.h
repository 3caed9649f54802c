// Tells which paths must not be touched lightly: the root, homes, system folders, devices, secrets.
//
// Any thread; no state. Paths are read as they are written: nothing is looked up on the disk.
#pragma once

#include <string_view>

namespace resonant::govern {

// The root, a home, a system folder, the whole working folder, or all that is in one of them ("/*", "*").
bool is_everything(std::string_view path);
// A path in a folder of the system: /etc, /usr, /boot ...
bool is_protected(std::string_view path);
// A disk, memory or its like under /dev.
bool is_device(std::string_view path);
// Keys and passwords: /etc/shadow, ~/.ssh/id_*, ~/.aws/credentials ...
bool is_secret(std::string_view path);

}  // namespace resonant::govern
