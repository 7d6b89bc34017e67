package detect_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
)

var t0 = time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)

// world is a detect service on a real store, with traffic that goes on second by second.
type world struct {
	t       *testing.T
	path    string
	db      *store.DB
	cat     *catalog.Catalog
	s       *detect.Service
	now     time.Time
	broken  map[string]bool
	related map[string]string
}

func objective(service string) *catalog.SLO {
	return &catalog.SLO{Meta: catalog.Meta{Name: service + "-answers"}, Service: service, Target: 0.999, Window: 30 * 24 * time.Hour}
}

func newWorld(t *testing.T, services ...string) *world {
	t.Helper()
	w := &world{t: t, path: t.TempDir() + "/nk.db", now: t0, broken: map[string]bool{}, related: map[string]string{}}
	w.declare(services...)
	w.start()
	return w
}

func (w *world) declare(services ...string) {
	w.cat = &catalog.Catalog{Hash: strings.Join(services, " "), SLOs: map[string]*catalog.SLO{}, Services: map[string]*catalog.Service{}}
	for _, s := range services {
		o := objective(s)
		w.cat.SLOs[o.Name] = o
		w.cat.Services[s] = &catalog.Service{Meta: catalog.Meta{Name: s}, Tier: catalog.Critical}
	}
}

// start opens the store and the service, as a process does.
func (w *world) start() {
	w.t.Helper()
	db, err := store.Open(w.t.Context(), w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { db.Close() })
	w.db = db
	w.s = detect.New(detect.Config{Store: db.Detect(), Catalog: func() *catalog.Catalog { return w.cat },
		Related: w.near, At: func(a string) string { return a }, Log: slog.New(slog.DiscardHandler)})
	if err := w.s.Restore(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
}

// run plays d of traffic: ten requests a second of every service, all of them failing where it is broken.
func (w *world) run(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(time.Second)
		w.traffic()
		w.tick()
	}
}

func (w *world) traffic() {
	for _, o := range w.cat.SLOs {
		var spans []observe.Span
		for i := range 10 {
			spans = append(spans, observe.Span{Service: o.Service, Kind: observe.Server, Start: w.now.Add(-time.Duration(i) * time.Millisecond), Error: w.broken[o.Service]})
		}
		w.s.Count(spans)
	}
}

// warm counts hours of good traffic without looking at it.
func (w *world) warm() {
	for end := w.now.Add(2 * time.Hour); w.now.Before(end); w.now = w.now.Add(10 * time.Second) {
		w.traffic()
		w.traffic()
		w.traffic()
	}
}

func (w *world) tick() {
	w.t.Helper()
	if err := w.s.Tick(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) alerts(firing bool) []detect.Alert {
	w.t.Helper()
	as, err := w.s.Alerts(w.t.Context(), "", firing)
	if err != nil {
		w.t.Fatal(err)
	}
	return as
}

func (w *world) facts() []string {
	w.t.Helper()
	es, err := w.db.Events(w.t.Context(), event.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		line := e.Kind
		if e.Service != "" {
			line += " " + e.Service
		}
		out = append(out, line)
	}
	return out
}

func (w *world) want(what string, got, want any) {
	w.t.Helper()
	if g, x := fmt.Sprint(got), fmt.Sprint(want); g != x {
		w.t.Errorf("%s:\n got %s\nwant %s", what, g, x)
	}
}

// near returns the services that are related to one.
func (w *world) near(service string) (out []string) {
	for a, b := range w.related {
		switch service {
		case a:
			out = append(out, b)
		case b:
			out = append(out, a)
		}
	}
	return out
}

func (w *world) open() []detect.Group {
	w.t.Helper()
	var out []detect.Group
	err := w.db.Detect().View(w.t.Context(), func(tx detect.Tx) (err error) {
		out, err = tx.OpenGroupsOf(w.t.Context(), slices.Collect(maps.Keys(w.cat.Services)))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func TestCascadeIsOneGroupFromTheFirstAlertToTheLastCalm(t *testing.T) {
	w := newWorld(t, "checkout", "payment", "search")
	w.related["payment"] = "checkout"
	w.warm()
	w.broken["checkout"] = true
	w.run(70 * time.Second)
	w.want("facts", w.facts(), []string{"detect.fired checkout"})
	a := w.alerts(true)[0]
	if a.Severity != detect.SEV1 || a.Links.RED == "" || a.Reason == "" || !strings.Contains(a.Links.Traces, "service=checkout") {
		t.Errorf("alert %+v", a)
	}

	w.broken["payment"] = true
	w.run(70 * time.Second)
	as := w.alerts(true)
	if len(as) != 2 || as[0].Group != as[1].Group {
		t.Fatalf("alerts %+v", as)
	}
	w.broken["search"] = true
	w.run(70 * time.Second)
	if n := len(w.open()); n != 2 {
		t.Errorf("%d groups; what is not connected is an incident of its own", n)
	}
	w.broken = map[string]bool{}
	w.run(2 * time.Minute)
	w.want("firing", len(w.alerts(true)), 0)
	w.want("facts", w.facts(), []string{"detect.fired checkout", "detect.fired payment", "detect.fired search",
		"detect.resolved checkout", "detect.resolved payment", "detect.calm", "detect.resolved search", "detect.calm"})
	w.run(detect.Linger + time.Second)
	w.want("open groups", len(w.open()), 0)
}

func TestRelapseJoinsItsGroupWhileItLingers(t *testing.T) {
	w := newWorld(t, "checkout")
	w.warm()
	fire := func() detect.Alert {
		t.Helper()
		w.broken["checkout"] = true
		w.run(75 * time.Second)
		as := w.alerts(true)
		if len(as) != 1 {
			t.Fatalf("%d alerts fire", len(as))
		}
		w.broken["checkout"] = false
		w.run(75 * time.Second)
		w.want("firing", len(w.alerts(true)), 0)
		return as[0]
	}
	first := fire()
	second := fire()
	if first.Group != second.Group {
		t.Error("a relapse within minutes is another incident")
	}
	w.run(detect.Linger + time.Minute)
	if third := fire(); third.Group == first.Group {
		t.Error("trouble after the group is closed joined it")
	}
}

func TestSilenceIsNotRecovery(t *testing.T) {
	w := newWorld(t, "checkout")
	w.warm()
	w.broken["checkout"] = true
	w.run(70 * time.Second)
	for range 29 { // nothing arrives any more
		w.now = w.now.Add(time.Minute)
		w.tick()
	}
	w.want("firing after 29 quiet minutes", len(w.alerts(true)), 1)
	w.now = w.now.Add(3 * time.Minute)
	w.tick()
	w.want("firing after half an hour", len(w.alerts(true)), 0)
	if a := w.alerts(false)[0]; a.Resolution != "no traffic for 30m0s: nothing left to judge" {
		t.Errorf("resolved because %q", a.Resolution)
	}
}

func TestRestartForgetsNoEventAndNoAlert(t *testing.T) {
	w := newWorld(t, "checkout")
	w.warm()
	w.broken["checkout"] = true
	w.run(40 * time.Second)
	if err := w.s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts := func() (out []slo.Counts) {
		for _, r := range w.s.Status(w.cat.SLOs["checkout-answers"], w.now).Readings {
			out = append(out, r.Long, r.Short, r.Recent)
		}
		return out
	}
	before := counts()
	w.db.Close()
	w.start()
	w.want("counts", counts(), before)
	w.run(25 * time.Second)
	w.want("firing", len(w.alerts(true)), 1)
	if err := w.s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.db.Close()
	w.start()
	w.run(10 * time.Second)
	w.want("facts", w.facts(), []string{"detect.fired checkout"})
}

func TestAlertOfAnObjectiveThatIsNoLongerDeclaredResolves(t *testing.T) {
	w := newWorld(t, "checkout", "search")
	w.warm()
	w.broken["checkout"] = true
	w.run(70 * time.Second)
	w.declare("search")
	w.run(time.Second)
	w.want("facts", w.facts(), []string{"detect.fired checkout", "detect.resolved checkout", "detect.calm"})
	if a := w.alerts(false)[0]; a.Resolution != "the objective is no longer declared" {
		t.Errorf("resolved because %q", a.Resolution)
	}
}

// refusing is a store that cannot write one service's alerts.
type refusing struct {
	detect.Store
	service string
}

func (s refusing) Update(ctx context.Context, fn func(detect.Tx) error) error {
	return s.Store.Update(ctx, func(tx detect.Tx) error { return fn(refusingTx{tx, s.service}) })
}

type refusingTx struct {
	detect.Tx
	service string
}

func (t refusingTx) SaveAlert(ctx context.Context, a detect.Alert) error {
	if a.Service == t.service {
		return errors.New("no")
	}
	return t.Tx.SaveAlert(ctx, a)
}

func TestAlertThatCannotBeWrittenDelaysNoOther(t *testing.T) {
	w := newWorld(t, "a-first", "b-second")
	w.s.Store = refusing{w.db.Detect(), "a-first"}
	w.warm()
	w.broken["a-first"], w.broken["b-second"] = true, true
	var err error
	for range 70 {
		w.now = w.now.Add(time.Second)
		w.traffic()
		err = w.s.Tick(t.Context(), w.now)
	}
	if err == nil {
		t.Error("nobody hears that an alert cannot be written")
	}
	w.want("facts", w.facts(), []string{"detect.fired b-second"})
}

func TestSpansCountForTheObjectivesTheyAreSelectedBy(t *testing.T) {
	w := newWorld(t, "checkout")
	o := w.cat.SLOs["checkout-answers"]
	o.Operation, o.MaxDuration = "POST /pay", 100*time.Millisecond
	f := func(sp observe.Span, good, total int64) {
		t.Helper()
		l := w.s.Ledger(o.Name)
		before := l.Sum(t0.Add(-time.Hour), t0.Add(time.Hour))
		sp.Start = t0
		w.s.Count([]observe.Span{sp})
		after := l.Sum(t0.Add(-time.Hour), t0.Add(time.Hour))
		if after.Good-before.Good != good || after.Total-before.Total != total {
			t.Errorf("%+v counted as %d of %d", sp, after.Good-before.Good, after.Total-before.Total)
		}
	}
	pay := observe.Span{Service: "checkout", Kind: observe.Server, Name: "POST /pay", Duration: 100 * time.Millisecond}
	f(pay, 1, 1)
	pay.Duration++
	f(pay, 0, 1)
	f(observe.Span{Service: "checkout", Kind: observe.Consumer, Name: "POST /pay"}, 1, 1)
	f(observe.Span{Service: "checkout", Kind: observe.Server, Name: "POST /pay", Error: true}, 0, 1)
	f(observe.Span{Service: "checkout", Kind: observe.Client, Name: "POST /pay"}, 0, 0)
	f(observe.Span{Service: "checkout", Kind: observe.Server, Name: "GET /"}, 0, 0)
	f(observe.Span{Service: "cart", Kind: observe.Server, Name: "POST /pay"}, 0, 0)
}

// The clock was two hours ahead when everything failed, and was set right before the restart.
func TestRestoreAfterTheClockWasSetBackCountsTheUsualWay(t *testing.T) {
	w := newWorld(t, "checkout")
	w.run(time.Minute)
	right := w.now
	w.now, w.broken["checkout"] = right.Add(2*time.Hour), true
	w.traffic()
	if err := w.s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.db.Close()
	w.now, w.broken["checkout"] = right, false
	w.start()
	w.run(time.Minute)
	if got := w.s.Ledger("checkout-answers").Sum(t0, w.now); got.Bad() != 0 || got.Total < 1000 {
		t.Errorf("%+v", got)
	}
}

func TestTrimDropsWhatLedgersNoLongerKeep(t *testing.T) {
	w := newWorld(t, "checkout")
	w.now = t0.Add(32 * time.Second) // within one bucket of each width
	w.traffic()
	if err := w.s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	stored := func() (n int) {
		err := w.db.View(t.Context(), func(tx *store.Tx) error {
			return tx.Buckets(t.Context(), func(string, slo.Bucket) { n++ })
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		after time.Duration
		keeps int
	}{{time.Hour, 3}, {4 * time.Hour, 2}, {80 * time.Hour, 1}, {94 * 24 * time.Hour, 0}} {
		if err := w.s.Trim(t.Context(), w.now.Add(c.after)); err != nil {
			t.Fatal(err)
		}
		if got := stored(); got != c.keeps {
			t.Errorf("after %s: %d buckets, want %d", c.after, got, c.keeps)
		}
	}
}

func TestCalmNamesWhatBurns(t *testing.T) {
	w := newWorld(t, "checkout", "search")
	w.run(30 * time.Second)
	w.broken["search"] = true
	w.run(10 * time.Second)
	ok, burning := w.s.Calm([]string{"checkout-answers", "search-answers", "not-declared"}, 30*time.Second, w.now)
	if ok || len(burning) != 1 || !strings.HasPrefix(burning[0], "search-answers: 10") {
		t.Errorf("calm %v, %v", ok, burning)
	}
	if ok, burning := w.s.Calm([]string{"checkout-answers"}, 30*time.Second, w.now); !ok {
		t.Errorf("not calm: %v", burning)
	}
}
