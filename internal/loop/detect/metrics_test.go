package detect_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
)

// Metrics of the tests: requests by status, and how long they took in two kinds of histograms.
const (
	requests = "http.server.requests"
	took     = "http.server.request.duration"
	tookExp  = "http.server.request.duration.exp"
	half     = 0.5 // the threshold: a bound of both kinds of histograms
)

func selectorOf(t *testing.T, metric string, threshold float64, match ...string) *catalog.Selector {
	t.Helper()
	ms, err := catalog.ParseMatchers(match)
	if err != nil {
		t.Fatal(err)
	}
	return &catalog.Selector{Metric: metric, Service: "checkout", Match: match, Matchers: ms, Threshold: threshold}
}

// measured declares objectives of checkout that count metrics.
func (w *world) measured(ratios map[string]*catalog.Ratio) {
	w.declare("checkout")
	w.cat = &catalog.Catalog{Hash: fmt.Sprint("measured", len(ratios)), SLOs: map[string]*catalog.SLO{}, Services: w.cat.Services}
	for name, r := range ratios {
		o := objective("checkout")
		o.Name, o.Metrics = name, r
		w.cat.SLOs[name] = o
	}
}

func (w *world) flush() {
	w.t.Helper()
	if err := w.s.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) counted(name string) slo.Counts {
	return w.s.Ledger(name).Sum(t0.Add(-30*24*time.Hour), w.now.Add(time.Hour))
}

// truth is one request as it was: nothing of how it was reported.
type truth struct {
	at     time.Time
	status int // index into statuses
	took   float64
}

var statuses = []string{"200", "404", "500", "503"}

// process is one life of something that serves requests and reports metrics now and then.
type process struct {
	instance uint64
	start    time.Time
	delta    bool
	events   []truth
	last     time.Time // end of the last delta
}

// delivery is a report that came, as the oracle knows it: which process, and the time of it.
type delivery struct {
	p        *process
	from, at time.Time
}

// report returns what the process says at a time, as OTLP has it, in one stream per metric.
func (p *process) report(at time.Time, scale int32) (out []observe.Stream, d delivery) {
	from := p.start
	if p.delta {
		from = p.last
		p.last = at
	}
	d = delivery{p, from, at}
	kind := uint64(0)
	if p.delta {
		kind = 1
	}
	stream := func(n uint64, metric, k string) observe.Stream {
		return observe.Stream{Key: p.instance*100 + n*10 + kind, Metric: metric, Service: "checkout", Kind: k, Delta: p.delta}
	}
	counters, explicit, exponential := stream(1, requests, observe.Counter), stream(2, took, observe.Histogram), stream(3, tookExp, observe.Histogram)
	bounds := []float64{0.1, half, 2}
	for i, status := range statuses {
		point := observe.MetricPoint{Key: uint64(i), Start: from, At: at, Attrs: func() map[string]string { return map[string]string{"http.response.status_code": status} }}
		e, x := observe.Explicit{Bounds: bounds, Counts: make([]uint64, 4)}, observe.Exponential{Scale: scale, Offset: -200, Counts: make([]uint64, 300)}
		for _, ev := range p.events {
			if ev.status != i || (p.delta && !ev.at.After(from)) || ev.at.After(at) {
				continue
			}
			point.Count++
			e.Counts[slices.IndexFunc(append(bounds, math.Inf(1)), func(b float64) bool { return ev.took <= b })]++
			x.Counts[int(math.Ceil(math.Log2(ev.took)*math.Exp2(float64(scale))))-1+200]++
		}
		if point.Count == 0 { // a series comes with its first event
			continue
		}
		counters.Points = append(counters.Points, point)
		point.Spread = e
		explicit.Points = append(explicit.Points, point)
		point.Spread = x
		exponential.Points = append(exponential.Points, point)
	}
	return []observe.Stream{counters, explicit, exponential}, d
}

// oracle counts, event by event, what deliveries say: of a process that tells deltas those of each report once, of one that
// tells sums all until its last report, without those of a first report of a process that began before anybody listened.
func oracle(ds []delivery, since time.Time, good func(truth) bool) (c slo.Counts) {
	type span struct{ from, to time.Time }
	covered := map[*process][]span{}
	for _, d := range ds {
		seen := covered[d.p]
		switch {
		case d.p.delta && d.from.Before(since):
		case d.p.delta:
			if !slices.Contains(seen, span{d.from, d.at}) {
				covered[d.p] = append(seen, span{d.from, d.at})
			}
		case len(seen) == 0 && d.from.Before(since):
			covered[d.p] = []span{{d.at, d.at}}
		case len(seen) == 0:
			covered[d.p] = []span{{time.Time{}, d.at}}
		case d.at.After(seen[0].to):
			seen[0].to = d.at
		}
	}
	for p, spans := range covered {
		for _, ev := range p.events {
			for _, s := range spans {
				if !ev.at.After(s.from) || ev.at.After(s.to) {
					continue
				}
				c.Total++
				if good(ev) {
					c.Good++
				}
			}
		}
	}
	return c
}

// Random processes begin, end, restart and report sums or deltas; reports come twice, late, in another order, in parts or
// not at all; the server is stopped and killed. Not one event is counted too much or too little.
func TestMetricsAreCountedToTheEvent(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { countRandomly(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func countRandomly(t *testing.T, rng *rand.Rand) {
	w := newWorld(t)
	ok := []string{`http.response.status_code!~"5.."`}
	w.measured(map[string]*catalog.Ratio{
		"answers":  {Good: selectorOf(t, requests, 0, ok...), Total: selectorOf(t, requests, 0)},
		"failures": {Bad: selectorOf(t, requests, 0, `http.response.status_code=~"5.."`), Total: selectorOf(t, requests, 0)},
		"fast":     {Good: selectorOf(t, took, half), Total: selectorOf(t, took, 0)},
		"slow":     {Bad: selectorOf(t, tookExp, half), Total: selectorOf(t, tookExp, 0)},
		"ok fast":  {Good: selectorOf(t, tookExp, half, ok...), Total: selectorOf(t, requests, 0)},
	})
	answered := func(e truth) bool { return e.status < 2 }
	quick := func(e truth) bool { return e.took <= half }
	good := map[string]func(truth) bool{"answers": answered, "failures": answered, "fast": quick, "slow": quick,
		"ok fast": func(e truth) bool { return answered(e) && quick(e) }}

	var running []*process
	instance := uint64(0)
	begin := func(start time.Time, instance uint64) {
		running = append(running, &process{instance: instance, start: start, last: start, delta: rng.IntN(3) == 0})
	}
	for range 3 { // they ran for a day when the objectives were declared
		instance++
		begin(w.now.Add(-24*time.Hour), instance)
		p := running[len(running)-1]
		for range 50 {
			p.events = append(p.events, truth{w.now.Add(-time.Duration(rng.Int64N(int64(24 * time.Hour)))), rng.IntN(4), rng.Float64()*3 + 0.001})
		}
	}
	since := w.now
	w.tick()
	w.flush()

	var came, safe []delivery
	type late struct {
		due     time.Time
		streams []observe.Stream
		d       delivery
	}
	var mail []late
	deliver := func(m late) {
		if rng.IntN(3) == 0 { // in two requests
			for i := range m.streams {
				one := m.streams[i]
				cut := rng.IntN(len(one.Points) + 1)
				a, b := one, one
				a.Points, b.Points = slices.Clone(one.Points[:cut]), slices.Clone(one.Points[cut:])
				w.s.CountMetrics([]observe.Stream{a}, w.now)
				w.s.CountMetrics([]observe.Stream{b}, w.now)
			}
		} else {
			w.s.CountMetrics(m.streams, w.now)
		}
		if len(m.streams[0].Points) > 0 { // a report of nothing says nothing
			came = append(came, m.d)
		}
	}
	for range 1500 {
		w.now = w.now.Add(time.Second)
		for _, p := range running {
			for range rng.IntN(4) {
				v := rng.Float64()*3 + 0.001
				if rng.IntN(10) == 0 {
					v = half
				}
				p.events = append(p.events, truth{w.now.Add(-time.Duration(rng.Int64N(int64(time.Second)))), max(rng.IntN(40)-36, 0), v})
			}
			if rng.IntN(8) > 0 {
				continue
			}
			streams, d := p.report(w.now, int32(3-rng.IntN(3)))
			m := late{w.now, streams, d}
			switch rng.IntN(10) {
			case 0: // lost
			case 1, 2:
				m.due = w.now.Add(time.Duration(rng.IntN(20)) * time.Second)
				mail = append(mail, m)
			case 3:
				mail = append(mail, m, late{w.now.Add(time.Duration(rng.IntN(5)) * time.Second), streams, d})
			default:
				mail = append(mail, m)
			}
		}
		rng.Shuffle(len(mail), func(i, j int) { mail[i], mail[j] = mail[j], mail[i] })
		mail = slices.DeleteFunc(mail, func(m late) bool {
			if m.due.After(w.now) {
				return false
			}
			deliver(m)
			return true
		})
		switch rng.IntN(120) {
		case 0:
			instance++
			begin(w.now, instance)
		case 1: // a restart of the same instance
			i := rng.IntN(len(running))
			again := running[i].instance
			running = slices.Delete(running, i, i+1)
			begin(w.now, again)
		case 2: // the server is stopped well
			w.flush()
			safe = slices.Clone(came)
			w.db.Close()
			w.start()
		case 3: // or killed
			came = slices.Clone(safe)
			w.db.Close()
			w.start()
		}
		if rng.IntN(5) == 0 {
			w.flush()
			safe = slices.Clone(came)
		}
	}
	for name, g := range good {
		want := oracle(came, since, g)
		if got := w.counted(name); got != want || want.Total < 1000 || want.Bad() < 50 {
			t.Errorf("%s: counted %+v, want %+v", name, got, want)
		}
		if n := w.s.Status(w.cat.SLOs[name], w.now).Notes; n != nil {
			t.Errorf("%s: %q", name, n)
		}
	}
}

func counterPoint(key uint64, start, at time.Time, n int64, attrs map[string]string) observe.MetricPoint {
	return observe.MetricPoint{Key: key, Start: start, At: at, Count: n, Attrs: func() map[string]string { return attrs }}
}

func counterStream(key uint64, ps ...observe.MetricPoint) []observe.Stream {
	return []observe.Stream{{Key: key, Metric: requests, Service: "checkout", Kind: observe.Counter, Points: ps}}
}

func answers(t *testing.T) map[string]*catalog.Ratio {
	return map[string]*catalog.Ratio{"answers": {Good: selectorOf(t, requests, 0, `status!="500"`), Total: selectorOf(t, requests, 0)}}
}

// A collector that was cut off for half an hour sends sums again: what came meanwhile is spread over the gap, so that it is
// no burst of the last minute, and none of it is lost.
func TestGapOfMetricsIsNoBurst(t *testing.T) {
	w := newWorld(t)
	w.measured(answers(t))
	w.tick()
	bad := map[string]string{"status": "500"}
	start := w.now.Add(time.Second)
	w.now = w.now.Add(time.Minute)
	w.s.CountMetrics(counterStream(1, counterPoint(1, start, w.now, 100, nil), counterPoint(2, start, w.now, 10, bad)), w.now)
	gap := w.now
	w.now = w.now.Add(30 * time.Minute)
	w.s.CountMetrics(counterStream(1, counterPoint(1, start, w.now, 100+3001, nil), counterPoint(2, start, w.now, 10+301, bad)), w.now)
	if got, want := w.counted("answers"), (slo.Counts{Good: 3101, Total: 3101 + 311}); got != want {
		t.Errorf("all: %+v, want %+v", got, want)
	}
	for at := gap; at.Before(w.now); at = at.Add(5 * time.Minute) {
		c := w.s.Ledger("answers").Sum(at, at.Add(5*time.Minute))
		if c.Total < 540 || c.Total > 560 || c.Bad() < 48 || c.Bad() > 53 {
			t.Errorf("from %s on: %+v", at.Format(time.TimeOnly), c)
		}
	}
}

// What counters had before anybody followed them belongs to no hour; what begins later counts from its first event on.
func TestFirstReportOfACounterCountsOnlyWhatIsNew(t *testing.T) {
	w := newWorld(t)
	w.measured(answers(t))
	w.tick()
	long, bad := w.now.Add(-10*24*time.Hour), map[string]string{"status": "500"}
	step := func(name string, want slo.Counts, in []observe.Stream) {
		t.Helper()
		w.s.CountMetrics(in, w.now)
		if got := w.counted("answers"); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		w.now = w.now.Add(10 * time.Second)
	}
	step("a process that is ten days old", slo.Counts{}, counterStream(1, counterPoint(1, long, w.now, 1_000_000, nil)))
	step("goes on", slo.Counts{Good: 5, Total: 5}, counterStream(1, counterPoint(1, long, w.now, 1_000_005, nil)))
	step("its first failure is a new series", slo.Counts{Good: 6, Total: 7}, counterStream(1, counterPoint(1, long, w.now, 1_000_006, nil), counterPoint(2, long, w.now, 1, bad)))
	step("another old process under the same name", slo.Counts{Good: 6, Total: 7}, counterStream(1, counterPoint(1, long.Add(time.Hour), w.now, 500, nil)))
	step("a new process", slo.Counts{Good: 9, Total: 10}, counterStream(2, counterPoint(1, w.now.Add(-5*time.Second), w.now, 3, nil)))
	step("one that does not say its start", slo.Counts{Good: 9, Total: 10}, counterStream(3, counterPoint(1, time.Time{}, w.now, 70, nil)))
	step("and goes on", slo.Counts{Good: 11, Total: 12}, counterStream(3, counterPoint(1, time.Time{}, w.now, 72, nil)))
	step("and began anew", slo.Counts{Good: 15, Total: 16}, counterStream(3, counterPoint(1, time.Time{}, w.now, 4, nil)))
}

// A stream that was forgotten after a day of silence is not taken for a new one.
func TestForgottenStreamIsNotCountedTwice(t *testing.T) {
	w := newWorld(t)
	w.measured(answers(t))
	w.tick()
	start := w.now.Add(time.Second)
	w.now = w.now.Add(time.Minute)
	w.s.CountMetrics(counterStream(1, counterPoint(1, start, w.now, 100, nil)), w.now)
	w.now = w.now.Add(25 * time.Hour)
	if err := w.s.Trim(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	w.flush()
	w.db.Close()
	w.start()
	w.s.CountMetrics(counterStream(1, counterPoint(1, start, w.now, 150, nil)), w.now)
	w.now = w.now.Add(time.Minute)
	w.s.CountMetrics(counterStream(1, counterPoint(1, start, w.now, 153, nil)), w.now)
	w.s.CountMetrics(counterStream(2, counterPoint(1, w.now.Add(-time.Second), w.now, 7, nil)), w.now)
	if got, want := w.counted("answers"), (slo.Counts{Good: 110, Total: 110}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestWhatCannotBeCountedIsSaid(t *testing.T) {
	w := newWorld(t)
	w.measured(map[string]*catalog.Ratio{
		"answers": answers(t)["answers"],
		"fast":    {Good: selectorOf(t, took, 0.3), Total: selectorOf(t, took, 0)},
		"slow":    {Bad: selectorOf(t, requests, 0.3), Total: selectorOf(t, requests, 0)},
	})
	w.tick()
	at := w.now.Add(time.Second)
	w.now = w.now.Add(2 * time.Second)
	hist := counterPoint(1, at, w.now, 30, nil)
	hist.Spread = observe.Explicit{Bounds: []float64{0.1, half}, Counts: []uint64{10, 20, 0}}
	w.s.CountMetrics([]observe.Stream{{Key: 9, Metric: took, Service: "checkout", Kind: observe.Histogram, Points: []observe.MetricPoint{hist}}}, w.now)
	w.s.CountMetrics([]observe.Stream{{Key: 8, Metric: requests, Service: "checkout", Kind: "gauge"}}, w.now)
	w.s.CountMetrics(counterStream(7, counterPoint(1, at, w.now, 3, nil)), w.now)
	if got, want := w.counted("fast"), (slo.Counts{Good: 20, Total: 30}); got != want {
		t.Errorf("interpolated: %+v, want %+v", got, want)
	}
	if got := w.counted("slow"); got.Total != 0 {
		t.Errorf("a counter has no threshold: %+v", got)
	}
	for name, want := range map[string]string{"fast": "interpolated", "answers": "is a gauge", "slow": "no buckets"} {
		if got := strings.Join(w.s.Status(w.cat.SLOs[name], w.now).Notes, "; "); !strings.Contains(got, want) {
			t.Errorf("%s: %q does not say %q", name, got, want)
		}
	}
}

// An outage that only metrics tell of fires, and ends: the whole way from points to an alert.
func TestObjectiveOfMetricsFiresAndResolves(t *testing.T) {
	w := newWorld(t)
	w.measured(answers(t))
	w.tick()
	start := w.now.Add(time.Second)
	var fine, failed int64
	report := func(d time.Duration, broken bool) {
		for end := w.now.Add(d); w.now.Before(end); {
			w.now = w.now.Add(10 * time.Second)
			if broken {
				failed += 100
			} else {
				fine += 100
			}
			w.s.CountMetrics(counterStream(1, counterPoint(1, start, w.now, fine, nil), counterPoint(2, start, w.now, failed, map[string]string{"status": "500"})), w.now)
			w.s.Beat("checkout", w.now)
			w.tick()
		}
	}
	report(time.Hour, false)
	if as := w.alerts(true); len(as) != 0 {
		t.Fatalf("%+v", as)
	}
	report(3*time.Minute, true)
	as := w.alerts(true)
	if len(as) != 1 || as[0].SLO != "answers" {
		t.Fatalf("%+v", as)
	}
	report(10*time.Minute, false)
	if as := w.alerts(true); len(as) != 0 {
		t.Errorf("%+v", as)
	}
}

func BenchmarkCountMetrics(b *testing.B) {
	cat := &catalog.Catalog{Hash: "b", SLOs: map[string]*catalog.SLO{}}
	sel := func(metric string) *catalog.Selector {
		ms, err := catalog.ParseMatchers([]string{`http.response.status_code=~"5.."`})
		if err != nil {
			b.Fatal(err)
		}
		return &catalog.Selector{Metric: metric, Service: "checkout", Matchers: ms}
	}
	o := objective("checkout")
	o.Metrics = &catalog.Ratio{Bad: sel(requests), Total: &catalog.Selector{Metric: requests, Service: "checkout"}}
	cat.SLOs[o.Name] = o
	s := detect.New(detect.Config{Catalog: func() *catalog.Catalog { return cat }})
	at := t0
	var n int64
	for b.Loop() {
		b.StopTimer()
		at, n = at.Add(10*time.Second), n+3
		var ps []observe.MetricPoint
		for i := range uint64(1000) {
			ps = append(ps, counterPoint(i, t0, at, n, map[string]string{"http.response.status_code": statuses[i%4]}))
		}
		b.StartTimer()
		s.CountMetrics(counterStream(1, ps...), at)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "points/s")
}
