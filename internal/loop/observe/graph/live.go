package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"nightkeeper/internal/loop/observe"
)

// maxPending bounds the spans that wait for their other half; the oldest generation is forgotten first.
const maxPending = 100_000

// Edge is a call from one service to another.
type Edge struct {
	Client string `json:"client"`
	Server string `json:"server"`
}

// Live counts spans. It is safe for concurrent use.
type Live struct {
	mu       sync.Mutex
	services map[string]*node
	edges    map[Edge]*series
	alias    map[string]string   // address a client called -> service that answered
	children pending[[]interval] // by parent span: time spent in calls and waits
	callers  pending[string]     // by client span: the address it called
	open     int64               // oldest bucket that Snapshot has not returned
	callees  map[string][]string // by service: the addresses it calls
	lastSeen map[Edge]int64      // bucket of the last call, outlives the window
	emitted  totals              // what Series returned last
}

type node struct {
	series
	versions map[string]int64 // version -> bucket in which it was first seen
	answered map[string]int64 // version -> bucket in which it was last seen since the start
	lastSeen int64
}

func newNode() *node { return &node{versions: map[string]int64{}, answered: map[string]int64{}} }

// interval is time a request spent in a call or a wait, and how that ended.
type interval struct {
	from, to int64
	failed   bool // the call failed
	resend   bool // the call repeats a failed one: the pause before it is no work either
	wait     bool // a wait for a worker or a connection, not a call
}

// New returns an empty picture.
func New() *Live {
	return &Live{
		services: map[string]*node{}, edges: map[Edge]*series{}, alias: map[string]string{}, lastSeen: map[Edge]int64{},
		callees: map[string][]string{}, children: newPending[[]interval](), callers: newPending[string](),
	}
}

// Observe counts spans. Spans older than the window are ignored.
func (l *Live) Observe(spans []observe.Span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range spans {
		s := &spans[i]
		switch s.Kind {
		case observe.Client, observe.Producer:
			l.client(s)
		case observe.Server, observe.Consumer:
			l.server(s)
		case observe.Internal:
			l.internal(s)
		}
	}
}

func (l *Live) client(s *observe.Span) {
	if s.ParentID != "" {
		kids, _ := l.children.get(s.ParentID)
		l.children.put(s.ParentID, append(kids, span(s)))
	}
	if s.Peer == "" || s.Peer == s.Service {
		return
	}
	kids, _ := l.children.take(s.SpanID)
	l.callers.put(s.SpanID, s.Peer)
	e := Edge{s.Service, s.Peer}
	b := bucketOf(s.Start.Add(s.Duration))
	c := l.edge(e).cell(b)
	l.lastSeen[e] = max(l.lastSeen[e], b)
	if c == nil {
		return
	}
	count(c, s)
	if s.Resend > 0 {
		c.Resends++
	}
	c.PoolWait += covered(kids, span(s))
	switch blocked := slices.ContainsFunc(kids, func(v interval) bool { return v.wait && v.failed }); {
	case !s.Error:
	case blocked:
		c.Blocked++
	default:
		c.fault(failureOf(s))
	}
}

func (l *Live) edge(e Edge) *series {
	s := l.edges[e]
	if s == nil {
		s = &series{}
		l.edges[e] = s
		l.callees[e.Client] = append(l.callees[e.Client], e.Server)
	}
	return s
}

func (l *Live) server(s *observe.Span) {
	b := bucketOf(s.Start.Add(s.Duration))
	n := l.services[s.Service]
	if n == nil {
		n = newNode()
		l.services[s.Service] = n
	}
	n.lastSeen = max(n.lastSeen, b)
	n.answered[s.Version] = max(n.answered[s.Version], b)
	if _, known := n.versions[s.Version]; !known && s.Version != "" {
		n.versions[s.Version] = b
	}
	if s.ParentID != "" {
		if addr, ok := l.callers.take(s.ParentID); ok && addr != s.Service {
			l.alias[addr] = s.Service
		}
	}
	kids, _ := l.children.take(s.SpanID)
	c := n.cell(b)
	if c == nil {
		return
	}
	count(c, s)
	if s.ParentID == "" {
		c.Roots++
		if s.Error {
			c.RootErrs++
		}
	}
	self := max(s.Duration-covered(kids, span(s)), 0)
	c.Self += self
	if !s.Error {
		c.SelfHist[histIndex(self)]++
		return
	}
	f := failureOf(s)
	c.fault(f)
	switch {
	case called(kids) || slices.ContainsFunc(l.callees[s.Service], func(peer string) bool { return Mentions(s.Message, peer) }):
		c.Passed++
	case f == rejected || waited(kids):
	case f == timedOut || f == left:
		c.Hung++
	default:
		c.Origin++
	}
}

// internal keeps waits apart from work: a span named after a queue or a pool is time in which the service did nothing.
func (l *Live) internal(s *observe.Span) {
	name := strings.ToLower(s.Name)
	pool := strings.Contains(name, "pool") || strings.Contains(name, "acquire")
	queue := strings.Contains(name, "queue")
	if !pool && !queue {
		return
	}
	if s.ParentID != "" {
		kids, _ := l.children.get(s.ParentID)
		l.children.put(s.ParentID, append(kids, span(s)))
	}
	n := l.services[s.Service]
	if n == nil {
		return
	}
	c := n.cell(bucketOf(s.Start.Add(s.Duration)))
	switch {
	case c == nil:
	case pool:
		c.PoolWait += s.Duration
	default:
		c.QueueWait += s.Duration
	}
}

func count(c *Stats, s *observe.Span) {
	c.Requests++
	c.Total += s.Duration
	c.Hist[histIndex(s.Duration)]++
	if s.Error {
		c.Errors++
	}
}

func span(s *observe.Span) interval {
	from := s.Start.UnixNano()
	return interval{from: from, to: from + int64(s.Duration), failed: s.Error, resend: s.Resend > 0, wait: s.Kind == observe.Internal}
}

// slowWait is how long a wait must be to explain a failure.
const slowWait = int64(50 * time.Millisecond)

// called and waited report whether a failed request has a reason outside of the service's own work: a call that failed, or
// a long wait.
func called(in []interval) bool {
	return slices.ContainsFunc(in, func(v interval) bool { return v.failed && !v.wait })
}

func waited(in []interval) bool {
	return slices.ContainsFunc(in, func(v interval) bool { return v.wait && v.to-v.from > slowWait })
}

// covered returns how much of whole the intervals cover together.
func covered(in []interval, whole interval) time.Duration {
	slices.SortFunc(in, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	var sum, end int64 = 0, whole.from
	for _, v := range in {
		from, to := max(v.from, end), min(v.to, whole.to)
		if v.resend {
			from = end
		}
		if to > from {
			sum += to - from
			end = to
		}
	}
	return time.Duration(sum)
}

// ServiceAt returns the name of the service that answers at an address which a client called: the address itself when
// nothing else is known.
func (l *Live) ServiceAt(address string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.name(address)
}

func (l *Live) name(server string) string {
	if _, known := l.services[server]; known {
		return server
	}
	if a, ok := l.alias[server]; ok {
		return a
	}
	return server
}

// Services returns the names of all services that answered a request within the window before now, sorted.
func (l *Live) Services(now time.Time) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for name, n := range l.services {
		if n.lastSeen > bucketOf(now)-Keep {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Service returns what was counted for a service in whole buckets of [from, to).
func (l *Live) Service(name string, from, to time.Time) Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.services[name]
	if n == nil {
		return Stats{}
	}
	return n.sum(bucketOf(from), bucketOf(to))
}

// Points returns the buckets of a service in [from, to), the empty ones included.
func (l *Live) Points(name string, from, to time.Time) []Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.services[name]
	var out []Stats
	for b := max(bucketOf(from), bucketOf(to)-Keep); b < bucketOf(to); b++ {
		var s Stats
		if n != nil {
			if c := n.get(b); c != nil {
				s = *c
			}
		}
		out = append(out, s)
	}
	return out
}

// Calls returns what was counted for each edge in [from, to), edges without calls left out.
func (l *Live) Calls(from, to time.Time) map[Edge]Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[Edge]Stats{}
	for e, s := range l.edges {
		sum := s.sum(bucketOf(from), bucketOf(to))
		if sum.Requests == 0 {
			continue
		}
		k := Edge{e.Client, l.name(e.Server)}
		was := out[k]
		was.add(&sum)
		out[k] = was
	}
	return out
}

// Edges returns every call seen since the given time, sorted.
func (l *Live) Edges(since time.Time) []Edge {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[Edge]bool{}
	for e, b := range l.lastSeen {
		if b >= bucketOf(since) {
			seen[Edge{e.Client, l.name(e.Server)}] = true
		}
	}
	out := make([]Edge, 0, len(seen))
	for e := range seen {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Server, b.Server))
	})
	return out
}

// Versions returns when each version of a service was first seen.
func (l *Live) Versions(service string) map[string]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]time.Time{}
	if n := l.services[service]; n != nil {
		for v, b := range n.versions {
			out[v] = time.Unix(0, b*int64(Width))
		}
	}
	return out
}

// Answers reports whether a version of a service has answered a request since the given time.
func (l *Live) Answers(service, version string, since time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.services[service]
	return n != nil && n.answered[version] >= bucketOf(since)
}

// bucketRecord is one finished bucket, as it is carried over a restart.
type bucketRecord struct {
	Bucket   int64                       `json:"b"`
	Services map[string]Stats            `json:"s"`
	Edges    []edgeRecord                `json:"e"`
	Versions map[string]map[string]int64 `json:"v,omitempty"`
	Alias    map[string]string           `json:"a,omitempty"`
}

type edgeRecord struct {
	Edge
	Stats Stats `json:"t"`
}

// Snapshot returns the buckets that were finished since the last call, encoded for Restore. A bucket is finished one
// width after its end, so that late spans are in it.
func (l *Live) Snapshot(now time.Time) ([][]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := bucketOf(now) - 1
	if l.open == 0 {
		l.open = last
	}
	var out [][]byte
	for b := max(l.open, last-Keep); b < last; b++ {
		rec := bucketRecord{Bucket: b, Services: map[string]Stats{}, Versions: map[string]map[string]int64{}, Alias: l.alias}
		for name, n := range l.services {
			if c := n.get(b); c != nil {
				rec.Services[name] = *c
				rec.Versions[name] = n.versions
			}
		}
		for e, s := range l.edges {
			if c := s.get(b); c != nil {
				rec.Edges = append(rec.Edges, edgeRecord{e, *c})
			}
		}
		enc, err := json.Marshal(rec)
		if err != nil {
			return nil, fmt.Errorf("encode bucket of the service graph: %w", err)
		}
		out = append(out, enc)
	}
	l.open = last
	return out, nil
}

// Restore takes back one encoded bucket.
func (l *Live) Restore(b []byte) error {
	var rec bucketRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		return fmt.Errorf("decode bucket of the service graph: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, st := range rec.Services {
		n := l.services[name]
		if n == nil {
			n = newNode()
			l.services[name] = n
		}
		for v, at := range rec.Versions[name] {
			n.versions[v] = at
		}
		n.lastSeen = max(n.lastSeen, rec.Bucket)
		if c := n.cell(rec.Bucket); c != nil {
			*c = st
		}
	}
	for _, er := range rec.Edges {
		s := l.edge(er.Edge)
		l.lastSeen[er.Edge] = max(l.lastSeen[er.Edge], rec.Bucket)
		if c := s.cell(rec.Bucket); c != nil {
			*c = er.Stats
		}
	}
	for a, s := range rec.Alias {
		l.alias[a] = s
	}
	return nil
}
