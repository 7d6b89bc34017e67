package slo

import (
	"fmt"
	"sync"
	"time"
)

// Bounds of the judgement that a service is gone.
const (
	goneAfter  = 15 * time.Second // without a good event, before anything is concluded
	stillAsked = 30 * time.Second // how fresh the newest unanswered call must be
	fewestGone = 3                // unanswered calls that prove it
	fewestBeat = 5                // reports that show how often a service reports
)

// Pulse is the signs of life of one service that are not requests it served: calls that nobody answered, as its callers
// saw them, and its own reports of metrics. It is safe for concurrent use.
type Pulse struct {
	mu         sync.Mutex
	unanswered [fewestGone]time.Time // the newest, the oldest of them first
	beats      [fewestBeat]time.Time // likewise
}

// Unanswered notes a call to the service that got no answer at all.
func (p *Pulse) Unanswered(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	push(p.unanswered[:], at)
}

// Beat notes that the service reported metrics. Reports within a second are one.
func (p *Pulse) Beat(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at.Sub(p.beats[fewestBeat-1]) >= time.Second {
		push(p.beats[:], at)
	}
}

// LastBeat is when the service reported last; zero when never.
func (p *Pulse) LastBeat() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beats[fewestBeat-1]
}

// Beats returns only what the service itself reported.
func (p *Pulse) Beats() *Pulse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &Pulse{beats: p.beats}
}

func push(ring []time.Time, at time.Time) {
	copy(ring, ring[1:])
	ring[len(ring)-1] = at
}

// gone reports whether the service is gone since a time, and by what sign. others is when any other service reported
// last: when nobody reports, telemetry is what failed.
func (p *Pulse) gone(since, others, now time.Time) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u := p.unanswered; u[0].After(since) && now.Sub(u[fewestGone-1]) < stillAsked {
		return "its callers get no answer", true
	}
	if p.beats[0].IsZero() {
		return "", false
	}
	var usual time.Duration
	for i := 1; i < fewestBeat; i++ {
		usual = max(usual, p.beats[i].Sub(p.beats[i-1]))
	}
	last := p.beats[fewestBeat-1]
	if silence := now.Sub(last); silence > max(3*usual, stillAsked) && others.After(last) && now.Sub(others) < usual+stillAsked {
		return "it reports no metrics either", true
	}
	return "", false
}

// Absence is requests that ought to have come and did not: callers with a circuit breaker stop asking a service that is
// down, and one that customers ask directly takes their requests down with it. Its ledger then holds next to nothing
// bad, while nobody is served. The zero value is no absence.
type Absence struct {
	Since  time.Time // last good event
	Rate   float64   // usual events a second
	Reason string    // by what sign the service is gone
}

// Missing judges whether a service is gone. Events until since belong to an alert that is over; others is when any other
// service reported metrics last.
func Missing(l *Ledger, p *Pulse, since, others, now time.Time) Absence {
	last := l.LastGood()
	if last.IsZero() || p == nil {
		return Absence{}
	}
	begin := last.Add(-time.Hour)
	if first := l.First(); first.After(begin) {
		begin = first
	}
	if since.After(last) {
		last = since
	}
	reason, gone := p.gone(last, others, now)
	if !gone || now.Sub(last) < goneAfter || last.Sub(begin) < time.Minute {
		return Absence{}
	}
	rate := float64(l.Sum(begin, last).Total) / last.Sub(begin).Seconds()
	return Absence{Since: last, Rate: rate, Reason: reason}
}

// events returns how many events are missing in the window until now.
func (a Absence) events(l *Ledger, window time.Duration, now time.Time) int64 {
	if a.Rate == 0 {
		return 0
	}
	from := now.Add(-window)
	if a.Since.After(from) {
		from = a.Since
	}
	return max(int64(a.Rate*now.Sub(from).Seconds())-l.Sum(from, now).Total, 0)
}

// String says what is missing, in words that continue a sentence.
func (a Absence) String() string {
	return fmt.Sprintf("nothing was answered well since %s, where %.1f requests a second were usual, and %s", a.Since.UTC().Format("15:04:05 UTC"), a.Rate, a.Reason)
}
