// Telemetry is a service that leaks: for every message it starts a goroutine
// that waits for an acknowledgement which never comes, and holds its message.
package main

import (
	"bytes"
	"os"
	"time"
)

const (
	messageBytes = 40 << 10
	atStart      = 96 << 20 / messageBytes
	atMost       = 172 << 20 / messageBytes // short of what would stop it
)

func send(message []byte, acknowledged <-chan bool) {
	<-acknowledged
	os.Stdout.Write(message)
}

func main() {
	acknowledged := make(chan bool)
	for i := 0; i < atMost; i++ {
		go send(bytes.Repeat([]byte{1}, messageBytes), acknowledged)
		if i > atStart {
			time.Sleep(100 * time.Millisecond)
		}
	}
	for {
		time.Sleep(time.Minute)
	}
}
