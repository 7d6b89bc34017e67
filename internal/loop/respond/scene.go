package respond

import (
	"context"
	"maps"
	"slices"
	"time"

	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/respond/diagnose"
)

// The fleet is held against the time before, which ends well ahead of the onset, because a cause may be at work before
// anybody suffers. While too little is known for that it ends right before.
const (
	before = 5 * time.Minute
	ahead  = time.Minute
	margin = graph.Width
	least  = time.Minute                       // what must be known to stay well ahead
	memory = graph.Keep*graph.Width - 2*before // older than that is not known any more
)

// scene compares the fleet before the onset with the fleet since.
func (s *Service) scene(ctx context.Context, i Incident, now time.Time) diagnose.Scene {
	onset := s.onset(i)
	end := now.Add(graph.Width)
	from, until := s.baseline(i, onset)
	sc := diagnose.Scene{
		Now: now, Onset: onset, BeforeSpan: until.Sub(from), DuringSpan: now.Sub(onset), Burning: i.Burning,
		Services: map[string]diagnose.Pair{}, Calls: map[graph.Edge]diagnose.Pair{}, Versions: map[string]map[string]time.Time{},
	}
	for _, name := range s.Graph.Services(now) {
		sc.Services[name] = diagnose.Pair{Before: s.Graph.Service(name, from, until), During: s.Graph.Service(name, onset, end)}
		sc.Versions[name] = s.versions(name, onset)
	}
	for e, st := range s.Graph.Calls(from, until) {
		sc.Calls[e] = diagnose.Pair{Before: st}
	}
	for e, st := range s.Graph.Calls(onset, end) {
		p := sc.Calls[e]
		p.During = st
		sc.Calls[e] = p
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if lines, err := s.Telemetry.Logs(ctx, observe.Filter{Level: "ERROR", From: onset, To: now, Limit: 2000}); err == nil {
		sc.Logs = lines
	} else {
		s.Log.Warn("diagnosis goes on without logs", "incident", i.ID, "error", err)
	}
	if ds, err := s.Deploys(ctx, onset.Add(-time.Hour)); err == nil {
		sc.Deploys = ds
	} else {
		s.Log.Warn("diagnosis goes on without deploys", "incident", i.ID, "error", err)
	}
	return sc
}

// versions returns when each version of a service was first seen, without those that came and went before the onset.
func (s *Service) versions(service string, onset time.Time) map[string]time.Time {
	all := s.Graph.Versions(service)
	var running time.Time
	for v, first := range all {
		if first.After(running) && s.Graph.Answers(service, v, onset) {
			running = first
		}
	}
	maps.DeleteFunc(all, func(_ string, first time.Time) bool { return !running.IsZero() && first.After(running) })
	return all
}

// baseline returns the time that the fleet is held against: before the onset, and, in an incident that came back, before
// it came for the first time. The time before the first request is left out, and the unsteady start after it.
func (s *Service) baseline(i Incident, onset time.Time) (from, until time.Time) {
	if i.Reopened > 0 && i.OnsetAt.Before(onset) && i.OnsetAt.After(onset.Add(-memory)) {
		onset = i.OnsetAt
	}
	from = onset.Add(-before - ahead)
	if s.silent(from, from.Add(graph.Width)) {
		for onset.Sub(from) > 4*graph.Width && s.silent(from, from.Add(graph.Width)) {
			from = from.Add(graph.Width)
		}
		from = from.Add(graph.Width)
	}
	until = onset.Add(-ahead)
	if until.Sub(from) < least {
		until = onset.Add(-margin)
	}
	return from, until
}

func (s *Service) silent(from, to time.Time) bool {
	for _, n := range s.Graph.Services(to) {
		st := s.Graph.Service(n, from, to)
		if st.Requests > 0 {
			return false
		}
	}
	return true
}

// search is how far before an incident its onset is looked for, and minSlow how many requests a bucket must have before
// it can be called slow: of a few, one is always the slowest.
const (
	search  = 10 * time.Minute
	minSlow = 5
)

// onset returns when the trouble began: the first bucket from which on the service that alerted first fails or is slow
// without a pause of three buckets. What is normal is learned from the better half of the time before.
func (s *Service) onset(i Incident) time.Time {
	since := i.since()
	from := since.Add(-search).Truncate(graph.Width)
	service := i.Service
	if len(i.Burning) > 0 {
		service = i.Burning[0]
	}
	points := s.Graph.Points(service, from, since.Add(graph.Width))
	var errors []float64
	var slow []time.Duration
	for _, p := range points {
		if p.Requests > 0 {
			errors = append(errors, p.ErrorShare())
			slow = append(slow, p.Quantile(0.9))
		}
	}
	if len(errors) == 0 {
		return since.Truncate(graph.Width)
	}
	slices.Sort(errors)
	slices.Sort(slow)
	usually := slow[len(slow)/3]
	share, limit := errors[len(errors)/3]+0.02, max(2*usually, usually+100*time.Millisecond)
	first, calm := len(points)-1, 0
	for k := len(points) - 1; k >= 0 && calm < 3; k-- {
		if p := points[k]; (p.Errors > 1 && p.ErrorShare() > share) || (p.Requests >= minSlow && p.Quantile(0.9) > limit) {
			first, calm = k, 0
		} else {
			calm++
		}
	}
	return from.Add(time.Duration(first) * graph.Width)
}
