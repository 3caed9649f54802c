/* What the program loads on first use, and what Python reads batches with: Parquet, and Arrow batches in
 * shared memory, through the Arrow C data interface. All functions answer 0, or another number and words
 * in `error`. */
#pragma once

struct ArrowArray;
struct ArrowArrayStream;
struct ArrowSchema;

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the batches of `stream` (which it takes over) as one Parquet file to `fd`, which stays open. */
int resonant_write_parquet(struct ArrowArrayStream* stream, int fd, char* error, unsigned error_bytes);
/* Reads the Parquet file behind `fd`, which stays open while it is read, into `stream`, in small batches; says
 * how many rows it has. A batch is given back before its stream. */
int resonant_read_parquet(struct ArrowArrayStream* stream, int fd, long long* rows, char* error,
                          unsigned error_bytes);
/* The one batch of an Arrow IPC file of `bytes` bytes behind `fd` (a file, or a sealed memory segment as
 * the kernel hands out), mapped and not copied. The mapping ends when both are released. */
int resonant_open_batch(int fd, unsigned long long bytes, struct ArrowSchema* schema,
                        struct ArrowArray* array, char* error, unsigned error_bytes);

#ifdef __cplusplus
}
#endif
