#include "resonant/net/media_type.h"

#include <gtest/gtest.h>

namespace resonant::net {
namespace {

TEST(MediaType, reads_name_and_charset_in_any_case) {
    EXPECT_EQ(media_type("Application/JSON; Charset=\"UTF-8\"").name, "application/json");
    EXPECT_EQ(media_type("application/json ;charset=utf-8; x=y").charset, "utf-8");
    EXPECT_EQ(media_type("application/jsonx").name, "application/jsonx");
    EXPECT_EQ(media_type("").name, "");
    EXPECT_EQ(media_type(";;;=;charset").charset, "");
}

TEST(MediaType, the_most_exact_range_decides) {
    EXPECT_TRUE(accepts("text/html, application/json;q=0.1", "application/json"));
    EXPECT_TRUE(accepts("*/*", "application/json"));
    EXPECT_TRUE(accepts("application/*;q=0.5", "application/json"));
    EXPECT_FALSE(accepts("application/json;q=0, */*", "application/json")) << "forbidden by name";
    EXPECT_TRUE(accepts("*/*;q=0, application/json", "application/json"));
    EXPECT_FALSE(accepts("text/html", "application/json"));
    EXPECT_FALSE(accepts("", "application/json"));
    EXPECT_FALSE(accepts("application/jsonx, app/*, ,;", "application/json"));
}

}  // namespace
}  // namespace resonant::net
