package diagnose_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/respond/diagnose"
)

func TestFindsTheCauseInAMadeUpFleet(t *testing.T) {
	for _, c := range []struct {
		name, service, kind string
		least               diagnose.Confidence
		happen              func(*diagnose.Scene)
	}{
		{"a leaf fails", "rates", diagnose.Errors, diagnose.High, func(s *diagnose.Scene) { fail(s, "rates", 0.5) }},
		{"one request in ten fails", "price", diagnose.Errors, diagnose.High, func(s *diagnose.Scene) { fail(s, "price", 0.1) }},
		{"a service that is asked twice per second fails", "mailer", diagnose.Errors, diagnose.High, func(s *diagnose.Scene) { fail(s, "mailer", 0.5) }},
		{"a leaf denies what it used to accept", "rates", diagnose.Errors, diagnose.High, func(s *diagnose.Scene) {
			changeCalls(s, "rates", func(st *graph.Stats) { st.Denied = st.Requests / 3 })
			passOn(s, "rates", 0.33)
		}},
		{"a worker fails", "worker", diagnose.Errors, diagnose.High, func(s *diagnose.Scene) { fail(s, "worker", 0.5) }},
		{"a leaf is down", "rates", diagnose.Crash, diagnose.High, func(s *diagnose.Scene) { loseCalls(s, "rates", 0.9, refuse) }},
		{"a database without spans is down", "postgres", diagnose.Crash, diagnose.High, func(s *diagnose.Scene) { loseCalls(s, "postgres", 0.9, refuse) }},
		{"an entry went silent", "worker", diagnose.Crash, diagnose.Medium, func(s *diagnose.Scene) {
			change(s, "worker", func(st *graph.Stats) { *st = graph.Stats{} })
		}},
		{"a service hangs and reports nothing", "price", diagnose.Hang, diagnose.High, func(s *diagnose.Scene) { loseCalls(s, "price", 0.9, timeOut) }},
		{"a service hangs and reports what was cut", "price", diagnose.Hang, diagnose.High, func(s *diagnose.Scene) {
			loseCalls(s, "price", 0.9, timeOut)
			change(s, "price", func(st *graph.Stats) { st.Requests, st.Errors, st.Hung = st.Requests+300, 300, 300 })
		}},
		{"an entry hangs", "web", diagnose.Hang, diagnose.High, func(s *diagnose.Scene) {
			change(s, "web", func(st *graph.Stats) { st.Errors, st.Hung = st.Requests, st.Requests; good(st, 0) })
			s.Burning = []string{"web"}
		}},
		{"a service takes ten times as long", "cart", diagnose.Slow, diagnose.High, func(s *diagnose.Scene) { slowDown(s, "cart", 1, 800*ms) }},
		{"a fifth of the requests is slow", "store", diagnose.Slow, diagnose.High, func(s *diagnose.Scene) { slowDown(s, "store", 0.2, 2*time.Second) }},
		{"callers give up on a slow service and come again", "price", diagnose.RetryStorm, diagnose.High, func(s *diagnose.Scene) {
			slowDown(s, "price", 1, 900*ms)
			changeCalls(s, "price", func(st *graph.Stats) {
				st.Resends, st.Timeouts, st.Errors, st.Requests = st.Requests, st.Requests, st.Requests, 2*st.Requests
			})
		}},
		{"a version fails", "price", diagnose.BadDeploy, diagnose.High, func(s *diagnose.Scene) {
			fail(s, "price", 0.3)
			s.Versions["price"] = map[string]time.Time{"1.0.0": onset.Add(-time.Hour), "1.1.0": onset.Add(-graph.Width)}
		}},
		{"data are damaged, and the callers repeat the words", "store", diagnose.DataCorruption, diagnose.High, func(s *diagnose.Scene) {
			fail(s, "store", 0.3)
			says(s, "store", "checksum mismatch in row 17", "checksum mismatch in row 99")
			says(s, "cart", "store answered 500: checksum mismatch in row 17", "store answered 500: checksum mismatch in row 99", "store answered 500: checksum mismatch in row 3")
		}},
		{"a pool is too small", "cart", diagnose.PoolExhaustion, diagnose.High, func(s *diagnose.Scene) {
			change(s, "cart", func(st *graph.Stats) {
				st.PoolWait = time.Duration(st.Requests) * 700 * ms
				st.Errors, st.Passed = st.Requests/2, st.Requests/2
			})
			e := graph.Edge{Client: "cart", Server: "store"}
			p := s.Calls[e]
			n := p.During.Requests / 2
			p.During.Errors, p.During.Blocked, p.During.PoolWait = n, n, time.Duration(2*n)*700*ms
			p.During.Total += p.During.PoolWait
			s.Calls[e] = p
			s.Burning = []string{"cart"}
			passOn(s, "cart", 0.5)
		}},
		{"connections are held while a dependency is slow", "price", diagnose.Slow, diagnose.High, func(s *diagnose.Scene) {
			slowDown(s, "price", 1, 900*ms)
			change(s, "cart", func(st *graph.Stats) { st.PoolWait = time.Duration(st.Requests) * 700 * ms })
			s.Burning = append(s.Burning, "cart")
		}},
		{"customers come in crowds, and what lies behind is overloaded", "web", diagnose.TrafficSurge, diagnose.High, func(s *diagnose.Scene) {
			for _, n := range []string{"web", "cart", "catalog"} {
				change(s, n, func(st *graph.Stats) {
					st.Requests, st.Roots = 5*st.Requests, 5*st.Roots
					st.QueueWait = time.Duration(st.Requests) * 500 * ms
				})
			}
			change(s, "cart", func(st *graph.Stats) {
				st.Errors, st.Rejected, st.PoolWait = 100, 100, time.Duration(st.Requests)*500*ms
			})
			s.Burning = []string{"cart", "web"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				s := healthy(rand.New(rand.NewPCG(seed, 1)))
				c.happen(&s)
				d := diagnose.Run(s)
				if top := d.Top(); top.Service != c.service || top.Kind != c.kind || rank(d.Confidence) < rank(c.least) {
					t.Fatalf("seed %d: got %s/%s with %s confidence, want %s/%s with %s\n%s", seed, top.Service, top.Kind, d.Confidence, c.service, c.kind, c.least, list(d))
				}
			}
		})
	}
}

func rank(c diagnose.Confidence) int {
	return slices.Index([]diagnose.Confidence{diagnose.Low, diagnose.Medium, diagnose.High}, c)
}

func TestChanceAccusesNobody(t *testing.T) {
	for seed := range uint64(200) {
		d := diagnose.Run(healthy(rand.New(rand.NewPCG(seed, 2))))
		if d.Confidence != diagnose.Low {
			t.Fatalf("seed %d: %s confidence without a change\n%s", seed, d.Confidence, list(d))
		}
	}
}

func TestABusyMachineAccusesNobody(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := healthy(r)
		for n := range s.Services {
			slowDown(&s, n, 0.1+0.2*r.Float64(), time.Duration(30+60*r.Float64())*ms)
		}
		if d := diagnose.Run(s); d.Confidence != diagnose.Low {
			t.Fatalf("seed %d: %s confidence though everybody is slower\n%s", seed, d.Confidence, list(d))
		}
	}
}

func TestEmptyAndOneSidedScenes(t *testing.T) {
	full := healthy(rand.New(rand.NewPCG(1, 4)))
	half := func(keep func(diagnose.Pair) diagnose.Pair) diagnose.Scene {
		s := full
		s.Services, s.Calls = map[string]diagnose.Pair{}, map[graph.Edge]diagnose.Pair{}
		for n, p := range full.Services {
			s.Services[n] = keep(p)
		}
		for e, p := range full.Calls {
			s.Calls[e] = keep(p)
		}
		return s
	}
	for name, s := range map[string]diagnose.Scene{
		"nothing":         {},
		"only times":      {Now: onset, Onset: onset},
		"only before":     half(func(p diagnose.Pair) diagnose.Pair { return diagnose.Pair{Before: p.Before} }),
		"only since":      half(func(p diagnose.Pair) diagnose.Pair { return diagnose.Pair{During: p.During} }),
		"no length":       {Onset: onset, Services: full.Services, Calls: full.Calls},
		"only log lines":  {Logs: []observe.LogLine{{Service: "ghost", Text: "checksum mismatch"}, {Service: "ghost", Text: "checksum mismatch"}}},
		"unknown burning": {Burning: []string{"ghost"}, Services: full.Services, BeforeSpan: beforeSpan, DuringSpan: duringSpan},
	} {
		d := diagnose.Run(s)
		if d.Confidence == diagnose.High {
			t.Errorf("%s: high confidence\n%s", name, list(d))
		}
		if d.Summary == "" {
			t.Errorf("%s: no summary", name)
		}
	}
}

func TestAnySceneHasAnOrderlyDiagnosis(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := anything(r)
		d := diagnose.Run(s)
		if len(d.Suspects) > 5 {
			t.Fatalf("seed %d: %d suspects", seed, len(d.Suspects))
		}
		for i, x := range d.Suspects {
			if x.Score < 0 || x.Score > 1 || x.Service == "" || x.Kind == "" || len(x.Evidence) == 0 {
				t.Fatalf("seed %d: suspect %+v", seed, x)
			}
			if i > 0 && x.Score > d.Suspects[i-1].Score {
				t.Fatalf("seed %d: out of order\n%s", seed, list(d))
			}
		}
		if again := diagnose.Run(s); list(again) != list(d) || again.Confidence != d.Confidence {
			t.Fatalf("seed %d: the same scene gave another diagnosis\n%s\n%s", seed, list(d), list(again))
		}
	}
}

// anything is a scene without sense.
func anything(r *rand.Rand) diagnose.Scene {
	names := []string{"a", "b", "c", "d", "e", "f"}
	s := diagnose.Scene{
		Now: onset, Onset: onset.Add(-time.Duration(r.IntN(100)) * time.Second), BeforeSpan: time.Duration(r.IntN(300)) * time.Second, DuringSpan: time.Duration(r.IntN(60)) * time.Second,
		Services: map[string]diagnose.Pair{}, Calls: map[graph.Edge]diagnose.Pair{}, Versions: map[string]map[string]time.Time{},
	}
	for _, n := range names[:r.IntN(len(names))] {
		s.Services[n] = diagnose.Pair{Before: junk(r), During: junk(r)}
		if r.IntN(3) == 0 {
			s.Versions[n] = map[string]time.Time{"1": onset.Add(-time.Hour), "2": s.Onset}
		}
		if r.IntN(3) == 0 {
			says(&s, n, "checksum mismatch", "b failed")
		}
		if r.IntN(2) == 0 {
			s.Burning = append(s.Burning, n)
		}
	}
	for range r.IntN(12) {
		e := graph.Edge{Client: names[r.IntN(len(names))], Server: names[r.IntN(len(names))]}
		s.Calls[e] = diagnose.Pair{Before: junk(r), During: junk(r)}
	}
	return s
}

func junk(r *rand.Rand) graph.Stats {
	n := int64(r.IntN(200))
	part := func() int64 { return r.Int64N(n + 1) }
	st := graph.Stats{
		Requests: n, Errors: part(), Roots: part(), RootErrs: part(), Resends: part(), Refused: part(), Timeouts: part(), Rejected: part(), Blocked: part(),
		Passed: part(), Origin: part(), Hung: part(), Total: time.Duration(part()) * time.Second, QueueWait: time.Duration(part()) * time.Second,
		PoolWait: time.Duration(part()) * time.Second,
	}
	for range part() {
		count(&st.SelfHist, time.Duration(r.IntN(5000))*ms, 1)
		count(&st.Hist, time.Duration(r.IntN(5000))*ms, 1)
	}
	return st
}
