package page

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/detect"
)

// Answer records what came back about a notification by a channel and returns what to say to the person. The same answer
// twice is no error. Who acknowledges or resolves must be a person of the catalog: the one who was told, or one who has
// the address that answers as a contact of that channel; anybody else gets an error with code denied.
func (s *Service) Answer(ctx context.Context, channel string, a Answer) (string, error) {
	now := s.Now()
	switch a.Kind {
	case AnswerDelivered, AnswerFailed:
		return "", s.delivered(ctx, channel, a, now)
	case AnswerAck, AnswerResolve:
	default:
		return "", errs.New(errs.Invalid, "%.40q is no answer", string(a.Kind))
	}
	by := ""
	if a.From != "" {
		if by = s.whoHas(channel, a.From); by == "" {
			return "", errs.New(errs.Denied, "Nightkeeper does not know you: no person of the catalog has the contact %s %.80s", channel, a.From)
		}
	}
	if a.Notification == "" {
		id, err := s.meant(ctx, channel, by, a)
		if err != nil {
			return "", err
		}
		a.Notification = id
	}
	n, pages, err := s.pagesOf(ctx, a.Notification)
	if err != nil {
		return "", err
	}
	if by == "" {
		by = n.Person
	}
	var said []string
	for _, id := range pages {
		say, err := s.answerPage(ctx, id, a.Kind, by, now)
		switch {
		case len(pages) > 1 && errs.Is(err, errs.Conflict): // the rest of a bundle can still be answered
			say = errs.Message(err)
		case err != nil:
			return "", err
		}
		said = append(said, say)
	}
	if len(said) > 3 {
		said = append(said[:3], fmt.Sprintf("and %d more", len(pages)-3))
	}
	return strings.Join(said, "; "), nil
}

// meant returns the notification that a person answers by its code, or the newest that went to where the answer is from.
func (s *Service) meant(ctx context.Context, channel, person string, a Answer) (id NotificationID, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		ns, err := tx.Contacted(ctx, person, channel, time.Time{}, maxBundle)
		if err != nil {
			return err
		}
		for _, n := range ns {
			if n.Address != a.From || n.In != "" || n.OutAt.IsZero() {
				continue
			}
			if a.Code == "" || a.Code == codeOf(n.ID) {
				id = n.ID
				return nil
			}
		}
		return errs.New(errs.NotFound, "no message to %.80s is meant by that", a.From)
	})
	return id, err
}

// answerPage acknowledges or resolves one page and says what came of it.
func (s *Service) answerPage(ctx context.Context, id ID, kind AnswerKind, by string, now time.Time) (string, error) {
	if kind == AnswerResolve {
		p, err := s.End(ctx, id, by, now)
		if err != nil {
			return "", err
		}
		return p.Service + ": " + p.Reason, nil
	}
	p, err := s.Ack(ctx, id, by, now)
	switch {
	case err != nil:
		return "", err
	case p.AckedBy == by:
		return fmt.Sprintf("%s acknowledged %s %s", by, p.Severity, p.Service), nil
	}
	return fmt.Sprintf("%s %s was already acknowledged by %s", p.Severity, p.Service, p.AckedBy), nil
}

// End records that a person says a page is over. A page that is resolved stays as it is.
func (s *Service) End(ctx context.Context, id ID, by string, now time.Time) (p Page, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if p, err = tx.Page(ctx, id); err != nil || p.State == Resolved {
			return err
		}
		still, err := detect.Settle(ctx, tx, s.Catalog(), p.Group, by+" resolved its page", now)
		if err != nil {
			return err
		}
		reason := "resolved by " + by
		if still.Alerts > 0 {
			reason += "; " + still.String()
		}
		if err := Ended(ctx, tx, p.Group, by, reason, now); err != nil {
			return err
		}
		p, err = tx.Page(ctx, id)
		return err
	})
	return p, err
}

// pagesOf returns a notification and the pages that its message was about.
func (s *Service) pagesOf(ctx context.Context, id NotificationID) (n Notification, pages []ID, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		if n, err = tx.Notification(ctx, id); err != nil {
			return err
		}
		with, err := tx.With(ctx, n.ID)
		if err != nil {
			return err
		}
		pages = []ID{n.Page}
		for _, o := range with {
			if !slices.Contains(pages, o.Page) {
				pages = append(pages, o.Page)
			}
		}
		return nil
	})
	return n, pages, err
}

// whoHas returns the person with a contact, or "".
func (s *Service) whoHas(channel, address string) string {
	people := s.Catalog().People
	for _, name := range slices.Sorted(maps.Keys(people)) {
		for _, c := range people[name].Contacts {
			if c.Channel == channel && c.Address == address {
				return name
			}
		}
	}
	return ""
}

// delivered records the provider's word about a message. What arrived stays arrived.
func (s *Service) delivered(ctx context.Context, channel string, a Answer, now time.Time) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		lead, err := tx.Notification(ctx, a.Notification)
		if err != nil {
			return err
		}
		if lead.Channel != channel {
			return errs.New(errs.Denied, "the notification %s did not go out by %s", lead.ID, channel)
		}
		with, err := tx.With(ctx, lead.ID)
		if err != nil {
			return err
		}
		for _, n := range append([]Notification{lead}, with...) {
			if err := s.deliveredOne(ctx, tx, n, a, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) deliveredOne(ctx context.Context, tx Tx, n Notification, a Answer, now time.Time) error {
	p, err := tx.Page(ctx, n.Page)
	if err != nil {
		return err
	}
	kind, text := KindDelivered, fmt.Sprintf("the message to %s by %s arrived", n.Person, n.Channel)
	switch {
	case n.Delivery == Delivered, a.Kind == AnswerFailed && n.Delivery == Failed:
		return nil
	case a.Kind == AnswerFailed:
		n.Delivery, n.Error = Failed, a.Why
		kind, text = KindFailed, fmt.Sprintf("%s could not be told by %s: %s", n.Person, n.Channel, a.Why)
	default:
		n.Delivery, n.DeliveredAt, n.Error = Delivered, now, ""
		if n.SentAt.IsZero() {
			n.SentAt = now
		}
	}
	if err := tx.SaveNotification(ctx, n); err != nil {
		return err
	}
	if p.Group.Synthetic() && n.Delivery == Delivered {
		if err := arrived(ctx, tx, p.Group, now); err != nil {
			return err
		}
	}
	return s.notified(ctx, tx, p, n, kind, text, now)
}
