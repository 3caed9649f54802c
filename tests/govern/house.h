// A House is what the stages' tests share: a clock that stands still, a database, the limits table, the
// built-in policy, and calls to judge.
//
// Belongs to one thread.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "resonant/base/clock.h"
#include "resonant/base/fault.h"
#include "resonant/board/limits.h"
#include "resonant/govern/rules.h"
#include "resonant/sql/database.h"
#include "tests/support/scratch.h"

namespace resonant::govern {

class House : public ::testing::Test {
  protected:
    House() {
        disarm_faults();
        auto limits = board::LimitsTable::create(1);
        EXPECT_TRUE(limits.has_value());
        limits_ = std::move(*limits);
        rules_ = std::make_unique<Rules>(*limits_, clock_, [this](const ConsentQuestion& question) {
            return consent(question);
        });
        EXPECT_TRUE(write_default_policy(policy_folder()).has_value());
        const Status loaded = rules_->load(policy_folder());
        EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
    }
    ~House() override { disarm_faults(); }

    virtual Result<std::optional<std::string>> consent(const ConsentQuestion&) { return std::nullopt; }

    std::filesystem::path policy_folder() const { return scratch_.path() / "policy.d"; }

    void write_policy(const std::string& file, const std::string& text) const {
        std::ofstream(policy_folder() / file) << text;
    }

    static call::Contract contract(std::string name, call::Access access = call::Access::Read) {
        call::Contract made;
        made.name = std::move(name);
        made.access = access;
        made.role = call::Role::Observer;
        made.input_schema = {{"type", "object"}, {"properties", Json::object()}};
        return made;
    }

    call::Call call_of(const call::Contract& contract, Json arguments = Json::object(),
                       call::Role role = call::Role::Agent) const {
        call::Call call;
        call.contract = &contract;
        call.arguments = std::move(arguments);
        call.caller.principal = "uid:1000";
        call.caller.role = role;
        call.at = clock_.wall();
        return call;
    }

    test::Scratch scratch_;
    ManualClock clock_;
    std::unique_ptr<board::LimitsTable> limits_;
    std::unique_ptr<Rules> rules_;
};

inline std::string words(const std::optional<call::Denial>& denial) {
    return denial ? denial->code + " | " + denial->stage + " | " + denial->rule + " | " + denial->reason + " | " +
                        denial->way_out
                  : "passed";
}

}  // namespace resonant::govern
