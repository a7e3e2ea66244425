package host

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/protobuf/proto"
)

type jsFrame struct {
	Metadata map[string]string
	Fields   []struct {
		Name, Type string
		Metadata   map[string]string
		Values     []*string
	}
}

// inJavaScript is what apache-arrow for JavaScript makes of the frames.
func inJavaScript(t *testing.T, frames [][]byte) []jsFrame {
	t.Helper()
	var in bytes.Buffer
	for _, one := range frames {
		binary.Write(&in, binary.BigEndian, uint32(len(one)))
		in.Write(one)
	}
	cmd := exec.Command("node", filepath.Join(root, "tests/arrow-js/read.mjs"), fromRoot("ARROW_JS", "build/arrow-js"))
	cmd.Stdin = &in
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errors.String())
	}
	var read []jsFrame
	if err := json.Unmarshal(out, &read); err != nil || len(read) != len(frames) {
		t.Fatalf("%d of %d frames: %v", len(read), len(frames), err)
	}
	return read
}

// losslessly is a value in the words of tests/arrow-js/read.mjs.
func losslessly(v any, present bool) *string {
	var text string
	switch value := v.(type) {
	case time.Time:
		text = strconv.FormatInt(value.UnixNano(), 10)
	case float64:
		text = strconv.FormatUint(math.Float64bits(value), 16)
	default:
		text = fmt.Sprint(v)
	}
	if !present {
		return nil
	}
	return &text
}

func equalsJavaScript(t *testing.T, frames [][]byte) {
	t.Helper()
	for i, js := range inJavaScript(t, frames) {
		f, err := data.UnmarshalArrowFrame(frames[i])
		if err != nil {
			t.Fatal(err)
		}
		if js.Metadata["name"] != f.Name || js.Metadata["refId"] != f.RefID || len(js.Fields) != len(f.Fields) {
			t.Fatalf("%v %d fields, %s %d", js.Metadata, len(js.Fields), f.Name, len(f.Fields))
		}
		for k, field := range f.Fields {
			other := js.Fields[k]
			var labels data.Labels
			json.Unmarshal([]byte(other.Metadata["labels"]), &labels)
			if other.Name != field.Name || len(other.Values) != field.Len() || !labels.Equals(field.Labels) {
				t.Fatalf("%s %d %v, %s %d %v", other.Name, len(other.Values), labels, field.Name, field.Len(), field.Labels)
			}
			for row := range other.Values {
				v, present := field.ConcreteAt(row)
				want, got := losslessly(v, present), other.Values[row]
				if (want == nil) != (got == nil) || (want != nil && *want != *got) {
					t.Fatalf("%s row %d: %v is %v", field.Name, row, v, got)
				}
			}
		}
	}
}

func TestFramesAreReadByApacheArrowInJavaScript(t *testing.T) {
	cases, err := filepath.Glob("../golden/frames-pb/*/out")
	if err != nil || len(cases) < 3 {
		t.Fatalf("golden files: %v %v", cases, err)
	}
	var frames [][]byte
	for _, path := range cases {
		message := new(pluginv2.QueryDataResponse)
		if err := proto.Unmarshal(read(t, path), message); err != nil {
			t.Fatal(err)
		}
		for _, one := range message.Responses {
			frames = append(frames, one.Frames...)
		}
	}
	equalsJavaScript(t, frames)
}
