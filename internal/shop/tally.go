package shop

import (
	"sync"
	"time"
)

// tally counts how one kind of journey went, as the customers saw it.
type tally struct {
	mu       sync.Mutex
	ok       int
	failed   int
	defaults int
	okWin    window
	failWin  window
	problems map[string]int
}

// LoadReport is what the customers experienced.
type LoadReport struct {
	JourneysPerSecond float64         `json:"journeys_per_second"`
	Total             JourneyReport   `json:"total"`
	Journeys          []JourneyReport `json:"journeys"`
}

// JourneyReport is what the customers of one journey experienced.
type JourneyReport struct {
	Name string `json:"name"`
	// OK and Failed count since the start; Defaults are those of OK that were
	// answered with defaults.
	OK       int            `json:"ok"`
	Failed   int            `json:"failed"`
	Defaults int            `json:"defaults"`
	Last10s  Outcome        `json:"last_10s"`
	Last60s  Outcome        `json:"last_60s"`
	Problems map[string]int `json:"problems,omitempty"`
}

// Outcome counts good and failed journeys of a span of time.
type Outcome struct {
	OK     int `json:"ok"`
	Failed int `json:"failed"`
	// Success is the share of good ones; 1 when there were none.
	Success float64 `json:"success"`
}

func newOutcome(ok, failed int) Outcome {
	o := Outcome{OK: ok, Failed: failed, Success: 1}
	if ok+failed > 0 {
		o.Success = float64(ok) / float64(ok+failed)
	}
	return o
}

// tally returns the counter of a journey.
func (l *load) tally(name string) *tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tallies[name]
	if t == nil {
		t = &tally{okWin: newWindow(time.Minute), failWin: newWindow(time.Minute), problems: map[string]int{}}
		l.tallies[name] = t
		l.order = append(l.order, name)
	}
	return t
}

// record counts one journey; an empty problem is a success.
func (l *load) record(name string, now time.Time, problem string, defaults bool) {
	t := l.tally(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if problem != "" {
		t.failed++
		t.failWin.add(now, 1)
		t.problems[problem]++
		return
	}
	t.ok++
	t.okWin.add(now, 1)
	if defaults {
		t.defaults++
	}
}

// report sums up what customers experienced. Surges are listed but are not part
// of the total: nobody waits for their answers.
func (l *load) report(now time.Time) LoadReport {
	l.mu.Lock()
	order := append([]string(nil), l.order...)
	l.mu.Unlock()
	r := LoadReport{JourneysPerSecond: l.rate, Total: JourneyReport{Name: "total"}}
	for i, name := range order {
		j := l.tally(name).report(name, now)
		r.Journeys = append(r.Journeys, j)
		if i >= len(l.journeys) {
			continue
		}
		r.Total.OK += j.OK
		r.Total.Failed += j.Failed
		r.Total.Defaults += j.Defaults
		r.Total.Last10s = newOutcome(r.Total.Last10s.OK+j.Last10s.OK, r.Total.Last10s.Failed+j.Last10s.Failed)
		r.Total.Last60s = newOutcome(r.Total.Last60s.OK+j.Last60s.OK, r.Total.Last60s.Failed+j.Last60s.Failed)
	}
	return r
}

func (t *tally) report(name string, now time.Time) JourneyReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := JourneyReport{Name: name, OK: t.ok, Failed: t.failed, Defaults: t.defaults, Problems: map[string]int{}}
	j.Last10s = newOutcome(t.okWin.last(now, 10), t.failWin.last(now, 10))
	j.Last60s = newOutcome(t.okWin.sum(now), t.failWin.sum(now))
	for p, n := range t.problems {
		j.Problems[p] = n
	}
	return j
}
