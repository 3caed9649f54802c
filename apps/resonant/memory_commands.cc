#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>

#include "apps/resonant/commands.h"
#include "apps/resonant/progress_line.h"
#include "resonant/runtime/verification.h"

namespace resonant::app {
namespace {

namespace fs = std::filesystem;

// What the subcommands of `memory` take, in one place; each uses its part.
struct Options {
    std::string content, title, query, galaxy, file, output;
    std::string format;
    std::string on_conflict = "skip";
    int limit = 10;
};

// The format that a file's name and beginning tell; empty when they do not.
std::string format_of(const fs::path& file) {
    const std::string suffix = file.extension().string();
    std::ifstream opened(file, std::ios::binary);
    std::string head(4'096, '\0');
    opened.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(opened.gcount()));
    if (head.starts_with("PAR1")) return "parquet";
    if (head.starts_with("ARROW1")) return "arrow";
    if (head.starts_with("SQLite format 3")) return "";
    const bool is_graph = head.find("\"entityType\"") != std::string::npos ||
                          head.find("\"relationType\"") != std::string::npos;
    if (suffix == ".jsonl" || suffix == ".ndjson" || suffix == ".json") {
        return is_graph ? "server_memory" : suffix == ".json" ? "json" : "jsonl";
    }
    if (suffix == ".csv") return "csv";
    return suffix == ".md" || suffix == ".markdown" ? "markdown" : "";
}

// A copy in the inbox, which the kernel may read; gone with this.
class Inbox {
  public:
    Inbox(const runtime::Home& home, const fs::path& file) {
        std::error_code error;
        const fs::path whole = fs::absolute(file);
        folder_ = home.inbox() / fmt::format(".from-{:016x}", std::hash<std::string>()(whole.string()));
        fs::create_directories(folder_, error);
        fs::copy_file(whole, path(file), fs::copy_options::overwrite_existing, error);
        if (!error) {
            // The same file is known again, so that an import that was cut off goes on.
            fs::last_write_time(path(file), fs::last_write_time(whole, error), error);
        }
        failed_ = error.value() != 0;
        words_ = error.message();
    }
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox() {
        std::error_code error;
        fs::remove_all(folder_, error);
    }
    fs::path path(const fs::path& file) const { return folder_ / file.filename(); }
    bool failed() const { return failed_; }
    const std::string& words() const { return words_; }

  private:
    fs::path folder_;
    bool failed_ = false;
    std::string words_;
};

int import_file(const Common& common, const Options& options) {
    const std::string format = options.format.empty() && options.file != "-"
                                   ? format_of(options.file)
                                   : options.format.empty() ? "jsonl" : options.format;
    if (format.empty()) {
        return report({Code::InvalidArgument,
                       "memory import: " + options.file + " does not say what it is; give --format json, jsonl, "
                       "csv, markdown, parquet, arrow, server_memory, mem0 or whitemagic"},
                      kUsage);
    }
    Json arguments = {{"format", format}, {"on_conflict", options.on_conflict}};
    if (!options.galaxy.empty()) {
        arguments["galaxy"] = options.galaxy;
    }
    if (options.file == "-") {
        arguments["data"] = std::string(std::istreambuf_iterator<char>(std::cin), {});
        return call_tool(common, "memory.import", arguments);
    }
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
    }
    const Inbox inbox(*home, options.file);
    if (inbox.failed()) {
        return report({Code::Unavailable, "memory import: " + options.file + ": " + inbox.words()});
    }
    arguments["path"] = inbox.path(options.file).string();
    return call_tool(common, "memory.import", arguments);
}

Json export_arguments(const Options& options) {
    Json arguments = {{"format", options.format.empty() ? "jsonl" : options.format}};
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
        return report(home.error());
    }
    std::error_code error;
    const fs::path wanted = fs::absolute(options.output);
    if (fs::exists(wanted, error)) {
        return report({Code::AlreadyExists, "memory export: " + wanted.string() + " is there; name another file"},
                      kUsage);
    }
    const fs::path made = home->outbox() / fmt::format(".to-{:016x}", std::hash<std::string>()(wanted.string()));
    fs::remove(made, error);
    Json arguments = export_arguments(options);
    arguments["path"] = made.string();
    auto answer = ask_tool(common, "memory.export", arguments);
    if (!answer) {
        return answer.error();
    }
    fs::copy_file(made, wanted, error);
    std::error_code gone;
    fs::remove(made, gone);
    if (error) {
        return report({Code::Unavailable, "memory export: " + wanted.string() + ": " + error.message()});
    }
    (*answer)["path"] = wanted.string();
    show(common, *answer);
    return kOk;
}

// Page after page to standard output; with --json one answer with all of the text.
int export_text(const Common& common, const Options& options) {
    Json arguments = export_arguments(options);
    arguments["limit"] = 200;
    const bool is_list = arguments["format"] == "json";  // pages of one list: lines, joined here
    if (is_list) {
        arguments["format"] = "jsonl";
    }
    std::string all = is_list ? "{\"memories\":[\n" : "";
    std::size_t count = 0;
    // The text itself shows on a terminal how far it is.
    ProgressLine progress("memory export", common.quiet || (!common.json && !is_list && ::isatty(STDOUT_FILENO) != 0));
    for (;;) {
        const auto answer = ask_tool(common, "memory.export", arguments);
        if (!answer) {
            return answer.error();
        }
        std::string data = answer->value("data", "");
        const bool is_csv = arguments["format"] == "csv";
        if (is_csv && count > 0) {
            data.erase(0, std::min(data.size(), data.find('\n') + 1));  // one header is enough
        }
        if (is_list) {
            for (std::size_t end = data.find('\n'); end != std::string::npos; end = data.find('\n', end + 2)) {
                data.replace(end, 1, ",\n");
            }
            all += count > 0 && !data.empty() ? ",\n" : "";
            data.resize(data.size() - std::min<std::size_t>(2, data.size()));
        }
        count += answer->value("count", std::size_t{0});
        progress.tell(static_cast<double>(count), 0, fmt::format("{} memories", count));
        if (common.json || is_list) {
            all += data;
        } else {
            std::cout << data << std::flush;
        }
        const std::string cursor = answer->value("cursor", "");
        if (cursor.empty()) {
            break;
        }
        arguments["cursor"] = cursor;
    }
    all += is_list ? "\n]}\n" : "";
    if (common.json) {
        show(common, {{"format", is_list ? Json("json") : arguments["format"]}, {"count", count}, {"data", all}});
    } else if (is_list) {
        std::cout << all << std::flush;
    }
    return kOk;
}

using Run = std::function<int(const Common&, const Options&)>;

CLI::App* command(CLI::App& parent, Common& common, const std::shared_ptr<Options>& options,
                  const std::string& name, const std::string& help, Run run) {
    CLI::App* made = parent.add_subcommand(name, help);
    made->callback([&common, options, run = std::move(run)] { common.exit_code = run(common, *options); });
    return made;
}

int find(const Common& common, const Options& options, const std::string& tool) {
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
    const bool is_table = options.format == "arrow" || options.format == "parquet";
    if (is_table && options.output.empty()) {
        return report({Code::InvalidArgument, "memory export: " + options.format + " needs --output FILE"}, kUsage);
    }
    return options.output.empty() ? export_text(common, options) : export_file(common, options);
}

// Reads the files itself, so it works with and without a kernel and does not ask the kernel to judge itself.
int verify_memory(const Common& common) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
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

void add_memory_commands(CLI::App& app, Common& common) {
    CLI::App* memory = app.add_subcommand("memory", "memories: add, search, recall, import, export, stats, rebuild, verify");
    memory->require_subcommand(1);
    const auto options = std::make_shared<Options>();
    const auto galaxy = [&](CLI::App* made) {
        made->add_option("--galaxy", options->galaxy, "the store; the default one else");
        return made;
    };
    CLI::App* adding = galaxy(command(*memory, common, options, "add", "store one memory", add));
    adding->add_option("content", options->content, "the text")->required();
    adding->add_option("--title", options->title, "a title");
    for (const char* name : {"search", "recall"}) {
        const std::string tool = std::string("memory.") + name;
        CLI::App* finding = galaxy(command(*memory, common, options, name, "find memories",
                                           [tool](const Common& c, const Options& o) { return find(c, o, tool); }));
        finding->add_option("query", options->query, "words")->required();
        finding->add_option("--limit", options->limit, "hits at most");
    }
    CLI::App* loading = galaxy(command(*memory, common, options, "import",
                                       "load memories from a file ('-': standard input)", import_file));
    loading->add_option("file", options->file, "file to read")->required()
        ->check(CLI::ExistingFile | CLI::IsMember({"-"}));
    loading->add_option("--format", options->format,
                        "json, jsonl, csv, markdown, parquet, arrow, server_memory, mem0 or whitemagic; told by "
                        "the file where it can be");
    loading->add_option("--on-conflict", options->on_conflict, "skip or merge what is known");
    CLI::App* saving = galaxy(command(*memory, common, options, "export", "copy memories out", export_memories));
    saving->add_option("--format", options->format, "json, jsonl, csv, markdown, parquet, arrow");
    saving->add_option("--output", options->output, "a new file; standard output else");
    saving->add_option("--query", options->query, "only those with these words");
    galaxy(command(*memory, common, options, "stats", "the map of memory", [](const Common& c, const Options& o) {
        return call_tool(c, "galactic.dashboard", o.galaxy.empty() ? Json::object() : Json{{"galaxy", o.galaxy}});
    }));
    command(*memory, common, options, "rebuild",
            "write the mapped copy of the vectors anew from the database, and what the text index misses",
            [](const Common& c, const Options&) { return call_tool(c, "vector.index", {{"rebuild", true}}); });
    command(*memory, common, options, "verify",
            "check database, words, histories, vectors, Arrow copy and ledger against each other",
            [](const Common& c, const Options&) { return verify_memory(c); });
}

}  // namespace resonant::app
