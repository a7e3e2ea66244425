// Package host drives the plugin's executable as Grafana does, beside real
// heapwatch servers and programs. Needs root (the chroot, and reading memory).
package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

const root = "../.."

func fromRoot(name, fallback string) string {
	path := os.Getenv(name)
	if path == "" {
		path = fallback
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	path, _ = filepath.Abs(path)
	return path
}

func executable() string {
	return fromRoot("PLUGIN", "build/plugin/gpx_heapwatch_linux_amd64")
}

// output is what a process writes, readable while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// ---- the plugin ----

type Host struct {
	client    *plugin.Client
	protocol  plugin.ClientProtocol
	log       *output
	data      grpcplugin.DataClient
	diag      grpcplugin.DiagnosticsClient
	resource  grpcplugin.ResourceClient
	stream    grpcplugin.StreamClient
	admission grpcplugin.AdmissionClient
	started   time.Duration
}

// dispense is what Grafana's client.go asks of every plugin.
func (h *Host) dispense() error {
	for _, name := range []string{"data", "diagnostics", "resource", "stream", "admission"} {
		raw, err := h.protocol.Dispense(name)
		if err != nil {
			return err
		}
		switch name {
		case "data":
			h.data = raw.(grpcplugin.DataClient)
		case "diagnostics":
			h.diag = raw.(grpcplugin.DiagnosticsClient)
		case "resource":
			h.resource = raw.(grpcplugin.ResourceClient)
		case "stream":
			h.stream = raw.(grpcplugin.StreamClient)
		case "admission":
			h.admission = raw.(grpcplugin.AdmissionClient)
		}
	}
	return nil
}

func connect(path string) (*Host, error) {
	h := &Host{log: new(output)}
	begin := time.Now()
	h.client = plugin.NewClient(&plugin.ClientConfig{
		Cmd: exec.Command(path),
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data":        &grpcplugin.DataGRPCPlugin{},
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource":    &grpcplugin.ResourceGRPCPlugin{},
			"stream":      &grpcplugin.StreamGRPCPlugin{},
			"admission":   &grpcplugin.AdmissionGRPCPlugin{},
		}},
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: h.log}),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
	})
	protocol, err := h.client.Client()
	if err != nil {
		h.client.Kill()
		return nil, fmt.Errorf("%w\n%s", err, h.log)
	}
	h.started = time.Since(begin)
	h.protocol = protocol
	if err := h.dispense(); err != nil {
		h.client.Kill()
		return nil, err
	}
	return h, nil
}

var sanitizer = regexp.MustCompile(`(Address|Leak)Sanitizer|runtime error:`)

// start is a plugin for one test; it must end well, and without a report.
func start(t *testing.T) *Host {
	t.Helper()
	return startAt(t, executable())
}

func startAt(t *testing.T, path string) *Host {
	t.Helper()
	h, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.client.Kill()
		if sanitizer.MatchString(h.log.String()) {
			t.Errorf("a sanitizer reported:\n%s", h.log)
		}
		if t.Failed() {
			t.Logf("log of the host:\n%.8000s", h.log)
		}
	})
	return h
}

func (h *Host) pid() int {
	var pid int
	fmt.Sscan(h.client.ID(), &pid)
	return pid
}

// ---- heapwatch and what it watches ----

type Server struct {
	cmd *exec.Cmd
	url string
	log *output
}

func serve(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{log: new(output)}
	s.cmd = exec.Command(fromRoot("HEAPWATCH", "build/heapwatch"), append([]string{"serve",
		"--listen", "127.0.0.1:0", "--db", filepath.Join(t.TempDir(), "heapwatch.db")}, args...)...)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	listening := regexp.MustCompile(`listening url=(\S+)`)
	until(t, 30*time.Second, "the address of heapwatch", func() bool {
		found := listening.FindStringSubmatch(s.log.String())
		if found != nil {
			s.url = found[1]
		}
		return found != nil
	})
	return s
}

func (s *Server) stop() {
	if s.cmd.ProcessState == nil {
		s.cmd.Process.Signal(syscall.SIGTERM)
		s.cmd.Wait()
	}
}

// victim is a Go program with a heap.
func victim(t testing.TB) {
	t.Helper()
	cmd := exec.Command(fromRoot("VICTIM", "build/victims/go/victim-1.26.8"))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
}

func until(t testing.TB, most time.Duration, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(most); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", most, what)
		}
	}
}

// post is POST /query without the plugin.
func (s *Server) post(t testing.TB, body any) []byte {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(s.url+"/query", "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != 200 {
		t.Fatalf("POST /query: %s %s", answer.Status, raw)
	}
	return raw
}

// filled waits until both victims have a few points.
func filled(t testing.TB, s *Server, series int) {
	t.Helper()
	until(t, 60*time.Second, "series of all victims", func() bool {
		raw := s.post(t, map[string]any{"targets": []any{map[string]any{"refId": "A",
			"target": "heap_used_bytes", "payload": map[string]any{"format": "latest"}}}})
		return strings.Count(string(raw), "victim") >= series
	})
}

// ---- requests ----

func instance(url string, edit ...func(*pluginv2.DataSourceInstanceSettings)) *pluginv2.PluginContext {
	s := &pluginv2.DataSourceInstanceSettings{Id: 1, Uid: "hw", Name: "heapwatch", Url: url,
		JsonData: []byte(`{}`)}
	for _, f := range edit {
		f(s)
	}
	return &pluginv2.PluginContext{OrgId: 1, PluginId: "heapwatch-heapwatch-datasource",
		DataSourceInstanceSettings: s}
}

func question(ref, target, payload string, from, to time.Time) *pluginv2.DataQuery {
	return &pluginv2.DataQuery{RefId: ref, MaxDataPoints: 1000, IntervalMS: 1000,
		TimeRange: &pluginv2.TimeRange{FromEpochMS: from.UnixMilli(), ToEpochMS: to.UnixMilli()},
		Json:      []byte(fmt.Sprintf(`{"refId":%q,"target":%q,"payload":%s}`, ref, target, payload))}
}

func lately() (time.Time, time.Time) {
	now := time.Now().Truncate(time.Second)
	return now.Add(-time.Minute), now
}

func ctx(t testing.TB, most time.Duration) context.Context {
	c, cancel := context.WithTimeout(context.Background(), most)
	t.Cleanup(cancel)
	return c
}
