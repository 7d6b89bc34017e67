package graph

import (
	"slices"
)

// Topology is who calls whom at one moment; it answers questions about reachability.
type Topology struct {
	callers, callees map[string][]string
}

// NewTopology returns the topology of the edges.
func NewTopology(edges []Edge) *Topology {
	t := &Topology{callers: map[string][]string{}, callees: map[string][]string{}}
	for _, e := range edges {
		t.callers[e.Server] = append(t.callers[e.Server], e.Client)
		t.callees[e.Client] = append(t.callees[e.Client], e.Server)
	}
	return t
}

// Dependents returns every service that calls the given one, directly or through others, sorted.
func (t *Topology) Dependents(service string) []string { return reach(t.callers, service) }

// Dependencies returns every service that the given one calls, directly or through others, sorted.
func (t *Topology) Dependencies(service string) []string { return reach(t.callees, service) }

// Callers returns the services that call the given one directly.
func (t *Topology) Callers(service string) []string { return t.callers[service] }

// Callees returns the services that the given one calls directly.
func (t *Topology) Callees(service string) []string { return t.callees[service] }

// Related reports whether one of the two services depends on the other, or both depend on a common one.
func (t *Topology) Related(a, b string) bool {
	if a == b {
		return true
	}
	da, db := t.Dependencies(a), t.Dependencies(b)
	if slices.Contains(da, b) || slices.Contains(db, a) {
		return true
	}
	for _, x := range da {
		if _, found := slices.BinarySearch(db, x); found {
			return true
		}
	}
	return false
}

func reach(next map[string][]string, from string) []string {
	seen := map[string]bool{from: true}
	queue := []string{from}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, m := range next[n] {
			if !seen[m] {
				seen[m] = true
				queue = append(queue, m)
			}
		}
	}
	delete(seen, from)
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
