#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <system_error>

#include "apps/resonant/commands.h"
#include "apps/resonant/progress_line.h"
#include "resonant/base/printable.h"
#include "resonant/runtime/verification.h"

namespace resonant::app {
namespace {

namespace fs = std::filesystem;

// What the subcommands of `memory` take, in one place; each uses its part.
struct Options {
    std::string content, title, query, galaxy, file, output;
    std::string format;
    std::string on_conflict = "skip";
    std::vector<std::string> columns;
    bool validate_only = false;
    bool include_private = false;
    int limit = 10;
};

// A copy in the inbox, which the kernel may read; gone with this. The same file has the same place again, so that an
// import that was cut off goes on.
class Inbox {
  public:
    Inbox(const runtime::Home& home, const fs::path& file) {
        const fs::path whole = fs::absolute(file);
        if (!make_folder(home, whole.string())) {
            return;
        }
        path_ = folder_ / file.filename();
        // Beside a SQLite store lies what is not in it yet.
        for (const char* suffix : {"", "-wal"}) {
            const fs::path from = whole.string() + suffix;
            const fs::path to = path_.string() + suffix;
            if (error_ || (*suffix != 0 && !fs::exists(from))) {
                continue;
            }
            fs::remove(to, error_);  // an import that was given up may read the former copy still
            fs::copy_file(from, to, error_);
            if (!error_) {
                fs::last_write_time(to, fs::last_write_time(from, error_), error_);
            }
        }
    }
    // Of what comes, to its end.
    Inbox(const runtime::Home& home, std::istream& input) {
        if (!make_folder(home, fmt::format("standard input of {}", ::getpid()))) {
            return;
        }
        path_ = folder_ / "input";
        std::ofstream copy(path_, std::ios::binary);
        if (input.peek() != std::istream::traits_type::eof()) {
            copy << input.rdbuf();
        }
        copy.close();
        error_ = copy ? std::error_code() : std::make_error_code(std::errc::io_error);
    }
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox() {
        std::error_code error;
        fs::remove_all(folder_, error);
    }
    const fs::path& path() const { return path_; }
    bool failed() const { return error_.value() != 0; }
    std::string words() const { return error_.message(); }

  private:
    bool make_folder(const runtime::Home& home, const std::string& name) {
        folder_ = home.inbox() / fmt::format(".from-{:016x}", std::hash<std::string>()(name));
        fs::create_directories(folder_, error_);
        return !error_;
    }

    fs::path folder_;
    fs::path path_;
    std::error_code error_;
};

// {"content": "Text"} of "content=Text".
Result<Json> columns_of(const std::vector<std::string>& pairs) {
    Json columns = Json::object();
    for (const std::string& pair : pairs) {
        const std::size_t mark = pair.find('=');
        if (mark == std::string::npos || mark == 0 || mark + 1 == pair.size()) {
            return fail(Code::InvalidArgument,
                        "--columns " + pair + ": write OURS=THEIRS, for example content=Text");
        }
        columns[pair.substr(0, mark)] = pair.substr(mark + 1);
    }
    return columns;
}

std::string wrong_import(const Options& options) {
    if (std::error_code error; options.file != "-" && !fs::is_regular_file(options.file, error)) {
        return options.file + " is not a file that can be read";
    }
    const auto columns = columns_of(options.columns);
    return columns ? "" : columns.error().message;
}

std::string wrong_export(const Options& options) {
    const bool is_table = options.format == "arrow" || options.format == "parquet";
    if (is_table && options.output.empty()) {
        return options.format + " needs --output FILE";
    }
    std::error_code error;
    return !options.output.empty() && fs::exists(options.output, error) ? options.output + " is there; name another file" : "";
}

int import_file(const Common& common, const Options& options) {
    Json arguments = {{"on_conflict", options.on_conflict}};
    if (const auto columns = columns_of(options.columns); columns && !columns->empty()) {
        arguments["columns"] = *columns;  // judged by wrong_import()
    }
    if (!options.format.empty()) {
        arguments["format"] = options.format;  // else the kernel looks at the content
    }
    if (options.validate_only) {
        arguments["validate_only"] = true;
    }
    if (!options.galaxy.empty()) {
        arguments["galaxy"] = options.galaxy;
    }
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report_no_home(home.error());
    }
    const auto inbox = options.file == "-" ? std::make_unique<Inbox>(*home, std::cin)
                                           : std::make_unique<Inbox>(*home, fs::path(options.file));
    if (inbox->failed()) {
        return report({Code::Unavailable, "memory import: " + options.file + ": " + inbox->words()});
    }
    arguments["path"] = inbox->path().string();
    const auto answer = whole_answer(common, "memory.import", arguments);
    if (!answer) {
        return answer.error();
    }
    const Json content = answer->value("content", Json::object());
    show(common, content);
    // A file of which nothing was kept has failed, whatever the reason.
    const bool nothing = content.is_object() && content.value("refused", 0) > 0 &&
                         content.value("stored", 0) + content.value("skipped", 0) + content.value("merged", 0) == 0 &&
                         content.value("resumed_at", 0) == 0 && !content.contains("validated_only");
    const int code = exit_code_of(*answer);
    return code == kOk && nothing ? kFailed : code;
}

// Brings a file to its place whole or not at all: by its name, or over file systems by a copy beside it.
std::error_code bring(const fs::path& made, const fs::path& wanted) {
    std::error_code error;
    fs::create_hard_link(made, wanted, error);
    if (error && error != std::errc::file_exists) {
        const fs::path part = wanted.string() + fmt::format(".{}.part", ::getpid());
        fs::copy_file(made, part, error);
        if (!error) {
            fs::create_hard_link(part, wanted, error);  // never over another file, as rename() would
        }
        if (error && error != std::errc::file_exists && fs::exists(part)) {
            fs::rename(part, wanted, error);  // where files have one name only
        }
        std::error_code gone;
        fs::remove(part, gone);
    }
    return error;
}

Json export_arguments(const Options& options) {
    Json arguments = Json::object();
    if (!options.format.empty()) {
        arguments["format"] = options.format;
    }
    if (options.include_private) {
        arguments["include_private"] = true;
    }
    if (!options.galaxy.empty()) {
        arguments["galaxy"] = options.galaxy;
    }
    if (!options.query.empty()) {
        arguments["query"] = options.query;
    }
    return arguments;
}

// The kernel writes into its outbox; from there the file goes where it is wanted.
int export_file(const Common& common, const Options& options) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report_no_home(home.error());
    }
    std::error_code error;
    const fs::path wanted = fs::absolute(options.output);
    // With its ending, which says the format.
    const fs::path made = home->outbox() / fmt::format(".to-{:016x}{}", std::hash<std::string>()(wanted.string()),
                                                       wanted.extension().string());
    fs::remove(made, error);
    Json arguments = export_arguments(options);
    arguments["path"] = made.string();
    auto answer = ask_tool(common, "memory.export", arguments);
    if (!answer) {
        return answer.error();
    }
    error = bring(made, wanted);
    std::error_code gone;
    fs::remove(made, gone);
    if (error) {
        return report({Code::Unavailable, "memory export: " + wanted.string() + ": " + error.message()});
    }
    (*answer)["path"] = wanted.string();
    show(common, *answer);
    return kOk;
}

// A page of lines as elements of a JSON list, with what joins it to the page before.
std::string as_elements(std::string lines, bool is_first) {
    lines.resize(lines.size() - (lines.ends_with('\n') ? 1 : 0));
    for (std::size_t end = lines.find('\n'); end != std::string::npos; end = lines.find('\n', end + 2)) {
        lines.replace(end, 1, ",\n");
    }
    return is_first || lines.empty() ? lines : ",\n" + lines;
}

// Page after page to standard output; with --json one answer with all of the text.
int export_text(const Common& common, const Options& options) {
    Json arguments = export_arguments(options);
    arguments["limit"] = 200;
    const std::string format = arguments.value("format", "jsonl");
    const bool is_list = format == "json";  // pages of one list: lines, joined here
    if (is_list) {
        arguments["format"] = "jsonl";
    }
    std::string all;
    const bool on_terminal = ::isatty(STDOUT_FILENO) != 0;  // a file gets the bytes as they are
    const auto give = [&](const std::string& text) {
        if (common.json) {
            all += text;
        } else {
            std::cout << (on_terminal ? printable(text, Lines::Kept) : text) << std::flush;
        }
    };
    std::size_t count = 0;
    Json told = {{"format", format}};
    // The text itself shows on a terminal how far it is.
    ProgressLine progress("memory export", common.quiet || (!common.json && on_terminal));
    give(is_list ? "{\"memories\":[\n" : "");
    do {
        const auto answer = ask_tool(common, "memory.export", arguments);
        if (!answer) {
            return answer.error();
        }
        std::string data = answer->value("data", "");
        if (format == "csv" && count > 0) {
            data.erase(0, std::min(data.size(), data.find('\n') + 1));  // one header is enough
        }
        give(is_list ? as_elements(std::move(data), count == 0) : data);
        for (const char* name : {"left_out", "note"}) {
            if (answer->contains(name)) {
                told[name] = (*answer)[name];
            }
        }
        count += answer->value("count", std::size_t{0});
        progress.tell(static_cast<double>(count), 0, fmt::format("{} memories", count));
        arguments["cursor"] = answer->value("cursor", "");
    } while (arguments["cursor"] != "");
    give(is_list ? "\n]}\n" : "");
    if (common.json) {
        told["count"] = count;
        told["data"] = std::move(all);
        show(common, told);
    } else if (told.contains("note")) {
        std::cerr << "resonant: memory export: " << json::dump(told["left_out"]) << ": " << told["note"].get<std::string>()
                  << "\n";
    }
    return kOk;
}

int find_memories(const Common& common, const Options& options, const std::string& tool) {
    Json arguments = {{"query", options.query}, {"limit", options.limit}};
    if (!options.galaxy.empty()) {
        arguments["galaxy"] = options.galaxy;
    }
    return call_tool(common, tool, arguments);
}

int add(const Common& common, const Options& options) {
    Json arguments = {{"content", options.content}};
    if (!options.title.empty()) {
        arguments["title"] = options.title;
    }
    if (!options.galaxy.empty()) {
        arguments["galaxy"] = options.galaxy;
    }
    return call_tool(common, "memory.add", arguments);
}

int export_memories(const Common& common, const Options& options) {
    Common asking = common;
    asking.as_person = options.include_private;  // private memories belong to the user's clients, not to the operator
    return options.output.empty() ? export_text(asking, options) : export_file(asking, options);
}

// Reads the files itself, so it works with and without a kernel and does not ask the kernel to judge itself.
int verify_memory(const Common& common) {
    const Result<runtime::Home> home = common.look();
    if (!home) {
        return report_no_home(home.error());
    }
    ProgressLine progress("memory verify", common.quiet);
    const Result<Json> found = runtime::verify_home(
        *home, [&](int done, std::string_view what) { progress.tell(done, runtime::kHomeSteps, what); });
    if (!found) {
        return report(found.error());
    }
    show(common, *found);
    return found->at("ok").get<bool>() ? kOk : kFailed;
}

}  // namespace

void add_memory_commands(Commands& commands) {
    const auto options = std::make_shared<Options>();
    using Run = int (*)(const Common&, const Options&);
    const auto row = [&](const std::string& name, const std::string& summary, std::vector<Argument> arguments, Run run,
                         KernelNeed kernel = KernelNeed::Started) {
        commands.push_back({.name = "memory " + name, .summary = summary, .arguments = std::move(arguments),
                            .run = [options, run](const Common& common) { return run(common, *options); }, .kernel = kernel});
    };
    const Argument galaxy = {.name = "--galaxy", .target = &options->galaxy, .help = "the store; else the default one (export: all; import: where they lay)", .value = "NAME"};
    const Argument query = {.name = "query", .target = &options->query, .help = "words", .required = true, .is_text = true};
    const Argument limit = {.name = "--limit", .target = &options->limit, .help = "hits at most"};
    commands.push_back({.name = "memory", .summary = "memories: add, search, recall, import, export, stats, rebuild, verify"});
    row("add", "store one memory",
        {{.name = "content", .target = &options->content, .help = "the text", .required = true, .is_text = true},
         {.name = "--title", .target = &options->title, .help = "a title"},
         galaxy},
        add);
    row("search", "find memories by their words", {query, limit, galaxy},
        [](const Common& c, const Options& o) { return find_memories(c, o, "memory.search"); }, KernelNeed::Asked);
    row("recall", "find memories by words and meaning", {query, limit, galaxy},
        [](const Common& c, const Options& o) { return find_memories(c, o, "memory.recall"); }, KernelNeed::Asked);
    row("import", "load memories from a file",
        {{.name = "file", .target = &options->file, .help = "file to read ('-': standard input)", .required = true},
         {.name = "--format", .target = &options->format,
          .help = "json, jsonl, csv, markdown, parquet, arrow, server_memory, mem0, whitemagic, sqlite, chatgpt, claude, claude_code; "
                  "told by the content where it can be"},
         {.name = "--on-conflict", .target = &options->on_conflict, .help = "skip, merge or copy what is known"},
         {.name = "--columns", .target = &options->columns, .help = "as in content=Text or created=\"Written on\"; as often as wanted",
          .value = "OURS=THEIRS"},
         {.name = "--validate-only", .target = &options->validate_only, .help = "read and judge, store nothing"},
         galaxy},
        import_file, KernelNeed::Started);
    commands.back().check = [options] { return wrong_import(*options); };
    row("export", "copy memories out",
        {{.name = "--format", .target = &options->format, .help = "json, jsonl, csv, markdown, parquet, arrow; told by the ending of --output"},
         {.name = "--output", .target = &options->output, .help = "a new file; standard output else", .value = "FILE"},
         {.name = "--query", .target = &options->query, .help = "only those with these words"},
         {.name = "--include-private", .target = &options->include_private, .help = "private memories of this user's clients, too"},
         galaxy},
        export_memories, KernelNeed::Asked);
    commands.back().check = [options] { return wrong_export(*options); };
    row("stats", "the map of memory", {galaxy}, [](const Common& c, const Options& o) {
        return call_tool(c, "galactic.dashboard", o.galaxy.empty() ? Json::object() : Json{{"galaxy", o.galaxy}});
    }, KernelNeed::Asked);
    row("rebuild", "write the mapped copy of the vectors anew from the database, and what the text index misses", {},
        [](const Common& c, const Options&) { return call_tool(c, "vector.index", {{"rebuild", true}}); }, KernelNeed::Asked);
    row("verify", "check database, words, histories, vectors, Arrow copy and ledger against each other", {},
        [](const Common& c, const Options&) { return verify_memory(c); }, KernelNeed::None);
}

}  // namespace resonant::app
