#include "resonant/embed/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/scratch.h"

namespace resonant::embed {
namespace {

using testing::HasSubstr;

class WeightsFile : public testing::Test {
  protected:
    // Writes a safetensors file of this header and this many bytes of data after it.
    Result<Weights> open(const std::string& header, std::size_t data_bytes) {
        const std::uint64_t length = header.size();
        std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
        return open_bytes(bytes + header + std::string(data_bytes, '\0'));
    }
    Result<Weights> open_bytes(const std::string& bytes) {
        std::ofstream(path_, std::ios::binary) << bytes;
        return Weights::open(path_);
    }
    void expect_damaged(const Result<Weights>& opened, const std::string& words) {
        ASSERT_FALSE(opened.has_value());
        EXPECT_EQ(opened.error().code, Code::DataLoss);
        EXPECT_THAT(opened.error().message, HasSubstr(words));
        EXPECT_THAT(opened.error().message, HasSubstr(path_.string()));
    }

    test::Scratch folder_;
    std::filesystem::path path_ = folder_.path() / "model.safetensors";
};

// Eight characters are padded so that the data begins at a multiple of four.
const std::string kOneArray = R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}   )";

TEST_F(WeightsFile, gives_arrays_by_name_and_shape) {
    const auto weights = open(kOneArray, 24);
    ASSERT_TRUE(weights.has_value()) << weights.error().message;
    const std::array<std::size_t, 2> shape{2, 3};
    const auto array = weights->array("a", shape);
    ASSERT_TRUE(array.has_value()) << array.error().message;
    EXPECT_EQ(array->size(), 6U);
}

TEST_F(WeightsFile, refuses_an_array_of_another_shape_type_or_name) {
    const auto weights = open(kOneArray, 24);
    ASSERT_TRUE(weights.has_value());
    const std::array<std::size_t, 2> other{3, 2};
    EXPECT_THAT(weights->array("a", other).error().message, HasSubstr("[3, 2]"));
    EXPECT_THAT(weights->array("b", other).error().message, HasSubstr("no array b"));
    const auto integers =
        open(R"({"a":{"dtype":"I64","shape":[3],"data_offsets":[0,24]}} )", 24);
    ASSERT_TRUE(integers.has_value());
    const std::array<std::size_t, 1> shape{3};
    EXPECT_EQ(integers->array("a", shape).error().code, Code::DataLoss);
}

TEST_F(WeightsFile, is_not_found_when_absent) {
    EXPECT_EQ(Weights::open(folder_.path() / "nothing").error().code, Code::NotFound);
}

TEST_F(WeightsFile, of_a_few_bytes_is_damaged) {
    expect_damaged(open_bytes(""), "it has 0 bytes");
    expect_damaged(open_bytes("1234567"), "it has 7 bytes");
}

TEST_F(WeightsFile, whose_header_claims_more_than_the_file_is_damaged) {
    expect_damaged(open_bytes(std::string(8, '\xff') + "{}"), "claims a header of");
    expect_damaged(open_bytes(std::string("\x0a\0\0\0\0\0\0\0", 8) + "{}"), "header of 10 bytes");
}

TEST_F(WeightsFile, cut_short_anywhere_in_its_data_is_damaged) {
    expect_damaged(open(kOneArray, 23), "lies at bytes 0 to 24, the data has 23");
    expect_damaged(open(kOneArray, 0), "the data has 0");
}

TEST_F(WeightsFile, with_bytes_that_belong_to_no_array_is_damaged) {
    expect_damaged(open(kOneArray, 25), "take 24 bytes, the file has 25");
}

TEST_F(WeightsFile, whose_header_is_no_json_or_misses_parts_is_damaged) {
    expect_damaged(open("not json", 0), "not a JSON object");
    expect_damaged(open("[1,2]", 0), "not a JSON object");
    expect_damaged(open(R"({"a":{"dtype":"F32","shape":[6]}})", 24), "array a lacks");
    expect_damaged(open(R"({"a":{"dtype":"F32","shape":[-6],"data_offsets":[0,24]}})", 24),
                   "array a lacks");
    expect_damaged(open(R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[24,0]}})", 24),
                   "lies at bytes 24 to 0");
}

}  // namespace
}  // namespace resonant::embed
