#include "resonant/memory/segment.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "resonant/base/descriptor.h"
#include "resonant/base/ensure.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/durable_file.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr int kIdColumn = 0;
constexpr int kVectorColumn = 2;

// Where Arrow writes to: hashes what passes, and remembers where the vectors lie. Without a
// descriptor it only measures.
class Sink final : public arrow::io::OutputStream {
  public:
    Sink(DurableFile* file, const void* vectors) : file_(file), vectors_(vectors) {}

    arrow::Status Close() override {
        closed_ = true;
        return arrow::Status::OK();
    }
    bool closed() const override { return closed_; }
    arrow::Result<std::int64_t> Tell() const override { return position_; }
    arrow::Status Write(const void* data, std::int64_t size) override {
        if (data == vectors_) {
            vectors_at_ = position_;
        }
        position_ += size;
        if (file_ == nullptr) {
            return arrow::Status::OK();
        }
        const std::span bytes(static_cast<const std::byte*>(data), static_cast<std::size_t>(size));
        digest_.add(bytes);
        if (Status written = file_->append(bytes); !written) {
            failure_ = written;
            return arrow::Status::IOError(written.error().message);
        }
        return arrow::Status::OK();
    }

    std::int64_t vectors_at() const { return vectors_at_; }
    const Status& failure() const { return failure_; }
    std::string sha256() { return hex(digest_.finish()); }

  private:
    DurableFile* file_;
    const void* vectors_;
    Digest digest_;
    std::int64_t position_ = 0;
    std::int64_t vectors_at_ = -1;
    bool closed_ = false;
    Status failure_;
};

// The seed's columns in the seed's order, then resonance.
std::shared_ptr<arrow::Schema> schema_with(std::string_view model, std::size_t filler) {
    using arrow::field;
    const auto vector = arrow::fixed_size_list(field("item", arrow::float32(), false),
                                               static_cast<int>(kDimensions));
    // Arrow places the vectors wherever what stands before them ends; the filler moves them to a
    // multiple of 64 bytes.
    const auto metadata = arrow::key_value_metadata(
        {"resonant.format", "resonant.model", "resonant.normalised", "resonant.filler"},
        {"1", std::string(model), "true", std::string(filler, '.')});
    return arrow::schema(
        {field("memory_id", arrow::uint64(), false), field("title", arrow::utf8(), false),
         field("embedding", vector, false), field("galactic_distance", arrow::float64(), false),
         field("importance", arrow::float64(), false), field("zone", arrow::uint8(), false),
         field("constellation_id", arrow::uint16(), false),
         field("last_accessed_ns", arrow::uint64(), false),
         field("is_protected", arrow::boolean(), false),
         field("predecessor_gana", arrow::uint8(), false),
         field("wu_xing_phase", arrow::uint8(), false), field("guna_state", arrow::uint8(), false)},
        metadata);
}

// One column out of one member of each row.
template <typename Builder, typename Get>
arrow::Result<std::shared_ptr<arrow::Array>> column(std::span<const SegmentRow> rows, Get get) {
    Builder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(static_cast<std::int64_t>(rows.size())));
    for (const SegmentRow& row : rows) {
        ARROW_RETURN_NOT_OK(builder.Append(get(row)));
    }
    return builder.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> vector_column(
    std::span<const SegmentRow> rows, const std::shared_ptr<arrow::DataType>& type) {
    arrow::FloatBuilder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(static_cast<std::int64_t>(rows.size() * kDimensions)));
    for (const SegmentRow& row : rows) {
        ARROW_RETURN_NOT_OK(builder.AppendValues(row.vector.data(), kDimensions));
    }
    ARROW_ASSIGN_OR_RAISE(const auto values, builder.Finish());
    return std::make_shared<arrow::FixedSizeListArray>(type, static_cast<std::int64_t>(rows.size()),
                                                       values);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> batch_of(
    std::span<const SegmentRow> rows, const std::shared_ptr<arrow::Schema>& schema) {
    using Row = SegmentRow;
    arrow::ArrayVector columns;
    const auto add = [&](arrow::Result<std::shared_ptr<arrow::Array>> made) -> arrow::Status {
        ARROW_ASSIGN_OR_RAISE(auto array, std::move(made));
        columns.push_back(std::move(array));
        return arrow::Status::OK();
    };
    ARROW_RETURN_NOT_OK(add(column<arrow::UInt64Builder>(rows, [](const Row& r) { return r.id; })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::StringBuilder>(rows, [](const Row& r) { return r.title; })));
    ARROW_RETURN_NOT_OK(add(vector_column(rows, schema->field(kVectorColumn)->type())));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::DoubleBuilder>(rows, [](const Row& r) { return r.distance; })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::DoubleBuilder>(rows, [](const Row& r) { return r.importance; })));
    ARROW_RETURN_NOT_OK(add(column<arrow::UInt8Builder>(rows, [](const Row& r) {
        Memory memory;
        memory.distance = r.distance;
        return static_cast<std::uint8_t>(memory.zone());
    })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::UInt16Builder>(rows, [](const Row& r) { return r.constellation; })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::UInt64Builder>(rows, [](const Row& r) { return r.accessed_ns; })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::BooleanBuilder>(rows, [](const Row& r) { return r.is_protected; })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::UInt8Builder>(rows, [](const Row& r) { return r.predecessor_family; })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::UInt8Builder>(rows, [](const Row& r) { return r.phase; })));
    ARROW_RETURN_NOT_OK(
        add(column<arrow::UInt8Builder>(rows, [](const Row& r) { return r.posture; })));
    return arrow::RecordBatch::Make(schema, static_cast<std::int64_t>(rows.size()), columns);
}

const void* vectors_of(const arrow::RecordBatch& batch) {
    return batch.column(kVectorColumn)->data()->child_data.at(0)->buffers.at(1)->data();
}

arrow::Status write_batch(Sink& sink, const arrow::RecordBatch& batch) {
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.alignment =
        8;  // the filler aligns; 64 here would undo it, as Arrow aligns after its magic
    options.use_threads = false;
    ARROW_ASSIGN_OR_RAISE(const auto writer,
                          arrow::ipc::MakeFileWriter(&sink, batch.schema(), options));
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
    return writer->Close();
}

// The batch under the filler that puts its vectors on a multiple of 64.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> aligned(
    const std::shared_ptr<arrow::RecordBatch>& batch, std::string_view model) {
    for (std::size_t filler = 0; filler < 4 * kAlignment; filler += 4) {
        ARROW_ASSIGN_OR_RAISE(auto tried, batch->ReplaceSchema(schema_with(model, filler)));
        Sink measure(nullptr, vectors_of(*tried));
        ARROW_RETURN_NOT_OK(write_batch(measure, *tried));
        if (measure.vectors_at() >= 0 &&
            static_cast<std::size_t>(measure.vectors_at()) % kAlignment == 0) {
            return tried;
        }
    }
    return arrow::Status::Invalid("no filler aligns the vectors");
}

Status arrow_failure(const std::string& tried, const arrow::Status& status, Code code) {
    return fail(code, tried + ": " + status.message());
}

}  // namespace

Result<SegmentFacts> write_segment(const std::filesystem::path& folder, const std::string& file,
                                   std::span<const SegmentRow> rows, std::string_view model) {
    RESONANT_ENSURE(!rows.empty() && rows.size() <= kSegmentRowsMax,
                    "a segment holds 1 to kSegmentRowsMax rows");
    const std::string tried = "write Arrow segment " + (folder / file).string();
    const auto batch = batch_of(rows, schema_with(model, 0));
    if (!batch.ok()) {
        return std::unexpected(arrow_failure(tried, batch.status(), Code::Internal).error());
    }
    const auto placed = aligned(*batch, model);
    if (!placed.ok()) {
        return std::unexpected(arrow_failure(tried, placed.status(), Code::Internal).error());
    }
    RESONANT_ASSIGN(auto target, DurableFile::create(folder, file));
    Sink sink(target.get(), vectors_of(**placed));
    if (const arrow::Status written = write_batch(sink, **placed); !written.ok()) {
        const Status why =
            sink.failure() ? arrow_failure(tried, written, Code::Internal) : sink.failure();
        return std::unexpected(why.error());
    }
    RESONANT_CHECK(target->commit());
    return SegmentFacts{file, rows.size(), static_cast<std::uint64_t>(*sink.Tell()), sink.sha256()};
}

struct Segment::Mapped {
    std::shared_ptr<arrow::io::MemoryMappedFile> file;
    std::shared_ptr<arrow::RecordBatch> batch;
};

Segment::Segment() : mapped_(std::make_unique<Mapped>()) {}

Segment::~Segment() = default;

namespace {

std::unexpected<Error> damaged(const std::filesystem::path& path, std::string_view how) {
    return fail(Code::DataLoss, fmt::format("open Arrow segment {}: {}; it is rebuilt from SQLite",
                                            path.string(), how));
}

// The one batch of a mapped file, checked for the columns that search reads.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> read_batch(
    const std::shared_ptr<arrow::io::MemoryMappedFile>& file) {
    auto options = arrow::ipc::IpcReadOptions::Defaults();
    options.use_threads = false;
    ARROW_ASSIGN_OR_RAISE(const auto reader,
                          arrow::ipc::RecordBatchFileReader::Open(file, options));
    if (reader->num_record_batches() != 1) {
        return arrow::Status::Invalid("it has not one batch");
    }
    ARROW_ASSIGN_OR_RAISE(auto batch, reader->ReadRecordBatch(0));
    const auto wanted = schema_with("", 0);
    for (int i = 0; i < wanted->num_fields(); ++i) {
        if (i >= batch->num_columns() || !batch->schema()->field(i)->Equals(wanted->field(i))) {
            return arrow::Status::Invalid("its columns are not those of this version");
        }
    }
    ARROW_RETURN_NOT_OK(batch->Validate());
    return batch;
}

}  // namespace

Result<std::shared_ptr<const Segment>> Segment::open(const std::filesystem::path& folder,
                                                     const SegmentFacts& facts) {
    const std::filesystem::path path = folder / facts.file;
    std::error_code missing;
    if (std::filesystem::file_size(path, missing) != facts.bytes || missing) {
        return damaged(path, "it is missing or of another size");
    }
    auto mapping = arrow::io::MemoryMappedFile::Open(path.string(), arrow::io::FileMode::READ);
    if (!mapping.ok()) {
        return damaged(path, mapping.status().message());
    }
    std::shared_ptr<Segment> segment(new Segment);
    segment->mapped_->file = *mapping;
    const auto whole = (*mapping)->ReadAt(0, static_cast<std::int64_t>(facts.bytes));
    if (!whole.ok()) {
        return damaged(path, whole.status().message());
    }
    Digest digest;
    digest.add(
        std::as_bytes(std::span((*whole)->data(), static_cast<std::size_t>((*whole)->size()))));
    if (hex(digest.finish()) != facts.sha256) {
        return damaged(path, "its SHA-256 differs from the manifest's");
    }
    auto batch = read_batch(*mapping);
    if (!batch.ok()) {
        return damaged(path, batch.status().message());
    }
    const auto rows = static_cast<std::size_t>((*batch)->num_rows());
    const auto& ids = static_cast<const arrow::UInt64Array&>(*(*batch)->column(kIdColumn));
    const auto* vectors = static_cast<const float*>(vectors_of(**batch));
    if (rows != facts.rows || reinterpret_cast<std::uintptr_t>(vectors) % kAlignment != 0) {
        return damaged(path, "its rows or their alignment are not those it was written with");
    }
    segment->facts_ = facts;
    segment->ids_ = {ids.raw_values(), rows};
    segment->vectors_ = vectors;
    segment->mapped_->batch = std::move(*batch);
    return segment;
}

}  // namespace resonant::memory
