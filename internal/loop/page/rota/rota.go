// Package rota answers who is on call: a pure function from a schedule and a time to people. Turns that are whole days
// keep their local hour when clocks change; shorter turns are elapsed time. It knows no storage and no clock.
package rota

import (
	"fmt"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Shift is one person on call from From until To.
type Shift struct {
	Person   string    `json:"person"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Override bool      `json:"override,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

const day = 24 * time.Hour

// At returns the shift that covers t; where overrides overlap, the first in the list stands. An error means the schedule cannot be read; Catalog checks refuse such a schedule.
func At(s *catalog.Schedule, t time.Time) (Shift, error) {
	loc, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return Shift{}, fmt.Errorf("schedule %s: %w", s.Name, err)
	}
	for i, o := range s.Overrides {
		from, err1 := o.From.In(loc)
		to, err2 := o.To.In(loc)
		if err1 == nil && err2 == nil && !t.Before(from) && t.Before(to) {
			return clip(s.Overrides[:i], loc, Shift{o.Person, from, to, true, o.Reason}, t), nil
		}
	}
	base, err := turn(s, loc, t)
	if err != nil {
		return Shift{}, err
	}
	return clip(s.Overrides, loc, base, t), nil
}

// clip ends or starts a shift where an override that goes before it begins or ends.
func clip(before []catalog.Override, loc *time.Location, base Shift, t time.Time) Shift {
	for _, o := range before {
		from, err1 := o.From.In(loc)
		to, err2 := o.To.In(loc)
		if err1 != nil || err2 != nil {
			continue
		}
		if from.After(t) && from.Before(base.To) {
			base.To = from
		}
		if !to.After(t) && to.After(base.From) {
			base.From = to
		}
	}
	return base
}

// turn returns the rotation's own shift at t, overrides left aside. Before the start the first member is on call.
func turn(s *catalog.Schedule, loc *time.Location, t time.Time) (Shift, error) {
	start, err := s.Start.In(loc)
	if err != nil || len(s.Members) == 0 || s.Turn.D() <= 0 {
		return Shift{}, fmt.Errorf("schedule %s needs a start, a turn and members", s.Name)
	}
	length := s.Turn.D()
	if t.Before(start) {
		return Shift{Person: s.Members[0], From: t, To: start}, nil
	}
	at := func(n int) time.Time {
		if length%day == 0 {
			return start.In(loc).AddDate(0, 0, n*int(length/day))
		}
		return start.Add(time.Duration(n) * length)
	}
	n := int(t.Sub(start) / length)
	for n > 0 && at(n).After(t) {
		n--
	}
	for !at(n + 1).After(t) {
		n++
	}
	return Shift{Person: s.Members[n%len(s.Members)], From: at(n), To: at(n + 1)}, nil
}

// Between returns the shifts of a schedule that touch [from, to), in order.
func Between(s *catalog.Schedule, from, to time.Time) ([]Shift, error) {
	var out []Shift
	for t := from; t.Before(to); {
		sh, err := At(s, t)
		if err != nil {
			return out, err
		}
		out = append(out, sh)
		if !sh.To.After(t) {
			return out, fmt.Errorf("schedule %s does not advance at %s", s.Name, t)
		}
		t = sh.To
	}
	return out, nil
}
