package browser

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"nightkeeper/internal/edge/intake/webhook"
	"nightkeeper/internal/edge/store"
	"nightkeeper/internal/edge/web/ui"
	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/learn"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/prevent"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

//go:embed testdata/catalog
var declared embed.FS

// fleet is who calls whom, in the order of calls, and how long each works itself.
var fleet = []struct {
	name, team string
	tier       catalog.Tier
	work       time.Duration
	revenue    float64
	calls      []string
}{
	{"storefront-web", "storefront", catalog.Critical, 9 * time.Millisecond, 1.9, []string{"session-api", "catalog-api", "cart-api", "search-api", "checkout-api"}},
	{"mobile-api", "storefront", catalog.Critical, 6 * time.Millisecond, 1.6, []string{"session-api", "recommendation-api", "checkout-api"}},
	{"checkout-api", "storefront", catalog.Critical, 14 * time.Millisecond, 0, []string{"pricing-api", "inventory-api", "payment-api", "order-api"}},
	{"cart-api", "storefront", catalog.Critical, 8 * time.Millisecond, 0, []string{"pricing-api", "user-preferences-api"}},
	{"catalog-api", "storefront", catalog.Standard, 8 * time.Millisecond, 0, []string{"shop-db"}},
	{"search-api", "storefront", catalog.Standard, 16 * time.Millisecond, 0, []string{"user-preferences-api", "catalog-api"}},
	{"recommendation-api", "storefront", catalog.Experimental, 12 * time.Millisecond, 0, []string{"user-preferences-api", "catalog-api"}},
	{"session-api", "platform", catalog.Critical, 3 * time.Millisecond, 0, []string{"user-preferences-api"}},
	{"pricing-api", "storefront", catalog.Standard, 5 * time.Millisecond, 0, nil},
	{"inventory-api", "platform", catalog.Standard, 9 * time.Millisecond, 0, []string{"shop-db"}},
	{"payment-api", "platform", catalog.Critical, 18 * time.Millisecond, 0, []string{"fraud-detection-api", "shop-db"}},
	{"fraud-detection-api", "platform", catalog.Critical, 22 * time.Millisecond, 0, []string{"user-preferences-api"}},
	{"order-api", "platform", catalog.Critical, 10 * time.Millisecond, 0, []string{"user-preferences-api", "shop-db"}},
	{"user-preferences-api", "platform", catalog.Standard, 6 * time.Millisecond, 0, []string{"shop-db"}},
	{"shop-db", "platform", catalog.Critical, 3 * time.Millisecond, 0, nil},
}

var objectives = []struct{ name, title, service, target, limit string }{
	{"checkout-availability", "Checkout answers", "checkout-api", "99.9", "1s"},
	{"storefront-availability", "The shop answers", "storefront-web", "99.9", "2s"},
	{"mobile-availability", "The app answers", "mobile-api", "99.5", "2s"},
	{"inventory-availability", "Stock is known", "inventory-api", "99.9", "500ms"},
	{"search-latency", "Search is quick", "search-api", "99", "800ms"},
	{"preferences-latency", "Preferences are quick", "user-preferences-api", "99.5", "400ms"},
}

func documents() []byte {
	var b bytes.Buffer
	for _, s := range fleet {
		fmt.Fprintf(&b, "---\napiVersion: nightkeeper/v1\nkind: Service\nmetadata: {name: %s}\nspec: {team: %s, tier: %s, control: \"http://127.0.0.1:1/%s\"", s.name, s.team, s.tier, s.name)
		if s.revenue > 0 {
			fmt.Fprintf(&b, ", revenuePerRequest: %g, currency: EUR", s.revenue)
		}
		b.WriteString("}\n")
	}
	for _, o := range objectives {
		fmt.Fprintf(&b, `---
apiVersion: openslo/v1
kind: SLO
metadata: {name: %s, displayName: %s}
spec:
  service: %s
  description: Requests to %s succeed within %s.
  budgetingMethod: Occurrences
  timeWindow: [{duration: 28d, isRolling: true}]
  objectives: [{targetPercent: %s}]
  indicator:
    metadata: {name: %s-good}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: spans, spec: {service: %s, errors: false, maxDuration: %s}}}
        total: {metricSource: {type: spans, spec: {service: %s}}}
`, o.name, o.title, o.service, o.service, o.limit, o.target, o.name, o.service, o.limit, o.service)
	}
	return b.Bytes()
}

// loadCatalog reads the declarations, and more of them; a problem in them fails the test.
func loadCatalog(t testing.TB, more ...string) *catalog.Catalog {
	t.Helper()
	files := fstest.MapFS{"services.yaml": {Data: documents()}, "more.yaml": {Data: []byte(strings.Join(more, "---\n"))}}
	sub, err := fs.Sub(declared, "testdata/catalog")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(sub, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(sub, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = &fstest.MapFile{Data: b}
	}
	c, problems := catalog.Load(files)
	for _, p := range catalog.Errors(problems) {
		t.Error(p)
	}
	if t.Failed() {
		t.FailNow()
	}
	return c
}

// clock is the time of a world: it stands where the test puts it, or runs with the real one.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) now() time.Time {
	if t := c.at.Load(); t != nil {
		return *t
	}
	return time.Now()
}

func (c *clock) stand(t time.Time) { c.at.Store(&t) }
func (c *clock) run()              { c.at.Store(nil) }

// world is a whole Nightkeeper behind the pages, but for intake and telemetry engine.
type world struct {
	t         testing.TB
	ctx       context.Context
	clock     clock
	cat       *catalog.Catalog
	db        *store.DB
	graph     *graph.Live
	engine    *engine
	detect    *detect.Service
	page      *page.Service
	respond   *respond.Service
	remediate *remediate.Service
	learn     *learn.Service
	prevent   *prevent.Service
	accounts  *accounts
	srv       *httptest.Server
	deploys   []observe.Deploy
	fed       uint64    // calls of traffic
	last      time.Time // until when there was traffic
}

// newWorld makes a world whose pages are as change says.
func newWorld(t testing.TB, change ...func(c *ui.Config)) *world {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &world{t: t, ctx: ctx, cat: loadCatalog(t), graph: graph.New(), engine: &engine{}, accounts: &accounts{sessions: map[string]ui.User{}}}
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "nightkeeper.db"))
	if err != nil {
		t.Fatal(err)
	}
	w.db = db
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	now, cat := w.clock.now, func() *catalog.Catalog { return w.cat }
	related := func(service string) []string {
		return graph.NewTopology(w.graph.Edges(now().Add(-15 * time.Minute))).Related(service)
	}
	deploys := func(context.Context, time.Time) ([]observe.Deploy, error) { return w.deploys, nil }
	w.detect = detect.New(detect.Config{Store: db.Detect(), Catalog: cat, Related: related, At: func(a string) string { return a }, Log: log,
		Formats: webhook.Formats(), Tokens: w.accounts.senders})
	w.page = page.New(page.Config{Store: db.Page(), Alert: w.detect.Alert, Events: db.Events, Catalog: cat, BaseURL: func() string { return "http://nightkeeper.example" }, Key: []byte("0123456789abcdef"), Now: now, Log: log})
	w.respond = respond.New(respond.Config{Store: db.Respond(), Catalog: cat, Graph: w.graph, Telemetry: w.engine, Deploys: deploys, Now: now, Log: log})
	w.remediate = remediate.New(remediate.Config{
		Store: db.Remediate(), Catalog: cat, Respond: w.respond, Engine: script.Local{}, HTTP: target{}, Telemetry: w.engine, Graph: w.graph,
		Calm: w.detect.Calm, Now: now, Log: log,
	})
	w.learn = learn.New(learn.Config{Store: db.Learn(), Catalog: cat, Log: log})
	w.prevent = prevent.New(prevent.Config{
		Store: db.Prevent(), Catalog: cat, Detect: w.detect, Respond: w.respond, Learn: w.learn, Injector: noFaults{}, Now: now, Log: log,
	})
	var parts sync.WaitGroup
	part := func(run func() error) {
		parts.Go(func() {
			if err := run(); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	follow := func(name string, h store.Handlers) {
		part(func() error { return db.Follow(ctx, name, h, now, log) })
	}
	follow("page", handlers(w.page.Follows()))
	follow("respond", handlers(w.respond.Follows()))
	follow("remediate", handlers(w.remediate.Follows()))
	follow("learn", handlers(w.learn.Follows()))
	follow("prevent", handlers(w.prevent.Follows()))
	timers := store.Timers{}
	maps.Copy(timers, timersOf(w.page.Timers()))
	maps.Copy(timers, timersOf(w.respond.Timers()))
	maps.Copy(timers, timersOf(w.remediate.Timers()))
	maps.Copy(timers, timersOf(w.learn.Timers()))
	part(func() error { return db.RunTimers(ctx, timers, now, log) })
	tasks := w.remediate.Tasks()
	maps.Copy(tasks, w.page.Tasks())
	part(func() error { return db.RunTasks(ctx, tasks, 4, now, log) })

	cfg := ui.Config{
		Catalog: cat, Graph: w.graph, Telemetry: w.engine, Detect: w.detect, Page: w.page, Respond: w.respond, Remediate: w.remediate,
		Learn: w.learn, Prevent: w.prevent, Deploys: deploys, Events: db.Events, Changed: db.Changed, Auth: w.accounts, Accounts: &kept{}, Now: now, Log: log,
		Health: func() []ui.HealthLine {
			return []ui.HealthLine{{Name: "Telemetry engine", OK: true, Text: "takes 214 spans/s"}, {Name: "Database", OK: true, Text: "SQLite, writes in 1.2 ms"}, {Name: "Email", Text: "no SMTP server is configured"}}
		},
	}
	for _, fn := range change {
		fn(&cfg)
	}
	handler, err := ui.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.srv = httptest.NewServer(handler)
	t.Cleanup(func() {
		w.srv.CloseClientConnections()
		w.srv.Close()
		stop()
		parts.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func handlers[T any](h event.Handlers[T]) store.Handlers {
	out := store.Handlers{}
	for kind, fn := range h {
		out[kind] = func(ctx context.Context, tx *store.Tx, e event.Event, now time.Time) error {
			return fn(ctx, any(tx).(T), e, now)
		}
	}
	return out
}

func timersOf[T any](h job.Timers[T]) store.Timers {
	out := store.Timers{}
	for kind, fn := range h {
		out[kind] = func(ctx context.Context, tx *store.Tx, j job.Job, now time.Time) error {
			return fn(ctx, any(tx).(T), j, now)
		}
	}
	return out
}

// until waits until cond is true; it looks again after each commit.
func (w *world) until(what string, cond func() bool) {
	w.t.Helper()
	late := time.After(30 * time.Second)
	for {
		changed := w.db.Changed()
		if cond() {
			return
		}
		select {
		case <-changed:
		case <-late:
			w.t.Fatalf("waited 30 s for: %s", what)
		}
	}
}

// must fails the test when an order fails.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// trouble is what is wrong with a service for a while.
type trouble struct {
	from, to time.Time
	service  string
	slow     time.Duration // added to its own work
	fails    float64       // share of its requests that fail by themselves
	retries  bool          // its callers repeat what takes over 400 ms
}

// traffic makes requests from one time to another and lets everybody see their spans, bucket by bucket.
func (w *world) traffic(from, to time.Time, troubles ...trouble) {
	w.fed++
	w.last = to
	rng := rand.New(rand.NewPCG(7, w.fed)) // the same in every run
	byName := map[string]int{}
	for i, s := range fleet {
		byName[s.name] = i
	}
	for at := from; at.Before(to); at = at.Add(2 * time.Second) {
		var spans []observe.Span
		for range 3 {
			entry := "storefront-web"
			if rng.IntN(3) == 0 {
				entry = "mobile-api"
			}
			g := generator{rng: rng, trace: hex(rng, 32), byName: byName, troubles: troubles}
			g.serve(entry, "", at.Add(time.Duration(rng.IntN(2000))*time.Millisecond), 0)
			spans = append(spans, g.spans...)
			w.engine.addLogs(g.logs)
		}
		w.graph.Observe(spans)
		w.detect.Count(spans)
		w.engine.addSpans(spans)
	}
}

func hex(rng *rand.Rand, n int) string {
	const digits = "0123456789abcdef"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[rng.IntN(16)]
	}
	return string(b)
}

type generator struct {
	rng      *rand.Rand
	trace    string
	byName   map[string]int
	troubles []trouble
	spans    []observe.Span
	logs     []observe.LogLine
}

// serve makes the server span of a service and everything below it.
func (g *generator) serve(name, parent string, start time.Time, depth int) (time.Duration, bool) {
	s := fleet[g.byName[name]]
	id := hex(g.rng, 16)
	work := time.Duration(float64(s.work) * (0.6 + g.rng.ExpFloat64()*0.5))
	failed, why := false, ""
	for _, x := range g.troubles {
		if x.service == name && !start.Before(x.from) && start.Before(x.to) {
			work += time.Duration(float64(x.slow) * (0.5 + g.rng.Float64()))
			if g.rng.Float64() < x.fails {
				failed, why = true, "stock table is locked"
			}
		}
	}
	at := start.Add(work / 2)
	for _, callee := range s.calls {
		if g.rng.IntN(3) == 0 && depth > 0 {
			continue
		}
		took, bad := g.call(name, id, callee, at, depth)
		at = at.Add(took)
		if bad && !failed {
			failed, why = true, callee+" did not answer"
		}
	}
	end := at.Add(work / 2)
	sp := observe.Span{
		TraceID: g.trace, SpanID: id, ParentID: parent, Service: name, Version: "4.2.0", Name: "GET /" + strings.TrimSuffix(strings.TrimSuffix(name, "-api"), "-web"),
		Kind: observe.Server, Start: start, Duration: end.Sub(start), Error: failed, Message: why,
		Attrs: map[string]string{"http.request.method": "GET", "http.response.status_code": "200"},
	}
	if failed {
		sp.Attrs["http.response.status_code"] = "500"
		g.logs = append(g.logs, observe.LogLine{Time: end, Service: name, Level: "ERROR", Text: "request failed: " + why, TraceID: g.trace, SpanID: id})
	} else if g.rng.IntN(40) == 0 {
		g.logs = append(g.logs, observe.LogLine{Time: end, Service: name, Level: "INFO", Text: "request served", TraceID: g.trace, SpanID: id})
	}
	g.spans = append(g.spans, sp)
	return sp.Duration, failed
}

// call makes the client span of a call, and repeats it when the callee is in a retry storm.
func (g *generator) call(from, parent, to string, at time.Time, depth int) (time.Duration, bool) {
	const patience = 400 * time.Millisecond
	stormy := slices.ContainsFunc(g.troubles, func(x trouble) bool {
		return x.service == to && x.retries && !at.Before(x.from) && at.Before(x.to)
	})
	var whole time.Duration
	for attempt := 0; ; attempt++ {
		id := hex(g.rng, 16)
		took, bad := g.serve(to, id, at.Add(whole+time.Millisecond), depth+1)
		took += 2 * time.Millisecond
		sp := observe.Span{
			TraceID: g.trace, SpanID: id, ParentID: parent, Service: from, Name: "GET", Kind: observe.Client, Peer: to, Start: at.Add(whole),
			Duration: took, Error: bad, Resend: attempt, Attrs: map[string]string{"http.request.method": "GET"},
		}
		if stormy && took > patience {
			sp.Duration, sp.Error, sp.Message, bad = patience, true, "timeout", true
			sp.Attrs["error.type"] = "timeout"
		}
		whole += sp.Duration
		g.spans = append(g.spans, sp)
		if !stormy || !bad || attempt == 2 {
			return whole, bad
		}
	}
}

// engine is a telemetry engine in memory.
type engine struct {
	mu    sync.Mutex
	spans []observe.Span
	lines []observe.LogLine
	down  atomic.Bool
}

func (e *engine) addSpans(s []observe.Span) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spans = append(e.spans, s...)
}

func (e *engine) addLogs(l []observe.LogLine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lines = append(e.lines, l...)
}

var errDown = errs.New(errs.Unavailable, "the telemetry engine is down")

func limit(n int) int { return min(cmp.Or(n, 100), 10_000) }

// Logs implements observe.Telemetry.
func (e *engine) Logs(_ context.Context, f observe.Filter) ([]observe.LogLine, error) {
	if e.down.Load() {
		return nil, errDown
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []observe.LogLine
	for k := len(e.lines) - 1; k >= 0 && len(out) < limit(f.Limit); k-- {
		l := e.lines[k]
		switch {
		case f.Service != "" && l.Service != f.Service, f.TraceID != "" && l.TraceID != f.TraceID:
		case f.Level == "ERROR" && l.Level != "ERROR", f.Text != "" && !strings.Contains(strings.ToLower(l.Text), strings.ToLower(f.Text)):
		case l.Time.Before(f.From), !f.To.IsZero() && !l.Time.Before(f.To):
		default:
			out = append(out, l)
		}
	}
	return out, nil
}

// Spans implements observe.Telemetry.
func (e *engine) Spans(_ context.Context, f observe.Filter) ([]observe.Span, error) {
	if e.down.Load() {
		return nil, errDown
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []observe.Span
	for k := len(e.spans) - 1; k >= 0 && len(out) < limit(f.Limit); k-- {
		s := e.spans[k]
		switch {
		case f.Service != "" && s.Service != f.Service, f.Kind != "" && s.Kind != f.Kind, f.ErrorsOnly && !s.Error, s.Duration < f.MinDuration:
		case f.Text != "" && !strings.Contains(s.Name+s.Message, f.Text), s.Start.Before(f.From), !f.To.IsZero() && !s.Start.Before(f.To):
		default:
			out = append(out, s)
		}
	}
	return out, nil
}

// Trace implements observe.Telemetry.
func (e *engine) Trace(_ context.Context, id string) ([]observe.Span, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []observe.Span
	for _, s := range e.spans {
		if s.TraceID == id {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, errs.New(errs.NotFound, "there is no trace %s", id)
	}
	slices.SortFunc(out, func(a, b observe.Span) int { return a.Start.Compare(b.Start) })
	return out, nil
}

// Metrics implements observe.Telemetry.
func (e *engine) Metrics(context.Context, string, time.Time, time.Time, time.Duration) ([]observe.Series, error) {
	return nil, nil
}

// target answers every request of a runbook but those to /lost, whose answers never come.
type target struct{}

// Do implements remediate.HTTP.
func (target) Do(_ context.Context, r remediate.Request) (remediate.Response, error) {
	if strings.HasSuffix(r.URL, "/lost") {
		return remediate.Response{}, remediate.ErrNoAnswer
	}
	return remediate.Response{Status: 200, Body: map[string]any{"took": r.Body != nil}}, nil
}

// noFaults refuses every fault.
type noFaults struct{}

func (noFaults) Start(context.Context, prevent.Fault) (prevent.Held, error) {
	return nil, errs.New(errs.Unavailable, "no fault can be made here")
}

func (noFaults) Sweep(context.Context) ([]string, error) { return nil, nil }
