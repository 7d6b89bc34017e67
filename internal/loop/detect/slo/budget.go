package slo

import (
	"slices"
	"sort"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Span is a time from a moment until another.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Budget is how much of an objective's error budget is spent in the period that now is in.
type Budget struct {
	Counts              // what counts: seen without excluded
	Seen      Counts    `json:"seen"`
	Excluded  Counts    `json:"excluded"`
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`        // now for a rolling window, the end of the period for one of the calendar
	Allowed   float64   `json:"allowed"`   // bad events allowed in the whole period
	Spent     float64   `json:"spent"`     // share of the whole period's budget, may exceed 1
	Remaining float64   `json:"remaining"` // 1 - Spent, signed
	SoFar     float64   `json:"so_far"`    // share of what the events so far allow; the same as Spent for a full rolling window
	Minutes   float64   `json:"minutes"`   // of total failure that the whole period allows
	Unspent   float64   `json:"unspent"`   // as if nothing were excluded: the share that would be spent
}

// Spent returns the budget of an objective at now without the events in the excluded spans, which may overlap. A period
// that is not full yet, because the ledger is young or the calendar's period has only begun, is held against a full one:
// against as many events as the whole period before had, where the ledger has all of it, or else as if traffic went on as
// it was.
func Spent(l *Ledger, o *catalog.SLO, excluded []Span, now time.Time) Budget {
	from, to := o.Period(now)
	b := Budget{From: from, To: to, Seen: l.Sum(from, now), Remaining: 1, Minutes: o.Budget() * to.Sub(from).Minutes()}
	b.Excluded = Within(l, excluded, from, now)
	b.Counts = b.Seen.minus(b.Excluded)
	b.Allowed = o.Budget() * expected(l, o, b.Counts, from, to, now)
	if b.Allowed > 0 {
		b.Spent = float64(b.Bad()) / b.Allowed
		b.Remaining = 1 - b.Spent
	}
	if b.Total > 0 {
		b.SoFar = b.BadShare() / o.Budget()
	}
	if all := o.Budget() * expected(l, o, b.Seen, from, to, now); all > 0 {
		b.Unspent = float64(b.Seen.Bad()) / all
	}
	return b
}

// expected returns how many events the whole period has, judged by those seen of it so far.
func expected(l *Ledger, o *catalog.SLO, seen Counts, from, to, now time.Time) float64 {
	total := float64(seen.Total)
	if total == 0 {
		return 0
	}
	first := l.First()
	if o.Calendar != nil && !first.After(before(o.Calendar, from)) {
		return max(total, float64(l.Sum(before(o.Calendar, from), from).Total))
	}
	if first.Before(from) {
		first = from
	}
	if age, whole := now.Sub(first), to.Sub(from); age < whole {
		total *= float64(whole) / float64(max(age, time.Minute))
	}
	return total
}

// before returns when the period before the one that begins at a time began.
func before(c *catalog.Calendar, at time.Time) time.Time {
	from, _ := c.Period(at.Add(-time.Nanosecond))
	return from
}

// Within returns the events of the parts of spans that are in (from, to]. What two spans share is counted once.
func Within(l *Ledger, spans []Span, from, to time.Time) (out Counts) {
	for _, s := range union(spans) {
		a, b := later(s.From, from), earlier(s.To, to)
		if a.Before(b) {
			out.add(l.Sum(a, b))
		}
	}
	return out
}

// union returns spans in order that do not overlap and cover the same time.
func union(spans []Span) (out []Span) {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int { return a.From.Compare(b.From) })
	for _, s := range spans {
		if n := len(out); n > 0 && !s.From.After(out[n-1].To) {
			out[n-1].To = later(out[n-1].To, s.To)
		} else if s.From.Before(s.To) {
			out = append(out, s)
		}
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Back returns when at least a share of the budget remains if nothing more burns and traffic goes on as it is: now when it
// does already. A rolling window gets it back as bad events age out of it, to the hour; a period of the calendar with its
// end.
func Back(l *Ledger, o *catalog.SLO, excluded []Span, share float64, now time.Time) time.Time {
	b := Spent(l, o, excluded, now)
	if b.Remaining >= share || b.Allowed == 0 {
		return now
	}
	if o.Calendar != nil {
		return b.To
	}
	hours := int(o.Window/time.Hour) + 1
	n := sort.Search(hours, func(n int) bool {
		from := b.From.Add(time.Duration(n) * time.Hour)
		bad := l.Sum(from, now).minus(Within(l, excluded, from, now)).Bad()
		return float64(bad) <= (1-share)*b.Allowed
	})
	return now.Add(time.Duration(n) * time.Hour)
}

// Aging is bad events that leave the window in one step.
type Aging struct {
	At  time.Time `json:"at"` // when they have left
	Bad int64     `json:"bad"`
}

// Ages returns which bad events leave a rolling window in each of n steps from now on; nothing for a period of the
// calendar, of which all leave with its end.
func Ages(l *Ledger, o *catalog.SLO, excluded []Span, step time.Duration, n int, now time.Time) []Aging {
	if o.Calendar != nil {
		return nil
	}
	from, out := now.Add(-o.Window), make([]Aging, 0, n)
	for k := range n {
		a, b := from.Add(time.Duration(k)*step), from.Add(time.Duration(k+1)*step)
		gone := l.Sum(a, earlier(b, now)).minus(Within(l, excluded, a, earlier(b, now)))
		out = append(out, Aging{At: now.Add(time.Duration(k+1) * step), Bad: gone.Bad()})
	}
	return out
}

// Share returns which share of the budget a span of time took, such as an incident: bad events in it over what the period
// that it ended in allows.
func Share(l *Ledger, o *catalog.SLO, excluded []Span, s Span) float64 {
	b := Spent(l, o, excluded, s.To)
	if b.Allowed == 0 {
		return 0
	}
	return float64(l.Sum(s.From, s.To).minus(Within(l, excluded, s.From, s.To)).Bad()) / b.Allowed
}

// Left is which share of a budget remained at a time, or will remain.
type Left struct {
	At    time.Time `json:"at"`
	Share float64   `json:"share"` // signed
}

// Course returns what remained of the budget at n times until now, and what will remain at n times from now on if nothing
// more burns. Both go over one window, or one period of the calendar. Times before the first event are left out.
func Course(l *Ledger, o *catalog.SLO, excluded []Span, n int, now time.Time) (past, ahead []Left) {
	first, from := l.First(), now.Add(-o.Window)
	step := o.Window / time.Duration(n)
	for k := range n + 1 {
		if at := from.Add(time.Duration(k) * step); !first.IsZero() && !at.Before(first) {
			past = append(past, Left{at, Spent(l, o, excluded, at).Remaining})
		}
	}
	b := Spent(l, o, excluded, now)
	if b.Allowed == 0 {
		return past, nil
	}
	if o.Calendar != nil {
		for at := now; at.Before(b.To); at = at.Add(step) {
			ahead = append(ahead, Left{at, b.Remaining})
		}
		return past, append(ahead, Left{b.To, 1})
	}
	bad := b.Bad()
	ahead = []Left{{now, b.Remaining}}
	for _, a := range Ages(l, o, excluded, step, n, now) {
		bad -= a.Bad
		ahead = append(ahead, Left{a.At, 1 - float64(bad)/b.Allowed})
	}
	return past, ahead
}
