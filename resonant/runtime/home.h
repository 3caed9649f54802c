// A Home is the folder that holds everything one kernel keeps: database, policy, segments, secrets. It
// is made by the first command that needs one, 0700, and belongs to one kernel at a time. A folder is a home when it
// holds a database, a policy.d or a resonant.toml; only that, or an empty folder, is used.
//
// Threads: any; values are constant after open().
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "resonant/base/descriptor.h"
#include "resonant/base/random.h"
#include "resonant/base/result.h"

namespace resonant::runtime {

struct Home {
    std::filesystem::path root;

    std::filesystem::path database() const { return root / "resonant.db"; }
    std::filesystem::path ledger_head() const { return root / "ledger.head"; }
    std::filesystem::path segments() const { return root / "segments"; }
    std::filesystem::path policy() const { return root / "policy.d"; }
    std::filesystem::path prompts() const { return root / "prompts"; }   // templates of the owner
    std::filesystem::path inbox() const { return root / "inbox"; }       // what memory.import may read
    std::filesystem::path outbox() const { return root / "outbox"; }     // where memory.export may write
    std::filesystem::path socket() const { return root / "kernel.sock"; }
    std::filesystem::path kernel_lock() const { return root / "kernel.lock"; }  // held for a kernel's life
    std::filesystem::path start_lock() const { return root / "start.lock"; }    // held to start, attach or leave
    std::filesystem::path token() const { return root / "token"; }       // bearer token of HTTP
    std::filesystem::path plane_token() const { return root / "plane.token"; }  // of contained agents, while their door is open
    std::filesystem::path admin() const { return root / "admin"; }       // SHA-256 of the admin secret
    std::filesystem::path config() const { return root / "resonant.toml"; }
    std::filesystem::path log() const { return root / "kernel.log"; }
    std::filesystem::path session_records() const { return root / "sessions"; }  // what clients want, over restarts
    std::filesystem::path task_records() const { return root / "tasks"; }        // which tasks there were
    std::filesystem::path epoch() const { return root / "epoch"; }
};

// `flag` when given, else RESONANT_HOME, else $XDG_STATE_HOME/resonant, else ~/.local/state/resonant.
Result<std::filesystem::path> choose_home(const std::optional<std::string>& flag);

// The home in this folder, for who only looks: nothing is made, nothing is changed. NotFound when there is no folder or
// an empty one, InvalidArgument for a folder that holds something else, PermissionDenied for one of somebody else.
Result<Home> find_home(const std::filesystem::path& root);

// The same, made when it is not there: folders 0700, the token 0600. The mode of a folder that exists stays as it is;
// PermissionDenied when others may write to it.
Result<Home> open_home(const std::filesystem::path& root, Random& random);

// Locks a file for this process until the Descriptor is closed. Conflict when somebody holds it and
// `wait` is false.
Result<Descriptor> lock_file(const std::filesystem::path& file, bool wait);

// The next epoch of this home, made durable: 1, 2, 3, ...
Result<std::uint64_t> next_epoch(const Home& home);

// The whole of a small file. NotFound, PermissionDenied.
Result<std::string> read_file(const std::filesystem::path& file);
// Writes by a temporary file, fsync and rename; mode 0600.
Status write_file(const std::filesystem::path& file, const std::string& text);

// The admin secret: made once, shown once, kept as a hash.
Result<std::string> set_admin_secret(const Home& home, Random& random);
bool has_admin_secret(const Home& home);
bool is_admin_secret(const Home& home, const std::string& secret);

}  // namespace resonant::runtime
