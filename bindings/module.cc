// The Python module `resonant`: board and ring of a running kernel, read-only, for programs outside
// it. bindings/resonant/__init__.py is its face; here is what must be fast or sleeps.
//
// Threads: a Board or Ring belongs to one thread at a time. Whoever sleeps does so without the
// interpreter's lock; the thread behind `await ring.poll()` never takes it.
#include <fcntl.h>
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "resonant/board/page.h"
#include "resonant/client/client.h"

namespace nb = nanobind;

namespace resonant::bindings {
namespace {

constexpr Nanos kSlice = from_millis(250);  // a sleeper looks this often whether it shall end
constexpr double kWaitMax_s = 1e9;          // some 30 years

[[noreturn]] void raise(PyObject* type, const std::string& words) {
    PyErr_SetString(type, words.c_str());
    throw nb::python_error();
}
[[noreturn]] void raise(const Error& error) {
    raise(error.code == Code::NotFound      ? PyExc_FileNotFoundError
          : error.code == Code::Unavailable ? PyExc_ConnectionResetError
                                            : PyExc_OSError,
          error.message);
}
template <typename T>
T must(Result<T> result) {
    if (!result) {
        raise(result.error());
    }
    return std::move(*result);
}

// A descriptor of one's own beside the one that was handed over.
Descriptor copy_of(int descriptor) {
    Descriptor copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (!copy) {
        raise(PyExc_OSError, "Board: " + std::to_string(descriptor) + " is not an open descriptor (" + std::strerror(errno) +
                                 "); give the number of one that was handed over, or a home");
    }
    return copy;
}

// One page, mapped: of the kernel behind a socket, or of a descriptor that was handed over. Reading a
// field is one load.
class Board {
  public:
    explicit Board(const std::string& path) : client_(must(client::Client::attach(path))), view_(client_->board()) {}
    explicit Board(int descriptor)
        : segment_(must(shm::Segment::attach(copy_of(descriptor), Bytes{board::kPageBytes}))),
          view_(must(board::BoardView::over(segment_->data(), segment_->size()))) {}

    Board(const Board&) = delete;
    Board& operator=(const Board&) = delete;
    ~Board() {
        for (PyObject* kept : kept_) {
            Py_XDECREF(kept);
        }
    }

    const board::BoardView& view() const { return view_; }
    // Whether the kernel still writes the page.
    bool is_alive() const { return connection().is_alive(); }
    // Whether a kernel answers; its page takes the place of the old one, which nobody may look at any more.
    bool attach_again() {
        if (connection().is_alive()) {
            return true;
        }
        if (views > 0) {
            raise(PyExc_BufferError, "Board: the page is held by a view of it (memoryview, numpy); release it first, or make another Board");
        }
        if (!client_->attach_again()) {
            return false;
        }
        view_ = client_->board();
        return true;
    }
    std::size_t views = 0;  // buffers that others hold of the page
    // A new reference to the field's value. The float that was made for it last is given again while the
    // value is bit for bit the same: floats do not change, and making one costs as much as the rest.
    PyObject* value_of(board::Field field) {
        const double value = view_.field(field);
        PyObject*& kept = kept_[static_cast<std::size_t>(field)];
        if (kept != nullptr && std::bit_cast<std::uint64_t>(PyFloat_AS_DOUBLE(kept)) ==
                                   std::bit_cast<std::uint64_t>(value)) [[likely]] {
            return Py_NewRef(kept);
        }
        PyObject* made = PyFloat_FromDouble(value);
        if (made != nullptr) {
            Py_XDECREF(std::exchange(kept, Py_NewRef(made)));
        }
        return made;
    }
    std::vector<std::string> user_fields() const { return client_ ? client_->user_fields() : std::vector<std::string>(); }
    // A page that was handed over has no names of user fields: they are "user.N" there.
    std::optional<board::Field> field_named(std::string_view name) const {
        return client_ ? client_->field_named(name) : client::field_named(name);
    }
    std::uint16_t number_of(std::string_view name) const {
        const std::optional<board::Field> field = field_named(name);
        if (!field) {
            raise(PyExc_KeyError, "there is no board field of this name; see docs/formats/board.md");
        }
        return static_cast<std::uint16_t>(*field);
    }

  private:
    client::Client& connection() const {
        if (!client_) {
            raise(PyExc_ValueError, "Board: a page that was handed over has no connection to its kernel; make a Board of its home");
        }
        return *client_;
    }

    std::unique_ptr<client::Client> client_;
    std::optional<shm::Segment> segment_;
    board::BoardView view_;
    std::array<PyObject*, board::kFieldsMax> kept_{};
};

// The number that an exact int holds, without a call where it is small; -1 when it is none of a field.
long small_number(PyObject* key) {
#if PY_VERSION_HEX >= 0x030C0000
    const auto* number = reinterpret_cast<PyLongObject*>(key);
    const Py_ssize_t value = PyUnstable_Long_IsCompact(number) ? PyUnstable_Long_CompactValue(number) : -1;
    return static_cast<long>(value);
#else
    const Py_ssize_t digits = Py_SIZE(key);
    return digits == 1   ? static_cast<long>(reinterpret_cast<PyLongObject*>(key)->ob_digit[0])
           : digits == 0 ? 0
                         : -1;
#endif
}

// board[number] and board["error_rate"], straight from the interpreter: a call through the binding
// would cost twice the load.
PyObject* board_item(PyObject* self, PyObject* key) {
    auto& board = *nb::inst_ptr<Board>(self);
    std::uint16_t number = 0;
    if (PyLong_CheckExact(key)) [[likely]] {
        const long value = small_number(key);
        number = value >= 0 && value < board::kFieldsMax ? static_cast<std::uint16_t>(value) : board::kFieldsMax;
        if (!board::is_field(static_cast<board::Field>(number))) {
            PyErr_SetObject(PyExc_KeyError, key);
            return nullptr;
        }
    } else {
        Py_ssize_t length = 0;
        const char* name = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &length) : nullptr;
        const auto field = name != nullptr ? board.field_named({name, static_cast<std::size_t>(length)}) : std::nullopt;
        if (!field) {
            PyErr_SetObject(PyExc_KeyError, key);
            return nullptr;
        }
        number = static_cast<std::uint16_t>(*field);
    }
    return board.value_of(static_cast<board::Field>(number));
}

// The page itself, read-only and without a copy: memoryview(board), numpy.frombuffer(board).
int board_buffer(PyObject* self, Py_buffer* target, int flags) {
    auto& board = *nb::inst_ptr<Board>(self);
    const int filled = PyBuffer_FillInfo(target, self, const_cast<void*>(board.view().page()), board::kPageBytes, 1, flags);
    board.views += filled == 0 ? 1 : 0;
    return filled;
}
void board_released(PyObject* self, Py_buffer*) { --nb::inst_ptr<Board>(self)->views; }

PyType_Slot board_slots[] = {{Py_mp_subscript, reinterpret_cast<void*>(&board_item)},
                             {Py_bf_getbuffer, reinterpret_cast<void*>(&board_buffer)},
                             {Py_bf_releasebuffer, reinterpret_cast<void*>(&board_released)},
                             {0, nullptr}};

nb::list names_of(const Board& board) {
    nb::list names;
    for (const board::FieldInfo& info : board::built_in_fields()) {
        names.append(nb::str(info.name.data(), info.name.size()));
    }
    for (const std::string& name : board.user_fields()) {
        names.append(nb::str(name.data(), name.size()));
    }
    return names;
}

nb::tuple harmony(const Board& board) {
    const board::Harmony whole = board.view().harmony();
    return nb::make_tuple(whole.balance, whole.headroom, whole.swiftness, whole.reliability, whole.dharma,
                          whole.accord, whole.energy);
}

// Sleeps behind the ring on its own thread and connection, and makes a descriptor readable when there
// is news: for an event loop.
class Sleeper {
  public:
    explicit Sleeper(std::unique_ptr<client::Client> client)
        : client_(std::move(client)),
          bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
          thread_([this](const std::stop_token& stop) { run(stop); }) {}
    ~Sleeper() {
        thread_.request_stop();
        wanted_.notify_all();
    }
    int descriptor() const { return bell_.get(); }
    // Rings once something lies at or after `position`, or the kernel has ended.
    void want(std::uint64_t position) {
        std::uint64_t rung = 0;
        static_cast<void>(!::read(bell_.get(), &rung, sizeof rung));
        const std::lock_guard lock(mutex_);
        position_ = position;
        asked_ = true;
        wanted_.notify_all();
    }

  private:
    void run(const std::stop_token& stop) {
        for (;;) {
            std::uint64_t position = 0;
            {
                std::unique_lock lock(mutex_);
                if (!wanted_.wait(lock, stop, [this] { return asked_; })) {
                    return;
                }
                asked_ = false;
                position = position_;
            }
            client_->seek(position);
            while (!stop.stop_requested()) {
                const Result<bool> news = client_->wait(kSlice);
                const std::lock_guard lock(mutex_);
                if (!news || *news || asked_) {
                    break;
                }
            }
            const std::uint64_t one = 1;
            static_cast<void>(!::write(bell_.get(), &one, sizeof one));
        }
    }

    std::unique_ptr<client::Client> client_;
    Descriptor bell_;
    std::mutex mutex_;
    std::condition_variable_any wanted_;
    std::uint64_t position_ = 0;
    bool asked_ = false;
    std::jthread thread_;  // ends first
};

// Says that a thread goes on without the interpreter's lock; made and ended with it.
struct Away {
    explicit Away(bool& flag) : away(flag) { away = true; }
    Away(const Away&) = delete;
    Away& operator=(const Away&) = delete;
    ~Away() { away = false; }
    bool& away;
};

// Invariants:
//   (1) What talks to the kernel does so in the process that attached: a child after fork() has the memory, but neither a
//       connection of its own nor the sleeping thread.
//   (2) While one thread waits without the interpreter's lock, no other uses the ring.
class Ring {
  public:
    // Attaches twice, at once: the process may give up its user afterwards.
    explicit Ring(std::string path)
        : path_(std::move(path)),
          client_(must(client::Client::attach(path_))),
          sleeper_(std::make_unique<Sleeper>(must(client::Client::attach(path_)))),
          process_(::getpid()) {}
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() {
        if (::getpid() != process_) {
            static_cast<void>(sleeper_.release());  // its thread is not here and never ends
        }
    }

    // (position, type, lane, source, confidence, tool, at_ns, data, name), or None.
    nb::object poll_now() {
        expect_alone();
        ring::Event event;
        if (client_->events().poll(event) != ring::Poll::Got) {
            return nb::none();
        }
        const std::string_view name = ring::name_in(event);
        return nb::make_tuple(client_->events().position() - 1, nb::str(ring::name_of(event.type).data()),
                              nb::str(ring::name_of(event.lane).data()), event.source, event.confidence, event.tool,
                              event.at_ns,
                              nb::make_tuple(event.data[0], event.data[1], event.data[2], event.data[3]),
                              nb::steal(PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "replace")));
    }
    // In slices, so that Ctrl-C ends it and the kernel's end is seen.
    bool wait(double timeout_s) {
        if (std::isnan(timeout_s)) {
            raise(PyExc_ValueError, "wait: the time is not a number; give seconds");
        }
        expect_connected();
        Nanos left = from_seconds(std::clamp(timeout_s, 0.0, kWaitMax_s));
        for (;;) {
            const Nanos slice = std::min(left, kSlice);
            Result<bool> news = false;
            {
                const Away away(waits_);
                const nb::gil_scoped_release free;
                news = client_->wait(slice);
            }
            left = left - slice;
            if (PyErr_CheckSignals() != 0) {
                throw nb::python_error();
            }
            if (!news) {
                raise(news.error());
            }
            if (*news || left <= Nanos{}) {
                return *news;
            }
        }
    }
    int listen() {
        expect_connected();
        sleeper_->want(client_->events().position());
        return sleeper_->descriptor();
    }
    bool attach_again() {
        expect_connected();
        const Away away(waits_);
        const nb::gil_scoped_release free;
        auto second = client::Client::attach(path_);
        if (!second || !client_->attach_again()) {
            return false;
        }
        sleeper_ = std::make_unique<Sleeper>(std::move(*second));
        return true;
    }
    bool is_alive() {
        expect_connected();
        return client_->is_alive();
    }
    std::uint64_t epoch() const { return client_->board().epoch(); }
    std::uint64_t position() const { return client_->events().position(); }
    std::uint64_t lost() const { return client_->lost(); }

  private:
    void expect_alone() const {
        if (waits_) {
            raise(PyExc_RuntimeError, "Ring: another thread waits on this ring; give each thread a Ring of its own");
        }
    }
    void expect_connected() const {
        if (::getpid() != process_) {
            raise(PyExc_RuntimeError, "Ring: it was attached in process " + std::to_string(process_) +
                                          ", before a fork; make a Ring in this process");
        }
        expect_alone();
    }

    std::string path_;
    std::unique_ptr<client::Client> client_;
    std::unique_ptr<Sleeper> sleeper_;
    pid_t process_;
    bool waits_ = false;  // of the interpreter's lock
};

}  // namespace

NB_MODULE(_native, module) {
    nb::class_<Board>(module, "Board", nb::type_slots(board_slots))
        .def(nb::init<const std::string&>(), nb::arg("socket"))
        .def(nb::init<int>(), nb::arg("descriptor"))
        .def("number_of", &Board::number_of, nb::arg("name"), "The number of a field: board[number] is the fastest way to read it.")
        .def("names", &names_of, "The names of all fields, yours last.")
        .def("harmony", &harmony, "The seven harmony scores, read whole: balance, headroom, swiftness, reliability, dharma, accord, energy.")
        .def("is_alive", &Board::is_alive, "Whether the kernel still writes the page.")
        .def("attach_again", &Board::attach_again,
             "Whether a kernel answers. After its end the page of the next one takes the place of the old one.")
        .def_prop_ro("epoch", [](const Board& board) { return board.view().epoch(); }, "Which start of the kernel wrote the page.");
    nb::class_<Ring>(module, "Ring")
        .def(nb::init<std::string>(), nb::arg("socket"))
        .def("_poll_now", &Ring::poll_now)
        .def("_wait", &Ring::wait, nb::arg("timeout_s"))
        .def("_listen", &Ring::listen)
        .def("_attach_again", &Ring::attach_again)
        .def("is_alive", &Ring::is_alive, "Whether the kernel still runs.")
        .def_prop_ro("epoch", &Ring::epoch, "Which start of the kernel these events are of.")
        .def_prop_ro("position", &Ring::position, "The position of the next event.")
        .def_prop_ro("lost", &Ring::lost, "Events that were overwritten before this reader came, exactly.");
}

}  // namespace resonant::bindings
