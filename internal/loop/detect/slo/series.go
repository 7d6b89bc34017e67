package slo

import (
	"cmp"
	"slices"
	"time"

	"nightkeeper/internal/loop/observe"
)

// How much is remembered of one series.
const (
	mostLives = 8  // starts of a counter: processes that report the same series at a time
	mostTaken = 16 // points of deltas that are known when they come again
)

// Series is what must be remembered of one series of a metric, so that each event is counted once. It is kept in a store
// in the transaction of what was counted: both go back together when a process dies.
type Series struct {
	Lives []Life  `json:"lives,omitempty"` // of a counter that goes up from its start, the one that was seen last at the end
	Taken []Taken `json:"taken,omitempty"` // of deltas, in order of time
	Gone  int64   `json:"gone,omitempty"`  // up to then lives or taken points are forgotten
	Rest  float64 `json:"rest,omitempty"`  // fractions of deltas
}

// Life is a counter from one start on, with what it said last. Times are nanoseconds since the epoch.
type Life struct {
	Start int64   `json:"start"`
	At    int64   `json:"at"`
	Count int64   `json:"count"`
	UpTo  []Below `json:"up_to,omitempty"`
}

// Below is how many of the observations are at most a threshold.
type Below struct {
	Threshold float64 `json:"threshold"`
	Count     int64   `json:"count"`
}

// Taken is a delta that was counted.
type Taken struct {
	Start int64 `json:"start"`
	At    int64 `json:"at"`
}

// Gain is the events that one point adds.
type Gain struct {
	From    int64 // they came after this time; 0 when nobody knows since when
	At      int64 // up to this one
	Count   int64
	UpTo    []Below
	Inexact bool // some of UpTo are a share of a bucket
}

// Below returns how many events are at most a threshold; ok is false when that was not looked at.
func (g Gain) Below(threshold float64) (n int64, ok bool) { return find(g.UpTo, threshold) }

func find(bs []Below, threshold float64) (n int64, ok bool) {
	for _, b := range bs {
		if b.Threshold == threshold {
			return b.Count, true
		}
	}
	return 0, false
}

// Take returns the events that a point adds, or false when it adds none: it came before, or something newer did. Before is
// when other series of the process came last, see Stream.See: a series that was not among them began after that.
func (x *Series) Take(p *observe.MetricPoint, delta bool, thresholds []float64, before int64) (Gain, bool) {
	g := Gain{At: nanos(p.At), Count: p.Count}
	for _, t := range thresholds {
		if p.Spread == nil {
			continue
		}
		n, exact := p.Spread.UpTo(t)
		g.UpTo = append(g.UpTo, Below{t, min(n, p.Count)})
		g.Inexact = g.Inexact || !exact
	}
	if delta {
		return x.delta(g, nanos(p.Start), p.Rest)
	}
	return x.cumulative(g, nanos(p.Start), before)
}

// delta counts a point once. Points are known by both their times: two processes that are told apart by nothing else send
// points that overlap.
func (x *Series) delta(g Gain, start int64, rest float64) (Gain, bool) {
	t := Taken{start, g.At}
	i, found := slices.BinarySearchFunc(x.Taken, t, func(a, b Taken) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Start, b.Start)) })
	if found || g.At <= x.Gone {
		return g, false
	}
	x.Taken = slices.Insert(x.Taken, i, t)
	if len(x.Taken) > mostTaken {
		x.Gone = x.Taken[0].At
		x.Taken = slices.Delete(x.Taken, 0, 1)
	}
	if x.Rest += rest; x.Rest >= 1 {
		g.Count++
		x.Rest--
	}
	if g.From = start; start == 0 {
		g.From = g.At
	}
	return g, true
}

// cumulative counts what a counter went up by. A start that was not seen is another life of it: it began at zero.
func (x *Series) cumulative(g Gain, start, before int64) (Gain, bool) {
	i := slices.IndexFunc(x.Lives, func(l Life) bool { return l.Start == start })
	if i < 0 {
		g.From = max(start, before)
		switch {
		case start != 0 && start <= x.Gone:
			g.From = 0 // perhaps a life that was forgotten
		case start == 0 && len(x.Lives) > 0:
			g.From = 0 // a sender that says its start sometimes
		}
		x.live(Life{start, g.At, g.Count, g.UpTo})
		return g, true
	}
	l := x.Lives[i]
	if g.At <= l.At {
		return g, false
	}
	next := Life{start, g.At, g.Count, g.UpTo}
	g.From = l.At
	if g.Count >= l.Count { // else it began anew without saying so, and all of it is gained
		g.Count -= l.Count
		g.UpTo = nil
		for _, b := range next.UpTo {
			if was, ok := find(l.UpTo, b.Threshold); ok {
				g.UpTo = append(g.UpTo, Below{b.Threshold, min(max(b.Count-was, 0), g.Count)})
			}
		}
	}
	x.Lives = slices.Delete(x.Lives, i, i+1)
	x.live(next)
	return g, true
}

func (x *Series) live(l Life) {
	x.Lives = append(x.Lives, l)
	if len(x.Lives) > mostLives {
		x.Gone = max(x.Gone, x.Lives[0].At)
		x.Lives = slices.Delete(x.Lives, 0, 1)
	}
}

// clone returns a copy that does not change with the series.
func (x *Series) clone() *Series {
	out := *x
	out.Lives, out.Taken = slices.Clone(x.Lives), slices.Clone(x.Taken)
	return &out
}

// Stream is what is remembered of the series of one metric of one resource.
type Stream struct {
	Key    uint64             `json:"key,string"`
	Seen   []Seen             `json:"seen"` // the start that was seen last at the end
	Series map[uint64]*Series `json:"series"`
	Gone   int64              `json:"gone,omitempty"` // what began until then may have been counted and forgotten
}

// Seen is when points with one start came: those of one process.
type Seen struct {
	Start  int64 `json:"start"`
	At     int64 `json:"at"`     // the newest
	Before int64 `json:"before"` // the newest before that time
}

// See notes a point of any of the series and returns when one with the same start came last before it, 0 when none did.
func (s *Stream) See(p *observe.MetricPoint) (before int64) {
	start, at := nanos(p.Start), nanos(p.At)
	i := slices.IndexFunc(s.Seen, func(x Seen) bool { return x.Start == start })
	if i < 0 {
		if len(s.Seen) == mostLives {
			s.Seen = slices.Delete(s.Seen, 0, 1)
		}
		s.Seen = append(s.Seen, Seen{Start: start, At: at})
		return 0
	}
	x := s.Seen[i]
	if at > x.At {
		x.Before, x.At = x.At, at
		s.Seen = append(slices.Delete(s.Seen, i, i+1), x)
	}
	if at > x.Before {
		return x.Before
	}
	return 0
}

// At returns when the newest point came.
func (s *Stream) At() time.Time {
	var at int64
	for _, x := range s.Seen {
		at = max(at, x.At)
	}
	return time.Unix(0, at)
}

// nanos returns nanoseconds since the epoch, 0 for a time that is not known.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(t.UnixNano(), 0)
}

// Clone returns a copy that does not change with the stream.
func (s *Stream) Clone() Stream {
	out := *s
	out.Seen = slices.Clone(s.Seen)
	out.Series = make(map[uint64]*Series, len(s.Series))
	for k, x := range s.Series {
		out.Series[k] = x.clone()
	}
	return out
}

// slow is how long a point may take to tell of what came before all of it is counted at its time.
const slow = time.Minute

// mostSteps bounds into how many parts a gain is spread.
const mostSteps = 360

// Spread calls add with parts of counts that came after one time and up to another. What came within a minute is counted at
// its end; more than that is spread evenly, to the minute or coarser, so that what was missed during a gap is no burst. The
// parts are whole events and all of them.
func Spread(from, to int64, c Counts, add func(at time.Time, c Counts)) {
	if from <= 0 || to-from <= int64(slow) {
		add(time.Unix(0, to), c)
		return
	}
	step := int64(slow) * (1 + (to-from)/(int64(slow)*mostSteps))
	var done Counts
	whole := float64(to - from)
	for at := (from/step + 1) * step; at < to; at += step {
		part := float64(at-from) / whole
		upTo := Counts{int64(float64(c.Good) * part), int64(float64(c.Total) * part)}
		add(time.Unix(0, at), upTo.minus(done))
		done = upTo
	}
	add(time.Unix(0, to), c.minus(done))
}
