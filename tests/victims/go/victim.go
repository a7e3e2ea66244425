// Victim is a Go program with a heap that a test knows: it does what single
// lines on standard input say, and answers each with one line of JSON.
//
//	report        what the runtime says of itself now
//	hold          settle, report, and stay still until the next line
//	grow N        keep N more MB alive
//	touch         write to every page of what grow kept
//	shrink        let go of all that grow kept
//	churn N       from now on allocate and drop N MB a second; 0: stop
//	gc            runtime.GC()
//	collect N     from now on runtime.GC() N times a second; 0: stop
//	goroutines N  start N goroutines that sleep
//	exec FILE     run this program in the place of this one
//	exit
//
// After "hold" nothing allocates: the answer is put together in memory that
// was there before, so that what another process reads is what was reported.
package main

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const blockBytes = 64 << 10

var (
	kept    [][]byte
	sink    []byte
	churn   int64 // MB a second
	collect int64 // collections a second
	stats   runtime.MemStats
	before  runtime.MemStats
	answer  = make([]byte, 0, 64<<10)
	input   = make([]byte, 4096)
	samples []metrics.Sample

	churning   bool
	collecting bool
)

func prepareMetrics() {
	for _, d := range metrics.All() {
		if d.Kind == metrics.KindUint64 || d.Kind == metrics.KindFloat64 {
			samples = append(samples, metrics.Sample{Name: d.Name})
		}
	}
	metrics.Read(samples)
}

func addUint(name string, value uint64) {
	answer = append(answer, '"')
	answer = append(answer, name...)
	answer = append(answer, `":`...)
	answer = strconv.AppendUint(answer, value, 10)
	answer = append(answer, ',')
}

func addFloat(name string, value float64) {
	answer = append(answer, '"')
	answer = append(answer, name...)
	answer = append(answer, `":`...)
	answer = strconv.AppendFloat(answer, value, 'g', -1, 64)
	answer = append(answer, ',')
}

func addStats() {
	last := stats.PauseNs[(stats.NumGC+255)%256]
	recent := uint64(0)
	now := uint64(time.Now().UnixNano())
	for i := uint32(0); i < 256 && i < stats.NumGC; i++ {
		if stats.PauseEnd[i]+60e9 > now {
			recent++
		}
	}
	addUint("HeapAlloc", stats.HeapAlloc)
	addUint("TotalAlloc", stats.TotalAlloc)
	addUint("HeapInuse", stats.HeapInuse)
	addUint("HeapIdle", stats.HeapIdle)
	addUint("HeapReleased", stats.HeapReleased)
	addUint("HeapSys", stats.HeapSys)
	addUint("HeapObjects", stats.HeapObjects)
	addUint("Mallocs", stats.Mallocs)
	addUint("Frees", stats.Frees)
	addUint("NextGC", stats.NextGC)
	addUint("NumGC", uint64(stats.NumGC))
	addUint("NumForcedGC", uint64(stats.NumForcedGC))
	addUint("PauseTotalNs", stats.PauseTotalNs)
	addUint("LastPauseNs", last)
	addUint("LastGC", stats.LastGC)
	addUint("RecentGC", recent)
	addFloat("GCCPUFraction", stats.GCCPUFraction)
}

func addMetrics() {
	answer = append(answer, `"metrics":{`...)
	for i := range samples {
		switch samples[i].Value.Kind() {
		case metrics.KindUint64:
			addUint(samples[i].Name, samples[i].Value.Uint64())
		case metrics.KindFloat64:
			addFloat(samples[i].Name, samples[i].Value.Float64())
		}
	}
	answer = append(answer[:len(answer)-1], '}')
}

// Neither allocates: ReadMemStats came first and flushed all counters.
func report() {
	runtime.ReadMemStats(&stats)
	metrics.Read(samples)
	answer = append(answer[:0], '{')
	addStats()
	addUint("MemoryLimit", uint64(debug.SetMemoryLimit(-1)))
	addUint("NumGoroutine", uint64(runtime.NumGoroutine()))
	addUint("Time", uint64(time.Now().UnixNano()))
	answer = append(answer, `"Version":"`...)
	answer = append(answer, runtime.Version()...)
	answer = append(answer, `",`...)
	addMetrics()
	answer = append(answer, '}', '\n')
	os.Stdout.Write(answer)
}

// The scavenger gives pages back for some time after a collection.
func settle() {
	runtime.GC()
	runtime.GC()
	for i := 0; i < 100; i++ {
		runtime.ReadMemStats(&before)
		time.Sleep(50 * time.Millisecond)
		runtime.ReadMemStats(&stats)
		if stats.HeapAlloc == before.HeapAlloc &&
			stats.HeapInuse == before.HeapInuse &&
			stats.HeapReleased == before.HeapReleased &&
			stats.NumGC == before.NumGC {
			return
		}
	}
}

// A tick is short, so that a rate is a rate and not one lump a second.
func churner() {
	const ticks = 50
	for {
		time.Sleep(time.Second / ticks)
		blocks := atomic.LoadInt64(&churn) << 20 / blockBytes / ticks
		for i := int64(0); i < blocks; i++ {
			sink = make([]byte, blockBytes)
			for j := 0; j < 16; j++ {
				sink = append([]byte(nil), sink[:512]...)
			}
			sink = make([]byte, blockBytes/2)
		}
	}
}

// As often as it is told, or as it can.
func collector() {
	for {
		rate := atomic.LoadInt64(&collect)
		if rate == 0 {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		next := time.Now().Add(time.Second / time.Duration(rate))
		runtime.GC()
		if left := time.Until(next); left > time.Millisecond {
			time.Sleep(left)
		}
	}
}

// A live heap with some structure: blocks of several sizes.
func grow(mb int) {
	for left := mb << 20; left > 0; {
		size := []int{48, 700, 5000, blockBytes, 300 << 10}[len(kept)%5]
		kept = append(kept, make([]byte, size))
		left -= size
	}
}

func done() {
	answer = append(answer[:0], "{\"done\":true}\n"...)
	os.Stdout.Write(answer)
}

func command(line string) {
	words := strings.Fields(line)
	number := 0
	if len(words) == 0 {
		return
	}
	if len(words) > 1 {
		number, _ = strconv.Atoi(words[1])
	}
	switch words[0] {
	case "exec": // another program in this process's place
		syscall.Exec(words[1], words[1:], os.Environ())
	case "report":
		report()
		return
	case "hold":
		settle()
		report()
		return
	case "grow":
		grow(number)
	case "touch":
		for _, block := range kept {
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
		}
	case "shrink":
		kept = nil
	case "churn":
		atomic.StoreInt64(&churn, int64(number))
		if number > 0 && !churning {
			churning = true
			go churner()
		}
	case "collect":
		atomic.StoreInt64(&collect, int64(number))
		if number > 0 && !collecting {
			collecting = true
			go collector()
		}
	case "gc":
		runtime.GC()
	case "goroutines":
		for i := 0; i < number; i++ {
			go time.Sleep(time.Hour)
		}
	case "exit":
		os.Exit(0)
	default:
		os.Stdout.WriteString("{\"error\":\"unknown command\"}\n")
		return
	}
	done()
}

func main() {
	prepareMetrics()
	kept = make([][]byte, 0, 1<<16)
	length := 0
	for {
		n, err := os.Stdin.Read(input[length:])
		if err != nil {
			os.Exit(0)
		}
		length += n
		for {
			end := bytes.IndexByte(input[:length], '\n')
			if end < 0 {
				break
			}
			line := string(input[:end])
			copy(input, input[end+1:length])
			length -= end + 1
			command(line)
		}
	}
}
