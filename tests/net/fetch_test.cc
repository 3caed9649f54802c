#include "resonant/net/fetch.h"

#include <gtest/gtest.h>

namespace resonant::net {
namespace {

TEST(FetchTest, an_address_that_means_another_host_than_it_shows_is_refused_before_anything_is_sent) {
    for (const char* url : {"http://127.0.0.1:80@elsewhere.example/token", "http://localhost@elsewhere.example/",
                            "http://[::1]:99999/", "http://[::1/", "ftp://127.0.0.1/", "http:///token", "http://a b/"}) {
        const auto fetched = fetch(url, {});
        ASSERT_FALSE(fetched) << url;
        EXPECT_EQ(fetched.error().code, Code::InvalidArgument) << url << ": " << fetched.error().message;
        const auto posted = post_form(url, "a=b", "Basic secret", {});
        ASSERT_FALSE(posted) << url;
        EXPECT_EQ(posted.error().code, Code::InvalidArgument) << url << ": " << posted.error().message;
    }
}

}  // namespace
}  // namespace resonant::net
