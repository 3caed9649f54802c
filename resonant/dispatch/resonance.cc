#include "resonant/dispatch/resonance.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "resonant/base/ensure.h"

namespace resonant::dispatch {
namespace {

constexpr double kDecay = 0.85;
constexpr double kDominant = 0.45;
// Phase of each quadrant: East wood, South fire, West metal, North water.
constexpr std::array<std::uint64_t, 4> kPhaseOf = {0, 1, 3, 4};
constexpr std::uint64_t kEarth = 2;

std::uint64_t phase_of(const std::array<double, 4>& energy) {
    const double total = energy[0] + energy[1] + energy[2] + energy[3];
    const auto strongest = std::max_element(energy.begin(), energy.end());
    if (total <= 0 || *strongest < kDominant * total) {
        return kEarth;
    }
    return kPhaseOf[static_cast<std::size_t>(strongest - energy.begin())];
}

}  // namespace

std::string_view phase_name(std::uint64_t phase) {
    static constexpr std::array<std::string_view, 5> kNames = {"wood", "fire", "earth", "metal", "water"};
    return phase < kNames.size() ? kNames[phase] : "earth";
}

std::string_view posture_name(std::uint64_t posture) {
    static constexpr std::array<std::string_view, 3> kNames = {"sattvic", "rajasic", "tamasic"};
    return posture < kNames.size() ? kNames[posture] : "sattvic";
}

ResonanceTracker::ResonanceTracker(const Catalogue& catalogue) : quoted_families_{"null"} {
    for (const auto& family : catalogue.families()) {
        quoted_families_.push_back(fmt::format("\"{}\"", family.key));
    }
}

ResonanceTracker::History& ResonanceTracker::of(const std::string& key) {
    const auto found = histories_.find(key);
    if (found != histories_.end()) {
        ages_.splice(ages_.begin(), ages_, found->second.age);
        return found->second;
    }
    if (histories_.size() >= kThreadsMax) {
        histories_.erase(ages_.back());
        ages_.pop_back();
    }
    ages_.push_front(key);
    History& history = histories_[key];
    history.age = ages_.begin();
    return history;
}

board::Resonance ResonanceTracker::before(const std::string& key, const call::Contract& contract, Nanos now) {
    const std::lock_guard lock(mutex_);
    const History& history = of(key);
    const std::uint64_t family = contract.family + 1U;
    RESONANT_ENSURE(family >= 1 && family <= call::kFamilies, "a contract belongs to one of 28 families");
    std::array<double, 4> energy = history.energy;
    for (double& e : energy) {
        e *= kDecay;
    }
    energy[quadrant_of(family)] += 1;
    const bool acts = contract.access != call::Access::Read;
    const double calls = history.calls * kDecay + 1;
    const double active = history.active * kDecay + (acts ? 1 : 0);
    const double trouble = history.trouble * kDecay;

    board::Resonance resonance;
    resonance.phase = phase_of(energy);
    resonance.posture = trouble > calls / 2 ? 2 : active > calls / 2 ? 1 : 0;
    resonance.family = family;
    resonance.predecessor = history.predecessor;
    resonance.successor = family % call::kFamilies + 1;
    resonance.quadrant = quadrant_of(family);
    resonance.updated_ns = static_cast<std::uint64_t>(now.count);
    return resonance;
}

void ResonanceTracker::after(const std::string& key, const call::Contract& contract, bool well) {
    const std::lock_guard lock(mutex_);
    History& history = of(key);
    const std::uint64_t family = contract.family + 1U;
    for (double& e : history.energy) {
        e *= kDecay;
    }
    history.energy[quadrant_of(family)] += 1;
    history.calls = history.calls * kDecay + 1;
    history.active = history.active * kDecay + (contract.access != call::Access::Read ? 1 : 0);
    history.trouble = history.trouble * kDecay + (well ? 0 : 1);
    history.predecessor = family;
    history.chain += 1;
}

std::uint64_t ResonanceTracker::chain(const std::string& key) {
    const std::lock_guard lock(mutex_);
    return of(key).chain;
}

std::string ResonanceTracker::compact(const board::Resonance& resonance, const board::Harmony& harmony,
                                      std::uint64_t chain) const {
    // By hand, and the harmony in thousandths: this stands in every answer.
    const double composite = std::round(harmony.composite() * 1000);
    const bool known = composite >= 0 && composite < 1e6;
    const auto thousandths = static_cast<std::uint32_t>(known ? composite : 0);
    char digits[16];
    const std::string_view shown(digits, static_cast<std::size_t>(
        fmt::format_to(digits, FMT_COMPILE("{}.{:03}"), thousandths / 1000, thousandths % 1000) - digits));
    const auto family = [this](std::uint64_t number) -> std::string_view {
        return quoted_families_[number < quoted_families_.size() ? number : 0];
    };
    const fmt::format_int calls(chain);
    std::string text;
    text.reserve(200);
    text.append(R"({"gana":)").append(family(resonance.family));
    text.append(R"(,"predecessor":)").append(family(resonance.predecessor));
    text.append(R"(,"successor":)").append(family(resonance.successor));
    text.append(R"(,"phase":")").append(phase_name(resonance.phase));
    text.append(R"(","posture":")").append(posture_name(resonance.posture));
    text.append(R"(","harmony":)").append(known ? shown : "null");
    return text.append(R"(,"chain":)").append(calls.data(), calls.size()).append("}");
}

}  // namespace resonant::dispatch
