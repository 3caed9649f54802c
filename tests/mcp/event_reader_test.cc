#include "resonant/mcp/event_reader.h"

#include <gtest/gtest.h>

#include <vector>

namespace resonant::mcp {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

Events read(const std::vector<std::string>& pieces, std::size_t most = 1'000) {
    Events events;
    EventReader reader(most, [&](const std::string& name, const std::string& data) { events.emplace_back(name, data); });
    for (const std::string& piece : pieces) {
        reader.feed(piece);
    }
    return events;
}

TEST(EventReader, events_are_the_same_however_the_stream_is_cut) {
    const std::string stream = "\xEF\xBB\xBF: hello\r\nevent: message\r\ndata: a\r\ndata: b\r\n\r\ndata:c\n\nid: 7\ndata: d\n\n";
    const Events whole = read({stream});
    EXPECT_EQ(whole, (Events{{"message", "a\nb"}, {"message", "c"}, {"message", "d"}}));
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        EXPECT_EQ(read({stream.substr(0, cut), stream.substr(cut)}), whole) << cut;
    }
}

TEST(EventReader, an_event_without_its_end_is_none) { EXPECT_TRUE(read({"data: x\n"}).empty()); }

TEST(EventReader, an_event_that_is_too_long_is_dropped_and_the_next_one_is_read) {
    EXPECT_EQ(read({"data: " + std::string(50, 'x') + "\n\ndata: y\n\n"}, 20), (Events{{"message", "y"}}));
}

TEST(EventReader, the_last_id_and_the_time_to_retry_are_kept) {
    EventReader reader(100, [](const std::string&, const std::string&) {});
    reader.feed("id: 5\nretry: 250\ndata:\n\nretry: soon\n\n");
    EXPECT_EQ(reader.last_id(), "5");
    EXPECT_EQ(reader.retry(), from_millis(250));
}

}  // namespace
}  // namespace resonant::mcp
