#include "tests/support/explorer.h"

namespace resonant::test {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;

bool acquires(std::memory_order order) {
    return order != std::memory_order_relaxed && order != std::memory_order_release;
}
bool releases(std::memory_order order) {
    return order == std::memory_order_release || order == std::memory_order_acq_rel ||
           order == std::memory_order_seq_cst;
}
void join(Explorer::View& view, const Explorer::View& other) {
    for (std::size_t i = 0; i < view.size(); ++i) {
        view[i] = std::max(view[i], other[i]);
    }
}

}  // namespace

std::size_t Explorer::choose(std::size_t options) {
    if (next_choice_ == choices_.size()) {
        choices_.emplace_back(0, options);
    }
    EXPECT_EQ(choices_[next_choice_].second, options) << "the explored code is not deterministic";
    return choices_[next_choice_++].first;
}

// Before each operation: back to the scheduler, which decides who goes next.
void Explorer::step() {
    Fibre& fibre = *running_;
    ++fibre.steps;
    ::swapcontext(&fibre.context, &scheduler_);
}

void Explorer::note(std::uint64_t value) {
    running_->history = (running_->history ^ value) * 0x9E3779B97F4A7C15 + 1;
    running_->history ^= running_->history >> 29;
}

int Explorer::add_location(std::uint64_t value) {
    self->locations_.push_back({{value, View{}}});
    EXPECT_LE(self->locations_.size(), View{}.size());
    return static_cast<int>(self->locations_.size()) - 1;
}

std::uint64_t Explorer::load(int location, std::memory_order order) {
    std::vector<Stored>& stored = self->locations_[static_cast<std::size_t>(location)];
    if (self->running_ == nullptr) {
        return stored.back().value;
    }
    self->step();
    View& view = self->running_->view;
    std::uint8_t& known = view[static_cast<std::size_t>(location)];
    // The newest first: the likely value on the first way down.
    const std::size_t at = stored.size() - 1 - self->choose(stored.size() - known);
    known = static_cast<std::uint8_t>(at);
    if (acquires(order)) {
        join(view, stored[at].view);
    }
    self->note(stored[at].value);
    return stored[at].value;
}

void Explorer::store(int location, std::uint64_t value, std::memory_order order) {
    std::vector<Stored>& stored = self->locations_[static_cast<std::size_t>(location)];
    if (self->running_ == nullptr) {
        stored.back() = {value, View{}};
        return;
    }
    self->step();
    View& view = self->running_->view;
    view[static_cast<std::size_t>(location)] = static_cast<std::uint8_t>(stored.size());
    View told{};
    told[static_cast<std::size_t>(location)] = static_cast<std::uint8_t>(stored.size());
    stored.push_back({value, releases(order) ? view : told});
    self->note(value);
}

bool Explorer::compare_exchange(int location, std::uint64_t& expected, std::uint64_t desired) {
    std::vector<Stored>& stored = self->locations_[static_cast<std::size_t>(location)];
    if (self->running_ != nullptr) {
        self->step();
        View& view = self->running_->view;
        view[static_cast<std::size_t>(location)] = static_cast<std::uint8_t>(stored.size() - 1);
        join(view, stored.back().view);
        self->note(stored.back().value);
    }
    if (stored.back().value != expected) {
        expected = stored.back().value;
        return false;
    }
    View view{};
    if (self->running_ != nullptr) {
        view = self->running_->view;
        view[static_cast<std::size_t>(location)] = static_cast<std::uint8_t>(stored.size());
        self->running_->view = view;
    }
    stored.push_back({desired, view});
    return true;
}

std::uint64_t Explorer::exchange(int location, std::uint64_t value) {
    std::uint64_t before = self->locations_[static_cast<std::size_t>(location)].back().value;
    for (bool done = false; !done;) {
        done = compare_exchange(location, before, value);
    }
    return before;
}

void Explorer::barrier() {
    self->step();
    for (Fibre& fibre : self->fibres_) {
        for (std::size_t i = 0; i < self->locations_.size(); ++i) {
            fibre.view[i] = static_cast<std::uint8_t>(self->locations_[i].size() - 1);
        }
    }
    self->note(1);
}

void Explorer::sleep_while(int location, std::uint64_t value) {
    self->running_->sleeps_on = location;
    self->running_->sleeps_while = value;
    self->step();
    self->running_->sleeps_on = -1;
    self->note(2);
}

bool Explorer::asleep(std::size_t thread) {
    const Fibre& fibre = self->fibres_.at(thread);
    return !fibre.over && !fibre.dead && !self->can_go(fibre);
}

bool Explorer::can_go(const Fibre& fibre) const {
    return !fibre.over && !fibre.dead &&
           (fibre.sleeps_on < 0 ||
            locations_[static_cast<std::size_t>(fibre.sleeps_on)].back().value != fibre.sleeps_while);
}

std::string Explorer::state() const {
    std::string bytes;
    const auto put = [&bytes](const auto& value) {
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    for (const Fibre& fibre : fibres_) {
        put(fibre.history);
        put(fibre.view);
        put(fibre.over);
        put(fibre.dead);
        put(fibre.steps);
    }
    for (const std::vector<Stored>& stored : locations_) {
        put(stored.size());
        for (const Stored& one : stored) {
            put(one.value);
            put(one.view);
        }
    }
    return bytes;
}

void Explorer::enter() {
    Fibre& fibre = *self->running_;
    fibre.thread.body();
    fibre.over = true;
    ::swapcontext(&fibre.context, &self->scheduler_);
}

// One run along the choices. False when it ended in a state that was met before.
bool Explorer::run() {
    for (;;) {
        if (next_choice_ >= choices_.size() && !seen_.insert(state()).second) {
            return false;
        }
        std::vector<std::pair<Fibre*, bool>> options;  // who, and whether it dies
        for (Fibre& fibre : fibres_) {
            if (can_go(fibre)) {
                options.emplace_back(&fibre, false);
                if (fibre.thread.may_die && fibre.steps > 0) {
                    options.emplace_back(&fibre, true);
                }
            }
        }
        if (options.empty()) {
            return true;
        }
        const auto [fibre, dies] = options[choose(options.size())];
        if (dies) {
            fibre->dead = true;
            continue;
        }
        if (fibre->steps > steps_max_) {
            cut_ = true;
            return true;
        }
        running_ = fibre;
        ::swapcontext(&scheduler_, &fibre->context);
        running_ = nullptr;
    }
}

Explorer::Counts Explorer::explore(const std::function<std::vector<Thread>()>& setup,
                                   const std::function<void()>& check, int steps_max,
                                   std::uint64_t runs_max) {
    Explorer explorer;
    self = &explorer;
    explorer.steps_max_ = steps_max;
    Counts counts;
    for (;;) {
        explorer.locations_.clear();
        explorer.next_choice_ = 0;
        explorer.cut_ = false;
        std::vector<Thread> threads = setup();
        std::vector<Fibre> fibres(threads.size());
        for (std::size_t i = 0; i < threads.size(); ++i) {
            fibres[i].thread = std::move(threads[i]);
            fibres[i].stack = i < explorer.fibres_.size() ? std::move(explorer.fibres_[i].stack)
                                                          : std::make_unique<char[]>(kStackBytes);
        }
        explorer.fibres_ = std::move(fibres);
        for (Fibre& fibre : explorer.fibres_) {
            ::getcontext(&fibre.context);
            fibre.context.uc_stack = {fibre.stack.get(), 0, kStackBytes};
            ::makecontext(&fibre.context, &Explorer::enter, 0);
        }
        const bool ended = explorer.run();
        ++counts.runs;
        counts.cut += explorer.cut_;
        if (ended && !explorer.cut_) {
            check();
        }
        while (!explorer.choices_.empty() &&
               explorer.choices_.back().first + 1 == explorer.choices_.back().second) {
            explorer.choices_.pop_back();
        }
        if (explorer.choices_.empty() || ::testing::Test::HasFailure()) {
            break;
        }
        ++explorer.choices_.back().first;
        if (counts.runs == runs_max) {
            ADD_FAILURE() << "not explored to the end within " << runs_max << " runs";
            break;
        }
    }
    counts.states = explorer.seen_.size();
    self = nullptr;
    return counts;
}

}  // namespace resonant::test
