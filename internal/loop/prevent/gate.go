package prevent

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
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

// Decisions. Warn means that it may go out, and that somebody should look first. Unknown means that the gate cannot tell;
// what a pipeline does then is its owner's choice.
const (
	Allow   Decision = "allow"
	Warn    Decision = "warn"
	Blocked Decision = "blocked"
	Unknown Decision = "unknown"
)

// Question is what a pipeline asks.
type Question struct {
	Service      string
	Change       Change   // default Feature
	SHA          string   // commit that would be released
	Images       []string // of containers that would run, when who asks knows them
	Running      []string // of those that run now: they are remembered, and going back to them is a rollback
	AllowUnknown bool     // whether a release may go out when the gate cannot tell
	DryRun       bool     // the answer is not kept, and has no id
}

// Verdict is a decision with everything it was made from.
type Verdict struct {
	ID          string             `json:"id" doc:"of the decision; empty when it was not kept"`
	Decision    Decision           `json:"decision" enum:"allow,warn,blocked,unknown"`
	Allowed     bool               `json:"allowed" doc:"whether the release may go out, unknown as the caller chose"`
	Service     string             `json:"service"`
	Change      Change             `json:"change"`
	SHA         string             `json:"sha,omitempty"`
	Images      []string           `json:"images,omitempty"`
	Reasons     []string           `json:"reasons"`
	Policy      string             `json:"policy,omitempty"`
	PolicyHash  string             `json:"policy_hash,omitempty"` // of the catalog that held the policy
	SpentBySLO  map[string]float64 `json:"spent_by_slo,omitempty"`
	FrozenSince time.Time          `json:"frozen_since,omitzero"`
	LiftsAt     time.Time          `json:"freeze_lifts_at,omitzero"` // if nothing more burns
	DataAt      time.Time          `json:"data_at,omitzero"`         // newest event of the objective that was silent longest
	DataAge     *float64           `json:"data_age_s,omitempty"`     // seconds from then to At; none when there was no event
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
	ranBefore bool // all images that would be changed ran before
	policy    *catalog.BudgetPolicy
	spending  []spending
	incidents []respond.Incident // open ones
	freeze    *Freeze
	liftsAt   time.Time // when a freeze would be over if nothing more burns
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
	b.nearly(&v)
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
	if why != "" {
		v.LiftsAt = b.liftsAt
	}
	switch {
	case why == "":
	case b.ranBefore:
		*v = v.with(v.Decision, "%s; what would run ran before, and going back to it passes", why)
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

// nearly warns before the policy stops releases: people should know how little is left. A rollback needs no warning.
func (b bar) nearly(v *Verdict) {
	if b.policy == nil || b.freeze != nil || b.change == Rollback || v.Decision != Allow {
		return
	}
	at, _ := b.policy.Freeze()
	for _, s := range b.spending {
		if warn := b.policy.Warn(); s.spent >= warn && s.spent < at {
			*v = v.with(Warn, "%s has spent %.0f %% of its budget; %s stops releases at %.0f %%", s.slo, 100*s.spent, b.policy.Name, 100*at)
		}
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

// Gate answers whether a change of a service may be released, and records the answer. When the store does not answer within
// Patience the decision is unknown and says so; it is not recorded then. An unknown kind of change is an error with code
// invalid, and there is no other.
func (s *Service) Gate(ctx context.Context, q Question, now time.Time) (Verdict, error) {
	if q.Change == "" {
		q.Change = Feature
	}
	if !slices.Contains(Changes, q.Change) {
		return Verdict{}, errs.New(errs.Invalid, "change is %q; it must be feature, rollback, security or reliability", q.Change)
	}
	v, err := Within(ctx, s.Patience, func(ctx context.Context) (Verdict, error) { return s.judge(ctx, q, now) })
	if err != nil {
		s.Log.Warn("gate could not decide", "service", q.Service, "error", err)
		v = Verdict{Service: q.Service, Change: q.Change, SHA: q.SHA, Images: q.Images, At: now}.with(Unknown, "the store cannot be asked: %s; this answer is not recorded", errs.Message(err))
	}
	v.Allowed = v.Decision.passes() || v.Decision == Unknown && q.AllowUnknown
	return v, nil
}

func (d Decision) passes() bool { return d == Allow || d == Warn }

// judge reads, decides and records.
func (s *Service) judge(ctx context.Context, q Question, now time.Time) (v Verdict, err error) {
	c := s.Catalog()
	b := bar{service: q.Service, known: c.Services[q.Service] != nil, change: q.Change, policy: c.BudgetFor(q.Service), spending: s.spending(c, q.Service, now)}
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		if b.incidents, err = tx.Incidents(ctx, true, 1000); err != nil {
			return err
		}
		if b.ranBefore, err = ranBefore(ctx, tx, q); err != nil {
			return err
		}
		f, err := tx.FreezeOf(ctx, q.Service)
		if err == nil {
			b.freeze = &f
		}
		return ignoreNotFound(err)
	})
	if err != nil {
		return v, err
	}
	if b.ranBefore {
		b.change = Rollback
	}
	if b.policy != nil {
		_, liftBelow := b.policy.Freeze()
		b.liftsAt = s.lifts(c, q.Service, liftBelow, now)
	}
	v = decide(b)
	v.SHA, v.Images, v.At = q.SHA, q.Images, now
	if v.Policy != "" {
		v.PolicyHash = c.Hash
	}
	if !v.DataAt.IsZero() {
		age := max(0, now.Sub(v.DataAt).Seconds())
		v.DataAge = &age
	}
	if q.DryRun {
		return v, nil
	}
	v.ID = id.New("gate", now)
	kept := v
	kept.Allowed = v.Decision.passes() || v.Decision == Unknown && q.AllowUnknown
	return v, s.Store.Update(ctx, func(tx Tx) error {
		if err := ctx.Err(); err != nil { // who asked was told that it is unknown: another answer must not be in the log
			return err
		}
		for _, image := range q.Running {
			if pinned(image) && b.known {
				if err := tx.SaveRan(ctx, q.Service, image, now); err != nil {
					return err
				}
			}
		}
		text := fmt.Sprintf("release of %s (%s) %s: %s", q.Service, v.Change, said[v.Decision], v.Reasons[0])
		e := event.New(KindGated, now, event.System, v.ID, text, Gated{kept})
		e.Service = q.Service
		return tx.Append(ctx, e)
	})
}

// ranBefore reports whether every image that a release changes is one that ran before: then it goes back to what is known.
func ranBefore(ctx context.Context, tx Tx, q Question) (bool, error) {
	changed := 0
	for _, image := range q.Images {
		if slices.Contains(q.Running, image) {
			continue
		}
		changed++
		ran, err := false, error(nil)
		if pinned(image) {
			ran, err = tx.Ran(ctx, q.Service, image)
		}
		if err != nil || !ran {
			return false, err
		}
	}
	return changed > 0, nil
}

// pinned reports whether an image has a digest or a tag that is not latest: another name may be other code each time.
func pinned(image string) bool {
	if strings.Contains(image, "@") {
		return true
	}
	_, tag, ok := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return ok && tag != "" && tag != "latest"
}

// lifts returns when every budget of a service is under what a freeze is lifted at, if nothing more burns.
func (s *Service) lifts(c *catalog.Catalog, service string, liftBelow float64, now time.Time) (at time.Time) {
	for _, o := range c.SLOsOf(service) {
		if back := slo.Back(s.Detect.Ledger(o.Name), o, s.Detect.Excluded(o), 1-liftBelow, now); back.After(at) {
			at = back
		}
	}
	return at
}

// Patience is how long the gate takes for an answer at most, the token of who asks included.
const Patience = 900 * time.Millisecond

// Within returns what fn returns, or an error with code unavailable when it takes longer than d. It does not wait for an fn
// that does not heed its context: a database that hangs must not hold a pipeline.
func Within[T any](ctx context.Context, d time.Duration, fn func(context.Context) (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			done <- a
		}()
		a.v, a.err = fn(ctx)
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-ctx.Done():
		var none T
		return none, errs.Wrap(ctx.Err(), errs.Unavailable, "it did not answer in time")
	}
}

var said = map[Decision]string{Allow: "allowed", Warn: "allowed with a warning", Blocked: "blocked", Unknown: "not decided"}

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
