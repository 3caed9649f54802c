// Fusion makes one order out of what speaks for each candidate:
//
//   base  = (1 - w) max(0, cosine) + w words / (words + 10)       words: bm25; w from 0.5 to 0.3 by shortness
//   score = base + shortness (context - 0.08 if it only asks + 0.04 if the question names its speaker)
//           + 0.1 time match + 0.02 nearness + 0.03 link - 0.05 if superseded or the copy of a better hit
//
// Both parts of the base are absolute: a poor best hit is not blown up to 1, so the part that has nothing to
// say stays silent, and the whole follows the one that has. `context` is the base of the memories told right
// before and after in the same session (0.30 and 0.15, the next but one 0.15 and 0.10): an answer often has
// no word of its question. The longer a text, the better it stands alone: shortness falls from 1 to 0 over 60
// words, and its own words count for more. Without any vectors the words stand alone, without words the meaning does.
//
// The numbers were chosen on the tuned half of `./dev bench recall` and are judged by the held-out half; what
// was tried and left out stands in docs/design/005-finding.md.
//
// Any thread; plain values.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resonant/memory/data_sea.h"
#include "resonant/memory/question.h"

namespace resonant::memory {

struct Candidate {
    MemoryId id = 0;
    std::optional<double> words;  // bm25, greater is better
    std::optional<double> cosine;
};

// Who stands beside whom: for each memory its neighbours of one session and how far after it each was told
// (negative: before).
using Neighbours = std::map<MemoryId, std::map<MemoryId, int>>;

// What all candidates have in common.
struct Parts {
    bool words = false;
    bool meaning = false;
    double best_cosine = 0;  // stands in for the cosine of a memory that has no vector yet
};
Parts parts_of(std::span<const Candidate> candidates);
// `shortness` of its text: 1 while the text is not known.
double base_of(const Candidate& candidate, const Parts& parts, double shortness = 1);

struct Context {
    double score = 0;
    MemoryId strongest = 0;
    int offset = 0;
};
// `bases`: of candidates; who is not there counts nothing.
Context context_of(MemoryId id, const Neighbours& neighbours, const std::map<MemoryId, double>& bases);

// Gives the hit its score and reasons, all but those of its links.
void weigh(Hit& hit, const Candidate& candidate, const Parts& parts, const Context& context,
           const Question& question);
// Lifts linked hits, lowers copies of better ones and what was superseded, and sorts: best first, ties by id.
void settle(std::vector<Hit>& hits, std::span<const Edge> edges);

}  // namespace resonant::memory
