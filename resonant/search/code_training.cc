// How a CodeBook is made from a sample: principal directions by subspace iteration, widths of steps, and the choice
// among schemes by counting who survives them.
#include "resonant/search/code_book.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "resonant/base/ensure.h"

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

// The sample's covariance, by columns: every sum is a row of dot products of 384.
std::vector<float> covariance(std::span<const float> sample, const std::vector<float>& mean) {
    const DotFour dots = dot_four_of(best_kernel());
    const std::size_t rows = sample.size() / kDimensions / kDimensions * kDimensions;
    std::vector<float> columns(rows * kDimensions);
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t i = 0; i < kDimensions; ++i) {
            columns[i * rows + row] = sample[row * kDimensions + i] - mean[i];
        }
    }
    std::vector<float> matrix(kDimensions * kDimensions);
    for (std::size_t a = 0; a < kDimensions; a += 2) {
        for (std::size_t b = 0; b <= a; b += 2) {
            std::array<double, 4> sums{};
            for (std::size_t at = 0; at < rows; at += kDimensions) {
                std::array<float, 4> four;
                dots(&columns[a * rows + at], &columns[(a + 1) * rows + at], &columns[b * rows + at],
                     &columns[(b + 1) * rows + at], four.data());
                for (std::size_t i = 0; i < 4; ++i) {
                    sums[i] += double{four[i]};
                }
            }
            for (std::size_t i = 0; i < 4; ++i) {
                const std::size_t row = a + i / 2;
                const std::size_t column = b + i % 2;
                matrix[row * kDimensions + column] = matrix[column * kDimensions + row] =
                    static_cast<float>(sums[i] / static_cast<double>(rows));
            }
        }
    }
    return matrix;
}

// Makes row `at` of `basis` a unit vector at right angles to those before it: about, or in two passes, which are enough
// (Kahan).
void orthonormalise(std::vector<double>& basis, std::size_t at, int passes) {
    double* vector = &basis[at * kDimensions];
    for (int pass = 0; pass < passes; ++pass) {
        for (std::size_t before = 0; before < at; ++before) {
            const double* other = &basis[before * kDimensions];
            // Eight sums: one would wait for itself.
            std::array<double, 8> sums{};
            for (std::size_t i = 0; i < kDimensions; i += sums.size()) {
                for (std::size_t j = 0; j < sums.size(); ++j) {
                    sums[j] += other[i + j] * vector[i + j];
                }
            }
            const double along = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
            for (std::size_t i = 0; i < kDimensions; ++i) {
                vector[i] -= along * other[i];
            }
        }
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

// The leading directions of `matrix`, of most variance first; `count` is even.
std::vector<float> leading_directions(const std::vector<float>& matrix, std::size_t count) {
    const DotFour dots = dot_four_of(best_kernel());
    Noise noise;
    std::vector<double> basis(count * kDimensions);
    for (double& number : basis) {
        number = double{noise.next()};
    }
    std::array<Vector, 2> two;
    for (int iteration = 0; iteration < kIterations; ++iteration) {
        for (std::size_t at = 0; at < count; at += 2) {
            double* first = &basis[at * kDimensions];
            double* second = first + kDimensions;
            std::copy_n(first, kDimensions, two[0].begin());
            std::copy_n(second, kDimensions, two[1].begin());
            for (std::size_t i = 0; i < kDimensions; i += 2) {
                const float* row = &matrix[i * kDimensions];
                std::array<float, 4> four;
                dots(row, row + kDimensions, two[0].data(), two[1].data(), four.data());
                first[i] = double{four[0]};
                second[i] = double{four[1]};
                first[i + 1] = double{four[2]};
                second[i + 1] = double{four[3]};
            }
        }
        // As long as directions only turn towards their own, now and then is enough to keep them apart.
        for (std::size_t at = 0; at < count && iteration % 2 == 1; ++at) {
            orthonormalise(basis, at, iteration + 1 < kIterations ? 1 : 2);
        }
    }
    return {basis.begin(), basis.end()};
}

// Queries like those that will come: near a row, with something of their own.
Vector trial_query(std::span<const float> sample, std::size_t number, Noise& noise) {
    const std::size_t rows = sample.size() / kDimensions;
    const float* row = &sample[number * rows / kTrialQueries * kDimensions];
    Vector query;
    for (std::size_t i = 0; i < kDimensions; ++i) {
        query[i] = row[i] + 0.12F * noise.next();  // of norm 0.7 in all
    }
    return query;
}

// Nanoseconds a row that a search of `all` rows is likely to take.
double likely_cost(const CodeBook& book, std::span<const float> sample, std::size_t all) {
    const std::size_t rows = sample.size() / kDimensions;
    std::vector<RowId> ids(rows);
    const auto codes = book.encode(sample, ids);
    RESONANT_ENSURE(codes.has_value(), "the sample is finite");
    const Dot dot = dot_of(best_kernel());
    const CodeKernels& kernels = code_kernels(best_kernel());
    const std::size_t blocks = rows / kBlockRows;
    Noise noise;
    std::size_t survivors = 0;
    for (std::size_t number = 0; number < kTrialQueries; ++number) {
        const Vector query = trial_query(sample, number, noise);
        TopK best(kTrialRank);
        for (std::size_t row = 0; row < rows; ++row) {
            best.offer({dot(query.data(), &sample[row * kDimensions]), row});
        }
        const float threshold = best.take().back().score;
        CoarseQuery coarse;
        book.prepare(dot, query.data(), std::sqrt(dot(query.data(), query.data())) * 1.0001F, coarse);
        coarse.slack = slack_of(coarse, codes->code_norm, codes->row_norm);
        CoarseBounds bounds;
        for (std::size_t block = 0; block < blocks; ++block) {
            kernels.bounds(book.shape(), coarse, codes->coarse.data() + block * book.shape().block_bytes(), bounds);
            survivors += static_cast<std::size_t>(
                std::ranges::count_if(bounds.bounds, [&](float bound) { return !(bound < threshold); }));
        }
    }
    const double share = static_cast<double>(survivors) / static_cast<double>(kTrialQueries * blocks * kBlockRows);
    // Of more rows a smaller share survives, as the threshold rises: seen to fall with about the root.
    const double thinned = share * std::sqrt(static_cast<double>(rows) / static_cast<double>(std::max(all, rows)));
    return static_cast<double>(book.shape().row_bytes()) * kByteNs +
           thinned * (all > kNearRows ? kFarSurvivorNs : kSurvivorNs);
}

}  // namespace

void CodeBook::turn_two(DotFour dots, const float* first, const float* second, float* turned_first,
                        float* turned_second) const {
    if (!is_rotated()) {
        std::memcpy(turned_first, first, kDimensions * sizeof(float));
        std::memcpy(turned_second, second, kDimensions * sizeof(float));
        return;
    }
    for (std::size_t i = 0; i < shape_.directions(); i += 2) {  // a multiple of 8
        const float* one = &directions_[i * kDimensions];
        std::array<float, 4> four;
        dots(first, second, one, one + kDimensions, four.data());
        turned_first[i] = four[0];
        turned_first[i + 1] = four[1];
        turned_second[i] = four[2];
        turned_second[i + 1] = four[3];
    }
}

CodeBook::Spread CodeBook::spread_of(std::span<const float> sample) const {
    const std::size_t rows = sample.size() / kDimensions;
    const std::size_t count = shape_.directions();
    Spread spread{rows, std::vector<double>(count), std::vector<float>(count)};
    std::array<Vector, 2> centred;
    std::array<Vector, 2> turned;
    for (std::size_t row = 0; row < rows; row += 2) {
        const std::size_t together = std::min<std::size_t>(2, rows - row);
        for (std::size_t each = 0; each < 2; ++each) {
            const float* vector = &sample[(row + each % together) * kDimensions];
            for (std::size_t i = 0; i < kDimensions; ++i) {
                centred[each][i] = vector[i] - mean_[i];
            }
        }
        turn_two(dot_four_of(best_kernel()), centred[0].data(), centred[1].data(), turned[0].data(), turned[1].data());
        for (std::size_t each = 0; each < together; ++each) {
            for (std::size_t i = 0; i < count; ++i) {
                const float value = turned[each][i];
                spread.squares[i] += double{value} * double{value};
                spread.greatest[i] = std::max(spread.greatest[i], std::fabs(value));
            }
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
    std::vector<float> trial;
    for (std::size_t i = 0; i < kTrialRows; ++i) {
        const float* row = &sample[i * (sample.size() / kDimensions) / kTrialRows * kDimensions];
        trial.insert(trial.end(), row, row + kDimensions);
    }
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
