package host

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const frames = "application/vnd.heapwatch.frames"

// finished is what a heapwatch server would answer for refId A.
func finished(t testing.TB) []byte {
	f := data.NewFrame("threads", data.NewField("time", nil, []time.Time{time.Unix(1, 0)}),
		data.NewField("threads", nil, []float64{7}))
	one, err := backend.ToProto().QueryDataResponse(backend.DataFrameFormat_ARROW, &backend.QueryDataResponse{
		Responses: backend.Responses{"A": {Frames: data.Frames{f}, Status: 200}}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := proto.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func answer(t testing.TB) http.Handler {
	raw := finished(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", frames)
		w.Write(raw)
	})
}

func questionA(c *pluginv2.PluginContext) *pluginv2.QueryDataRequest {
	from, to := lately()
	return &pluginv2.QueryDataRequest{PluginContext: c,
		Queries: []*pluginv2.DataQuery{question("A", "threads", "{}", from, to)}}
}

// fails asks A, which must be an error of the server's side, told in words.
func fails(t *testing.T, h *Host, c *pluginv2.PluginContext, code backend.Status, words string) {
	t.Helper()
	one := ask(t, h, questionA(c)).Responses["A"]
	if one.Error == nil || one.Status != code || one.ErrorSource != backend.ErrorSourceDownstream ||
		!strings.Contains(one.Error.Error(), words) {
		t.Fatalf("wanted %d %q, got %d %v (%s)", code, words, one.Status, one.Error, one.ErrorSource)
	}
}

// waits asks A of a server that does not answer it, beside the test; what it
// returns ends once the question was given up.
func waits(h *Host, c *pluginv2.PluginContext) (giveUp func() error) {
	some, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := h.data.QueryData(some, questionA(c))
		done <- err
	}()
	return func() error {
		cancel()
		return <-done
	}
}

func works(t *testing.T, h *Host, c *pluginv2.PluginContext) {
	t.Helper()
	one := ask(t, h, questionA(c)).Responses["A"]
	if one.Error != nil || len(one.Frames) != 1 {
		t.Fatalf("%+v", one)
	}
}

// raw speaks to each connection by hand.
func raw(t *testing.T, speak func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				/* an end with something unread would be a reset */
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					speak(c)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func says(t *testing.T, text string) string {
	return raw(t, func(c net.Conn) { io.WriteString(c, text) })
}

func TestServersThatFail(t *testing.T) {
	h := start(t)
	closed := says(t, "")
	for _, one := range []struct {
		name, url string
		code      backend.Status
		words     string
	}{
		{"down", "http://127.0.0.1:1", 502, "refused"},
		{"silent", closed, 502, "without an answer"},
		{"dies in its answer", says(t, "HTTP/1.1 200 OK\r\nContent-Type: "+frames+
			"\r\nContent-Length: 1000\r\n\r\n\x0a\x05"), 502, "midst"},
		{"dies in a chunk", says(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nx"), 502, "midst"},
		{"no HTTP", says(t, "SSH-2.0-x\r\n"), 502, "not HTTP"},
		{"two lengths", says(t, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), 502, "not HTTP"},
		{"endless header", says(t, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100000)), 502, "not HTTP"},
		{"another server", says(t, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"), 502, "same version"},
		{"broken message", says(t, "HTTP/1.1 200 OK\r\nContent-Type: "+frames+"\r\nContent-Length: 3\r\n\r\n\x0a\x7fx"), 502, "same version"},
		{"an answer to nothing", says(t, "HTTP/1.1 200 OK\r\nContent-Type: "+frames+"\r\nContent-Length: 0\r\n\r\n"), 502, ""},
		{"says why", says(t, "HTTP/1.1 503 Busy\r\nContent-Length: 21\r\n\r\n{\"message\":\"so busy\"}"), 503, "so busy"},
		{"sends elsewhere", says(t, "HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"), 502, "elsewhere (HTTP 301)"},
		{"no URL", "", 400, "no URL"},
		{"a password in the URL", "http://a:b@127.0.0.1:1", 400, "basic auth"},
		{"no such scheme", "ftp://127.0.0.1", 400, "http://"},
		{"no socket", "unix:///nowhere.sock", 502, "No such file"},
	} {
		t.Run(one.name, func(t *testing.T) { fails(t, h, instance(one.url), one.code, one.words) })
	}
	t.Run("chunks of one that is down", func(t *testing.T) {
		q := questionA(instance("http://127.0.0.1:1"))
		stream, err := h.data.QueryChunkedData(ctx(t),
			&pluginv2.QueryChunkedDataRequest{PluginContext: q.PluginContext, Queries: q.Queries})
		if err != nil {
			t.Fatal(err)
		}
		one, err := stream.Recv()
		if err != nil || one.RefId != "A" || one.Status != 502 || one.ErrorSource != "downstream" ||
			!strings.Contains(one.Error, "refused") {
			t.Fatalf("%v %v", one, err)
		}
	})
	t.Run("health of one that is down", func(t *testing.T) {
		r, err := h.diag.CheckHealth(ctx(t),
			&pluginv2.CheckHealthRequest{PluginContext: instance("http://127.0.0.1:1")})
		if err != nil || r.Status != pluginv2.CheckHealthResponse_ERROR ||
			!strings.Contains(r.Message, "refused") {
			t.Fatalf("%v %v", r, err)
		}
	})
	t.Run("too slow", func(t *testing.T) {
		end := make(chan struct{})
		slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
		defer slow.Close()
		defer close(end)
		c := instance(slow.URL, func(s *pluginv2.DataSourceInstanceSettings) {
			s.JsonData = []byte(`{"timeout":1}`)
		})
		fails(t, h, c, 504, "in time")
		short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		r, err := h.data.QueryData(short, questionA(instance(slow.URL)))
		/* told in words where it comes in time, else by gRPC */
		if status.Code(err) != codes.DeadlineExceeded && (err != nil || r.Responses["A"].Status != 504) {
			t.Fatalf("%v %v", r, err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		var asked, gone atomic.Bool
		url := raw(t, func(c net.Conn) {
			asked.Store(true)
			io.Copy(io.Discard, c)
			gone.Store(true)
		})
		giveUp := waits(h, patient(url))
		until(t, "the server is asked", asked.Load)
		/* others are answered meanwhile */
		if err := h.protocol.Ping(); err != nil {
			t.Fatal(err)
		}
		if gone.Load() {
			t.Fatal("the question was not given up yet")
		}
		if err := giveUp(); status.Code(err) != codes.Canceled {
			t.Fatal(err)
		}
		until(t, "the server hears that the question was given up", gone.Load)
	})
}

func TestConnectionsAreKeptAndLostOnesReplaced(t *testing.T) {
	h := start(t)
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(answer(t))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	defer s.Close()
	for i := 0; i < 20; i++ {
		works(t, h, instance(s.URL))
	}
	if opened.Load() != 1 {
		t.Fatalf("%d connections for 20 questions", opened.Load())
	}
	s.CloseClientConnections()
	works(t, h, instance(s.URL))
	works(t, h, instance(strings.Replace(s.URL, "127.0.0.1", "localhost", 1)))
}

func TestAnswersEndInEveryWay(t *testing.T) {
	h := start(t)
	body := string(finished(t))
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + frames + "\r\n"
	works(t, h, instance(says(t, head+"\r\n"+body)))
	works(t, h, instance(says(t, fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n%s\r\n%x\r\n%s\r\n0\r\nT: 1\r\n\r\n",
		head, body[:5], len(body)-5, body[5:]))))
	works(t, h, instance(says(t, "HTTP/1.1 100 Continue\r\n\r\n"+head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))))
}

func TestHeadersAndCredentials(t *testing.T) {
	h := start(t)
	var seen http.Header
	var path string
	reply := answer(t)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, path = r.Header, r.URL.Path
		reply.ServeHTTP(w, r)
	}))
	defer s.Close()
	works(t, h, instance(s.URL+"/prefix/", func(i *pluginv2.DataSourceInstanceSettings) {
		i.BasicAuthEnabled, i.BasicAuthUser = true, "käthe"
		i.JsonData = []byte(`{"httpHeaderName1":"X-Scope","httpHeaderName3":"X-Without-Value"}`)
		i.DecryptedSecureJsonData = map[string]string{"basicAuthPassword": "s3cret", "httpHeaderValue1": "plant"}
	}))
	user, password, _ := (&http.Request{Header: seen}).BasicAuth()
	if user != "käthe" || password != "s3cret" || seen.Get("X-Scope") != "plant" ||
		path != "/prefix/query" {
		t.Fatalf("%s %v", path, seen)
	}
	for _, bad := range [][3]string{{"Content-Length", "0", "for the plugin"}, {"Authorization", "Basic x", "for the plugin"},
		{"X-Bad", "a\r\nX-Evil: 1", "malformed"}, {"X Bad", "a", "malformed"}} {
		fails(t, h, instance(s.URL, func(i *pluginv2.DataSourceInstanceSettings) {
			i.JsonData = []byte(`{"httpHeaderName2":"` + bad[0] + `"}`)
			i.DecryptedSecureJsonData = map[string]string{"token": "t0ken", "httpHeaderValue2": bad[1]}
		}), 400, "header 2 of the settings is "+bad[2])
	}
	token := func(i *pluginv2.DataSourceInstanceSettings) {
		i.DecryptedSecureJsonData = map[string]string{"token": "t0ken"}
	}
	works(t, h, instance(s.URL, token))
	if seen.Get("Authorization") != "Bearer t0ken" {
		t.Fatal(seen)
	}
	fails(t, h, instance("http://127.0.0.1:1", token), 502, "")
	for _, secret := range []string{"s3cret", "t0ken"} {
		if strings.Contains(h.log.String(), secret) {
			t.Fatalf("a secret is in the log:\n%s", h.log)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	h := start(t)
	path := filepath.Join(t.TempDir(), "server.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: answer(t)}
	go s.Serve(l)
	defer s.Close()
	works(t, h, instance("unix://"+path))
}

// authority is who signs certificates; nil signs itself.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// signed makes a certificate and its key, both as PEM, too.
func signed(t *testing.T, name string, by *authority) (*authority, string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wanted := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true}
	if by == nil {
		by = &authority{wanted, key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, wanted, by.cert, &key.PublicKey, by.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// identity makes a certificate that signs itself.
func identity(t *testing.T, name string) (tls.Certificate, string, string) {
	t.Helper()
	_, cert, private := signed(t, name, nil)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(private))
	if err != nil {
		t.Fatal(err)
	}
	return pair, cert, private
}

func TestTLS(t *testing.T) {
	h := start(t)
	pair, ca, _ := identity(t, "server.example")
	_, clientCert, clientKey := identity(t, "grafana")
	root, rootCert, _ := signed(t, "root", nil)
	middle, middleCert, _ := signed(t, "middle", root)
	_, leafCert, leafKey := signed(t, "leaf", middle)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(clientCert + rootCert))
	s := httptest.NewUnstartedServer(answer(t))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	defer s.Close()
	strict := httptest.NewUnstartedServer(answer(t))
	strict.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert}
	strict.StartTLS()
	defer strict.Close()
	with := func(url, options string, secrets map[string]string) *pluginv2.PluginContext {
		return instance(url, func(i *pluginv2.DataSourceInstanceSettings) {
			i.JsonData, i.DecryptedSecureJsonData = []byte(options), secrets
		})
	}
	known := map[string]string{"tlsCACert": ca}
	named := `{"tlsAuthWithCACert":true,"serverName":"server.example"}`
	works(t, h, with(s.URL, named, known))
	works(t, h, with(s.URL, `{"tlsSkipVerify":true}`, nil))
	fails(t, h, with(s.URL, `{}`, nil), 502, "TLS: ")
	fails(t, h, with(s.URL, `{"tlsAuthWithCACert":true,"serverName":"other.example"}`, known), 502, "mismatch")
	fails(t, h, with(s.URL, named, map[string]string{"tlsCACert": "rubbish"}), 502, "cannot be read")
	fails(t, h, with(s.URL, named, nil), 400, "tlsCACert is missing")
	fails(t, h, with(strict.URL, named, known), 502, "")
	mine := func(cert, key string) *pluginv2.PluginContext {
		return with(strict.URL, `{"tlsAuthWithCACert":true,"tlsAuth":true,"serverName":"server.example"}`,
			map[string]string{"tlsCACert": ca, "tlsClientCert": cert, "tlsClientKey": key})
	}
	works(t, h, mine(clientCert, clientKey))
	works(t, h, mine(leafCert+middleCert, leafKey))
	fails(t, h, mine(leafCert, leafKey), 502, "") /* nobody tells who signed it */
	fails(t, h, mine(leafCert, clientKey), 502, "cannot be read")
	fails(t, h, with(strings.Replace(s.URL, "https", "http", 1), `{}`, nil), 400, "HTTP 400")
	plain := httptest.NewServer(answer(t))
	defer plain.Close()
	fails(t, h, with(strings.Replace(plain.URL, "http", "https", 1), `{}`, nil), 502, "TLS: ")
}

// ---- its life ----

func sockets(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestShutdownIsTidy(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PLUGIN_UNIX_SOCKET_DIR", dir)
	h := start(t)
	if len(sockets(t, dir)) != 1 {
		t.Fatal("no socket where the host wants it")
	}
	h.quit(t)
	if len(sockets(t, dir)) != 0 {
		t.Fatal("the socket is still there")
	}
}

func TestAKilledOneDoesNotBlockTheNext(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PLUGIN_UNIX_SOCKET_DIR", dir)
	s := httptest.NewServer(answer(t))
	defer s.Close()
	first := start(t)
	works(t, first, instance(s.URL))
	if err := syscall.Kill(first.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "the end is noticed", first.client.Exited)
	second := start(t)
	works(t, second, instance(s.URL))
}

// bare starts the executable without a host, and tells its socket.
func bare(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(cmd.Env, "grafana_plugin_type=datasource", "PLUGIN_PROTOCOL_VERSIONS=2")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	parts := strings.Split(strings.TrimSpace(line), "|")
	if err != nil || len(parts) != 6 || parts[0] != "1" || parts[1] != "2" || parts[2] != "unix" || parts[4] != "grpc" {
		t.Fatalf("%q %v", line, err)
	}
	return parts[3]
}

func TestInAnEmptyRoot(t *testing.T) {
	file, err := os.ReadFile(executable())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(file), "/lib64/ld-linux") {
		t.Skip("a sanitized executable is not static")
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/gpx", file, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/gpx")
	cmd.Dir = "/"
	cmd.Env = []string{"PLUGIN_UNIX_SOCKET_DIR=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir}
	path := bare(t, cmd)
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	conn, err := grpc.NewClient("unix://"+dir+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := httptest.NewServer(answer(t))
	defer s.Close()
	r, err := pluginv2.NewDataClient(conn).QueryData(ctx(t), questionA(instance(s.URL)))
	if err != nil || len(r.Responses["A"].Frames) != 1 {
		t.Fatalf("%v %v", r, err)
	}
}

func TestItEndsWithItsParent(t *testing.T) {
	within(t, 2*time.Second, "the end of the orphan", orphaned)
}

// orphaned is how long it lives without a parent.
func orphaned(t *testing.T) time.Duration {
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", `"$0" & echo $! >&2; wait`, executable())
	cmd.Env = []string{"PLUGIN_UNIX_SOCKET_DIR=" + dir}
	log := new(output)
	cmd.Stderr = log
	bare(t, cmd)
	var pid int
	until(t, "its pid", func() bool {
		/* the executable logs to the same pipe */
		n, _ := fmt.Sscan(regexp.MustCompile(`(?m)^\d+$`).FindString(log.String()), &pid)
		return n == 1
	})
	/* read through this, its number cannot become another's */
	stat, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer stat.Close()
	cmd.Process.Kill()
	begin := time.Now()
	until(t, "the end of the orphan", func() bool {
		text := make([]byte, 200)
		n, err := stat.ReadAt(text, 0)
		return err != nil && err != io.EOF || strings.Contains(string(text[:n]), ") Z ")
	})
	took := time.Since(begin)
	if len(sockets(t, dir)) != 0 {
		t.Fatal("the socket is still there")
	}
	cmd.Wait()
	return took
}

func TestAPersonIsToldWhatItIs(t *testing.T) {
	cmd := exec.Command(executable())
	cmd.Env = []string{}
	text, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(text), "Grafana") {
		t.Fatalf("%v %s", err, text)
	}
}

func TestAFolderThatIsNotThereIsNamed(t *testing.T) {
	cmd := exec.Command(executable())
	cmd.Env = []string{"grafana_plugin_type=datasource", "PLUGIN_UNIX_SOCKET_DIR=/nowhere"}
	text, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(text), "cannot listen in /nowhere: No such file") {
		t.Fatalf("%v %s", err, text)
	}
}

// Bytes that are no HTTP/2, no gRPC, no message: it refuses and lives on.
func TestHostilePeers(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PLUGIN_UNIX_SOCKET_DIR", dir)
	h := start(t)
	path := sockets(t, dir)[0]
	preface := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	for _, text := range []string{"", "GET / HTTP/1.1\r\n\r\n", preface, preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" +
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff", preface + strings.Repeat("\x00", 100000)} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, text)
		c.Close()
	}
	conn, err := grpc.NewClient("unix://"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, method := range []string{"/pluginv2.Data/QueryData", "/pluginv2.Stream/RunStream",
		"/pluginv2.Resource/CallResource", "/pluginv2.Diagnostics/CheckHealth", "/no.such/Method"} {
		var out garbage
		err := conn.Invoke(ctx(t), method, garbage("\x0a\xff\xff\xff\xff\x0f\x22"), &out,
			grpc.ForceCodec(codec{}))
		t.Logf("%s: %v", method, err)
	}
	_, err = h.data.QueryData(ctx(t), &pluginv2.QueryDataRequest{Queries: []*pluginv2.DataQuery{
		{RefId: "A", Json: make([]byte, 17<<20)}}})
	if status.Code(err) != codes.ResourceExhausted {
		t.Fatal(err)
	}
	if err := h.protocol.Ping(); err != nil {
		t.Fatal(err)
	}
}
