#include "resonant/tools/export.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "resonant/broker/files.h"
#include "resonant/engines/engines.h"
#include "resonant/memory/survey.h"
#include "resonant/memory/walk.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/exchange.h"
#include "resonant/tools/memory_table.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kPage = 500;           // memories between two looks at the store
constexpr std::size_t kPageInAnswer = 200;   // of an answer, at most; and about this many bytes
constexpr std::size_t kAnswerBytes = 200'000;
constexpr std::size_t kRowsMax = 100'000'000;  // of a file

bool is_table(std::string_view format) { return format == "arrow" || format == "parquet"; }

// Of every galaxy unless one is named, archived ones, too; the caller's own private memories when it asks for them.
Result<memory::Filter> wanted(Services& services, const call::Call& call) {
    RESONANT_ASSIGN(memory::Filter filter, filter_of(services, call, call.at));
    if (!has(call, "galaxy")) {
        filter.galaxy.clear();
    }
    filter.include_archived = true;
    return filter;
}

// By the name of the file when nothing is said.
std::string format_of(const call::Call& call) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kEndings = {
        {{".json", "json"}, {".csv", "csv"}, {".md", "markdown"}, {".markdown", "markdown"}, {".arrow", "arrow"},
         {".feather", "arrow"}, {".parquet", "parquet"}}};
    const std::string ending = std::filesystem::path(text_of(call, "path")).extension().string();
    const auto found = std::find_if(kEndings.begin(), kEndings.end(), [&](const auto& each) { return each.first == ending; });
    return text_of(call, "format", found == kEndings.end() ? "jsonl" : found->second);
}

// Memories on their way out, page after page, each with the links that lead from it.
class Pages {
  public:
    static Result<Pages> open(Services& services, const call::Call& call) {
        RESONANT_ASSIGN(memory::Filter filter, wanted(services, call));
        RESONANT_ASSIGN(const memory::MemoryId after, place_of(text_of(call, "cursor")));
        return Pages(services, call,
                     memory::Walk(*services.database, std::move(filter), text_of(call, "query"),
                                  call.caller.principal, after));
    }

    // The next memories, at most `count`; none at the end.
    Result<std::vector<memory::Memory>> next(std::size_t count) {
        if (call_.is_cancelled()) {
            return fail(Code::Timeout, fmt::format("memory.export: cancelled after {} memories; no file was made", count_));
        }
        RESONANT_ASSIGN(auto memories, walk_.next(count));
        std::vector<memory::MemoryId> ids;
        for (const memory::Memory& memory : memories) {
            ids.push_back(memory.id);
        }
        RESONANT_ASSIGN(edges_, services_.survey->edges_from(ids, call_.caller.principal));
        links_.clear();
        for (const memory::Edge& edge : edges_) {
            links_[edge.from].push_back(edge);
        }
        count_ += memories.size();
        if (call_.progress) {
            call_.progress(static_cast<double>(walk_.after()), static_cast<double>(walk_.last()),
                           fmt::format("{} memories", count_));
        }
        return memories;
    }
    // Of the last page.
    const std::vector<memory::Edge>& links() const { return edges_; }
    std::span<const memory::Edge> links_of(memory::MemoryId id) const {
        const auto found = links_.find(id);
        return found == links_.end() ? std::span<const memory::Edge>() : found->second;
    }
    std::size_t count() const { return count_; }
    // Says in the answer what the caller might miss.
    Status tell_left_out(Json& answer) {
        RESONANT_ASSIGN(const memory::Walk::Hidden hidden, walk_.hidden());
        Json left_out = Json::object();
        if (hidden.own > 0) {
            left_out["private"] = hidden.own;
        }
        if (hidden.of_others > 0 && call_.caller.role == call::Role::Owner) {
            left_out["private_of_others"] = hidden.of_others;
        }
        if (!left_out.empty()) {
            answer["left_out"] = std::move(left_out);
            answer["note"] = hidden.own > 0
                                 ? "private memories of yours are not in it; include_private: true takes them along "
                                   "(command line: --include-private)"
                                 : "private memories of others are not in it; whom they belong to takes them out with "
                                   "include_private: true (command line, as that user: --include-private)";
        }
        return {};
    }

  private:
    Pages(Services& services, const call::Call& call, memory::Walk walk)
        : services_(services), call_(call), walk_(std::move(walk)) {}

    // A cursor names the last memory of the page before.
    static Result<memory::MemoryId> place_of(const std::string& cursor) {
        const auto id = memory::parse_id(cursor);
        if (!id && !cursor.empty()) {
            return fail(Code::InvalidArgument, "memory.export: cursor \"" + cursor +
                                                   "\" is not a cursor of this list; leave it out to start from the beginning");
        }
        return id.value_or(0);
    }

    Services& services_;
    const call::Call& call_;
    memory::Walk walk_;
    std::vector<memory::Edge> edges_;
    std::map<memory::MemoryId, std::vector<memory::Edge>> links_;
    std::size_t count_ = 0;
};

// How many a file may have.
std::size_t most_of(const call::Call& call) { return has(call, "limit") ? limit_of(call, 1, kRowsMax) : kRowsMax; }

Status write_text(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno != EINTR) {
            return fail_errno("memory.export: write", errno);
        }
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    return {};
}

// One page as an answer; what is over comes with the cursor.
Result<Json> to_answer(Services& services, const call::Call& call, const std::string& format) {
    RESONANT_ASSIGN(Pages pages, Pages::open(services, call));
    const std::size_t limit = limit_of(call, 50, kPageInAnswer);
    RESONANT_ASSIGN(const auto memories, pages.next(limit + 1));
    std::string text = exchange_head(format);
    std::size_t count = 0;
    for (const memory::Memory& memory : memories) {
        const std::string record = exchange_record(format, memory, pages.links_of(memory.id), count == 0);
        if (count == limit || (count > 0 && text.size() + record.size() > kAnswerBytes)) {
            break;
        }
        text += record;
        ++count;
    }
    text += exchange_foot(format);
    Json answer = {{"format", format}, {"count", count}, {"data", std::move(text)}};
    if (count < memories.size()) {
        answer["cursor"] = memory::wire_id(memories[count - 1].id);
    }
    if (!has(call, "cursor") || text_of(call, "cursor").empty()) {
        RESONANT_CHECK(pages.tell_left_out(answer));
    }
    return answer;
}

Result<std::size_t> write_text_file(Pages& pages, const std::string& format, std::size_t most, int fd) {
    bool first = true;
    RESONANT_CHECK(write_text(fd, exchange_head(format)));
    while (pages.count() < most) {
        RESONANT_ASSIGN(const auto memories, pages.next(std::min(kPage, most - pages.count())));
        if (memories.empty()) {
            break;
        }
        std::string text;
        for (const memory::Memory& memory : memories) {
            text += exchange_record(format, memory, pages.links_of(memory.id), first);
            first = false;
        }
        RESONANT_CHECK(write_text(fd, text));
    }
    RESONANT_CHECK(write_text(fd, exchange_foot(format)));
    return pages.count();
}

Result<std::size_t> write_memories(Services& services, const call::Call& call, const std::string& format, int fd,
                                   Json& answer) {
    RESONANT_ASSIGN(Pages pages, Pages::open(services, call));
    RESONANT_CHECK(pages.tell_left_out(answer));
    const std::size_t most = most_of(call);
    if (!is_table(format)) {
        return write_text_file(pages, format, most, fd);
    }
    bool is_first = true;
    RESONANT_CHECK(write_table(format, fd, [&]() -> Result<std::shared_ptr<arrow::RecordBatch>> {
        RESONANT_ASSIGN(const auto memories, pages.next(std::min(kPage, most - pages.count())));
        if (memories.empty() && !std::exchange(is_first, false)) {
            return nullptr;
        }
        is_first = false;
        return memory_batch(memories, pages.links());
    }));
    return pages.count();
}

// Only what is whole gets a name.
Result<Json> finish(call::Call& call, broker::Files::Made& made, const Result<std::size_t>& count, Json answer) {
    if (!count) {
        return std::unexpected(count.error());
    }
    RESONANT_CHECK(broker::Files::publish(made));
    ++call.effects.files_written;
    answer["path"] = made.path.string();
    answer["count"] = *count;
    return answer;
}

}  // namespace

Result<Json> export_memories(Services& services, call::Call& call) {
    const std::string format = format_of(call);
    if (!has(call, "path")) {
        return is_table(format)
                   ? Result<Json>(fail(Code::InvalidArgument,
                                       "memory.export: " + format + " is no text; give a path in the outbox"))
                   : to_answer(services, call, format);
    }
    RESONANT_ASSIGN(broker::Files::Made made, services.files->create(text_of(call, "path")));
    Json answer = {{"format", format}};
    const Result<std::size_t> count = write_memories(services, call, format, made.file.get(), answer);
    return finish(call, made, count, std::move(answer));
}

Result<Json> export_table(Services& services, call::Call& call) {
    const std::string name = text_of(call, "name");
    const std::string format = text_of(call, "format", "arrow");
    if (name != "memories" && services.engines->outputs().newest(name) == nullptr) {
        RESONANT_CHECK(services.engines->run(name));
    }
    RESONANT_ASSIGN(broker::Files::Made made, services.files->create(text_of(call, "path")));
    if (name == "memories") {
        Json answer = {{"name", name}, {"format", format}};
        const Result<std::size_t> count = write_memories(services, call, format, made.file.get(), answer);
        return finish(call, made, count, std::move(answer));
    }
    const auto output = services.engines->outputs().newest(name);
    auto batch = output->batch.arrow();
    const Status written = write_table(format, made.file.get(), [&]() -> Result<std::shared_ptr<arrow::RecordBatch>> {
        return std::exchange(batch, nullptr);
    });
    const Result<std::size_t> count = written ? Result<std::size_t>(output->batch.rows())
                                              : std::unexpected(written.error());
    return finish(call, made, count,
                  {{"name", name}, {"format", format}, {"generation", output->generation}});
}

}  // namespace resonant::tools
