package host

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Live panels, each with a stream of its own over the one connection that
// Grafana has, must leave room for alert rules and health.
func TestManyLivePanelsKeepNobodyElse(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if strings.Contains(r.Header.Get("Accept"), "json") {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `[{"schema":{"fields":[]},"data":{"values":[]}}]`)
			return
		}
		w.Header().Set("Content-Type", frames)
		w.Write(finished(t))
	}))
	defer s.Close()
	h := start(t)
	most := ctx(t)
	var first, last pluginv2.Stream_RunStreamClient
	for i := 0; i < 300; i++ {
		one, err := h.stream.RunStream(most, &pluginv2.RunStreamRequest{PluginContext: instance(s.URL),
			Path: fmt.Sprint("query/", i), Data: []byte(`{"target":"threads","intervalMs":1000}`)})
		if err != nil {
			t.Fatal(err)
		}
		if last = one; first == nil {
			first = one
		}
	}
	if _, err := last.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Fatal(err)
	}
	if _, err := first.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.diag.CollectMetrics(ctx(t), &pluginv2.CollectMetricsRequest{}); err != nil {
		t.Fatal(err)
	}
	works(t, h, instance(s.URL))
}

// What a server says reaches Grafana as text, whatever its bytes are.
func TestWordsOfAServerThatAreNotUTF8(t *testing.T) {
	h := start(t)
	for name, words := range map[string]string{"cut": "x" + strings.Repeat("ü", 500), "rubbish": "no \xff\xc3 text"} {
		t.Run(name, func(t *testing.T) {
			body := `{"message":"` + words + `"}`
			url := says(t, fmt.Sprintf("HTTP/1.1 503 Busy\r\nContent-Type: text/\xff\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
			fails(t, h, instance(url), 503, words[:2])
			r, err := h.diag.CheckHealth(ctx(t), &pluginv2.CheckHealthRequest{PluginContext: instance(url)})
			if err != nil || !strings.Contains(r.Message, words[:2]) {
				t.Errorf("%v %v", r, err)
			}
			if code, _ := call(t, h, instance(url), "POST", "metrics", "{}"); code != 503 {
				t.Errorf("status %d", code)
			}
		})
	}
}

// A server that sends much and never ends keeps its own answers only.
func TestAHoardingServerKeepsNobodyElse(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	full := make(chan struct{}, 10)
	hoard := raw(t, func(c net.Conn) {
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", frames, 64<<20)
		io.WriteString(c, strings.Repeat("x", 64<<20-10))
		full <- struct{}{}
		<-end
	})
	s := httptest.NewServer(answer(t))
	defer s.Close()
	h := start(t)
	for i := 0; i < 2; i++ {
		defer waits(h, patient(hoard))()
	}
	for i := 0; i < 2; i++ {
		<-full
	}
	until(t, "the plugin holds them", func() bool { return resident(t, h.pid()) > 120<<20 })
	for i := 0; i < 20; i++ {
		works(t, h, instance(s.URL))
	}
}

// refusing is an address that is ours and where nobody listens yet.
func refusing(t *testing.T) (address string, listen func() net.Listener) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "")
	t.Cleanup(func() { file.Close() })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port), func() net.Listener {
		t.Helper()
		err := syscall.Listen(fd, 128)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.FileListener(file)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

// A live panel outlives its server, and the log says once that it is away.
func TestLivePanelsWaitForTheirServer(t *testing.T) {
	address, listen := refusing(t)
	h := start(t)
	var streams []pluginv2.Stream_RunStreamClient
	for i := 0; i < 20; i++ {
		one, err := h.stream.RunStream(ctx(t), &pluginv2.RunStreamRequest{PluginContext: instance("http://" + address),
			Path: fmt.Sprint("query/", i), Data: []byte(`{"target":"threads","intervalMs":1000}`)})
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, one)
	}
	until(t, "each has said it", func() bool { return strings.Count(h.log.String(), "refused") >= 20 })
	time.Sleep(2 * time.Second)
	if n := strings.Count(h.log.String(), "refused"); n != 20 {
		t.Fatalf("told %d times", n)
	}
	const field = `{"name":"threads","type":"number","labels":{"service":"%s"}}`
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `[ {"schema": {"fields": [ {"name":"time","type":"time"}, `+field+" , "+field+`]}, "data":{"values":[[1],[2],[3]]}} ]`,
			"a", `say \"b\"`)
	})}
	go s.Serve(listen())
	defer s.Close()
	for _, one := range streams {
		packet, err := one.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var frame struct {
			Schema struct {
				Fields []struct {
					Name   string
					Labels map[string]string
				}
			}
			Data struct{ Values [][]int }
		}
		err = json.Unmarshal(packet.Data, &frame)
		f := frame.Schema.Fields
		if err != nil || len(f) != 3 || len(frame.Data.Values) != 3 || f[0].Name != "time" ||
			f[1].Name != `threads {"service":"a"}` || f[2].Name != `threads {"service":"say \"b\""}` || f[2].Labels["service"] != `say "b"` {
			t.Fatalf("%v %s", err, packet.Data)
		}
	}
}

// Frames that want an answer or memory, from a peer that reads nothing.
func TestFloodsEndTheirConnection(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PLUGIN_UNIX_SOCKET_DIR", dir)
	h := start(t)
	before := resident(t, h.pid())
	for name, frame := range map[string]string{
		"ping":         "\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678",
		"settings":     "\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"continuation": "\x00\x00\x02\x09\x00\x00\x00\x00\x01\x82\x82",
	} {
		c, err := net.Dial("unix", sockets(t, dir)[0])
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(patience))
		io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		if name == "continuation" { /* of headers that do not end */
			io.WriteString(c, "\x00\x00\x01\x01\x00\x00\x00\x00\x01\x83")
		}
		many := strings.Repeat(frame, 10000)
		for sent := 0; err == nil; sent += len(many) {
			if sent > 64<<20 {
				t.Fatalf("%s: 64 MiB are taken", name)
			}
			_, err = io.WriteString(c, many)
		}
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Fatalf("%s: the connection stays", name)
		}
		c.Close()
		if err := h.protocol.Ping(); err != nil {
			t.Fatal(err)
		}
	}
	if static(t) {
		until(t, "4 MiB at most are kept", func() bool { return resident(t, h.pid())-before <= 4<<20 })
	}
}
