#include "resonant/govern/ledger.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "resonant/govern/ledger_chain.h"
#include "resonant/govern/ledger_reads.h"
#include "resonant/sql/page_files.h"
#include "tests/govern/house.h"

namespace resonant::govern {
namespace {

using ::testing::HasSubstr;

class LedgerTest : public ::testing::Test {
  protected:
    LedgerTest() {
        disarm_faults();
        open();
        write_.name = "memory.add";
        write_.access = call::Access::Write;
        read_.name = "memory.read";
        read_.access = call::Access::Read;
    }
    ~LedgerTest() override { disarm_faults(); }

    std::filesystem::path file() const { return scratch_.path() / "resonant.db"; }

    void open(std::uint64_t tail = kLedgerTail) {
        ledger_.reset();
        database_.reset();
        database_ = std::move(*sql::Database::open(file(), {}));
        ASSERT_TRUE(database_->write([](sql::Connection& c) { return c.run("CREATE TABLE IF NOT EXISTS t(x)"); }));
        auto ledger = Ledger::open(*database_, clock_, tail);
        ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
        ledger_ = std::move(*ledger);
    }

    // Changes the file behind the ledger's back, as a tamperer would.
    void tamper(const std::string& script) const {
        sqlite3* raw = nullptr;
        // One who knows of the pages' checksums, too.
        ASSERT_EQ(sqlite3_open_v2(file().c_str(), &raw, SQLITE_OPEN_READWRITE, sql::page_files()), SQLITE_OK);
        char* error = nullptr;
        EXPECT_EQ(sqlite3_exec(raw, ("PRAGMA synchronous=OFF;" + script).c_str(), nullptr, nullptr, &error), SQLITE_OK) << error << script;
        sqlite3_close(raw);
    }

    call::Call call_of(const call::Contract& contract, Json arguments = {{"content", "words"}}) {
        call::Call call;
        call.contract = &contract;
        call.arguments = std::move(arguments);
        call.caller.principal = "uid:1000";
        call.session = "s1";
        call.at = clock_.wall();
        return call;
    }

    // One intent with its outcome.
    EffectCheck act(call::Effects effects = {.rows_inserted = 1}) {
        call::Call call = call_of(write_);
        const auto intent = ledger_->intent(call);
        EXPECT_TRUE(intent.has_value()) << intent.error().message;
        call.effects = effects;
        const auto check = ledger_->outcome(intent.value_or(0), call, {.ok = true, .code = "", .ring_position = 7, .duration = from_millis(3)});
        EXPECT_TRUE(check.has_value());
        return check.value_or(EffectCheck{});
    }

    void deny() {
        EXPECT_TRUE(ledger_->denied(call_of(write_), {.code = "blocked", .stage = "rules", .rule = "r", .reason = "no", .way_out = "", .retry_after_s = {}},
                                    std::vector<Passage>{{"governor", true, "caution"}, {"rules", false, "no"}}));
    }

    std::uint64_t entries() { return ledger_->verify().entries; }

    test::Scratch scratch_;
    ManualClock clock_;
    call::Contract write_, read_;
    std::unique_ptr<sql::Database> database_;
    std::unique_ptr<Ledger> ledger_;
};

TEST_F(LedgerTest, an_act_leaves_an_intent_and_an_outcome_in_one_chain) {
    act();
    deny();
    const Verification whole = ledger_->verify();
    EXPECT_TRUE(whole.ok) << whole.why;
    EXPECT_EQ(whole.entries, 3U);
    EXPECT_EQ(whole.head_seq, 3U);
    EXPECT_EQ(whole.head_hash.size(), 64U);
    EXPECT_TRUE(ledger_->verified());
}

TEST_F(LedgerTest, goes_on_where_it_ended_after_a_restart) {
    act();
    const auto before = ledger_->head();
    open();
    EXPECT_EQ(ledger_->head()->hash, before->hash);
    act();
    EXPECT_EQ(entries(), 4U);
    EXPECT_TRUE(ledger_->verify().ok);
    open();
    EXPECT_TRUE(ledger_->verified());
}

TEST_F(LedgerTest, an_entry_in_a_transaction_that_rolls_back_leaves_no_gap) {
    act();
    const auto before = ledger_->head();
    const Status rolled_back = database_->write([&](sql::Connection& connection) -> Status {
        EXPECT_TRUE(ledger_->intent(call_of(write_)).has_value());
        EXPECT_TRUE(connection.run("INSERT INTO t VALUES (1)").has_value());
        return fail(Code::Internal, "changed my mind");
    });
    EXPECT_FALSE(rolled_back.has_value());
    EXPECT_EQ(ledger_->head()->hash, before->hash);
    act();
    EXPECT_TRUE(ledger_->verify().ok);
    EXPECT_EQ(entries(), 4U);
}

TEST_F(LedgerTest, rows_and_entries_commit_together) {
    ASSERT_TRUE(database_->write([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(const std::uint64_t intent, ledger_->intent(call_of(write_)));
        RESONANT_CHECK(connection.run("INSERT INTO t VALUES (1)"));
        RESONANT_ASSIGN(const EffectCheck check, ledger_->outcome(intent, call_of(write_), {}));
        EXPECT_FALSE(check.mismatch);
        return {};
    }));
    EXPECT_TRUE(ledger_->verify().ok);
    EXPECT_EQ(entries(), 2U);
}

TEST_F(LedgerTest, many_threads_make_one_chain) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([this] {
            for (int i = 0; i < 25; ++i) {
                act();
                ledger_->note_read(call_of(read_), true, {});
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    ASSERT_TRUE(ledger_->flush_reads());
    const Verification whole = ledger_->verify();
    EXPECT_TRUE(whole.ok) << whole.why;
    EXPECT_EQ(whole.entries, 201U);
}

// Effects.

TEST_F(LedgerTest, a_write_that_deletes_is_a_mismatch_and_a_debt) {
    EXPECT_FALSE(act().mismatch);
    const EffectCheck check = act({.rows_inserted = 1, .rows_deleted = 2});
    EXPECT_TRUE(check.mismatch);
    EXPECT_EQ(check.reason, "declared write, deleted 2 rows");
    const Json report = *ledger_->report("", 10);
    EXPECT_EQ(report["agents"][0]["mismatches"], 1);
    EXPECT_DOUBLE_EQ(report["agents"][0]["debt"].get<double>(), 0.5);
}

TEST_F(LedgerTest, a_read_that_writes_is_a_mismatch_and_stays_on_record) {
    call::Call call = call_of(read_);
    call.effects.refused_write = true;
    const EffectCheck check = ledger_->note_read(call, true, {});
    EXPECT_TRUE(check.mismatch);
    EXPECT_DOUBLE_EQ(check.debt, 1);
    ASSERT_TRUE(ledger_->flush_reads());
    const Json traced = *ledger_->trace({.agent = "uid:1000", .tool = "memory.read"});
    EXPECT_THAT(traced.dump(), HasSubstr("declared read, tried to write"));
    EXPECT_DOUBLE_EQ((*ledger_->report("uid:1000", 1))["agents"][0]["debt"].get<double>(), 1);
    EXPECT_TRUE(ledger_->verify().ok);
}

TEST(EffectCheckTest, compares_what_was_declared_with_what_was_seen) {
    EXPECT_FALSE(check_effects(call::Access::Read, {}).mismatch);
    EXPECT_TRUE(check_effects(call::Access::Read, {.rows_updated = 1}).mismatch);
    EXPECT_FALSE(check_effects(call::Access::Write, {.rows_inserted = 3, .rows_updated = 1}).mismatch);
    EXPECT_TRUE(check_effects(call::Access::Write, {.rows_deleted = 1}).mismatch);
    EXPECT_FALSE(check_effects(call::Access::Delete, {.rows_deleted = 1}).mismatch);
}

// Damage.

// Every byte of every column of every entry, flipped one at a time.
TEST_F(LedgerTest, one_flipped_byte_anywhere_is_found) {
    act();
    deny();
    ledger_->note_read(call_of(read_), true, {});
    ASSERT_TRUE(ledger_->flush_reads());
    ASSERT_TRUE(ledger_->verify().ok);
    const char* columns[] = {"at_ns", "kind", "intent", "principal", "role", "session", "tool", "access", "arguments_hash",
                             "decision", "stage", "rule", "reason", "stages", "effects", "mismatch", "ring_position",
                             "duration_ns", "prev_hash", "hash"};
    int flipped = 0;
    for (int seq = 1; seq <= 4; ++seq) {
        for (const char* column : columns) {
            std::vector<std::string> changes;
            ASSERT_TRUE(database_->read([&](sql::Connection& connection) -> Status {
                RESONANT_ASSIGN(sql::Statement row, connection.prepare(fmt::format(
                    "SELECT typeof({0}), CAST({0} AS BLOB), {0} FROM ledger WHERE seq={1}", column, seq)));
                RESONANT_ASSIGN(const bool found, row.step());
                EXPECT_TRUE(found);
                if (row.text(0) == "integer") {
                    for (int bit = 0; bit < 64; bit += 8) {
                        changes.push_back(std::to_string(static_cast<std::int64_t>(static_cast<std::uint64_t>(row.integer(2)) ^ (1ULL << bit))));
                    }
                } else if (row.text(0) != "null") {
                    const auto bytes = row.blob(1);
                    for (std::size_t i = 0; i < bytes.size(); ++i) {
                        std::string literal;
                        for (std::size_t j = 0; j < bytes.size(); ++j) {
                            literal += fmt::format("{:02x}", std::to_integer<int>(bytes[j]) ^ (i == j ? 1 : 0));
                        }
                        changes.push_back(row.text(0) == "blob" ? "x'" + literal + "'" : "CAST(x'" + literal + "' AS TEXT)");
                    }
                }
                return {};
            }));
            for (const std::string& change : changes) {
                tamper(fmt::format("CREATE TABLE saved AS SELECT * FROM ledger WHERE seq={1}; UPDATE ledger SET {0}={2} WHERE seq={1}",
                                   column, seq, change));
                const Verification broken = ledger_->verify();
                EXPECT_FALSE(broken.ok) << column << " of " << seq << " = " << change;
                EXPECT_NEAR(static_cast<double>(broken.first_break), seq, 1) << column;
                tamper(fmt::format("UPDATE ledger SET {0}=(SELECT {0} FROM saved) WHERE seq={1}; DROP TABLE saved", column, seq));
                ++flipped;
            }
        }
    }
    EXPECT_GT(flipped, 1000);
    EXPECT_TRUE(ledger_->verify().ok) << "and put back it is whole again";
}

TEST_F(LedgerTest, a_number_in_place_of_a_word_is_found) {
    act();
    tamper("UPDATE ledger SET intent=NULL WHERE seq=2");
    EXPECT_FALSE(ledger_->verify().ok);
}

TEST_F(LedgerTest, a_missing_entry_is_found_by_its_place) {
    act();
    act();
    tamper("DELETE FROM ledger WHERE seq=2");
    const Verification broken = ledger_->verify();
    EXPECT_FALSE(broken.ok);
    EXPECT_EQ(broken.first_break, 3U);
    EXPECT_THAT(broken.why, HasSubstr("entries 2 to 2 are missing"));
}

TEST_F(LedgerTest, a_cut_tail_is_found_by_the_head_file) {
    act();
    act();
    tamper("DELETE FROM ledger WHERE seq>2");
    const Verification broken = ledger_->verify();
    EXPECT_FALSE(broken.ok);
    EXPECT_THAT(broken.why, HasSubstr("ledger.head names entry 4, the ledger ends at 2"));
    open();
    EXPECT_FALSE(ledger_->verified()) << "also at start";
}

TEST_F(LedgerTest, a_missing_or_unreadable_head_file_is_a_break) {
    act();
    std::filesystem::remove(scratch_ / "ledger.head");
    open();
    EXPECT_THAT(ledger_->verify().why, HasSubstr("missing"));
    ASSERT_TRUE(ledger_->acknowledge("owner", "restored from a backup"));
    EXPECT_TRUE(ledger_->verified());
    std::filesystem::resize_file(scratch_ / "ledger.head", 10);
    EXPECT_THAT(ledger_->verify().why, HasSubstr("cannot be read"));
}

TEST_F(LedgerTest, a_rewritten_batch_of_reads_is_found_and_an_expired_one_is_not_a_break) {
    ledger_->note_read(call_of(read_), true, {});
    ASSERT_TRUE(ledger_->flush_reads());
    tamper("CREATE TABLE saved AS SELECT * FROM ledger_reads; UPDATE ledger_reads SET rows=CAST(replace(rows, 'uid', 'uie') AS BLOB)");
    EXPECT_THAT(ledger_->verify().why, HasSubstr("its reads are not those"));
    tamper("DELETE FROM ledger_reads");
    EXPECT_TRUE(ledger_->verify().ok);
}

TEST_F(LedgerTest, a_broken_chain_refuses_intents_until_the_owner_takes_note_and_loses_nothing) {
    act();
    act();
    tamper("UPDATE ledger SET principal='somebody' WHERE seq=2");
    open();
    const auto refused = ledger_->intent(call_of(write_));
    ASSERT_FALSE(refused.has_value());
    const call::Denial denial = Ledger::denial_of(refused.error());
    EXPECT_EQ(denial.code, "ledger_broken");
    EXPECT_EQ(denial.stage, "ledger");
    EXPECT_THAT(denial.reason, HasSubstr("entry 2"));
    EXPECT_THAT(denial.way_out, HasSubstr("acknowledge"));
    ledger_->note_read(call_of(read_), true, {});
    EXPECT_TRUE(ledger_->flush_reads().has_value()) << "reads stay live";
    deny();
    ASSERT_TRUE(ledger_->acknowledge("owner", "seen"));
    act();
    const Verification verification = ledger_->verify();
    EXPECT_TRUE(verification.ok) << verification.why;
    EXPECT_EQ(verification.acknowledged, 1U) << "it stays visible";
    open();
    EXPECT_TRUE(ledger_->verified());
    tamper("UPDATE ledger SET principal='somebody else' WHERE seq=2");
    EXPECT_FALSE(ledger_->verify().ok) << "taking note covers what was found then, not what is changed later";
}

TEST_F(LedgerTest, there_is_nothing_to_acknowledge_in_a_whole_ledger) {
    act();
    EXPECT_EQ(ledger_->acknowledge("owner", "why not").error().code, Code::Conflict);
}

// Bad days.

TEST_F(LedgerTest, intents_without_an_outcome_are_closed_at_the_next_start) {
    ASSERT_TRUE(ledger_->intent(call_of(write_)).has_value());
    act();
    open();
    const Json traced = *ledger_->trace({.agent = "uid:1000"});
    const Json& oldest = traced["entries"].back();
    EXPECT_EQ(oldest["kind"], "intent");
    EXPECT_EQ(oldest["outcome"]["decision"], "unknown");
    EXPECT_EQ(oldest["outcome"]["reason"], "unknown: the kernel stopped");
    EXPECT_TRUE(ledger_->verify().ok);
    const std::uint64_t before = entries();
    open();
    EXPECT_EQ(entries(), before) << "once";
}

TEST_F(LedgerTest, a_long_ledger_opens_by_its_tail_and_a_break_further_back_is_found_in_the_background) {
    for (int i = 0; i < 20; ++i) {
        act();
    }
    tamper("UPDATE ledger SET principal='somebody' WHERE seq=3");
    open(4);
    EXPECT_TRUE(ledger_->verified()) << "so far";
    EXPECT_EQ(ledger_->unchecked(), 40U);
    act();
    EXPECT_EQ(ledger_->check_some(30), 10U);
    EXPECT_EQ(ledger_->unchecked(), 10U);
    act();
    EXPECT_EQ(ledger_->check_some(30), 0U);
    EXPECT_FALSE(ledger_->verified());
    EXPECT_THAT(ledger_->intent(call_of(write_)).error().message, HasSubstr("entry 3"));
    EXPECT_EQ(ledger_->check_some(30), 0U) << "once";
    ASSERT_TRUE(ledger_->acknowledge("owner", "seen"));
    open(4);
    EXPECT_EQ(ledger_->check_some(1'000), 0U);
    EXPECT_TRUE(ledger_->verified()) << "the owner took note";
}

TEST_F(LedgerTest, a_break_in_the_tail_of_a_long_ledger_is_known_before_the_first_intent) {
    for (int i = 0; i < 20; ++i) {
        act();
    }
    for (const char* script : {"UPDATE ledger SET principal='somebody' WHERE seq=38", "DELETE FROM ledger WHERE seq=36",
                               "DELETE FROM ledger WHERE seq=40"}) {
        tamper(std::string("DROP TABLE IF EXISTS saved; CREATE TABLE saved AS SELECT * FROM ledger;") + script);
        open(4);
        EXPECT_FALSE(ledger_->verified()) << script;
        EXPECT_EQ(ledger_->unchecked(), 0U) << "all of it was looked at";
        EXPECT_FALSE(ledger_->intent(call_of(write_)).has_value()) << script;
        tamper("DELETE FROM ledger; INSERT INTO ledger SELECT * FROM saved");
    }
    open(4);
    EXPECT_TRUE(ledger_->verified());
}

TEST_F(LedgerTest, older_entries_that_cannot_be_read_refuse_intents_until_they_were_read) {
    for (int i = 0; i < 20; ++i) {
        act();
    }
    open(4);
    tamper("ALTER TABLE ledger RENAME TO elsewhere");
    EXPECT_FALSE(ledger_->check_some(1'000).has_value());
    EXPECT_FALSE(ledger_->verified());
    EXPECT_EQ(ledger_->unchecked(), 40U);
    EXPECT_THAT(ledger_->intent(call_of(write_)).error().message, HasSubstr("cannot be read"));
    tamper("ALTER TABLE elsewhere RENAME TO ledger");
    EXPECT_EQ(*ledger_->check_some(1'000), 0U);
    EXPECT_TRUE(ledger_->verified());
    act();
}

TEST_F(LedgerTest, a_break_that_the_owner_took_note_of_does_not_open_again_by_its_tail) {
    for (int i = 0; i < 20; ++i) {
        act();
    }
    tamper("UPDATE ledger SET principal='somebody' WHERE seq IN (3, 38)");
    open(4);
    ASSERT_TRUE(ledger_->acknowledge("owner", "seen"));
    for (const std::uint64_t tail : {1U, 2U, 4U, 30U}) {
        open(tail);
        EXPECT_TRUE(ledger_->verified()) << tail;
        EXPECT_EQ(ledger_->check_some(1'000), 0U);
        EXPECT_TRUE(ledger_->verified()) << tail;
    }
}

TEST_F(LedgerTest, intents_left_open_far_back_are_closed_when_the_background_has_come_to_the_end) {
    ASSERT_TRUE(ledger_->intent(call_of(write_)).has_value());
    for (int i = 0; i < 20; ++i) {
        act();
    }
    ASSERT_TRUE(ledger_->intent(call_of(write_)).has_value());
    open(4);
    const std::uint64_t closed_at_once = entries();
    EXPECT_EQ(closed_at_once, 43U) << "the one in the tail";
    const auto running = ledger_->intent(call_of(write_));
    while (*ledger_->check_some(7) > 0) {
    }
    EXPECT_EQ(entries(), closed_at_once + 2) << "the running one is left alone, the oldest is closed";
    ASSERT_TRUE(ledger_->outcome(*running, call_of(write_), {.ok = true, .code = "", .ring_position = 1, .duration = {}}).has_value());
    open();
    EXPECT_EQ(entries(), closed_at_once + 3) << "nothing is left to close";
}

TEST_F(LedgerTest, survives_kill_9_at_any_moment) {
    ledger_.reset();
    database_.reset();
    for (int round = 0; round < 5; ++round) {
        int written[2];
        ASSERT_EQ(::pipe(written), 0);
        const pid_t child = fork();
        if (child == 0) {
            auto database = sql::Database::open(file(), {});
            auto ledger = Ledger::open(**database, clock_);
            for (;;) {
                call::Call call = call_of(write_);
                const auto intent = (*ledger)->intent(call);
                if (!intent || !(*ledger)->outcome(*intent, call, {}).has_value() || ::write(written[1], "", 1) != 1) {
                    _exit(1);
                }
            }
        }
        ::close(written[1]);
        char first = 0;
        EXPECT_EQ(::read(written[0], &first, 1), 1);  // on a busy machine that takes a while
        ::usleep(static_cast<useconds_t>(2'000 * round));
        ::kill(child, SIGKILL);
        ::close(written[0]);
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    }
    open();
    EXPECT_TRUE(ledger_->verified()) << ledger_->verify().why;
    EXPECT_GT(entries(), 0U);
}

TEST_F(LedgerTest, a_ledger_that_throws_denies) {
    arm_fault("govern.ledger");
    const auto refused = ledger_->intent(call_of(write_));
    ASSERT_FALSE(refused.has_value());
    const call::Denial denial = Ledger::denial_of(refused.error());
    EXPECT_EQ(denial.code, "stage_failed");
    EXPECT_EQ(denial.stage, "ledger");
    disarm_faults();
    act();
    EXPECT_TRUE(ledger_->verify().ok);
}

TEST_F(LedgerTest, a_full_disk_is_told_as_such) {
    ASSERT_TRUE(database_->write([](sql::Connection& c) { return c.run("PRAGMA max_page_count=1"); }));
    Result<std::uint64_t> refused = 0;
    call::Call call = call_of(write_);
    call.session = std::string(3000, 's');
    for (int i = 0; i < 100 && refused; ++i) {
        refused = ledger_->intent(call);
    }
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(Ledger::denial_of(refused.error()).code, "disk_full");
    EXPECT_TRUE(ledger_->verify().ok) << "nothing is torn";
}

// Reads.

TEST_F(LedgerTest, reads_are_one_entry_a_batch_and_every_call_is_counted) {
    for (int i = 0; i < 1000; ++i) {
        ledger_->note_read(call_of(read_, {{"id", i % 10}}), true, from_millis(1));
    }
    EXPECT_EQ(entries(), 0U) << "in memory until the flush";
    ASSERT_TRUE(ledger_->flush_reads());
    ASSERT_TRUE(ledger_->flush_reads());
    EXPECT_EQ(entries(), 1U) << "an empty batch makes no entry";
    const Json traced = *ledger_->trace({.tool = "memory.read"});
    EXPECT_EQ(traced["entries"].size(), 10U);
    EXPECT_EQ(traced["entries"][0]["calls"], 100);
    EXPECT_EQ((*ledger_->report("", 5))["agents"][0]["reads"], 1000);
}

TEST_F(LedgerTest, a_flood_of_different_reads_is_bounded_and_still_counted) {
    const std::size_t calls = kReadRowsMax + 500;
    for (std::size_t i = 0; i < calls; ++i) {
        ledger_->note_read(call_of(read_, {{"id", i}}), true, {});
    }
    ASSERT_TRUE(ledger_->flush_reads());
    EXPECT_EQ((*ledger_->report("uid:1000", 5))["agents"][0]["reads"], calls);
    EXPECT_TRUE(ledger_->verify().ok);
}

// Trace.

TEST_F(LedgerTest, the_trace_tells_who_what_and_why_and_never_the_arguments) {
    act();
    deny();
    const Json denied = (*ledger_->trace({.decision = "deny"}))["entries"];
    ASSERT_EQ(denied.size(), 1U);
    EXPECT_EQ(denied[0]["stage"], "rules");
    EXPECT_EQ(denied[0]["rule"], "r");
    EXPECT_EQ(denied[0]["reason"], "blocked: no");
    EXPECT_EQ(denied[0]["stages"][0]["note"], "caution");
    const Json allowed = (*ledger_->trace({.decision = "allow"}))["entries"];
    ASSERT_EQ(allowed.size(), 1U);
    EXPECT_EQ(allowed[0]["outcome"]["decision"], "ok");
    EXPECT_EQ(allowed[0]["outcome"]["ring_position"], 7);
    EXPECT_EQ(allowed[0]["arguments_sha256"], hex(sha256(R"({"content":"words"})")));
    EXPECT_EQ((*ledger_->trace({})).dump().find("words"), std::string::npos);
    EXPECT_FALSE(ledger_->trace({.decision = "maybe"}).has_value());
}

TEST_F(LedgerTest, the_trace_goes_on_behind_its_cursor) {
    for (int i = 0; i < 5; ++i) {
        act();
    }
    const Json first = *ledger_->trace({.limit = 3});
    EXPECT_EQ(first["entries"].size(), 3U);
    const Json second = *ledger_->trace({.limit = 3, .before_seq = first["next_cursor"].get<std::uint64_t>()});
    EXPECT_EQ(second["entries"].size(), 2U);
    EXPECT_TRUE(second["next_cursor"].is_null());
    EXPECT_EQ((*ledger_->trace({.agent = "uid:2"}))["entries"].size(), 0U);
    clock_.advance(from_seconds(10));
    act();
    EXPECT_EQ((*ledger_->trace({.since = clock_.wall()}))["entries"].size(), 1U);
}

TEST(LedgerChain, the_documented_example_has_the_documented_hash) {
    LedgerEntry entry;
    entry.seq = 1;
    entry.at_ns = 1'700'000'000'000'000'000;
    entry.kind = "event";
    entry.principal = "operator";
    entry.tool = "rules_reloaded";
    entry.effects = "{}";
    EXPECT_EQ(hex(hash_of(entry)), "3959a6c5c8e0a7349b3f801d4fb0007b12a3a009a22273777e2ca008ecfde846");
}

// RFC 6962 as its reference implementation has it: leaves of the first seven test inputs.
TEST(LedgerChain, the_merkle_root_is_that_of_rfc_6962) {
    EXPECT_EQ(hex(merkle_root({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const std::string inputs[] = {"", std::string(1, '\0'), "\x10", "\x20\x21", "\x30\x31", "\x40\x41\x42\x43",
                                  "\x50\x51\x52\x53\x54\x55\x56\x57"};
    std::vector<Hash> leaves;
    for (const std::string& input : inputs) {
        leaves.push_back(merkle_leaf(input));
    }
    EXPECT_EQ(hex(merkle_root({leaves[0]})), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    EXPECT_EQ(hex(merkle_root(leaves)), "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c");
}

TEST(LedgerReads, damaged_batches_are_refused_and_never_overrun) {
    std::vector<Hash> leaves;
    const std::string blob = pack({{.principal = "p", .tool = "t", .arguments_hash = Hash{}, .count = 3}}, leaves);
    ASSERT_TRUE(unpack(blob, nullptr).has_value());
    for (std::size_t size = 1; size < blob.size(); ++size) {
        EXPECT_FALSE(unpack(std::string_view(blob).substr(0, size), nullptr).has_value()) << size;
    }
    for (std::size_t i = 0; i < blob.size(); ++i) {
        std::string flipped = blob;
        flipped[i] = static_cast<char>(flipped[i] ^ 0x80);
        std::vector<Hash> other;
        EXPECT_TRUE(!unpack(flipped, &other) || merkle_root(other) != merkle_root(leaves)) << i;
    }
}

}  // namespace
}  // namespace resonant::govern
