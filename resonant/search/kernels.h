// Dot products of 384 floats, one kernel an instruction set, chosen at run time; and the best k of
// a scan.
//
// Any thread.
//
// Invariants:
//   (1) Every kernel gives the same bits: 64 partial sums by fused multiply-add, where sum j takes
//   the
//       elements j, j + 64, ...; then halves are added, 64 to 32 to ... to 1. So ids, order and
//       scores do not depend on the machine.
//   (2) The order is defined: greater score first, of equal scores the smaller id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "resonant/base/vector.h"

namespace resonant::search {

using RowId = std::uint64_t;  // what a row is called: the id of a memory

enum class Kernel : std::uint8_t { Scalar, Avx2, Avx512 };

// `a`, `b`: float[384], of any alignment.
using Dot = float (*)(const float* a, const float* b);

// The kernels that this processor runs, slowest first; Scalar is always among them.
std::span<const Kernel> kernels();
Kernel best_kernel();
std::string_view name_of(Kernel kernel);  // "scalar", "avx2", "avx512"
Dot dot_of(Kernel kernel);

struct Scored {
    float score = 0;
    RowId id = 0;

    // True when this comes before `other`.
    bool operator<(const Scored& other) const {
        return score != other.score ? score > other.score : id < other.id;
    }
};

// The best `k` of all that was offered. An id is offered once.
class TopK {
  public:
    explicit TopK(std::size_t k) : k_(k) { best_.reserve(k); }

    void offer(Scored candidate) {
        if (best_.size() < k_ || (k_ > 0 && candidate < best_.front())) {
            place(candidate);
        }
    }
    std::size_t capacity() const { return k_; }
    // Nothing below it can enter any more.
    float worst() const {
        return best_.size() < k_ || k_ == 0 ? -std::numeric_limits<float>::infinity()
                                            : best_.front().score;
    }
    // Best first. Ends it.
    std::vector<Scored> take();
    // Best first, in place; valid until the next reset().
    std::span<const Scored> sorted();
    // Begins anew; allocates only for a greater k than ever before.
    void reset(std::size_t k) {
        k_ = k;
        best_.clear();
        best_.reserve(k);
    }

  private:
    void place(Scored candidate);

    std::size_t k_;
    std::vector<Scored> best_;  // a heap, the worst in front
};

// Cosine of a query with vectors of unit length is their dot product. `rows`: float[ids.size() *
// 384]. Where `only` is not null, rows whose id is not in it (sorted) are passed over; likewise
// those in `without`.
struct Scan {
    Dot dot = nullptr;
    const float* query = nullptr;
    const std::vector<RowId>* only = nullptr;
    const std::vector<RowId>* without = nullptr;
};
void scan(const Scan& how, std::span<const RowId> ids, const float* rows, TopK& best);

}  // namespace resonant::search
