package rota

import (
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
)

// CoverState is how far a cover request got.
type CoverState string

// States of a cover request. It is open until somebody takes it or it is cancelled; one that nobody took in time stays
// open and is over.
const (
	CoverOpen      CoverState = "open"
	CoverTaken     CoverState = "taken"
	CoverCancelled CoverState = "cancelled"
)

// Cover asks for somebody who takes a person's time on call.
type Cover struct {
	ID       string     `json:"id"`
	Schedule string     `json:"schedule"`
	Person   string     `json:"person"` // who wants to be covered
	From     time.Time  `json:"from"`
	To       time.Time  `json:"to"`
	Reason   string     `json:"reason,omitempty"`
	By       string     `json:"by"`
	At       time.Time  `json:"at"`
	State    CoverState `json:"state"`
	TakenBy  string     `json:"taken_by,omitempty"`
	Override string     `json:"override,omitempty"` // the override that answers it
	EndedBy  string     `json:"ended_by,omitempty"` // who took or cancelled it
	EndedAt  time.Time  `json:"ended_at,omitzero"`
}

// Check says what is wrong with a request that somebody wants to make now, with code invalid or not_found.
func (c *Cover) Check(cat *catalog.Catalog, r *Rota, now time.Time) error {
	if cat.People[c.Person] == nil {
		return errs.New(errs.Invalid, "there is no person %q in the catalog", c.Person)
	}
	c.From = later(c.From, now)
	return onCall(r, c.Person, c.From, c.To)
}

// onCall refuses a time in which a person is not on call.
func onCall(r *Rota, person string, from, to time.Time) error {
	if !to.After(from) {
		return errs.New(errs.Invalid, "it ends after it begins, and not before now")
	}
	if to.Sub(from) > 366*day {
		return errs.New(errs.Invalid, "it lasts a year at most")
	}
	if len(r.Stints(person, from, to)) == 0 {
		return errs.New(errs.Invalid, "%s is not on call on %s between %s and %s", person, r.schedule.Name, from.In(r.loc).Format(time.DateTime), to.In(r.loc).Format(time.DateTime))
	}
	return nil
}

// Take returns the request taken by a person and the override that does it, without an id. The error has code conflict when
// it is not open any more.
func (c Cover) Take(person, by string, now time.Time) (Cover, Override, error) {
	switch {
	case c.State == CoverTaken:
		return c, Override{}, errs.New(errs.Conflict, "%s has taken it already", c.TakenBy)
	case c.State == CoverCancelled:
		return c, Override{}, errs.New(errs.Conflict, "the request was cancelled by %s", c.EndedBy)
	case !c.To.After(now):
		return c, Override{}, errs.New(errs.Conflict, "it was over on %s, and nobody had taken it", c.To.UTC().Format(time.DateTime))
	case person == c.Person:
		return c, Override{}, errs.New(errs.Invalid, "%s cannot stand in for %s", person, person)
	}
	c.State, c.TakenBy, c.EndedBy, c.EndedAt = CoverTaken, person, by, now
	reason := fmt.Sprintf("covers for %s", c.Person)
	if c.Reason != "" {
		reason += ": " + c.Reason
	}
	return c, Override{Schedule: c.Schedule, People: []string{person}, Instead: c.Person, From: later(c.From, now), To: c.To, Reason: reason, By: by, At: now, Cover: c.ID}, nil
}
