package ui

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe/graph"
)

// redSum is rate, errors and duration over a window, for the words below a chart.
type redSum struct {
	stats graph.Stats
	span  time.Duration
	old   bool // the window lies before what the live picture keeps
}

func (s *server) redSum(service string, w window) redSum {
	return redSum{s.Graph.Service(service, w.From, w.To), w.To.Sub(w.From), s.tooOld(w)}
}

// tooOld reports whether a window lies before the hour that the live picture keeps.
func (s *server) tooOld(w window) bool {
	return w.To.Before(s.Now().Add(-graph.Keep * graph.Width))
}

func (r redSum) rate() string {
	if r.old {
		return "older than the live picture, which keeps one hour"
	}
	return rate(float64(r.stats.Requests)/max(r.span.Seconds(), 1)) + " on average, " + plural(r.stats.Requests, "request", "requests")
}

func (r redSum) errors() string {
	if r.old {
		return "not kept"
	}
	return percent(r.stats.ErrorShare()) + ", " + plural(r.stats.Errors, "failure", "failures")
}

func (r redSum) duration() string {
	if r.old {
		return "not kept"
	}
	return "p50 " + latency(r.stats.Quantile(0.5)) + ", p95 " + latency(r.stats.Quantile(0.95)) + ", p99 " + latency(r.stats.Quantile(0.99))
}

func redURL(service string, w window) string {
	if w.Fixed {
		return "/x/red/" + service + "?" + w.Query()
	}
	return link("/x/red/"+service, "last", w.To.Sub(w.From).String())
}

// redPoints is the answer that static/js/chart.js draws. A bucket without requests has no errors and no duration.
type redPoints struct {
	T      []float64  `json:"t"`
	Rate   []float64  `json:"rate"`
	Errors []*float64 `json:"errors"`
	P50    []*float64 `json:"p50"`
	P95    []*float64 `json:"p95"`
	Marks  []redMark  `json:"marks"`
	Spans  []redSpan  `json:"spans"`
}

type redMark struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

type redSpan struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// redData answers with the buckets of a service, the deploys in the window, and when it was in an incident.
func (s *server) redData(w http.ResponseWriter, r *http.Request) {
	service, now := r.PathValue("service"), s.Now()
	win := windowOf(r, time.Hour, now)
	if win.To.After(now) {
		win.To = now
	}
	points := s.Graph.Points(service, win.From, win.To)
	out := redPoints{T: []float64{}}
	start := win.To.Truncate(graph.Width).Add(-time.Duration(len(points)) * graph.Width)
	for i := range points {
		p := &points[i]
		out.T = append(out.T, seconds(start.Add(time.Duration(i)*graph.Width)))
		out.Rate = append(out.Rate, float64(p.Requests)/graph.Width.Seconds())
		var errors, p50, p95 *float64
		if p.Requests > 0 {
			e, a, b := 100*p.ErrorShare(), millis(p.Quantile(0.5)), millis(p.Quantile(0.95))
			errors, p50, p95 = &e, &a, &b
		}
		out.Errors, out.P50, out.P95 = append(out.Errors, errors), append(out.P50, p50), append(out.P95, p95)
	}
	out.Marks, out.Spans = s.happened(r.Context(), service, win, now)
	s.json(w, r, out)
}

// happened returns the deploys of a service in a window, and when it was in an incident.
func (s *server) happened(ctx context.Context, service string, w window, now time.Time) (marks []redMark, spans []redSpan) {
	marks, spans = []redMark{}, []redSpan{}
	if s.Deploys != nil {
		// Deploys are marks on a chart: it is drawn without them when they cannot be read.
		if ds, err := s.Deploys(ctx, w.From); err == nil {
			for _, d := range ds {
				if d.Service == service && d.At.Before(w.To) {
					marks = append(marks, redMark{seconds(d.At), "deploy " + d.Version})
				}
			}
		}
	}
	if list, err := s.Respond.List(ctx, false, 50); err == nil {
		for _, i := range list {
			end := i.ResolvedAt
			if i.Open() {
				end = now
			}
			touches := i.Service == service || slices.Contains(i.Affected, service) || (i.Cause != nil && i.Cause.Service == service)
			if touches && end.After(w.From) && i.OnsetAt.Before(w.To) {
				spans = append(spans, redSpan{seconds(i.OnsetAt), seconds(end)})
			}
		}
	}
	return marks, spans
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (s *server) json(w http.ResponseWriter, r *http.Request, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		s.fail(w, r, errs.Wrap(err, errs.Internal, "the answer cannot be written"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(b); err != nil && r.Context().Err() == nil {
		s.Log.Warn("write data of a page", "path", r.URL.Path, "error", err)
	}
}
