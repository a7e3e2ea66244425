package host

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/protobuf/proto"
)

// decode is what Grafana does with the answer of a plugin.
func decode(t *testing.T, raw []byte) *backend.QueryDataResponse {
	t.Helper()
	message := new(pluginv2.QueryDataResponse)
	if err := proto.Unmarshal(raw, message); err != nil {
		t.Fatal(err)
	}
	answer, err := backend.FromProto().QueryDataResponse(message)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// The golden files of both encodings say the same to Grafana's own decoder.
func TestGoldenFilesAreReadByTheSDK(t *testing.T) {
	cases, err := filepath.Glob("../golden/frames-pb/*/out")
	if err != nil || len(cases) < 3 {
		t.Fatalf("golden files: %v %v", cases, err)
	}
	for _, path := range cases {
		name := filepath.Base(filepath.Dir(path))
		t.Run(name, func(t *testing.T) {
			arrow := decode(t, read(t, path))
			json := decode(t, read(t, filepath.Join("../golden/frames-pb-json", name, "out")))
			same(t, arrow, json)
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func same(t *testing.T, a, b *backend.QueryDataResponse) {
	t.Helper()
	if len(a.Responses) != len(b.Responses) {
		t.Fatalf("%d and %d answers", len(a.Responses), len(b.Responses))
	}
	for ref, one := range a.Responses {
		other := b.Responses[ref]
		if len(one.Frames) != len(other.Frames) {
			t.Fatalf("%s: %d and %d frames", ref, len(one.Frames), len(other.Frames))
		}
		for i := range one.Frames {
			x, err := one.Frames[i].StringTable(-1, -1)
			if err != nil {
				t.Fatal(err)
			}
			y, err := other.Frames[i].StringTable(-1, -1)
			if err != nil {
				t.Fatal(err)
			}
			if x != y {
				t.Errorf("%s: Arrow\n%s\nJSON\n%s", ref, x, y)
			}
		}
	}
}

var _ data.Frame
