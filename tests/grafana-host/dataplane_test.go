package host

import (
	"testing"

	"github.com/grafana/dataplane/sdata/numeric"
	"github.com/grafana/dataplane/sdata/reader"
	"github.com/grafana/dataplane/sdata/timeseries"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// dataplane is the reader in front of Grafana's expression engine, where alert
// rules are evaluated: it must take every frame, whole and without a warning.
func dataplane(t *testing.T, frames data.Frames) {
	t.Helper()
	kind, err := reader.CanReadBasedOnMeta(frames)
	if err != nil {
		t.Fatal(err)
	}
	series, left := 0, 0
	var warning error
	switch {
	case kind.IsTimeSeries():
		r, err := timeseries.CollectionReaderFromFrames(frames)
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.GetCollection(true)
		if err != nil {
			t.Fatal(err)
		}
		series, left, warning = len(c.Refs), len(c.RemainderIndices), c.Warning
	case kind.IsNumeric():
		r, err := numeric.CollectionReaderFromFrames(frames)
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.GetCollection(false) /* it has no check of the values yet */
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, one := range c.Refs {
			key := one.GetMetricName() + one.GetLabels().String()
			if seen[key] {
				t.Fatalf("twice: %s", key)
			}
			seen[key] = true
		}
		series, left, warning = len(c.Refs), len(c.RemainderIndices), c.Warning
	default:
		t.Fatalf("alert rules do not read %s", kind)
	}
	wanted := len(frames)
	if len(frames[0].Fields) == 0 {
		wanted = 0 /* no data, said in the way that is understood */
	}
	if series != wanted || left != 0 || warning != nil {
		t.Fatalf("of %d frames %d are read, %d fields are left, %v", len(frames), series, left, warning)
	}
}
