package detect

import (
	"fmt"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
)

// How late events may come to be counted in their slice. After a start it is as long as minutes are kept, for what senders
// kept while nobody listened.
const (
	lateSlices  = time.Hour
	firstSlices = 72 * time.Hour
)

// LedgerOf returns the ledger by which an objective is judged: of its events, or of its slices of time. Slices of another
// length or target have a ledger of their own.
func (s *Service) LedgerOf(o *catalog.SLO) *slo.Ledger {
	if o.Slices == nil {
		return s.Ledger(o.Name)
	}
	return s.Ledger(slicesOf(o))
}

// slicesOf names the ledger of slices; no objective has a name with a slash.
func slicesOf(o *catalog.SLO) string {
	return fmt.Sprintf("%s/%s/%v", o.Name, catalog.Duration(o.Slices.Window), o.Slices.Target)
}

// slice judges the slices of time that are over.
func (s *Service) slice(o *catalog.SLO, now time.Time) {
	back, name := lateSlices, slicesOf(o)
	if !s.sliced[name] {
		back, s.sliced[name] = firstSlices, true
	}
	events, slices := s.Ledger(o.Name), s.Ledger(name)
	for end := now.Truncate(o.Slices.Window); end.After(now.Add(-back)); end = end.Add(-o.Slices.Window) {
		slo.Judge(events, slices, o.Slices, end)
	}
}
