package page

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

// AskSwap asks the other of two people, or both when by is none of them, to take each other's time on call. Nothing
// changes until they agree.
func (s *Service) AskSwap(ctx context.Context, a, b rota.Half, reason, by string, now time.Time) (rota.Swap, error) {
	sw := rota.Swap{ID: id.New("sw", now), A: a, B: b, Reason: reason, By: by, At: now, State: rota.SwapAsked}
	return sw, s.Store.Update(ctx, func(tx Tx) error {
		if err := s.checkSwap(ctx, tx, sw, now); err != nil {
			return err
		}
		text := by + " asks to swap: " + s.swapWords(sw)
		if err := s.saveSwap(ctx, tx, KindSwapAsked, sw, by, text, now); err != nil {
			return err
		}
		return s.tellSwap(ctx, tx, sw, sw.Needs(), "Do you swap shifts?", text+". Say yes or no at On-call.", now)
	})
}

// ForceSwap makes a swap without asking its people, and tells them. Who does has to be an administrator, or the manager of a team
// that one of the two is in, and say why; the error has code denied or invalid otherwise.
func (s *Service) ForceSwap(ctx context.Context, a, b rota.Half, reason, by string, admin bool, now time.Time) (sw rota.Swap, err error) {
	if !admin && !manages(s.Catalog(), by, a.Person, b.Person) {
		return sw, errs.New(errs.Denied, "only an administrator, or the manager of a team with %s or %s, makes a swap without asking them", a.Person, b.Person)
	}
	if strings.TrimSpace(reason) == "" {
		return sw, errs.New(errs.Invalid, "say why: a swap that nobody is asked for needs a reason")
	}
	sw = rota.Swap{ID: id.New("sw", now), A: a, B: b, Reason: reason, By: by, At: now, State: rota.SwapTaken, Forced: true, EndedBy: by, EndedAt: now}
	made := s.overrideIDs(now)
	return sw, s.Store.Update(ctx, func(tx Tx) error { return s.swap(ctx, tx, sw, made, by, now) })
}

// manages reports whether somebody is the manager of a team that one of the people is in.
func manages(c *catalog.Catalog, by string, people ...string) bool {
	for _, t := range c.Teams {
		if t.Manager == by && by != "" && slices.ContainsFunc(people, func(p string) bool { return slices.Contains(t.Members, p) }) {
			return true
		}
	}
	return false
}

// MayForceSwap reports whether somebody who is no administrator may make swaps of a schedule without asking.
func (s *Service) MayForceSwap(schedule, by string) bool {
	c := s.Catalog()
	return c.Schedules[schedule] != nil && manages(c, by, c.Schedules[schedule].People()...)
}

// AnswerSwap takes or refuses a swap that somebody is asked for. When everybody agreed both are on call for each other.
func (s *Service) AnswerSwap(ctx context.Context, swapID string, take bool, why, by string, now time.Time) (sw rota.Swap, err error) {
	made := s.overrideIDs(now)
	err = s.Store.Update(ctx, func(tx Tx) error {
		if sw, err = tx.Swap(ctx, swapID); err != nil {
			return err
		}
		if sw, err = sw.Answer(s.Catalog(), take, why, by, now); err != nil {
			return err
		}
		switch sw.State {
		case rota.SwapTaken:
			return s.swap(ctx, tx, sw, made, by, now)
		case rota.SwapRefused:
			text := by + " refused the swap: " + s.swapWords(sw)
			if why != "" {
				text += " (" + why + ")"
			}
			if err := s.saveSwap(ctx, tx, KindSwapRefused, sw, by, text, now); err != nil {
				return err
			}
			return s.tellSwap(ctx, tx, sw, []string{sw.By}, "No swap", text, now)
		}
		return s.saveSwap(ctx, tx, KindSwapAsked, sw, by, fmt.Sprintf("%s agrees to the swap; %s is asked yet", by, strings.Join(sw.Needs(), ", ")), now)
	})
	return sw, err
}

// CancelSwap withdraws a swap that is asked for; only who asked and its two people can. Cancelling twice is no error.
func (s *Service) CancelSwap(ctx context.Context, swapID, by string, now time.Time) (sw rota.Swap, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if sw, err = tx.Swap(ctx, swapID); err != nil {
			return err
		}
		switch {
		case sw.State == rota.SwapCancelled:
			return nil
		case sw.State != rota.SwapAsked:
			return errs.New(errs.Conflict, "the swap was %s by %s; cancel its override instead", sw.State, sw.EndedBy)
		case by != sw.By && by != sw.A.Person && by != sw.B.Person:
			return errs.New(errs.Denied, "only %s, who asked, and the two people of the swap withdraw it", sw.By)
		}
		sw.State, sw.EndedBy, sw.EndedAt = rota.SwapCancelled, by, now
		return s.saveSwap(ctx, tx, KindSwapCancelled, sw, by, by+" withdrew the swap: "+s.swapWords(sw), now)
	})
	return sw, err
}

// Swaps returns the swaps of which a shift ends after since, by when they were asked for.
func (s *Service) Swaps(ctx context.Context, since time.Time) (out []rota.Swap, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Swaps(ctx, since)
		return err
	})
	return out, err
}

// overrideIDs are made before a transaction, which may run again.
func (s *Service) overrideIDs(now time.Time) [2]string {
	return [2]string{id.New("ov", now), id.New("ov", now)}
}

// checkSwap refuses a swap that could not be made now.
func (s *Service) checkSwap(ctx context.Context, tx Tx, sw rota.Swap, now time.Time) error {
	_, err := s.halves(ctx, tx, sw, [2]string{"a", "b"}, now)
	return err
}

// halves returns the overrides of a swap, checked.
func (s *Service) halves(ctx context.Context, tx Tx, sw rota.Swap, ids [2]string, now time.Time) ([2]rota.Override, error) {
	out, err := sw.Overrides(s.Catalog(), now, func(schedule string) (*rota.Rota, error) { return s.rotaIn(ctx, tx, schedule, now) })
	for i := range out {
		if out[i].ID = ids[i]; err == nil {
			err = out[i].Check(s.Catalog(), now)
		}
	}
	return out, err
}

// swap puts both people on call for each other, and tells whoever did not do it.
func (s *Service) swap(ctx context.Context, tx Tx, sw rota.Swap, ids [2]string, by string, now time.Time) error {
	made, err := s.halves(ctx, tx, sw, ids, now)
	if err != nil {
		return err
	}
	text := "swapped: " + s.swapWords(sw)
	if sw.Forced {
		text = by + " decided a swap: " + s.swapWords(sw)
	}
	if err := s.saveSwap(ctx, tx, KindSwapTaken, sw, by, text, now); err != nil {
		return err
	}
	for _, o := range made {
		if err := s.saveOverride(ctx, tx, KindOverridden, o, by, now); err != nil {
			return err
		}
	}
	if err := s.closeMoot(ctx, tx, by, now); err != nil {
		return err
	}
	return s.tellSwap(ctx, tx, sw, others(by, sw.A.Person, sw.B.Person, sw.By), "Shifts were swapped", text, now)
}

func (s *Service) saveSwap(ctx context.Context, tx Tx, kind string, sw rota.Swap, by, text string, now time.Time) error {
	if err := tx.SaveSwap(ctx, sw); err != nil {
		return err
	}
	return tx.Append(ctx, event.New(kind, now, by, sw.ID, text, sw))
}

func (s *Service) tellSwap(ctx context.Context, tx Tx, sw rota.Swap, people []string, title, text string, now time.Time) error {
	for _, p := range people {
		if err := s.notice(ctx, tx, Notice{Schedule: sw.A.Schedule, Person: p, Kind: "swap", Title: title, Text: text}, now); err != nil {
			return err
		}
	}
	return nil
}

// swapWords says who takes what.
func (s *Service) swapWords(sw rota.Swap) string {
	half := func(h rota.Half, other string) string {
		return fmt.Sprintf("%s takes %s from %s to %s on %s", other, h.Person, s.local(h.Schedule, h.From), s.local(h.Schedule, h.To), h.Schedule)
	}
	out := half(sw.A, sw.B.Person) + ", " + half(sw.B, sw.A.Person)
	if sw.Reason != "" {
		out += ": " + sw.Reason
	}
	return out
}
