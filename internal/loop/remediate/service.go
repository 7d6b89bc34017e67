package remediate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/observe"
	"nightkeeper/internal/loop/observe/graph"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

// Config is what a Service needs. With Shadow another system's people still do what runbooks would: one that would act by
// itself is run dry, so that it is seen what it would have done. What a person starts or approves is done all the same.
type Config struct {
	Shadow    bool
	Store     Store
	Catalog   func() *catalog.Catalog
	Respond   *respond.Service
	Engine    Engine
	HTTP      HTTP
	Telemetry observe.Telemetry
	Graph     *graph.Live
	Calm      func(slos []string, d time.Duration, now time.Time) (bool, []string) // whether objectives were kept
	Burning   func(ctx context.Context, g detect.GroupID) ([]string, error)        // objectives of all alerts of a group
	Now       func() time.Time
	Log       *slog.Logger
}

// Service chooses runbooks and runs them. It is safe for concurrent use.
type Service struct{ Config }

// New returns a service.
func New(c Config) *Service { return &Service{c} }

// react decides what to do about a named cause.
func (s *Service) react(ctx context.Context, tx Tx, n respond.Named, now time.Time) error {
	// The fact may be old: the server was away, and the incident is over.
	i, err := tx.Incident(ctx, n.Incident.ID)
	if err != nil || !i.Open() {
		return ignoreNotFound(err)
	}
	p := choose(s.Catalog(), n.Cause, n.Confidence)
	runs, err := tx.Runs(ctx, i.ID, 100)
	if err != nil {
		return err
	}
	dry := s.Shadow && p.runbook != nil && p.runbook.Risk == catalog.Low
	if dry {
		p.reason += "; a dry run, because this server runs as a shadow"
	}
	if p.runbook != nil && slices.ContainsFunc(runs, func(r Run) bool {
		return r.Runbook == p.runbook.Name && (!r.DryRun || (dry && r.StartedBy == event.System))
	}) {
		p = plan{release: true, reason: "runbook " + p.runbook.Name + " has already run for this incident"}
	}
	e := event.New(KindChosen, now, event.System, string(i.ID), p.reason, nil)
	e.Group, e.Service = string(i.Group), n.Cause.Service
	if err := tx.Append(ctx, e); err != nil {
		return err
	}
	if p.release {
		if err := tx.Enqueue(ctx, page.ReleaseJob(page.Release{Group: i.Group, Reason: p.reason, Context: brief(i)}, now)); err != nil {
			return err
		}
	}
	if p.runbook == nil {
		return nil
	}
	_, err = s.start(ctx, tx, i, p.runbook, dry, event.System, now)
	return err
}

// brief is the context that a page carries: what was found, in a few lines.
func brief(i respond.Incident) string {
	out := fmt.Sprintf("%s %s\n%s", i.ID, i.Title, i.Diagnosis.Summary)
	for k, ev := range i.Diagnosis.Top().Evidence {
		if k > 0 && k < 4 {
			out += "\n- " + ev.Text
		}
	}
	return out + fmt.Sprintf("\n%d services affected, %d customer requests lost so far", len(i.Affected), i.Impact.LostRequests)
}

func (s *Service) start(ctx context.Context, tx Tx, i respond.Incident, rb *catalog.Runbook, dry bool, by string, now time.Time) (Run, error) {
	c := s.Catalog()
	src := sourceOf(rb)
	r := Run{
		ID: RunID(id.New("run", now)), Incident: i.ID, Group: i.Group, Runbook: rb.Name, Title: rb.Title(), Risk: rb.Risk,
		Approval: rb.Approval, Source: src, Hash: src.Hash(), API: script.API, Inputs: inputs(c, i), DryRun: dry, State: Running,
		Reason: "started", StartedBy: by, StartedAt: now,
	}
	for _, svc := range i.Burning {
		for _, o := range c.SLOsOf(svc) {
			r.SLOs = append(r.SLOs, o.Name)
		}
	}
	if err := tx.SaveRun(ctx, r); err != nil {
		return r, err
	}
	what := "run of " + rb.Name + " started"
	if dry {
		what = "dry run of " + rb.Name + " started: it changes nothing"
	}
	if err := s.append(ctx, tx, KindStarted, r, nil, by, what, now); err != nil {
		return r, err
	}
	return r, tx.Enqueue(ctx, job.New(jobRun, string(r.ID), now, nil))
}

// Start runs a runbook for an incident because a person asks for it. A runbook that is not low-risk still asks for
// approval before it changes anything.
func (s *Service) Start(ctx context.Context, incident respond.ID, runbook string, dry bool, by string, now time.Time) (r Run, err error) {
	rb := s.Catalog().Runbooks[runbook]
	if rb == nil {
		return r, errs.New(errs.NotFound, "there is no runbook named %q", runbook)
	}
	if len(rb.Blocks) == 0 {
		return r, errs.New(errs.Invalid, "runbook %s has no starlark block: it can be read, not run", runbook)
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		i, err := tx.Incident(ctx, incident)
		if err != nil {
			return err
		}
		if !i.Open() && !dry {
			return errs.New(errs.Conflict, "%s is %s: what a run changes now would not be in its postmortem; a dry run is possible", i.ID, i.Status)
		}
		if i.Cause != nil && i.Cause.Kind == "data_corruption" && !dry {
			return errs.New(errs.Denied, "the cause is data corruption: automation must not touch it; a dry run is possible")
		}
		runs, err := tx.Runs(ctx, incident, 100)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(runs, func(o Run) bool {
			return o.Runbook == runbook && (o.State == Running || o.State == Waiting) && o.DryRun == dry
		}) {
			return errs.New(errs.Conflict, "a run of %s for %s is not over yet", runbook, incident)
		}
		r, err = s.start(ctx, tx, i, rb, dry, by, now)
		return err
	})
	return r, err
}

// maxSegment bounds how long a run may work without parking.
const maxSegment = 5 * time.Minute

// work goes on with a run until it ends or parks.
func (s *Service) work(ctx context.Context, runID RunID) error {
	var r Run
	var journal []script.Entry
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		if r, err = tx.Run(ctx, runID); err != nil || (r.State != Running && r.State != Waiting) {
			return err
		}
		r.Turn++
		if err := tx.SaveRun(ctx, r); err != nil {
			return err
		}
		journal, err = tx.Journal(ctx, runID)
		return err
	})
	if err != nil || (r.State != Running && r.State != Waiting) {
		return ignoreNotFound(err)
	}
	if r.API != script.API {
		return s.finish(ctx, r, Failed, fmt.Sprintf("the run was started with script functions of version %d and cannot be continued by this one", r.API))
	}
	ctx, cancel := context.WithTimeout(ctx, maxSegment)
	defer cancel()
	fx := &stepEffects{s: s, run: r}
	out, err := s.Engine.Run(ctx, r.Source, r.Inputs, script.NewReplayer(string(r.ID), journal, recorder{s, r}, fx))
	switch {
	case errors.Is(err, script.ErrParked):
		return s.parked(ctx, r, fx.wake)
	case errors.Is(err, script.ErrUnknownOutcome):
		return s.unknown(ctx, r, err)
	case errs.Is(err, errs.Invalid), errors.Is(err, script.ErrDiverged), errors.Is(err, script.ErrAborted):
		return s.finish(ctx, r, Failed, reason(err))
	case err != nil:
		return fmt.Errorf("run %s: %w", r.ID, err)
	}
	switch out.Kind {
	case script.Resolved:
		return s.finish(ctx, r, Succeeded, out.Reason)
	case script.Escalated:
		return s.finish(ctx, r, Escalated, out.Reason)
	case script.Failed:
		return s.finish(ctx, r, Failed, out.Reason)
	}
	return s.finish(ctx, r, Escalated, "the script ended without resolve or escalate")
}

// parked plans when a waiting run is looked at again. A run that waits for a decision is woken by it.
func (s *Service) parked(ctx context.Context, r Run, wake time.Time) error {
	if wake.IsZero() {
		return nil
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		cur, err := tx.Run(ctx, r.ID)
		if err != nil || cur.Turn != r.Turn {
			return err
		}
		return tx.Enqueue(ctx, job.New(jobRun, string(r.ID), wake, nil))
	})
}

// abandon gives up a run that could not be continued however often it was tried, where people can see it.
func (s *Service) abandon(ctx context.Context, runID RunID, cause error) error {
	var r Run
	err := s.Store.View(ctx, func(tx Tx) (err error) { r, err = tx.Run(ctx, runID); return err })
	if err != nil {
		return ignoreNotFound(err)
	}
	return s.finish(ctx, r, Failed, "it could not be continued: "+errs.Message(cause))
}

func (s *Service) unknown(ctx context.Context, r Run, cause error) error {
	now := s.Now()
	return s.Store.Update(ctx, func(tx Tx) error {
		cur, err := tx.Run(ctx, r.ID)
		if err != nil || cur.State.Over() || cur.Turn != r.Turn {
			return err
		}
		cur.State, cur.Reason = Unknown, reason(cause)
		if err := tx.SaveRun(ctx, cur); err != nil {
			return err
		}
		if err := s.append(ctx, tx, KindFinished, cur, nil, actor(cur), "a step may or may not have happened and is not repeated: "+cur.Reason, now); err != nil {
			return err
		}
		return s.giveUp(ctx, tx, cur, "an action of runbook "+cur.Runbook+" may or may not have happened; look before anything else", now)
	})
}

// finish records how a run ended. Anything but success tells people.
func (s *Service) finish(ctx context.Context, r Run, to State, reason string) error {
	now := s.Now()
	return s.Store.Update(ctx, func(tx Tx) error {
		cur, err := tx.Run(ctx, r.ID)
		if err != nil || cur.State.Over() || cur.Turn != r.Turn {
			return err
		}
		cur.State, cur.Reason, cur.EndedAt = to, reason, now
		if err := tx.SaveRun(ctx, cur); err != nil {
			return err
		}
		if err := s.append(ctx, tx, KindFinished, cur, nil, actor(cur), fmt.Sprintf("run of %s %s: %s", cur.Runbook, to, reason), now); err != nil {
			return err
		}
		if cur.DryRun || to == Ended {
			return nil
		}
		if to == Succeeded {
			return tx.Enqueue(ctx, page.KeepJob(page.Keep{Group: cur.Group, Reason: "runbook " + cur.Runbook + " ended well"}, now))
		}
		return s.giveUp(ctx, tx, cur, fmt.Sprintf("runbook %s %s: %s", cur.Runbook, to, reason), now)
	})
}

func (s *Service) giveUp(ctx context.Context, tx Tx, r Run, reason string, now time.Time) error {
	i, err := tx.Incident(ctx, r.Incident)
	if err != nil {
		return ignoreNotFound(err)
	}
	if err := s.Respond.Failed(ctx, tx, r.Incident, string(r.ID), reason, now); err != nil {
		return err
	}
	return tx.Enqueue(ctx, page.ReleaseJob(page.Release{Group: r.Group, Reason: reason, Context: brief(i)}, now))
}

func actor(r Run) string { return "runbook:" + r.Runbook }

func (s *Service) append(ctx context.Context, tx Tx, kind string, r Run, a *Approval, by, text string, now time.Time) error {
	slim := r
	slim.Source = script.Source{Name: r.Source.Name}
	e := event.New(kind, now, by, string(r.ID), text, Changed{slim, a})
	e.Group = string(r.Group)
	return tx.Append(ctx, e)
}

func ignoreNotFound(err error) error {
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

// Get returns a run with its journal and approvals, or an error with code not_found.
func (s *Service) Get(ctx context.Context, runID RunID) (r Run, journal []script.Entry, as []Approval, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		if r, err = tx.Run(ctx, runID); err != nil {
			return err
		}
		if journal, err = tx.Journal(ctx, runID); err != nil {
			return err
		}
		as, err = tx.Approvals(ctx, runID)
		return err
	})
	return r, journal, as, err
}

// List returns the newest runs, those of an incident when it is set.
func (s *Service) List(ctx context.Context, incident respond.ID, limit int) (out []Run, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Runs(ctx, incident, limit)
		return err
	})
	return out, err
}

// PendingApprovals returns the approvals that wait for a decision.
func (s *Service) PendingApprovals(ctx context.Context) (out []Approval, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Approvals(ctx, "")
		return err
	})
	return out, err
}
