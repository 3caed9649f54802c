//! Raw iceoryx2 as the peer of bench_ipc: a question a line on stdin, one-way ns on stdout.
//!
//!     iceoryx2_peer ROOT      answers "ping BYTES ROUNDS"
//!     iceoryx2_peer ROOT echo BYTES   the other end, started by the first
//!
//! Both poll. The sender fills the sample in place, the receiver touches a byte of every line, as in bench_ipc.
//! 4096 bytes travel as a struct of fixed size, the fastest way the crate has; other sizes as slices of lines.

use iceoryx2::prelude::*;
use std::io::{BufRead, Write};
use std::process::{Child, Command};
use std::time::Instant;

const BOARD: usize = 4096;
const LINE: usize = 64;

#[repr(C)]
#[derive(Debug, Clone, Copy, ZeroCopySend)]
struct Board {
    words: [u64; BOARD / 8],
}
#[repr(C)]
#[derive(Debug, Clone, Copy, ZeroCopySend)]
struct Line {
    words: [u64; 8],
}

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn pin(core: usize) {
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        // Not available_parallelism(): a child of a pinned process sees one core, and both ends would share it.
        let cores = libc::sysconf(libc::_SC_NPROCESSORS_ONLN).max(1) as usize;
        libc::CPU_SET(core % cores, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

fn node(root: &str) -> Fallible<Node<ipc::Service>> {
    set_log_level(LogLevel::Fatal);
    let mut config = Config::default();
    config.global.set_root_path(&Path::new(root.as_bytes())?);
    config.global.prefix = FileName::new(b"rswpeer_")?;
    Ok(NodeBuilder::new().config(&config).create::<ipc::Service>()?)
}

fn touch(bytes: &[u64]) -> u64 {
    bytes.iter().step_by(LINE / 8).fold(0, |sum, word| sum.wrapping_add(*word))
}

/// One end of the ping-pong: sends on `to`, receives on `from`.
trait End {
    fn send(&mut self, value: u64) -> Fallible<()>;
    fn try_receive(&mut self) -> Fallible<Option<u64>>;
}

struct Fixed(
    iceoryx2::port::publisher::Publisher<ipc::Service, Board, ()>,
    iceoryx2::port::subscriber::Subscriber<ipc::Service, Board, ()>,
);
impl End for Fixed {
    fn send(&mut self, value: u64) -> Fallible<()> {
        let mut loan = self.0.loan_uninit()?;
        unsafe {
            std::ptr::write_bytes(loan.payload_mut().as_mut_ptr().cast::<u8>(), 3, BOARD);
            loan.payload_mut().as_mut_ptr().cast::<u64>().write(value);
            loan.assume_init().send()?;
        }
        Ok(())
    }
    fn try_receive(&mut self) -> Fallible<Option<u64>> {
        Ok(self.1.receive()?.map(|sample| {
            std::hint::black_box(touch(&sample.words));
            sample.words[0]
        }))
    }
}

struct Slices(
    iceoryx2::port::publisher::Publisher<ipc::Service, [Line], ()>,
    iceoryx2::port::subscriber::Subscriber<ipc::Service, [Line], ()>,
    usize,
);
impl End for Slices {
    fn send(&mut self, value: u64) -> Fallible<()> {
        let mut loan = self.0.loan_slice_uninit(self.2)?;
        unsafe {
            std::ptr::write_bytes(loan.payload_mut().as_mut_ptr().cast::<u8>(), 3, self.2 * LINE);
            loan.payload_mut().as_mut_ptr().cast::<u64>().write(value);
            loan.assume_init().send()?;
        }
        Ok(())
    }
    fn try_receive(&mut self) -> Fallible<Option<u64>> {
        Ok(self.1.receive()?.map(|sample| {
            let words = unsafe { std::slice::from_raw_parts(sample.payload().as_ptr().cast::<u64>(), self.2 * 8) };
            std::hint::black_box(touch(words));
            words[0]
        }))
    }
}

fn end(node: &Node<ipc::Service>, to: &str, from: &str, bytes: usize) -> Fallible<Box<dyn End>> {
    let service = |name: &str| -> Fallible<_> { Ok(node.service_builder(&ServiceName::new(name)?)) };
    if bytes == BOARD {
        let open = |name| -> Fallible<_> {
            Ok(service(name)?.publish_subscribe::<Board>().max_publishers(1).max_subscribers(2).open_or_create()?)
        };
        return Ok(Box::new(Fixed(
            open(to)?.publisher_builder().create()?,
            open(from)?.subscriber_builder().create()?,
        )));
    }
    let lines = bytes / LINE;
    let open = |name| -> Fallible<_> {
        Ok(service(name)?.publish_subscribe::<[Line]>().max_publishers(1).max_subscribers(2).open_or_create()?)
    };
    let publisher = open(to)?.publisher_builder().initial_max_slice_len(lines).create()?;
    Ok(Box::new(Slices(publisher, open(from)?.subscriber_builder().create()?, lines)))
}

fn receive(end: &mut dyn End) -> Fallible<u64> {
    loop {
        if let Some(value) = end.try_receive()? {
            return Ok(value);
        }
    }
}

fn echo(root: &str, bytes: usize) -> Fallible<()> {
    pin(1);
    let node = node(root)?;
    let mut end = end(&node, "peer/back", "peer/there", bytes)?;
    loop {
        let value = receive(&mut *end)?;
        end.send(value)?;
        if value == u64::MAX {
            return Ok(());
        }
    }
}

fn ping(root: &str, bytes: usize, rounds: u64) -> Fallible<f64> {
    pin(0);
    let node = node(root)?;
    let mut end = end(&node, "peer/there", "peer/back", bytes)?;
    let mut other: Child = Command::new(std::env::current_exe()?).args([root, "echo", &bytes.to_string()]).spawn()?;
    loop {
        end.send(0)?; // until the other end is there
        std::thread::sleep(std::time::Duration::from_millis(10));
        if end.try_receive()?.is_some() {
            break;
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    while end.try_receive()?.is_some() {}
    let mut trips = Vec::with_capacity(rounds as usize);
    for round in 1..=rounds {
        let start = Instant::now();
        end.send(round)?;
        while receive(&mut *end)? != round {}
        trips.push(start.elapsed().as_nanos() as f64 / 2.0);
    }
    end.send(u64::MAX)?;
    other.wait()?;
    trips.sort_by(f64::total_cmp);
    Ok(trips[trips.len() / 2])
}

fn main() -> Fallible<()> {
    let words: Vec<String> = std::env::args().collect();
    if words.len() == 4 {
        return echo(&words[1], words[3].parse()?);
    }
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let asked: Vec<&str> = line.split(' ').collect();
        println!("{}", ping(&words[1], asked[1].parse()?, asked[2].parse()?)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}
