package rota

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
)

// Half is one side of a swap: a person's time on call.
type Half struct {
	Schedule string    `json:"schedule"`
	Person   string    `json:"person"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
}

// SwapState is how far a swap got.
type SwapState string

// States of a swap. It is asked until everybody who has to agree did, one of them refused, or it was cancelled; one that
// nobody answered in time stays asked and is over.
const (
	SwapAsked     SwapState = "asked"
	SwapTaken     SwapState = "taken"
	SwapRefused   SwapState = "refused"
	SwapCancelled SwapState = "cancelled"
)

// Swap is two people who take each other's time on call, when both want to.
type Swap struct {
	ID      string    `json:"id"`
	A       Half      `json:"a"`
	B       Half      `json:"b"`
	Reason  string    `json:"reason,omitempty"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	State   SwapState `json:"state"`
	Agreed  []string  `json:"agreed,omitempty"` // besides who asked, when that is one of the two
	Forced  bool      `json:"forced,omitempty"` // a manager or an administrator decided it
	EndedBy string    `json:"ended_by,omitempty"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	Why     string    `json:"why,omitempty"` // it was refused, or closed by itself
}

// Needs returns who has to agree yet.
func (s Swap) Needs() []string {
	if s.State != SwapAsked {
		return nil
	}
	var out []string
	for _, p := range []string{s.A.Person, s.B.Person} {
		if p != s.By && !slices.Contains(s.Agreed, p) {
			out = append(out, p)
		}
	}
	return out
}

// Over returns when nobody can take it any more: the first of both shifts has ended.
func (s Swap) Over() time.Time { return earlier(s.A.To, s.B.To) }

// On reports whether it is about a schedule.
func (s Swap) On(schedule string) bool { return s.A.Schedule == schedule || s.B.Schedule == schedule }

// Answer returns the swap after one of its people took or refused it. The error has code conflict when it is not asked any
// more, and denied when nobody asks that person.
func (s Swap) Answer(c *catalog.Catalog, take bool, why, by string, now time.Time) (Swap, error) {
	switch {
	case s.State == SwapCancelled && s.Why != "":
		return s, errs.New(errs.Conflict, "the swap was closed: %s", s.Why)
	case s.State != SwapAsked:
		return s, errs.New(errs.Conflict, "the swap was %s by %s", s.State, s.EndedBy)
	case !s.Over().After(now):
		over := s.A
		if s.B.To.Before(s.A.To) {
			over = s.B
		}
		return s, errs.New(errs.Conflict, "it was over on %s, and nobody had taken it", When(c, over.Schedule, by, over.To))
	case !slices.Contains(s.Needs(), by):
		return s, errs.New(errs.Denied, "only %s can answer; a manager or an administrator may make the swap with a reason instead", join(s.Needs()))
	}
	if !take {
		s.State, s.EndedBy, s.EndedAt, s.Why = SwapRefused, by, now, why
		return s, nil
	}
	s.Agreed = append(slices.Clone(s.Agreed), by)
	if len(s.Needs()) == 0 {
		s.State, s.EndedBy, s.EndedAt = SwapTaken, by, now
	}
	return s, nil
}

// Moot returns the swap closed when one of its shifts is not its person's any more, and whether it is. The error is that of
// find, when it is another than that there is no such schedule.
func (s Swap) Moot(c *catalog.Catalog, now time.Time, find func(schedule string) (*Rota, error)) (Swap, bool, error) {
	if s.State != SwapAsked || !s.Over().After(now) {
		return s, false, nil
	}
	_, err := s.Overrides(c, now, find)
	if !errs.Is(err, errs.Invalid) && !errs.Is(err, errs.NotFound) {
		return s, false, err
	}
	s.State, s.EndedBy, s.EndedAt, s.Why = SwapCancelled, event.System, now, errs.Message(err)
	return s, true, nil
}

// join names people in a sentence.
func join(people []string) string {
	if len(people) == 0 {
		return "nobody"
	}
	last := len(people) - 1
	if last == 0 {
		return people[0]
	}
	return strings.Join(people[:last], ", ") + " and " + people[last]
}

// Overrides returns the two overrides, without ids, by which two people take each other's time; the first is for the time
// of A. Find gives the rota of a schedule.
func (s Swap) Overrides(c *catalog.Catalog, now time.Time, find func(schedule string) (*Rota, error)) ([2]Override, error) {
	var out [2]Override
	a, b := s.A, s.B
	if a.Person == b.Person {
		return out, errs.New(errs.Invalid, "a swap is between two people")
	}
	if a.Schedule == b.Schedule && a.From.Before(b.To) && b.From.Before(a.To) {
		return out, errs.New(errs.Invalid, "the two shifts overlap; swap shifts that do not")
	}
	for i, h := range [][2]Half{{a, b}, {b, a}} {
		mine, other := h[0], h[1]
		r, err := find(mine.Schedule)
		if err != nil {
			return out, err
		}
		mine.From = later(mine.From, now)
		if err := onCall(c, r, mine.Person, mine.From, mine.To); err != nil {
			return out, err
		}
		text := fmt.Sprintf("swapped with %s", mine.Person)
		if s.Reason != "" {
			text += ": " + s.Reason
		}
		out[i] = Override{Schedule: mine.Schedule, People: []string{other.Person}, Instead: mine.Person, From: mine.From, To: mine.To, Reason: text, By: s.By, At: now, Swap: s.ID}
	}
	return out, nil
}
