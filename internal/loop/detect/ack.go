package detect

import (
	"context"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
)

// integrationActor begins the name of a program that acts for people we do not know.
const integrationActor = "integration:"

// ActorOf returns how what an integration did by itself is signed.
func ActorOf(integration string) string { return integrationActor + integration }

// IsPerson reports whether a name in a fact may be a person's: programs have a colon in theirs.
func IsPerson(actor string) bool { return actor != event.System && !strings.Contains(actor, ":") }

// sameAck is how long an acknowledgement that is repeated is the same one; later it is meant again, as when nobody ended the
// page in time and people were told again.
const sameAck = time.Minute

// Ack records that somebody looks at a firing alert of another system, as that system says. Saying it twice is no error:
// the first one stands for a minute. An alert that does not fire is an error with code not_found.
func (s *Service) Ack(ctx context.Context, integration, key, by string, now time.Time) (a Alert, err error) {
	err = s.change(ctx, integration, key, func(tx Tx, cur Alert) error {
		if a = cur; !a.AckedAt.IsZero() && now.Sub(a.AckedAt) < sameAck {
			return nil
		}
		a.AckedAt, a.AckedBy, a.UpdatedAt = now, by, now
		if err := tx.SaveAlert(ctx, a); err != nil {
			return err
		}
		return s.tellOf(ctx, tx, KindAcked, a, by, by+" acknowledged "+a.Headline(), Acked{a.ID, a.Group, by, now}, now)
	})
	return a, err
}

// Unack records that nobody looks at a firing alert any more, as its source says. One that nobody acknowledged there stays as
// it is. An alert that does not fire is an error with code not_found.
func (s *Service) Unack(ctx context.Context, integration, key, by string, now time.Time) (a Alert, err error) {
	err = s.change(ctx, integration, key, func(tx Tx, cur Alert) error {
		if a = cur; a.AckedAt.IsZero() {
			return nil
		}
		a.AckedAt, a.AckedBy, a.UpdatedAt = time.Time{}, "", now
		if err := tx.SaveAlert(ctx, a); err != nil {
			return err
		}
		return s.tellOf(ctx, tx, KindUnacked, a, by, by+" took the acknowledgement of "+a.Headline()+" back", Acked{a.ID, a.Group, by, now}, now)
	})
	return a, err
}

// Note keeps what another system says about a firing alert. An alert that does not fire is an error with code not_found.
func (s *Service) Note(ctx context.Context, integration, key, text, by string, now time.Time) (a Alert, err error) {
	err = s.change(ctx, integration, key, func(tx Tx, cur Alert) error {
		a = cur
		return s.tellOf(ctx, tx, KindNoted, a, by, by+" on "+a.Headline()+": "+text, Noted{a.ID, a.Group, text}, now)
	})
	return a, err
}

// change runs fn with the firing alert of an integration and key.
func (s *Service) change(ctx context.Context, integration, key string, fn func(Tx, Alert) error) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		as, err := tx.FiringOf(ctx, []string{Identity(integration, key)})
		if err != nil {
			return err
		}
		if len(as) == 0 {
			return errs.New(errs.NotFound, "no alert of %s with the key %.100q fires", integration, key)
		}
		return fn(tx, as[0])
	})
}

func (s *Service) tellOf(ctx context.Context, tx Tx, kind string, a Alert, by, text string, fact any, now time.Time) error {
	e := event.New(kind, now, by, string(a.ID), text, fact)
	e.Service, e.Group = a.Service, string(a.Group)
	return tx.Append(ctx, e)
}

// FiringOf returns the firing alert of an integration and key, or an error with code not_found.
func (s *Service) FiringOf(ctx context.Context, integration, key string) (a Alert, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		as, err := tx.FiringOf(ctx, []string{Identity(integration, key)})
		if err == nil && len(as) == 0 {
			return errs.New(errs.NotFound, "no alert of %s with the key %.100q fires", integration, key)
		}
		if err == nil {
			a = as[0]
		}
		return err
	})
	return a, err
}
