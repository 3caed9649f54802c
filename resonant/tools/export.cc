#include "resonant/tools/export.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "resonant/broker/files.h"
#include "resonant/engines/engines.h"
#include "resonant/memory/survey.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/exchange.h"
#include "resonant/tools/memory_table.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kPage = 500;             // memories between two looks at the store
constexpr std::size_t kPageInAnswer = 200;     // of an answer, at most; and about this many bytes
constexpr std::size_t kAnswerBytes = 200'000;
constexpr std::size_t kRowsMax = 1'000'000;    // of a file

bool is_table(std::string_view format) { return format == "arrow" || format == "parquet"; }

// The caller's own private memories are among what it may read, and archived ones, too.
Result<memory::Filter> wanted(Services& services, const call::Call& call) {
    RESONANT_ASSIGN(memory::Filter filter, filter_of(services, call, call.at));
    filter.include_private = true;
    filter.include_archived = true;
    return filter;
}

Result<memory::Page> page_of(Services& services, const call::Call& call, const memory::Filter& filter,
                             std::size_t limit, const std::string& cursor) {
    const std::string query = text_of(call, "query");
    return query.empty()
               ? services.sea->list("created", filter, limit, cursor, call.caller.principal)
               : services.sea->search(query, filter, limit, cursor, call.caller.principal);
}

Result<std::vector<memory::Edge>> links_of(Services& services, const call::Call& call,
                                           const memory::Page& page) {
    std::vector<memory::MemoryId> ids;
    for (const memory::Hit& hit : page.hits) {
        ids.push_back(hit.memory.id);
    }
    return services.survey->edges_from(ids, call.caller.principal);
}

// The links that lead from `id`, out of those of a page.
std::vector<memory::Edge> from(memory::MemoryId id, const std::vector<memory::Edge>& links) {
    std::vector<memory::Edge> found;
    std::copy_if(links.begin(), links.end(), std::back_inserter(found),
                 [&](const memory::Edge& link) { return link.from == id; });
    return found;
}

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
    RESONANT_ASSIGN(const memory::Filter filter, wanted(services, call));
    RESONANT_ASSIGN(const memory::Page page,
                    page_of(services, call, filter, limit_of(call, 50, kPageInAnswer), text_of(call, "cursor")));
    RESONANT_ASSIGN(const auto links, links_of(services, call, page));
    std::string text = exchange_head(format);
    std::size_t count = 0;
    for (const memory::Hit& hit : page.hits) {
        std::string record =
            exchange_record(format, hit.memory, from(hit.memory.id, links), count == 0);
        if (count > 0 && text.size() + record.size() > kAnswerBytes) {
            break;
        }
        text += record;
        ++count;
    }
    text += exchange_foot(format);
    Json answer = {{"format", format}, {"count", count}, {"data", std::move(text)}};
    if (count < page.hits.size()) {
        const std::string start = text_of(call, "cursor", "0");
        answer["cursor"] = std::to_string(std::stoull(start) + count);  // a page's cursor is its offset
    } else if (!page.cursor.empty()) {
        answer["cursor"] = page.cursor;
    }
    return answer;
}

// Calls `use(page, links)` for all that is wanted, page by page. Returns how many memories there were.
template <typename Use>
Result<std::size_t> each_page(Services& services, const call::Call& call, const Use& use) {
    RESONANT_ASSIGN(const memory::Filter filter, wanted(services, call));
    const std::size_t most = has(call, "limit") ? limit_of(call, 1, kRowsMax) : kRowsMax;
    std::size_t count = 0;
    std::string cursor = text_of(call, "cursor");
    do {
        if (call.is_cancelled()) {
            return fail(Code::Timeout, fmt::format("memory.export: cancelled after {} memories", count));
        }
        RESONANT_ASSIGN(const memory::Page page,
                        page_of(services, call, filter, std::min(kPage, most - count), cursor));
        RESONANT_ASSIGN(const auto links, links_of(services, call, page));
        RESONANT_CHECK(use(page, links));
        count += page.hits.size();
        cursor = page.cursor;
        if (call.progress) {
            call.progress(static_cast<double>(count), 0, fmt::format("{} memories", count));
        }
    } while (!cursor.empty() && count < most);
    return count;
}

Result<std::size_t> write_text_file(Services& services, const call::Call& call,
                                    const std::string& format, int fd) {
    bool first = true;
    RESONANT_CHECK(write_text(fd, exchange_head(format)));
    RESONANT_ASSIGN(const std::size_t count,
                    each_page(services, call, [&](const memory::Page& page, const auto& links) -> Status {
                        std::string text;
                        for (const memory::Hit& hit : page.hits) {
                            text += exchange_record(format, hit.memory, from(hit.memory.id, links), first);
                            first = false;
                        }
                        return write_text(fd, text);
                    }));
    RESONANT_CHECK(write_text(fd, exchange_foot(format)));
    return count;
}

Result<std::size_t> write_table_file(Services& services, const call::Call& call,
                                     const std::string& format, int fd) {
    MemoryTable table;
    RESONANT_ASSIGN(const std::size_t count,
                    each_page(services, call, [&](const memory::Page& page, const auto& links) -> Status {
                        std::vector<memory::Memory> memories;
                        for (const memory::Hit& hit : page.hits) {
                            memories.push_back(hit.memory);
                        }
                        return table.add(memories, links);
                    }));
    RESONANT_CHECK(table.write(format, fd));
    return count;
}

// What was begun and failed is taken away, so that nobody takes half for the whole.
Result<Json> finish(call::Call& call, const broker::Files::Made& made, const Result<std::size_t>& count,
                    Json answer) {
    if (!count || ::fsync(made.file.get()) != 0) {
        ::unlink(made.path.c_str());
        return count ? fail_errno("memory.export: sync " + made.path.string(), errno)
                     : std::unexpected(count.error());
    }
    ++call.effects.files_written;
    answer["path"] = made.path.string();
    answer["count"] = *count;
    return answer;
}

}  // namespace

Result<Json> export_memories(Services& services, call::Call& call) {
    const std::string format = text_of(call, "format");
    if (!has(call, "path")) {
        return is_table(format)
                   ? Result<Json>(fail(Code::InvalidArgument,
                                       "memory.export: " + format + " is no text; give a path in the outbox"))
                   : to_answer(services, call, format);
    }
    RESONANT_ASSIGN(const broker::Files::Made made, services.files->create(text_of(call, "path")));
    const Result<std::size_t> count =
        is_table(format) ? write_table_file(services, call, format, made.file.get())
                         : write_text_file(services, call, format, made.file.get());
    return finish(call, made, count, {{"format", format}});
}

Result<Json> export_table(Services& services, call::Call& call) {
    const std::string name = text_of(call, "name");
    const std::string format = text_of(call, "format", "arrow");
    if (name != "memories" && services.engines->outputs().newest(name) == nullptr) {
        RESONANT_CHECK(services.engines->run(name));
    }
    RESONANT_ASSIGN(const broker::Files::Made made, services.files->create(text_of(call, "path")));
    if (name == "memories") {
        return finish(call, made, write_table_file(services, call, format, made.file.get()),
                      {{"name", name}, {"format", format}});
    }
    const auto output = services.engines->outputs().newest(name);
    MemoryTable table;
    table.add(output->batch.arrow());
    const Status written = table.write(format, made.file.get());
    const Result<std::size_t> count = written ? Result<std::size_t>(output->batch.rows())
                                              : std::unexpected(written.error());
    return finish(call, made, count,
                  {{"name", name}, {"format", format}, {"generation", output->generation}});
}

}  // namespace resonant::tools
