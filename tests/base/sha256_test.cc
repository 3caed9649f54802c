#include "resonant/base/sha256.h"

#include <gtest/gtest.h>

namespace resonant {
namespace {

TEST(Sha256, gives_the_digits_of_fips_180_and_as_many_as_are_wanted) {
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex("abc", 8), "ba7816bf");
}

TEST(Sha256, under_a_key_it_is_the_second_example_of_rfc_4231) {
    EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?", 8), "5bdcc146");
}

}  // namespace
}  // namespace resonant
