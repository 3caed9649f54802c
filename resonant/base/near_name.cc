#include "resonant/base/near_name.h"

#include <algorithm>

namespace resonant {
namespace {

constexpr std::size_t kWordMax = 64;

// Damerau-Levenshtein, where two neighbours that changed places count as one slip.
std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1] ? 1U : 0U)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[a.size()][b.size()];
}

}  // namespace

std::string near_name(const std::string& word, const std::vector<std::string>& names) {
    std::string best;
    std::size_t least = 1 + std::min<std::size_t>(word.size() / 3, 2);
    if (word.size() > kWordMax) {
        return best;
    }
    for (const std::string& name : names) {
        const bool begun = word.size() > 2 && name.size() > word.size() && name.starts_with(word);
        const std::size_t far = begun ? 1 : distance(word, name);
        if (far < least) {
            best = name;
            least = far;
        }
    }
    return best;
}

}  // namespace resonant
