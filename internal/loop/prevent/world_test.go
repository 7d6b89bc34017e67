package prevent_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/prevent"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// injector is a recording fake of a fault at a target: it knows what is active, ends faults at their deadline or when
// their holder's process is dead for a lease, and complains about two at once.
type injector struct {
	t        testing.TB
	mu       sync.Mutex
	faults   map[string]*fault
	started  []prevent.Fault
	most     int   // most faults that were active at one moment
	refuse   error // returned by Start
	stubborn bool  // End fails
}

type fault struct {
	prevent.Fault
	in    *injector
	done  chan struct{}
	once  sync.Once
	end   time.Time // when it was over
	ended int       // how often End was called
	swept bool
	dead  *atomic.Bool // whether the process of its holder is dead
}

func (f *fault) over() {
	f.once.Do(func() {
		f.end = time.Now()
		close(f.done)
	})
}

func (f *fault) Done() <-chan struct{} { return f.done }

func (f *fault) End(context.Context) error {
	f.in.mu.Lock()
	defer f.in.mu.Unlock()
	if f.dead.Load() {
		return errors.New("process is dead")
	}
	f.ended++
	if f.in.stubborn {
		return errors.New("the target does not answer")
	}
	f.over()
	return nil
}

// holder is the injector as one process sees it.
type holder struct {
	*injector
	dead *atomic.Bool
}

func (h holder) Start(_ context.Context, f prevent.Fault) (prevent.Held, error) {
	in := h.injector
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.refuse != nil {
		return nil, in.refuse
	}
	if h.dead.Load() {
		return nil, errors.New("process is dead")
	}
	if in.faults[f.ID] != nil {
		in.t.Errorf("fault %s was made twice", f.ID)
	}
	x := &fault{Fault: f, in: in, done: make(chan struct{}), dead: h.dead}
	in.faults[f.ID] = x
	in.started = append(in.started, f)
	in.most = max(in.most, in.count())
	go func() {
		tick := time.NewTicker(f.Lease)
		defer tick.Stop()
		deadline := time.NewTimer(time.Until(f.Deadline))
		defer deadline.Stop()
		for {
			select {
			case <-x.done:
				return
			case <-deadline.C:
			case <-tick.C:
				if !h.dead.Load() {
					continue
				}
			}
			in.mu.Lock()
			x.over()
			in.mu.Unlock()
			return
		}
	}()
	return x, nil
}

func (h holder) Sweep(context.Context) ([]string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids []string
	for id, f := range h.faults {
		select {
		case <-f.done:
		default:
			f.swept = true
			f.over()
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (in *injector) count() int {
	n := 0
	for _, f := range in.faults {
		select {
		case <-f.done:
		default:
			n++
		}
	}
	return n
}

// active reports whether a fault exists.
func (in *injector) active() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.count() > 0
}

// process is one Nightkeeper on the store; it can die without a chance to end anything.
type process struct {
	*prevent.Service
	dead *atomic.Bool
	stop context.CancelFunc
	done chan struct{}
}

type mortal struct {
	prevent.Store
	dead *atomic.Bool
}

func (m mortal) View(ctx context.Context, fn func(prevent.Tx) error) error {
	if m.dead.Load() {
		return errors.New("process is dead")
	}
	return m.Store.View(ctx, fn)
}

func (m mortal) Update(ctx context.Context, fn func(prevent.Tx) error) error {
	if m.dead.Load() {
		return errors.New("process is dead")
	}
	return m.Store.Update(ctx, fn)
}

// world is a small fleet whose checkout suffers from faults at prefs as much as the test says.
type world struct {
	t      testing.TB
	db     *store.DB
	cat    *catalog.Catalog
	detect *detect.Service
	learn  *learn.Service
	in     *injector
	suffer atomic.Int64 // bad events in a thousand at checkout while a fault is active
	silent atomic.Bool  // no traffic
	*process
}

const slo = "checkout-availability"

func declared() *catalog.Experiment {
	return &catalog.Experiment{
		Meta: catalog.Meta{Name: "slow-prefs"}, Hypothesis: "checkout does not need prefs", Target: "prefs",
		Fault: catalog.Fault{Kind: "latency", Latency: catalog.Duration(200 * time.Millisecond), Share: 0.2}, Duration: catalog.Duration(time.Minute), Watch: []string{slo},
	}
}

// newWorld must be called in a bubble. Traffic has been flowing for two minutes when it returns.
func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	db, err := store.Open(context.Background(), filepath.Join(dir, "nk.db"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, in: &injector{t: t, faults: map[string]*fault{}}}
	w.cat = &catalog.Catalog{
		Hash: "c0ffee",
		Services: map[string]*catalog.Service{
			"prefs":    {Meta: catalog.Meta{Name: "prefs"}, Team: "identity", Tier: catalog.Standard, Control: "http://127.0.0.1:9/prefs"},
			"checkout": {Meta: catalog.Meta{Name: "checkout"}, Team: "payments", Tier: catalog.Critical},
			"search":   {Meta: catalog.Meta{Name: "search"}, Team: "payments", Tier: catalog.Standard},
		},
		SLOs:        map[string]*catalog.SLO{slo: {Meta: catalog.Meta{Name: slo}, Service: "checkout", Target: 0.995, Window: 28 * 24 * time.Hour}},
		Budgets:     map[string]*catalog.BudgetPolicy{"standard": {Meta: catalog.Meta{Name: "standard"}, Allow: []string{"rollback"}}},
		Experiments: map[string]*catalog.Experiment{"slow-prefs": declared()},
	}
	log := slog.New(slog.DiscardHandler)
	get := func() *catalog.Catalog { return w.cat }
	w.detect = detect.New(detect.Config{Store: db.Detect(), Catalog: get, Related: func(string) []string { return nil }, At: func(a string) string { return a }, Log: log})
	w.learn = learn.New(learn.Config{Store: db.Learn(), Catalog: get, Log: log})
	for s := range 120 {
		w.detect.Ledger(slo).Add(time.Now().Add(time.Duration(s-120)*time.Second), 50, 50)
	}
	stop := make(chan struct{})
	flowing := make(chan struct{})
	go func() {
		defer close(flowing)
		tick := time.NewTicker(time.Second / 2)
		defer tick.Stop()
		owed := int64(0)
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			good := int64(25)
			if w.in.active() {
				owed += 25 * w.suffer.Load()
				good -= owed / 1000
				owed %= 1000
			}
			if !w.silent.Load() {
				w.detect.Ledger(slo).Add(time.Now(), good, 25)
			}
		}
	}()
	w.boot()
	t.Cleanup(func() {
		w.halt()
		close(stop)
		<-flowing
		db.Close()
	})
	return w
}

// boot starts a process: what an earlier one left is free to be taken.
func (w *world) boot() {
	log := slog.New(slog.DiscardHandler)
	p := &process{dead: &atomic.Bool{}, done: make(chan struct{})}
	p.Service = prevent.New(prevent.Config{
		Store: mortal{w.db.Prevent(), p.dead}, Catalog: func() *catalog.Catalog { return w.cat }, Detect: w.detect, Learn: w.learn,
		Respond:  respond.New(respond.Config{Store: w.db.Respond(), Catalog: func() *catalog.Catalog { return w.cat }, Now: time.Now, Log: log}),
		Injector: holder{w.in, p.dead}, Now: time.Now, Log: log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	w.must(w.db.Update(ctx, func(tx *store.Tx) error { return tx.Unlease(ctx) }))
	go func() {
		defer close(p.done)
		if err := w.db.RunTasks(ctx, p.Tasks(), 4, time.Now, log); err != nil && ctx.Err() == nil {
			w.t.Errorf("worker: %v", err)
		}
	}()
	w.process = p
}

// halt stops the process in order; crash kills it.
func (w *world) halt() {
	w.stop()
	<-w.done
}

func (w *world) crash() {
	w.dead.Store(true)
	w.halt()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) begin(name string) prevent.Run {
	w.t.Helper()
	r, err := w.Start(context.Background(), name, "mira", time.Now())
	w.must(err)
	return r
}

// finish waits until a run is over.
func (w *world) finish(r prevent.Run) prevent.Run {
	w.t.Helper()
	for range 600 {
		cur, err := w.GetRun(context.Background(), r.ID)
		w.must(err)
		if cur.State.Over() {
			return cur
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("run %s is not over after ten minutes", r.ID)
	return r
}

func (w *world) facts(subject string) []string {
	w.t.Helper()
	es, err := w.db.Events(context.Background(), event.Query{Subject: subject})
	w.must(err)
	var out []string
	for _, e := range es {
		out = append(out, e.Kind)
	}
	return out
}

func (w *world) saveIncident(i respond.Incident) {
	w.t.Helper()
	w.must(w.db.Update(context.Background(), func(tx *store.Tx) error { return tx.SaveIncident(context.Background(), i) }))
}

// storm is an incident that is over, with a cause that can be recreated.
func storm(now time.Time) respond.Incident {
	return respond.Incident{
		ID: "INC-1", Group: "grp_1", Title: "prefs: retry storm", Severity: detect.SEV1, Status: respond.Resolved, Service: "checkout",
		OnsetAt: now.Add(-10 * time.Minute), OpenedAt: now.Add(-9 * time.Minute), ResolvedAt: now.Add(-5 * time.Minute), Burning: []string{"checkout", "prefs"},
		Cause: &diagnose.Suspect{Service: "prefs", Kind: diagnose.RetryStorm}, Confidence: diagnose.High,
	}
}

// resolved lets learn and prevent follow the end of an incident.
func (w *world) resolved(i respond.Incident) {
	w.t.Helper()
	w.saveIncident(i)
	ctx := context.Background()
	e := event.New(respond.KindResolved, time.Now(), event.System, string(i.ID), "", respond.Changed{Incident: i})
	w.must(w.db.Learn().Update(ctx, func(tx learn.Tx) error { return w.learn.Follows()[e.Kind](ctx, tx, e, time.Now()) }))
	w.must(w.db.Prevent().Update(ctx, func(tx prevent.Tx) error { return w.Follows()[e.Kind](ctx, tx, e, time.Now()) }))
}

// clean checks what must hold when no run is under way.
func (w *world) clean() {
	w.t.Helper()
	if w.in.active() {
		w.t.Error("a fault is still active")
	}
	if w.in.most > 1 {
		w.t.Errorf("%d faults were active at once", w.in.most)
	}
	for id, f := range w.in.faults {
		r, err := w.GetRun(context.Background(), prevent.RunID(id))
		w.must(err)
		if f.ended == 0 && !f.swept && !f.dead.Load() {
			w.t.Errorf("%s ended as %s without a call of End", id, r.State)
		}
		if f.end.After(f.Deadline.Add(time.Millisecond)) {
			w.t.Errorf("fault %s lived %s longer than its deadline", id, f.end.Sub(f.Deadline))
		}
		if !r.State.Over() {
			w.t.Errorf("run %s is %s", id, r.State)
		}
	}
}

func contains(t testing.TB, got []string, want ...string) {
	t.Helper()
	for _, x := range want {
		if !slices.Contains(got, x) {
			t.Errorf("%s is missing in %v", x, got)
		}
	}
}
