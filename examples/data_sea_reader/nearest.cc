// Finds the nearest memories from a process of its own, over the mapped Arrow copy of a home: no kernel is asked, and
// neither SQLite nor Arrow is loaded.
//
//     data_sea_nearest HOME/sea VECTOR [K [SECONDS]]    VECTOR: a file of 384 float32
//
// Prints "ID SCORE" a line, best first. With SECONDS it goes on following the folder, and prints how many rows there
// are whenever that changes.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "resonant/memory/data_sea_reader.h"

namespace memory = resonant::memory;

int main(int count, char** arguments) {
    if (count < 3) {
        std::fprintf(stderr, "usage: data_sea_nearest FOLDER VECTOR [K [SECONDS]]\n");
        return 2;
    }
    resonant::Vector query{};
    std::ifstream(arguments[2], std::ios::binary).read(reinterpret_cast<char*>(query.data()), sizeof query);
    const std::size_t k = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 10;
    const auto reader = memory::DataSeaReader::open(arguments[1]);
    if (!reader) {
        std::fprintf(stderr, "%s\n", reader.error().message.c_str());
        return 1;
    }
    const auto found = (*reader)->nearest(query, k);
    if (!found) {
        std::fprintf(stderr, "%s\n", found.error().message.c_str());
        return 1;
    }
    for (const resonant::search::Scored& each : *found) {
        std::printf("%s %.9g\n", memory::wire_id(each.id).c_str(), static_cast<double>(each.score));
    }
    std::fflush(stdout);
    const double seconds = count > 4 ? std::strtod(arguments[4], nullptr) : 0;
    for (double waited = 0; waited < seconds; waited += 0.05) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        if (const auto newer = (*reader)->follow(); newer && *newer) {
            std::printf("rows %zu\n", (*reader)->manifest().rows());
            std::fflush(stdout);
        }
    }
    return 0;
}
