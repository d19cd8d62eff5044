// When the generator sends, and how it waits meanwhile.
package main

import (
	"syscall"
	"time"
)

// How many connections have something to say, once there are some; 0 after the pause.
func (g *generator) wait(events []syscall.EpollEvent, pause time.Duration) (int, error) {
	if !g.awake {
		return syscall.EpollWait(g.epoll, events, int((pause + time.Millisecond - 1).Milliseconds()))
	}
	until := time.Now().Add(pause)
	for {
		count, err := syscall.EpollWait(g.epoll, events, 0)
		if count != 0 || err != nil || !time.Now().Before(until) {
			return count, err
		}
	}
}

// When the next request is to be sent, where there is a rate.
func (g *generator) due() time.Time {
	return g.started.Add(time.Duration(float64(g.next) / g.rate * 1e9))
}

// How long nothing has to be sent: until answers are overdue, where every connection waits for one.
func (g *generator) untilDue(stall time.Duration) time.Duration {
	if len(g.idle) == 0 || g.next >= len(g.requests) {
		return stall
	}
	return max(0, time.Until(g.due()))
}

func (g *generator) startDue() {
	for len(g.idle) > 0 && g.next < len(g.requests) && !time.Now().Before(g.due()) {
		last := len(g.idle) - 1
		c := g.idle[last]
		g.idle = g.idle[:last]
		g.startNext(c)
	}
}
