package slo

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 27, 2, 14, 10, 0, time.UTC)

// occurrence is what a ledger was told.
type occurrence struct {
	at          time.Time
	good, total int64
}

// oracle counts in the most obvious way: it keeps everything.
type oracle []occurrence

func (o oracle) sum(newest, from, to time.Time) Counts {
	var c Counts
	first, last := int64(widthFor(from, newest)), int64(widthFor(to, newest))
	for _, e := range o {
		if at := e.at.UnixNano(); at/first > from.UnixNano()/first && at/last <= to.UnixNano()/last {
			c.add(Counts{e.good, e.total})
		}
	}
	return c
}

// widthFor is the finest resolution that covers a window ending about now.
func widthFor(from, newest time.Time) time.Duration {
	for _, r := range Resolutions {
		if newest.UnixNano()/int64(r.Width)-from.UnixNano()/int64(r.Width) <= r.Keep {
			return r.Width
		}
	}
	return Resolutions[len(Resolutions)-1].Width
}

var windows = []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, time.Hour, 119 * time.Minute,
	2 * time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour, 90 * 24 * time.Hour}

func compare(t *testing.T, l *Ledger, o oracle, newest time.Time) {
	t.Helper()
	for _, w := range windows {
		from := newest.Add(-w)
		if got, want := l.Sum(from, newest), o.sum(newest, from, newest); got != want {
			t.Errorf("over %s: %+v, want %+v", w, got, want)
		}
	}
}

func TestLedgerCountsAsAnOracleDoes(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			l, o := NewLedger(), oracle{}
			now := t0
			for range 4000 {
				now = now.Add(time.Duration(rng.ExpFloat64() * float64([]time.Duration{time.Second, time.Minute, 10 * time.Minute}[seed%3])))
				at := now
				switch rng.IntN(10) { // late and out of order, within what the finest resolution keeps
				case 0:
					at = now.Add(-time.Duration(rng.Int64N(int64(90 * time.Minute))))
				case 1:
					at = now.Add(-time.Duration(rng.Int64N(int64(30 * time.Second))))
				}
				total := rng.Int64N(5) + 1
				e := occurrence{at, rng.Int64N(total + 1), total}
				l.Add(e.at, e.good, e.total)
				o = append(o, e)
				if rng.IntN(500) == 0 {
					compare(t, l, o, now)
				}
			}
			compare(t, l, o, now)
			if got := restored(l); !t.Failed() {
				compare(t, got, o, now)
			}
		})
	}
}

// restored carries a ledger over a restart as the store does: in order of resolution and number.
func restored(l *Ledger) *Ledger {
	out := NewLedger()
	for res := range Resolutions {
		for _, b := range l.all() {
			if b.Resolution == res {
				out.Restore(b, t0.AddDate(1, 0, 0))
			}
		}
	}
	return out
}

// all returns every bucket that is kept, in order of number.
func (l *Ledger) all() []Bucket {
	var out []Bucket
	for i := range l.rings {
		r := &l.rings[i]
		for n := max(r.newest-r.keep+1, 0); n <= r.newest; n++ {
			if c := r.of(n); c.Total > 0 {
				out = append(out, Bucket{i, n, c})
			}
		}
	}
	return out
}

func TestWindowInThePastIsAnsweredFromBucketsThatStillHaveIt(t *testing.T) {
	l, o := NewLedger(), oracle{}
	for s := 0; s < 5*3600; s += 3 {
		e := occurrence{t0.Add(time.Duration(s) * time.Second), int64(s % 2), 1}
		l.Add(e.at, e.good, e.total)
		o = append(o, e)
	}
	newest := t0.Add(5 * time.Hour)
	for _, back := range []time.Duration{30 * time.Minute, 115 * time.Minute, 3 * time.Hour, 4 * time.Hour} {
		from, to := newest.Add(-back), newest.Add(-back+20*time.Minute)
		if got, want := l.Sum(from, to), o.sum(newest, from, to); got != want {
			t.Errorf("twenty minutes, %s ago: %+v, want %+v", back, got, want)
		}
	}
}

func TestEventOlderThanAnythingKeptIsLate(t *testing.T) {
	l := NewLedger()
	l.Add(t0, 1, 1)
	l.Add(t0.Add(-94*24*time.Hour), 0, 3)
	if l.Late() != 3 || l.Sum(t0.Add(-90*24*time.Hour), t0).Total != 1 {
		t.Errorf("late %d, sum %+v", l.Late(), l.Sum(t0.Add(-90*24*time.Hour), t0))
	}
	if !l.First().Equal(t0) {
		t.Errorf("first %s: an event that is not counted makes the ledger no older", l.First())
	}
}

func TestEventBeforeTheEpochIsLateToo(t *testing.T) {
	l := NewLedger()
	l.Add(time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC), 1, 1)
	l.Restore(Bucket{Resolution: 0, Number: -5, Counts: Counts{1, 1}}, t0)
	if l.Late() != 1 || !l.First().IsZero() {
		t.Errorf("late %d, first %s", l.Late(), l.First())
	}
}

func TestDirtyBucketsAreWholeAndSaidOnce(t *testing.T) {
	l := NewLedger()
	l.Add(t0, 1, 1)
	l.Add(t0, 0, 1)
	ds := l.Dirty()
	if len(ds) != len(Resolutions) {
		t.Fatalf("%d dirty buckets", len(ds))
	}
	for _, b := range ds {
		if b.Counts != (Counts{1, 2}) {
			t.Errorf("bucket %+v", b)
		}
	}
	if again := l.Dirty(); len(again) != 0 {
		t.Errorf("said again: %v", again)
	}
	l.MarkDirty(ds)
	l.Add(t0, 1, 1)
	for _, b := range l.Dirty() {
		if b.Counts != (Counts{2, 3}) {
			t.Errorf("after a failed write: %+v", b)
		}
	}
}

// What was not written yet when the clock jumped, or the database was away for hours, is written all the same.
func TestDirtyBucketsThatAreNoLongerKeptAreStillSaid(t *testing.T) {
	l := NewLedger()
	l.Add(t0, 1, 2)
	l.Add(t0.Add(5*time.Hour), 1, 1)
	ds := l.Dirty()
	l.MarkDirty(ds)
	for _, ds := range [][]Bucket{ds, l.Dirty()} {
		var early Counts
		for _, b := range ds {
			if b.Number*int64(Resolutions[b.Resolution].Width) <= t0.UnixNano() {
				early.add(b.Counts)
			}
		}
		if want := (Counts{3, 6}); early != want {
			t.Errorf("%+v of the time before, want %+v: %+v", early, want, ds)
		}
	}
}

// A ledger that was young before a restart must be young after it: a coarse bucket begins up to an hour before its first
// event, and age decides how much is held against an alert.
func TestRestoreKeepsTheAgeOfAYoungLedger(t *testing.T) {
	l := NewLedger()
	first := time.Date(2026, 11, 27, 2, 57, 32, 0, time.UTC)
	for s := range 120 {
		l.Add(first.Add(time.Duration(s)*time.Second), 1, 1)
	}
	if got := restored(l).First(); first.Sub(got) > 5*time.Second {
		t.Errorf("first event at %s, want %s", got.Format(time.TimeOnly), first.Format(time.TimeOnly))
	}
	l.Add(first.Add(5*time.Hour), 1, 1)
	if got := restored(l).First(); first.Sub(got) > time.Minute {
		t.Errorf("hours later: first event at %s, want %s", got.Format(time.TimeOnly), first.Format(time.TimeOnly))
	}
}

func TestRestoreIgnoresAResolutionThatIsNoMore(t *testing.T) {
	l := NewLedger()
	l.Restore(Bucket{Resolution: 7, Number: 1, Counts: Counts{1, 1}}, t0)
	l.Restore(Bucket{Resolution: -1, Number: 1, Counts: Counts{1, 1}}, t0)
	if !l.First().IsZero() {
		t.Error("counted")
	}
}

// A clock that was ahead before a restart, or stepped back since, leaves buckets of a time to come behind.
func TestRestoreLeavesOutTheFuture(t *testing.T) {
	before := NewLedger()
	before.Add(t0, 1, 2)
	before.Add(t0.Add(5*time.Hour), 0, 1000)
	l, left := NewLedger(), 0
	for _, b := range before.Dirty() {
		if !l.Restore(b, t0) {
			left++
		}
	}
	if got := l.Sum(t0.Add(-time.Hour), t0.Add(time.Hour)); got != (Counts{1, 2}) || left != len(Resolutions) || l.Sum(t0, t0.Add(6*time.Hour)).Total != 0 {
		t.Errorf("%+v, %d left out", got, left)
	}
	l.Add(t0.Add(time.Second), 1, 1)
	if got := l.Sum(t0.Add(-time.Hour), t0.Add(time.Hour)); got != (Counts{2, 3}) {
		t.Errorf("after the next event: %+v", got)
	}
}

func BenchmarkLedgerAdd(b *testing.B) {
	l := NewLedger()
	for i := 0; b.Loop(); i++ {
		l.Add(t0.Add(time.Duration(i)*time.Millisecond), 1, 1)
	}
}

// An operation answers the windows of all rules and the budget, on a ledger that is full for 90 days.
func BenchmarkLedgerEightWindows(b *testing.B) {
	l := NewLedger()
	for at := t0.Add(-90 * 24 * time.Hour); at.Before(t0); at = at.Add(time.Minute) {
		l.Add(at, 99, 100)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, w := range [...]time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour, 28 * 24 * time.Hour} {
			l.Sum(t0.Add(-w), t0)
		}
	}
}
