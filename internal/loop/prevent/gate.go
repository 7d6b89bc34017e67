package prevent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/detect/slo"
	"nightkeeper/internal/loop/respond"
)

// Change is what kind of change a release is.
type Change string

// Kinds of changes. Every kind but Feature may be allowed in a freeze by the policy.
const (
	Feature     Change = "feature"
	Rollback    Change = "rollback"
	Security    Change = "security"
	Reliability Change = "reliability"
)

// Changes are all kinds of changes.
var Changes = []Change{Feature, Rollback, Security, Reliability}

// Decision is the gate's answer.
type Decision string

// Decisions. Unknown means that the gate cannot tell; what a pipeline does then is its owner's choice.
const (
	Allow   Decision = "allow"
	Blocked Decision = "blocked"
	Unknown Decision = "unknown"
)

// Verdict is a decision with everything it was made from.
type Verdict struct {
	ID          string             `json:"id"`
	Decision    Decision           `json:"decision"`
	Service     string             `json:"service"`
	Change      Change             `json:"change"`
	SHA         string             `json:"sha,omitempty"`
	Reasons     []string           `json:"reasons"`
	Policy      string             `json:"policy,omitempty"`
	PolicyHash  string             `json:"policy_hash,omitempty"` // of the catalog that held the policy
	SpentBySLO  map[string]float64 `json:"spent_by_slo,omitempty"`
	FrozenSince time.Time          `json:"frozen_since,omitzero"`
	DataAt      time.Time          `json:"data_at,omitzero"` // newest event of the objective that was silent longest
	At          time.Time          `json:"at"`
}

// fresh is how old the newest event of an objective may be for the gate to judge by it.
const fresh = 10 * time.Minute

// spending is how an objective stands.
type spending struct {
	slo    string
	spent  float64
	dataAt time.Time // zero when there was no event within fresh
}

// bar is what the gate decides from.
type bar struct {
	service   string
	known     bool
	change    Change
	policy    *catalog.BudgetPolicy
	spending  []spending
	incidents []respond.Incident // open ones
	freeze    *Freeze
}

// decide returns the gate's answer: what is known to forbid a change comes first, then what is not known, then yes.
func decide(b bar) Verdict {
	v := Verdict{Service: b.service, Change: b.change}
	switch {
	case !b.known:
		return v.with(Unknown, "there is no service named %q in the catalog", b.service)
	case len(b.spending) == 0:
		return v.with(Unknown, "%s has no objective: there is no budget to decide by", b.service)
	}
	v.SpentBySLO = map[string]float64{}
	for k, s := range b.spending {
		v.SpentBySLO[s.slo] = s.spent
		if k == 0 || s.dataAt.Before(v.DataAt) {
			v.DataAt = s.dataAt
		}
	}
	if b.policy != nil {
		v.Policy = b.policy.Name
	}
	v.Decision = Allow
	b.incident(&v)
	b.frozen(&v)
	if v.Decision == Blocked {
		return v
	}
	b.silent(&v)
	if len(v.Reasons) == 0 {
		v = v.with(Allow, "no freeze and no severe incident: %s", spends(b.spending))
	}
	return v
}

func (v Verdict) with(d Decision, format string, args ...any) Verdict {
	v.Decision = d
	v.Reasons = append(v.Reasons, fmt.Sprintf(format, args...))
	return v
}

func (b bar) incident(v *Verdict) {
	for _, i := range b.incidents {
		if !touches(i, b.service) || (i.Severity != detect.SEV1 && i.Severity != detect.SEV2) {
			continue
		}
		if b.change == Rollback {
			*v = v.with(v.Decision, "%s %s is open; a rollback may help and passes", i.Severity, i.ID)
			continue
		}
		*v = v.with(Blocked, "%s %s is open: %s", i.Severity, i.ID, i.Title)
	}
}

func (b bar) frozen(v *Verdict) {
	if b.policy == nil {
		*v = v.with(v.Decision, "no error-budget policy covers %s: nothing freezes it", b.service)
		return
	}
	at, liftBelow := b.policy.Freeze()
	why := ""
	if b.freeze != nil {
		v.FrozenSince = b.freeze.Since
		why = fmt.Sprintf("releases are frozen since %s UTC by %s: %s; lifted under %.0f %%", b.freeze.Since.UTC().Format("2006-01-02 15:04:05"), b.policy.Name, spends(b.spending), 100*liftBelow)
	} else if k := slices.IndexFunc(b.spending, func(s spending) bool { return s.spent >= at }); k >= 0 {
		why = fmt.Sprintf("%s has spent %.0f %% of its budget; %s stops releases at %.0f %%", b.spending[k].slo, 100*b.spending[k].spent, b.policy.Name, 100*at)
	}
	switch {
	case why == "":
	case slices.Contains(b.policy.Allow, string(b.change)):
		*v = v.with(v.Decision, "%s; %s allows a %s change all the same", why, b.policy.Name, b.change)
	default:
		*v = v.with(Blocked, "%s", why)
	}
}

// silent makes the answer unknown when no event is recent enough. A rollback is not held back for missing data.
func (b bar) silent(v *Verdict) {
	for _, s := range b.spending {
		if !s.dataAt.IsZero() {
			continue
		}
		if b.change == Rollback {
			*v = v.with(v.Decision, "%s saw no event in %s; a rollback passes", s.slo, fresh)
			continue
		}
		*v = v.with(Unknown, "%s saw no event in %s: its budget cannot be judged", s.slo, fresh)
	}
}

func spends(ss []spending) string {
	out := ""
	for k, s := range ss {
		if k > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%s has spent %.0f %%", s.slo, 100*s.spent)
	}
	return out
}

// Gate answers whether a change of a service may be released, and records the answer. An unknown kind of change is an
// error with code invalid.
func (s *Service) Gate(ctx context.Context, service string, change Change, sha string, now time.Time) (v Verdict, err error) {
	if change == "" {
		change = Feature
	}
	if !slices.Contains(Changes, change) {
		return v, errs.New(errs.Invalid, "change is %q; it must be feature, rollback, security or reliability", change)
	}
	c := s.Catalog()
	b := bar{service: service, known: c.Services[service] != nil, change: change, policy: c.BudgetFor(service), spending: s.spending(c, service, now)}
	err = s.Store.Update(ctx, func(tx Tx) error {
		var err error
		if b.incidents, err = tx.Incidents(ctx, true, 1000); err != nil {
			return err
		}
		b.freeze = nil
		switch f, err := tx.FreezeOf(ctx, service); {
		case err == nil:
			b.freeze = &f
		case !errs.Is(err, errs.NotFound):
			return err
		}
		v = decide(b)
		v.ID, v.SHA, v.At = id.New("gate", now), sha, now
		if v.Policy != "" {
			v.PolicyHash = c.Hash
		}
		text := fmt.Sprintf("release of %s (%s) %s: %s", service, change, said[v.Decision], v.Reasons[0])
		e := event.New(KindGated, now, event.System, v.ID, text, Gated{v})
		e.Service = service
		return tx.Append(ctx, e)
	})
	return v, err
}

var said = map[Decision]string{Allow: "allowed", Blocked: "blocked", Unknown: "not decided"}

// Verdicts returns the newest answers of the gate, the newest first.
func (s *Service) Verdicts(ctx context.Context, limit int) (out []Verdict, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		es, err := tx.Events(ctx, event.Query{Kinds: []string{KindGated}, Last: true, Limit: limit})
		for _, e := range slices.Backward(es) {
			g, err := event.Decode[Gated](e)
			if err != nil {
				return err
			}
			out = append(out, g.Verdict)
		}
		return err
	})
	return out, err
}

// spending returns how the objectives of a service stand.
func (s *Service) spending(c *catalog.Catalog, service string, now time.Time) []spending {
	var out []spending
	for _, o := range c.SLOsOf(service) {
		l := s.Detect.Ledger(o.Name)
		out = append(out, spending{o.Name, s.Detect.Spent(o, now).Spent, newest(l, now)})
	}
	return out
}

// newest returns when the newest event within fresh was counted, to the bucket; zero when there is none.
func newest(l *slo.Ledger, now time.Time) time.Time {
	w := slo.Resolutions[0].Width
	lo, hi := 1, int(fresh/w)
	if l.Sum(now.Add(-fresh), now).Total == 0 {
		return time.Time{}
	}
	for lo < hi {
		mid := (lo + hi) / 2
		if l.Sum(now.Add(-time.Duration(mid)*w), now).Total > 0 {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return now.Add(-time.Duration(lo-1) * w).Truncate(w)
}
