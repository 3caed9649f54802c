// The AskedClient stands between a tool and the client that called it, and remembers whether a question to the
// client failed: it cannot be asked, is silent or went away. What comes of that is not the tool's doing.
//
// Threads: as call::Client; failed() any.
//
// Invariants:
//   (1) A question that is only postponed (InputRequired) has not failed.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "resonant/call/client.h"

namespace resonant::dispatch {

class AskedClient final : public call::Client {
  public:
    explicit AskedClient(std::shared_ptr<call::Client> inner) : inner_(std::move(inner)) {}

    bool can(std::string_view capability) const override { return inner_->can(capability); }
    Result<std::vector<Json>> ask(const std::vector<call::Question>& questions) override {
        Result<std::vector<Json>> answers = inner_->ask(questions);
        if (!answers && answers.error().code != Code::InputRequired) {
            failed_.store(true, std::memory_order_relaxed);
        }
        return answers;
    }
    void log(call::LogLevel level, std::string_view logger, const Json& data) override {
        inner_->log(level, logger, data);
    }
    void release(Nanos retry) override { inner_->release(retry); }

    bool failed() const { return failed_.load(std::memory_order_relaxed); }
    call::Client* inner() const { return inner_.get(); }

  private:
    std::shared_ptr<call::Client> inner_;
    std::atomic<bool> failed_{false};
};

}  // namespace resonant::dispatch
