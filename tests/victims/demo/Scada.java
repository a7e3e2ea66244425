import java.util.ArrayDeque;

/** A control room's server in good health: many short-lived values, a few kept. */
public final class Scada {
    private static final int KEPT = 10_000;

    private Scada() {
    }

    public static void main(String[] args) throws InterruptedException {
        ArrayDeque<byte[]> values = new ArrayDeque<>();

        for (;;) {
            values.add(new byte[2048]);
            if (values.size() <= KEPT)
                continue;
            values.remove();
            Thread.sleep(4);
        }
    }
}
