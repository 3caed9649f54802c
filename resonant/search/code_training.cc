// How a CodeBook is made from a sample: principal directions by subspace iteration, widths of steps, and the choice
// among schemes by counting who survives them.
#include "resonant/search/code_book.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "resonant/base/ensure.h"
#include "resonant/search/rotation.h"

namespace resonant::search {
namespace {

constexpr CoarseShape kPlain{0, kDimensions / 8};
constexpr std::array<CoarseShape, 3> kRotated = {{{8, 16}, {12, 16}, {16, 16}}};
constexpr float kNibbleStep = 0.335F;  // of a deviation: the best of 16 levels for a normal distribution
constexpr int kIterations = 8;  // even
constexpr std::size_t kTrialRows = 2'016;
constexpr std::size_t kTrialQueries = 16;
constexpr std::size_t kTrialRank = 10;
constexpr double kByteNs = 0.035;     // to read one byte of coarse code
constexpr double kSurvivorNs = 25;    // to look at one row's fine code,
constexpr double kFarSurvivorNs = 80; // or where there are more than a cache holds
constexpr std::size_t kNearRows = 32'768;

// Numbers in (-0.5, 0.5), the same on every machine.
struct Noise {
    std::mt19937_64 engine{1};
    float next() { return static_cast<float>(engine() >> 40) * 0x1p-24F - 0.5F; }
};

// The sample's covariance, 384 rows at a time: their columns, turned along each other.
std::vector<float> covariance(std::span<const float> sample, const std::vector<float>& mean) {
    constexpr std::size_t kWhole = kDimensions * kDimensions;
    constexpr std::size_t kLine = 16;
    static_assert(kDimensions % Rotation::kRows == 0 && kDimensions % kLine == 0);
    const std::size_t rows = sample.size() / kWhole * kDimensions;
    std::vector<float> columns(kWhole);
    std::vector<float> products(Rotation::kRows * kDimensions);
    std::vector<double> sums(kWhole);
    for (std::size_t first = 0; first < rows; first += kDimensions) {
        for (std::size_t row = 0; row < kDimensions; row += kLine) {  // each column takes a line of the cache at once
            for (std::size_t i = 0; i < kDimensions; ++i) {
                for (std::size_t next = row; next < row + kLine; ++next) {
                    columns[i * kDimensions + next] = sample[(first + next) * kDimensions + i] - mean[i];
                }
            }
        }
        const Rotation turned(columns, best_kernel());
        RESONANT_ENSURE(turned.width() == kDimensions, "a whole matrix needs no zeros");
        for (std::size_t i = 0; i < kDimensions; i += Rotation::kRows) {
            turned.turn_first(&columns[i * kDimensions], products.data(), i + Rotation::kRows);  // the rest is its mirror
            for (std::size_t at = 0; at < products.size(); ++at) {
                sums[i * kDimensions + at] += double{products[at]};
            }
        }
    }
    std::vector<float> matrix(kWhole);
    for (std::size_t i = 0; i < kDimensions; ++i) {
        for (std::size_t at = 0; at <= i; ++at) {
            matrix[i * kDimensions + at] = matrix[at * kDimensions + i] =
                static_cast<float>(sums[i * kDimensions + at] / static_cast<double>(rows));
        }
    }
    return matrix;
}

constexpr std::size_t kLanes = 8;
using Eight [[gnu::vector_size(64)]] = double;

// Takes away from row `at` of `basis` what it has of the rows before it.
[[gnu::always_inline]] inline void take_away(double* basis, std::size_t at) {
    double* vector = basis + at * kDimensions;
    for (std::size_t before = 0; before < at; ++before) {
        const double* other = basis + before * kDimensions;
        Eight sums[2] = {};  // one would wait for itself
        for (std::size_t i = 0; i < kDimensions; i += 2 * kLanes) {
            Eight ours[2], theirs[2];
            std::memcpy(ours, vector + i, sizeof ours);
            std::memcpy(theirs, other + i, sizeof theirs);
            sums[0] += ours[0] * theirs[0];
            sums[1] += ours[1] * theirs[1];
        }
        sums[0] += sums[1];
        const Eight& all = sums[0];
        const double along = ((all[0] + all[4]) + (all[2] + all[6])) + ((all[1] + all[5]) + (all[3] + all[7]));
        for (std::size_t i = 0; i < kDimensions; i += kLanes) {
            Eight ours, theirs;
            std::memcpy(&ours, vector + i, sizeof ours);
            std::memcpy(&theirs, other + i, sizeof theirs);
            ours -= along * theirs;
            std::memcpy(vector + i, &ours, sizeof ours);
        }
    }
}
void take_away_scalar(double* basis, std::size_t at) { take_away(basis, at); }
[[gnu::target("avx2,fma")]] void take_away_avx2(double* basis, std::size_t at) { take_away(basis, at); }
[[gnu::target("avx512f,avx512vl,fma")]] void take_away_avx512(double* basis, std::size_t at) { take_away(basis, at); }

// Makes row `at` of `basis` a unit vector at right angles to those before it: about, or in two passes, which are enough
// (Kahan).
void orthonormalise(std::vector<double>& basis, std::size_t at, int passes) {
    static constexpr std::array kTakeAway = {&take_away_scalar, &take_away_avx2, &take_away_avx512};
    double* vector = &basis[at * kDimensions];
    for (int pass = 0; pass < passes; ++pass) {
        kTakeAway[static_cast<std::size_t>(best_kernel())](basis.data(), at);
    }
    double squares = 0;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        squares += vector[i] * vector[i];
    }
    if (squares < 1e-60) {  // nothing is left in this direction: any that is free does as well
        std::fill_n(vector, kDimensions, 0.0);
        Noise noise{std::mt19937_64{at + 2}};
        for (std::size_t i = 0; i < kDimensions; ++i) {
            vector[i] = double{noise.next()};
        }
        orthonormalise(basis, at, 2);
        return;
    }
    for (std::size_t i = 0; i < kDimensions; ++i) {
        vector[i] /= std::sqrt(squares);
    }
}

// The leading directions of `matrix`, of most variance first.
std::vector<float> leading_directions(const std::vector<float>& matrix, std::size_t count) {
    const Rotation turned(matrix, best_kernel());
    Noise noise;
    std::vector<double> basis(count * kDimensions);
    for (double& number : basis) {
        number = double{noise.next()};
    }
    std::vector<float> before((count + Rotation::kRows - 1) / Rotation::kRows * Rotation::kRows * kDimensions);
    std::vector<float> after(before.size());
    for (int iteration = 0; iteration < kIterations; ++iteration) {
        std::ranges::copy(basis, before.begin());
        for (std::size_t at = 0; at < before.size(); at += Rotation::kRows * kDimensions) {
            turned.turn(&before[at], &after[at]);
        }
        std::copy_n(after.begin(), basis.size(), basis.begin());
        // As long as directions only turn towards their own, now and then is enough to keep them apart.
        for (std::size_t at = 0; at < count && iteration % 2 == 1; ++at) {
            orthonormalise(basis, at, iteration + 1 < kIterations ? 1 : 2);
        }
    }
    return {basis.begin(), basis.end()};
}

// Queries like those that will come, each near a row with something of its own, and the score that the best
// kTrialRank rows of the sample reach.
struct Trial {
    std::span<const float> sample;
    std::vector<Vector> queries;
    std::vector<float> thresholds;

    explicit Trial(std::span<const float> rows) : sample(rows) {
        const std::size_t count = rows.size() / kDimensions;
        const Dot dot = dot_of(best_kernel());
        Noise noise;
        for (std::size_t number = 0; number < kTrialQueries; ++number) {
            const float* near = &rows[number * count / kTrialQueries * kDimensions];
            Vector& query = queries.emplace_back();
            for (std::size_t i = 0; i < kDimensions; ++i) {
                query[i] = near[i] + 0.12F * noise.next();  // of norm 0.7 in all
            }
            TopK best(kTrialRank);
            for (std::size_t row = 0; row < count; ++row) {
                best.offer({dot(query.data(), &rows[row * kDimensions]), row});
            }
            thresholds.push_back(best.take().back().score);
        }
    }
};

// Nanoseconds a row that a search of `all` rows is likely to take.
double likely_cost(const CodeBook& book, const Trial& trial, std::size_t all) {
    const std::size_t rows = trial.sample.size() / kDimensions;
    std::vector<RowId> ids(rows);
    const auto codes = book.encode(trial.sample, ids);
    RESONANT_ENSURE(codes.has_value(), "the sample is finite");
    const Dot dot = dot_of(best_kernel());
    const CodeKernels& kernels = code_kernels(best_kernel());
    const std::size_t blocks = rows / kBlockRows;
    std::size_t survivors = 0;
    for (std::size_t number = 0; number < kTrialQueries; ++number) {
        const float* query = trial.queries[number].data();
        CoarseQuery coarse;
        book.prepare(dot, query, std::sqrt(dot(query, query)) * 1.0001F, coarse);
        coarse.slack = slack_of(coarse, codes->code_norm, codes->row_norm);
        CoarseBounds bounds;
        for (std::size_t block = 0; block < blocks; ++block) {
            kernels.bounds(book.shape(), coarse, codes->coarse.data() + block * book.shape().block_bytes(), bounds);
            survivors += static_cast<std::size_t>(
                std::ranges::count_if(bounds.bounds, [&](float bound) { return !(bound < trial.thresholds[number]); }));
        }
    }
    const double share = static_cast<double>(survivors) / static_cast<double>(kTrialQueries * blocks * kBlockRows);
    // Of more rows a smaller share survives, as the threshold rises: seen to fall with about the root.
    const double thinned = share * std::sqrt(static_cast<double>(rows) / static_cast<double>(std::max(all, rows)));
    return static_cast<double>(book.shape().row_bytes()) * kByteNs +
           thinned * (all > kNearRows ? kFarSurvivorNs : kSurvivorNs);
}

}  // namespace

CodeBook::Spread CodeBook::spread_of(std::span<const float> sample) const {
    const std::size_t rows = sample.size() / kDimensions;
    const std::size_t count = shape_.directions();
    Spread spread{rows, std::vector<double>(count), std::vector<float>(count)};
    const Rotation rotation(directions_, best_kernel());
    std::vector<float> centred(Rotation::kRows * kDimensions);
    std::vector<float> turned(Rotation::kRows * rotation.width());
    for (std::size_t first = 0; first < rows; first += Rotation::kRows) {
        const std::size_t together = std::min(Rotation::kRows, rows - first);
        for (std::size_t row = 0; row < together; ++row) {
            for (std::size_t i = 0; i < kDimensions; ++i) {
                centred[row * kDimensions + i] = sample[(first + row) * kDimensions + i] - mean_[i];
            }
        }
        rotation.turn(centred.data(), turned.data());
        Vector squares{};
        for (std::size_t row = 0; row < together; ++row) {
            const float* values = is_rotated() ? &turned[row * rotation.width()] : &centred[row * kDimensions];
            for (std::size_t i = 0; i < count; ++i) {
                squares[i] += values[i] * values[i];
                spread.greatest[i] = std::max(spread.greatest[i], std::fabs(values[i]));
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            spread.squares[i] += double{squares[i]};
        }
    }
    return spread;
}

void CodeBook::measure_steps(const Spread& spread) {
    steps_.assign(shape_.directions(), 1);
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const auto deviation = static_cast<float>(std::sqrt(spread.squares[i] / static_cast<double>(spread.rows)));
        steps_[i] = i < 4 * shape_.byte_groups ? std::max(spread.greatest[i], 1e-7F) / 127
                                               : deviation * kNibbleStep + 1e-7F;
    }
}

CodeBook CodeBook::plain(std::span<const float> sample) {
    CodeBook book;
    book.shape_ = kPlain;
    book.mean_.assign(kDimensions, 0);
    book.steps_.resize(kDimensions);
    book.measure_steps(book.spread_of(sample));
    book.seal();
    return book;
}

CodeBook CodeBook::directed(std::span<const float> sample, const CoarseShape& shape) {
    const std::size_t rows = sample.size() / kDimensions;
    RESONANT_ENSURE(rows >= kDimensions, "directions need at least as many rows as there are");
    CodeBook book;
    book.shape_ = shape;
    std::vector<double> sums(kDimensions);
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t i = 0; i < kDimensions; ++i) {
            sums[i] += double{sample[row * kDimensions + i]};
        }
    }
    for (const double sum : sums) {
        book.mean_.push_back(static_cast<float>(sum / static_cast<double>(rows)));
    }
    book.directions_ = leading_directions(covariance(sample, book.mean_), shape.directions());
    return book;
}

CodeBook CodeBook::rotated(std::span<const float> sample, const CoarseShape& shape) {
    CodeBook book = directed(sample, shape);
    book.measure_steps(book.spread_of(sample));
    book.seal();
    return book;
}

CodeBook CodeBook::choose(std::span<const float> sample, std::size_t all) {
    CodeBook best = plain(sample);
    if (sample.size() / kDimensions < kTrainingRowsMin) {
        return best;
    }
    static_assert(kTrialRows <= kTrainingRowsMin);
    std::vector<float> some;
    for (std::size_t i = 0; i < kTrialRows; ++i) {
        const float* row = &sample[i * (sample.size() / kDimensions) / kTrialRows * kDimensions];
        some.insert(some.end(), row, row + kDimensions);
    }
    const Trial trial(some);
    double best_cost = likely_cost(best, trial, all);
    const CodeBook most = directed(sample, kRotated.back());  // of most directions: the others take its first
    const Spread spread = most.spread_of(sample);
    for (const CoarseShape& shape : kRotated) {
        CodeBook tried = most;
        tried.shape_ = shape;
        tried.directions_.resize(shape.directions() * kDimensions);
        tried.measure_steps(spread);
        tried.seal();
        const double cost = likely_cost(tried, trial, all);
        if (cost < best_cost) {
            best = std::move(tried);
            best_cost = cost;
        }
    }
    return best;
}

}  // namespace resonant::search
