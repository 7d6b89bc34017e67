package slo

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"nightkeeper/internal/loop/catalog"
)

var monthly = &catalog.SLO{Target: 0.999, Window: 30 * day}

func TestSpent(t *testing.T) {
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	l := NewLedger()
	b := Spent(l, monthly, nil, t0)
	near("an empty ledger has spent", b.Spent, 0)
	near("and has left", b.Remaining, 1)

	l.Add(t0.Add(-40*day), 0, 500) // before the window
	l.Add(t0.Add(-10*day), 9_990, 10_000)
	l.Add(t0, 9_985, 10_000)
	b = Spent(l, monthly, nil, t0)
	near("allowed", b.Allowed, 20)
	near("spent", b.Spent, 1.25)
	near("left", b.Remaining, -0.25)

	young := NewLedger()
	young.Add(t0.Add(-3*day), 990, 1000)
	b = Spent(young, monthly, nil, t0)
	near("a tenth of a window holds a tenth of its traffic", b.Allowed, 10)
	near("spent", b.Spent, 1)
}

func at(hours float64) time.Time { return t0.Add(time.Duration(hours * float64(time.Hour))) }

// A span that is excluded takes its events out of both sides: it is neither good nor bad.
func TestExcludedSpansShrinkTheDenominator(t *testing.T) {
	l := NewLedger()
	for h := range 30 * 24 {
		l.Add(at(-float64(h)-0.01), 1000, 1000)
	}
	l.Add(at(-100.5), 0, 3000) // an outage in an hour of its own
	night := Span{at(-102), at(-100)}
	b := Spent(l, monthly, []Span{night, {at(-101.5), at(-100.2)}, {at(-2), at(-5)}}, t0)
	if b.Bad() != 0 || b.Excluded.Bad() != 3000 || b.Excluded.Total < 4000 || b.Excluded.Total > 6000 || b.Seen.Total != b.Total+b.Excluded.Total {
		t.Errorf("%+v", b)
	}
	if b.Spent != 0 || b.Unspent < 4 {
		t.Errorf("spent %v; as if nothing were excluded %v", b.Spent, b.Unspent)
	}
	if was := Spent(l, monthly, nil, t0); was.Counts != b.Seen || was.Spent != b.Unspent {
		t.Errorf("without exclusions: %+v", was)
	}
}

// What two spans share is not taken out twice, whatever spans there are.
func TestExcludedEventsAreCountedOnce(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		l, o := NewLedger(), oracle{}
		for n := range 2000 {
			e := occurrence{t0.Add(time.Duration(n) * time.Second), rng.Int64N(2), 1}
			l.Add(e.at, e.good, e.total)
			o = append(o, e)
		}
		now := t0.Add(2000 * time.Second)
		var spans []Span
		for range rng.IntN(6) {
			from := t0.Add(time.Duration(rng.Int64N(2000)) * time.Second)
			spans = append(spans, Span{from, from.Add(time.Duration(rng.Int64N(600)) * time.Second)})
		}
		var want Counts
		for _, e := range o {
			bucket := e.at.UnixNano() / int64(5*time.Second)
			for _, s := range spans {
				if bucket > s.From.UnixNano()/int64(5*time.Second) && bucket <= earlier(s.To, now).UnixNano()/int64(5*time.Second) {
					want.add(Counts{e.good, e.total})
					break
				}
			}
		}
		if got := Within(l, spans, t0.Add(-time.Hour), now); got.Total < want.Total || got.Total-want.Total > 5*int64(len(spans)) {
			t.Errorf("%+v, want %+v: %v", got, want, spans)
		}
	}
}

func TestBudgetComesBackAsBadEventsAge(t *testing.T) {
	l := NewLedger()
	for h := 0; h < 30*24; h++ {
		l.Add(at(-float64(h)-0.01), 1000, 1000)
	}
	for _, days := range []float64{20, 10, 5} { // each takes half of what is allowed
		l.Add(at(-days*24+0.5), 0, 360)
	}
	if b := Spent(l, monthly, nil, t0); b.Spent < 1.45 || b.Spent > 1.55 {
		t.Fatalf("%+v", b)
	}
	near := func(what string, got, want time.Time) {
		t.Helper()
		if d := got.Sub(want).Abs(); d > time.Hour { // the ledger has hours of that time
			t.Errorf("%s at %s, want %s", what, got, want)
		}
	}
	near("a hundredth is back", Back(l, monthly, nil, 0.01, t0), at(20*24+0.5)) // one still takes half
	near("over a fifth", Back(l, monthly, nil, 0.2, t0), at(20*24+0.5))
	near("all", Back(l, monthly, nil, 1, t0), at(25*24+0.5))
	if got := Back(l, monthly, nil, -1, t0); !got.Equal(t0) {
		t.Errorf("it is there now, and not at %s", got)
	}
	if got := Back(NewLedger(), monthly, nil, 0.2, t0); !got.Equal(t0) {
		t.Errorf("an empty ledger: %s", got)
	}
	ages := Ages(l, monthly, nil, day, 30, t0)
	sum, days := int64(0), 0
	for _, a := range ages {
		sum += a.Bad
		if a.Bad > 0 {
			days++
		}
	}
	if sum != 1080 || days != 3 || len(ages) != 30 || !ages[29].At.Equal(t0.Add(30*day)) {
		t.Errorf("%d bad events in %d of %d days leave", sum, days, len(ages))
	}
}

func TestPeriodOfTheCalendarIsHeldAgainstTheOneBefore(t *testing.T) {
	month, err := catalog.ParseCalendar("1M", "2026-01-01 00:00:00", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	o := &catalog.SLO{Target: 0.999, Window: month.About(), Calendar: month}
	now := time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)
	l := NewLedger()
	for d := range 40 {
		l.Add(time.Date(2026, 11, 2, 6, 0, 0, 0, time.UTC).AddDate(0, 0, -d), 10_000, 10_000)
	}
	l.Add(time.Date(2026, 10, 30, 6, 0, 0, 0, time.UTC), 0, 5000) // in October
	l.Add(time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC), 0, 31)
	b := Spent(l, o, nil, now)
	if b.Total != 20_031 || b.Bad() != 31 || !b.To.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v", b)
	}
	if want := 31 / (0.001 * (31*10_000 + 5000)); math.Abs(b.Spent-want) > 1e-6 {
		t.Errorf("spent %v of a month like October, want %v", b.Spent, want)
	}
	if want := 31 / (0.001 * 20_031); math.Abs(b.SoFar-want) > 1e-6 {
		t.Errorf("spent %v of what has come so far, want %v", b.SoFar, want)
	}
	if want := 0.001 * 30 * 24 * 60; math.Abs(b.Minutes-want) > 1e-6 {
		t.Errorf("%v minutes, want %v", b.Minutes, want)
	}
	if got := Back(l, o, nil, 0.95, now); !got.Equal(b.To) {
		t.Errorf("back at %s", got)
	}
	young := NewLedger()
	young.Add(now.Add(-12*time.Hour), 1000, 1000)
	if b := Spent(young, o, nil, now); math.Abs(b.Allowed-60) > 1e-6 {
		t.Errorf("half a day of 1000 events lets 60 fail in a month of 30 days: %+v", b)
	}
}

func TestShareOfAnIncident(t *testing.T) {
	l := NewLedger()
	for h := range 30 * 24 {
		l.Add(at(-float64(h)-0.01), 1000, 1000)
	}
	l.Add(at(-1.5), 0, 144)
	if got := Share(l, monthly, nil, Span{at(-2), at(-1)}); math.Abs(got-0.2) > 0.001 {
		t.Errorf("an incident with 144 of 720 events that may fail took %v", got)
	}
	if got := Share(l, monthly, nil, Span{at(-5), at(-4)}); got != 0 {
		t.Errorf("a calm hour took %v", got)
	}
}

func TestCourseGoesOnFromWhereItIs(t *testing.T) {
	l := NewLedger()
	for h := range 20 * 24 {
		l.Add(at(-float64(h)-0.01), 1000, 1000)
	}
	l.Add(at(-10*24+0.5), 0, 360)
	past, ahead := Course(l, monthly, nil, 30, t0)
	b := Spent(l, monthly, nil, t0)
	if len(past) != 20 || len(ahead) != 31 { // the ledger is 20 days old
		t.Fatalf("%d points of the past, %d ahead", len(past), len(ahead))
	}
	if got := past[len(past)-1]; got.Share != b.Remaining || !got.At.Equal(t0) || ahead[0].Share != b.Remaining {
		t.Errorf("now %+v and %+v, want %v", got, ahead[0], b.Remaining)
	}
	if past[0].Share != 1 || math.Abs(ahead[30].Share-1) > 1e-9 || ahead[19].Share != b.Remaining || math.Abs(ahead[21].Share-1) > 1e-9 {
		t.Errorf("past %+v\nahead %+v", past, ahead)
	}
	if past, ahead := Course(NewLedger(), monthly, nil, 30, t0); len(past) != 0 || len(ahead) != 0 {
		t.Errorf("an empty ledger: %v, %v", past, ahead)
	}
}
