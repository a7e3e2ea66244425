import com.sun.management.GcInfo;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A JVM whose heap does what it is told, one command a line on stdin.
 *
 * <pre>
 *   churn N   allocate N MiB of 1 KiB arrays that die at once
 *   grow N    the same, but keep them
 *   drop      let go of what grow kept
 *   gc        System.gc()
 *   report    what the management beans say, as one line of JSON
 *   last      heap in use after the last collection of each collector
 *   hold      report, once nothing changes any more, then allocate nothing
 *   exit
 * </pre>
 *
 * Each command but report and hold answers "ok". Compiled once with
 * --release 11, so it runs on every JVM from there on.
 */
public final class Victim {
    private static final int KIB = 1024;
    private static final List<byte[]> kept = new ArrayList<>();
    private static volatile byte[] sink;

    private Victim() {
    }

    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        String line;

        System.out.println("ready");
        while ((line = in.readLine()) != null) {
            String[] words = line.trim().split(" +");
            if (words[0].equals("exit"))
                return;
            System.out.println(obey(words));
        }
    }

    private static String obey(String[] words) {
        switch (words[0]) {
        case "churn":
            churn(Long.parseLong(words[1]));
            return "ok";
        case "grow":
            grow(Long.parseLong(words[1]));
            return "ok";
        case "drop":
            kept.clear();
            return "ok";
        case "gc":
            System.gc();
            return "ok";
        case "report":
            return report();
        case "last":
            return last();
        case "hold":
            return settled();
        default:
            return "unknown command " + words[0];
        }
    }

    private static void churn(long mib) {
        for (long i = 0; i < mib * KIB; i++)
            sink = new byte[KIB - 16];
        sink = null;
    }

    private static void grow(long mib) {
        for (long i = 0; i < mib * KIB; i++)
            kept.add(new byte[KIB - 16]);
    }

    /** A report that equals the one before it: caches and buffers are warm. */
    private static String settled() {
        String before = report();

        for (int i = 0; i < 50; i++) {
            sleep(20);
            String after = report();
            if (after.equals(before))
                return after;
            before = after;
        }
        return before;
    }

    private static void sleep(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static String report() {
        StringBuilder out = new StringBuilder(2048);
        MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();

        out.append("{\"pid\":").append(ProcessHandle.current().pid());
        out.append(",\"heap\":");
        usage(out, heap);
        out.append(",\"pools\":[");
        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans())
            pool(out, pool);
        close(out);
        out.append(",\"collectors\":[");
        for (GarbageCollectorMXBean gc : ManagementFactory.getGarbageCollectorMXBeans())
            collector(out, gc);
        close(out);
        out.append(",\"classes\":");
        out.append(ManagementFactory.getClassLoadingMXBean().getLoadedClassCount());
        out.append(",\"threads\":");
        out.append(ManagementFactory.getThreadMXBean().getThreadCount());
        return out.append('}').toString();
    }

    /** All pools of the heap, as the end of that collection found them. */
    private static String last() {
        StringBuilder out = new StringBuilder("{\"last\":[");

        for (GarbageCollectorMXBean gc : ManagementFactory.getGarbageCollectorMXBeans()) {
            GcInfo info = ((com.sun.management.GarbageCollectorMXBean) gc).getLastGcInfo();
            if (info == null)
                continue;
            out.append("{\"name\":\"").append(gc.getName());
            out.append("\",\"end\":").append(info.getEndTime());
            out.append(",\"before\":").append(heap(info.getMemoryUsageBeforeGc()));
            out.append(",\"after\":").append(heap(info.getMemoryUsageAfterGc()));
            out.append("},");
        }
        close(out);
        return out.append('}').toString();
    }

    private static long heap(Map<String, MemoryUsage> pools) {
        long sum = 0;

        for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
            if (pool.getType() == MemoryType.HEAP)
                sum += pools.get(pool.getName()).getUsed();
        }
        return sum;
    }

    private static void pool(StringBuilder out, MemoryPoolMXBean pool) {
        out.append("{\"name\":\"").append(pool.getName());
        out.append("\",\"heap\":").append(pool.getType() == MemoryType.HEAP);
        out.append(",\"usage\":");
        usage(out, pool.getUsage());
        out.append(",\"after\":");
        usage(out, pool.getCollectionUsage());
        out.append("},");
    }

    private static void collector(StringBuilder out, GarbageCollectorMXBean gc) {
        out.append("{\"name\":\"").append(gc.getName());
        out.append("\",\"count\":").append(gc.getCollectionCount());
        out.append(",\"time_ms\":").append(gc.getCollectionTime());
        out.append("},");
    }

    private static void usage(StringBuilder out, MemoryUsage u) {
        if (u == null) {
            out.append("null");
            return;
        }
        out.append("{\"used\":").append(u.getUsed());
        out.append(",\"committed\":").append(u.getCommitted());
        out.append(",\"max\":").append(u.getMax()).append('}');
    }

    /** End a list whose last item left a comma. */
    private static void close(StringBuilder out) {
        if (out.charAt(out.length() - 1) == ',')
            out.setLength(out.length() - 1);
        out.append(']');
    }
}
