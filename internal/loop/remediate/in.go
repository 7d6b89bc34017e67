package remediate

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
)

// Kinds of jobs that remediate runs.
const (
	jobRun    = "remediate.run"    // go on with a run
	jobExpire = "remediate.expire" // an approval's time is over
)

// Follows returns what remediate does about facts: a named cause gets its runbook, a resolved incident ends what waits.
func (s *Service) Follows() event.Handlers[Tx] {
	return event.Handlers[Tx]{
		respond.KindNamed: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			n, err := event.Decode[respond.Named](e)
			if err != nil {
				return err
			}
			return s.react(ctx, tx, n, now)
		},
		respond.KindResolved: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[respond.Changed](e)
			if err != nil {
				return err
			}
			return s.endWaiting(ctx, tx, c.Incident, now)
		},
	}
}

// endWaiting ends runs that wait for a decision that nobody needs any more.
func (s *Service) endWaiting(ctx context.Context, tx Tx, i respond.Incident, now time.Time) error {
	runs, err := tx.Runs(ctx, i.ID, 100)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if r.State != Waiting {
			continue
		}
		r.State, r.Reason, r.EndedAt = Ended, "the incident was resolved before anybody decided", now
		if err := tx.SaveRun(ctx, r); err != nil {
			return err
		}
		if err := withdraw(ctx, tx, r, now); err != nil {
			return err
		}
		if err := s.append(ctx, tx, KindFinished, r, nil, actor(r), "run of "+r.Runbook+" ended: "+r.Reason, now); err != nil {
			return err
		}
	}
	return nil
}

// withdraw ends the questions of a run that is over.
func withdraw(ctx context.Context, tx Tx, r Run, now time.Time) error {
	as, err := tx.Approvals(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, a := range as {
		if a.State != Pending {
			continue
		}
		a.State, a.DecidedBy, a.DecidedAt, a.Reason = Expired, event.System, now, r.Reason
		if err := tx.SaveApproval(ctx, a); err != nil {
			return err
		}
		if err := tx.Cancel(ctx, jobExpire, approvalKey(r.ID, a.Seq)); err != nil {
			return err
		}
	}
	return nil
}

// Timers returns the timers of remediate.
func (s *Service) Timers() job.Timers[Tx] {
	return job.Timers[Tx]{
		jobExpire: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			run, seq, _ := strings.Cut(j.Key, "/")
			n, err := strconv.Atoi(seq)
			if err != nil {
				return fmt.Errorf("approval key %q: %w", j.Key, err)
			}
			_, err = s.decideIn(ctx, tx, RunID(run), n, Expired, event.System, "nobody decided in time", now)
			if errs.Is(err, errs.Conflict) {
				return nil
			}
			return ignoreNotFound(err)
		},
	}
}

// Tasks returns the tasks of remediate.
func (s *Service) Tasks() job.Tasks {
	return job.Tasks{jobRun: func(ctx context.Context, j job.Job) error {
		err := s.work(ctx, RunID(j.Key))
		if err != nil && ctx.Err() == nil && j.Attempts+1 >= job.MaxAttempts {
			return s.abandon(ctx, RunID(j.Key), err)
		}
		return err
	}}
}

// recorder writes the journal of a run, and what people should see of it to the log of facts, in one transaction.
type recorder struct {
	s   *Service
	run Run
}

// Record stores an entry; the first change that a run makes marks its incident as being mitigated.
func (c recorder) Record(ctx context.Context, e script.Entry) error {
	now := c.s.Now()
	return c.s.Store.Update(ctx, func(tx Tx) error {
		r, err := tx.Run(ctx, c.run.ID)
		if err != nil {
			return err
		}
		if r.Turn != c.run.Turn {
			return errs.New(errs.Conflict, "another worker has taken the run over")
		}
		if err := tx.SaveEntry(ctx, c.run.ID, e); err != nil {
			return err
		}
		if e.State != script.Done {
			return nil
		}
		kind, text, ok := describe(e)
		if text == "" {
			return nil
		}
		if ok && !r.Changed && kind == KindActed && changes(e.Name) && !r.DryRun {
			r.Changed = true
			if err := tx.SaveRun(ctx, r); err != nil {
				return err
			}
			if err := c.s.Respond.Mitigating(ctx, tx, r.Incident, string(r.ID), "runbook "+r.Runbook+" is at work", now); err != nil {
				return err
			}
		}
		f := event.New(kind, now, actor(c.run), string(c.run.ID), text, Acted{c.run.ID, e.Seq, e.Name, ok})
		f.Group = string(c.run.Group)
		return tx.Append(ctx, f)
	})
}
