#include "resonant/govern/program_risk.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>

#include "resonant/govern/program_paths.h"

namespace resonant::govern {
namespace {

using Words = std::span<const std::string>;
using Names = std::initializer_list<std::string_view>;

bool one_of(std::string_view word, Names names) {
    return std::find(names.begin(), names.end(), word) != names.end();
}

// Whether an option is there: long by name ("--force", also "--force=x"), short as a letter of a cluster ("-rf").
bool has_option(Words words, char letter, std::string_view long_name) {
    for (const std::string& word : words.subspan(1)) {
        if (word == "--") {
            return false;
        }
        const bool cluster = word.size() > 1 && word[0] == '-' && word[1] != '-';
        if ((letter != '\0' && cluster && word.find(letter) != std::string::npos) ||
            (!long_name.empty() && (word == long_name || word.starts_with(std::string(long_name) + "=")))) {
            return true;
        }
    }
    return false;
}

// What is no option.
std::vector<std::string_view> operands(Words words) {
    std::vector<std::string_view> found;
    bool options = true;
    for (const std::string& word : words.subspan(1)) {
        if (options && word == "--") {
            options = false;
        } else if (!options || word.empty() || word[0] != '-') {
            found.push_back(word);
        }
    }
    return found;
}

bool has_word(Words words, Names names) {
    return std::any_of(words.begin() + 1, words.end(), [&](const std::string& word) { return one_of(word, names); });
}

template <typename Test>
bool any_operand(Words words, Test test) {
    const auto found = operands(words);
    return std::any_of(found.begin(), found.end(), test);
}

Classification judge_delete(Words words) {
    const bool recursive = has_option(words, 'r', "--recursive") || has_option(words, 'R', "");
    if (has_option(words, '\0', "--no-preserve-root") || (recursive && any_operand(words, is_everything))) {
        return {Risk::Forbidden, "recursive_delete_root",
                "it deletes the root, a home, a system folder or a whole working folder"};
    }
    if (recursive) {
        return {Risk::Dangerous, "recursive_delete", "it deletes folders with all that is in them"};
    }
    return {Risk::Caution, "delete", "it deletes files"};
}

Classification judge_find(const ProgramCall& call, Words words) {
    const bool deletes = has_word(words, {"-delete"});
    if (deletes) {
        // Starting points stand before the first expression; none means the working folder.
        const bool named = words.size() > 1 && !words[1].empty() && words[1][0] != '-';
        bool everything = !named;
        for (std::size_t i = 1; i < words.size() && named && !words[i].empty() && words[i][0] != '-'; ++i) {
            everything = everything || is_everything(words[i]);
        }
        return everything ? Classification{Risk::Forbidden, "find_delete", "it deletes all that it finds under a root, "
                                                                           "a home or a whole working folder"}
                          : Classification{Risk::Dangerous, "find_delete", "it deletes all that it finds"};
    }
    for (std::size_t i = 1; i < words.size(); ++i) {
        if (one_of(words[i], {"-exec", "-execdir", "-ok", "-okdir"}) && i + 1 < words.size()) {
            ProgramCall inner = call;
            inner.words = words.subspan(i + 1);
            return judge_program(inner);
        }
    }
    return {};
}

Classification judge_git(Words words) {
    if (has_word(words, {"push"}) &&
        (has_option(words, 'f', "--force") || has_option(words, '\0', "--mirror") || has_option(words, '\0', "--delete") ||
         any_operand(words, [](std::string_view word) { return word.starts_with('+'); }))) {
        return {Risk::Dangerous, "git_force_push", "it overwrites history that others have"};
    }
    if (has_word(words, {"reset"}) && has_option(words, '\0', "--hard")) {
        return {Risk::Dangerous, "git_hard_reset", "it throws away changes that are not committed"};
    }
    if (has_word(words, {"clean"}) && has_option(words, 'f', "--force")) {
        return {Risk::Dangerous, "git_clean", "it deletes files that git does not know"};
    }
    if (has_word(words, {"filter-branch", "filter-repo"})) {
        return {Risk::Dangerous, "git_rewrite", "it rewrites history"};
    }
    return {};
}

Classification judge_ownership(Words words, std::string_view program) {
    const bool recursive = has_option(words, 'R', "--recursive");
    const auto is_system = [](std::string_view path) {
        return is_everything(path) && (path[0] == '/' || path[0] == '~' || path[0] == '$');
    };
    if (recursive && any_operand(words, is_system)) {
        return {Risk::Forbidden, "recursive_permissions", "it changes owners or rights of a whole system"};
    }
    if (any_operand(words, is_protected)) {
        return {Risk::Dangerous, "protected_path", "it changes owners or rights of a protected path"};
    }
    const bool open_to_all = any_operand(
        words, [](std::string_view word) { return one_of(word, {"777", "0777", "a+rwx", "ugo+rwx", "666", "0666"}); });
    if (recursive) {
        return {Risk::Dangerous, "recursive_permissions",
                fmt::format("{} goes through a whole tree{}", program, open_to_all ? " and opens it to all" : "")};
    }
    return {Risk::Caution, "permissions", "it changes owners or rights"};
}

Classification judge_copy_to_disk(Words words) {
    for (const std::string& word : words.subspan(1)) {
        if (word.starts_with("of=")) {
            return worse({Risk::Caution, "overwrite", "it overwrites a file"},
                         judge_write(std::string_view(word).substr(3), true));
        }
    }
    return {};
}

bool contains_word(std::string_view text, std::string_view word) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
        const bool begins = at == 0 || !is_letter(text[at - 1]);
        const bool ends = at + word.size() == text.size() || !is_letter(text[at + word.size()]);
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

Classification judge_sql(const ProgramCall& call, Words words) {
    std::string text(call.here);
    for (const std::string& word : words.subspan(1)) {
        text += " " + word;
    }
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    const bool drops = contains_word(text, "drop") && (contains_word(text, "table") || contains_word(text, "database") ||
                                                       contains_word(text, "schema"));
    const bool empties = contains_word(text, "truncate") ||
                         (contains_word(text, "delete") && contains_word(text, "from") && !contains_word(text, "where"));
    if (drops || empties) {
        return {Risk::Dangerous, "sql_drop", "it drops or empties tables"};
    }
    return {};
}

// Shells and their kin: what they are told to run is judged; what they read from a file cannot be.
Classification judge_shell(const ProgramCall& call, Words words) {
    Classification worst = call.here.empty() ? Classification{} : call.again(call.here);
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string& word = words[i];
        if (word.size() > 1 && word[0] == '-' && word[1] != '-' && word.find('c') != std::string::npos) {
            return i + 1 < words.size() ? worse(worst, call.again(words[i + 1])) : worst;
        }
        if (word.empty() || word[0] != '-') {
            break;
        }
    }
    return worst;
}

std::string joined(Words words) {
    std::string line;
    for (const std::string& word : words) {
        line += (line.empty() ? "" : " ") + word;
    }
    return line;
}

Classification judge_packages(Words words, std::string_view program) {
    const bool changes = has_word(words, {"install", "i", "add", "remove", "purge", "erase", "upgrade", "dist-upgrade",
                                          "full-upgrade", "autoremove", "update", "uninstall", "-S", "-Syu", "-R"});
    if (!changes) {
        return {};
    }
    const bool system_wide = one_of(program, {"apt", "apt-get", "aptitude", "dpkg", "yum", "dnf", "zypper", "pacman", "apk",
                                              "snap", "brew"}) ||
                             has_option(words, 'g', "--global") || has_option(words, '\0', "--break-system-packages");
    return system_wide ? Classification{Risk::Dangerous, "global_install", "it changes what is installed for everybody"}
                       : Classification{Risk::Caution, "install", "it installs code of others"};
}

Classification judge_network(Words words, std::string_view program) {
    if (one_of(program, {"hping3", "hping", "scapy", "ettercap", "bettercap", "arpspoof", "dsniff", "masscan", "nemesis"})) {
        return {Risk::Forbidden, "packet_tool", "it forges packets or scans networks"};
    }
    if (program == "nmap") {
        return has_word(words, {"-sS", "-sU", "-sX", "-sF", "-sN"})
                   ? Classification{Risk::Forbidden, "port_scan", "it scans networks with forged packets"}
                   : Classification{Risk::Dangerous, "port_scan", "it scans networks"};
    }
    if (has_option(words, 'e', "--exec") || has_option(words, 'c', "--sh-exec")) {
        return {Risk::Forbidden, "reverse_shell", "it gives a shell to the network"};
    }
    return {Risk::Caution, "network", "it talks to the network"};
}

Classification judge_system(Words words, std::string_view program) {
    if (program == "systemctl" || program == "service") {
        const bool reads = has_word(words, {"status", "show", "list-units", "is-active", "is-enabled", "cat"});
        return reads ? Classification{} : Classification{Risk::Dangerous, "system_service", "it starts or stops services"};
    }
    if (program == "crontab") {
        return has_option(words, 'l', "") ? Classification{}
                                          : Classification{Risk::Dangerous, "schedule", "it changes what runs by itself"};
    }
    if (one_of(program, {"kill", "pkill", "killall"})) {
        const bool all = has_word(words, {"-1", "1"}) && program == "kill";
        return all ? Classification{Risk::Dangerous, "kill_all", "it ends the first process or all of them"}
                   : Classification{Risk::Caution, "kill", "it ends processes"};
    }
    return {Risk::Dangerous, "system_state", fmt::format("{} changes the state of the machine", program)};
}

bool is_partition_tool(std::string_view program) {
    return program.starts_with("mkfs") ||
           one_of(program, {"mke2fs", "mkswap", "wipefs", "fdisk", "sfdisk", "cfdisk", "gdisk", "sgdisk", "parted", "blkdiscard"});
}

Classification judge_files(Words words, std::string_view program) {
    if (one_of(program, {"mv", "cp", "ln", "install", "tee", "truncate", "rsync", "touch", "mkdir"})) {
        Classification worst = {Risk::Safe, "", ""};
        if (program == "mv" || program == "truncate" || program == "tee" || has_option(words, 'f', "--force")) {
            worst = {Risk::Caution, "overwrite", "it moves or overwrites files"};
        }
        if (program == "rsync" && (has_option(words, '\0', "--delete") || has_word(words, {"--delete-after", "--delete-before"}))) {
            worst = {Risk::Dangerous, "recursive_delete", "it deletes what the source does not have"};
        }
        const auto names = operands(words);
        const bool all_are_targets = one_of(program, {"tee", "truncate", "touch", "mkdir", "mv"});
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (all_are_targets || i + 1 == names.size()) {
                worst = worse(worst, judge_write(names[i], true).risk > Risk::Caution ? judge_write(names[i], true)
                                                                                     : Classification{});
            }
        }
        return worst;
    }
    return {Risk::Dangerous, "shred", "it destroys files beyond recovery"};
}

Classification judge_named(const ProgramCall& call, Words words, std::string_view program) {
    if (one_of(program, {"rm", "unlink"})) return judge_delete(words);
    if (program == "rmdir") return {Risk::Caution, "delete", "it deletes folders"};
    if (program == "find") return judge_find(call, words);
    if (is_partition_tool(program)) {
        return has_option(words, 'l', "--list") ? Classification{}
                                                : Classification{Risk::Forbidden, "disk_format", "it formats or partitions disks"};
    }
    if (program == "dd") return judge_copy_to_disk(words);
    if (one_of(program, {"chmod", "chown", "chgrp"})) return judge_ownership(words, program);
    if (program == "git") return judge_git(words);
    if (one_of(program, {"psql", "mysql", "mariadb", "sqlite3", "clickhouse-client", "cqlsh"})) return judge_sql(call, words);
    if (one_of(program, {"apt", "apt-get", "aptitude", "dpkg", "yum", "dnf", "zypper", "pacman", "apk", "snap", "brew", "npm",
                         "yarn", "pnpm", "pip", "pip3", "pipx", "gem", "cargo"})) {
        return judge_packages(words, program);
    }
    if (one_of(program, {"nmap", "nc", "ncat", "netcat", "socat", "hping3", "hping", "scapy", "ettercap", "bettercap",
                         "arpspoof", "dsniff", "masscan", "nemesis"})) {
        return judge_network(words, program);
    }
    if (is_download(program) || one_of(program, {"scp", "sftp", "ftp", "telnet"})) {
        return {Risk::Caution, "network", "it talks to the network"};
    }
    if (one_of(program, {"systemctl", "service", "crontab", "kill", "pkill", "killall", "shutdown", "reboot", "halt", "poweroff",
                         "init", "telinit", "mount", "umount", "modprobe", "insmod", "rmmod", "sysctl", "iptables", "ip6tables",
                         "nft", "ufw", "swapoff", "useradd", "userdel", "usermod", "groupdel", "passwd", "chpasswd", "visudo"})) {
        return judge_system(words, program);
    }
    if (one_of(program, {"mv", "cp", "ln", "install", "tee", "truncate", "rsync", "touch", "mkdir", "shred", "srm"})) {
        return judge_files(words, program);
    }
    if (is_interpreter(program) && (has_option(words, 'c', "") || has_option(words, 'e', "--eval"))) {
        return {Risk::Caution, "inline_code", "it runs code that stands in the command"};
    }
    return {};
}

}  // namespace

Classification worse(Classification a, Classification b) { return b.risk > a.risk ? std::move(b) : std::move(a); }

Classification judge_write(std::string_view path, bool overwrites) {
    if (path.starts_with("/dev/tcp/") || path.starts_with("/dev/udp/")) {
        return {Risk::Forbidden, "reverse_shell", "it talks to the network from the shell itself"};
    }
    if (is_device(path)) {
        return {Risk::Forbidden, "disk_write", fmt::format("it writes over the device {}", path)};
    }
    if (path.starts_with("/dev/")) {
        return {};
    }
    if (is_everything(path) || is_protected(path)) {
        return {Risk::Dangerous, "protected_path", fmt::format("it writes to the protected path {}", path)};
    }
    return overwrites ? Classification{Risk::Caution, "overwrite", fmt::format("it overwrites {}", path)} : Classification{};
}

std::string_view program_name(std::string_view word) {
    const std::size_t slash = word.rfind('/');
    return slash == std::string_view::npos ? word : word.substr(slash + 1);
}

bool is_shell(std::string_view program) {
    return one_of(program, {"sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "fish", "csh", "tcsh", "rbash"});
}

bool is_interpreter(std::string_view program) {
    return program.starts_with("python") || program.starts_with("perl") || program.starts_with("ruby") ||
           one_of(program, {"node", "deno", "bun", "php", "lua", "awk", "gawk", "osascript"});
}

bool is_download(std::string_view program) { return one_of(program, {"curl", "wget", "aria2c", "fetch", "http", "https"}); }

Unwrapped unwrap(std::span<const std::string> words) {
    Unwrapped result{words, false};
    Words& rest = result.words;
    const auto is_assignment = [](const std::string& word) {
        const std::size_t equals = word.find('=');
        return equals != std::string::npos && equals > 0 && word[0] != '-' && word.find('/') > equals &&
               std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals),
                           [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
    };
    while (!rest.empty()) {
        const std::string_view program = program_name(rest[0]);
        if (is_assignment(rest[0]) || one_of(rest[0], {"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time"})) {
            rest = rest.subspan(1);
            continue;
        }
        if (!one_of(program, {"sudo", "doas", "env", "nohup", "nice", "ionice", "timeout", "stdbuf", "setsid", "exec", "command",
                              "builtin", "xargs", "watch", "chroot", "strace", "busybox", "unbuffer", "parallel"})) {
            break;
        }
        result.as_root = result.as_root || program == "sudo" || program == "doas" || program == "chroot";
        const bool takes_operand = one_of(program, {"timeout", "chroot"});
        rest = rest.subspan(1);
        // Options, and the values of those that take one as a word of its own.
        while (!rest.empty() && !rest[0].empty() && rest[0][0] == '-') {
            const bool with_value =
                one_of(rest[0], {"-u", "-g", "-n", "-s", "-k", "-I", "-P", "-L", "-C", "-o", "-S", "-d", "--user", "--signal"}) &&
                !(one_of(program, {"sudo", "doas"}) && one_of(rest[0], {"-n", "-s", "-k", "-S"})) && rest.size() > 1;
            rest = rest.subspan(with_value ? 2 : 1);
        }
        if (takes_operand && !rest.empty()) {
            rest = rest.subspan(1);
        }
    }
    return result;
}

Classification judge_program(const ProgramCall& call) {
    const Unwrapped unwrapped = unwrap(call.words);
    const Words words = unwrapped.words;
    Classification worst =
        unwrapped.as_root ? Classification{Risk::Caution, "as_root", "it runs with the rights of root"} : Classification{};
    if (words.empty() || one_of(words[0], {"for", "case", "function", "select"})) {
        return worst;
    }
    const std::string_view program = program_name(words[0]);
    for (const std::string& word : words.subspan(1)) {
        if (is_secret(word)) {
            worst = worse(worst, {Risk::Dangerous, "protected_path", fmt::format("it touches the secret file {}", word)});
        }
    }
    if (program.empty() || program.find_first_of("$*?[") != std::string_view::npos) {
        return worse(worst, {Risk::Dangerous, "unreadable", fmt::format("which program {} is shows only when it runs", words[0])});
    }
    if (is_shell(program)) {
        return worse(worst, judge_shell(call, words));
    }
    if (program == "eval" || program == "ssh" || program == "su") {
        const auto command = std::find(words.begin(), words.end(), "-c");
        const Words script = program == "su" && command != words.end()
                                 ? words.subspan(static_cast<std::size_t>(command - words.begin()) + 1)
                                 : words.subspan(std::min<std::size_t>(program == "eval" ? 1 : 2, words.size()));
        return worse(worse(worst, {Risk::Caution, "indirect", fmt::format("{} runs a line of its own", program)}),
                     call.again(joined(script)));
    }
    Classification named = judge_named(call, words, program);
    if (unwrapped.as_root && named.risk == Risk::Caution) {
        named.risk = Risk::Dangerous;
        named.reason += ", with the rights of root";
    }
    return worse(worst, std::move(named));
}

}  // namespace resonant::govern
