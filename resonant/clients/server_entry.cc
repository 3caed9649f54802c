#include "resonant/clients/server_entry.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "resonant/mcp/server_file.h"

namespace resonant::clients {
namespace {

namespace fs = std::filesystem;

// Members that are carried over, or that mean nothing beyond what is; others are said.
const std::set<std::string_view> kKnown = {
    "command", "args", "env", "environment", "envFile", "cwd", "url", "serverUrl", "httpUrl", "headers", "http_headers", "type",
    "transport", "transportType", "source", "timeout", "startup_timeout_sec", "startup_timeout_ms", "tool_timeout_sec", "disabled",
    "isDisabled", "enabled", "isActive", "includeTools", "enabled_tools", "allowedTools", "allowed_tools", "tools", "excludeTools",
    "disabledTools", "disabled_tools", "excludedTools", "oauth", "auth", "headersHelper", "env_vars", "bearer_token_env_var",
    "env_http_headers", "description", "name", "gallery", "version", "required"};

const Json* member(const Json& object, std::string_view name) {
    const auto found = object.find(name);
    return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool says(const Json& entry, const char* name, bool wanted) {
    const Json* value = member(entry, name);
    return value != nullptr && (*value == Json(wanted) || *value == Json(wanted ? "true" : "false"));
}

bool contains(const Json* list, const std::string& word) {
    return list != nullptr && list->is_array() && std::find(list->begin(), list->end(), Json(word)) != list->end();
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

// Rewrites the spellings of a client to those of mcp/server_variables.h.
class Spelling {
  public:
    Spelling(const Client& client, const EntryPlace& place) : client_(client), place_(place) {}

    // InvalidArgument for a folder that nobody named.
    Result<std::string> read(std::string text) const {
        switch (client_.variables) {
            case Variables::None: replace_all(text, "${", "$${"); return text;
            case Variables::Dollar: text = braced(text); break;
            case Variables::Curly:
                replace_all(text, "${", "$${");
                replace_all(text, "{env:", "${env:");
                replace_all(text, "{file:", "${file:");
                return text;
            case Variables::Braces: break;
        }
        replace_all(text, "${userHome}", place_.user.string());
        replace_all(text, "${/}", "/");
        replace_all(text, "${pathSeparator}", "/");
        for (const char* form : {"${workspaceFolder}", "${workspaceRoot}", "${workspaceFolderBasename}", "${cwd}"}) {
            if (text.find(form) == std::string::npos) {
                continue;
            }
            if (place_.project.empty()) {
                return fail(Code::InvalidArgument, fmt::format("it names {}, and this file is not of one project; give the folder "
                                                               "with --workspace DIR", form));
            }
            replace_all(text, form, (std::string_view(form) == "${workspaceFolderBasename}" ? place_.project.filename() : place_.project).string());
        }
        return text;
    }

  private:
    // "$NAME" as "${NAME}".
    static std::string braced(const std::string& text) {
        std::string made;
        for (std::size_t i = 0; i < text.size(); ++i) {
            made += text[i];
            std::size_t end = i + 1;
            while (text[i] == '$' && end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_')) {
                ++end;
            }
            if (end > i + 1 && std::isdigit(static_cast<unsigned char>(text[i + 1])) == 0) {
                made += fmt::format("{{{}}}", text.substr(i + 1, end - i - 1));
                i = end - 1;
            }
        }
        return made;
    }

    const Client& client_;
    const EntryPlace& place_;
};

// Reads one entry; each step takes its members of it.
class EntryReader {
  public:
    EntryReader(const Client& client, const ClientText& file, const FoundServer& found, const EntryPlace& place)
        : client_(client), file_(file), found_(found), entry_(found.entry), place_(place), spelling_(client, place_) {
        if (!found.project.empty()) {
            place_.project = place_.folder = found.project;
        }
    }

    Result<ServerEntry> read() {
        if (!entry_.is_object()) {
            return fail(Code::InvalidArgument, "it is not an object");
        }
        made_.record.name = mcp::server_name(found_.name);
        RESONANT_CHECK(refuse_what_cannot_be());
        RESONANT_CHECK(read_program());
        RESONANT_CHECK(read_address());
        RESONANT_CHECK(read_folder());
        RESONANT_CHECK(read_times());
        read_switches();
        RESONANT_CHECK(read_tools());
        read_questions();
        for (const auto& [name, value] : entry_.items()) {
            if (!kKnown.contains(name) && !value.is_null() && value != Json(false) && !(value.is_structured() && value.empty())) {
                made_.words.push_back(name == "alwaysAllow" || name == "autoApprove" || name == "trust"
                                          ? name + " is not carried over: from now on the client approves the calls of resonant by itself"
                                          : name + " is not carried over");
            }
        }
        if (!found_.project.empty()) {
            made_.words.push_back(fmt::format("it was for {} alone; behind resonant every client sees it, unless [[client]] says otherwise",
                                              found_.project));
        }
        RESONANT_CHECK(mcp::check(made_.record));
        return made_;
    }

  private:
    Status refuse_what_cannot_be() const {
        const Json* type = member(entry_, "type");
        type = type == nullptr ? member(entry_, "transport") : type;
        type = type == nullptr ? member(entry_, "transportType") : type;
        if (type != nullptr && *type == "sse") {
            return fail(Code::Unimplemented, "it speaks the transport HTTP+SSE of 2024, which the gateway does not; give its Streamable "
                                             "HTTP url, or leave it here");
        }
        if (member(entry_, "headersHelper") != nullptr) {
            return fail(Code::Unimplemented, "headersHelper runs a program for its headers, which the gateway does not; write headers with ${VAR}");
        }
        for (const char* name : {"oauth", "auth"}) {
            const Json* block = member(entry_, name);
            const bool ours = block != nullptr && block->is_object() && block->contains("client_id") && block->contains("client_secret");
            if (block != nullptr && block->is_object() && !ours && block->value("enabled", Json(true)) != Json(false)) {
                return fail(Code::Unimplemented, fmt::format("its {} block signs in through a browser, which the gateway does not; give a "
                                                             "token in headers, or client_id and client_secret, or leave it here", name));
            }
        }
        if (client_.name == "zed" && (entry_.value("source", Json()) == "extension" || (entry_.contains("settings") && !entry_.contains("command")))) {
            return fail(Code::Unimplemented, "it belongs to an extension of Zed, which starts it itself; it stays here");
        }
        return {};
    }

    Result<std::string> text(const Json& value) const { return spelling_.read(value.is_string() ? value.get<std::string>() : json::dump(value)); }

    Status words(const Json& list, const char* name, std::vector<std::string>& target) const {
        if (!list.is_array()) {
            return fail(Code::InvalidArgument, fmt::format("{} is not a list", name));
        }
        for (const Json& one : list) {
            if (one.is_structured() || one.is_null()) {
                return fail(Code::InvalidArgument, fmt::format("{} holds something that is not a text", name));
            }
            RESONANT_ASSIGN(std::string word, text(one));
            target.push_back(std::move(word));
        }
        return {};
    }

    Status pairs(const Json& entry, const char* name, std::map<std::string, std::string>& target) const {
        const Json* object = member(entry, name);
        if (object == nullptr) {
            return {};
        }
        if (!object->is_object()) {
            return fail(Code::InvalidArgument, fmt::format("{} is not an object", name));
        }
        for (const auto& [key, value] : object->items()) {
            if (!value.is_null()) {  // VS Code unsets a variable so; a server gets only what is named
                RESONANT_ASSIGN(target[key], text(value));
            }
        }
        return {};
    }

    Status read_program() {
        std::vector<std::string>& command = made_.record.command;
        const Json* program = member(entry_, "command");
        const Json* from = &entry_;
        if (program != nullptr && program->is_object()) {  // Zed before 2025-10
            from = program;
            program = member(*from, "path");
        }
        if (program != nullptr && program->is_array()) {
            RESONANT_CHECK(words(*program, "command", command));
        } else if (program != nullptr) {
            RESONANT_ASSIGN(std::string word, text(*program));
            command.push_back(std::move(word));
        }
        if (const Json* args = member(*from, "args"); args != nullptr && !command.empty()) {
            RESONANT_CHECK(words(*args, "args", command));
        }
        RESONANT_CHECK(pairs(*from, "env", made_.record.environment));
        RESONANT_CHECK(pairs(entry_, "environment", made_.record.environment));
        if (const Json* names = member(entry_, "env_vars"); names != nullptr && names->is_array()) {
            for (const Json& one : *names) {
                const std::string name = one.is_object() ? one.value("name", "") : one.is_string() ? one.get<std::string>() : "";
                if (!name.empty()) {
                    made_.record.environment.emplace(name, "${" + name + ":-}");
                }
            }
        }
        if (const Json* file = member(entry_, "envFile"); file != nullptr && file->is_string()) {
            RESONANT_ASSIGN(made_.record.env_file, text(*file));
            RESONANT_CHECK(make_absolute(made_.record.env_file, "envFile"));
        }
        return {};
    }

    Status read_address() {
        for (const char* name : {"httpUrl", "url", "serverUrl"}) {
            if (const Json* url = member(entry_, name); url != nullptr && made_.record.url.empty() && made_.record.command.empty()) {
                RESONANT_ASSIGN(made_.record.url, text(*url));
            }
        }
        std::map<std::string, std::string>& headers = made_.record.headers;
        RESONANT_CHECK(pairs(entry_, "headers", headers));
        RESONANT_CHECK(pairs(entry_, "http_headers", headers));
        if (const Json* token = member(entry_, "bearer_token_env_var"); token != nullptr && token->is_string()) {
            headers["Authorization"] = fmt::format("Bearer ${{{}}}", token->get<std::string>());
        }
        if (const Json* named = member(entry_, "env_http_headers"); named != nullptr && named->is_object()) {
            for (const auto& [key, value] : named->items()) {
                headers[key] = fmt::format("${{{}}}", value.is_string() ? value.get<std::string>() : "");
            }
        }
        return member(entry_, "oauth") != nullptr && member(entry_, "oauth")->is_object() &&
                       member(entry_, "oauth")->contains("client_secret")
                   ? pairs(entry_, "oauth", made_.record.oauth)
                   : Status();
    }

    Status make_absolute(std::string& path, const char* what) const {
        if (path.starts_with("~/")) {
            path = (place_.user / path.substr(2)).string();
        }
        if (path.empty() || path.starts_with('/') || path.starts_with("${")) {
            return {};
        }
        const fs::path base = made_.record.folder.empty() ? place_.project : fs::path(made_.record.folder);
        if (base.empty()) {
            return fail(Code::InvalidArgument, fmt::format("its {} '{}' is relative, and this file is not of one project; give the folder "
                                                           "with --workspace DIR", what, path));
        }
        path = (base / path).lexically_normal().string();
        return {};
    }

    Status read_folder() {
        call::UpstreamSpec& record = made_.record;
        if (record.command.empty()) {
            return {};
        }
        if (const Json* folder = member(entry_, "cwd")) {
            RESONANT_ASSIGN(std::string path, text(*folder));
            RESONANT_CHECK(make_absolute(path, "cwd"));
            record.folder = std::move(path);
        }
        std::string& program = record.command.front();
        if (program.find('/') != std::string::npos) {
            RESONANT_CHECK(make_absolute(program, "command"));
        }
        if (record.folder.empty()) {
            record.folder = (place_.folder.empty() ? place_.project : place_.folder).string();
        }
        return {};
    }

    void take_time(const Json* value, double unit, double& target, const char* name) {
        if (value == nullptr || !value->is_number()) {
            return;
        }
        const double seconds = value->get<double>() * unit;
        target = std::clamp(seconds, mcp::kServerTimeoutLeast_s, mcp::kServerTimeoutMost_s);
        if (target != seconds) {
            made_.words.push_back(fmt::format("{} of {} s lies outside {} to {}; it becomes {} s", name, seconds, mcp::kServerTimeoutLeast_s,
                                              mcp::kServerTimeoutMost_s, target));
        }
    }

    Status read_times() {
        call::UpstreamSpec& record = made_.record;
        const Json* timeout = member(entry_, "timeout");
        if (client_.name == "opencode") {
            if (timeout != nullptr && timeout->is_object()) {
                take_time(member(*timeout, "request"), 0.001, record.timeout_s, "timeout.request");
                take_time(member(*timeout, "startup"), 0.001, record.start_timeout_s, "timeout.startup");
            } else {
                take_time(timeout, 0.001, record.start_timeout_s, "timeout");  // of fetching its tools
            }
            return {};
        }
        const bool large = timeout != nullptr && timeout->is_number() && timeout->get<double>() >= 1'000;
        const bool millis = client_.timeout == Unit::Millis || (client_.timeout == Unit::Guessed && large);
        take_time(timeout, millis ? 0.001 : 1, record.timeout_s, "timeout");
        take_time(member(entry_, "tool_timeout_sec"), 1, record.timeout_s, "tool_timeout_sec");
        take_time(member(entry_, "startup_timeout_ms"), 0.001, record.start_timeout_s, "startup_timeout_ms");
        take_time(member(entry_, "startup_timeout_sec"), 1, record.start_timeout_s, "startup_timeout_sec");
        return {};
    }

    void read_switches() {
        bool off = says(entry_, "disabled", true) || says(entry_, "isDisabled", true) || says(entry_, "enabled", false) ||
                   says(entry_, "isActive", false);
        if (client_.name == "gemini") {
            const Json settings = file_.whole().value("mcp", Json::object());
            const Json* allowed = settings.is_object() ? member(settings, "allowed") : nullptr;
            off = off || (settings.is_object() && contains(member(settings, "excluded"), found_.name)) ||
                  (allowed != nullptr && !allowed->empty() && !contains(allowed, found_.name));
        }
        if (!found_.project.empty()) {
            const Json& project = file_.whole()["projects"][found_.project];
            off = off || contains(member(project, "disabledMcpServers"), found_.name);
        }
        made_.record.disabled = off;
    }

    Status read_tools() {
        for (const char* name : {"includeTools", "enabled_tools", "allowedTools", "allowed_tools", "tools"}) {
            if (const Json* list = member(entry_, name); list != nullptr && list->is_array() && !contains(list, "*")) {
                RESONANT_CHECK(words(*list, name, made_.record.tools_allowed));
                if (list->empty() && std::string_view(name) != "tools") {
                    made_.words.push_back(fmt::format("{} is empty: every tool is let through; use server disable {} to offer none", name,
                                                      made_.record.name));
                }
            }
        }
        for (const char* name : {"excludeTools", "disabledTools", "disabled_tools", "excludedTools"}) {
            if (const Json* list = member(entry_, name); list != nullptr && list->is_array()) {
                RESONANT_CHECK(words(*list, name, made_.record.tools_denied));
            }
        }
        return {};
    }

    // The questions of the file whose answers this server needs.
    void read_questions() {
        const std::string text = json::dump(mcp::json_of(made_.record));
        std::set<std::string> ids;
        for (std::size_t at = text.find("${input:"); at != std::string::npos; at = text.find("${input:", at + 1)) {
            ids.insert(text.substr(at + 8, text.find('}', at) - at - 8));
        }
        const Json inputs = file_.whole().value("inputs", Json::array());
        for (const std::string& id : ids) {
            Asked asked{.id = id, .description = {}, .hidden = true, .otherwise = {}, .choices = {}};  // unknown ones may be secrets
            for (const Json& one : inputs) {
                if (!one.is_object() || one.value("id", Json()) != Json(id)) {
                    continue;
                }
                asked.hidden = one.value("password", Json(false)) == Json(true);
                const auto take = [&](const char* name, std::string& target) {
                    const Json* value = member(one, name);
                    target = value != nullptr && value->is_string() ? value->get<std::string>() : "";
                };
                take("description", asked.description);
                take("default", asked.otherwise);
                for (const Json& option : one.value("options", Json::array())) {
                    const Json value = option.is_object() ? option.value("value", Json()) : option;
                    if (value.is_string()) {
                        asked.choices.push_back(value.get<std::string>());
                    }
                }
            }
            made_.asked.push_back(std::move(asked));
        }
    }

    const Client& client_;
    const ClientText& file_;
    const FoundServer& found_;
    const Json& entry_;
    EntryPlace place_;
    Spelling spelling_;
    ServerEntry made_;
};

std::string base_name(const std::string& word) { return fs::path(word).filename().string(); }

}  // namespace

Result<ServerEntry> read_entry(const Client& client, const ClientText& file, const FoundServer& found, const EntryPlace& place) {
    return EntryReader(client, file, found, place).read();
}

Result<ServerFile> read_servers(const fs::path& file, std::string text, const EntryPlace& place, const Self& self) {
    static constexpr Client kAnybody{.name = "", .title = "", .section = "mcpServers", .afterwards = ""};
    const Client* known = client_of_file(file);
    const Client& client = known == nullptr ? kAnybody : *known;
    RESONANT_ASSIGN(const ClientText read, ClientText::read(client, std::move(text), known == nullptr || known->form == Form::Jsonc));
    if (read.servers().empty()) {
        return fail(Code::InvalidArgument, fmt::format("the file holds no servers (\"mcpServers\", \"servers\", \"context_servers\" or "
                                                       "\"mcp\"; [mcp_servers.NAME] in TOML)"));
    }
    ServerFile made;
    for (const FoundServer& found : read.servers()) {
        if (is_self(found, self)) {
            made.own = true;
            continue;
        }
        Result<ServerEntry> entry = read_entry(client, read, found, place);
        if (!entry) {
            made.left_out.push_back(fmt::format("{}: {}", found.name.substr(0, 60), entry.error().message));
            continue;
        }
        const auto same = std::find_if(made.servers.begin(), made.servers.end(),
                                       [&](const ServerEntry& one) { return one.record.name == entry->record.name; });
        if (same == made.servers.end()) {
            made.servers.push_back(std::move(*entry));
        } else if (!(same->record == entry->record)) {
            made.left_out.push_back(fmt::format("{}: another server of this file is named {} as well", found.name.substr(0, 60),
                                                entry->record.name));
        }
    }
    return made;
}

bool is_self(const FoundServer& found, const Self& self) {
    const Json& entry = found.entry;
    if (!entry.is_object()) {
        return false;
    }
    std::vector<std::string> words;
    const auto add = [&](const Json* value) {
        if (value != nullptr && value->is_string()) {
            words.push_back(value->get<std::string>());
        }
        for (const Json& one : value != nullptr && value->is_array() ? *value : Json::array()) {
            words.push_back(one.is_string() ? one.get<std::string>() : "");
        }
    };
    const Json* command = member(entry, "command");
    const Json* from = command != nullptr && command->is_object() ? command : &entry;
    add(from == command ? member(*from, "path") : command);
    add(member(*from, "args"));
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::error_code error;
        const bool ours = base_name(words[i]) == "resonant" ||
                          (words[i].find('/') != std::string::npos && fs::equivalent(words[i], self.program, error) && !error);
        if (ours && (found.name == "resonant" || std::find(words.begin() + static_cast<std::ptrdiff_t>(i), words.end(), "mcp") != words.end())) {
            return true;
        }
        if (!self.address.empty() && words[i] == self.address) {
            return true;  // through a bridge from stdio to HTTP
        }
    }
    for (const char* name : {"url", "serverUrl", "httpUrl"}) {
        const Json* url = member(entry, name);
        std::string address = url != nullptr && url->is_string() ? url->get<std::string>() : "";
        replace_all(address, "localhost", "127.0.0.1");
        if (!address.empty() && !self.address.empty() && (address == self.address || address == self.address + "/")) {
            return true;
        }
    }
    return false;
}

}  // namespace resonant::clients
