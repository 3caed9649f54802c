#include "shim/tables/tables.h"

#include <arrow/api.h>
#include <arrow/c/bridge.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

namespace {

constexpr std::int64_t kRowsAGroup = 65'536;

int outcome_of(const arrow::Status& status, char* error, unsigned error_bytes) {
    if (status.ok()) {
        return 0;
    }
    std::snprintf(error, error_bytes, "%s", status.message().c_str());
    return 1;
}

arrow::Status write_parquet(ArrowArrayStream* stream, int fd) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, arrow::ImportRecordBatchReader(stream));
    ARROW_ASSIGN_OR_RAISE(const auto table, reader->ToTable());
    ARROW_ASSIGN_OR_RAISE(const auto sink, arrow::io::FileOutputStream::Open(::dup(fd)));
    const auto facts = parquet::ArrowWriterProperties::Builder().store_schema()->build();
    ARROW_RETURN_NOT_OK(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, kRowsAGroup,
                                                   parquet::default_writer_properties(), facts));
    return sink->Close();
}

arrow::Status read_parquet(ArrowArrayStream* stream, int fd) {
    ARROW_ASSIGN_OR_RAISE(const auto file, arrow::io::ReadableFile::Open(::dup(fd)));
    ARROW_ASSIGN_OR_RAISE(const auto reader,
                          parquet::arrow::OpenFile(file, arrow::default_memory_pool()));
    ARROW_ASSIGN_OR_RAISE(const auto table, reader->ReadTable());
    return arrow::ExportRecordBatchReader(std::make_shared<arrow::TableBatchReader>(table), stream);
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

int resonant_read_parquet(ArrowArrayStream* stream, int fd, char* error, unsigned error_bytes) {
    return guarded([&] { return read_parquet(stream, fd); }, error, error_bytes);
}

int resonant_open_batch(int fd, unsigned long long bytes, ArrowSchema* schema, ArrowArray* array,
                        char* error, unsigned error_bytes) {
    return guarded([&] { return open_batch(fd, bytes, schema, array); }, error, error_bytes);
}
