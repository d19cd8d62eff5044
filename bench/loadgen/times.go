// When some requests were sent and answered: for measurements of what happens how long after which request.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"time"
)

var (
	timedText = flag.String("timed", "", "text of the requests whose times are kept")
	timesFile = flag.String("times", "", "file for them: number of the request, sent, answered, in microseconds since 1970")
)

type timedRequest struct {
	request  int
	written  time.Time
	answered time.Time
}

var timed []timedRequest

func (g *generator) keepTime(c *connection) {
	if *timesFile == "" || !bytes.Contains(g.requests[c.request], []byte(*timedText)) {
		return
	}
	timed = append(timed, timedRequest{c.request, c.written, time.Now()})
}

func writeTimes() {
	if *timesFile == "" {
		return
	}
	file, err := os.Create(*timesFile)
	if err != nil {
		fail("%v", err)
	}
	writer := bufio.NewWriter(file)
	for _, one := range timed {
		fmt.Fprintf(writer, "%d %d %d\n", one.request, one.written.UnixMicro(), one.answered.UnixMicro())
	}
	if err := writer.Flush(); err != nil {
		fail("%v", err)
	}
	if err := file.Close(); err != nil {
		fail("%v", err)
	}
}
