package slo

import (
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Judge counts the slice of time that ends at end: one good or bad slice in the ledger of slices, by the events of it. A
// slice without events is neither. It is judged anew when events came late, and counts once however often that is.
func Judge(events, slices *Ledger, s *catalog.Slices, end time.Time) {
	from, to := end.Add(-s.Window-1), end.Add(-1)
	var is Counts
	if c := events.Sum(from, to); c.Total > 0 {
		is.Total = 1
		if float64(c.Good) >= s.Target*float64(c.Total)-1e-9 {
			is.Good = 1
		}
	}
	if change := is.minus(slices.Sum(from, to)); change != (Counts{}) {
		slices.Add(to, change.Good, change.Total)
	}
}

// For returns the rules of an objective. A slice is many events: fewer bad ones are enough.
func For(o *catalog.SLO) []Rule {
	out := Rules(o.Window)
	for i := range out {
		if o.Slices != nil {
			out[i].MinBad = 2
		}
	}
	return out
}
