package ui

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/respond"
)

// mapWindow is how far back a call counts as one that is made.
const mapWindow = 15 * time.Minute

// mapNode and mapEdge are what static/js/map.js draws.
type mapNode struct {
	Name    string `json:"name"`
	Tier    string `json:"tier"`
	Text    string `json:"text"`
	Short   string `json:"short"`
	Failing bool   `json:"failing"`
	Cause   bool   `json:"cause,omitempty"`
}

type mapEdge struct {
	From    string      `json:"from"`
	To      string      `json:"to"`
	Rate    float64     `json:"rate"`
	Text    string      `json:"text"`
	Failing bool        `json:"failing"`
	Stats   graph.Stats `json:"-"`
}

type mapAnswer struct {
	Nodes   []mapNode `json:"nodes"`
	Edges   []mapEdge `json:"edges"`
	Focus   string    `json:"focus,omitempty"`
	Related []string  `json:"related,omitempty"`
}

// picture returns the services and calls of a span of time. keep leaves services out; nil keeps all.
func (s *server) picture(now time.Time, span time.Duration, keep func(string) bool) mapAnswer {
	c := s.Catalog()
	out := mapAnswer{Nodes: []mapNode{}, Edges: []mapEdge{}}
	names := map[string]bool{}
	calls := s.Graph.Calls(now.Add(-span), now.Add(graph.Width))
	for _, e := range s.Graph.Edges(now.Add(-mapWindow)) {
		if keep != nil && (!keep(e.Client) || !keep(e.Server)) {
			continue
		}
		names[e.Client], names[e.Server] = true, true
		st := calls[e]
		out.Edges = append(out.Edges, mapEdge{
			From: e.Client, To: e.Server, Stats: st, Rate: round1(perSecond(st.Requests, span)), Failing: failing(st),
			Text: rate(perSecond(st.Requests, span)) + ", " + percent(st.ErrorShare()) + " fail, p95 " + latency(st.Quantile(0.95)),
		})
	}
	for _, name := range s.Graph.Services(now) {
		if keep == nil || keep(name) {
			names[name] = true
		}
	}
	for _, name := range sortedKeys(names) {
		st := s.Graph.Service(name, now.Add(-span), now.Add(graph.Width))
		text := rate(perSecond(st.Requests, span)) + ", " + percent(st.ErrorShare()) + " fail, p95 " + latency(st.Quantile(0.95))
		short := rate(perSecond(st.Requests, span))
		if st.Errors > 0 {
			short += " · " + percent(st.ErrorShare()) + " fail"
		}
		if st.Requests == 0 {
			text, short = "no requests of its own are seen", "not instrumented"
		}
		out.Nodes = append(out.Nodes, mapNode{Name: name, Tier: string(c.TierOf(name)), Text: text, Short: short, Failing: failing(st)})
	}
	return out
}

func round1(v float64) float64 { return float64(int64(v*10+0.5)) / 10 }

// mapData answers with the whole map, or with what an incident touches.
func (s *server) mapData(w http.ResponseWriter, r *http.Request) {
	now := s.Now()
	if id := r.URL.Query().Get("incident"); id != "" {
		i, err := s.Respond.Get(r.Context(), respond.ID(id))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.json(w, r, s.blast(i, now))
		return
	}
	out := s.picture(now, recent, nil)
	if err := s.markCauses(r.Context(), out.Nodes); err != nil {
		s.fail(w, r, err)
		return
	}
	if focus := r.URL.Query().Get("focus"); focus != "" {
		topo := graph.NewTopology(s.Graph.Edges(now.Add(-mapWindow)))
		out.Focus = focus
		out.Related = append(topo.Dependents(focus), topo.Dependencies(focus)...)
	}
	s.json(w, r, out)
}

// markCauses marks what open incidents name as their cause: it is where the map is opened.
func (s *server) markCauses(ctx context.Context, nodes []mapNode) error {
	open, err := s.Respond.List(ctx, true, 100)
	if err != nil {
		return err
	}
	for _, i := range open {
		for k := range nodes {
			nodes[k].Cause = nodes[k].Cause || i.Cause != nil && i.Cause.Service == nodes[k].Name
		}
	}
	return nil
}

// blastMost bounds the small graph of an incident: more than that is not small.
const blastMost = 14

// blast returns the cause, what it was suspected from, and who is affected.
func (s *server) blast(i respond.Incident, now time.Time) mapAnswer {
	center := i.Diagnosis.Top().Service
	if i.Cause != nil && i.Cause.Service != "" {
		center = i.Cause.Service
	}
	if center == "" {
		center = i.Service
	}
	keep := []string{center}
	add := func(names []string) {
		for _, n := range names {
			if !slices.Contains(keep, n) && len(keep) < blastMost {
				keep = append(keep, n)
			}
		}
	}
	topo := graph.NewTopology(s.Graph.Edges(now.Add(-time.Hour)))
	affected := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(i.Affected, n) })
	}
	add(affected(topo.Callers(center)))
	add(i.Burning)
	add(affected(topo.Callees(center)))
	add(i.Affected)
	at, span := now, time.Minute
	if !i.Open() {
		at, span = i.ResolvedAt, max(i.ResolvedAt.Sub(i.OnsetAt), time.Minute)
	}
	out := s.picture(at, span, func(n string) bool { return slices.Contains(keep, n) })
	for k := range out.Nodes {
		out.Nodes[k].Cause = out.Nodes[k].Name == center
		if i.Open() && slices.Contains(i.Burning, out.Nodes[k].Name) {
			out.Nodes[k].Failing = true
		}
	}
	return out
}

func (s *server) mapPage(r *http.Request) (view, error) {
	now, focus := shellOf(r.Context()).Now, r.URL.Query().Get("focus")
	p := s.picture(now, recent, nil)
	if focus != "" && !slices.ContainsFunc(p.Nodes, func(n mapNode) bool { return n.Name == focus }) {
		return view{}, errs.New(errs.NotFound, "%s is not on the map: it neither made nor answered a call in the last %s", focus, period(mapWindow))
	}
	slices.SortStableFunc(p.Edges, func(a, b mapEdge) int {
		return cmp.Or(boolLess(a.Failing, b.Failing), cmp.Compare(b.Rate, a.Rate))
	})
	title := "Map"
	if focus != "" {
		title = "Map around " + focus
	}
	return view{Title: title, Live: true, Body: mapBody(p, focus)}, nil
}
