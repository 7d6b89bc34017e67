package detect

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
	"nightkeeper/internal/loop/detect/slo"
)

// ExclusionID names an exclusion.
type ExclusionID string

// Cause says why the events of a time do not count against a budget.
type Cause string

// Causes that are accepted. Maintenance is asked for before it begins; a third party's outage counts out only where a
// fallback worked; a rollback is one that took less than RollbackWithin.
const (
	Maintenance Cause = "maintenance"
	ThirdParty  Cause = "third_party"
	Attack      Cause = "attack"
	Rollback    Cause = "rollback"
)

// Causes are all causes.
var Causes = []Cause{Maintenance, ThirdParty, Attack, Rollback}

// RollbackWithin is how soon after the deploy a rollback is immediate.
const RollbackWithin = 5 * time.Minute

// ExclusionState is where an exclusion stands.
type ExclusionState string

// States of an exclusion. Only an approved one changes a budget.
const (
	ExclusionAsked     ExclusionState = "asked"
	ExclusionApproved  ExclusionState = "approved"
	ExclusionRefused   ExclusionState = "refused"
	ExclusionWithdrawn ExclusionState = "withdrawn"
)

// Exclusion takes the events of a time out of budgets: they count neither as good nor as bad. Nothing is deleted by it: the
// ledger keeps what happened, and every figure is shown with and without.
type Exclusion struct {
	ID        ExclusionID    `json:"id"`
	Cause     Cause          `json:"cause"`
	Services  []string       `json:"services,omitempty"` // all objectives of these
	SLOs      []string       `json:"slos,omitempty"`     // and these
	From      time.Time      `json:"from"`
	To        time.Time      `json:"to"`
	Reason    string         `json:"reason"`
	Fallback  string         `json:"fallback,omitempty"` // what worked instead of the third party
	State     ExclusionState `json:"state"`
	AskedBy   string         `json:"asked_by"`
	AskedAt   time.Time      `json:"asked_at"`
	DecidedBy string         `json:"decided_by,omitempty"`
	DecidedAt time.Time      `json:"decided_at,omitzero"`
	Note      string         `json:"note,omitempty"` // of who decided
}

// Afterwards reports whether it was asked for after it began.
func (x Exclusion) Afterwards() bool { return x.AskedAt.After(x.From) }

// Of reports whether it is of an objective.
func (x Exclusion) Of(o *catalog.SLO) bool {
	return slices.Contains(x.SLOs, o.Name) || slices.Contains(x.Services, o.Service)
}

// fewestWords is how long a reason is at least, in characters: others read it months later.
const fewestWords = 10

// check says what would be right about an exclusion that somebody asks for.
func (x Exclusion) check(c *catalog.Catalog, now time.Time) error {
	bad := func(format string, args ...any) error { return errs.New(errs.Invalid, format, args...) }
	for _, s := range x.Services {
		if c.Services[s] == nil {
			return bad("there is no service named %q in the catalog", s)
		}
	}
	for _, s := range x.SLOs {
		if c.SLOs[s] == nil {
			return bad("there is no SLO named %q in the catalog", s)
		}
	}
	length := x.To.Sub(x.From)
	switch {
	case !slices.Contains(Causes, x.Cause):
		return bad("cause is %q; it must be maintenance, third_party, attack or rollback", x.Cause)
	case len(x.Services)+len(x.SLOs) == 0:
		return bad("services or slos is missing: say whose budget it is about")
	case x.From.IsZero() || x.To.IsZero() || length <= 0:
		return bad("from and to are times, and to is after from")
	case now.Sub(x.From) > slo.Resolutions[len(slo.Resolutions)-1].Kept():
		return bad("from is %s ago; no budget reaches back that far", catalog.Duration(now.Sub(x.From).Round(time.Hour)))
	case x.Cause == Maintenance && x.Afterwards():
		return bad("maintenance is announced before it begins, and this began at %s; what was not announced counts", x.From.UTC().Format("2006-01-02 15:04 UTC"))
	case x.Cause != Maintenance && x.To.After(now):
		return bad("to is in the future; only maintenance is excluded ahead")
	case x.Cause == ThirdParty && strings.TrimSpace(x.Fallback) == "":
		return bad("fallback is missing: a third party's outage counts out only where a fallback worked; say what people got instead")
	case x.Cause == Rollback && length >= RollbackWithin:
		return bad("a rollback counts out when it took less than %s, this one took %s", catalog.Duration(RollbackWithin), catalog.Duration(length))
	case len([]rune(strings.TrimSpace(x.Reason))) < fewestWords:
		return bad("reason is missing or very short: say what happened, in %d characters at least", fewestWords)
	}
	return nil
}

// KindExclusion is the fact that an exclusion was asked for, approved, refused or withdrawn.
const KindExclusion = "detect.exclusion"

// ExclusionChanged is an exclusion as it stands now.
type ExclusionChanged struct {
	Exclusion Exclusion `json:"exclusion"`
}

// Exclude asks for an exclusion. It changes nothing until somebody else approves it.
func (s *Service) Exclude(ctx context.Context, x Exclusion, by string, now time.Time) (Exclusion, error) {
	x.State, x.AskedBy, x.AskedAt = ExclusionAsked, by, now
	if err := x.check(s.Catalog(), now); err != nil {
		return x, err
	}
	x.ID = ExclusionID(id.New("exc", now))
	err := s.Store.Update(ctx, func(tx Tx) error {
		return saveExclusion(ctx, tx, x, by, fmt.Sprintf("%s asks to take %s out of %s: %s: %s", by, x.span(), x.whose(), x.Cause.words(), x.Reason), now)
	})
	return x, err
}

// span says when.
func (x Exclusion) span() string {
	return x.From.UTC().Format("2006-01-02 15:04") + " to " + x.To.UTC().Format("2006-01-02 15:04 UTC")
}

// whose says of what.
func (x Exclusion) whose() string {
	names := slices.Concat(x.Services, x.SLOs)
	if len(names) == 1 {
		return "the budget of " + names[0]
	}
	return "the budgets of " + strings.Join(names, ", ")
}

func (c Cause) words() string {
	if c == ThirdParty {
		return "outage of a third party"
	}
	return string(c)
}

func saveExclusion(ctx context.Context, tx Tx, x Exclusion, by, text string, now time.Time) error {
	if err := tx.SaveExclusion(ctx, x); err != nil {
		return err
	}
	return tx.Append(ctx, event.New(KindExclusion, now, by, string(x.ID), text, ExclusionChanged{x}))
}

// DecideExclusion approves or refuses an exclusion that somebody else asked for, or withdraws one's own or an approved one. What it
// may not be is an error with code conflict, and with code denied when it would be one's own that is approved.
func (s *Service) DecideExclusion(ctx context.Context, xid ExclusionID, state ExclusionState, note, by string, now time.Time) (x Exclusion, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if x, err = tx.Exclusion(ctx, xid); err != nil {
			return err
		}
		if err := x.may(state, by); err != nil {
			return err
		}
		x.State, x.DecidedBy, x.DecidedAt, x.Note = state, by, now, strings.TrimSpace(note)
		text := fmt.Sprintf("%s %s that %s is taken out of %s", by, state, x.span(), x.whose())
		if state == ExclusionWithdrawn {
			text = fmt.Sprintf("%s withdrew an exclusion: %s counts in %s again", by, x.span(), x.whose())
		}
		if x.Note != "" {
			text += ": " + x.Note
		}
		return saveExclusion(ctx, tx, x, by, text, now)
	})
	if err == nil {
		err = s.readExclusions(ctx, now)
	}
	return x, err
}

func (x Exclusion) may(state ExclusionState, by string) error {
	switch {
	case !slices.Contains([]ExclusionState{ExclusionApproved, ExclusionRefused, ExclusionWithdrawn}, state):
		return errs.New(errs.Invalid, "state is %q; it must be approved, refused or withdrawn", state)
	case x.State == ExclusionRefused || x.State == ExclusionWithdrawn:
		return errs.New(errs.Conflict, "the exclusion is already %s by %s; ask for a new one", x.State, x.DecidedBy)
	case state == ExclusionWithdrawn:
		return nil
	case x.State != ExclusionAsked:
		return errs.New(errs.Conflict, "the exclusion is already %s by %s; it can be withdrawn", x.State, x.DecidedBy)
	case state == ExclusionApproved && by == x.AskedBy:
		return errs.New(errs.Denied, "%s asked for it; somebody else approves it", by)
	}
	return nil
}

// Exclusions returns those that end after a time, the newest first.
func (s *Service) Exclusions(ctx context.Context, after time.Time) (out []Exclusion, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { out, err = tx.Exclusions(ctx, after); return err })
	return out, err
}

// readExclusions reads the approved exclusions that a budget may reach back to.
func (s *Service) readExclusions(ctx context.Context, now time.Time) error {
	all, err := s.Exclusions(ctx, now.Add(-2*slo.Resolutions[len(slo.Resolutions)-1].Kept()))
	if err != nil {
		return fmt.Errorf("read exclusions: %w", err)
	}
	all = slices.DeleteFunc(all, func(x Exclusion) bool { return x.State != ExclusionApproved })
	s.exclusions.Store(&all)
	return nil
}

// Excluded returns the times whose events do not count against an objective's budget.
func (s *Service) Excluded(o *catalog.SLO) (out []slo.Span) {
	all := s.exclusions.Load()
	if all == nil {
		return nil
	}
	for _, x := range *all {
		if x.Of(o) {
			out = append(out, slo.Span{From: x.From, To: x.To})
		}
	}
	return out
}

// Spent returns the budget of an objective at now.
func (s *Service) Spent(o *catalog.SLO, now time.Time) slo.Budget {
	return slo.Spent(s.LedgerOf(o), o, s.Excluded(o), now)
}
