// Memories as an Arrow table, for export and import: an Arrow IPC file, or a Parquet file through the
// library beside the program (shim/tables), which is loaded on first use only. Batch after batch: no more than
// one batch, or one row group, is held.
//
// Any thread; no state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "resonant/base/descriptor.h"
#include "resonant/memory/data_sea.h"
#include "resonant/tools/records.h"

namespace arrow {
class RecordBatch;
}

namespace resonant::tools {

// Memories as rows; links lead from one of them. No memories: a batch without rows, which tells the columns.
Result<std::shared_ptr<arrow::RecordBatch>> memory_batch(std::span<const memory::Memory> memories,
                                                         std::span<const memory::Edge> links);

// Gives the next batch of a table, all with the columns of the first; null at the end, and not before the first.
using NextBatch = std::function<Result<std::shared_ptr<arrow::RecordBatch>>()>;
// Writes what comes as one file ("arrow" or "parquet") to the descriptor. Unavailable when the library for
// Parquet is absent.
Status write_table(std::string_view format, int fd, const NextBatch& next);

// The rows of an Arrow IPC or Parquet file as records, in order. Columns are taken by name: content (required), and
// any that import takes; text of both sizes, lists of text for tags, times of any unit. ResourceExhausted for a batch
// that needs more than kTableBytes.
inline constexpr std::int64_t kTableBytes = 256 * 1024 * 1024;
Status table_records(std::string_view format, const Descriptor& file, const TakeRecord& take,
                     const RecordNames& names = {});

}  // namespace resonant::tools
