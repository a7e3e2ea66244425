package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func ask(t testing.TB, h *Host, r *pluginv2.QueryDataRequest) *backend.QueryDataResponse {
	t.Helper()
	raw, err := h.data.QueryData(ctx(t), r)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := backend.FromProto().QueryDataResponse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// known tells whether it has a value.
func known(f *data.Field) bool {
	for i := 0; i < f.Len(); i++ {
		if _, ok := f.ConcreteAt(i); ok {
			return true
		}
	}
	return false
}

// alertable is what Grafana's data plane asks of series.
func alertable(t *testing.T, frames data.Frames) {
	t.Helper()
	dataplane(t, frames)
	seen := map[string]bool{}
	for _, f := range frames {
		if f.Meta == nil || f.Meta.Type != data.FrameTypeTimeSeriesMulti ||
			f.Meta.TypeVersion != (data.FrameTypeVersion{0, 1}) {
			t.Fatalf("meta %+v", f.Meta)
		}
		if len(f.Fields) != 2 || f.Fields[0].Type() != data.FieldTypeTime ||
			f.Fields[1].Type() != data.FieldTypeNullableFloat64 {
			t.Fatalf("fields of %s: %v", f.Name, f.Fields)
		}
		key := f.Name + f.Fields[1].Labels.String()
		if seen[key] {
			t.Fatalf("twice: %s", key)
		}
		seen[key] = true
		last := time.Time{}
		for i := 0; i < f.Rows(); i++ {
			at := f.Fields[0].At(i).(time.Time)
			if !at.After(last) {
				t.Fatalf("%v after %v", at, last)
			}
			last = at
		}
		if c := f.Fields[1].Config; c == nil || c.Unit == "" {
			t.Fatalf("no unit on %s", key)
		}
	}
}

func TestEveryCallOfARealServer(t *testing.T) {
	s := serve(t)
	pids := []string{s.victim(t), s.victim(t)}
	from, to := s.settled(t, pids...)
	h := start(t)
	context := instance(s.url)

	t.Run("ping", func(t *testing.T) {
		if err := h.protocol.Ping(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("health", func(t *testing.T) {
		r, err := h.diag.CheckHealth(ctx(t),
			&pluginv2.CheckHealthRequest{PluginContext: context})
		if err != nil || r.Status != pluginv2.CheckHealthResponse_OK ||
			!strings.Contains(r.Message, "watches") {
			t.Fatalf("%v %v", r, err)
		}
	})
	t.Run("metrics", func(t *testing.T) {
		r, err := h.diag.CollectMetrics(ctx(t), &pluginv2.CollectMetricsRequest{})
		if err != nil || !strings.Contains(string(r.Metrics.Prometheus),
			"heapwatch_plugin_calls_total") {
			t.Fatalf("%v %v", r, err)
		}
	})
	t.Run("values equal those of the JSON protocol", func(t *testing.T) { equalsJSON(t, h, s, from, to) })
	t.Run("series for alert rules", func(t *testing.T) {
		r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context, Queries: []*pluginv2.DataQuery{
			question("A", "heap_used_bytes", `{"by":"pid"}`, from, to),
			question("B", "heap_util_rate", `{"by":"pid"}`, from, to)}})
		for _, ref := range []string{"A", "B"} {
			frames := r.Responses[ref].Frames
			if r.Responses[ref].Error != nil || len(frames) != 2 {
				t.Fatalf("%s: %+v", ref, r.Responses[ref])
			}
			alertable(t, frames)
			if got := pidsOf(frames); !reflect.DeepEqual(got, sorted(pids)) {
				t.Fatalf("%s: of %v, not %v", ref, got, pids)
			}
		}
	})
	t.Run("latest values are numeric", func(t *testing.T) {
		var frames data.Frames
		/* one that was not read for a few seconds has none */
		until(t, "the latest values of both", func() bool {
			r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context, Queries: []*pluginv2.DataQuery{
				question("A", "heap_used_bytes", `{"format":"latest","by":"pid"}`, from, to)}})
			frames = r.Responses["A"].Frames
			if r.Responses["A"].Error != nil || len(frames) < 1 || frames[0].Meta.Type != data.FrameTypeNumericMulti {
				t.Fatalf("%+v", r.Responses["A"])
			}
			dataplane(t, frames)
			return len(frames) == 2
		})
		for _, f := range frames {
			if len(f.Fields) != 1 || f.Rows() != 1 {
				t.Fatalf("%v", f)
			}
		}
	})
	t.Run("one bad question leaves the others", func(t *testing.T) {
		broken := question("C", "threads", "{}", from, to)
		broken.Json = []byte(`{"target":`)
		deep := question("D", "threads", strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40), from, to)
		r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context, Queries: []*pluginv2.DataQuery{
			question("A", "heap_used_bytes", `{}`, from, to),
			question("B", "no_such_metric", `{}`, from, to), broken, deep}})
		if len(r.Responses) != 4 || r.Responses["A"].Error != nil ||
			len(r.Responses["A"].Frames) == 0 {
			t.Fatalf("%+v", r.Responses)
		}
		for ref, code := range map[string]backend.Status{"B": 404, "C": 400, "D": 400} {
			one := r.Responses[ref]
			if one.Error == nil || one.Status != code || one.ErrorSource != backend.ErrorSourceDownstream {
				t.Fatalf("%s: %+v", ref, one)
			}
		}
	})
	t.Run("nothing found is a typed frame", func(t *testing.T) {
		r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context, Queries: []*pluginv2.DataQuery{
			question("A", "heap_used_bytes", `{"service":"nobody"}`, from, to),
			question("B", "heap_used_bytes", `{"service":"nobody","format":"latest"}`, from, to)}})
		for ref, kind := range map[string]data.FrameType{"A": data.FrameTypeTimeSeriesMulti, "B": data.FrameTypeNumericMulti} {
			frames := r.Responses[ref].Frames
			if len(frames) != 1 || len(frames[0].Fields) != 0 || frames[0].RefID != ref || frames[0].Meta.Type != kind {
				t.Fatalf("%s: %+v", ref, frames)
			}
			dataplane(t, frames)
		}
	})
	t.Run("JSON when it is asked for", func(t *testing.T) {
		q := []*pluginv2.DataQuery{question("A", "heap_used_bytes", `{"by":"pid"}`, from, to)}
		arrow := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context, Queries: q})
		raw, err := h.data.QueryData(ctx(t), &pluginv2.QueryDataRequest{
			PluginContext: context, Queries: q, Format: pluginv2.DataFrameFormat_JSON})
		if err != nil || raw.Responses["A"].Format != pluginv2.DataFrameFormat_JSON {
			t.Fatalf("%v %v", raw, err)
		}
		text, err := backend.FromProto().QueryDataResponse(raw)
		if err != nil {
			t.Fatal(err)
		}
		same(t, arrow, text)
	})
	t.Run("100,000 points", func(t *testing.T) {
		q := question("A", "heap_used_bytes", `{"step":"1s","agg":"max"}`,
			to.Add(-100000*time.Second), to)
		q.MaxDataPoints = 100001
		r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context,
			Queries: []*pluginv2.DataQuery{q}})
		if r.Responses["A"].Error != nil || r.Responses["A"].Frames[0].Rows() < 100000 {
			t.Fatalf("%+v", r.Responses["A"])
		}
		alertable(t, r.Responses["A"].Frames)
	})
	t.Run("500 frames", func(t *testing.T) {
		var q []*pluginv2.DataQuery
		for i := 0; i < 8; i++ {
			q = append(q, question(fmt.Sprint("R", i), ".*", `{"by":"pid"}`, from, to))
		}
		r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context, Queries: q})
		count := 0
		for _, one := range r.Responses {
			if one.Error != nil {
				t.Fatal(one.Error)
			}
			count += len(one.Frames)
		}
		t.Logf("%d frames", count)
		if len(r.Responses) != 8 || count < 500 {
			t.Fatalf("%d answers, %d frames", len(r.Responses), count)
		}
	})
	t.Run("chunks", func(t *testing.T) {
		stream, err := h.data.QueryChunkedData(ctx(t),
			&pluginv2.QueryChunkedDataRequest{PluginContext: context, Queries: []*pluginv2.DataQuery{
				question("A", "heap_used_bytes", `{"by":"pid"}`, from, to),
				question("B", "no_such_metric", `{}`, from, to)}})
		if err != nil {
			t.Fatal(err)
		}
		frames, failed := 0, false
		for {
			chunk, err := stream.Recv()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if chunk.RefId == "B" {
				failed = chunk.Error != "" && chunk.Status == 404
				continue
			}
			if _, err := data.UnmarshalArrowFrame(chunk.Frame); err != nil || chunk.FrameId == "" {
				t.Fatalf("%v %v", chunk, err)
			}
			frames++
		}
		if frames < 2 || !failed {
			t.Fatalf("%d frames, failed %v", frames, failed)
		}
	})
	t.Run("a request of 5 MiB", func(t *testing.T) {
		q := question("A", "threads", `{}`, from, to)
		q.Json = []byte(`{"target":"threads","note":"` + strings.Repeat("x", 5<<20) + `"}`)
		r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: context, Queries: []*pluginv2.DataQuery{q}})
		if r.Responses["A"].Error != nil {
			t.Fatal(r.Responses["A"].Error)
		}
	})
	t.Run("resources", func(t *testing.T) { resources(t, h, context) })
	t.Run("streams", func(t *testing.T) { streams(t, h, context, pids) })
	t.Run("8 callers at once", func(t *testing.T) {
		var all sync.WaitGroup
		for i := 0; i < 8; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				for k := 0; k < 20; k++ {
					raw, err := h.data.QueryData(ctx(t), &pluginv2.QueryDataRequest{
						PluginContext: context, Queries: []*pluginv2.DataQuery{
							question("A", "heap_used_bytes", `{"by":"pid"}`, from, to)}})
					if err != nil || len(raw.Responses["A"].Frames) < 2 {
						t.Errorf("%v %v", raw, err)
						return
					}
				}
			}()
		}
		all.Wait()
	})
	t.Run("what it cannot is unimplemented", func(t *testing.T) {
		_, err := h.admission.ValidateAdmission(ctx(t), &pluginv2.AdmissionRequest{})
		if status.Code(err) != codes.Unimplemented {
			t.Fatal(err)
		}
	})
}

// pidsOf are those that the labels name, in order.
func pidsOf(frames data.Frames) []string {
	var pids []string
	for _, f := range frames {
		pids = append(pids, f.Fields[len(f.Fields)-1].Labels["pid"])
	}
	return sorted(pids)
}

func sorted(all []string) []string {
	all = append([]string{}, all...)
	sort.Strings(all)
	return all
}

func equalsJSON(t *testing.T, h *Host, s *Server, from, to time.Time) {
	r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: instance(s.url),
		Queries: []*pluginv2.DataQuery{question("A", "heap_used_bytes", `{"by":"pid","step":"1s"}`, from, to)}})
	raw := s.post(t, map[string]any{
		"range": map[string]any{"from": from.UnixMilli(), "to": to.UnixMilli()}, "maxDataPoints": 1000,
		"targets": []any{map[string]any{"refId": "A", "target": "heap_used_bytes",
			"payload": map[string]any{"by": "pid", "step": "1s"}}}})
	var series []struct {
		Tags       map[string]string
		Datapoints [][2]*float64
	}
	if err := json.Unmarshal(raw, &series); err != nil {
		t.Fatal(err)
	}
	frames := r.Responses["A"].Frames
	if len(series) != 2 || len(series) != len(frames) {
		t.Fatalf("%d series, %d frames", len(series), len(frames))
	}
	values := 0
	for i, one := range series {
		f := frames[i]
		if data.Labels(one.Tags).String() != f.Fields[1].Labels.String() || len(one.Datapoints) != f.Rows() {
			t.Fatalf("%v %d, %v %d", one.Tags, len(one.Datapoints), f.Fields[1].Labels, f.Rows())
		}
		for k, p := range one.Datapoints {
			v := f.Fields[1].At(k).(*float64)
			at := f.Fields[0].At(k).(time.Time).UnixMilli()
			if at != int64(*p[1]) || (v == nil) != (p[0] == nil) ||
				(v != nil && math.Float64bits(*v) != math.Float64bits(*p[0])) {
				t.Fatalf("row %d: %v %v, %v", k, at, v, p)
			}
			if v != nil {
				values++
			}
		}
	}
	if values < 10 { /* settled waits for them */
		t.Fatalf("only %d values to compare", values)
	}
}

func call(t *testing.T, h *Host, c *pluginv2.PluginContext, method, path, body string) (int32, string) {
	t.Helper()
	stream, err := h.resource.CallResource(ctx(t), &pluginv2.CallResourceRequest{
		PluginContext: c, Method: method, Path: path, Url: path, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	one, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Fatalf("after the answer: %v", err)
	}
	return one.Code, string(one.Body)
}

func resources(t *testing.T, h *Host, c *pluginv2.PluginContext) {
	for _, one := range []struct {
		method, path, body string
		code               int32
		part               string
	}{
		{"POST", "metrics", "{}", 200, "heap_util_rate"},
		{"POST", "metric-payload-options", `{"metric":"heap_util_rate","name":"agg"}`, 200, "p95"},
		{"POST", "variable", `{"payload":{"target":"service"}}`, 200, "victim"},
		{"POST", "tag-keys", "", 200, "service"},
		{"POST", "tag-values", `{"key":"service"}`, 200, "victim"},
		{"GET", "api/v1/targets", "", 200, "targets"},
		{"GET", "api/v1/nothing", "", 404, "message"},
		{"POST", "api/v1/targets", "", 404, "message"},
		{"POST", "query", "{}", 404, "message"},
		{"GET", "api/v1/../../query", "", 404, "message"},
		{"GET", "api/v1/x y", "", 404, "message"},
		{"POST", "metrics", "{", 400, "message"},
	} {
		code, body := call(t, h, c, one.method, one.path, one.body)
		if code != one.code || !strings.Contains(body, one.part) {
			t.Errorf("%s %s: %d %.200s", one.method, one.path, code, body)
		}
	}
}

// cancelled is how many calls the host has given up so far.
func cancelled(t *testing.T, h *Host) (calls int) {
	t.Helper()
	const name = "\nheapwatch_plugin_calls_cancelled_total "
	r, err := h.diag.CollectMetrics(ctx(t), &pluginv2.CollectMetricsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, value, found := strings.Cut(string(r.Metrics.Prometheus), name)
	if n, _ := fmt.Sscan(value, &calls); !found || n != 1 {
		t.Fatalf("%s", r.Metrics.Prometheus)
	}
	return calls
}

func streams(t *testing.T, h *Host, c *pluginv2.PluginContext, pids []string) {
	query := []byte(`{"target":"heap_used_bytes","payload":{"by":"pid"},"intervalMs":1000}`)
	sub, err := h.stream.SubscribeStream(ctx(t), &pluginv2.SubscribeStreamRequest{
		PluginContext: c, Path: "query/1", Data: query})
	if err != nil || sub.Status != pluginv2.SubscribeStreamResponse_OK {
		t.Fatalf("%v %v", sub, err)
	}
	sub, err = h.stream.SubscribeStream(ctx(t), &pluginv2.SubscribeStreamRequest{
		PluginContext: c, Path: "other"})
	if err != nil || sub.Status != pluginv2.SubscribeStreamResponse_NOT_FOUND {
		t.Fatalf("%v %v", sub, err)
	}
	pub, err := h.stream.PublishStream(ctx(t), &pluginv2.PublishStreamRequest{
		PluginContext: c, Path: "query/1"})
	if err != nil || pub.Status != pluginv2.PublishStreamResponse_PERMISSION_DENIED {
		t.Fatalf("%v %v", pub, err)
	}
	before := cancelled(t, h)
	/* a step of the payload is waited for, too */
	two := []byte(`{"target":"heap_used_bytes","payload":{"by":"pid","step":"2s"},"intervalMs":1000}`)
	for step, data := range map[time.Duration][]byte{time.Second: query, 2 * time.Second: two} {
		run, cancel := context.WithCancel(ctx(t))
		stream, err := h.stream.RunStream(run, &pluginv2.RunStreamRequest{
			PluginContext: c, Path: "query/1", Data: data})
		if err != nil {
			t.Fatal(err)
		}
		steps(t, stream, step, pids)
		cancel()
		for err == nil { /* packets may have come before */
			_, err = stream.Recv()
		}
		if status.Code(err) != codes.Canceled {
			t.Fatal(err)
		}
	}
	until(t, "the cancelled streams are closed", func() bool { return cancelled(t, h) == before+2 })
}

// steps reads packets, each with a step of the victims, until a few had all of
// them: in a step of a second a busy machine may have read one or none.
func steps(t *testing.T, stream pluginv2.Stream_RunStreamClient, step time.Duration, pids []string) {
	t.Helper()
	last := time.Time{}
	for whole := 0; whole < 3; {
		packet, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var frame struct {
			Schema struct {
				Fields []struct {
					Name, Type string
					Labels     map[string]string
				}
			}
			Data struct{ Values [][]*float64 }
		}
		if err := json.Unmarshal(packet.Data, &frame); err != nil {
			t.Fatalf("%v: %s", err, packet.Data)
		}
		/* Grafana tells by them which values are whose when a series comes or goes */
		names := map[string]bool{}
		for _, f := range frame.Schema.Fields {
			names[f.Name] = true
		}
		if len(names) != len(frame.Data.Values) || !names["time"] {
			t.Fatalf("names of fields: %v", names)
		}
		times := frame.Data.Values[0]
		if len(times) == 0 && len(names) == 1 {
			continue
		}
		if len(times) != 1 {
			t.Fatalf("%s", packet.Data)
		}
		at := time.UnixMilli(int64(*times[0]))
		if !at.After(last) || at.UnixMilli()%step.Milliseconds() != 0 || at.After(time.Now()) {
			t.Fatalf("%v after %v, in steps of %v", at, last, step)
		}
		last = at
		var known []string
		for i, f := range frame.Schema.Fields[1:] {
			if frame.Data.Values[i+1][0] != nil {
				known = append(known, f.Labels["pid"])
			}
		}
		if reflect.DeepEqual(sorted(known), sorted(pids)) {
			whole++
		}
	}
}
