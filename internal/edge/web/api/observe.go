package api

import (
	"context"
	"net/http"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
)

// Window is a span of time in a query; zero values are the last 15 minutes.
type Window struct {
	From time.Time `query:"from" doc:"RFC 3339; default 15 minutes before to"`
	To   time.Time `query:"to" doc:"RFC 3339; default now"`
}

func (w Window) span(now time.Time) (from, to time.Time) {
	from, to = w.From, w.To
	if to.IsZero() {
		to = now
	}
	if from.IsZero() {
		from = to.Add(-15 * time.Minute)
	}
	return from, to
}

type empty struct{}

// FilterIn is a filter for spans or log lines.
type FilterIn struct {
	Window
	Service     string `query:"service"`
	Level       string `query:"level" doc:"logs: this level or worse"`
	Text        string `query:"text" doc:"phrase, without regard to case"`
	TraceID     string `query:"trace_id"`
	MinDuration string `query:"min_duration" doc:"spans: Go duration such as 300ms"`
	Errors      bool   `query:"errors" doc:"spans: failed ones"`
	Limit       int    `query:"limit" minimum:"0" maximum:"10000"`
}

func (f FilterIn) filter(now time.Time) (observe.Filter, error) {
	from, to := f.span(now)
	out := observe.Filter{Service: f.Service, Level: f.Level, Text: f.Text, TraceID: f.TraceID, ErrorsOnly: f.Errors, From: from, To: to, Limit: f.Limit}
	if f.MinDuration != "" {
		d, err := time.ParseDuration(f.MinDuration)
		if err != nil {
			return out, errs.New(errs.Invalid, "min_duration is %q; write a duration such as 300ms", f.MinDuration)
		}
		out.MinDuration = d
	}
	return out, nil
}

// ServiceLine is a service as the list shows it, over the last minute.
type ServiceLine struct {
	Name       string   `json:"name"`
	Team       string   `json:"team,omitempty"`
	Tier       string   `json:"tier,omitempty"`
	PerSecond  float64  `json:"per_second"`
	ErrorShare float64  `json:"error_share"`
	P95ms      float64  `json:"p95_ms"`
	Versions   []string `json:"versions,omitempty"`
}

// EdgeLine is a call between two services, over the last minute.
type EdgeLine struct {
	graph.Edge
	PerSecond  float64 `json:"per_second"`
	ErrorShare float64 `json:"error_share"`
	MeanMs     float64 `json:"mean_ms"`
}

// NameIn names the thing a call is about.
type NameIn struct {
	Name string `path:"name"`
}

func (r *routes) observe() {
	get(r, "/status", "How the parts of the program are", "read", func(ctx context.Context, _ *empty) (Status, error) { return r.Status(ctx), nil })
	get(r, "/services", "Services seen in the last hour", "read", func(context.Context, *empty) ([]ServiceLine, error) {
		return r.serviceLines(), nil
	})
	get(r, "/graph", "Calls between services over the last minute", "read", func(context.Context, *empty) ([]EdgeLine, error) {
		now := r.Now()
		out := []EdgeLine{}
		calls := r.Graph.Calls(now.Add(-time.Minute), now)
		for _, e := range r.Graph.Edges(now.Add(-time.Hour)) {
			st := calls[e]
			out = append(out, EdgeLine{e, float64(st.Requests) / 60, st.ErrorShare(), float64(st.Mean().Microseconds()) / 1000})
		}
		return out, nil
	})
	get(r, "/services/{name}/blast", "What fails with a service and what a minute of it costs", "read", func(_ context.Context, in *NameIn) (graph.Blast, error) {
		return r.Graph.BlastRadius(r.Catalog(), in.Name, 5*time.Minute, r.Now()), nil
	})
	get(r, "/logs", "Log lines, the newest first", "read", func(ctx context.Context, in *FilterIn) ([]observe.LogLine, error) {
		f, err := in.filter(r.Now())
		if err != nil {
			return nil, err
		}
		return r.Telemetry.Logs(ctx, f)
	})
	get(r, "/spans", "Spans, the newest first", "read", func(ctx context.Context, in *FilterIn) ([]observe.Span, error) {
		f, err := in.filter(r.Now())
		if err != nil {
			return nil, err
		}
		return r.Telemetry.Spans(ctx, f)
	})
	get(r, "/traces/{name}", "All spans of a trace", "read", func(ctx context.Context, in *NameIn) ([]observe.Span, error) {
		return r.Telemetry.Trace(ctx, in.Name)
	})
	get(r, "/metrics", "A PromQL expression over time", "read", func(ctx context.Context, in *struct {
		Window
		Query string `query:"query" required:"true"`
		Step  string `query:"step" default:"15s"`
	}) ([]observe.Series, error) {
		from, to := in.span(r.Now())
		step, err := time.ParseDuration(in.Step)
		if err != nil || step <= 0 {
			return nil, errs.New(errs.Invalid, "step is %q; write a duration such as 15s", in.Step)
		}
		return r.Telemetry.Metrics(ctx, in.Query, from, to, step)
	})
	r.deploys()
	get(r, "/events", "The log of facts after a number; waits for the next one when asked to", "read", func(ctx context.Context, in *struct {
		After int64  `query:"after"`
		Group string `query:"group"`
		Wait  int    `query:"wait" maximum:"55" doc:"seconds to wait when there is none yet"`
		Limit int    `query:"limit" maximum:"1000"`
	}) ([]event.Event, error) {
		deadline := time.After(time.Duration(in.Wait) * time.Second)
		for {
			changed := r.Changed()
			es, err := r.Events(ctx, event.Query{After: in.After, Group: in.Group, Limit: in.Limit})
			if err != nil || len(es) > 0 || in.Wait == 0 {
				return es, err
			}
			select {
			case <-changed:
			case <-deadline:
				return es, nil
			case <-ctx.Done():
				return es, nil
			}
		}
	})
}

func (r *routes) deploys() {
	get(r, "/deploys", "Deploys, the newest first", "read", func(ctx context.Context, in *Window) ([]observe.Deploy, error) {
		from := in.From
		if from.IsZero() {
			from = r.Now().Add(-7 * 24 * time.Hour)
		}
		return r.Deploys(ctx, from)
	})
	call(r, http.MethodPost, "/deploys", "Report a release", "gate", func(ctx context.Context, in *struct {
		Body struct {
			Service         string    `json:"service"`
			Version         string    `json:"version"`
			PreviousVersion string    `json:"previous_version,omitempty"`
			Commit          string    `json:"commit,omitempty"`
			Author          string    `json:"author,omitempty"`
			Message         string    `json:"message,omitempty"`
			URL             string    `json:"url,omitempty"`
			At              time.Time `json:"at,omitzero" required:"false"`
		}
	}) (observe.Deploy, error) {
		b := in.Body
		return r.Deploy(ctx, observe.Deploy{Service: b.Service, Version: b.Version, PreviousVersion: b.PreviousVersion, Commit: b.Commit,
			Author: b.Author, Message: b.Message, URL: b.URL, At: b.At}, userOf(ctx).Name)
	})
}

func (r *routes) serviceLines() []ServiceLine {
	now := r.Now()
	c := r.Catalog()
	out := []ServiceLine{}
	for _, name := range r.Graph.Services(now) {
		st := r.Graph.Service(name, now.Add(-time.Minute), now)
		l := ServiceLine{Name: name, PerSecond: float64(st.Requests) / 60, ErrorShare: st.ErrorShare(), P95ms: float64(st.Quantile(0.95).Microseconds()) / 1000}
		for v := range r.Graph.Versions(name) {
			l.Versions = append(l.Versions, v)
		}
		if s := c.Services[name]; s != nil {
			l.Team, l.Tier = s.Team, string(s.Tier)
		}
		out = append(out, l)
	}
	return out
}
