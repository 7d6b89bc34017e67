package ui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/observe"
)

// found is one trace among the results of a search.
type found struct {
	TraceID string
	Spans   []observe.Span // that match, the oldest first
	Start   time.Time
	Longest observe.Span
	Errors  int
}

type tracesData struct {
	Service, Text, Min string
	Errors             bool
	Window             window
	Found              []found
	Problem            string
	Services           []string
	Slowest            time.Duration
}

// searchLast are the windows that a search offers.
func searchLast() []option {
	return []option{
		{name: "15 min", value: "15m"}, {name: "1 h", value: "1h"}, {name: "6 h", value: "6h"}, {name: "24 h", value: "24h"}, {name: "7 d", value: "168h"},
	}
}

func (s *server) tracesPage(r *http.Request) (view, error) {
	q, now := r.URL.Query(), shellOf(r.Context()).Now
	d := tracesData{
		Service: q.Get("service"), Text: q.Get("text"), Min: q.Get("min"), Errors: q.Get("errors") == "1",
		Window: windowOf(r, time.Hour, now), Services: s.Graph.Services(now),
	}
	f := observe.Filter{Service: d.Service, Text: d.Text, ErrorsOnly: d.Errors, From: d.Window.From, To: d.Window.To, Limit: 1000}
	if d.Service != "" && d.Text == "" {
		f.Kind = observe.Server
	}
	if d.Min != "" {
		least, err := time.ParseDuration(d.Min)
		if err != nil {
			d.Problem = "the shortest duration must be a number and a unit, such as 300ms or 2s"
			return view{Title: "Traces", Code: http.StatusUnprocessableEntity, Body: tracesBody(d)}, nil
		}
		f.MinDuration = least
	}
	var spans []observe.Span
	spans, d.Problem = s.spans(r.Context(), f)
	d.Found = groupTraces(spans)
	for _, t := range d.Found {
		d.Slowest = max(d.Slowest, t.Longest.Duration)
	}
	return view{Title: "Traces", Body: tracesBody(d)}, nil
}

// tracesMost bounds how many traces a search shows.
const tracesMost = 100

// groupTraces puts spans of one trace together, the newest trace first.
func groupTraces(spans []observe.Span) []found {
	at := map[string]int{}
	var out []found
	for _, sp := range spans {
		k, ok := at[sp.TraceID]
		if !ok {
			k = len(out)
			at[sp.TraceID] = k
			out = append(out, found{TraceID: sp.TraceID, Start: sp.Start, Longest: sp})
		}
		t := &out[k]
		t.Spans = append(t.Spans, sp)
		if sp.Start.Before(t.Start) {
			t.Start = sp.Start
		}
		if sp.Duration > t.Longest.Duration {
			t.Longest = sp
		}
		if sp.Error {
			t.Errors++
		}
	}
	slices.SortStableFunc(out, func(a, b found) int { return b.Start.Compare(a.Start) })
	return out[:min(len(out), tracesMost)]
}

// spanRow is a span in the waterfall.
type spanRow struct {
	observe.Span
	Depth     int
	X, W      float64 // per cent of the trace
	Kids      int
	Unrelated bool // its parent is not in the trace
}

type traceData struct {
	ID       string
	Rows     []spanRow
	Start    time.Time
	Length   time.Duration
	Services int
	Errors   int
	First    *spanRow // the failed span that is deepest: where the failure began
	Logs     []observe.LogLine
	Problem  string
	Cut      int
}

// traceMost bounds how many spans a waterfall draws.
const traceMost = 1000

func (s *server) tracePage(r *http.Request) (view, error) {
	id := strings.ToLower(r.PathValue("id"))
	ctx, cancel := context.WithTimeout(r.Context(), telemetryPatience)
	defer cancel()
	spans, err := s.Telemetry.Trace(ctx, id)
	if err != nil {
		return view{}, err
	}
	d := waterfall(id, spans)
	d.Logs, d.Problem = s.logs(r.Context(), observe.Filter{TraceID: id, From: d.Start.Add(-time.Hour), To: d.Start.Add(d.Length + time.Hour), Limit: 500})
	slices.Reverse(d.Logs)
	return view{Title: "Trace " + cut(id, 8), Body: traceBody(d)}, nil
}

// waterfall orders spans as they nest, siblings by time.
func waterfall(id string, spans []observe.Span) traceData {
	d := traceData{ID: id}
	if len(spans) == 0 {
		return d
	}
	known := map[string]bool{}
	kids := map[string][]observe.Span{}
	services := map[string]bool{}
	d.Start = spans[0].Start
	end := spans[0].Start
	for _, sp := range spans {
		known[sp.SpanID] = true
		services[sp.Service] = true
		d.Start = minTime(d.Start, sp.Start)
		if e := sp.Start.Add(sp.Duration); e.After(end) {
			end = e
		}
		if sp.Error {
			d.Errors++
		}
	}
	d.Services, d.Length = len(services), end.Sub(d.Start)
	var roots []observe.Span
	for _, sp := range spans {
		if sp.ParentID == "" || !known[sp.ParentID] || sp.ParentID == sp.SpanID {
			roots = append(roots, sp)
		} else {
			kids[sp.ParentID] = append(kids[sp.ParentID], sp)
		}
	}
	byStart := func(a, b observe.Span) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(b.Duration, a.Duration))
	}
	whole := float64(max(d.Length, 1))
	seen := map[string]bool{}
	var add func(sp observe.Span, depth int)
	add = func(sp observe.Span, depth int) {
		if seen[sp.SpanID] {
			return
		}
		seen[sp.SpanID] = true
		if len(d.Rows) >= traceMost {
			d.Cut++
		} else {
			d.Rows = append(d.Rows, spanRow{
				Span: sp, Depth: depth, X: 100 * float64(sp.Start.Sub(d.Start)) / whole, W: 100 * float64(sp.Duration) / whole,
				Kids: len(kids[sp.SpanID]), Unrelated: depth == 0 && sp.ParentID != "",
			})
		}
		list := kids[sp.SpanID]
		slices.SortStableFunc(list, byStart)
		for _, k := range list {
			add(k, depth+1)
		}
	}
	slices.SortStableFunc(roots, byStart)
	for _, sp := range roots {
		add(sp, 0)
	}
	for k := range d.Rows {
		if d.Rows[k].Error && (d.First == nil || d.Rows[k].Depth > d.First.Depth) {
			d.First = &d.Rows[k]
		}
	}
	return d
}

// tag is one attribute of a span.
type tag struct{ Key, Value string }

func (r spanRow) tags() []tag {
	var out []tag
	for _, k := range sortedKeys(r.Attrs) {
		out = append(out, tag{k, r.Attrs[k]})
	}
	return out
}

type logsData struct {
	Service, Level, Text, TraceID string
	Window                        window
	Lines                         []observe.LogLine
	Problem                       string
	Services                      []string
	Limit                         int
}

var levels = []string{"", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

func (s *server) logsPage(r *http.Request) (view, error) {
	q, now := r.URL.Query(), shellOf(r.Context()).Now
	d := logsData{
		Service: q.Get("service"), Level: q.Get("level"), Text: q.Get("text"), TraceID: strings.ToLower(q.Get("trace")),
		Window: windowOf(r, 15*time.Minute, now), Services: s.Graph.Services(now), Limit: 300,
	}
	if !slices.Contains(levels, d.Level) {
		d.Level = ""
	}
	d.Lines, d.Problem = s.logs(r.Context(), observe.Filter{
		Service: d.Service, Level: d.Level, Text: d.Text, TraceID: d.TraceID, From: d.Window.From, To: d.Window.To, Limit: d.Limit,
	})
	return view{Title: "Logs", Body: logsBody(d)}, nil
}

func chosenLast(r window) string {
	for _, o := range searchLast() {
		if d, err := time.ParseDuration(o.value); err == nil && d == r.To.Sub(r.From) {
			return o.value
		}
	}
	return ""
}

// firstWords names a span and what it says about its failure.
func firstWords(r spanRow) string {
	if r.Message == "" {
		return r.Name
	}
	return r.Name + ": " + r.Message
}
