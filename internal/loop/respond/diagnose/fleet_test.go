package diagnose_test

import (
	"math"
	"math/rand/v2"
	"time"

	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/respond/diagnose"
)

const (
	beforeSpan = 5 * time.Minute
	duringSpan = 30 * time.Second
	ms         = time.Millisecond
)

var onset = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// member is one service of a made-up fleet: how often it is asked, how long it works, whom it calls.
type member struct {
	rate  float64 // requests per second
	work  time.Duration
	roots bool
	calls []string
}

// fleet has an entry, a shared store with its own spans, a database without any, and a worker.
var fleet = map[string]member{
	"web":     {20, 10 * ms, true, []string{"cart", "catalog"}},
	"cart":    {12, 20 * ms, false, []string{"price", "store"}},
	"catalog": {16, 15 * ms, false, []string{"store", "images"}},
	"price":   {12, 5 * ms, false, []string{"rates"}},
	"rates":   {12, 4 * ms, false, nil},
	"images":  {16, 4 * ms, false, nil},
	"store":   {60, 4 * ms, false, []string{"postgres"}},
	"worker":  {2, 30 * ms, true, []string{"store", "mailer"}},
	"mailer":  {2, 8 * ms, false, nil},
}

// healthy returns a scene in which nothing changed but by chance.
func healthy(r *rand.Rand) diagnose.Scene {
	s := diagnose.Scene{
		Now: onset.Add(duringSpan), Onset: onset, BeforeSpan: beforeSpan, DuringSpan: duringSpan,
		Services: map[string]diagnose.Pair{}, Calls: map[graph.Edge]diagnose.Pair{}, Versions: map[string]map[string]time.Time{},
	}
	for name, m := range fleet {
		s.Services[name] = diagnose.Pair{Before: serving(r, m, beforeSpan), During: serving(r, m, duringSpan)}
		for _, callee := range m.calls {
			work := 5 * ms
			if c, ok := fleet[callee]; ok {
				work = c.work
			}
			call := member{rate: m.rate, work: work + ms}
			s.Calls[graph.Edge{Client: name, Server: callee}] = diagnose.Pair{Before: calling(r, call, beforeSpan), During: calling(r, call, duringSpan)}
		}
	}
	return s
}

func serving(r *rand.Rand, m member, d time.Duration) graph.Stats {
	s := calling(r, m, d)
	s.SelfHist, s.Self = s.Hist, s.Total
	if m.roots {
		s.Roots = s.Requests
	}
	return s
}

func calling(r *rand.Rand, m member, d time.Duration) graph.Stats {
	var s graph.Stats
	mean := m.rate * d.Seconds()
	for range int(max(mean+math.Sqrt(mean)*r.NormFloat64(), 0)) {
		took := time.Duration(float64(m.work) * (0.8 + 0.4*r.Float64()))
		s.Requests++
		s.Total += took
		count(&s.Hist, took, 1)
	}
	return s
}

// count puts n durations into a histogram.
func count(h *graph.Hist, d time.Duration, n int64) {
	for i := range h {
		if d < h.Bound(i) || i == len(h)-1 {
			h[i] += uint32(n)
			return
		}
	}
}

// change alters what a service counted since the onset.
func change(s *diagnose.Scene, service string, by func(*graph.Stats)) {
	p := s.Services[service]
	by(&p.During)
	s.Services[service] = p
}

// changeCalls alters what its callers counted.
func changeCalls(s *diagnose.Scene, service string, by func(*graph.Stats)) {
	for e, p := range s.Calls {
		if e.Server == service {
			by(&p.During)
			s.Calls[e] = p
		}
	}
}

// passOn makes everybody up from a service fail because of it, on a share of requests.
func passOn(s *diagnose.Scene, service string, share float64) {
	for caller, m := range fleet {
		for _, callee := range m.calls {
			if callee != service {
				continue
			}
			change(s, caller, func(st *graph.Stats) {
				n := int64(share * float64(st.Requests))
				st.Errors, st.Passed = st.Errors+n, st.Passed+n
				st.RootErrs = min(st.Roots, st.RootErrs+n)
				good(st, 1-share)
			})
			changeCalls(s, caller, func(st *graph.Stats) { st.Errors += int64(share * float64(st.Requests)) })
			s.Burning = append(s.Burning, caller)
			passOn(s, caller, share)
		}
	}
}

// good keeps a share of the good requests.
func good(st *graph.Stats, share float64) {
	for i := range st.SelfHist {
		st.SelfHist[i] = uint32(share * float64(st.SelfHist[i]))
	}
}

// fail makes a share of a service's requests fail in itself.
func fail(s *diagnose.Scene, service string, share float64) {
	change(s, service, func(st *graph.Stats) {
		n := int64(share * float64(st.Requests))
		st.Errors, st.Origin = n, n
		good(st, 1-share)
	})
	changeCalls(s, service, func(st *graph.Stats) { st.Errors += int64(share * float64(st.Requests)) })
	s.Burning = append(s.Burning, service)
	passOn(s, service, share)
}

// slowDown makes a share of a service's requests take longer in itself.
func slowDown(s *diagnose.Scene, service string, share float64, to time.Duration) {
	change(s, service, func(st *graph.Stats) {
		n := int64(share * float64(st.Requests))
		good(st, 1-share)
		count(&st.SelfHist, to, n)
		st.Total += time.Duration(n) * to
	})
	changeCalls(s, service, func(st *graph.Stats) { st.Total += time.Duration(share * float64(st.Requests) * float64(to)) })
	s.Burning = append(s.Burning, service)
}

// loseCalls makes calls to a service fail without it noticing.
func loseCalls(s *diagnose.Scene, service string, share float64, by func(*graph.Stats, int64)) {
	change(s, service, func(st *graph.Stats) {
		kept := graph.Stats{Requests: int64((1 - share) * float64(st.Requests)), SelfHist: st.SelfHist, Hist: st.Hist}
		good(&kept, 1-share)
		*st = kept
	})
	changeCalls(s, service, func(st *graph.Stats) {
		n := int64(share * float64(st.Requests))
		st.Errors += n
		by(st, n)
	})
	s.Burning = append(s.Burning, service)
	passOn(s, service, share)
}

func refuse(st *graph.Stats, n int64)  { st.Refused += n }
func timeOut(st *graph.Stats, n int64) { st.Timeouts += n }

func says(s *diagnose.Scene, service string, lines ...string) {
	for _, l := range lines {
		s.Logs = append(s.Logs, observe.LogLine{Time: s.Now, Service: service, Level: "ERROR", Text: l})
	}
}
