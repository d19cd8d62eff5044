// The same over TLS, with Go's own crypto and HTTP/2: what is measured is the server, and these cost the generator more than epoll.
//
//	new       a connection for each request, with a full handshake
//	resumed   a connection for each request, that takes up the session of the one before it
//	h2        kept connections with HTTP/2, each with one request in flight
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type tlsWorker struct {
	*generator
	address string
	mode    string
	stall   time.Duration
	config  *tls.Config
	client  *http.Client
	resumed int
}

func (g *generator) runTls(address string, mode string, connections int, stall time.Duration) {
	runtime.UnlockOSThread()
	debug.SetGCPercent(400) // a handshake leaves garbage
	connections = min(connections, len(g.requests))
	workers := make([]*tlsWorker, connections)
	for i := range workers {
		workers[i] = &tlsWorker{generator: g, address: address, mode: mode, stall: stall}
		workers[i].prepare()
	}
	cpu := cpuSeconds()
	started := time.Now()
	var next atomic.Int64
	var judging sync.Mutex
	var all sync.WaitGroup
	for _, worker := range workers {
		all.Add(1)
		go func(worker *tlsWorker) {
			defer all.Done()
			for {
				at := int(next.Add(1)) - 1
				if at >= len(g.requests) {
					return
				}
				began := time.Now()
				answer, status, err := worker.ask(g.requests[at])
				took := time.Since(began).Nanoseconds()
				judging.Lock()
				if err != nil {
					g.report.Answered++
					g.statuses["lost"]++
					g.note(err.Error())
				} else {
					g.latencies = append(g.latencies, took)
					g.judge(answer, len(answer), status)
				}
				judging.Unlock()
			}
		}(worker)
	}
	all.Wait()
	g.report.ElapsedS = time.Since(started).Seconds()
	g.report.CpuS = cpuSeconds() - cpu
	g.report.Requests = len(g.requests)
	g.report.Statuses = g.statuses
	for _, worker := range workers {
		g.report.Resumed += worker.resumed
	}
	slices.Sort(g.latencies)
	g.report.P50Ms = g.quantile(0.5)
	g.report.P99Ms = g.quantile(0.99)
	g.report.MaxMs = g.quantile(1)
}

// prepare opens what is kept: a session to take up, or a connection. It is not measured.
func (w *tlsWorker) prepare() {
	// whose certificate it is does not matter here, and checking it would only cost the generator
	w.config = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, ServerName: "localhost"}
	warm := []byte("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if w.mode == "resumed" {
		w.config.ClientSessionCache = tls.NewLRUClientSessionCache(2)
	}
	if w.mode == "h2" {
		transport := &http.Transport{TLSClientConfig: w.config, ForceAttemptHTTP2: true, DisableCompression: true}
		w.client = &http.Client{Transport: transport, Timeout: w.stall}
	}
	if _, status, err := w.ask(warm); err != nil || status != "200" {
		fail("no first answer over TLS: %s %v", status, err)
	}
	w.resumed = 0
}

func (w *tlsWorker) ask(request []byte) ([]byte, string, error) {
	if w.mode == "h2" {
		return w.askHttp2(request)
	}
	plain, err := net.DialTimeout("tcp4", w.address, w.stall)
	if err != nil {
		return nil, "", err
	}
	// reset at the end: ten thousands of connections would leave no port to open another from
	_ = plain.(*net.TCPConn).SetLinger(0)
	connection := tls.Client(plain, w.config)
	defer plain.Close()
	_ = connection.SetDeadline(time.Now().Add(w.stall))
	if _, err := connection.Write(request); err != nil {
		return nil, "", err
	}
	if connection.ConnectionState().DidResume {
		w.resumed++
	}
	answer := make([]byte, 0, 8192)
	for {
		if len(answer) == cap(answer) {
			answer = slices.Grow(answer, 8192)
		}
		count, err := connection.Read(answer[len(answer):cap(answer)])
		answer = answer[:len(answer)+count]
		if length, status, _ := w.end(answer); length > 0 {
			return answer, status, nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("the server closed the connection before its answer: %w", err)
		}
	}
}

func (w *tlsWorker) askHttp2(record []byte) ([]byte, string, error) {
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(record)))
	if err != nil {
		return nil, "", err
	}
	request.RequestURI = ""
	request.URL.Scheme = "https"
	request.URL.Host = w.address
	request.Header.Del("Connection")
	response, err := w.client.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.ProtoMajor != 2 {
		err = fmt.Errorf("the answer came over %s", response.Proto)
	}
	return body, strconv.Itoa(response.StatusCode), err
}
