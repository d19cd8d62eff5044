// Crowd: many people before one waiting room, each taking a ticket as early as it can and then polling as told.
//
// One light thread a person, a bounded number of connections. What happened to each is printed as one line of JSON when the
// time is over; nothing is judged here (bench/waiting-room.ts does).
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Person is one line of the report. Times are ms since 1970, 0 for what did not happen.
type Person struct {
	Number    int64 `json:"number"`
	EnteredMs int64 `json:"entered_ms"`
	// by Redis' clock: the end of the pass, from which the caller reckons when it was given
	PassEndMs int64 `json:"place_end_ms"`
	// stopped polling without a word
	GoneMs int64 `json:"gone_ms"`
	// the longest that a poll was answered later than it was due
	LateMs int64 `json:"late_ms"`
	Polls  int   `json:"polls"`
	// the last answer that was neither a ticket, nor a place, nor a pass
	Refused string `json:"refused,omitempty"`
}

type answer struct {
	Ticket      string `json:"ticket"`
	Status      string `json:"status"`
	Pass        string `json:"pass"`
	PollAfterMs int64  `json:"poll_after_ms"`
	RetryMs     int64  `json:"retry_after_ms"`
	Code        string `json:"code"`
}

var (
	address     = flag.String("address", "", "host:port of the gate")
	sale        = flag.String("sale", "", "")
	sessions    = flag.String("sessions", "", "file with one session token a line, one person each")
	connections = flag.Int("connections", 256, "")
	leaving     = flag.Float64("leaving", 0.33, "share of people who leave while they wait")
	endsMs      = flag.Int64("ends-ms", 0, "everybody stops then (ms since 1970)")
	seed        = flag.Uint64("seed", 1, "")
	// newcomers queue for connections of their own: people in different places do not wait for each other
	entering *http.Client
	polling  *http.Client
	requests atomic.Int64
	entered  atomic.Int64
	admitted atomic.Int64
)

func main() {
	flag.Parse()
	entering = newClient(*connections)
	polling = newClient(*connections)
	tokens := readLines(*sessions)
	people := make([]Person, len(tokens))
	began := time.Now()
	var all sync.WaitGroup
	for i := range people {
		all.Add(1)
		go func() {
			defer all.Done()
			live(&people[i], i, tokens[i])
		}()
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	tick := time.NewTicker(5 * time.Second)
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-tick.C:
			fmt.Fprintf(os.Stderr, "%3.0f s: %d entered, %d admitted, %d requests\n",
				time.Since(began).Seconds(), entered.Load(), admitted.Load(), requests.Load())
		}
	}
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	lines := json.NewEncoder(out)
	for i := range people {
		_ = lines.Encode(&people[i])
	}
}

func newClient(connections int) *http.Client {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		MaxConnsPerHost:     connections,
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true,
	}
	return &http.Client{Transport: transport, Timeout: 60 * time.Second}
}

func readLines(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

func live(person *Person, index int, token string) {
	random := rand.New(rand.NewPCG(*seed, uint64(index)))
	leaves := random.Float64() < *leaving
	ticket, waitMs := enter(person, index, token)
	if ticket == "" {
		return
	}
	person.EnteredMs = time.Now().UnixMilli()
	person.Number = numberOf(ticket)
	entered.Add(1)
	if leaves {
		person.GoneMs = person.EnteredMs + random.Int64N(max(1, *endsMs-person.EnteredMs))
	}
	for {
		dueMs := time.Now().UnixMilli() + waitMs
		if dueMs >= *endsMs || (leaves && dueMs >= person.GoneMs) {
			if !leaves {
				person.GoneMs = 0
			}
			return
		}
		time.Sleep(time.Duration(waitMs) * time.Millisecond)
		got := ask(polling, index, token, "GET", "/sales/"+*sale+"/tickets/"+ticket)
		person.Polls++
		person.LateMs = max(person.LateMs, time.Now().UnixMilli()-dueMs)
		if got.Pass != "" {
			person.PassEndMs = passEnd(got.Pass)
			person.GoneMs = 0
			admitted.Add(1)
			return
		}
		if got.Ticket != "" {
			ticket = got.Ticket
		}
		waitMs = got.PollAfterMs
		if got.Code != "" {
			person.Refused = got.Code
			waitMs = max(500, got.RetryMs)
		} else if got.Status != "waiting" {
			person.Refused = got.Status
			return
		}
	}
}

// enter asks until there is a ticket.
func enter(person *Person, index int, token string) (string, int64) {
	for time.Now().UnixMilli() < *endsMs {
		got := ask(entering, index, token, "POST", "/sales/"+*sale+"/tickets")
		if got.Ticket != "" {
			return got.Ticket, got.PollAfterMs
		}
		person.Refused = got.Code
		time.Sleep(time.Duration(max(500, got.RetryMs)) * time.Millisecond)
	}
	return "", 0
}

func ask(client *http.Client, index int, token, method, path string) answer {
	requests.Add(1)
	request, err := http.NewRequest(method, "http://"+*address+path, nil)
	if err != nil {
		return answer{Code: "no request"}
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("X-Forwarded-For", addressOf(index))
	response, err := client.Do(request)
	if err != nil {
		return answer{Code: "no answer"}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	var got answer
	if err != nil || json.Unmarshal(body, &got) != nil {
		return answer{Code: "answer of status " + strconv.Itoa(response.StatusCode)}
	}
	return got
}

// addressOf gives each person a network of its own.
func addressOf(index int) string {
	return fmt.Sprintf("2a02:%x:%x:1::1", index/65536+256, index%65536)
}

func field(token string, number int) int64 {
	parts := strings.Split(token, ".")
	if len(parts) <= number {
		return -1
	}
	value, err := strconv.ParseInt(parts[number], 10, 64)
	if err != nil {
		return -1
	}
	return value
}

// contract/ticket.ts and contract/pass.ts
func numberOf(ticket string) int64 { return field(ticket, 4) }
func passEnd(pass string) int64    { return field(pass, 5) }
