#include "resonant/dispatch/harmony.h"

#include <algorithm>
#include <cmath>

namespace resonant::dispatch {
namespace {

constexpr double kWindowMinutes = 5;
constexpr std::int64_t kWindowNs = 300'000'000'000;

double clamp01(double x) { return std::clamp(x, 0.0, 1.0); }

double headroom_of(double calls_per_minute) {
    if (calls_per_minute <= 60) {
        return 1.0;
    }
    return std::max(0.2, 1.0 - (calls_per_minute - 60) / 200);
}

double swiftness_of(double p95_seconds) {
    if (p95_seconds <= 0.5) {
        return 1.0;
    }
    if (p95_seconds <= 2) {
        return 1.0 - (p95_seconds - 0.5) * 0.2;
    }
    return std::max(0.2, 0.7 - (p95_seconds - 2) * 0.0625);
}

}  // namespace

std::size_t HarmonyMeter::latency_class(Nanos duration) {
    const double micros = std::max(1.0, static_cast<double>(duration.count) * 1e-3);
    return std::min(kLatencies - 1, static_cast<std::size_t>(2 * std::log2(micros)));
}

double HarmonyMeter::seconds_of(std::size_t latency_class) {
    return 1e-6 * std::exp2(static_cast<double>(latency_class + 1) / 2);
}

// Makes `number` the newest bucket: what falls out of the window leaves the sum. A clock that was set
// back by more than the window begins anew.
void HarmonyMeter::advance(std::int64_t number) {
    constexpr auto kSpan = static_cast<std::int64_t>(kBuckets);
    if (number >= newest_ + kSpan || number <= newest_ - kSpan) {
        buckets_.fill({});
        sum_ = {};
        newest_ = number;
        return;
    }
    while (newest_ < number) {
        Bucket& oldest = buckets_[static_cast<std::size_t>(++newest_) % kBuckets];
        sum_.calls -= oldest.calls;
        sum_.active -= oldest.active;
        sum_.failed -= oldest.failed;
        sum_.slow -= oldest.slow;
        for (std::size_t i = 0; i < kLatencies; ++i) {
            sum_.latencies[i] -= oldest.latencies[i];
        }
        oldest = {};
    }
}

void HarmonyMeter::record(const Call& call) {
    const std::lock_guard lock(mutex_);
    const std::int64_t number = call.at.count / kBucketNs;
    advance(number);
    for (Bucket* bucket : {&buckets_[static_cast<std::size_t>(number) % kBuckets], &sum_}) {
        bucket->calls += 1;
        bucket->active += call.active ? 1 : 0;
        bucket->failed += call.failed ? 1 : 0;
        bucket->slow += call.duration > from_seconds(1) ? 1 : 0;
        bucket->latencies[latency_class(call.duration)] += 1;
    }
}

void HarmonyMeter::violate(Nanos at, double severity) {
    const std::lock_guard lock(mutex_);
    violations_[next_violation_++ % violations_.size()] = {at.count, clamp01(severity)};
}

void HarmonyMeter::owe(Nanos at, double debt) {
    const std::lock_guard lock(mutex_);
    const double age = static_cast<double>(at.count - debt_at_ns_) / static_cast<double>(kWindowNs);
    debt_ = debt_ * std::exp2(-std::max(0.0, age)) + debt;
    debt_at_ns_ = at.count;
}

void HarmonyMeter::set_vitality(double vitality) {
    const std::lock_guard lock(mutex_);
    vitality_ = clamp01(vitality);
}

HarmonyMeter::Reading HarmonyMeter::measure(Nanos now) {
    const std::lock_guard lock(mutex_);
    advance(now.count / kBucketNs);
    const Bucket& sum = sum_;
    Reading reading;
    auto& [harmony, traffic] = reading;
    double slow_share = 0;
    if (sum.calls > 0) {
        const double calls = sum.calls;
        const auto rank = static_cast<std::uint32_t>(0.95 * (calls - 1));
        std::uint32_t seen = 0;
        std::size_t p95 = 0;
        while (p95 + 1 < kLatencies && (seen += sum.latencies[p95]) <= rank) {
            ++p95;
        }
        traffic.calls_per_minute = calls / kWindowMinutes;
        traffic.latency_p95_s = seconds_of(p95);
        traffic.error_rate = sum.failed / calls;
        harmony.balance = clamp01(1 - 2 * std::abs(sum.active / calls - 0.5));
        harmony.headroom = headroom_of(traffic.calls_per_minute);
        harmony.swiftness = swiftness_of(traffic.latency_p95_s);
        harmony.reliability = clamp01(1 - 5 * sum.failed / calls);
        slow_share = sum.slow / calls;
    }
    for (const Violation& violation : violations_) {
        traffic.violations += now.count - violation.at_ns < kWindowNs ? violation.severity : 0;
    }
    harmony.dharma = clamp01(1 - traffic.violations / 10);
    const double age = static_cast<double>(now.count - debt_at_ns_) / static_cast<double>(kWindowNs);
    traffic.karma_debt = debt_ * std::exp2(-std::max(0.0, age));
    harmony.accord = clamp01(1 - traffic.karma_debt / 10);
    harmony.energy = 0.6 * clamp01(1 - 2 * slow_share) + 0.4 * vitality_;
    return reading;
}

}  // namespace resonant::dispatch
