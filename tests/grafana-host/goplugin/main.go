// goplugin is the least that a Go plugin on Grafana's SDK needs to serve the
// same frames from the same server: what ours is measured against.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/protobuf/proto"
)

type source struct {
	url    string
	client http.Client
}

func (s *source) QueryData(ctx context.Context, r *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	var targets []any
	for _, q := range r.Queries {
		target := map[string]any{}
		if err := json.Unmarshal(q.JSON, &target); err != nil {
			return nil, err
		}
		target["refId"] = q.RefID
		target["intervalMs"] = q.Interval.Milliseconds()
		target["maxDataPoints"] = q.MaxDataPoints
		target["range"] = map[string]any{"from": q.TimeRange.From.UnixMilli(), "to": q.TimeRange.To.UnixMilli()}
		targets = append(targets, target)
	}
	body, err := json.Marshal(map[string]any{"targets": targets})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, "POST", s.url+"/query", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	/* Arrow: what costs the SDK least to read and write again */
	request.Header.Set("Accept", "application/vnd.heapwatch.frames")
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	message := new(pluginv2.QueryDataResponse)
	if err := proto.Unmarshal(raw, message); err != nil {
		return nil, err
	}
	return backend.FromProto().QueryDataResponse(message)
}

func (s *source) CheckHealth(context.Context, *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk}, nil
}

func main() {
	make := func(_ context.Context, settings backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
		return &source{url: settings.URL}, nil
	}
	if err := datasource.Manage("heapwatch-go", make, datasource.ManageOpts{}); err != nil {
		os.Exit(1)
	}
}
