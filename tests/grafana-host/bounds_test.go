package host

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// static tells a release from a sanitized executable, which is larger in
// every respect.
func static(t *testing.T) bool {
	t.Helper()
	file, err := os.ReadFile(executable())
	if err != nil {
		t.Fatal(err)
	}
	return !strings.Contains(string(file), "/lib64/ld-linux")
}

func resident(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize()
}

// within is the best of many times: a loaded machine may spoil some.
func within(t *testing.T, most time.Duration, what string, once func(t *testing.T) time.Duration) {
	t.Helper()
	var all []time.Duration
	for end := time.Now().Add(patience); time.Now().Before(end); {
		took := once(t)
		if all = append(all, took); took <= most {
			t.Logf("%s: %v", what, took)
			return
		}
	}
	t.Fatalf("%s: %v, never within %v", what, all, most)
}

// It has less to do than the start, however slow the machine or emulated it is.
func TestShutdownTakesNoTime(t *testing.T) {
	within(t, 100*time.Millisecond, "from Kill to the end, less its start", func(t *testing.T) time.Duration {
		h := start(t)
		begin := time.Now()
		h.client.Kill()
		took := time.Since(begin)
		t.Logf("started in %v, ended in %v", h.started, took)
		return took - h.started
	})
}

func TestSizeAndMemory(t *testing.T) {
	s := httptest.NewServer(answer(t))
	defer s.Close()
	h := start(t)
	for i := 0; i < 1000; i++ {
		works(t, h, instance(s.URL))
	}
	big := questionA(instance(s.URL))
	big.Queries[0].Json = []byte(`{"target":"threads","note":"` + strings.Repeat("x", 5<<20) + `"}`)
	for i := 0; i < 3; i++ {
		if ask(t, h, big).Responses["A"].Error != nil {
			t.Fatal("5 MiB are refused")
		}
	}
	if !static(t) {
		return // a sanitized executable is larger, on disk and in memory
	}
	info, err := os.Stat(executable())
	if err != nil || info.Size() > 8<<20 {
		t.Fatalf("%d bytes, %v", info.Size(), err)
	}
	until(t, "10 MiB resident at most", func() bool { return resident(t, h.pid()) <= 10<<20 })
	t.Logf("%.1f MiB on disk, %.1f MiB resident", float64(info.Size())/(1<<20), float64(resident(t, h.pid()))/(1<<20))
}

// Panels of a server that does not answer must not take the places of others.
func TestADeadServerKeepsNobodyElse(t *testing.T) {
	end := make(chan struct{})
	var asked atomic.Int32
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		asked.Add(1)
		<-end
	}))
	defer dead.Close()
	defer close(end)
	alive := httptest.NewServer(answer(t))
	defer alive.Close()
	h := start(t)
	var panels []func() error
	for i := 0; i < 200; i++ {
		panels = append(panels, waits(h, patient(dead.URL)))
	}
	until(t, "questions wait for the dead server", func() bool { return asked.Load() >= 8 })
	/* all of them wait for longer than this does for an answer */
	works(t, h, instance(alive.URL))
	r, err := h.diag.CheckHealth(ctx(t), &pluginv2.CheckHealthRequest{PluginContext: instance(alive.URL)})
	if err != nil || !strings.Contains(r.Message, "not a heapwatch") {
		t.Fatalf("%v %v", r, err)
	}
	for _, giveUp := range panels {
		if err := giveUp(); status.Code(err) != codes.Canceled {
			t.Fatalf("an answer from a dead server, %v", err)
		}
	}
	h.quit(t)
}

// A subscriber that does not read costs one packet, and is not asked for more.
func TestASlowReaderIsNotCollectedFor(t *testing.T) {
	const size = 1 << 20
	var asked atomic.Int32
	packet := []byte(`[{"schema":{"fields":[]},"data":{"values":[]},"x":"` + strings.Repeat("x", size) + `"}]`)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.Write(packet)
	}))
	defer s.Close()
	/* a window that the host does not widen by itself: it would read ahead */
	h := startAt(t, executable(), grpc.WithInitialWindowSize(1<<16), grpc.WithInitialConnWindowSize(1<<22))
	before := resident(t, h.pid())
	run := &pluginv2.RunStreamRequest{PluginContext: instance(s.URL), Path: "query/1",
		Data: []byte(`{"target":"threads","intervalMs":1000}`)}
	const streams = 10
	var one interface {
		Recv() (*pluginv2.StreamPacket, error)
	}
	for i := 0; i < streams; i++ {
		stream, err := h.stream.RunStream(ctx(t), run)
		if err != nil {
			t.Fatal(err)
		}
		one = stream
	}
	until(t, "a packet for each", func() bool { return asked.Load() >= streams })
	time.Sleep(4 * time.Second)
	if n := asked.Load(); n > 2*streams {
		t.Fatalf("%d questions for %d streams that nobody reads", n, streams)
	}
	if static(t) {
		until(t, "3 MiB at most for a packet of 1", func() bool {
			return resident(t, h.pid())-before <= 3*streams*size
		})
	}
	/* who reads again gets what was kept, and then what is new */
	n := asked.Load()
	for i := 0; i < 3; i++ {
		p, err := one.Recv()
		if err != nil || len(p.Data) < size {
			t.Fatalf("%d bytes, %v", len(p.GetData()), err)
		}
	}
	if asked.Load() <= n {
		t.Fatal("the same packet again")
	}
}

// Grafana that does not read the log must not stop its data source.
func TestAStalledLogStopsNothing(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command(executable())
	cmd.Env = []string{"PLUGIN_UNIX_SOCKET_DIR=" + t.TempDir()}
	cmd.Stderr = write
	path := bare(t, cmd)
	write.Close()
	defer cmd.Wait()
	defer cmd.Process.Kill()
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ask := pluginv2.NewDataClient(conn)
	for i := 0; i < 1500; i++ { /* each writes more than 100 bytes into 64 KiB */
		r, err := ask.QueryData(ctx(t), questionA(instance("http://127.0.0.1:1")))
		if err != nil || r.Responses["A"].Status != 502 {
			t.Fatalf("question %d: %v %v", i, r, err)
		}
	}
}
