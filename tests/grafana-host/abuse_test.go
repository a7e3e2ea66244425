package host

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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
	most := ctx(t, 60*time.Second)
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
	if _, err := h.diag.CollectMetrics(ctx(t, 10*time.Second), &pluginv2.CollectMetricsRequest{}); err != nil {
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
			r, err := h.diag.CheckHealth(ctx(t, 10*time.Second), &pluginv2.CheckHealthRequest{PluginContext: instance(url)})
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
		go h.data.QueryData(ctx(t, 60*time.Second), questionA(instance(hoard)))
	}
	for i := 0; i < 2; i++ {
		<-full
	}
	time.Sleep(time.Second)
	for i := 0; i < 20; i++ {
		works(t, h, instance(s.URL))
	}
}
