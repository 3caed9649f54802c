#include "resonant/engines/dream.h"

#include <fmt/format.h>

#include <algorithm>

namespace resonant::engines {
namespace {

using sql::Connection;
using sql::Statement;

constexpr double kSecondsMin = 1;
constexpr double kSecondsMax = 86'400;

Status check_seconds(std::string_view name, double seconds) {
    if (seconds >= kSecondsMin && seconds <= kSecondsMax) {
        return {};
    }
    return fail(Code::InvalidArgument, fmt::format("dream.start: {} is {}; give {} to {} seconds", name,
                                                   seconds, kSecondsMin, kSecondsMax));
}

}  // namespace

Result<std::unique_ptr<Dream>> Dream::open(Needs needs) {
    std::unique_ptr<Dream> dream(new Dream(needs));
    const Status done = needs.database.write([&](Connection& connection) -> Status {
        RESONANT_CHECK(connection.run(
            "CREATE TABLE IF NOT EXISTS dream_settings(id INTEGER PRIMARY KEY CHECK(id = 1),"
            " is_on INT NOT NULL, idle_s REAL NOT NULL, phase_s REAL NOT NULL);"
            "CREATE TABLE IF NOT EXISTS dream_reports(phase TEXT PRIMARY KEY, at_ns INT NOT NULL,"
            " report TEXT NOT NULL)"));
        RESONANT_ASSIGN(auto row,
                        connection.prepare("SELECT is_on, idle_s, phase_s FROM dream_settings"));
        RESONANT_ASSIGN(const bool is_there, row.step());
        if (is_there) {
            dream->settings_ = {row.integer(0) != 0, row.real(1), row.real(2)};
        }
        return {};
    });
    RESONANT_CHECK(done);
    return dream;
}

Status Dream::save_settings() {
    const Settings now = settings();
    return needs_.database.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "INSERT INTO dream_settings VALUES(1, ?, ?, ?)"
                                      " ON CONFLICT DO UPDATE SET is_on = excluded.is_on,"
                                      " idle_s = excluded.idle_s, phase_s = excluded.phase_s"));
        return row.bind(1, now.on).bind(2, now.idle_s).bind(3, now.phase_s).run();
    });
}

Status Dream::start(double idle_s, double phase_s) {
    RESONANT_CHECK(check_seconds("idle_s", idle_s));
    RESONANT_CHECK(check_seconds("phase_s", phase_s));
    {
        const std::lock_guard lock(mutex_);
        settings_ = {true, idle_s, phase_s};
        last_ = needs_.clock.monotonic();
    }
    return save_settings();
}

Status Dream::stop() {
    {
        const std::lock_guard lock(mutex_);
        settings_.on = false;
    }
    return save_settings();
}

Dream::Settings Dream::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

std::optional<std::string_view> Dream::due(Nanos quiet_since) {
    const Nanos now = needs_.clock.monotonic();
    const std::lock_guard lock(mutex_);
    if (!settings_.on || !running_.empty() || (now - quiet_since).seconds() < settings_.idle_s ||
        (now - last_).seconds() < settings_.phase_s) {
        return std::nullopt;
    }
    last_ = now;
    const std::string_view phase = kPhases[next_];
    next_ = (next_ + 1) % kPhases.size();
    return phase;
}

Result<Json> Dream::work(std::string_view phase, bool dry_run) {
    if (phase == "consolidate") return consolidate(dry_run);
    if (phase == "surface") return surface(dry_run);
    if (phase == "govern") return govern();
    if (phase == "narrate") return narrate(dry_run);
    if (phase == "improve") return improve();
    if (phase == "predict") return predict();
    if (phase == "decay") return decay(dry_run);
    if (phase == "triage") return triage(dry_run);
    return fail(Code::InvalidArgument,
                fmt::format("dream: '{}' is no phase; there are {}", phase.substr(0, 40),
                            fmt::join(kPhases, ", ")));
}

Result<Json> Dream::run(std::string_view phase, bool dry_run) {
    const std::lock_guard dreaming(dreaming_);
    {
        const std::lock_guard lock(mutex_);
        running_ = phase;
    }
    const Nanos started = needs_.clock.monotonic();
    Result<Json> report = work(phase, dry_run);
    {
        const std::lock_guard lock(mutex_);
        running_.clear();
    }
    if (!report) {
        return report;
    }
    (*report)["phase"] = phase;
    (*report)["dry_run"] = dry_run;
    (*report)["took_ms"] = static_cast<std::int64_t>((needs_.clock.monotonic() - started).seconds() * 1e3);
    if (!dry_run) {
        RESONANT_CHECK(keep(*report));
    }
    return report;
}

Status Dream::keep(const Json& report) {
    return needs_.database.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "INSERT INTO dream_reports VALUES(?, ?, ?)"
                                      " ON CONFLICT DO UPDATE SET at_ns = excluded.at_ns,"
                                      " report = excluded.report"));
        row.bind(1, report.value("phase", "")).bind(2, needs_.clock.wall().count);
        return row.bind(3, json::dump(report)).run();
    });
}

Result<Json> Dream::status() {
    const Settings now = settings();
    Json answer = {{"dreaming", now.on}, {"idle_s", now.idle_s}, {"phase_s", now.phase_s}};
    {
        const std::lock_guard lock(mutex_);
        answer["running"] = running_.empty() ? Json(nullptr) : Json(running_);
        answer["next"] = kPhases[next_];
    }
    answer["last"] = Json::object();
    const Status done = needs_.database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows,
                        connection.prepare("SELECT phase, at_ns, report FROM dream_reports"));
        return rows.each([&](const Statement& row) -> Status {
            RESONANT_ASSIGN(Json report, json::parse(row.text(2)));
            report["at_ns"] = row.integer(1);
            answer["last"][row.text(0)] = std::move(report);
            return {};
        });
    });
    RESONANT_CHECK(done);
    return answer;
}

}  // namespace resonant::engines
