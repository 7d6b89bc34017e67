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

// Related returns the services that share trouble with the given one, sorted: those that it depends on, those that depend
// on it, and those that depend on something that it depends on too.
func (t *Topology) Related(service string) []string {
	below := t.Dependencies(service)
	out := reach(t.callers, append(below, service)...)
	out = append(out, below...)
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(s string) bool { return s == service })
}

// reach returns what the given services lead to, without themselves, sorted.
func reach(next map[string][]string, from ...string) []string {
	seen, queue := map[string]bool{}, slices.Clone(from)
	for _, s := range from {
		seen[s] = true
	}
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
	for _, s := range from {
		delete(seen, s)
	}
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
