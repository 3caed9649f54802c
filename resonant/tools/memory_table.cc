#include "resonant/tools/memory_table.h"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "resonant/json/json.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/table_library.h"

namespace resonant::tools {
namespace {

std::unexpected<Error> failure(std::string_view tried, const arrow::Status& status) {
    const Code code = status.IsOutOfMemory() || status.IsIOError() ? Code::ResourceExhausted
                                                                   : Code::InvalidArgument;
    return fail(code, fmt::format("{}: {}", tried, status.message()));
}

std::shared_ptr<arrow::Schema> exchange_schema() {
    using arrow::field;
    return arrow::schema(
        {field("id", arrow::utf8(), false), field("title", arrow::utf8(), false),
         field("content", arrow::utf8(), false), field("type", arrow::utf8(), false),
         field("tags", arrow::list(arrow::utf8()), false),
         field("importance", arrow::float64(), false), field("protected", arrow::boolean(), false),
         field("private", arrow::boolean(), false), field("archived", arrow::boolean(), false),
         field("source", arrow::utf8(), false), field("galaxy", arrow::utf8(), false),
         field("owner", arrow::utf8(), false),
         field("created", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), false),
         field("updated", arrow::timestamp(arrow::TimeUnit::MICRO, "UTC"), false),
         field("version", arrow::uint32(), false), field("accesses", arrow::uint32(), false),
         field("distance", arrow::float64(), false), field("zone", arrow::utf8(), false),
         field("links", arrow::utf8(), false)},
        arrow::key_value_metadata({"resonant.format"}, {"memories 1"}));
}

using Links = std::map<memory::MemoryId, Json>;

// Appends one row; the builders stand in the order of the schema.
arrow::Status append(arrow::RecordBatchBuilder& to, const memory::Memory& memory, const Links& links) {
    const auto text = [&](int column, std::string_view value) {
        return to.GetFieldAs<arrow::StringBuilder>(column)->Append(value);
    };
    const auto flag = [&](int column, bool value) {
        return to.GetFieldAs<arrow::BooleanBuilder>(column)->Append(value);
    };
    ARROW_RETURN_NOT_OK(text(0, memory::wire_id(memory.id)));
    ARROW_RETURN_NOT_OK(text(1, memory.title));
    ARROW_RETURN_NOT_OK(text(2, memory.content));
    ARROW_RETURN_NOT_OK(text(3, memory.type));
    auto* tags = to.GetFieldAs<arrow::ListBuilder>(4);
    ARROW_RETURN_NOT_OK(tags->Append());
    for (const std::string& tag : memory.tags) {
        ARROW_RETURN_NOT_OK(static_cast<arrow::StringBuilder*>(tags->value_builder())->Append(tag));
    }
    ARROW_RETURN_NOT_OK(to.GetFieldAs<arrow::DoubleBuilder>(5)->Append(memory.importance));
    ARROW_RETURN_NOT_OK(flag(6, memory.is_protected));
    ARROW_RETURN_NOT_OK(flag(7, memory.is_private));
    ARROW_RETURN_NOT_OK(flag(8, memory.is_archived));
    ARROW_RETURN_NOT_OK(text(9, memory.source));
    ARROW_RETURN_NOT_OK(text(10, memory.galaxy));
    ARROW_RETURN_NOT_OK(text(11, memory.owner));
    ARROW_RETURN_NOT_OK(to.GetFieldAs<arrow::TimestampBuilder>(12)->Append(memory.created_ns / 1'000));
    ARROW_RETURN_NOT_OK(to.GetFieldAs<arrow::TimestampBuilder>(13)->Append(memory.updated_ns / 1'000));
    ARROW_RETURN_NOT_OK(to.GetFieldAs<arrow::UInt32Builder>(14)->Append(memory.version));
    ARROW_RETURN_NOT_OK(to.GetFieldAs<arrow::UInt32Builder>(15)->Append(memory.access_count));
    ARROW_RETURN_NOT_OK(to.GetFieldAs<arrow::DoubleBuilder>(16)->Append(memory.distance));
    ARROW_RETURN_NOT_OK(text(17, memory::name_of(memory.zone())));
    const auto found = links.find(memory.id);
    return text(18, found == links.end() ? "" : found->second.dump());
}

// A file of which nothing larger than kTableBytes is read in one piece: a batch's length is another's word.
class BoundedFile final : public arrow::io::RandomAccessFile {
  public:
    explicit BoundedFile(std::shared_ptr<arrow::io::ReadableFile> file) : file_(std::move(file)) {
        set_mode(arrow::io::FileMode::READ);
    }
    arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(std::int64_t position, std::int64_t bytes) override {
        ARROW_RETURN_NOT_OK(check(bytes));
        return file_->ReadAt(position, bytes);
    }
    arrow::Result<std::int64_t> ReadAt(std::int64_t position, std::int64_t bytes, void* into) override {
        ARROW_RETURN_NOT_OK(check(bytes));
        return file_->ReadAt(position, bytes, into);
    }
    arrow::Result<std::shared_ptr<arrow::Buffer>> Read(std::int64_t bytes) override {
        ARROW_RETURN_NOT_OK(check(bytes));
        return file_->Read(bytes);
    }
    arrow::Result<std::int64_t> Read(std::int64_t bytes, void* into) override {
        ARROW_RETURN_NOT_OK(check(bytes));
        return file_->Read(bytes, into);
    }
    arrow::Result<std::int64_t> GetSize() override { return file_->GetSize(); }
    arrow::Result<std::int64_t> Tell() const override { return file_->Tell(); }
    arrow::Status Seek(std::int64_t position) override { return file_->Seek(position); }
    arrow::Status Close() override { return file_->Close(); }
    bool closed() const override { return file_->closed(); }

  private:
    static arrow::Status check(std::int64_t bytes) {
        return bytes <= kTableBytes
                   ? arrow::Status::OK()
                   : arrow::Status::OutOfMemory("a batch has ", bytes, " bytes, the limit is ", kTableBytes,
                                                "; write it in smaller batches (pyarrow: write_table(table, "
                                                "max_chunksize=10000))");
    }
    std::shared_ptr<arrow::io::ReadableFile> file_;
};

// The file's batches, one after another, each read when it is asked for and freed behind.
class ArrowFile final : public arrow::RecordBatchReader {
  public:
    static arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> open(int fd, arrow::MemoryPool& pool,
                                                                         std::int64_t& rows) {
        // Arrow's own threads read the end of the file: nothing of ours may be freed behind them.
        ARROW_ASSIGN_OR_RAISE(auto file, arrow::io::ReadableFile::Open(::dup(fd)));
        const auto opened = std::make_shared<BoundedFile>(std::move(file));
        auto options = arrow::ipc::IpcReadOptions::Defaults();
        options.use_threads = false;
        options.memory_pool = &pool;  // what is decompressed
        ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchFileReader::Open(opened, options));
        ARROW_ASSIGN_OR_RAISE(rows, reader->CountRows());
        return std::make_shared<ArrowFile>(std::move(reader));
    }
    explicit ArrowFile(std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader) : reader_(std::move(reader)) {}

    std::shared_ptr<arrow::Schema> schema() const override { return reader_->schema(); }
    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
        batch->reset();
        if (next_ >= reader_->num_record_batches()) {
            return arrow::Status::OK();
        }
        ARROW_ASSIGN_OR_RAISE(*batch, reader_->ReadRecordBatch(next_++));
        return (*batch)->ValidateFull();  // offsets are another's word
    }

  private:
    std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader_;
    int next_ = 0;
};

// A value as JSON, as memory.import takes it from a line of JSON; null stays null.
Json value_of(const arrow::Scalar& scalar) {
    if (!scalar.is_valid) {
        return nullptr;
    }
    switch (scalar.type->id()) {
        case arrow::Type::BOOL: return static_cast<const arrow::BooleanScalar&>(scalar).value;
        case arrow::Type::DOUBLE: return static_cast<const arrow::DoubleScalar&>(scalar).value;
        case arrow::Type::FLOAT: return double{static_cast<const arrow::FloatScalar&>(scalar).value};
        case arrow::Type::LIST:
        case arrow::Type::LARGE_LIST: {
            Json list = Json::array();
            const auto& values = *static_cast<const arrow::BaseListScalar&>(scalar).value;
            for (std::int64_t i = 0; i < values.length(); ++i) {
                const auto item = values.GetScalar(i);
                list.push_back(item.ok() ? value_of(**item) : Json(nullptr));
            }
            return list;
        }
        case arrow::Type::TIMESTAMP: {
            const auto& at = static_cast<const arrow::TimestampScalar&>(scalar);
            const auto unit = static_cast<const arrow::TimestampType&>(*at.type).unit();
            const std::int64_t ns = unit == arrow::TimeUnit::SECOND  ? 1'000'000'000
                                    : unit == arrow::TimeUnit::MILLI ? 1'000'000
                                    : unit == arrow::TimeUnit::MICRO ? 1'000
                                                                     : 1;
            return show_time(at.value * ns);
        }
        default: return scalar.ToString();
    }
}

// The columns that a record is made of; a vector, say, is not looked at.
std::vector<int> record_columns(const arrow::Schema& schema, const RecordNames& names) {
    std::vector<int> columns;
    for (int column = 0; column < schema.num_fields(); ++column) {
        const std::string_view ours = names.ours(schema.field(column)->name());
        if (!ours.empty() && ours != "?") {
            columns.push_back(column);
        }
    }
    return columns;
}

Result<Record> record_of(const arrow::RecordBatch& batch, std::span<const int> columns, std::int64_t row,
                         std::size_t number, const RecordNames& names) {
    Json object = Json::object();
    for (const int column : columns) {
        const auto scalar = batch.column(column)->GetScalar(row);
        if (!scalar.ok()) {
            return failure(fmt::format("row {}", number), scalar.status());
        }
        object[batch.column_name(column)] = value_of(**scalar);
    }
    if (const Json links = object.value("links", Json()); links.is_string()) {
        const std::string text = links.get<std::string>();
        const auto parsed = text.empty() ? Result<Json>(Json(nullptr)) : json::parse(text);
        if (!parsed) {
            return refused_record(number, "links: " + parsed.error().message);
        }
        object["links"] = *parsed;
    }
    return object_record(object, number, names);
}

// What comes from `next`, as Arrow wants it; remembers the error that ended it.
class BatchReader final : public arrow::RecordBatchReader {
  public:
    BatchReader(std::shared_ptr<arrow::RecordBatch> first, const NextBatch& next)
        : schema_(first->schema()), first_(std::move(first)), next_(next) {}

    std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
        if (first_ != nullptr) {
            *batch = std::exchange(first_, nullptr);
            return arrow::Status::OK();
        }
        auto given = next_();
        if (!given) {
            failure_ = std::unexpected(given.error());
            return arrow::Status::Cancelled(given.error().message);
        }
        *batch = std::move(*given);
        return arrow::Status::OK();
    }
    const Status& failure() const { return failure_; }

  private:
    std::shared_ptr<arrow::Schema> schema_;
    std::shared_ptr<arrow::RecordBatch> first_;
    const NextBatch& next_;
    Status failure_{};
};

arrow::Status write_arrow(BatchReader& batches, int fd) {
    ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::FileOutputStream::Open(::dup(fd)));
    ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeFileWriter(sink, batches.schema()));
    for (;;) {
        std::shared_ptr<arrow::RecordBatch> batch;
        ARROW_RETURN_NOT_OK(batches.ReadNext(&batch));
        if (batch == nullptr) {
            break;
        }
        ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    return sink->Close();
}

Status write_parquet(const std::shared_ptr<BatchReader>& batches, int fd) {
    RESONANT_ASSIGN(const TableLibrary library, TableLibrary::load());
    ArrowArrayStream stream{};
    if (const arrow::Status exported = arrow::ExportRecordBatchReader(batches, &stream); !exported.ok()) {
        return std::unexpected(failure("write parquet", exported).error());
    }
    return library.write_parquet(&stream, fd);
}

struct Table {
    std::shared_ptr<arrow::RecordBatchReader> batches;
    std::int64_t rows = 0;
};

Result<Table> open_table(std::string_view format, const Descriptor& file, arrow::MemoryPool& pool) {
    Table table;
    ArrowArrayStream stream{};
    arrow::Status opened;
    if (format == "parquet") {
        RESONANT_ASSIGN(const TableLibrary library, TableLibrary::load());
        RESONANT_ASSIGN(table.rows, library.read_parquet(file.get(), &stream));
        opened = arrow::ImportRecordBatchReader(&stream).Value(&table.batches);
    } else {
        opened = ArrowFile::open(file.get(), pool, table.rows).Value(&table.batches);
    }
    if (!opened.ok()) {
        return failure(fmt::format("it cannot be read as {}", format), opened);
    }
    return table;
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> memory_batch(std::span<const memory::Memory> memories,
                                                         std::span<const memory::Edge> edges) {
    Links links;
    for (const memory::Edge& edge : edges) {
        links[edge.from].push_back(
            {{"to", memory::wire_id(edge.to)}, {"type", edge.type}, {"weight", edge.weight}});
    }
    const auto make = [&]() -> arrow::Result<std::shared_ptr<arrow::RecordBatch>> {
        ARROW_ASSIGN_OR_RAISE(const auto builder,
                              arrow::RecordBatchBuilder::Make(exchange_schema(), arrow::default_memory_pool()));
        for (const memory::Memory& memory : memories) {
            ARROW_RETURN_NOT_OK(append(*builder, memory, links));
        }
        return builder->Flush();
    };
    auto batch = make();
    if (!batch.ok()) {
        return failure("export memories", batch.status());
    }
    return std::move(*batch);
}

Status write_table(std::string_view format, int fd, const NextBatch& next) {
    RESONANT_ASSIGN(auto first, next());
    const auto batches = std::make_shared<BatchReader>(std::move(first), next);
    Status written;
    if (format == "parquet") {
        written = write_parquet(batches, fd);
    } else if (const arrow::Status done = write_arrow(*batches, fd); !done.ok()) {
        written = std::unexpected(failure("write arrow", done).error());
    }
    return batches->failure() ? written : batches->failure();
}

Status table_records(std::string_view format, const Descriptor& file, const TakeRecord& take, const RecordNames& names) {
    arrow::CappedMemoryPool pool(arrow::default_memory_pool(), kTableBytes);
    RESONANT_ASSIGN(const Table table, open_table(format, file, pool));
    const auto schema = table.batches->schema();
    const std::vector<int> columns = record_columns(*schema, names);
    const auto is_text = [&](int column) { return names.ours(schema->field(column)->name()) == "content"; };
    if (std::none_of(columns.begin(), columns.end(), is_text)) {
        return fail(Code::InvalidArgument,
                    fmt::format("no column of the table is known to hold the text; the columns are: {}; name it with "
                                "columns, {{\"content\": \"their name\"}} (command line: --columns content=NAME)",
                                fmt::format("{}", fmt::join(schema->field_names(), ", ")).substr(0, 400)));
    }
    const double rows = std::max(1.0, static_cast<double>(table.rows));
    for (std::size_t number = 1;;) {
        const auto batch = table.batches->Next();
        if (!batch.ok()) {
            return failure(fmt::format("behind row {}", number - 1), batch.status());
        }
        if (*batch == nullptr) {
            return {};
        }
        for (std::int64_t row = 0; row < (*batch)->num_rows(); ++row, ++number) {
            RESONANT_ASSIGN(Record record, record_of(**batch, columns, row, number, names));
            RESONANT_CHECK(take(std::move(record), static_cast<double>(number) / rows));
        }
    }
}

}  // namespace resonant::tools
