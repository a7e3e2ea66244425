//go:build dashboards

package host

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// What tests/dashboards/plugin.py asks, and what it judges.
type questions struct {
	URL       string
	Queries   []json.RawMessage
	Variables []json.RawMessage // bodies of /variable
}

type verdict struct {
	Error   string   `json:"error"`
	Full    bool     `json:"full"` // some value that is no time
	Notices []string `json:"notices"`
	Bare    int      `json:"bare"` // number fields without a unit
}

type answers struct {
	Queries   []verdict         `json:"queries"`
	Variables []json.RawMessage `json:"variables"`
}

func judge(r backend.DataResponse) verdict {
	a := verdict{Notices: []string{}}
	if r.Error != nil {
		a.Error = r.Error.Error()
	}
	for _, frame := range r.Frames {
		if frame.Meta != nil {
			for _, n := range frame.Meta.Notices {
				a.Notices = append(a.Notices, n.Text)
			}
		}
		for _, f := range frame.Fields {
			a.Full = a.Full || !f.Type().Time() && known(f)
			if f.Type() == data.FieldTypeNullableFloat64 && (f.Config == nil || f.Config.Unit == "") {
				a.Bare++
			}
		}
	}
	return a
}

// Every question of QUESTIONS through the executable; ANSWERS tells how it went.
func TestQuestionsOfDashboards(t *testing.T) {
	var q questions
	if err := json.Unmarshal(read(t, os.Getenv("QUESTIONS")), &q); err != nil {
		t.Fatal(err)
	}
	if len(q.Queries) == 0 || len(q.Variables) == 0 {
		t.Fatal("nothing is asked")
	}
	h := start(t)
	told := answers{}
	for _, raw := range q.Queries {
		to := time.Now()
		r := ask(t, h, &pluginv2.QueryDataRequest{PluginContext: instance(q.URL),
			Queries: []*pluginv2.DataQuery{{RefId: "A", MaxDataPoints: 300, IntervalMS: 2000, Json: raw,
				TimeRange: &pluginv2.TimeRange{FromEpochMS: to.Add(-2 * time.Minute).UnixMilli(),
					ToEpochMS: to.UnixMilli()}}}})
		one, ok := r.Responses["A"]
		if !ok {
			t.Fatalf("no answer to %s", raw)
		}
		told.Queries = append(told.Queries, judge(one))
	}
	for _, raw := range q.Variables {
		code, body := call(t, h, instance(q.URL), "POST", "variable", string(raw))
		if code != 200 {
			t.Fatalf("%s: %d %s", raw, code, body)
		}
		told.Variables = append(told.Variables, json.RawMessage(body))
	}
	text, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("ANSWERS"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}
