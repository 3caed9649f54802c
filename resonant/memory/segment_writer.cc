// How a Segment is written: columns, codes, and where each lies. The one place that needs the Arrow library.
#include "resonant/memory/segment.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>

#include "resonant/base/ensure.h"

namespace resonant::memory {
namespace {

constexpr std::size_t kAlignment = 64;
using Rows = std::span<const SegmentRow* const>;  // in the order of the file

// The vectors of the rows, which are not copied: `place` is never filled, and stands for them where Arrow lays out a file.
struct Vectors {
    Rows rows;
    std::unique_ptr<std::byte[]> place;

    explicit Vectors(Rows all) : rows(all), place(std::make_unique_for_overwrite<std::byte[]>(bytes())) {}
    std::size_t bytes() const { return rows.size() * sizeof(Vector); }
    std::uint64_t checksum() const {
        search::ByteSums sums;
        for (const SegmentRow* row : rows) {
            const auto bytes = std::as_bytes(std::span(row->vector));
            search::code_kernels(search::best_kernel()).sum(bytes.data(), bytes.size(), sums);
        }
        return search::checksum_of(sums);
    }
};

// Where Arrow writes to: remembers where each buffer lies. Without a file it only measures.
class Sink final : public arrow::io::OutputStream {
  public:
    Sink(DurableFile* file, const Vectors& vectors) : file_(file), vectors_(vectors) {}

    arrow::Status Close() override {
        closed_ = true;
        return arrow::Status::OK();
    }
    bool closed() const override { return closed_; }
    arrow::Result<std::int64_t> Tell() const override { return position_; }
    arrow::Status Write(const void* data, std::int64_t size) override {
        places_[data] = position_;
        position_ += size;
        if (file_ == nullptr) {
            return arrow::Status::OK();
        }
        if (data != vectors_.place.get()) {
            return append(std::span(static_cast<const std::byte*>(data), static_cast<std::size_t>(size)));
        }
        RESONANT_ENSURE(static_cast<std::size_t>(size) == vectors_.bytes(), "Arrow writes a buffer at once");
        for (const SegmentRow* row : vectors_.rows) {
            ARROW_RETURN_NOT_OK(append(std::as_bytes(std::span(row->vector))));
        }
        return arrow::Status::OK();
    }

    // Where `data` was written, or -1.
    std::int64_t place_of(const void* data) const {
        const auto found = places_.find(data);
        return found == places_.end() ? -1 : found->second;
    }
    const Status& failure() const { return failure_; }

  private:
    arrow::Status append(std::span<const std::byte> bytes) {
        if (Status written = file_->append(bytes); !written) {
            failure_ = written;
            return arrow::Status::IOError(written.error().message);
        }
        return arrow::Status::OK();
    }

    DurableFile* file_;
    const Vectors& vectors_;
    std::map<const void*, std::int64_t> places_;
    std::int64_t position_ = 0;
    bool closed_ = false;
    Status failure_;
};

// The columns of a batch as they grow, and the buffers of those that are read in place.
struct Table {
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
    std::array<std::shared_ptr<arrow::Buffer>, kColumns> buffers;

    void add(const char* name, const std::shared_ptr<arrow::Array>& array) {
        fields.push_back(arrow::field(name, array->type(), false));
        arrays.push_back(array);
    }
    void add_read(const char* name, const std::shared_ptr<arrow::Array>& array, Column column) {
        add(name, array);
        buffers[static_cast<std::size_t>(column)] = array->data()->buffers.at(1);
    }
    // Bytes of a fixed width a row; `bytes` stays where it is.
    template <typename Value>
    void add_bytes(const char* name, const std::vector<Value>& bytes, std::size_t width, std::size_t rows,
                   Column column) {
        const auto buffer = std::make_shared<arrow::Buffer>(
            reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<std::int64_t>(rows * width));
        add_read(name,
                 std::make_shared<arrow::FixedSizeBinaryArray>(arrow::fixed_size_binary(static_cast<int>(width)),
                                                               static_cast<std::int64_t>(rows), buffer),
                 column);
    }
    const void* data(Column column) const {
        const auto& buffer = buffers[static_cast<std::size_t>(column)];
        return buffer == nullptr ? nullptr : buffer->data();
    }
};

// One column out of one member of each row.
template <typename Builder, typename Get>
arrow::Result<std::shared_ptr<arrow::Array>> column(Rows rows, Get get) {
    Builder builder;
    ARROW_RETURN_NOT_OK(builder.Reserve(static_cast<std::int64_t>(rows.size())));
    for (const SegmentRow* row : rows) {
        ARROW_RETURN_NOT_OK(builder.Append(get(*row)));
    }
    return builder.Finish();
}

std::shared_ptr<arrow::Array> vector_column(const Vectors& vectors) {
    const auto values = std::make_shared<arrow::FloatArray>(
        static_cast<std::int64_t>(vectors.rows.size() * kDimensions),
        std::make_shared<arrow::Buffer>(reinterpret_cast<const std::uint8_t*>(vectors.place.get()),
                                        static_cast<std::int64_t>(vectors.bytes())));
    const auto type =
        arrow::fixed_size_list(arrow::field("item", arrow::float32(), false), static_cast<int>(kDimensions));
    return std::make_shared<arrow::FixedSizeListArray>(type, static_cast<std::int64_t>(vectors.rows.size()), values);
}

std::uint8_t zone_of(const SegmentRow& row) { return static_cast<std::uint8_t>(zone_at(row.distance)); }

// The seed's columns in the seed's order, then resonance, then what filters and searches read.
arrow::Result<Table> table_of(const Vectors& vectors, const search::CodeBook* book, const search::Codes& codes) {
    using Row = SegmentRow;
    const Rows rows = vectors.rows;
    Table table;
    ARROW_ASSIGN_OR_RAISE(auto made, column<arrow::UInt64Builder>(rows, [](const Row& r) { return r.id; }));
    table.add_read("memory_id", made, Column::Id);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::StringBuilder>(rows, [](const Row& r) { return r.title; }));
    table.add("title", made);
    table.add("embedding", vector_column(vectors));
    table.buffers[static_cast<std::size_t>(Column::Embedding)] =
        table.arrays.back()->data()->child_data.at(0)->buffers.at(1);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::DoubleBuilder>(rows, [](const Row& r) { return r.distance; }));
    table.add("galactic_distance", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::DoubleBuilder>(rows, [](const Row& r) { return r.importance; }));
    table.add("importance", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::UInt8Builder>(rows, zone_of));
    table.add("zone", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::UInt16Builder>(rows, [](const Row& r) { return r.constellation; }));
    table.add("constellation_id", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::UInt64Builder>(rows, [](const Row& r) { return r.accessed_ns; }));
    table.add("last_accessed_ns", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::BooleanBuilder>(rows, [](const Row& r) { return r.is_protected; }));
    table.add_read("is_protected", made, Column::Protected);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::UInt8Builder>(rows, [](const Row& r) { return r.predecessor_family; }));
    table.add("predecessor_gana", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::UInt8Builder>(rows, [](const Row& r) { return r.phase; }));
    table.add("wu_xing_phase", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::UInt8Builder>(rows, [](const Row& r) { return r.posture; }));
    table.add("guna_state", made);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::Int64Builder>(rows, [](const Row& r) { return r.created_ns; }));
    table.add_read("created_ns", made, Column::Created);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::BooleanBuilder>(rows, [](const Row& r) { return r.is_archived; }));
    table.add_read("is_archived", made, Column::Archived);
    ARROW_ASSIGN_OR_RAISE(made, column<arrow::UInt64Builder>(rows, [](const Row& r) { return r.signature; }));
    table.add_read("signature", made, Column::Signature);
    if (book != nullptr) {
        table.add_bytes("coarse_code", codes.coarse, book->shape().row_bytes(), rows.size(), Column::Coarse);
        table.add_bytes("fine_code", codes.fine, kDimensions, rows.size(), Column::Fine);
        table.add_bytes("fine_facts", codes.facts, sizeof(search::FineFacts), rows.size(), Column::FineFacts);
    }
    return table;
}

// What the file says of itself.
struct Label {
    std::string_view model;
    std::string_view galaxy;
    const search::CodeBook* book = nullptr;
};

// Arrow places the vectors wherever what stands before them ends; the filler moves them to a multiple of 64 bytes.
std::shared_ptr<arrow::RecordBatch> batch_of(const Table& table, const Label& label, std::size_t filler) {
    const auto metadata = arrow::key_value_metadata(
        {"resonant.format", "resonant.model", "resonant.normalised", "resonant.code_book", "resonant.galaxy",
         "resonant.filler"},
        {"2", std::string(label.model), "true", label.book == nullptr ? "" : fmt::format("{:016x}", label.book->id()),
         std::string(label.galaxy), std::string(filler, '.')});
    return arrow::RecordBatch::Make(arrow::schema(table.fields, metadata), table.arrays.front()->length(),
                                    table.arrays);
}

arrow::Status write_batch(Sink& sink, const arrow::RecordBatch& batch) {
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.alignment = 8;  // the filler aligns; 64 here would undo it, as Arrow aligns after its magic
    options.use_threads = false;
    ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeFileWriter(&sink, batch.schema(), options));
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
    return writer->Close();
}

// A batch under the filler that puts its vectors on a multiple of 64, and what its file will be.
struct Placed {
    std::shared_ptr<arrow::RecordBatch> batch;
    std::unique_ptr<Sink> measure;
};

arrow::Result<Placed> aligned(const Table& table, const Vectors& vectors, const Label& label) {
    for (std::size_t filler = 0; filler < 4 * kAlignment; filler += 4) {
        Placed tried{batch_of(table, label, filler), std::make_unique<Sink>(nullptr, vectors)};
        ARROW_RETURN_NOT_OK(write_batch(*tried.measure, *tried.batch));
        const std::int64_t place = tried.measure->place_of(table.data(Column::Embedding));
        if (place >= 0 && static_cast<std::size_t>(place) % kAlignment == 0) {
            return tried;
        }
    }
    return arrow::Status::Invalid("no filler aligns the vectors");
}

// What a manifest says of the rows themselves.
SegmentFacts facts_of(Rows rows, const search::CodeBook* book, const search::Codes& codes) {
    SegmentFacts facts;
    facts.rows = rows.size();
    facts.book = book == nullptr ? 0 : book->id();
    facts.code_norm = codes.code_norm;
    facts.row_norm = codes.row_norm;
    facts.signature_all = ~std::uint64_t{0};
    facts.created_min = INT64_MAX;
    facts.created_max = INT64_MIN;
    for (const SegmentRow* row : rows) {
        ++facts.zones[zone_of(*row)];
        facts.is_protected += row->is_protected ? 1 : 0;
        facts.is_archived += row->is_archived ? 1 : 0;
        facts.signature_all &= row->signature;
        facts.signature_any |= row->signature;
        facts.created_min = std::min(facts.created_min, row->created_ns);
        facts.created_max = std::max(facts.created_max, row->created_ns);
    }
    return facts;
}

// The rows stay where they are: each is large.
std::vector<const SegmentRow*> sorted_by_zone(std::span<const SegmentRow> rows) {
    std::array<std::vector<const SegmentRow*>, kZones> zones;
    for (const SegmentRow& row : rows) {
        zones[zone_of(row)].push_back(&row);
    }
    std::vector<const SegmentRow*> sorted;
    sorted.reserve(rows.size());
    for (const auto& zone : zones) {
        sorted.insert(sorted.end(), zone.begin(), zone.end());
    }
    return sorted;
}

Result<UnsyncedSegment> write_table(const std::filesystem::path& folder, const std::string& file, const Table& table,
                                    const Vectors& vectors, const Label& label, SegmentFacts facts) {
    const std::string tried = "write Arrow segment " + (folder / file).string() + ": ";
    const auto placed = aligned(table, vectors, label);
    if (!placed.ok()) {
        return fail(Code::Internal, tried + placed.status().message());
    }
    RESONANT_ASSIGN(auto target, DurableFile::create(folder, file));
    Sink sink(target.get(), vectors);
    if (const arrow::Status written = write_batch(sink, *placed->batch); !written.ok()) {
        return sink.failure() ? fail(Code::Internal, tried + written.message())
                              : std::unexpected(sink.failure().error());
    }
    for (std::size_t i = 0; i < kColumns; ++i) {
        const auto* data = static_cast<const std::byte*>(table.data(static_cast<Column>(i)));
        if (data == nullptr) {
            continue;  // it has no codes
        }
        const std::int64_t place = sink.place_of(data);
        RESONANT_ENSURE(place >= 0 && place == placed->measure->place_of(data), "Arrow writes each buffer from where it lies");
        const std::size_t bytes = column_bytes(static_cast<Column>(i), facts.rows, label.book);
        facts.columns[i] = {static_cast<std::uint64_t>(place), bytes,
                            data == vectors.place.get()
                                ? vectors.checksum()
                                : search::code_kernels(search::best_kernel()).checksum(data, bytes)};
    }
    facts.file = file;
    facts.galaxy = label.galaxy;
    facts.bytes = static_cast<std::uint64_t>(*sink.Tell());
    facts.checksum = target->checksum();
    return UnsyncedSegment{std::move(facts), std::move(target)};
}

}  // namespace

Result<SegmentFacts> write_segment(const std::filesystem::path& folder, const std::string& file,
                                   std::span<const SegmentRow> rows, std::string_view model, const search::CodeBook* book,
                                   std::string_view galaxy) {
    RESONANT_ASSIGN(UnsyncedSegment made, prepare_segment(folder, file, rows, model, book, galaxy));
    RESONANT_CHECK(made.file->commit());
    return std::move(made.facts);
}

Result<UnsyncedSegment> prepare_segment(const std::filesystem::path& folder, const std::string& file,
                                        std::span<const SegmentRow> rows, std::string_view model, const search::CodeBook* book,
                                        std::string_view galaxy) {
    RESONANT_ENSURE(!rows.empty() && rows.size() <= kSegmentRowsMax, "a segment holds 1 to kSegmentRowsMax rows");
    const std::vector<const SegmentRow*> sorted = sorted_by_zone(rows);
    search::Codes codes;
    if (book != nullptr) {
        std::vector<const float*> places;
        std::vector<MemoryId> ids;
        places.reserve(sorted.size());
        ids.reserve(sorted.size());
        for (const SegmentRow* row : sorted) {
            places.push_back(row->vector.data());
            ids.push_back(row->id);
        }
        RESONANT_ASSIGN(codes, book->encode(places, ids));
    }
    const Vectors vectors(sorted);
    const auto table = table_of(vectors, book, codes);
    if (!table.ok()) {
        return fail(Code::Internal, "write Arrow segment " + (folder / file).string() + ": " + table.status().message());
    }
    return write_table(folder, file, *table, vectors, {model, galaxy, book}, facts_of(sorted, book, codes));
}

}  // namespace resonant::memory
