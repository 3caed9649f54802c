// Crates disruptor, rtrb, tokio, arc-swap and left-right, and a Redis server, one question a line on stdin, one figure a line on stdout:
// publish and one-way times in ns, throughput in millions of events a second. Events have 56 bytes
// (tokio: 64), rings 65,536 places; the writer runs on core 0, the reader on core 1.
use std::hint::{black_box, spin_loop};
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PLACES: usize = 65_536;
const EVENTS: u64 = 5_000_000;
const PACED: usize = 50_000;
const READS: u64 = 2_000_000;

type Body = [u64; 7];

fn pin(cores: &[usize]) {
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for &core in cores {
            libc::CPU_SET(core, &mut set);
        }
        libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set);
    }
}

// CLOCK_MONOTONIC, as the other programs of this benchmark take it.
fn now() -> u64 {
    unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

fn pace() {
    let start = now();
    while now() < start + 1_000 {}
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(|a, b| a.partial_cmp(b).unwrap());
    samples[samples.len() / 2]
}

struct Event {
    body: Body,
}

fn disruptor_throughput() -> f64 {
    use disruptor::*;
    let done = Arc::new(AtomicBool::new(false));
    let (over, mut seen, mut sum) = (done.clone(), 0u64, 0u64);
    pin(&[0, 1]);
    let handler = move |event: &Event, _: Sequence, _: bool| {
        if seen == 0 {
            pin(&[1]);
        }
        sum = sum.wrapping_add(event.body[1]).wrapping_add(event.body[6]);
        seen += 1;
        if seen == EVENTS {
            black_box(sum);
            over.store(true, Release);
        }
    };
    let mut producer = build_single_producer(PLACES, || Event { body: [0; 7] }, BusySpin)
        .handle_events_with(handler)
        .build();
    pin(&[0]);
    producer.publish(|_| {});
    thread::sleep(Duration::from_millis(20));
    let start = Instant::now();
    for i in 0..EVENTS - 1 {
        producer.publish(|event| event.body = [i; 7]);
    }
    while !done.load(Acquire) {
        spin_loop()
    }
    EVENTS as f64 * 1e3 / start.elapsed().as_nanos() as f64
}

fn disruptor_one_way() -> f64 {
    use disruptor::*;
    let ways = Arc::new(Mutex::new(Vec::new()));
    let done = Arc::new(AtomicBool::new(false));
    let (out, over, mut local) = (ways.clone(), done.clone(), Vec::with_capacity(PACED));
    pin(&[0, 1]);
    let handler = move |event: &Event, _: Sequence, _: bool| {
        if local.is_empty() {
            pin(&[1]);
        }
        local.push((now() - event.body[0]) as f64);
        if local.len() == PACED {
            *out.lock().unwrap() = std::mem::take(&mut local);
            over.store(true, Release);
        }
    };
    let mut producer = build_single_producer(PLACES, || Event { body: [0; 7] }, BusySpin)
        .handle_events_with(handler)
        .build();
    pin(&[0]);
    producer.publish(|event| event.body[0] = now());
    thread::sleep(Duration::from_millis(20));
    for _ in 1..PACED {
        pace();
        producer.publish(|event| event.body[0] = now());
    }
    while !done.load(Acquire) {}
    let ways = ways.lock().unwrap().clone();
    median(ways)
}

fn rtrb_one_way() -> f64 {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<Body>::new(PLACES);
    let ready = Arc::new(AtomicBool::new(false));
    let up = ready.clone();
    let reader = thread::spawn(move || {
        pin(&[1]);
        up.store(true, Release);
        let mut ways = Vec::with_capacity(PACED);
        while ways.len() < PACED {
            if let Ok(body) = consumer.pop() {
                ways.push((now() - body[0]) as f64);
            }
        }
        ways
    });
    pin(&[0]);
    while !ready.load(Acquire) {}
    for _ in 0..PACED {
        pace();
        let mut body = [0u64; 7];
        body[0] = now();
        let _ = producer.push(body);
    }
    median(reader.join().unwrap())
}

fn arc_swap_read(with_writer: bool) -> f64 {
    let board = Arc::new(arc_swap::ArcSwap::from_pointee([1u64; 512]));
    let stop = Arc::new(AtomicBool::new(false));
    let writes = Arc::new(AtomicU64::new(0));
    let writer = with_writer.then(|| {
        let (board, stop, writes) = (board.clone(), stop.clone(), writes.clone());
        thread::spawn(move || {
            pin(&[1]);
            let mut page = [0u64; 512];
            while !stop.load(Relaxed) {
                let k = writes.fetch_add(1, Relaxed);
                page[(k & 511) as usize] = k;
                board.store(Arc::new(page));
                pace();
            }
        })
    });
    pin(&[0]);
    while with_writer && writes.load(Relaxed) == 0 {}
    let start = Instant::now();
    for _ in 0..READS {
        black_box(board.load()[3]);
    }
    let taken = start.elapsed().as_nanos() as f64 / READS as f64;
    stop.store(true, Relaxed);
    if let Some(thread) = writer {
        thread.join().unwrap();
    }
    taken
}

struct Page([u64; 512]);

impl Clone for Page {
    fn clone(&self) -> Self {
        Page(self.0)
    }
}

struct Set(usize, u64);

impl left_right::Absorb<Set> for Page {
    fn absorb_first(&mut self, set: &mut Set, _: &Self) {
        self.0[set.0] = set.1;
    }
    fn sync_with(&mut self, first: &Self) {
        self.0 = first.0;
    }
}

fn left_right_read(with_writer: bool) -> f64 {
    let (mut write, read) = left_right::new_from_empty::<Page, Set>(Page([1; 512]));
    write.append(Set(0, 1));
    write.publish();
    let stop = Arc::new(AtomicBool::new(false));
    let writes = Arc::new(AtomicU64::new(0));
    let (ended, counted) = (stop.clone(), writes.clone());
    let writer = thread::spawn(move || {
        pin(&[1]);
        while with_writer && !ended.load(Relaxed) {
            let k = counted.fetch_add(1, Relaxed);
            write.append(Set((k & 511) as usize, k));
            write.publish();
            pace();
        }
        write // the pages live as long as it does
    });
    pin(&[0]);
    while with_writer && writes.load(Relaxed) == 0 {}
    let start = Instant::now();
    for _ in 0..READS {
        black_box(read.enter().unwrap().0[3]);
    }
    let taken = start.elapsed().as_nanos() as f64 / READS as f64;
    stop.store(true, Relaxed);
    drop(read);
    let _write = writer.join().unwrap();
    taken
}

// tokio's lossy channel, as ours is: one sender, one receiver that does not read.
fn tokio_publish() -> f64 {
    let (sender, _receiver) = tokio::sync::broadcast::channel::<[u64; 8]>(PLACES);
    pin(&[0]);
    let start = Instant::now();
    for i in 0..READS {
        let _ = sender.send([i; 8]);
    }
    start.elapsed().as_nanos() as f64 / READS as f64
}

// GET of 8 bytes from a Redis server of our own on a Unix socket; -1 when there is none.
fn redis_read() -> f64 {
    use std::io::Read;
    const ROUNDS: u32 = 1_000;
    let folder = std::env::temp_dir().join(format!("redis-peer-{}", std::process::id()));
    let _ = std::fs::create_dir_all(&folder);
    let socket = folder.join("redis.sock");
    pin(&[1]);
    let started = std::process::Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(&socket)
        .current_dir(&folder)
        .stdout(std::process::Stdio::null())
        .spawn();
    pin(&[0]);
    let Ok(mut server) = started else { return -1.0 };
    let connected = (0..500).find_map(|_| {
        thread::sleep(Duration::from_millis(10));
        std::os::unix::net::UnixStream::connect(&socket).ok()
    });
    let taken = connected.and_then(|mut stream| {
        let mut answer = [0u8; 64];
        stream.write_all(b"SET field 12345678\r\n").ok()?;
        stream.read(&mut answer).ok()?;
        let start = Instant::now();
        for _ in 0..ROUNDS {
            stream.write_all(b"GET field\r\n").ok()?;
            stream.read_exact(&mut answer[..14]).ok()?; // "$8\r\n12345678\r\n"
        }
        Some(start.elapsed().as_nanos() as f64 / ROUNDS as f64)
    });
    let _ = server.kill();
    let _ = server.wait();
    let _ = std::fs::remove_dir_all(&folder);
    taken.unwrap_or(-1.0)
}

fn main() {
    for line in std::io::stdin().lock().lines() {
        let figure = match line.unwrap().as_str() {
            "disruptor_throughput" => disruptor_throughput(),
            "disruptor_oneway" => disruptor_one_way(),
            "rtrb_oneway" => rtrb_one_way(),
            "arc_swap_read" => arc_swap_read(false),
            "arc_swap_read_writer" => arc_swap_read(true),
            "left_right_read" => left_right_read(false),
            "left_right_read_writer" => left_right_read(true),
            "tokio_publish" => tokio_publish(),
            "redis_read" => redis_read(),
            _ => -1.0,
        };
        println!("{figure}");
        std::io::stdout().flush().unwrap();
    }
}
