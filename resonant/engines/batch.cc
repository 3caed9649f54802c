#include "resonant/engines/batch.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>

#include <set>

namespace resonant::engines {
namespace {

std::unexpected<Error> failure(std::string_view tried, const arrow::Status& status, Code code) {
    return fail(code, std::string(tried) + ": " + status.message());
}

template <typename Builder, typename Values>
arrow::Result<std::shared_ptr<arrow::Array>> array_of(const Values& values) {
    Builder builder;
    ARROW_RETURN_NOT_OK(builder.AppendValues(values));
    return builder.Finish();
}

struct ToArray {
    using Made = arrow::Result<std::shared_ptr<arrow::Array>>;
    Made operator()(const std::vector<std::uint64_t>& values) const {
        return array_of<arrow::UInt64Builder>(values);
    }
    Made operator()(const std::vector<double>& values) const {
        return array_of<arrow::DoubleBuilder>(values);
    }
    Made operator()(const std::vector<std::uint8_t>& values) const {
        return array_of<arrow::UInt8Builder>(values);
    }
    Made operator()(const std::vector<std::uint16_t>& values) const {
        return array_of<arrow::UInt16Builder>(values);
    }
    Made operator()(const std::vector<std::string>& values) const {
        return array_of<arrow::StringBuilder>(values);
    }
};

// A buffer over memory of somebody else's, which it keeps alive.
class Borrowed final : public arrow::Buffer {
  public:
    Borrowed(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
        : arrow::Buffer(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                        static_cast<std::int64_t>(bytes.size())),
          owner_(std::move(owner)) {}

  private:
    std::shared_ptr<const void> owner_;
};

template <typename Array, typename Value>
Result<std::span<const Value>> values_of(const arrow::RecordBatch& batch, std::string_view name) {
    const auto column = batch.GetColumnByName(std::string(name));
    if (column == nullptr) {
        return fail(Code::NotFound, "batch: there is no column '" + std::string(name) + "'");
    }
    if (column->type_id() != Array::TypeClass::type_id || column->null_count() != 0) {
        return fail(Code::InvalidArgument, "batch: column '" + std::string(name) + "' is " +
                                               column->type()->ToString() +
                                               ", which is not what was asked for");
    }
    const auto& typed = static_cast<const Array&>(*column);
    return std::span<const Value>(typed.raw_values(), static_cast<std::size_t>(typed.length()));
}

}  // namespace

Batch::Batch(std::shared_ptr<arrow::RecordBatch> batch) : batch_(std::move(batch)) {}
Batch::~Batch() = default;
Batch::Batch(const Batch&) = default;
Batch& Batch::operator=(const Batch&) = default;

Result<Batch> Batch::make(const std::vector<Column>& columns) {
    arrow::FieldVector fields;
    arrow::ArrayVector arrays;
    std::set<std::string> names;
    for (const Column& column : columns) {
        auto array = std::visit(ToArray(), column.values);
        if (!array.ok()) {
            return failure("make batch", array.status(), Code::ResourceExhausted);
        }
        if (!names.insert(column.name).second ||
            (!arrays.empty() && (*array)->length() != arrays[0]->length())) {
            return fail(Code::InvalidArgument,
                        "make batch: column '" + column.name + "' repeats, or has another length");
        }
        fields.push_back(arrow::field(column.name, (*array)->type(), false));
        arrays.push_back(std::move(*array));
    }
    const std::int64_t rows = arrays.empty() ? 0 : arrays[0]->length();
    return Batch(arrow::RecordBatch::Make(arrow::schema(fields), rows, arrays));
}

Result<Batch> Batch::over(std::span<const std::byte> file, std::shared_ptr<const void> owner) {
    const auto buffer = std::make_shared<Borrowed>(file, std::move(owner));
    const auto input = std::make_shared<arrow::io::BufferReader>(buffer);
    auto options = arrow::ipc::IpcReadOptions::Defaults();
    options.use_threads = false;
    const auto reader = arrow::ipc::RecordBatchFileReader::Open(input, options);
    if (!reader.ok()) {
        return failure("read batch", reader.status(), Code::DataLoss);
    }
    if ((*reader)->num_record_batches() != 1) {
        return fail(Code::DataLoss, "read batch: the file has not one batch");
    }
    auto batch = (*reader)->ReadRecordBatch(0);
    if (!batch.ok()) {
        return failure("read batch", batch.status(), Code::DataLoss);
    }
    if (const arrow::Status valid = (*batch)->Validate(); !valid.ok()) {
        return failure("read batch", valid, Code::DataLoss);
    }
    return Batch(std::move(*batch));
}

Result<std::vector<std::byte>> Batch::file() const {
    const auto write = [&]() -> arrow::Result<std::shared_ptr<arrow::Buffer>> {
        ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::BufferOutputStream::Create());
        auto options = arrow::ipc::IpcWriteOptions::Defaults();
        options.use_threads = false;
        ARROW_ASSIGN_OR_RAISE(const auto writer,
                              arrow::ipc::MakeFileWriter(sink, batch_->schema(), options));
        ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch_));
        ARROW_RETURN_NOT_OK(writer->Close());
        return sink->Finish();
    };
    const auto buffer = write();
    if (!buffer.ok()) {
        return failure("write batch", buffer.status(), Code::ResourceExhausted);
    }
    const auto* begin = reinterpret_cast<const std::byte*>((*buffer)->data());
    return std::vector<std::byte>(begin, begin + (*buffer)->size());
}

std::size_t Batch::rows() const { return static_cast<std::size_t>(batch_->num_rows()); }

std::vector<std::string> Batch::columns() const { return batch_->schema()->field_names(); }

Result<std::span<const std::uint64_t>> Batch::u64(std::string_view column) const {
    return values_of<arrow::UInt64Array, std::uint64_t>(*batch_, column);
}

Result<std::span<const double>> Batch::f64(std::string_view column) const {
    return values_of<arrow::DoubleArray, double>(*batch_, column);
}

Result<std::span<const std::uint8_t>> Batch::u8(std::string_view column) const {
    return values_of<arrow::UInt8Array, std::uint8_t>(*batch_, column);
}

Result<std::span<const std::uint16_t>> Batch::u16(std::string_view column) const {
    return values_of<arrow::UInt16Array, std::uint16_t>(*batch_, column);
}

std::string Batch::text(std::size_t row, std::size_t column) const {
    const auto value =
        batch_->column(static_cast<int>(column))->GetScalar(static_cast<std::int64_t>(row));
    return value.ok() ? (*value)->ToString() : "";
}

}  // namespace resonant::engines
