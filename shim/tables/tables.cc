#include "shim/tables/tables.h"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <arrow/util/byte_size.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/file_reader.h>
#include <parquet/metadata.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <utility>

namespace {

constexpr std::int64_t kRowsAGroup = 65'536;
constexpr std::int64_t kBytesAGroup = 8 * 1024 * 1024;    // of a row group that is written
constexpr std::int64_t kRowsABatch = 1'024;               // that is read, of about as many bytes:
constexpr std::int64_t kBytesABatch = 4 * 1024 * 1024;
constexpr std::int64_t kReadBytes = 256 * 1024 * 1024;    // that reading a file may hold

int outcome_of(const arrow::Status& status, char* error, unsigned error_bytes) {
    if (status.ok()) {
        return 0;
    }
    std::snprintf(error, error_bytes, "%s", status.message().c_str());
    return 1;
}

// Batch by batch; what a row group holds is in memory until it is whole, so that it ends by bytes, too.
arrow::Status write_parquet(ArrowArrayStream* stream, int fd) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ImportRecordBatchReader(stream));
    ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::FileOutputStream::Open(::dup(fd)));
    const auto facts = parquet::WriterProperties::Builder().max_row_group_length(kRowsAGroup)->build();
    const auto arrow_facts = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_ASSIGN_OR_RAISE(const auto writer,
                          parquet::arrow::FileWriter::Open(*reader->schema(), arrow::default_memory_pool(), sink,
                                                           facts, arrow_facts));
    for (std::int64_t bytes = kBytesAGroup;;) {
        ARROW_ASSIGN_OR_RAISE(const auto batch, reader->Next());
        if (batch == nullptr) {
            break;
        }
        if (bytes >= kBytesAGroup) {
            ARROW_RETURN_NOT_OK(writer->NewBufferedRowGroup());
            bytes = 0;
        }
        ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
        bytes += arrow::util::TotalBufferSize(*batch);
    }
    ARROW_RETURN_NOT_OK(writer->Close());
    return sink->Close();
}

// As many rows as the largest of them let into a batch, by the mean of each row group.
std::int64_t rows_a_batch(const parquet::FileMetaData& file) {
    std::int64_t rows = kRowsABatch;
    for (int i = 0; i < file.num_row_groups(); ++i) {
        const auto group = file.RowGroup(i);
        const std::int64_t row_bytes = group->total_byte_size() / std::max<std::int64_t>(1, group->num_rows());
        rows = std::min(rows, kBytesABatch / std::max<std::int64_t>(1, row_bytes));
    }
    return std::max<std::int64_t>(1, rows);
}

// The rows of a Parquet file in small batches: pages are read as they are needed, and no row group is held whole.
class ParquetRows final : public arrow::RecordBatchReader {
  public:
    arrow::Status open(int fd) {
        ARROW_ASSIGN_OR_RAISE(const auto file, arrow::io::ReadableFile::Open(::dup(fd)));
        auto facts = parquet::ReaderProperties(&pool_);
        facts.enable_buffered_stream();
        auto arrow_facts = parquet::ArrowReaderProperties(false);
        parquet::arrow::FileReaderBuilder builder;
        ARROW_RETURN_NOT_OK(builder.Open(file, facts));
        arrow_facts.set_batch_size(rows_a_batch(*builder.raw_reader()->metadata()));
        arrow_facts.set_pre_buffer(false);
        ARROW_ASSIGN_OR_RAISE(file_, builder.memory_pool(&pool_)->properties(arrow_facts)->Build());
        ARROW_ASSIGN_OR_RAISE(batches_, file_->GetRecordBatchReader());
        return arrow::Status::OK();
    }
    long long rows() const { return file_->parquet_reader()->metadata()->num_rows(); }
    std::shared_ptr<arrow::Schema> schema() const override { return batches_->schema(); }
    arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
        try {
            return batches_->ReadNext(batch);
        } catch (const std::exception& thrown) {
            return arrow::Status::Invalid(thrown.what());
        }
    }

  private:
    arrow::CappedMemoryPool pool_{arrow::default_memory_pool(), kReadBytes};
    std::unique_ptr<parquet::arrow::FileReader> file_;
    std::unique_ptr<arrow::RecordBatchReader> batches_;
};

arrow::Status read_parquet(ArrowArrayStream* stream, int fd, long long* rows) {
    auto reader = std::make_shared<ParquetRows>();
    ARROW_RETURN_NOT_OK(reader->open(fd));
    *rows = reader->rows();
    return arrow::ExportRecordBatchReader(std::move(reader), stream);
}

// Pages of a mapping; unmapped with the last buffer over them.
class Mapping final : public arrow::Buffer {
  public:
    Mapping(void* pages, std::size_t bytes)
        : arrow::Buffer(static_cast<const std::uint8_t*>(pages), static_cast<std::int64_t>(bytes)),
          pages_(pages), bytes_(bytes) {}
    ~Mapping() override { ::munmap(pages_, bytes_); }

  private:
    void* pages_;
    std::size_t bytes_;
};

arrow::Status open_batch(int fd, unsigned long long bytes, ArrowSchema* schema, ArrowArray* array) {
    void* pages = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (pages == MAP_FAILED) {
        return arrow::Status::IOError("the descriptor cannot be mapped");
    }
    const auto input = std::make_shared<arrow::io::BufferReader>(std::make_shared<Mapping>(pages, bytes));
    ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ipc::RecordBatchFileReader::Open(input));
    if (reader->num_record_batches() != 1) {
        return arrow::Status::Invalid("the file has not one batch");
    }
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader->ReadRecordBatch(0));
    return arrow::ExportRecordBatch(*batch, array, schema);
}

}  // namespace

// Parquet throws where it meets damage; C never sees it.
template <typename Work>
int guarded(const Work& work, char* error, unsigned error_bytes) {
    try {
        return outcome_of(work(), error, error_bytes);
    } catch (const std::exception& thrown) {
        std::snprintf(error, error_bytes, "%s", thrown.what());
        return 1;
    }
}

int resonant_write_parquet(ArrowArrayStream* stream, int fd, char* error, unsigned error_bytes) {
    return guarded([&] { return write_parquet(stream, fd); }, error, error_bytes);
}

int resonant_read_parquet(ArrowArrayStream* stream, int fd, long long* rows, char* error,
                          unsigned error_bytes) {
    return guarded([&] { return read_parquet(stream, fd, rows); }, error, error_bytes);
}

int resonant_open_batch(int fd, unsigned long long bytes, ArrowSchema* schema, ArrowArray* array,
                        char* error, unsigned error_bytes) {
    return guarded([&] { return open_batch(fd, bytes, schema, array); }, error, error_bytes);
}
