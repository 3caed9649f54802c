#include <fmt/core.h>
#include <unistd.h>

#include <fstream>

#include "resonant/govern/rules.h"

namespace resonant::govern {
namespace {

constexpr std::string_view kDefaultPolicy = R"(# The built-in policy. Change it, or add files beside it: all *.yaml of this folder are read, in the
# order of their names, whole or not at all. The language: docs/formats/policy.md.
# After a change: `resonant policy check`, then `resonant call dharma.reload`.
version: 1

limits:
  agent_calls_per_minute: 1200     # of one agent, all tools together
  # tools: {"memory.add": 600}     # of one agent to one tool; without a line here, what the tool declares

breaker: {failures: 5, window_s: 60, cooldown_s: 30}

rules:
  - name: dangerous_commands
    explain: a command that can destroy work or change the machine needs a person's consent
    action: block
    consent: allowed
    severity: 0.9
    when: {access: [execute], risk: [dangerous]}

  - name: contained_commands
    explain: a contained agent runs only safe commands without a person's consent
    action: block
    consent: allowed
    severity: 0.8
    when: {access: [execute], risk: [caution], contained: true}

  - name: careful_commands
    explain: the command changes something that is hard to bring back
    action: warn
    severity: 0.4
    profiles: [default, creative]
    when: {access: [execute], risk: [caution]}

  - name: destructive_tools
    explain: the tool deletes for ever
    action: warn
    severity: 0.7
    when: {access: [delete]}

  - name: secrets_in_arguments
    explain: the arguments look as if they carried a private key or an access token
    action: warn
    severity: 0.6
    when: {arguments: '-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bghp_[A-Za-z0-9]{36}\b'}

  # Profile secure: reading is free, everything else waits for a person, but for asking and keeping one's place.
  - name: secure_careful_commands
    explain: in profile secure only safe commands run without a person's consent
    action: block
    consent: allowed
    severity: 0.8
    profiles: [secure]
    when: {access: [execute], risk: [caution]}

  - name: secure_no_writes
    explain: in profile secure writing needs a person's consent
    action: block
    consent: allowed
    severity: 0.9
    profiles: [secure]
    when:
      tools: ["!consent.request", "!session.*", "!context.*"]
      access: [write, delete]
      roles: [observer, agent, coordinator]
)";

}  // namespace

Status write_default_policy(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) {
        return fail_errno("create folder " + folder.string(), error.value());
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml") {
            return {};
        }
    }
    // Whole or not at all: half a policy would be read as one, and would let through what its lost half denies.
    const std::filesystem::path file = folder / "10-default.yaml";
    const std::filesystem::path draft = folder / fmt::format("10-default.{}.tmp", ::getpid());
    std::ofstream stream(draft, std::ios::binary | std::ios::trunc);
    stream << kDefaultPolicy;
    stream.close();
    if (stream) {
        std::filesystem::rename(draft, file, error);
    }
    if (!stream || error) {
        std::error_code ignored;
        std::filesystem::remove(draft, ignored);
        return fail(Code::Unavailable, fmt::format("write {}: failed; check space and rights", file.string()));
    }
    return {};
}

}  // namespace resonant::govern
