package detect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/observe"
)

// Bounds of what is remembered of metrics.
const (
	mostSeries = 100_000             // of all objectives together; more are not counted, and their objectives say so
	idleSeries = 24 * time.Hour      // streams of which nothing came for so long are forgotten
	agedPoint  = 90 * 24 * time.Hour // older points count for nothing
)

const tooMany = "some series of %s are not counted: there are over %d"

// mostTargets bounds for how many series of one stream it is known what they count for; it is found again for more.
const mostTargets = 10_000

// meter turns points of metrics into events of objectives. What it remembers is written together with the ledgers.
type meter struct {
	mu      sync.Mutex // held while points are counted and while both are read to be written
	streams map[uint64]*stream
	series  int
	marks   map[string]time.Time // see Mark of Tx: since when an objective is followed, and what is forgotten
	dirty   map[uint64]bool      // streams to write, or to drop when they are not there any more
	unsaved map[string]bool      // marks to write
	notes   map[string][]string  // by objective: what people should know of how it is counted
	idx     *index               // that is followed
}

// stream is a slo.Stream with what its series count for, which is found once for each.
type stream struct {
	slo.Stream
	targets map[uint64][]target
	idx     *index // by which targets were found
}

// selection is a part of an objective that selects series of a metric.
type selection struct {
	entry
	role string // good, bad or total
	*catalog.Selector
}

// target is what a series counts for.
type target struct {
	entry
	good, bad, total *catalog.Selector // nil when it does not count as that
}

// forgotten is the mark of the time up to which streams are forgotten.
const forgotten = "metrics forgotten"

// markOf names the time since which an objective is followed. Another one begins when it selects something else.
func markOf(o *catalog.SLO) string {
	out := "metrics of " + o.Name
	parts := o.Metrics.Parts()
	for _, role := range slices.Sorted(maps.Keys(parts)) {
		p := parts[role]
		out += fmt.Sprintf(" %s %q %q %q %v", role, p.Service, p.Metric, p.Match, p.Threshold)
	}
	return out
}

func newMeter() *meter {
	return &meter{streams: map[uint64]*stream{}, marks: map[string]time.Time{}, dirty: map[uint64]bool{}, unsaved: map[string]bool{}, notes: map[string][]string{}}
}

// restore reads what was remembered.
func (m *meter) restore(ctx context.Context, tx Tx, cat *catalog.Catalog) error {
	names := []string{forgotten}
	for _, name := range sortedNames(cat.SLOs) {
		if o := cat.SLOs[name]; o.Metrics != nil {
			names = append(names, markOf(o))
		}
	}
	for _, name := range names {
		at, err := tx.Mark(ctx, name)
		if err != nil {
			return err
		}
		if !at.IsZero() {
			m.marks[name] = at
		}
	}
	return tx.Streams(ctx, func(s slo.Stream) {
		m.streams[s.Key] = &stream{Stream: s}
		m.series += len(s.Series)
	})
}

// knowledge is what a meter has to write.
type knowledge struct {
	save  []slo.Stream
	drop  []uint64
	marks map[string]time.Time
}

func (k knowledge) empty() bool { return len(k.save)+len(k.drop)+len(k.marks) == 0 }

func (k knowledge) write(ctx context.Context, tx Tx) error {
	for _, name := range sortedNames(k.marks) {
		if err := tx.SaveMark(ctx, name, k.marks[name]); err != nil {
			return err
		}
	}
	for _, s := range k.save {
		if err := tx.SaveStream(ctx, s); err != nil {
			return err
		}
	}
	for _, key := range k.drop {
		if err := tx.DropStream(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// snapshot returns what has to be written, streams in order of their keys. The caller holds mu.
func (m *meter) snapshot() (k knowledge) {
	k.marks = map[string]time.Time{}
	for name := range m.unsaved {
		k.marks[name] = m.marks[name]
	}
	for _, key := range slices.Sorted(maps.Keys(m.dirty)) {
		if s := m.streams[key]; s != nil {
			k.save = append(k.save, s.Clone())
		} else {
			k.drop = append(k.drop, key)
		}
	}
	clear(m.dirty)
	clear(m.unsaved)
	return k
}

// unwritten returns what could not be written to the next snapshot.
func (m *meter) unwritten(k knowledge) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range k.save {
		m.dirty[s.Key] = true
	}
	for _, key := range k.drop {
		m.dirty[key] = true
	}
	for name := range k.marks {
		if _, ok := m.marks[name]; ok {
			m.unsaved[name] = true
		}
	}
}

// follow marks since when events count for each objective: what counters say of the time before belongs to no hour.
func (m *meter) follow(idx *index, now time.Time) {
	if m.idx == idx {
		return
	}
	m.idx = idx
	clear(m.notes)
	marks := map[string]time.Time{forgotten: m.marks[forgotten]}
	for _, xs := range idx.byMetric {
		for _, x := range xs {
			at, ok := m.marks[x.mark]
			if !ok {
				at = now
				m.unsaved[x.mark] = true
			}
			marks[x.mark] = at
		}
	}
	maps.DeleteFunc(m.unsaved, func(name string, _ bool) bool { _, ok := marks[name]; return !ok })
	m.marks = marks
}

// followed is follow for who does not count.
func (m *meter) followed(idx *index, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.follow(idx, now)
}

// notesOf returns what people should know of how an objective is counted.
func (m *meter) notesOf(o *catalog.SLO) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.notes[o.Name])
}

// note keeps what people should know of how an objective is counted.
func (m *meter) note(o *catalog.SLO, format string, args ...any) {
	const most = 5
	text := fmt.Sprintf(format, args...)
	if has := m.notes[o.Name]; len(has) < most && !slices.Contains(has, text) {
		m.notes[o.Name] = append(has, text)
	}
}

// forget drops the streams of which nothing came for long. One of them that comes again is not taken for a new one.
func (m *meter) forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, s := range m.streams {
		at := s.At()
		if now.Sub(at) < idleSeries {
			continue
		}
		m.series -= len(s.Series)
		delete(m.streams, key)
		m.dirty[key] = true
		if at.After(m.marks[forgotten]) {
			m.marks[forgotten] = at
			m.unsaved[forgotten] = true
		}
	}
}

// CountsMetric reports whether any objective counts a metric of a service.
func (s *Service) CountsMetric(service, metric string) bool {
	return slices.ContainsFunc(s.indexed().byMetric[metric], func(x selection) bool { return x.Service == service })
}

// sum is what a batch adds to an objective at one time.
type sum struct {
	ledger *slo.Ledger
	at     int64
}

// CountMetrics counts points of metrics into the ledgers of the objectives that select them.
func (s *Service) CountMetrics(streams []observe.Stream, now time.Time) {
	idx, m := s.indexed(), s.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	m.follow(idx, now)
	sums := map[sum]slo.Counts{}
	for i := range streams {
		m.count(idx, &streams[i], sums, now)
	}
	for at, c := range sums {
		at.ledger.Add(time.Unix(0, at.at), c.Good, c.Total)
	}
}

func (m *meter) count(idx *index, in *observe.Stream, sums map[sum]slo.Counts, now time.Time) {
	selections := slices.DeleteFunc(slices.Clone(idx.byMetric[in.Metric]), func(x selection) bool { return x.Service != in.Service })
	if len(selections) == 0 {
		return
	}
	if in.Kind != observe.Counter && in.Kind != observe.Histogram {
		for _, x := range selections {
			m.note(x.slo, "%s of %s is a %s: only counters and histograms have events that can be counted", in.Metric, in.Service, in.Kind)
		}
		return
	}
	st := m.streams[in.Key]
	if st == nil && len(m.streams) >= mostSeries {
		for _, x := range selections {
			m.note(x.slo, tooMany, in.Metric, mostSeries)
		}
		return
	}
	if st == nil {
		st = &stream{Stream: slo.Stream{Key: in.Key, Series: map[uint64]*slo.Series{}, Gone: nanosOf(m.marks[forgotten])}}
		m.streams[in.Key] = st
	}
	if st.idx != idx {
		st.targets, st.idx = map[uint64][]target{}, idx
	}
	m.dirty[in.Key] = true
	for i := range in.Points {
		p := &in.Points[i]
		if p.At.Before(now.Add(-agedPoint)) {
			continue
		}
		if p.At.After(now) && !in.Delta { // by a clock that is wrong, and will be right again
			p.At = now
		}
		before := st.See(p)
		targets, ok := st.targets[p.Key]
		if !ok {
			if len(st.targets) >= mostTargets {
				clear(st.targets)
			}
			targets = targetsOf(selections, p.Attrs())
			st.targets[p.Key] = targets
		}
		if len(targets) > 0 {
			m.point(st, in, p, targets, before, sums, now)
		}
	}
}

// targetsOf returns what a series with these attributes counts for.
func targetsOf(selections []selection, attrs map[string]string) (out []target) {
	for _, x := range selections {
		if !holds(x.Matchers, attrs) {
			continue
		}
		i := slices.IndexFunc(out, func(t target) bool { return t.slo == x.slo })
		if i < 0 {
			i = len(out)
			out = append(out, target{entry: x.entry})
		}
		switch x.role {
		case "good":
			out[i].good = x.Selector
		case "bad":
			out[i].bad = x.Selector
		default:
			out[i].total = x.Selector
		}
	}
	return out
}

func (m *meter) point(st *stream, in *observe.Stream, p *observe.MetricPoint, targets []target, before int64, sums map[sum]slo.Counts, now time.Time) {
	x := st.Series[p.Key]
	if x == nil {
		if m.series >= mostSeries {
			for _, t := range targets {
				m.note(t.slo, tooMany, in.Metric, mostSeries)
			}
			return
		}
		x = &slo.Series{}
		st.Series[p.Key] = x
		m.series++
	}
	g, ok := x.Take(p, in.Delta, thresholds(targets), before)
	if !ok || g.From == 0 || g.From <= st.Gone {
		return
	}
	for _, t := range targets {
		if g.From < nanosOf(m.marks[t.mark]) {
			continue
		}
		c, exact, why := t.counts(g)
		if why != "" {
			m.note(t.slo, "%s of %s %s", in.Metric, in.Service, why)
			continue
		}
		if !exact {
			m.note(t.slo, "interpolated: the threshold is within a bucket of %s, of which a share is counted", in.Metric)
		}
		slo.Spread(g.From, min(g.At, now.UnixNano()), c, func(at time.Time, c slo.Counts) {
			k := sum{t.ledger, at.UnixNano()}
			was := sums[k]
			sums[k] = slo.Counts{Good: was.Good + c.Good, Total: was.Total + c.Total}
		})
	}
}

// nanosOf returns nanoseconds since the epoch, 0 for no time.
func nanosOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func thresholds(targets []target) (out []float64) {
	for _, t := range targets {
		for _, x := range []*catalog.Selector{t.good, t.bad} {
			if x != nil && x.Threshold != 0 && !slices.Contains(out, x.Threshold) {
				out = append(out, x.Threshold)
			}
		}
	}
	return out
}

// counts returns what a gain adds to the objective, or why it cannot.
func (t target) counts(g slo.Gain) (c slo.Counts, exact bool, why string) {
	exact = true
	events := func(x *catalog.Selector) int64 {
		if x.Threshold == 0 {
			return g.Count
		}
		n, ok := g.Below(x.Threshold)
		if !ok {
			why = "has no buckets that a threshold could divide"
		}
		exact = exact && !g.Inexact
		return n
	}
	if t.total != nil {
		c.Total = g.Count
		if t.slo.Metrics.Bad != nil {
			c.Good = g.Count
		}
	}
	switch {
	case t.good != nil:
		c.Good += events(t.good)
	case t.bad != nil && t.bad.Threshold != 0:
		c.Good -= g.Count - events(t.bad)
	case t.bad != nil:
		c.Good -= g.Count
	}
	return c, exact, why
}
