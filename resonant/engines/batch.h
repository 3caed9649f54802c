// A Batch is an Arrow record batch of plain columns, as engines publish and read it: a handle on
// memory that is shared, never copied. Columns are found by name and read as spans over that memory.
//
// Any thread; what a Batch shows never changes, and lives as long as any handle on it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "resonant/base/result.h"

namespace arrow {
class RecordBatch;
}

namespace resonant::engines {

class Batch {
  public:
    // A column to be made: its name and its values, which all columns of a batch have as many of.
    struct Column {
        std::string name;
        std::variant<std::vector<std::uint64_t>, std::vector<double>, std::vector<std::uint8_t>,
                     std::vector<std::uint16_t>, std::vector<std::string>>
            values;
    };

    explicit Batch(std::shared_ptr<arrow::RecordBatch> batch);
    ~Batch();
    Batch(const Batch&);
    Batch& operator=(const Batch&);

    // Columns are not nullable. InvalidArgument when their lengths differ or a name repeats.
    static Result<Batch> make(const std::vector<Column>& columns);
    // The one batch of an Arrow IPC file in memory, over that memory; `owner` keeps it alive. DataLoss
    // when the bytes are no such file.
    static Result<Batch> over(std::span<const std::byte> file, std::shared_ptr<const void> owner);
    // As an Arrow IPC file of one batch.
    Result<std::vector<std::byte>> file() const;

    std::size_t rows() const;
    std::vector<std::string> columns() const;
    // The values of a column, where they lie: no copy, O(columns). NotFound, or InvalidArgument when it
    // has another type.
    Result<std::span<const std::uint64_t>> u64(std::string_view column) const;
    Result<std::span<const double>> f64(std::string_view column) const;
    Result<std::span<const std::uint8_t>> u8(std::string_view column) const;
    Result<std::span<const std::uint16_t>> u16(std::string_view column) const;
    // One value as text, for people. Precondition: row < rows(), column < columns().size().
    std::string text(std::size_t row, std::size_t column) const;

    const std::shared_ptr<arrow::RecordBatch>& arrow() const { return batch_; }

  private:
    std::shared_ptr<arrow::RecordBatch> batch_;
};

}  // namespace resonant::engines
