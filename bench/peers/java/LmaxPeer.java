// LMAX disruptor, one question a line on stdin, one figure a line on stdout: ns an event, or millions
// of events a second. Events are 7, 8 or 15 longs, the ring has 65,536 places, the writer runs on core
// 0, readers on core 1.
import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BatchEventProcessorBuilder;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;

public final class LmaxPeer {
    static final class Event {
        long a, b, c, d, e, f, g, h, i, j, k, l, m, n, o;
    }

    static final int PLACES = 65_536;
    static volatile long sink;

    // HotSpot gives the kernel's thread the name of Java's; taskset does the rest.
    static void pin(String name, int core) throws Exception {
        for (File task : new File("/proc/self/task").listFiles()) {
            try (BufferedReader reader = new BufferedReader(new FileReader(new File(task, "comm")))) {
                if (name.equals(reader.readLine())) {
                    new ProcessBuilder("taskset", "-cp", "" + core, task.getName())
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor();
                }
            }
        }
    }

    static void fillPlain(Event x, long v) {
        x.a = v; x.b = v; x.c = v; x.d = v; x.e = v; x.f = v; x.g = v;
    }

    static void fill(Event x, long v) {
        fillPlain(x, v);
        x.h = v;
    }

    static void fillLong(Event x, long v) {
        fill(x, v);
        x.i = v; x.j = v; x.k = v; x.l = v; x.m = v; x.n = v; x.o = v;
    }

    static void run(RingBuffer<Event> ring, boolean large, int count) {
        for (int i = 0; i < count; i++) {
            long at = ring.next();
            if (large) {
                fillLong(ring.get(at), i);
            } else {
                fill(ring.get(at), i);
            }
            ring.publish(at);
        }
    }

    static void runPlain(RingBuffer<Event> ring, int count) {
        for (int i = 0; i < count; i++) {
            long at = ring.next();
            fillPlain(ring.get(at), i);
            ring.publish(at);
        }
    }

    static RingBuffer<Event> ring(boolean multi, WaitStrategy wait) {
        return multi ? RingBuffer.createMultiProducer(Event::new, PLACES, wait)
                     : RingBuffer.createSingleProducer(Event::new, PLACES, wait);
    }

    static double publishPlain() {
        final int count = 4_000_000;
        RingBuffer<Event> ring = ring(false, new BusySpinWaitStrategy());
        runPlain(ring, count / 4);
        long start = System.nanoTime();
        runPlain(ring, count);
        return (System.nanoTime() - start) / (double) count;
    }

    static double publish(boolean multi, boolean large) {
        final int count = 4_000_000;
        RingBuffer<Event> ring = ring(multi, new BusySpinWaitStrategy());
        run(ring, large, count / 4);
        long start = System.nanoTime();
        run(ring, large, count);
        return (System.nanoTime() - start) / (double) count;
    }

    static double publishFromTwo() throws Exception {
        final int count = 2_000_000;
        RingBuffer<Event> ring = ring(true, new BusySpinWaitStrategy());
        CyclicBarrier barrier = new CyclicBarrier(2);
        long[] start = new long[2];
        long[] end = new long[2];
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 2; t++) {
            final int own = t;
            Thread thread = new Thread(() -> {
                try {
                    pin("peer" + own, own);
                    barrier.await();
                } catch (Exception failure) {
                    throw new IllegalStateException(failure);
                }
                start[own] = System.nanoTime();
                run(ring, false, count);
                end[own] = System.nanoTime();
            }, "peer" + t);
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
        return (Math.max(end[0], end[1]) - Math.min(start[0], start[1])) / (2.0 * count);
    }

    static double throughput(int readers) throws Exception {
        final int count = 5_000_000;
        RingBuffer<Event> ring = ring(false, readers == 1 ? new BusySpinWaitStrategy() : new YieldingWaitStrategy());
        AtomicInteger done = new AtomicInteger();
        List<BatchEventProcessor<Event>> processors = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        for (int r = 0; r < readers; r++) {
            BatchEventProcessor<Event> processor =
                new BatchEventProcessorBuilder().build(ring, ring.newBarrier(), new EventHandler<Event>() {
                    long seen = 0;
                    long sum = 0;

                    @Override
                    public void onEvent(Event event, long at, boolean last) {
                        sum += event.b + event.g;
                        if (++seen == count) {
                            sink = sum;
                            done.incrementAndGet();
                        }
                    }
                });
            ring.addGatingSequences(processor.getSequence());
            processors.add(processor);
            Thread thread = new Thread(processor, "reader" + r);
            thread.setDaemon(true);
            thread.start();
            threads.add(thread);
            pin("reader" + r, 1);
        }
        Thread.sleep(30);
        long start = System.nanoTime();
        runPlain(ring, count);
        while (done.get() < readers) {
            Thread.onSpinWait();
        }
        double rate = count * 1e3 / (System.nanoTime() - start);
        for (int r = 0; r < readers; r++) {
            processors.get(r).halt();
            threads.get(r).join();
        }
        return rate;
    }

    static double oneWay() throws Exception {
        final int count = 50_000;
        final long[] ways = new long[count];
        RingBuffer<Event> ring = ring(false, new BusySpinWaitStrategy());
        AtomicInteger done = new AtomicInteger();
        BatchEventProcessor<Event> processor =
            new BatchEventProcessorBuilder().build(ring, ring.newBarrier(), new EventHandler<Event>() {
                int seen = 0;

                @Override
                public void onEvent(Event event, long at, boolean last) {
                    ways[seen++] = System.nanoTime() - event.a;
                    if (seen == count) {
                        done.set(1);
                    }
                }
            });
        ring.addGatingSequences(processor.getSequence());
        Thread thread = new Thread(processor, "reader");
        thread.setDaemon(true);
        thread.start();
        pin("reader", 1);
        Thread.sleep(30);
        for (int i = 0; i < count; i++) {
            long wait = System.nanoTime();
            while (System.nanoTime() - wait < 1_000) {
            }
            long at = ring.next();
            ring.get(at).a = System.nanoTime();
            ring.publish(at);
        }
        while (done.get() == 0) {
            Thread.onSpinWait();
        }
        processor.halt();
        thread.join();
        Arrays.sort(ways);
        return ways[count / 2];
    }

    static double answer(String question) throws Exception {
        return switch (question) {
            case "publish_56" -> publishPlain();
            case "publish_64" -> publish(false, false);
            case "publish_120" -> publish(false, true);
            case "publish_64_multi" -> publish(true, false);
            case "publish_64_two_threads" -> publishFromTwo();
            case "throughput_1p1c" -> throughput(1);
            case "throughput_1p3c" -> throughput(3);
            case "oneway" -> oneWay();
            default -> -1;
        };
    }

    static void serve() {
        try {
            pin("writer", 0);
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                System.out.println(answer(line));
                System.out.flush();
            }
        } catch (Exception failure) {
            failure.printStackTrace();
            System.exit(1);
        }
    }

    public static void main(String[] words) throws Exception {
        Thread writer = new Thread(LmaxPeer::serve, "writer");
        writer.start();
        writer.join();
    }
}
