// Historian is a service in good health: it takes in values, keeps the newest
// in a ring of a fixed size, and lets go of the rest.
package main

import (
	"bytes"
	"time"
)

const (
	blockBytes = 32 << 10
	kept       = 1500 // blocks: 47 MiB
)

var ring [kept][]byte

func main() {
	for i := 0; ; i++ {
		ring[i%kept] = bytes.Repeat([]byte{1}, blockBytes)
		if i >= kept {
			time.Sleep(25 * time.Millisecond)
		}
	}
}
