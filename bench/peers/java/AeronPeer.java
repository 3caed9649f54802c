// Aeron IPC between two processes: one question ("oneway") a line on stdin, the median one-way time
// in ns of events of 56 bytes, paced 1 us apart, on stdout. The media driver is embedded here; a
// second JVM subscribes on core 1, polls when told to, and answers with its median.
import io.aeron.Aeron;
import io.aeron.ExclusivePublication;
import io.aeron.Subscription;
import io.aeron.driver.MediaDriver;
import io.aeron.driver.ThreadingMode;
import io.aeron.logbuffer.FragmentHandler;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.agrona.BufferUtil;
import org.agrona.concurrent.SleepingMillisIdleStrategy;
import org.agrona.concurrent.UnsafeBuffer;

public final class AeronPeer {
    static final String CHANNEL = "aeron:ipc?term-length=64m";
    static final int STREAM = 77;
    static final int BYTES = 56;
    static final int COUNT = 50_000;

    static void follow(String folder) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        try (Aeron aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(folder));
             Subscription subscription = aeron.addSubscription(CHANNEL, STREAM)) {
            System.out.println("ready");
            while (in.readLine() != null) {
                System.out.println("polling");
                final long[] ways = new long[COUNT];
                final int[] seen = {0};
                FragmentHandler handler = (buffer, offset, length, header) -> ways[seen[0]++] = System.nanoTime() - buffer.getLong(offset);
                while (seen[0] < COUNT) {
                    subscription.poll(handler, 1);
                }
                Arrays.sort(ways);
                System.out.println((double) ways[COUNT / 2]);
            }
        }
    }

    static void send(ExclusivePublication publication, UnsafeBuffer buffer) {
        for (int i = 0; i < COUNT; i++) {
            long wait = System.nanoTime();
            while (System.nanoTime() - wait < 1_000) {
            }
            buffer.putLong(0, System.nanoTime());
            while (publication.offer(buffer, 0, BYTES) < 0) {
                Thread.onSpinWait();
            }
        }
    }

    static Process reader(String folder) throws Exception {
        List<String> command = new ArrayList<>(List.of("taskset", "-c", "1", ProcessHandle.current().info().command().get()));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "AeronPeer", folder));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    public static void main(String[] words) throws Exception {
        if (words.length == 1) {
            follow(words[0]);
            return;
        }
        String folder = "/dev/shm/resonant-aeron-" + ProcessHandle.current().pid();
        MediaDriver.Context context = new MediaDriver.Context().aeronDirectoryName(folder)
            .dirDeleteOnStart(true).dirDeleteOnShutdown(true).threadingMode(ThreadingMode.SHARED)
            .sharedIdleStrategy(new SleepingMillisIdleStrategy(1));
        Process reader = reader(folder);
        try (MediaDriver driver = MediaDriver.launch(context);
             Aeron aeron = Aeron.connect(new Aeron.Context().aeronDirectoryName(folder).idleStrategy(new SleepingMillisIdleStrategy(1)));
             ExclusivePublication publication = aeron.addExclusivePublication(CHANNEL, STREAM)) {
            UnsafeBuffer buffer = new UnsafeBuffer(BufferUtil.allocateDirectAligned(BYTES, 64));
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            BufferedReader answers = new BufferedReader(new InputStreamReader(reader.getInputStream()));
            answers.readLine();
            while (!publication.isConnected()) {
                Thread.sleep(1);
            }
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                reader.getOutputStream().write('\n');
                reader.getOutputStream().flush();
                answers.readLine();
                send(publication, buffer);
                System.out.println(answers.readLine());
                System.out.flush();
            }
        } finally {
            reader.destroyForcibly();
        }
    }
}
