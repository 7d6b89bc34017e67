package slo

import (
	"sync"
	"time"
)

// Counts is a number of events and how many of them were good.
type Counts struct {
	Good  int64 `json:"good"`
	Total int64 `json:"total"`
}

// Bad returns the events that were not good. Counters of good and of total may be read at different times: good can be ahead
// for a while.
func (c Counts) Bad() int64 { return max(c.Total-c.Good, 0) }

// BadShare returns bad events as a share of all, 0 when there were none.
func (c Counts) BadShare() float64 {
	if c.Total == 0 {
		return 0
	}
	return float64(c.Bad()) / float64(c.Total)
}

func (c *Counts) add(o Counts) {
	c.Good += o.Good
	c.Total += o.Total
}

func (c Counts) minus(o Counts) Counts { return Counts{c.Good - o.Good, c.Total - o.Total} }

// Resolution is one width of bucket and how many buckets of it are kept.
type Resolution struct {
	Width time.Duration
	Keep  int64
}

// Kept returns how long its buckets are kept.
func (r Resolution) Kept() time.Duration { return time.Duration(r.Keep) * r.Width }

// Resolutions of a ledger, the finest first: 5 seconds for two hours, minutes for three days and an hour, hours for 93
// days. Each event is counted in all of them; together they take about 130 KB.
var Resolutions = [...]Resolution{{5 * time.Second, 1440}, {time.Minute, 4380}, {time.Hour, 2232}}

// Bucket is the counts of one bucket, as it is kept in a store.
type Bucket struct {
	Resolution int   // index into Resolutions
	Number     int64 // time since the epoch divided by the width
	Counts
}

// Ledger counts the events of one objective. Any window is answered from two sums, however long it is. It is safe for
// concurrent use.
type Ledger struct {
	mu    sync.Mutex
	rings [len(Resolutions)]ring
	first time.Time // time of the first event ever counted
	good  time.Time // time of the newest good event
	late  int64
}

// ring is the newest buckets of one width. Each place holds the sum of all events up to the end of its bucket, so that a
// window is a difference and an event that comes late changes only the places after it.
type ring struct {
	width, keep int64
	sums        []Counts // made with the first event: most objectives of a young server have none
	before      Counts   // the sum up to the oldest bucket that is kept, without it
	newest      int64    // number of the newest bucket
	dirty       map[int64]bool
	gone        map[int64]Counts // buckets that were dirty and are not kept any more
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	l := &Ledger{}
	for i, r := range Resolutions {
		l.rings[i] = ring{width: int64(r.Width), keep: r.Keep, dirty: map[int64]bool{}, gone: map[int64]Counts{}}
	}
	return l
}

// Add counts events at a time. Events older than the coarsest resolution keeps are counted as late only.
func (l *Ledger) Add(at time.Time, good, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := false
	for i := range l.rings {
		r := &l.rings[i]
		if n := r.number(at); r.add(n, Counts{good, total}) {
			r.dirty[n] = true
			kept = true
		}
	}
	if !kept {
		l.late += total
	} else if l.first.IsZero() || at.Before(l.first) {
		l.first = at
	}
	if good > 0 && at.After(l.good) {
		l.good = at
	}
}

func (r *ring) number(at time.Time) int64 {
	n := at.UnixNano()
	if n < 0 {
		return -1
	}
	return n / r.width
}

// has reports whether a bucket is one of those that are kept, or newer.
func (r *ring) has(n int64) bool { return n >= 0 && (r.sums == nil || n > r.newest-r.keep) }

// add counts in a bucket and reports whether it is kept.
func (r *ring) add(n int64, c Counts) bool {
	if !r.has(n) {
		return false
	}
	r.reach(n)
	for ; n <= r.newest; n++ {
		r.sums[n%r.keep].add(c)
	}
	return true
}

// reach makes a bucket the newest one when it is newer. Those between are empty.
func (r *ring) reach(n int64) {
	if r.sums == nil {
		r.sums, r.newest = make([]Counts, r.keep), n
		return
	}
	if n <= r.newest {
		return
	}
	for d := range r.dirty {
		if d <= n-r.keep {
			r.gone[d] = r.of(d)
			delete(r.dirty, d)
		}
	}
	total := r.sums[r.newest%r.keep]
	if n-r.newest >= r.keep {
		r.before, r.newest = total, n
		for i := range r.sums {
			r.sums[i] = total
		}
		return
	}
	for r.newest < n {
		r.newest++
		i := r.newest % r.keep
		r.before, r.sums[i] = r.sums[i], total
	}
}

// upTo returns the sum of all events up to the end of a bucket.
func (r *ring) upTo(n int64) Counts {
	switch {
	case r.sums == nil:
		return Counts{}
	case n <= r.newest-r.keep:
		return r.before
	}
	return r.sums[min(n, r.newest)%r.keep]
}

// of returns the counts of a bucket that is kept.
func (r *ring) of(n int64) Counts { return r.upTo(n).minus(r.upTo(n - 1)) }

// after returns the events in buckets after the one that a time is in.
func (r *ring) after(at time.Time) Counts { return r.upTo(r.newest).minus(r.upTo(r.number(at))) }

// Sum returns the events of (from, to] in whole buckets: without the bucket that from is in, with the one that to is in.
// Both are of the finest resolution that is still kept of their time.
func (l *Ledger) Sum(from, to time.Time) Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := l.keeper(from)
	if (start.number(from)+1)*start.width > to.UnixNano() {
		return Counts{}
	}
	return start.after(from).minus(l.keeper(to).after(to))
}

// keeper returns the finest ring in which a time is not older than what is kept: all that came after it is in that ring.
func (l *Ledger) keeper(at time.Time) *ring {
	for i := range l.rings {
		if r := &l.rings[i]; r.sums != nil && r.number(at) >= r.newest-r.keep {
			return r
		}
	}
	return &l.rings[len(l.rings)-1]
}

// First returns the time of the oldest event ever counted; zero when there was none.
func (l *Ledger) First() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// LastGood returns the time of the newest good event, after a restart to the width of a bucket; zero when there was none.
func (l *Ledger) LastGood() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.good
}

// Late returns how many events came too late to be counted in any bucket.
func (l *Ledger) Late() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.late
}

// Dirty returns the buckets that changed since the last call, with their whole counts.
func (l *Ledger) Dirty() []Bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Bucket
	for i := range l.rings {
		r := &l.rings[i]
		for n := range r.dirty {
			out = append(out, Bucket{i, n, r.of(n)})
		}
		for n, c := range r.gone {
			out = append(out, Bucket{i, n, c})
		}
		clear(r.dirty)
		clear(r.gone)
	}
	return out
}

// MarkDirty returns buckets that could not be stored to the next Dirty.
func (l *Ledger) MarkDirty(bs []Bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range bs {
		if r := &l.rings[b.Resolution]; r.has(b.Number) {
			r.dirty[b.Number] = true
		} else {
			r.gone[b.Number] = b.Counts
		}
	}
}

// Restore sets the counts of a stored bucket. Buckets come back in order, the finest resolution first. One that begins
// after now, by a clock that was wrong then or is wrong now, would push out those of today: it is left out, and false
// returned.
func (l *Ledger) Restore(b Bucket, now time.Time) bool {
	if b.Resolution < 0 || b.Resolution >= len(Resolutions) {
		return true
	}
	if time.Unix(0, b.Number*int64(Resolutions[b.Resolution].Width)).After(now) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.rings[b.Resolution]
	if !r.has(b.Number) {
		return true
	}
	r.reach(b.Number)
	r.add(b.Number, b.Counts.minus(r.of(b.Number)))
	// A coarse bucket begins before its first event: when that is known from a finer one, it is not made older.
	at := time.Unix(0, b.Number*r.width)
	if b.Good > 0 && b.Resolution == 0 && at.After(l.good) {
		l.good = at
	}
	if b.Total > 0 && (l.first.IsZero() || (at.Before(l.first) && !at.Add(time.Duration(r.width)).After(l.first))) {
		l.first = at
	}
	return true
}
