package ui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
)

// recent is how far back "how is it at the moment" looks.
const recent = 5 * time.Minute

// serviceRow is one service as it is at the moment.
type serviceRow struct {
	Name     string
	Declared *catalog.Service
	Stats    graph.Stats
	Spark    []float64
	Status   *detect.Status // the objective that is worst off
	Firing   bool
	Failing  bool
}

func (s *server) servicesPage(r *http.Request) (view, error) {
	now, c := shellOf(r.Context()).Now, s.Catalog()
	firing, err := s.Detect.Alerts(r.Context(), "", true)
	if err != nil {
		return view{}, err
	}
	names := s.Graph.Services(now)
	for name := range c.Services {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var rows []serviceRow
	for _, name := range names {
		row := serviceRow{Name: name, Declared: c.Services[name], Stats: s.Graph.Service(name, now.Add(-recent), now)}
		points := s.Graph.Points(name, now.Add(-30*time.Minute), now)
		for k := 0; k+6 <= len(points); k += 6 {
			var n int64
			for _, p := range points[k : k+6] {
				n += p.Requests
			}
			row.Spark = append(row.Spark, float64(n))
		}
		row.Firing = slices.ContainsFunc(firing, func(a detect.Alert) bool { return a.Service == name })
		row.Failing = failing(row.Stats)
		for _, o := range c.SLOsOf(name) {
			st := s.Detect.Status(o, now)
			if row.Status == nil || st.Budget.Spent > row.Status.Budget.Spent {
				row.Status = &st
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b serviceRow) int {
		return cmp.Or(boolLess(a.Firing, b.Firing), boolLess(a.Failing, b.Failing), cmp.Compare(tierOrder(c, a.Name), tierOrder(c, b.Name)), cmp.Compare(a.Name, b.Name))
	})
	return view{Title: "Services", Live: true, Body: servicesBody(rows)}, nil
}

// failing reports whether a service or call fails so often that it is drawn as failing.
func failing(st graph.Stats) bool { return st.Requests >= 5 && st.ErrorShare() >= 0.05 }

func boolLess(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case b && !a:
		return 1
	}
	return 0
}

func tierOrder(c *catalog.Catalog, name string) int {
	if c.Services[name] == nil {
		return 3
	}
	switch c.TierOf(name) {
	case catalog.Critical:
		return 0
	case catalog.Standard:
		return 1
	}
	return 2
}

// neighbour is a call to or from a service.
type neighbour struct {
	Name  string
	Stats graph.Stats
}

// seenVersion is a version of a service and when it was first seen.
type seenVersion struct {
	Version string
	At      time.Time
}

type serviceData struct {
	Name      string
	Declared  *catalog.Service
	Window    window
	Sum       redSum
	Callers   []neighbour
	Callees   []neighbour
	Blast     graph.Blast
	Statuses  []detect.Status
	Versions  []seenVersion
	Deploys   []observe.Deploy
	Logs      []observe.LogLine
	LogsError string
	Policy    *catalog.EscalationPolicy
	Runbooks  []*catalog.Runbook
	Span      time.Duration
}

func (s *server) servicePage(r *http.Request) (view, error) {
	ctx, name, c := r.Context(), r.PathValue("name"), s.Catalog()
	now := shellOf(ctx).Now
	d := serviceData{Name: name, Declared: c.Services[name], Window: windowOf(r, time.Hour, now)}
	if d.Declared == nil && !slices.Contains(s.Graph.Services(now), name) {
		return view{}, errs.New(errs.NotFound, "no service named %s is declared or has answered a request in the last hour", name)
	}
	d.Span = d.Window.To.Sub(d.Window.From)
	d.Sum = s.redSum(name, d.Window)
	for e, st := range s.Graph.Calls(d.Window.From, minTime(d.Window.To, now.Add(graph.Width))) {
		if e.Server == name {
			d.Callers = append(d.Callers, neighbour{e.Client, st})
		}
		if e.Client == name {
			d.Callees = append(d.Callees, neighbour{e.Server, st})
		}
	}
	busiest := func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(b.Stats.Requests, a.Stats.Requests), cmp.Compare(a.Name, b.Name))
	}
	slices.SortFunc(d.Callers, busiest)
	slices.SortFunc(d.Callees, busiest)
	d.Blast = s.Graph.BlastRadius(c, name, recent, now)
	for _, o := range c.SLOsOf(name) {
		d.Statuses = append(d.Statuses, s.Detect.Status(o, now))
	}
	for v, at := range s.Graph.Versions(name) {
		d.Versions = append(d.Versions, seenVersion{v, at})
	}
	slices.SortFunc(d.Versions, func(a, b seenVersion) int { return b.At.Compare(a.At) })
	if s.Deploys != nil {
		ds, err := s.Deploys(ctx, now.Add(-14*24*time.Hour))
		if err != nil {
			return view{}, err
		}
		for _, dep := range ds {
			if dep.Service == name && len(d.Deploys) < 10 {
				d.Deploys = append(d.Deploys, dep)
			}
		}
	}
	d.Logs, d.LogsError = s.logs(ctx, observe.Filter{Service: name, Level: "ERROR", From: d.Window.From, To: d.Window.To, Limit: 12})
	d.Policy = c.PolicyFor(name)
	for _, rb := range sortedKeys(c.Runbooks) {
		if forService(c.Runbooks[rb], name) {
			d.Runbooks = append(d.Runbooks, c.Runbooks[rb])
		}
	}
	return view{Title: name, Live: true, Body: serviceBody(d)}, nil
}

// telemetryPatience bounds how long a page waits for the telemetry engine: a page without logs beats no page.
const telemetryPatience = 4 * time.Second

// logs returns log lines, or what to say when there are none to be had.
func (s *server) logs(ctx context.Context, f observe.Filter) ([]observe.LogLine, string) {
	ctx, cancel := context.WithTimeout(ctx, telemetryPatience)
	defer cancel()
	lines, err := s.Telemetry.Logs(ctx, f)
	if err != nil {
		return nil, s.blind(ctx, err)
	}
	return lines, ""
}

// spans returns spans, or what to say when there are none to be had.
func (s *server) spans(ctx context.Context, f observe.Filter) ([]observe.Span, string) {
	ctx, cancel := context.WithTimeout(ctx, telemetryPatience)
	defer cancel()
	spans, err := s.Telemetry.Spans(ctx, f)
	if err != nil {
		return nil, s.blind(ctx, err)
	}
	return spans, ""
}

// blind says why the telemetry engine did not answer.
func (s *server) blind(ctx context.Context, err error) string {
	if ctx.Err() != nil {
		return "the telemetry engine did not answer in time"
	}
	if errs.Is(err, errs.Internal) {
		s.Log.Error("telemetry", "error", err)
		return "the telemetry engine does not answer"
	}
	return errs.Message(err)
}

func perSecond(n int64, span time.Duration) float64 { return float64(n) / max(span.Seconds(), 1) }

// forService reports whether a runbook is for a service: it names it, or it names no service at all.
func forService(rb *catalog.Runbook, service string) bool {
	return slices.ContainsFunc(rb.Triggers, func(t catalog.Trigger) bool { return t.Service == service || t.Service == "" })
}

// lastWindows are the windows that a page with charts offers.
func lastWindows() []option {
	return []option{
		{"5 min", "5m0s", []string{"last", "5m"}}, {"15 min", "15m0s", []string{"last", "15m"}}, {"1 h", "1h0m0s", []string{"last", "1h"}},
	}
}

func chosenWindow(w window) string {
	if w.Fixed {
		return ""
	}
	return w.To.Sub(w.From).String()
}

// linkText shows only web addresses as links.
func safeLink(u string) bool {
	return strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://")
}
