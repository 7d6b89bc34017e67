package rota

import (
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
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
	Why      string     `json:"why,omitempty"` // it was closed by itself
}

// Check says what is wrong with a request that somebody wants to make now, with code invalid or not_found.
func (c *Cover) Check(cat *catalog.Catalog, r *Rota, now time.Time) error {
	if cat.People[c.Person] == nil {
		return errs.New(errs.Invalid, "there is no person %q in the catalog", c.Person)
	}
	c.From = later(c.From, now)
	return onCall(cat, r, c.Person, c.From, c.To)
}

// Moot returns the request closed when its person is not on call then any more, and whether it is.
func (c Cover) Moot(cat *catalog.Catalog, r *Rota, now time.Time) (Cover, bool) {
	if c.State != CoverOpen || !c.To.After(now) {
		return c, false
	}
	if err := onCall(cat, r, c.Person, later(c.From, now), c.To); err != nil {
		c.State, c.EndedBy, c.EndedAt, c.Why = CoverCancelled, event.System, now, errs.Message(err)
		return c, true
	}
	return c, false
}

// onCall refuses a time in which a person is not on call.
func onCall(c *catalog.Catalog, r *Rota, person string, from, to time.Time) error {
	if !to.After(from) {
		return errs.New(errs.Invalid, "it ends after it begins, and not before now")
	}
	if to.Sub(from) > 366*day {
		return errs.New(errs.Invalid, "it lasts a year at most")
	}
	return r.Missing(c, person, from, to)
}

// Take returns the request taken by a person and the override that does it, without an id. The error has code conflict when
// it is not open any more.
func (c Cover) Take(cat *catalog.Catalog, person, by string, now time.Time) (Cover, Override, error) {
	switch {
	case c.State == CoverTaken:
		return c, Override{}, errs.New(errs.Conflict, "%s has taken it already", c.TakenBy)
	case c.State == CoverCancelled && c.Why != "":
		return c, Override{}, errs.New(errs.Conflict, "the request was closed: %s", c.Why)
	case c.State == CoverCancelled:
		return c, Override{}, errs.New(errs.Conflict, "the request was cancelled by %s", c.EndedBy)
	case !c.To.After(now):
		return c, Override{}, errs.New(errs.Conflict, "it was over on %s, and nobody had taken it", When(cat, c.Schedule, by, c.To))
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
