#include "resonant/ipc/batch.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <future>

#include "resonant/ipc/root.h"
#include "tests/support/scratch.h"

namespace resonant::ipc {
namespace {

class Batches : public ::testing::Test {
  protected:
    Batches() {
        auto joined = std::async(std::launch::async, [this] { return join(Kind::Sealed, root_->place()); });
        while (joined.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
            static_cast<void>(owner_->answer([](std::string_view) { return std::string(); }));
        }
        guest_ = std::move(*joined.get());
        subscriber_ = std::move(*guest_->subscribe("batches"));
    }
    std::string file_of(const std::string& text) {
        const auto path = scratch_ / "batch.arrow";
        std::ofstream(path, std::ios::binary) << text;
        return path.string();
    }
    Result<Batch> received() { return Batch::of(**subscriber_->receive()); }
    static std::string words(const Batch& batch) {
        return {reinterpret_cast<const char*>(batch.bytes().data()), batch.bytes().size()};
    }

    test::Scratch scratch_;
    std::unique_ptr<Root> root_ = std::move(*Root::create(scratch_ / "c", 1));
    std::unique_ptr<Owner> owner_ =
        std::move(*own(Kind::Sealed, root_->place(), {.topics = {{.name = "batches", .sample_max = kibibytes(8)}}}));
    std::unique_ptr<Guest> guest_;
    std::unique_ptr<Subscriber> subscriber_;
};

TEST_F(Batches, come_as_the_bytes_they_are) {
    const std::string text(5000, 'b');
    ASSERT_TRUE(publish_batch(*owner_, 0, std::as_bytes(std::span(text))).has_value());
    EXPECT_EQ(words(*received()), text);
}

TEST_F(Batches, come_by_reference_and_are_mapped_not_copied) {
    const std::string text = std::string(10'000, '.') + "the batch" + std::string(100, '.');
    ASSERT_TRUE(publish_file(*owner_, 0, {file_of(text), 10'000, 9}).has_value());
    EXPECT_EQ(words(*received()), "the batch");
}

TEST_F(Batches, whose_reference_lies_about_the_file_are_refused) {
    const std::string path = file_of("short");
    for (const FileReference& lie : {FileReference{path, 0, 6}, FileReference{path, ~std::uint64_t{0}, 2},
                                     FileReference{path, 6, ~std::uint64_t{0}}, FileReference{path, 0, 0},
                                     FileReference{scratch_.path().string(), 0, 1}}) {
        ASSERT_TRUE(publish_file(*owner_, 0, lie).has_value());
        EXPECT_EQ(received().error().code, Code::DataLoss);
    }
    ASSERT_TRUE(publish_file(*owner_, 0, {path + ".absent", 0, 1}).has_value());
    EXPECT_EQ(received().error().code, Code::NotFound);
    EXPECT_EQ(publish_file(*owner_, 0, {"relative", 0, 1}).error().code, Code::InvalidArgument);
}

TEST_F(Batches, with_a_damaged_reference_are_refused) {
    const auto loan = owner_->loan(0, 3);
    ASSERT_TRUE(loan.has_value());
    ASSERT_TRUE(owner_->send(0, Body::FileReference).has_value());
    EXPECT_EQ(received().error().code, Code::DataLoss);
}

}  // namespace
}  // namespace resonant::ipc
