package diagnose

import (
	"maps"
	"math"
	"slices"
	"time"

	"nightkeeper/internal/loop/observe/graph"
)

// cast is a scene with everything worked out that several rules ask for.
type cast struct {
	Scene
	nodes    []*node // by name
	byName   map[string]*node
	callees  map[string][]string
	topology *graph.Topology
	ratio    float64 // what was counted before, times this, would be usual since the onset
	usually  float64 // the share of requests by which the middle service became slower: a busy machine slows everybody
	added    time.Duration
}

// node is one service.
type node struct {
	Pair
	name    string
	in      Pair // calls that reached it, by its callers' own count
	callers int
	logs    logs
	foreign bool // reports nothing itself, such as a database: known by its callers' count alone
	later   shift
}

func newCast(s Scene) *cast {
	c := &cast{Scene: s, byName: map[string]*node{}, callees: map[string][]string{}, ratio: 1}
	if s.BeforeSpan > 0 {
		c.ratio = s.DuringSpan.Seconds() / s.BeforeSpan.Seconds()
	}
	for name, p := range s.Services {
		c.byName[name] = &node{Pair: p, name: name}
	}
	var edges []graph.Edge
	for e, p := range s.Calls {
		edges = append(edges, e)
		n := c.byName[e.Server]
		if n == nil {
			n = &node{name: e.Server, foreign: true}
			c.byName[e.Server] = n
		}
		n.in.Before.Add(reached(p.Before))
		n.in.During.Add(reached(p.During))
		if p.During.Requests > p.During.Blocked {
			n.callers++
		}
	}
	c.topology = graph.NewTopology(edges)
	for _, name := range slices.Sorted(maps.Keys(c.byName)) {
		n := c.byName[name]
		if n.foreign {
			n.Pair = Pair{standIn(n.in.Before), standIn(n.in.During)}
		}
		n.later = later(&n.Before.SelfHist, &n.During.SelfHist)
		c.nodes = append(c.nodes, n)
		c.callees[name] = slices.Sorted(slices.Values(c.topology.Callees(name)))
	}
	for name, l := range readLogs(s.Logs, c.byName) {
		if n := c.byName[name]; n != nil {
			n.logs = *l
		}
	}
	c.usual()
	return c
}

// reached leaves out the calls that never left the caller, and the time spent waiting for a connection.
func reached(s graph.Stats) graph.Stats {
	s.Requests -= s.Blocked
	s.Errors -= min(s.Blocked, s.Errors)
	s.Total -= s.PoolWait
	s.Blocked, s.PoolWait = 0, 0
	return s
}

// standIn is what a service that reports nothing would have counted, as far as its callers can tell.
func standIn(in graph.Stats) graph.Stats {
	in.Origin = max(in.Errors-in.Refused-in.Timeouts-in.Rejected-in.Denied, 0)
	in.SelfHist = in.Hist
	return in
}

// usual finds by how much the middle service became slower. Few services have no middle worth the name.
func (c *cast) usual() {
	var shares []float64
	var added []time.Duration
	for _, n := range c.nodes {
		if n.later.known {
			shares = append(shares, n.later.share)
			added = append(added, max(n.later.added, 0))
		}
	}
	if len(shares) < 8 {
		return
	}
	slices.Sort(shares)
	slices.Sort(added)
	c.usually, c.added = shares[len(shares)/2], added[len(added)/2]
}

// suffers reports whether calls over an edge became much worse than before, waits for a connection left aside.
func (c *cast) suffers(e graph.Edge) bool {
	p, ok := c.Calls[e]
	if !ok {
		return false
	}
	was, is := reached(p.Before), reached(p.During)
	if is.Requests < minEvents {
		return false
	}
	return is.ErrorShare() > was.ErrorShare()+0.05 || is.Mean() > 3*max(was.Mean(), 5*time.Millisecond)
}

// worse is how many times worse a service answers than before, at least 1: slower, or failing.
func (n *node) worse() float64 {
	if n.During.Requests < minEvents || n.Before.Requests < minEvents {
		return 1
	}
	slower := float64(n.During.Mean()) / float64(max(n.Before.Mean(), 5*time.Millisecond))
	failing := 1 + 20*max(n.During.ErrorShare()-n.Before.ErrorShare(), 0)
	return max(1, slower, failing)
}

// firsts returns the first attempts that arrived, before and since the onset.
func (n *node) firsts() (was, is int64) {
	return max(n.Before.Requests-n.in.Before.Resends, n.Before.Roots, 0), max(n.During.Requests-n.in.During.Resends, n.During.Roots, 0)
}

// growth is how many times its usual first attempts a service gets.
func (c *cast) growth(n *node) float64 {
	was, is := n.firsts()
	return float64(is) / max(float64(was)*c.ratio, 1)
}

// shift is how a distribution of times moved.
type shift struct {
	known bool
	share float64       // the share of requests that are slower than any before would explain, with a margin for chance
	limit time.Duration // they take longer than this
	was   float64       // the share that did before
	added time.Duration // by how much the mean grew
}

// later finds the limit at which two distributions differ most.
func later(before, during *graph.Hist) shift {
	nb, nd := before.Count(), during.Count()
	if nb < minEvents || nd < minEvents {
		return shift{}
	}
	out := shift{known: true, added: during.Mean() - before.Mean()}
	over, overBefore := nd, nb
	for i := range during {
		over -= int64(during[i])
		overBefore -= int64(before[i])
		was := float64(overBefore) / float64(nb)
		if more := least(over, nd) - was; more > out.share {
			out.share, out.limit, out.was = more, during.Bound(i), was
		}
	}
	return out
}

// least is the share that k of n events prove at the least: the lower end of Wilson's score interval at 95 %. Three of
// four are much, but do not prove much.
func least(k, n int64) float64 {
	if n <= 0 {
		return 0
	}
	const z = 1.96
	p, m := share(k, n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(mid-half, 0)
}

func share(part, whole int64) float64 {
	if whole <= 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}

func per(d time.Duration, n int64) time.Duration {
	if n <= 0 {
		return 0
	}
	return d / time.Duration(n)
}
