package page

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page/rota"
)

// Notice tells a person something about being on call or in command. It is not a page: nothing burns, nobody answers it, and it is never
// bundled with pages.
type Notice struct {
	ID       string    `json:"id"`
	Schedule string    `json:"schedule,omitempty"`
	About    string    `json:"about,omitempty"` // what it is about when it is not a schedule, such as INC-7
	Person   string    `json:"person"`
	Kind     string    `json:"kind"` // soon, now, over, cover, swap, tickets, command or handoff
	Title    string    `json:"title"`
	Text     string    `json:"text"`
	Link     string    `json:"link,omitempty"` // path of the page that shows it; default that of who is on call
	Channel  string    `json:"channel"`
	Address  string    `json:"address,omitempty"`
	Delivery Delivery  `json:"delivery"`
	At       time.Time `json:"at"`
	SentAt   time.Time `json:"sent_at,omitzero"`
	Error    string    `json:"error,omitempty"`
}

func (n Notice) subject() string { return cmp.Or(n.About, n.Schedule) }

// Jobs about schedules.
const (
	jobLook   = "page.look"   // who is on call may have changed: one for each schedule
	jobNotice = "page.notice" // one notice
)

// HandedOver is the payload of facts about who is on call.
type HandedOver struct {
	Schedule string   `json:"schedule"`
	Before   []string `json:"before"`
	Now      []string `json:"now"`
}

// WatchSchedules has every schedule looked at when the catalog is not the one that it saw last. Call it now and then: a
// schedule that has a due look is only looked at once more.
func (s *Service) WatchSchedules(ctx context.Context, now time.Time) error {
	c := s.Catalog()
	if seen := s.watched.Load(); seen != nil && seen == c {
		return nil
	}
	err := s.Store.Update(ctx, func(tx Tx) error {
		for name := range c.Schedules {
			if err := s.lookAt(ctx, tx, name, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.watched.Store(c)
	}
	return err
}

func (s *Service) lookAt(ctx context.Context, tx Tx, schedule string, now time.Time) error {
	return tx.Enqueue(ctx, job.New(jobLook, schedule, now, nil))
}

// look tells people of a schedule what changed for them, and sets the timer for the next look.
func (s *Service) look(ctx context.Context, tx Tx, j job.Job, now time.Time) error {
	sch := s.Catalog().Schedules[j.Key]
	if sch == nil || sch.NoticeBefore <= 0 {
		return nil
	}
	r, err := s.rotaIn(ctx, tx, sch.Name, now)
	if err != nil {
		return err
	}
	was, err := tx.Watch(ctx, sch.Name)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}
	next, tells, due := r.Look(was, sch.NoticeBefore.D(), now)
	if err := tx.SaveWatch(ctx, next); err != nil {
		return err
	}
	if !was.At.IsZero() && !slices.Equal(was.On, next.On) {
		text := fmt.Sprintf("%s: %s is on call now", sch.Title(), names(next.On))
		if len(was.On) > 0 {
			text += ", before it was " + names(was.On)
		}
		if err := tx.Append(ctx, event.New(KindHandedOver, now, event.System, sch.Name, text, HandedOver{sch.Name, was.On, next.On})); err != nil {
			return err
		}
	}
	for _, t := range tells {
		if err := s.notice(ctx, tx, s.words(sch, t), now); err != nil {
			return err
		}
	}
	return tx.Enqueue(ctx, job.New(jobLook, sch.Name, due, nil))
}

func names(people []string) string {
	if len(people) == 0 {
		return "nobody"
	}
	return strings.Join(people, ", ")
}

// words writes what a person is told, in the person's own time zone.
func (s *Service) words(sch *catalog.Schedule, t rota.Tell) Notice {
	n := Notice{Schedule: sch.Name, Person: t.Person, Kind: string(t.Kind)}
	loc, err := sch.Zone("")
	if p := s.Catalog().People[t.Person]; p != nil && p.TimeZone != "" {
		loc, err = time.LoadLocation(p.TimeZone)
	}
	if err != nil {
		loc = time.UTC
	}
	at := func(x time.Time) string { return x.In(loc).Format("Mon 2 Jan 15:04 MST") }
	until := ""
	if !t.To.IsZero() {
		until = " until " + at(t.To)
	}
	with := ""
	if len(t.With) > 0 {
		with = " With you: " + names(t.With) + "."
	}
	switch t.Kind {
	case rota.TellSoon:
		n.Title = "You are on call soon: " + sch.Title()
		n.Text = fmt.Sprintf("You are on call for %s from %s%s.%s", sch.Title(), at(t.From), until, with)
	case rota.TellNow:
		n.Title = "You are on call now: " + sch.Title()
		n.Text = fmt.Sprintf("You are on call for %s%s.%s", sch.Title(), until, with)
	case rota.TellOver:
		n.Title = "You are not on call any more: " + sch.Title()
		n.Text = fmt.Sprintf("Your time on call for %s is over. On call now: %s.", sch.Title(), names(t.With))
	}
	return n
}

// notice writes a notice for each contact of a person, and a task to send it. Somebody who is not in the catalog is told
// nothing.
func (s *Service) notice(ctx context.Context, tx Tx, n Notice, now time.Time) error {
	who := s.Catalog().People[n.Person]
	if who == nil {
		return nil
	}
	for _, c := range contactsOf(who) {
		n.ID, n.Channel, n.Address, n.At, n.Delivery, n.SentAt = id.New("nt", now), c.Channel, c.Address, now, Queued, time.Time{}
		if c.Channel == "inbox" {
			n.Delivery, n.SentAt = s.arrived(n.Channel), now
		}
		if err := tx.SaveNotice(ctx, n); err != nil {
			return err
		}
		if c.Channel == "inbox" {
			continue
		}
		if err := tx.Enqueue(ctx, job.New(s.forChannel(jobNotice, c.Channel), n.ID, now, nil)); err != nil {
			return err
		}
	}
	return nil
}

// sendNotice hands one notice to its channel and records what became of it.
func (s *Service) sendNotice(ctx context.Context, j job.Job) error {
	var n Notice
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		n, err = tx.Notice(ctx, j.Key)
		return err
	})
	if err != nil {
		return fmt.Errorf("read notice %s: %w", j.Key, err)
	}
	if n.Delivery != Queued {
		return nil
	}
	ch := s.channels[n.Channel]
	if s.Shadow {
		return s.recordNotice(ctx, n, nil)
	}
	if ch == nil {
		return s.recordNotice(ctx, n, errs.New(errs.Invalid, "channel %s is not configured on this server", n.Channel))
	}
	short, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	base := strings.TrimSuffix(s.BaseURL(), "/")
	_, err = ch.Send(short, Message{Notification: NotificationID(n.ID), Person: n.Person, Address: n.Address, Service: n.subject(),
		Title: n.Title, Text: n.Text, PageURL: base + cmp.Or(n.Link, "/oncall"), At: n.At, Notice: true})
	if err != nil && !errs.Is(err, errs.Invalid) && (ctx.Err() != nil || j.Attempts+1 < job.MaxAttempts) {
		return fmt.Errorf("send %s to %s by %s: %w", n.ID, n.Person, n.Channel, err)
	}
	return s.recordNotice(ctx, n, err)
}

func (s *Service) recordNotice(ctx context.Context, n Notice, failure error) error {
	now := s.Now()
	n.Delivery, n.SentAt = s.arrived(n.Channel), now
	kind, text := KindNoticed, fmt.Sprintf("%s was told by %s: %s", n.Person, n.Channel, n.Title)
	if s.Shadow {
		text = fmt.Sprintf("%s would have been told by %s: %s", n.Person, n.Channel, n.Title)
	}
	if failure != nil {
		n.Delivery, n.SentAt, n.Error = Failed, time.Time{}, errs.Message(failure)
		kind, text = KindUnnoticed, fmt.Sprintf("%s could not be told by %s (%s): %s", n.Person, n.Channel, n.Title, n.Error)
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		if err := tx.SaveNotice(ctx, n); err != nil {
			return err
		}
		return tx.Append(ctx, event.New(kind, now, event.System, n.subject(), text, n))
	})
}

// Notices returns what a person was told about being on call, the newest first.
func (s *Service) Notices(ctx context.Context, person string) (out []Notice, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = tx.Notices(ctx, person, 100)
		return err
	})
	return out, err
}
