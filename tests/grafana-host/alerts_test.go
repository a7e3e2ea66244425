package host

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

type ruleQuery struct {
	RefID  string                   `json:"refId"`
	Source string                   `json:"datasourceUid"`
	Range  struct{ From, To int64 } `json:"relativeTimeRange"`
	Model  json.RawMessage          `json:"model"`
}

type rule struct {
	UID  string      `json:"uid"`
	Data []ruleQuery `json:"data"`
}

// rules are those that Grafana is provisioned with. Needs python3-yaml.
func rules(t *testing.T) []rule {
	t.Helper()
	path, _ := filepath.Abs(filepath.Join(root, "dashboards/provisioning/alerting/heapwatch.yaml"))
	text, err := exec.Command("python3", "-c", "import json, sys, yaml\n"+
		"print(json.dumps([r for g in yaml.safe_load(open(sys.argv[1]))['groups'] for r in g['rules']]))",
		path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []rule
	if err := json.Unmarshal(text, &all); err != nil || len(all) < 10 {
		t.Fatalf("%d rules, %v", len(all), err)
	}
	return all
}

// asked is how Grafana's alerting puts a query of a rule.
func asked(t *testing.T, q ruleQuery, now time.Time) *pluginv2.DataQuery {
	t.Helper()
	var model struct{ IntervalMs, MaxDataPoints int64 }
	if err := json.Unmarshal(q.Model, &model); err != nil {
		t.Fatal(err)
	}
	return &pluginv2.DataQuery{RefId: q.RefID, IntervalMS: model.IntervalMs,
		MaxDataPoints: model.MaxDataPoints, Json: q.Model,
		TimeRange: &pluginv2.TimeRange{
			FromEpochMS: now.Add(-time.Duration(q.Range.From) * time.Second).UnixMilli(),
			ToEpochMS:   now.Add(-time.Duration(q.Range.To) * time.Second).UnixMilli()}}
}

func TestQueriesOfAlertRulesAreAnswered(t *testing.T) {
	s := serve(t)
	s.victim(t)
	h := start(t)
	headers := map[string]string{"FromAlert": "true"}
	for _, r := range rules(t) {
		t.Run(r.UID, func(t *testing.T) {
			/* there is nothing at first; target_lost leaves out 30 s */
			until(t, "values for each query", func() bool {
				request := &pluginv2.QueryDataRequest{PluginContext: instance(s.url), Headers: headers}
				for _, q := range r.Data {
					if q.Source == "heapwatch" {
						request.Queries = append(request.Queries, asked(t, q, time.Now()))
					}
				}
				return answered(t, request.Queries, ask(t, h, request))
			})
		})
	}
}

// answered tells whether each query has values; its series, if there are any,
// must be right.
func answered(t *testing.T, queries []*pluginv2.DataQuery, answer *backend.QueryDataResponse) bool {
	t.Helper()
	full := len(queries) > 0
	for _, q := range queries {
		one := answer.Responses[q.RefId]
		if one.Error != nil || len(one.Frames) == 0 {
			t.Fatalf("%s: %+v", q.RefId, one)
		}
		if len(one.Frames[0].Fields) == 0 {
			dataplane(t, one.Frames)
			full = false
			continue
		}
		alertable(t, one.Frames)
		some := false
		for _, f := range one.Frames {
			some = some || known(f.Fields[1])
		}
		full = full && some
		labels := one.Frames[0].Fields[1].Labels
		if !strings.Contains(string(q.Json), "instance") && labels["node"] == "" ||
			strings.Contains(string(q.Json), "instance") && labels["service"] == "" {
			t.Fatalf("%s: labels %v", q.RefId, labels)
		}
	}
	return full
}
