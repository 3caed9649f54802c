// Memories as an Arrow table, for export and import: an Arrow IPC file, or a Parquet file through the
// library beside the program (shim/tables), which is loaded on first use only.
//
// Any thread; no state.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "resonant/memory/data_sea.h"
#include "resonant/tools/records.h"

namespace arrow {
class RecordBatch;
}

namespace resonant::tools {

class MemoryTable {
  public:
    MemoryTable();
    MemoryTable(const MemoryTable&) = delete;
    MemoryTable& operator=(const MemoryTable&) = delete;
    ~MemoryTable();

    // Adds rows; links lead from one of them.
    Status add(std::span<const memory::Memory> memories, std::span<const memory::Edge> links);
    void add(std::shared_ptr<arrow::RecordBatch> batch);  // a batch of any one schema
    // Writes what was added as one file ("arrow" or "parquet") to the descriptor. Unavailable when the
    // library for Parquet is absent.
    Status write(std::string_view format, int fd) const;

  private:
    std::vector<std::shared_ptr<arrow::RecordBatch>> batches_;
};

// The rows of an Arrow IPC or Parquet file as records. Columns are taken by name: content (required), and
// any that import takes; text of both sizes, lists of text for tags, times of any unit.
Result<std::vector<Record>> table_records(std::string_view format, const std::filesystem::path& file);

}  // namespace resonant::tools
