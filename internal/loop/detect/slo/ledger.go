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

// Bad returns the events that were not good.
func (c Counts) Bad() int64 { return c.Total - c.Good }

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

// Resolution is one width of bucket and how many buckets of it are kept.
type Resolution struct {
	Width time.Duration
	Keep  int64
}

// Resolutions of a ledger, the finest first: 5 seconds for two hours, minutes for three days and an hour, hours for 91
// days. Each event is counted in all of them; together they take about 190 KB.
var Resolutions = [...]Resolution{{5 * time.Second, 1440}, {time.Minute, 4380}, {time.Hour, 2184}}

// Bucket is the counts of one bucket, as it is kept in a store.
type Bucket struct {
	Resolution int   // index into Resolutions
	Number     int64 // time since the epoch divided by the width
	Counts
}

// Ledger counts the events of one objective. It is safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	rings [len(Resolutions)]ring
	first time.Time // time of the first event ever counted
	good  time.Time // time of the newest good event
	late  int64
}

type ring struct {
	number []int64
	counts []Counts
	dirty  map[int64]bool
	newest int64 // number of the newest bucket
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	l := &Ledger{}
	for i, r := range Resolutions {
		l.rings[i] = ring{number: make([]int64, r.Keep), counts: make([]Counts, r.Keep), dirty: map[int64]bool{}}
	}
	return l
}

// Add counts events at a time. Events older than the coarsest resolution keeps are counted as late only.
func (l *Ledger) Add(at time.Time, good, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := false
	for i, r := range Resolutions {
		if c := l.rings[i].cell(at.UnixNano()/int64(r.Width), r.Keep); c != nil {
			c.add(Counts{good, total})
			l.rings[i].dirty[at.UnixNano()/int64(r.Width)] = true
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

// cell returns the counts of a bucket, emptied when its slot held an older one, or nil when the bucket is too old.
func (r *ring) cell(number, keep int64) *Counts {
	if number < 0 || number <= r.newest-keep {
		return nil
	}
	i := number % keep
	if r.number[i] != number {
		r.number[i], r.counts[i] = number, Counts{}
		r.newest = max(r.newest, number)
	}
	return &r.counts[i]
}

// Sum returns the events in whole buckets of (from, to], at the finest resolution that still has all of from.
func (l *Ledger) Sum(from, to time.Time) Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := 0
	for ; i < len(Resolutions)-1; i++ {
		w := int64(Resolutions[i].Width)
		if max(l.rings[i].newest, to.UnixNano()/w)-from.UnixNano()/w <= Resolutions[i].Keep {
			break
		}
	}
	w, keep, r := int64(Resolutions[i].Width), Resolutions[i].Keep, &l.rings[i]
	last := to.UnixNano() / w
	var sum Counts
	for n := max(from.UnixNano()/w+1, last-keep+1); n <= last; n++ {
		if j := n % keep; r.number[j] == n {
			sum.add(r.counts[j])
		}
	}
	return sum
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
		r, keep := &l.rings[i], Resolutions[i].Keep
		for n := range r.dirty {
			if r.number[n%keep] == n {
				out = append(out, Bucket{i, n, r.counts[n%keep]})
			}
		}
		clear(r.dirty)
	}
	return out
}

// MarkDirty returns buckets that could not be stored to the next Dirty.
func (l *Ledger) MarkDirty(bs []Bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range bs {
		l.rings[b.Resolution].dirty[b.Number] = true
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
	r := Resolutions[b.Resolution]
	c := l.rings[b.Resolution].cell(b.Number, r.Keep)
	if c == nil {
		return true
	}
	*c = b.Counts
	// A coarse bucket begins before its first event: when that is known from a finer one, it is not made older.
	at := time.Unix(0, b.Number*int64(r.Width))
	if b.Good > 0 && b.Resolution == 0 && at.After(l.good) {
		l.good = at
	}
	if b.Total > 0 && (l.first.IsZero() || (at.Before(l.first) && !at.Add(r.Width).After(l.first))) {
		l.first = at
	}
	return true
}
