package page

import (
	"cmp"
	"context"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
)

// Kinds of jobs that page runs.
const (
	jobRelease  = "page.release"  // a held page's time is over
	jobEscalate = "page.escalate" // nobody acknowledged in time
	jobReopen   = "page.reopen"   // an acknowledged page was not resolved in time
	jobKeep     = "page.keep"     // a runbook ended well: the page may be held a little longer
	jobResolve  = "page.resolve"  // a call is over
	jobCall     = "page.call"     // people are called for what no alert is about
	jobTell     = "page.tell"     // a person is told something that needs no answer
	jobSend     = "page.send"     // one notification; the kind ends with its channel
	jobUpdate   = "page.update"   // one message whose page has changed; so does this
)

// Release is the order to tell people of a held page; a later phase enqueues it in its own transaction.
type Release struct {
	Group   detect.GroupID `json:"group"`
	Reason  string         `json:"reason"`
	Context string         `json:"context,omitempty"`
}

// ReleaseJob returns the order as a job that is due at once.
func ReleaseJob(r Release, now time.Time) job.Job {
	return job.New(jobRelease, string(r.Group), now, r)
}

// Keep is the order to hold a page on, once, because a runbook says that it fixed the trouble: the alert needs a moment to
// see it. When it still fires after Settle, people are told after all.
type Keep struct {
	Group  detect.GroupID `json:"group"`
	Reason string         `json:"reason"`
}

// KeepJob returns the order as a job that is due at once.
func KeepJob(k Keep, now time.Time) job.Job { return job.New(jobKeep, string(k.Group), now, k) }

// Resolve is the order to end a call.
type Resolve struct {
	Group  detect.GroupID `json:"group"`
	Reason string         `json:"reason"`
}

// ResolveJob returns the order as a job that is due at once.
func ResolveJob(r Resolve, now time.Time) job.Job {
	return job.New(jobResolve, string(r.Group), now, r)
}

// Follows returns what page does about facts: a new group of alerts becomes a page, a worse alert raises it, an alert that
// was acknowledged where it came from acknowledges it, one that is not any more has people told again, somebody who is asked for is told, and a calm group resolves it.
// Alerts that page nobody become tickets.
func (s *Service) Follows() event.Handlers[Tx] {
	return event.Handlers[Tx]{
		detect.KindFired: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			f, err := event.Decode[detect.Fired](e)
			if err != nil {
				return err
			}
			if f.Alert.Ticket() {
				return s.ticket(ctx, tx, f.Alert, now)
			}
			if err := s.worse(ctx, tx, f.Alert, now); err != nil {
				return err
			}
			return s.open(ctx, tx, f.Alert, now)
		},
		detect.KindAcked: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			a, err := event.Decode[detect.Acked](e)
			if err != nil {
				return err
			}
			p, err := tx.PageOf(ctx, a.Group)
			if errs.Is(err, errs.NotFound) || (err == nil && p.State == Resolved) {
				return nil
			}
			if err != nil {
				return err
			}
			_, err = s.ack(ctx, tx, p, a.By, now)
			return err
		},
		detect.KindUnacked: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			a, err := event.Decode[detect.Acked](e)
			if err != nil {
				return err
			}
			p, err := tx.PageOf(ctx, a.Group)
			if errs.Is(err, errs.NotFound) || (err == nil && p.State != Acked) {
				return nil
			}
			if err != nil {
				return err
			}
			return s.again(ctx, tx, p, a.By+" took the acknowledgement of "+p.AckedBy+" back", now)
		},
		detect.KindCalled: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[detect.Call](e)
			if err != nil {
				return err
			}
			return s.asked(ctx, tx, c, e.Actor, now)
		},
		detect.KindGroupCalm: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[detect.GroupCalm](e)
			if err != nil {
				return err
			}
			if err := s.calms(ctx, tx, c.Group, "", true, now); err != nil {
				return err
			}
			return Ended(ctx, tx, c.Group, event.System, cmp.Or(c.Reason, "no alert fires any more"), now)
		},
		detect.KindResolved: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			r, err := event.Decode[detect.AlertResolved](e)
			if err != nil {
				return err
			}
			return s.calms(ctx, tx, r.Alert.Group, r.Alert.ID, false, now)
		},
		KindAcked:    s.changed,
		KindResolved: s.changed,
	}
}

// Timers returns the timers of page.
func (s *Service) Timers() job.Timers[Tx] {
	return job.Timers[Tx]{
		jobRelease: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			r, err := job.Decode[Release](j)
			if err != nil {
				return err
			}
			return s.release(ctx, tx, r, now)
		},
		jobKeep: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			k, err := job.Decode[Keep](j)
			if err != nil {
				return err
			}
			return s.keep(ctx, tx, k, now)
		},
		jobResolve: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			r, err := job.Decode[Resolve](j)
			if err != nil {
				return err
			}
			return Ended(ctx, tx, r.Group, event.System, r.Reason, now)
		},
		jobCall: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			c, err := job.Decode[Call](j)
			if err != nil {
				return err
			}
			return s.call(ctx, tx, c, now)
		},
		jobTell: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			t, err := job.Decode[Tell](j)
			if err != nil {
				return err
			}
			return s.tellPerson(ctx, tx, t, now)
		},
		jobReopen: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.untake(ctx, tx, ID(j.Key), now)
		},
		jobEscalate: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.escalate(ctx, tx, ID(j.Key), now)
		},
		jobTickets: func(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
			return s.morning(ctx, tx, j.Key, now)
		},
		jobLook: s.look,
	}
}
