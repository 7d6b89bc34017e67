package rota

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Ahead is how far gaps are looked for.
const Ahead = 90 * day

// Check warns of schedules on which nobody is on call at some time of the next 90 days, with the place of the document. It
// is not a mistake: a schedule may be meant so, and the escalation policy may have somebody behind it. It warns of regions and
// roles in the same way.
func Check(c *catalog.Catalog, now time.Time) []catalog.Problem {
	var out []catalog.Problem
	for _, name := range slices.Sorted(maps.Keys(c.Schedules)) {
		r, err := New(c.Schedules[name], nil)
		if err != nil {
			continue // the catalog has said so
		}
		gaps := r.Gaps(now, now.Add(Ahead))
		if len(gaps) == 0 {
			continue
		}
		p := catalog.Problem{File: ".", Line: 1, Column: 1, Warning: true}
		for _, d := range c.Documents {
			if d.Kind == "Schedule" && d.Name == name {
				p.File, p.Line = d.File, d.Line
			}
		}
		at := func(t time.Time) string { return t.In(r.loc).Format("Mon 2006-01-02 15:04") }
		p.Message = fmt.Sprintf("nobody is on call for %s from %s to %s (%s)", name, at(gaps[0].From), at(gaps[0].To), r.loc)
		if len(gaps) > 1 {
			var sum time.Duration
			for _, g := range gaps {
				sum += g.To.Sub(g.From)
			}
			p.Message += fmt.Sprintf("; %d gaps of %s in all within 90 days", len(gaps), catalog.Duration(sum.Round(time.Second)))
		}
		out = append(out, p)
	}
	return append(out, checkCommand(c, now)...)
}
