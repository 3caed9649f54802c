#include "resonant/tools/memory_table.h"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "resonant/base/descriptor.h"
#include "resonant/json/json.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/table_library.h"

#include "resonant/tools/record_forms.h"

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

// The file's batches, one after another.
arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> arrow_reader(const std::string& file) {
    ARROW_ASSIGN_OR_RAISE(const auto mapped,
                          arrow::io::MemoryMappedFile::Open(file, arrow::io::FileMode::READ));
    auto options = arrow::ipc::IpcReadOptions::Defaults();
    options.use_threads = false;
    ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ipc::RecordBatchFileReader::Open(mapped, options));
    arrow::RecordBatchVector batches;
    for (int i = 0; i < reader->num_record_batches(); ++i) {
        ARROW_ASSIGN_OR_RAISE(auto batch, reader->ReadRecordBatch(i));
        batches.push_back(std::move(batch));
    }
    return arrow::RecordBatchReader::Make(std::move(batches), reader->schema());
}

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

Status take_batch(const arrow::RecordBatch& batch, std::vector<Record>& records) {
    for (std::int64_t row = 0; row < batch.num_rows(); ++row) {
        if (records.size() >= kRecordsMax) {
            return std::unexpected(too_many_records().error());
        }
        Json object = Json::object();
        for (int column = 0; column < batch.num_columns(); ++column) {
            const auto scalar = batch.column(column)->GetScalar(row);
            if (!scalar.ok()) {
                return std::unexpected(failure("memory.import", scalar.status()).error());
            }
            object[batch.column_name(column)] = value_of(**scalar);
        }
        if (const Json links = object.value("links", Json()); links.is_string()) {
            const auto parsed = json::parse(links.get<std::string>());
            object["links"] = parsed ? *parsed : Json(nullptr);
        }
        records.push_back(object_record(object, records.size() + 1));
    }
    return {};
}

}  // namespace

MemoryTable::MemoryTable() = default;
MemoryTable::~MemoryTable() = default;

void MemoryTable::add(std::shared_ptr<arrow::RecordBatch> batch) { batches_.push_back(std::move(batch)); }

Status MemoryTable::add(std::span<const memory::Memory> memories, std::span<const memory::Edge> edges) {
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
        return std::unexpected(failure("export memories", batch.status()).error());
    }
    batches_.push_back(std::move(*batch));
    return {};
}

Status MemoryTable::write(std::string_view format, int fd) const {
    const auto schema = batches_.empty() ? exchange_schema() : batches_.front()->schema();
    if (format == "parquet") {
        const auto reader = arrow::RecordBatchReader::Make(batches_, schema);
        ArrowArrayStream stream{};
        const arrow::Status exported =
            reader.ok() ? arrow::ExportRecordBatchReader(*reader, &stream) : reader.status();
        if (!exported.ok()) {
            return std::unexpected(failure("write parquet", exported).error());
        }
        RESONANT_ASSIGN(const TableLibrary library, TableLibrary::load());
        return library.write_parquet(&stream, fd);
    }
    const auto write_all = [&]() -> arrow::Status {
        ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::FileOutputStream::Open(::dup(fd)));
        ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeFileWriter(sink, schema));
        for (const auto& batch : batches_) {
            ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
        }
        ARROW_RETURN_NOT_OK(writer->Close());
        return sink->Close();
    };
    if (const arrow::Status written = write_all(); !written.ok()) {
        return std::unexpected(failure("write arrow", written).error());
    }
    return {};
}

Result<std::vector<Record>> table_records(std::string_view format, const std::filesystem::path& file) {
    arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> reader =
        arrow::Status::Invalid("nothing was read");
    if (format == "parquet") {
        const Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        if (!opened) {
            return fail_errno("open " + file.string(), errno);
        }
        ArrowArrayStream stream{};
        RESONANT_ASSIGN(const TableLibrary library, TableLibrary::load());
        RESONANT_CHECK(library.read_parquet(opened.get(), &stream));
        reader = arrow::ImportRecordBatchReader(&stream);
    } else {
        reader = arrow_reader(file.string());
    }
    const std::string tried = fmt::format("memory.import: {} as {}", file.filename().string(), format);
    if (!reader.ok()) {
        return failure(tried, reader.status());
    }
    if ((*reader)->schema()->GetFieldIndex("content") < 0) {
        return fail(Code::InvalidArgument, tried + ": there is no column 'content'");
    }
    std::vector<Record> records;
    for (;;) {
        const auto batch = (*reader)->Next();
        if (!batch.ok()) {
            return failure(tried, batch.status());
        }
        if (*batch == nullptr) {
            return records;
        }
        RESONANT_CHECK(take_batch(**batch, records));
    }
}

}  // namespace resonant::tools
