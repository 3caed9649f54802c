#include "resonant/net/http_admission.h"

#include <fmt/core.h>

namespace resonant::net {

HttpAdmission::Verdict HttpAdmission::judge(std::size_t open, int descriptor) const {
    return open >= limits_.connections_max                                       ? Verdict::Connections
           : static_cast<std::size_t>(descriptor) >= limits_.descriptors_max ? Verdict::Descriptors
           : short_of_memory()                                                   ? Verdict::Memory
                                                                                 : Verdict::Admitted;
}

bool HttpAdmission::claim(const std::string*& mine, std::string_view owner, std::size_t open) {
    if (!limits_.several_owners || (mine != nullptr && *mine == owner)) {
        return true;
    }
    const auto known = owners_.find(std::string(owner));
    const std::size_t held = known == owners_.end() ? 0 : known->second;
    const bool few_left = open > limits_.connections_max - limits_.connections_max / 8;
    if (few_left && held != 0 && held >= share()) {
        return false;
    }
    release(mine);
    const auto place = owners_.try_emplace(std::string(owner), 0).first;
    ++place->second;
    mine = &place->first;
    return true;
}

void HttpAdmission::release(const std::string*& mine) {
    if (mine == nullptr) {
        return;
    }
    const auto place = owners_.find(*mine);
    mine = nullptr;
    if (--place->second == 0) {
        owners_.erase(place);
    }
}

std::string HttpAdmission::body(Verdict why) const {
    const auto words = [&](std::string_view what, std::string_view reason, std::size_t limit, const std::string& setting) {
        const std::string raise = setting.empty() ? "" : fmt::format(", or raise {}", setting);
        return fmt::format(R"({{"error":{{"code":"overloaded","limited":"{}","limit":{},"setting":"{}","retry_after_s":{},)"
                           R"("message":"{}; try again after {} s{}"}}}})",
                           what, limit, setting, kHttpRetryAfter, reason, kHttpRetryAfter, raise);
    };
    switch (why) {
        case Verdict::Memory:
            return words("memory", fmt::format("connections hold more than {} bytes of requests and answers under way", limits_.memory_max),
                         limits_.memory_max, limits_.memory_setting);
        case Verdict::Descriptors:
            return words("descriptors", "this process has no file descriptors left for another connection",
                         limits_.descriptors_max == SIZE_MAX ? 0 : limits_.descriptors_max,
                         "the limit of open files (ulimit -n, LimitNOFILE=)");
        case Verdict::Share:
            return words("share", fmt::format("nearly all of {} connections are open and this caller holds its share of them",
                                              limits_.connections_max),
                         share(), limits_.connections_setting);
        case Verdict::Connections:
        case Verdict::Admitted: break;
    }
    return words("connections", fmt::format("{} connections are open, which is the limit", limits_.connections_max),
                 limits_.connections_max, limits_.connections_setting);
}

std::string HttpAdmission::answer(Verdict why) const {
    const std::string text = body(why);
    return fmt::format("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: {}\r\n"
                       "Connection: close\r\nContent-Length: {}\r\n\r\n{}",
                       kHttpRetryAfter, text.size(), text);
}

}  // namespace resonant::net
