// Service is a busy Go program for the benchmark: it encodes and decodes JSON
// as a telemetry service does, keeps some of it alive, and tells the CPU time
// that a number of operations took.
//
//	work N   do N operations, answer {"cpu_ns":...,"operations":N}
//	exit
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
)

type reading struct {
	Tag     string
	Unit    string
	Values  []float64
	Comment map[string]string
}

var kept [2048]*reading

func cpuNanoseconds() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func operate(i int) {
	r := &reading{
		Tag:     fmt.Sprintf("line%d/unit%d/temperature", i%7, i%31),
		Unit:    "celsius",
		Values:  make([]float64, 64),
		Comment: map[string]string{"shift": "early", "operator": "none"},
	}
	for j := range r.Values {
		r.Values[j] = float64(i*j%1000) / 10
	}
	text, _ := json.Marshal(r)
	back := new(reading)
	json.Unmarshal(text, back)
	kept[i%len(kept)] = back
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "work %d", &n); err != nil {
			return
		}
		begin := cpuNanoseconds()
		for i := 0; i < n; i++ {
			operate(i)
		}
		fmt.Printf("{\"cpu_ns\":%d,\"operations\":%d}\n", cpuNanoseconds()-begin, n)
	}
}
