package respond

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
)

// jobDiagnose looks at the fleet again; it is due every few seconds while an incident is open.
const jobDiagnose = "respond.diagnose"

// Follows returns what respond does about facts: alerts open incidents or join them, and a calm group resolves its own, as
// does a person who ends its page. When people are told of an incident, its commander is called; who acknowledges a call has
// what they were called for. Who takes the ticket of one that waits works on it.
func (s *Service) Follows() event.Handlers[Tx] {
	return event.Handlers[Tx]{
		detect.KindFired: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			f, err := event.Decode[detect.Fired](e)
			if err != nil {
				return err
			}
			return s.fired(ctx, tx, f.Alert, now)
		},
		detect.KindGroupCalm: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[detect.GroupCalm](e)
			if err != nil {
				return err
			}
			i, err := tx.IncidentOf(ctx, c.Group)
			if errs.Is(err, errs.NotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			i.Muted = c.Muted
			return s.resolve(ctx, tx, i, event.System, cmp.Or(c.Reason, "no alert fires any more"), now)
		},
		page.KindOpened: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			return s.told(ctx, tx, detect.GroupID(e.Group), now)
		},
		page.KindEscalated: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[page.Changed](e)
			if err != nil || c.Page.For == "" {
				return err
			}
			return s.rung(ctx, tx, c.Page, c.People, now)
		},
		page.KindResolved: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			if e.Actor == event.System {
				return nil // it followed from what respond knows
			}
			c, err := event.Decode[page.Changed](e)
			if err != nil {
				return err
			}
			if c.Page.For != "" { // who ends a call has answered it
				return s.answered(ctx, tx, c.Page, e.Actor, now)
			}
			i, err := tx.IncidentOf(ctx, detect.GroupID(e.Group))
			if err != nil || !i.Open() {
				return ignoreNotFound(err)
			}
			return s.resolve(ctx, tx, i, e.Actor, e.Actor+" resolved its page", now)
		},
		page.KindTicketTaken: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			t, err := event.Decode[page.Ticketed](e)
			if err != nil {
				return err
			}
			i, err := tx.IncidentOf(ctx, t.Ticket.Group)
			if err != nil || i.Status != Queued {
				return ignoreNotFound(err)
			}
			i.Status, i.Reason = Investigating, t.Ticket.TakenBy+" took its ticket"
			if err := tx.SaveIncident(ctx, i); err != nil {
				return err
			}
			return s.append(ctx, tx, KindStatus, i, event.System, fmt.Sprintf("%s: %s", i.Status, i.Reason), now)
		},
		page.KindAcked: func(ctx context.Context, tx Tx, e event.Event, now time.Time) error {
			c, err := event.Decode[page.Changed](e)
			if err != nil {
				return err
			}
			if c.Page.For != "" {
				return s.answered(ctx, tx, c.Page, c.Page.AckedBy, now)
			}
			i, err := tx.IncidentOf(ctx, c.Page.Group)
			if err != nil || !i.AckedAt.IsZero() {
				return ignoreNotFound(err)
			}
			i.AckedAt = c.Page.AckedAt
			if i.Commander == "" && i.Command.Calling == nil && detect.IsPerson(c.Page.AckedBy) {
				i.Commander = c.Page.AckedBy
				return s.commands(ctx, tx, i, event.System, i.Commander+" has command: first to acknowledge", now)
			}
			return tx.SaveIncident(ctx, i)
		},
	}
}

// Tasks returns the tasks of respond.
func (s *Service) Tasks() job.Tasks {
	return job.Tasks{jobDiagnose: func(ctx context.Context, j job.Job) error { return s.Look(ctx, ID(j.Key), s.Now()) }}
}

func ignoreNotFound(err error) error {
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}
