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
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

const root = "../.."

// patience is for what comes at once on a quiet machine, and at last on one
// that has too much to do: it costs nothing where all is well.
const patience = 3 * time.Minute

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

func connect(path string, options ...grpc.DialOption) (*Host, error) {
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
		GRPCDialOptions:  options,
		StartTimeout:     patience,
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

func startAt(t *testing.T, path string, options ...grpc.DialOption) *Host {
	t.Helper()
	h, err := connect(path, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.quit(t)
		if sanitizer.MatchString(h.log.String()) {
			t.Errorf("a sanitizer reported:\n%s", h.log)
		}
		if t.Failed() {
			t.Logf("log of the host:\n%.8000s", h.log)
		}
	})
	return h
}

// quit asks it to end, as the host's Kill does, but lets it take its time: Kill
// would end one by force that the machine leaves no processor for two seconds.
func (h *Host) quit(t testing.TB) {
	t.Helper()
	defer h.client.Kill()
	if h.client.Exited() {
		return
	}
	var out garbage
	h.protocol.(*plugin.GRPCClient).Conn.Invoke(ctx(t), "/plugin.GRPCController/Shutdown",
		garbage{}, &out, grpc.ForceCodec(codec{}))
	until(t, "the end of the plugin", h.client.Exited)
}

func (h *Host) pid() int {
	var pid int
	fmt.Sscan(h.client.ID(), &pid)
	return pid
}

// ---- heapwatch and what it watches ----

type Server struct {
	cmd     *exec.Cmd
	url     string
	log     *output
	program string // is watched, and nothing else of the machine
}

// own is a copy of the victim: the same program may run elsewhere, too, when
// other tests run on this machine.
func own(t testing.TB, dir string) string {
	t.Helper()
	from := fromRoot("VICTIM", "build/victims/go/victim-1.26.8")
	if out, err := exec.Command("cp", from, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	path, err := filepath.EvalSymlinks(filepath.Join(dir, filepath.Base(from)))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func serve(t testing.TB) *Server {
	t.Helper()
	s := &Server{log: new(output)}
	dir := t.TempDir()
	s.program = own(t, dir)
	rules := fmt.Sprintf("watch:\n- {action: include, exe: '%s'}\n- {action: exclude}\n",
		regexp.QuoteMeta(s.program))
	if err := os.WriteFile(dir+"/heapwatch.yaml", []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(fromRoot("HEAPWATCH", "build/heapwatch"), "serve",
		"--config", dir+"/heapwatch.yaml", "--listen", "127.0.0.1:0", "--db", dir+"/heapwatch.db")
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("log of heapwatch:\n%.8000s", s.log)
		}
	})
	listening := regexp.MustCompile(`listening url=(\S+)`)
	until(t, "the address of heapwatch", func() bool {
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

// victim is a Go program with a heap, of which two MB a second are rubbish.
func (s *Server) victim(t testing.TB) (pid string) {
	t.Helper()
	cmd := exec.Command(s.program)
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
	if _, err := io.WriteString(in, "churn 2\n"); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(cmd.Process.Pid)
}

func until(t testing.TB, what string, true func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !true(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
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

// points are the ends of the steps of a second in which a metric of a victim
// has a value, by pid.
func (s *Server) points(t testing.TB, metric string, from, to time.Time) map[string][]time.Time {
	t.Helper()
	raw := s.post(t, map[string]any{
		"range":         map[string]any{"from": from.UnixMilli(), "to": to.UnixMilli()},
		"maxDataPoints": 1000, "targets": []any{map[string]any{"refId": "A", "target": metric,
			"payload": map[string]any{"by": "pid", "step": "1s"}}}})
	var series []struct {
		Tags       map[string]string
		Datapoints [][2]*float64
	}
	if err := json.Unmarshal(raw, &series); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	ends := map[string][]time.Time{}
	for _, one := range series {
		for _, p := range one.Datapoints {
			if p[0] != nil {
				pid := one.Tags["pid"]
				ends[pid] = append(ends[pid], time.UnixMilli(int64(*p[1])))
			}
		}
	}
	return ends
}

// settled waits until each victim has several values, and a later one: values
// are stored in their order, so whatever there is until "to" is then there.
func (s *Server) settled(t testing.TB, pids ...string) (from, to time.Time) {
	t.Helper()
	from = time.Now().Truncate(time.Second).Add(-time.Minute)
	until(t, fmt.Sprint("values of ", pids), func() bool {
		var all [][]time.Time
		to = time.Now()
		for _, metric := range []string{"heap_used_bytes", "heap_util_rate"} {
			found := s.points(t, metric, from, time.Now())
			for _, pid := range pids {
				ends := found[pid]
				if len(ends) < 6 {
					return false
				}
				if last := ends[len(ends)-2]; last.Before(to) {
					to = last
				}
				all = append(all, ends)
			}
		}
		for _, ends := range all {
			if ends[4].After(to) {
				return false
			}
		}
		return true
	})
	return from, to
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

// patient gives an answer more time than a test has: who waits for one that
// does not come waits for ever.
func patient(url string) *pluginv2.PluginContext {
	return instance(url, func(s *pluginv2.DataSourceInstanceSettings) {
		s.JsonData = []byte(`{"timeout":600}`)
	})
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

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return c
}

// ---- raw messages ----

type garbage []byte

type codec struct{}

func (codec) Marshal(v any) ([]byte, error) { return v.(garbage), nil }
func (codec) Unmarshal(raw []byte, v any) error {
	*v.(*garbage) = raw
	return nil
}
func (codec) Name() string { return "proto" }
