// The Kernel is the one place where everything is built and tied together, and the life of it: one
// process a home, from the lock on the home to the last answered call.
//
// Threads: start(), run() and the destructor belong to one thread, which becomes the I/O thread; stop()
// may come from any thread and from the loop.
//
// Invariants:
//   (1) One kernel a home: start() holds the home's lock or fails.
//   (2) What start() could not make is said in status() and by the tools that need it; only a broken
//       home, database or policy keeps a kernel from starting.
//   (3) When run() returns every taken call has been answered and everything durable is on the disk.
#pragma once

#include <memory>
#include <string>

#include "resonant/runtime/config.h"
#include "resonant/runtime/home.h"
#include "resonant/json/json.h"

namespace resonant::runtime {

struct KernelOptions {
    std::string program_folder;     // where the program lies: the model is looked for beside it
    bool http_must_bind = false;    // the address was asked for: fail when it cannot be had
    double idle_exit_s = 0;         // leave after this long without clients, monitors and jobs; 0 = never
};

class Kernel {
  public:
    // Conflict when another kernel runs on the home. At most a few hundred milliseconds.
    static Result<std::unique_ptr<Kernel>> start(const Home& home, const Config& config, KernelOptions options);
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    ~Kernel();

    // Serves until stop(), SIGTERM or SIGINT.
    void run();
    void stop();
    // What `resonant status` shows.
    Json status();

  private:
    struct Inner;
    explicit Kernel(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

// The version of the program, "0.1.0".
std::string program_version();

}  // namespace resonant::runtime
