#include "resonant/govern/program_paths.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

namespace resonant::govern {
namespace {

constexpr std::array<std::string_view, 18> kSystemFolders = {
    "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/opt", "/proc", "/root",
    "/run", "/sbin", "/srv", "/sys", "/usr",  "/var", "/Users"};

// Without doubled slashes, dots and a trailing slash; ${HOME} as ~.
std::string plain(std::string_view path) {
    std::string text(path);
    for (const std::string_view home : {"${HOME}", "$HOME"}) {
        if (text.starts_with(home)) {
            text = "~" + text.substr(home.size());
        }
    }
    while (text.starts_with("//")) {
        text.erase(0, 1);
    }
    text = std::filesystem::path(text).lexically_normal().string();
    while (text.size() > 1 && text.back() == '/') {
        text.pop_back();
    }
    return text;
}

bool is_home(std::string_view path) {
    return path.starts_with('~') && path.find('/') == std::string_view::npos;
}

bool is_root_or_home(std::string_view path) {
    if (path == "/" || is_home(path) || path == "." || path == "..") {
        return true;
    }
    return std::find(kSystemFolders.begin(), kSystemFolders.end(), path) != kSystemFolders.end();
}

}  // namespace

bool is_everything(std::string_view path) {
    if (path.empty()) {
        return false;
    }
    std::string text = plain(path);
    for (const std::string_view all : {"*", ".*", "{*,.*}", ".[!.]*"}) {
        if (text == all) {
            return true;
        }
        if (text.size() > all.size() && text.ends_with(all) && text[text.size() - all.size() - 1] == '/') {
            text.resize(text.size() - all.size() - 1);
            return text.empty() || is_root_or_home(text);
        }
    }
    // One person's home: /home/ann.
    const bool home_of_one = text.starts_with("/home/") && text.find('/', 6) == std::string::npos;
    return home_of_one || is_root_or_home(text);
}

bool is_protected(std::string_view path) {
    const std::string text = plain(path);
    for (const std::string_view folder : {"/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/sbin",
                                          "/sys", "/usr", "/var/lib", "/var/log"}) {
        if (text == folder || text.starts_with(std::string(folder) + "/")) {
            return !text.starts_with("/usr/local/share/");
        }
    }
    return false;
}

bool is_device(std::string_view path) {
    const std::string text = plain(path);
    if (!text.starts_with("/dev/")) {
        return false;
    }
    const std::string_view name = std::string_view(text).substr(5);
    for (const std::string_view begin : {"sd", "hd", "vd", "xvd", "nvme", "mmcblk", "disk", "dm-", "mapper/", "md", "loop",
                                         "mem", "kmem", "port", "sr"}) {
        if (name.starts_with(begin)) {
            return true;
        }
    }
    return false;
}

bool is_secret(std::string_view path) {
    const std::string text = plain(path);
    for (const std::string_view file : {"/etc/shadow", "/etc/gshadow", "/etc/sudoers"}) {
        if (text == file || text == std::string(file) + "-") {
            return true;
        }
    }
    for (const std::string_view part : {"/.ssh/id_", "/.aws/credentials", "/.gnupg/", "/.netrc", "/.pgpass"}) {
        if (text.find(part) != std::string::npos) {
            return !text.ends_with(".pub");
        }
    }
    return false;
}

}  // namespace resonant::govern
