package rota

import (
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// When writes a time by the clocks of a schedule, and by those of a person too where they show something else.
func When(c *catalog.Catalog, schedule, person string, t time.Time) string {
	const layout = "Mon 2 Jan 2006 15:04 MST"
	here := t.UTC()
	if s := c.Schedules[schedule]; s != nil {
		if loc, err := s.Zone(""); err == nil {
			here = t.In(loc)
		}
	}
	out := here.Format(layout)
	p := c.People[person]
	if p == nil || p.TimeZone == "" {
		return out
	}
	loc, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		return out
	}
	there := t.In(loc)
	switch {
	case there.Format("2 15:04") == here.Format("2 15:04"):
		return out
	case there.Day() == here.Day():
		return out + " (for " + person + " " + there.Format("15:04 MST") + ")"
	}
	return out + " (for " + person + " " + there.Format("Mon 2 Jan 15:04 MST") + ")"
}

// Missing refuses a time in which a person is not on call at all, and says who is.
func (r *Rota) Missing(c *catalog.Catalog, person string, from, to time.Time) error {
	if len(r.Times(person, from, to)) > 0 {
		return nil
	}
	name := r.schedule.Name
	return errs.New(errs.Invalid, "%s is not on call on %s between %s and %s; on call then: %s", person, name,
		When(c, name, person, from), When(c, name, person, to), join(r.people(from, to)))
}

// Times returns when a person is on call between two times.
func (r *Rota) Times(person string, from, to time.Time) []Span {
	out := r.busy(from, to, 0)[person]
	for i := range out {
		if out[i].To.IsZero() {
			out[i].To = to
		}
	}
	return out
}
