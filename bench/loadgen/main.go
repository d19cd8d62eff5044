// Sends every request of a prepared file exactly once over a fixed number of connections (a closed loop:
// each connection has one request in flight) and prints one line of JSON about the answers. With -rate the
// requests fall due at even times, answered or not, and an answer's time counts from when its request was due.
//
// One thread on epoll and no parsing beyond what is needed to find the end of an answer, so that on a
// small machine the generator leaves the cores to the server. wrk has no exact counts and runs Lua for
// each request; this does neither.
//
// Input file: records of <u32 little endian length> <bytes>. Two protocols: http and resp (Redis).
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"
)

type connection struct {
	fd       int
	request  int
	sent     int
	waiting  bool
	writable bool      // EPOLLOUT is being watched
	started  time.Time // when it was due
	written  time.Time
	answer   []byte
}

type report struct {
	Requests  int            `json:"requests"`
	Answered  int            `json:"answered"`
	Statuses  map[string]int `json:"statuses"`
	Matched   int            `json:"matched"`
	ElapsedS  float64        `json:"elapsed_s"`
	CpuS      float64        `json:"cpu_s"`
	P50Ms     float64        `json:"p50_ms"`
	P99Ms     float64        `json:"p99_ms"`
	MaxMs     float64        `json:"max_ms"`
	Reconnect int            `json:"reconnects"`
	Resumed   int            `json:"resumed"`
	FirstBad  string         `json:"first_bad,omitempty"`
}

type generator struct {
	address   syscall.SockaddrInet4
	from      *syscall.SockaddrInet4
	requests  [][]byte
	next      int
	epoll     int
	byFd      map[int32]*connection
	latencies []int64
	statuses  map[string]int
	rate      float64 // requests a second; 0: as fast as they are answered
	awake     bool
	started   time.Time
	idle      []*connection // those without a request, where there is a rate
	report    report
	expect    string
	contains  []byte
	end       func(answer []byte) (length int, status string, closes bool)
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "loadgen: "+format+"\n", values...)
	os.Exit(1)
}

func main() {
	address := flag.String("address", "", "ip:port of the server")
	from := flag.String("from", "", "ip:0 that connections come from")
	file := flag.String("file", "", "prepared requests")
	connections := flag.Int("connections", 64, "requests in flight")
	protocol := flag.String("protocol", "http", "http or resp")
	expect := flag.String("expect", "202", "the only right status")
	contains := flag.String("contains", "", "text that every right answer holds; its occurrences are counted as matched")
	stall := flag.Duration("stall", 20*time.Second, "give up when nothing is answered for this long")
	rate := flag.Float64("rate", 0, "requests a second, over plain connections; 0: as fast as they are answered")
	awake := flag.Bool("awake", false, "look for answers all the time, so that no server has to wake this process")
	tlsMode := flag.String("tls", "", "new, resumed or h2 (tls.go)")
	flag.Parse()
	runtime.LockOSThread()
	debug.SetGCPercent(-1)

	g := &generator{
		requests: readRequests(*file),
		byFd:     map[int32]*connection{},
		statuses: map[string]int{},
		rate:     *rate,
		awake:    *awake,
		expect:   *expect,
		contains: []byte(*contains),
		end:      endOfHttp,
	}
	if *protocol == "resp" {
		g.end = endOfResp
	}
	g.address = parseAddress(*address)
	if *from != "" {
		local := parseAddress(*from)
		g.from = &local
	}
	g.latencies = make([]int64, 0, len(g.requests))
	if *tlsMode != "" {
		g.runTls(*address, *tlsMode, *connections, *stall)
	} else {
		g.run(*connections, *stall)
	}
	writeTimes()
	line, err := json.Marshal(g.report)
	if err != nil {
		fail("%v", err)
	}
	fmt.Println(string(line))
}

func readRequests(path string) [][]byte {
	data, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	var requests [][]byte
	for at := 0; at < len(data); {
		if at+4 > len(data) {
			fail("%s ends inside a record", path)
		}
		length := int(binary.LittleEndian.Uint32(data[at:]))
		at += 4
		if at+length > len(data) {
			fail("%s ends inside a record", path)
		}
		requests = append(requests, data[at:at+length])
		at += length
	}
	if len(requests) == 0 {
		fail("%s holds no requests", path)
	}
	return requests
}

func parseAddress(text string) syscall.SockaddrInet4 {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		fail("%v", err)
	}
	ip := net.ParseIP(host).To4()
	number, err := strconv.Atoi(port)
	if ip == nil || err != nil {
		fail("address %q is not an IPv4 address and a port", text)
	}
	return syscall.SockaddrInet4{Port: number, Addr: [4]byte(ip)}
}

func (g *generator) open(c *connection) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		fail("socket: %v", err)
	}
	if g.from != nil {
		if err := syscall.Bind(fd, g.from); err != nil {
			fail("bind: %v", err)
		}
	}
	if err := syscall.Connect(fd, &g.address); err != nil {
		fail("connect: %v", err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	_ = syscall.SetNonblock(fd, true)
	c.fd = fd
	c.writable = false
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(fd)}
	if err := syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		fail("epoll: %v", err)
	}
	g.byFd[int32(fd)] = c
}

func (g *generator) shut(c *connection) {
	delete(g.byFd, int32(c.fd))
	_ = syscall.Close(c.fd)
}

func (g *generator) run(connections int, stall time.Duration) {
	var err error
	if g.epoll, err = syscall.EpollCreate1(0); err != nil {
		fail("epoll: %v", err)
	}
	connections = min(connections, len(g.requests))
	all := make([]*connection, connections)
	for i := range all {
		all[i] = &connection{answer: make([]byte, 0, 1<<16)}
		g.open(all[i])
	}
	cpu := cpuSeconds()
	g.started = time.Now()
	for _, c := range all {
		g.startNext(c)
	}
	events := make([]syscall.EpollEvent, connections)
	for g.report.Answered < len(g.requests) {
		pause := g.untilDue(stall)
		count, err := g.wait(events, pause)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			fail("epoll: %v", err)
		}
		g.startDue()
		if count == 0 && pause == stall {
			g.note(fmt.Sprintf("nothing answered for %s", stall))
			break
		}
		for i := 0; i < count; i++ {
			c := g.byFd[events[i].Fd]
			if c == nil {
				continue
			}
			if events[i].Events&syscall.EPOLLOUT != 0 {
				g.write(c)
			}
			if events[i].Events&^uint32(syscall.EPOLLOUT) != 0 {
				g.read(c)
			}
		}
	}
	g.report.ElapsedS = time.Since(g.started).Seconds()
	g.report.CpuS = cpuSeconds() - cpu
	g.report.Requests = len(g.requests)
	g.report.Statuses = g.statuses
	slices.Sort(g.latencies)
	g.report.P50Ms = g.quantile(0.5)
	g.report.P99Ms = g.quantile(0.99)
	g.report.MaxMs = g.quantile(1)
}

func (g *generator) startNext(c *connection) {
	c.waiting = false
	if g.next >= len(g.requests) {
		return
	}
	started := time.Now()
	if g.rate > 0 {
		if started.Before(g.due()) {
			g.idle = append(g.idle, c)
			return
		}
		started = g.due()
	}
	c.request = g.next
	g.next++
	c.sent = 0
	c.waiting = true
	c.answer = c.answer[:0]
	c.started = started
	c.written = time.Now()
	g.write(c)
}

func (g *generator) write(c *connection) {
	request := g.requests[c.request]
	for c.waiting && c.sent < len(request) {
		count, err := syscall.Write(c.fd, request[c.sent:])
		if err == syscall.EAGAIN {
			g.watchWritable(c, true)
			return
		}
		if err != nil {
			g.lost(c, "write: "+err.Error())
			return
		}
		c.sent += count
	}
	if c.writable {
		g.watchWritable(c, false)
	}
}

func (g *generator) watchWritable(c *connection, on bool) {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
	if on {
		event.Events |= syscall.EPOLLOUT
	}
	_ = syscall.EpollCtl(g.epoll, syscall.EPOLL_CTL_MOD, c.fd, &event)
	c.writable = on
}

func (g *generator) read(c *connection) {
	if len(c.answer) == cap(c.answer) {
		c.answer = slices.Grow(c.answer, 1<<16)
	}
	count, err := syscall.Read(c.fd, c.answer[len(c.answer):cap(c.answer)])
	if err == syscall.EAGAIN {
		return
	}
	if err != nil || count == 0 {
		if c.waiting {
			g.lost(c, "the server closed the connection before its answer")
		} else {
			g.shut(c)
		}
		return
	}
	c.answer = c.answer[:len(c.answer)+count]
	length, status, closes := g.end(c.answer)
	if length == 0 {
		return
	}
	g.latencies = append(g.latencies, time.Since(c.started).Nanoseconds())
	g.keepTime(c)
	g.judge(c.answer, length, status)
	if closes {
		g.shut(c)
		g.report.Reconnect++
		g.open(c)
	}
	g.startNext(c)
}

// A lost request is an answer of its own kind ("lost"), never sent again: every request goes out once.
func (g *generator) lost(c *connection, why string) {
	g.report.Answered++
	g.statuses["lost"]++
	g.note(why)
	g.shut(c)
	g.report.Reconnect++
	g.open(c)
	g.startNext(c)
}

func (g *generator) judge(answer []byte, length int, status string) {
	g.report.Answered++
	g.statuses[status]++
	if length != len(answer) {
		g.note("bytes after the end of an answer: " + string(answer))
	}
	if status != g.expect {
		g.note(string(answer))
	}
	if len(g.contains) == 0 {
		return
	}
	found := bytes.Count(answer, g.contains)
	g.report.Matched += found
	if found == 0 {
		g.note(string(answer))
	}
}

func (g *generator) note(text string) {
	if g.report.FirstBad == "" {
		g.report.FirstBad = text
	}
}

func (g *generator) quantile(share float64) float64 {
	if len(g.latencies) == 0 {
		return 0
	}
	at := min(int(share*float64(len(g.latencies))), len(g.latencies)-1)
	return float64(g.latencies[at]) / 1e6
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("getrusage: %v", err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
