//go:build bench

package host

import (
	"bytes"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// figures of one executable; all but size are measured from the host's side.
type figures struct {
	size, start, rss float64
	small, wide      speed
}

// perCore is what a second of the plugin's own processor time answers: the
// server and the callers, who share the machine, are the same for both.
type speed struct{ perSecond, perCore, p50, p99 float64 }

// processor is the time that a process has had of it, in seconds.
func processor(t *testing.T, pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	after := strings.Fields(string(text[bytes.LastIndexByte(text, ')'):]))
	var user, kernel float64
	fmt.Sscan(after[12], &user)
	fmt.Sscan(after[13], &kernel)
	return (user + kernel) / 100
}

// load asks from 8 callers for a while; median and p99 in ms.
func load(t *testing.T, h *Host, r *pluginv2.QueryDataRequest, most time.Duration) speed {
	var all []float64
	var mu sync.Mutex
	var callers sync.WaitGroup
	begin, used := time.Now(), processor(t, h.pid())
	for i := 0; i < 8; i++ {
		callers.Add(1)
		go func() {
			defer callers.Done()
			var mine []float64
			for time.Since(begin) < most {
				one := time.Now()
				answer, err := h.data.QueryData(ctx(t), r)
				if err != nil || answer.Responses["A"].Error != "" {
					t.Errorf("%v %v", answer, err)
					return
				}
				if len(answer.Responses["A"].Frames) < 2 {
					t.Errorf("%v", answer)
					return
				}
				mine = append(mine, time.Since(one).Seconds()*1000)
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		}()
	}
	callers.Wait()
	took := time.Since(begin).Seconds()
	if t.Failed() || len(all) == 0 {
		t.FailNow()
	}
	sort.Float64s(all)
	return speed{float64(len(all)) / took, float64(len(all)) / (processor(t, h.pid()) - used),
		all[len(all)/2], all[len(all)*99/100]}
}

func measure(t *testing.T, path string, s *Server, from, to time.Time) figures {
	var f figures
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f.size = float64(info.Size()) / (1 << 20)
	var starts []float64
	for i := 0; i < 9; i++ {
		h, err := connect(path)
		if err != nil {
			t.Fatal(err)
		}
		starts = append(starts, h.started.Seconds()*1000)
		h.client.Kill()
	}
	sort.Float64s(starts)
	f.start = starts[len(starts)/2]
	h, err := connect(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.client.Kill()
	small := &pluginv2.QueryDataRequest{PluginContext: instance(s.url), Queries: []*pluginv2.DataQuery{
		question("A", "heap_used_bytes", `{"by":"pid"}`, from, to)}}
	wide := question("A", "heap_used_bytes", `{"by":"pid","step":"1s"}`, to.Add(-5000*time.Second), to)
	wide.MaxDataPoints = 10000
	load(t, h, small, time.Second) /* warm */
	f.small = load(t, h, small, 5*time.Second)
	f.wide = load(t, h, &pluginv2.QueryDataRequest{PluginContext: instance(s.url),
		Queries: []*pluginv2.DataQuery{wide}}, 5*time.Second)
	f.rss = float64(resident(t, h.pid())) / (1 << 20)
	return f
}

func TestBench(t *testing.T) {
	other := os.Getenv("GOPLUGIN")
	if other == "" {
		t.Fatal("make bench-plugin names the plugin to compare with")
	}
	s := serve(t)
	/* the same range for both, with something in it */
	from, to := s.settled(t, s.victim(t), s.victim(t))
	ours := measure(t, executable(), s, from, to)
	theirs := measure(t, fromRoot("GOPLUGIN", ""), s, from, to)
	fmt.Printf("%-44s %10s %10s %8s\n", "", "heapwatch", "Go SDK", "ratio")
	for _, row := range []struct {
		name   string
		ours   float64
		theirs float64
	}{
		{"size, MiB (less is better)", ours.size, theirs.size},
		{"start to handshake, ms (less)", ours.start, theirs.start},
		{"resident after the load, MiB (less)", ours.rss, theirs.rss},
		{"60 points a series, 8 callers: queries/s", ours.small.perSecond, theirs.small.perSecond},
		{"  a second of its own processor time", ours.small.perCore, theirs.small.perCore},
		{"  median, ms (less)", ours.small.p50, theirs.small.p50},
		{"  p99, ms (less)", ours.small.p99, theirs.small.p99},
		{"5,000 points a series, 8 callers: queries/s", ours.wide.perSecond, theirs.wide.perSecond},
		{"  a second of its own processor time", ours.wide.perCore, theirs.wide.perCore},
		{"  median, ms (less)", ours.wide.p50, theirs.wide.p50},
		{"  p99, ms (less)", ours.wide.p99, theirs.wide.p99},
	} {
		fmt.Printf("%-44s %10.2f %10.2f %8.2f\n", row.name, row.ours, row.theirs, row.ours/row.theirs)
	}
	if ours.small.perCore < 3*theirs.small.perCore || ours.rss > theirs.rss/4 {
		t.Error("promised: three times the queries of a core, a quarter of the memory")
	}
}
