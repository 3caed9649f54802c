#include "resonant/tools/regulation.h"

#include <fmt/core.h>

#include "resonant/agents/reasoners.h"
#include "resonant/society/consents.h"

namespace resonant::tools {
namespace {

constexpr double kAlertBelow = 0.5;

struct Advice {
    std::string_view field, tool, reason;
};

constexpr Advice kAdvice[] = {
    {"reliability", "karma.trace", "calls fail: see which and why"},
    {"swiftness", "health.report", "calls are slow: see what is busy"},
    {"dharma", "karma.trace", "boundaries were crossed: see which rules denied"},
    {"accord", "karma.report", "declared and observed effects differ: see whose"},
    {"energy", "lifecycle.stats", "memory and calls are tired: see how memories move"},
    {"headroom", "rate.stats", "many calls: see the budgets left"},
    {"balance", "harmony.vector", "much writing or much reading: look at the mix"},
    {"composite", "homeostasis.status", "the whole is unwell: see the levels"},
};

void add_harmony(const board::Harmony& harmony, std::vector<Alert>& alerts) {
    for (const Regulated& one : regulate(harmony)) {
        if (one.value >= kAlertBelow) {
            continue;
        }
        for (const Advice& advice : kAdvice) {
            if (advice.field == one.field) {
                alerts.push_back({fmt::format("harmony.{}", one.field),
                                  fmt::format("{:.2f}, below {}", one.value, kAlertBelow),
                                  std::string(advice.tool), std::string(advice.reason)});
            }
        }
    }
}

void add_breakers(const Services& services, const board::Snapshot& snapshot,
                  std::vector<Alert>& alerts) {
    const auto& families = services.toolbox->families();
    for (std::size_t slot = 0; slot < snapshot.breakers.size(); ++slot) {
        if (snapshot.breakers[slot] != 0) {
            const std::string name = slot < families.size() ? std::string(families[slot].key)
                                                            : fmt::format("slot {}", slot);
            alerts.push_back({"breaker." + name,
                              snapshot.breakers[slot] == 1 ? "open" : "half open", "breaker.status",
                              "a tool keeps failing: see which and when it may be tried again"});
        }
    }
}

}  // namespace

std::string_view name_of(Level level) {
    switch (level) {
        case Level::Observe: return "OBSERVE";
        case Level::Advise: return "ADVISE";
        case Level::Correct: return "CORRECT";
        case Level::Intervene: return "INTERVENE";
    }
    return "INTERVENE";
}

Level Regulated::level() const {
    if (value < intervene_below) return Level::Intervene;
    if (value < correct_below) return Level::Correct;
    return value < advise_below ? Level::Advise : Level::Observe;
}

std::vector<Regulated> regulate(const board::Harmony& harmony) {
    return {{"balance", harmony.balance},         {"headroom", harmony.headroom},
            {"swiftness", harmony.swiftness, 0.5}, {"reliability", harmony.reliability, 0.7, 0.4},
            {"dharma", harmony.dharma, 0.7, 0.4}, {"accord", harmony.accord, 0.7, 0.4},
            {"energy", harmony.energy, 0.6, 0.3}, {"composite", harmony.composite(), 0, 0, 0.3}};
}

Result<std::vector<Alert>> find_alerts(Services& services, const board::Snapshot& snapshot) {
    std::vector<Alert> alerts;
    if (const std::size_t waiting = services.reasoners->stats().waiting; waiting > 0) {
        alerts.push_back({"escalations", fmt::format("{} waiting", waiting), "reasoner.next",
                          "a watcher woke: take its escalation"});
    }
    RESONANT_ASSIGN(const auto consents, services.consents->list({}));
    std::size_t asked = 0;
    for (const society::Consent& consent : consents) {
        asked += consent.state == "waiting" ? 1U : 0U;
    }
    if (asked > 0) {
        alerts.push_back({"consents", fmt::format("{} waiting for the owner", asked),
                          "consent.verify", "requests wait for a person"});
    }
    add_breakers(services, snapshot, alerts);
    add_harmony(snapshot.harmony, alerts);
    return alerts;
}

}  // namespace resonant::tools
