// The figures of the board: reading one field, seven whole, and a snapshot, on an idle page and
// beside a thread that writes without pause.
//
//     bench_board [--json]    one JSON document on stdout
//
// The snapshot's peer is memcpy of 4 KiB, interleaved.
#include <cstring>

#include "bench/report.h"
#include "resonant/board/state_board.h"

namespace {

using resonant::bench::Row;
using resonant::board::BoardView;
using resonant::board::Field;
using resonant::board::Harmony;
using resonant::board::StateBoard;

constexpr int kRuns = 21;
constexpr int kReads = 2'000'000;
constexpr int kCopies = 200'000;

template <typename T>
void keep(const T& value) {
    asm volatile("" : : "m"(value) : "memory");
}

// Nanoseconds a turn of `work`, done `turns` times.
template <typename Work>
double each(int turns, const Work& work) {
    return resonant::bench::nanoseconds([&] {
               for (int i = 0; i < turns; ++i) {
                   work();
               }
           }) /
           turns;
}

double one_field(const BoardView& view) {
    return each(kReads, [&] {
        double value = view.field(Field::ErrorRate);
        asm volatile("" : "+x"(value));
    });
}
double seven_fields(const BoardView& view) {
    return each(kReads, [&] { keep(view.harmony()); });
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

}  // namespace

int main() {
    auto board = StateBoard::create(1);
    if (!board) {
        std::fprintf(stderr, "%s\n", board.error().message.c_str());
        return 1;
    }
    const BoardView view = (*board)->view();
    std::vector<char> target(resonant::board::kPageBytes);
    const std::string copy = "memcpy of 4 KiB";
    const std::string own = "own field_read";
    Row field{.name = "field_read", .unit = "ns", .ours = {}};
    Row seven{
        .name = "seven_fields", .unit = "ns", .ours = {}, .peer_name = own, .peer_version = "0.1"};
    Row idle{.name = "snapshot_idle",
             .unit = "ns",
             .ours = {},
             .peer_name = copy,
             .peer_version = "libc"};
    Row write{.name = "write_harmony", .unit = "ns", .ours = {}};
    Row field_writer{.name = "field_read_writer", .unit = "ns", .ours = {}};
    Row snapshot_writer{.name = "snapshot_writer",
                        .unit = "ns",
                        .ours = {},
                        .peer_name = copy,
                        .peer_version = "libc"};

    resonant::bench::Report report("board");
    resonant::bench::pin_this_thread(0);
    static_cast<void>(one_field(view) + snapshot(view));  // warm
    for (int run = 0; run < kRuns; ++run) {
        field.ours.push_back(one_field(view));
        seven.ours.push_back(seven_fields(view));
        seven.peer.push_back(field.ours.back());
        idle.ours.push_back(snapshot(view));
        idle.peer.push_back(copy_of_4096(view, target));
        write.ours.push_back(each(kCopies, [&] { (*board)->write(Harmony{}); }));
    }
    {
        const std::jthread writer([&](const std::stop_token& stop) {
            resonant::bench::pin_this_thread(1);
            while (!stop.stop_requested()) {  // about one write a microsecond
                const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(1);
                (*board)->write(Harmony{});
                while (std::chrono::steady_clock::now() < until) {
                }
            }
        });
        for (int run = 0; run < kRuns; ++run) {
            field_writer.ours.push_back(one_field(view));
            snapshot_writer.ours.push_back(snapshot(view));
            snapshot_writer.peer.push_back(copy_of_4096(view, target));
        }
    }
    for (const Row& row : {field, seven, idle, write, field_writer, snapshot_writer}) {
        report.add(row);
    }
    return report.print();
}
