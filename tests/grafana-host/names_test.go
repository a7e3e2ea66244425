package host

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// names is a server of them.
type names struct {
	address string
	deaf    atomic.Bool  // while set, it answers no question
	silent  atomic.Int32 // questions that are never answered
}

// nameServer knows the IPv4 address of heapwatch.plant.test, two of which only
// the second is right of names that begin with "two", and says nothing about
// those with "silent".
func nameServer(t *testing.T) *names {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s := &names{address: c.LocalAddr().String()}
	go func() {
		for in := make([]byte, 512); ; {
			n, from, err := c.ReadFrom(in)
			if err != nil {
				return
			}
			out := reply(in[:n])
			if out == nil {
				s.silent.Add(1)
			} else if !s.deaf.Load() {
				c.WriteTo(out, from)
			}
		}
	}()
	return s
}

// reply to one question: a name, its type, its class, after a head of 12 bytes.
func reply(in []byte) []byte {
	var labels []string
	at := 12
	for in[at] != 0 {
		labels = append(labels, strings.ToLower(string(in[at+1:at+1+int(in[at])])))
		at += 1 + int(in[at])
	}
	out := append([]byte{}, in[:at+5]...)
	binary.BigEndian.PutUint16(out[2:], 0x8180)
	for i := 6; i < 12; i++ {
		out[i] = 0
	}
	switch {
	case labels[0] == "silent":
		return nil
	case labels[0] == "two" && binary.BigEndian.Uint16(in[at+1:]) == 1:
		out[7] = 2
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 2)
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	case labels[0] == "two": // at no IPv6 address
	case strings.Join(labels, ".") != "heapwatch.plant.test":
		out[3] |= 3 // no such name
	case binary.BigEndian.Uint16(in[at+1:]) == 1:
		out[7] = 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
	}
	return out
}

// named is the plugin where /etc/resolv.conf says what we want.
func named(t *testing.T, server string) *Host {
	t.Helper()
	dir := t.TempDir()
	conf := "nameserver " + server + "\nsearch plant.test\noptions timeout:30 attempts:1\n"
	script := fmt.Sprintf("#!/bin/sh\nexec unshare -m sh -c 'mount --bind %s/conf /etc/resolv.conf && exec %s'\n",
		dir, executable())
	if err := os.WriteFile(dir+"/conf", []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/plugin", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return startAt(t, dir+"/plugin")
}

func TestNamesOfServers(t *testing.T) {
	with := func(url, settings string) *pluginv2.PluginContext {
		return instance(url, func(s *pluginv2.DataSourceInstanceSettings) { s.JsonData = []byte(settings) })
	}
	server := nameServer(t)
	h := named(t, server.address)
	s := httptest.NewServer(answer(t))
	defer s.Close()
	at, _ := url.Parse(s.URL)
	secure := httptest.NewTLSServer(answer(t))
	defer secure.Close()
	behind, _ := url.Parse(secure.URL)

	// Grafana's image has no names but those of a name server.
	works(t, h, instance("http://heapwatch.plant.test:"+at.Port()))
	works(t, h, instance("http://heapwatch:"+at.Port())) // a domain is searched
	/* a connection at rest needs no name */
	server.deaf.Store(true)
	works(t, h, instance("http://heapwatch:"+at.Port()))
	server.deaf.Store(false)
	works(t, h, with("https://heapwatch:"+behind.Port(), `{"tlsSkipVerify":true}`))
	works(t, h, instance("http://two.plant.test:"+at.Port()))
	works(t, h, with("https://two.plant.test:"+behind.Port(), `{"tlsSkipVerify":true}`))
	fails(t, h, instance("http://two.plant.test:1"), 502, "refused")
	fails(t, h, instance("http://nobody.example:1"), 502, "no address for nobody.example")
	fails(t, h, instance("http://"+strings.Repeat("x", 70)+":1"), 502, "no address")

	// One that does not answer keeps nobody, and is given up in time.
	giveUp := waits(h, patient("http://silent:1"))
	until(t, "its name is asked for", func() bool { return server.silent.Load() > 0 })
	works(t, h, instance("http://heapwatch:"+at.Port()))
	another := httptest.NewServer(answer(t))
	defer another.Close()
	there, _ := url.Parse(another.URL)
	works(t, h, instance("http://two.plant.test:"+there.Port()))
	if err := giveUp(); status.Code(err) != codes.Canceled {
		t.Fatal(err)
	}
	fails(t, h, with("http://silent:1", `{"timeout":1}`), 504, "in time")
}
