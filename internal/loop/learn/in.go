package learn

import (
	"context"
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/remediate"
	"nightkeeper/internal/loop/respond"
)

// Kinds of jobs that learn runs.
const (
	jobChase = "learn.chase" // an action item is due
	jobLate  = "learn.late"  // a required postmortem is due
)

// chaseEvery is how often an overdue item is called overdue again.
const chaseEvery = 7 * 24 * time.Hour

// Follows returns what learn does about facts: a resolved incident gets its postmortem, a reopened one makes a published
// one outdated, and what is reported after the end still finds its way into the draft.
func (s *Service) Follows() event.Handlers[Tx] {
	late := func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
		return s.refresh(ctx, tx, detect.GroupID(e.Group), now)
	}
	return event.Handlers[Tx]{
		respond.KindResolved: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[respond.Changed](e)
			if err != nil {
				return err
			}
			return s.resolved(ctx, tx, c.Incident.ID, now)
		},
		respond.KindReopened: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[respond.Changed](e)
			if err != nil {
				return err
			}
			return s.reopened(ctx, tx, c.Incident, e.At, now)
		},
		respond.KindNoted:      late,
		remediate.KindFinished: late,
		page.KindAcked:         late,
	}
}

// refresh drafts again what has a postmortem and is over: facts of other phases may come after the end.
func (s *Service) refresh(ctx context.Context, tx Tx, g detect.GroupID, now time.Time) error {
	i, err := tx.IncidentOf(ctx, g)
	if err != nil || i.Open() {
		return ignoreNotFound(err)
	}
	p, err := tx.Postmortem(ctx, IDOf(i.ID))
	if err != nil || p.State == Published {
		return ignoreNotFound(err)
	}
	return s.draft(ctx, tx, i, now)
}

// Timers returns the timers of learn.
func (s *Service) Timers() job.Timers[Tx] {
	return job.Timers[Tx]{
		jobChase: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.chase(ctx, tx, ItemID(j.Key), now)
		},
		jobLate: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.late(ctx, tx, ID(j.Key), now)
		},
	}
}

// chase says that an action item is overdue, and again every week until it is done or dropped.
func (s *Service) chase(ctx context.Context, tx Tx, id ItemID, now time.Time) error {
	a, err := tx.Item(ctx, id)
	if err != nil || a.State != Open {
		return ignoreNotFound(err)
	}
	a.Chased++
	if err := tx.SaveItem(ctx, a); err != nil {
		return err
	}
	text := fmt.Sprintf("%s is overdue since %s: %s", a.ID, a.DueAt.UTC().Format(time.DateOnly), a.Text)
	if a.Owner != "" {
		text += "; owner is " + a.Owner
	}
	if err := s.appendItem(ctx, tx, KindOverdue, a, event.System, text, now); err != nil {
		return err
	}
	return tx.Enqueue(ctx, job.New(jobChase, string(a.ID), now.Add(chaseEvery), nil))
}

// late says that a required postmortem is not published in time.
func (s *Service) late(ctx context.Context, tx Tx, id ID, now time.Time) error {
	p, err := tx.Postmortem(ctx, id)
	if err != nil || p.State == Published || !p.Required {
		return ignoreNotFound(err)
	}
	i, err := tx.Incident(ctx, p.Incident)
	if err != nil || i.Open() {
		return ignoreNotFound(err)
	}
	return s.append(ctx, tx, KindOverdue, p, event.System, fmt.Sprintf("the postmortem of %s is required and was due %s UTC", p.Incident, stamp(p.DueAt)), now)
}

func ignoreNotFound(err error) error {
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
