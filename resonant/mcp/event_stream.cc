#include "resonant/mcp/event_stream.h"

#include <fmt/core.h>

#include <charconv>

namespace resonant::mcp {

std::string EventStream::event(std::uint64_t number, std::string_view message) const {
    return name_.empty() ? fmt::format("data: {}\n\n", message)
                         : fmt::format("id: {}:{}\ndata: {}\n\n", name_, number, message);
}

net::HttpResponse EventStream::attach(std::optional<std::uint64_t> seen) {
    if (reader_) {
        reader_->end();
    }
    reader_ = std::make_shared<net::HttpStream>();
    reader_->probe = ":\n\n";
    net::HttpResponse response;
    response.content_type = "text/event-stream";
    response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
    response.stream = reader_;
    for (const auto& [number, message] : kept_) {
        if (number > seen.value_or(given_)) {
            reader_->write(event(number, message));
        }
    }
    given_ = last_;
    if (finished_) {
        reader_->end();
    }
    return response;
}

void EventStream::prime() {
    if (reader_ && !name_.empty()) {
        reader_->write(event(last_, ""));
    }
}

void EventStream::send(std::string_view message) {
    if (finished_) {
        return;
    }
    ++last_;
    if (!name_.empty()) {
        kept_.emplace_back(last_, message);
        kept_bytes_ += message.size();
        budget_->bytes += message.size();
        while (kept_.size() > kEventsKept ||
               ((kept_bytes_ > kEventBytesKept || budget_->bytes > budget_->bytes_max) && kept_.size() > 1)) {
            kept_bytes_ -= kept_.front().second.size();
            budget_->bytes -= kept_.front().second.size();
            kept_.pop_front();
        }
    }
    if (read_by_somebody()) {
        given_ = last_;
        reader_->write(event(last_, message));
    }
}

void EventStream::comment() {
    if (reader_) {
        reader_->write(": still here\n\n");
    }
}

void EventStream::finish() {
    finished_ = true;
    if (reader_) {
        reader_->end();
    }
}

void EventStream::release(Nanos retry) {
    if (!reader_ || name_.empty()) {
        return;
    }
    reader_->write(fmt::format("retry: {}\n\n", retry.count / 1'000'000));
    reader_->end();
    reader_.reset();
}

std::optional<std::pair<std::string, std::uint64_t>> EventStream::parse_id(std::string_view id) {
    const std::size_t colon = id.rfind(':');
    std::uint64_t number = 0;
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(id.data() + colon + 1, id.data() + id.size(), number);
    if (error != std::errc() || end != id.data() + id.size()) {
        return std::nullopt;
    }
    return std::pair(std::string(id.substr(0, colon)), number);
}

}  // namespace resonant::mcp
