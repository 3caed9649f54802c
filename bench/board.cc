// The figures of the board: reading one field, seven whole, and a snapshot, on an idle page and
// beside a thread that writes without pause.
//
//     bench_board [--peers] [--json]    one JSON document on stdout
//
// The snapshot's peer is memcpy of 4 KiB, interleaved. With --peers, one field is held against the
// crate arc-swap, and read through the Python module against a dict lookup.
#include <algorithm>
#include <csignal>
#include <cstring>

#include "bench/peer.h"
#include "bench/report.h"
#include "resonant/board/state_board.h"

namespace {

using resonant::bench::Row;
using resonant::board::BoardView;
using resonant::board::Field;
using resonant::board::Harmony;
using resonant::board::StateBoard;

constexpr int kRuns = 11;
constexpr int kReads = 2'000'000;
constexpr int kCopies = 200'000;

template <typename T>
void keep(const T& value) {
    asm volatile("" : : "m"(value) : "memory");
}

// Nanoseconds a turn of `work`, done `turns` times.
template <typename Work>
double each(int turns, Work work) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < turns; ++i) {
        work();
    }
    const auto taken = std::chrono::steady_clock::now() - start;
    return std::chrono::duration<double, std::nano>(taken).count() / turns;
}

double one_field(const BoardView& view) {
    return each(kReads, [&] {
        double value = view.field(Field::Reliability);
        asm volatile("" : "+x"(value));
    });
}
double seven_fields(const BoardView& view) {
    const BoardView own = view;  // in a register, as one_field() has it
    alignas(64) Harmony whole;
    return each(kReads, [&] {
        own.harmony(whole);
        asm volatile("" : "+m"(whole));
    });
}
double snapshot(const BoardView& view) {
    return each(kCopies, [&] { keep(view.snapshot()); });
}
double copy_of_4096(const BoardView& view, std::vector<char>& target) {
    return each(kCopies, [&] {
        std::memcpy(target.data(), view.page(), target.size());
        keep(*target.data());
    });
}

// About one write a microsecond from core 1, as long as it lives.
class BusyWriter {
  public:
    explicit BusyWriter(StateBoard& board)
        : thread_([&board](const std::stop_token& stop) {
              resonant::bench::pin_this_thread(1);
              while (!stop.stop_requested()) {
                  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(1);
                  board.write(Harmony{});
                  while (std::chrono::steady_clock::now() < until) {
                  }
              }
          }) {}

  private:
    std::jthread thread_;
};

struct Rows {
    const std::string copy = "memcpy of 4 KiB";
    Row field{.name = "field_read", .unit = "ns", .ours = {}, .peer_name = "arc-swap", .peer_version = "1.9.5"};
    Row field_writer{.name = "field_read_writer", .unit = "ns", .ours = {}, .peer_name = "arc-swap", .peer_version = "1.9.5"};
    Row seven{.name = "seven_fields", .unit = "ns", .ours = {}, .peer_name = "own field_read", .peer_version = "0.1"};
    Row idle{.name = "snapshot_idle", .unit = "ns", .ours = {}, .peer_name = copy, .peer_version = "libc"};
    Row writer{.name = "snapshot_writer", .unit = "ns", .ours = {}, .peer_name = copy, .peer_version = "libc"};
    Row python{.name = "field_read_python", .unit = "ns", .ours = {}, .peer_name = "dict lookup", .peer_version = "CPython"};
    Row left_right{.name = "field_read_left_right", .unit = "ns", .ours = {}, .peer_name = "left-right", .peer_version = "0.11.8"};
    Row left_right_writer{.name = "field_read_left_right_writer", .unit = "ns", .ours = {}, .peer_name = "left-right", .peer_version = "0.11.8"};
    Row redis{.name = "field_read_redis", .unit = "ns", .ours = {}, .peer_name = "Redis GET, Unix socket", .peer_version = "7"};
    Row shared_memory{.name = "field_read_shared_memory", .unit = "ns", .ours = {}, .peer_name = "multiprocessing.shared_memory", .peer_version = "CPython"};
    Row write{.name = "write_harmony", .unit = "ns", .ours = {}};
};

void add_if(std::vector<double>& samples, std::optional<double> figure) {
    if (figure) {
        samples.push_back(*figure);
    }
}

// One round of everything.
void measure(Rows& rows, StateBoard& board, resonant::bench::Peer& rust, resonant::bench::Peer& python) {
    static std::vector<char> target(resonant::board::kPageBytes);
    const BoardView view = board.view();
    resonant::bench::pin_this_thread(0);
    rows.field.ours.push_back(one_field(view));
    add_if(rows.field.peer, rust.ask("arc_swap_read"));
    rows.seven.ours.push_back(seven_fields(view));
    rows.seven.peer.push_back(rows.field.ours.back());
    rows.idle.ours.push_back(snapshot(view));
    rows.idle.peer.push_back(copy_of_4096(view, target));
    rows.write.ours.push_back(each(kCopies, [&] { board.write(Harmony{}); }));
    add_if(rows.python.ours, python.ask("field"));
    add_if(rows.python.peer, python.ask("dict"));
    add_if(rows.shared_memory.peer, python.ask("shared_memory"));
    if (!rows.python.ours.empty()) {
        rows.shared_memory.ours.push_back(rows.python.ours.back());
    }
    rows.left_right.ours.push_back(rows.field.ours.back());
    add_if(rows.left_right.peer, rust.ask("left_right_read"));
    rows.redis.ours.push_back(rows.field.ours.back());
    add_if(rows.redis.peer, rust.ask("redis_read"));
    {
        const BusyWriter writer(board);
        rows.field_writer.ours.push_back(one_field(view));
        rows.writer.ours.push_back(snapshot(view));
        rows.writer.peer.push_back(copy_of_4096(view, target));
    }
    add_if(rows.field_writer.peer, rust.ask("arc_swap_read_writer"));
    rows.left_right_writer.ours.push_back(rows.field_writer.ours.back());
    add_if(rows.left_right_writer.peer, rust.ask("left_right_read_writer"));
}

}  // namespace

int main(int count, char** words) {
    std::signal(SIGPIPE, SIG_IGN);
    auto board = StateBoard::create(1);
    if (!board) {
        std::fprintf(stderr, "%s\n", board.error().message.c_str());
        return 1;
    }
    auto shared = (*board)->segment().share();
    if (!shared) {
        std::fprintf(stderr, "%s\n", shared.error().message.c_str());
        return 1;
    }
    const bool peers = std::find(words, words + count, std::string("--peers")) != words + count;
    const std::string rust_program = "build/peers/rust/release/rust_peers";
    resonant::bench::Peer rust(peers ? rust_program : "", {rust_program});
    const std::string python_program = "bench/peers/read_board.py";
    const std::string page = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(shared->get());
    resonant::bench::Peer python(peers ? python_program : "", {"env", "PYTHONPATH=build/python", "build/venv/bin/python", python_program, page});

    resonant::bench::Report report("board");
    if (peers && !rust.present()) {
        report.note("absent: crate arc-swap; see scripts/setup.sh peers");
    }
    Rows rows;
    const BoardView view = (*board)->view();
    resonant::bench::pin_this_thread(0);
    static_cast<void>(one_field(view) + snapshot(view));  // warm
    for (int run = 0; run < kRuns; ++run) {
        measure(rows, **board, rust, python);
    }
    for (const Row* row : {&rows.field, &rows.field_writer, &rows.seven, &rows.idle, &rows.writer, &rows.python, &rows.write}) {
        if (!row->ours.empty()) {
            report.add(*row);
        }
    }
    for (const Row* row : {&rows.left_right, &rows.left_right_writer, &rows.redis, &rows.shared_memory}) {
        if (!row->peer.empty()) {  // ours are figures from above
            report.add(*row);
        }
    }
    return report.print();
}
