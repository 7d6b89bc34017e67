package page

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/kit/id"
	"nightkeeper/internal/kit/job"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
)

// TicketID names a ticket.
type TicketID string

// TicketState is how far a ticket got.
type TicketState string

// States of a ticket. It is open until somebody takes it, and done when somebody says so or, unless its policy keeps
// tickets, when its alerts are over.
const (
	TicketOpen  TicketState = "open"
	TicketTaken TicketState = "taken"
	TicketDone  TicketState = "done"
)

// Ticket is work for the next business day, for one group of alerts that page nobody.
type Ticket struct {
	ID       TicketID         `json:"id"`
	Group    detect.GroupID   `json:"group"`
	Service  string           `json:"service"`
	Team     string           `json:"team,omitempty"`
	Policy   string           `json:"policy,omitempty"` // whose people are told in the morning
	State    TicketState      `json:"state"`
	Title    string           `json:"title"`
	Context  string           `json:"context,omitempty"`
	Links    detect.Links     `json:"links"`
	Alerts   []detect.AlertID `json:"alerts"` // that were told of
	Firing   []detect.AlertID `json:"firing"` // of those, the ones that still fire
	Calm     bool             `json:"calm"`   // nothing of the group fires any more
	OpenedAt time.Time        `json:"opened_at"`
	DueFrom  time.Time        `json:"due_from"` // the business day on which it is due
	DueTo    time.Time        `json:"due_to"`
	TakenAt  time.Time        `json:"taken_at,omitzero"`
	TakenBy  string           `json:"taken_by,omitempty"`
	DoneAt   time.Time        `json:"done_at,omitzero"`
	DoneBy   string           `json:"done_by,omitempty"`
	Reason   string           `json:"reason"` // why it is in this state
}

// Late reports whether the business day on which the ticket was due is over.
func (t Ticket) Late(now time.Time) bool { return t.State != TicketDone && now.After(t.DueTo) }

// Ticketed is the payload of facts about a ticket.
type Ticketed struct {
	Ticket Ticket `json:"ticket"`
}

const jobTickets = "page.tickets" // the business day of a policy begins: its people are told how many tickets wait

// noPolicy is the key of the morning of tickets without a policy.
const noPolicy = "-"

// fires returns the ticket with one more alert.
func (t Ticket) fires(a detect.Alert) Ticket {
	if !slices.Contains(t.Alerts, a.ID) {
		t.Alerts = append(slices.Clone(t.Alerts), a.ID)
	}
	if !slices.Contains(t.Firing, a.ID) {
		t.Firing = append(slices.Clone(t.Firing), a.ID)
	}
	t.Calm = false
	return t
}

// rests returns the ticket without one of its firing alerts.
func (t Ticket) rests(a detect.AlertID) Ticket {
	t.Firing = slices.DeleteFunc(slices.Clone(t.Firing), func(o detect.AlertID) bool { return o == a })
	return t
}

// end returns the ticket done.
func (t Ticket) end(by, reason string, now time.Time) Ticket {
	t.State, t.DoneAt, t.DoneBy, t.Reason = TicketDone, now, by, reason
	return t
}

// ticket opens the ticket of an alert's group, or adds the alert to the one it has.
func (s *Service) ticket(ctx context.Context, tx Tx, a detect.Alert, now time.Time) error {
	t, err := tx.TicketOf(ctx, a.Group)
	if err == nil {
		next := t.fires(a)
		if len(next.Firing) == len(t.Firing) && next.Calm == t.Calm {
			return nil // told twice
		}
		return tx.SaveTicket(ctx, next)
	}
	if !errs.Is(err, errs.NotFound) {
		return err
	}
	c := s.Catalog()
	pol := c.PolicyFor(a.Service)
	if p := c.Policies[a.Policy]; p != nil {
		pol = p
	}
	hours := c.HoursOf(pol)
	t = Ticket{ID: TicketID(id.New("tk", now)), Group: a.Group, Service: a.Service, State: TicketOpen, Title: a.Headline(), Context: a.Reason,
		Links: a.Links, OpenedAt: now, Reason: fmt.Sprintf("%s pages nobody: it waits for the next business day", a.Severity)}
	t.DueFrom, t.DueTo = hours.NextDay(now)
	if svc := c.Services[a.Service]; svc != nil {
		t.Team = svc.Team
	}
	if pol != nil {
		t.Policy = pol.Name
	}
	t = t.fires(a)
	if err := tx.SaveTicket(ctx, t); err != nil {
		return err
	}
	if err := tx.Enqueue(ctx, job.New(jobTickets, cmp.Or(t.Policy, noPolicy), t.DueFrom, nil)); err != nil {
		return err
	}
	return s.ticketed(ctx, tx, KindTicketOpened, t, event.System, fmt.Sprintf("a ticket, due %s: %s", t.DueFrom.Format("Mon 2 Jan"), t.Title), now)
}

func (s *Service) ticketed(ctx context.Context, tx Tx, kind string, t Ticket, by, text string, now time.Time) error {
	e := event.New(kind, now, by, string(t.ID), text, Ticketed{t})
	e.Service, e.Group = t.Service, string(t.Group)
	return tx.Append(ctx, e)
}

// worse ends the ticket of a group whose alert pages people from now on, when nothing else is left of it.
func (s *Service) worse(ctx context.Context, tx Tx, a detect.Alert, now time.Time) error {
	t, err := tx.TicketOf(ctx, a.Group)
	if errs.Is(err, errs.NotFound) || err == nil && !slices.Contains(t.Firing, a.ID) {
		return nil
	}
	if err != nil {
		return err
	}
	if t = t.rests(a.ID); len(t.Firing) > 0 {
		return tx.SaveTicket(ctx, t)
	}
	return s.endTicket(ctx, tx, t, event.System, fmt.Sprintf("it became a page of %s", a.Severity), now)
}

func (s *Service) endTicket(ctx context.Context, tx Tx, t Ticket, by, reason string, now time.Time) error {
	t = t.end(by, reason, now)
	if err := tx.SaveTicket(ctx, t); err != nil {
		return err
	}
	return s.ticketed(ctx, tx, KindTicketDone, t, by, "the ticket is done: "+reason, now)
}

// calms notes that alerts of a group are over. A group may be calm for pages while one of its tickets still fires, so both
// have to be true.
func (s *Service) calms(ctx context.Context, tx Tx, g detect.GroupID, a detect.AlertID, groupCalm bool, now time.Time) error {
	t, err := tx.TicketOf(ctx, g)
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	before := len(t.Firing) == 0 && t.Calm
	t = t.rests(a)
	t.Calm = t.Calm || groupCalm
	switch {
	case before || len(t.Firing) > 0 || !t.Calm:
		return tx.SaveTicket(ctx, t)
	case !s.keepsTickets(t.Policy):
		return s.endTicket(ctx, tx, t, event.System, "no alert of it fires any more", now)
	}
	t.Reason = "no alert of it fires any more; it stays until somebody closes it"
	if err := tx.SaveTicket(ctx, t); err != nil {
		return err
	}
	return s.ticketed(ctx, tx, KindTicketCalm, t, event.System, t.Title+": "+t.Reason, now)
}

func (s *Service) keepsTickets(policy string) bool {
	p := s.Catalog().Policies[policy]
	return p != nil && p.KeepTickets
}

// morning tells whoever is on call how many tickets wait, and comes again on the next business day while some do.
func (s *Service) morning(ctx context.Context, tx Tx, key string, now time.Time) error {
	all, err := tx.Tickets(ctx, true, maxTickets)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(t Ticket) bool { return cmp.Or(t.Policy, noPolicy) != key })
	if len(all) == 0 {
		return nil
	}
	c := s.Catalog()
	made, err := tx.Overrides(ctx, "", now, now.Add(time.Millisecond))
	if err != nil {
		return err
	}
	n := Notice{Schedule: key, Kind: noticeTickets, Link: "/tickets", Title: waiting(len(all)), Text: ticketWords(all, now)}
	for _, person := range ticketPeople(c, all[0], func(p Page) escalation { return escalate(p, c, now, made...) }) {
		n.Person = person
		if err := s.notice(ctx, tx, n, now); err != nil {
			return err
		}
	}
	hours := c.HoursOf(c.Policies[key])
	next, _ := hours.NextDay(now)
	return tx.Enqueue(ctx, job.New(jobTickets, key, next, nil))
}

const (
	noticeTickets = "tickets"
	maxTickets    = 1000
)

// ticketPeople returns who is told of tickets: whom the first step tells of a page of SEV3, which is the least that pages;
// without a policy, the team.
func ticketPeople(c *catalog.Catalog, t Ticket, first func(Page) escalation) []string {
	if team := c.Teams[t.Team]; c.Policies[t.Policy] == nil && team != nil && len(team.Members) > 0 {
		return team.Members
	}
	return first(Page{Service: t.Service, Severity: detect.SEV3, Policy: t.Policy, State: Open}).people
}

func waiting(n int) string {
	if n == 1 {
		return "1 ticket waits"
	}
	return fmt.Sprintf("%d tickets wait", n)
}

// ticketWords lists tickets, the oldest first.
func ticketWords(ts []Ticket, now time.Time) string {
	text := waiting(len(ts)) + ", the oldest first:"
	for i, t := range ts {
		if i == maxLines {
			return text + fmt.Sprintf("\nand %d more", len(ts)-i)
		}
		text += "\n" + t.Title
		switch {
		case t.Late(now):
			text += " (late)"
		case t.TakenBy != "":
			text += " (" + t.TakenBy + " has it)"
		}
	}
	return text
}

// Tickets returns tickets: those that are not done, the oldest first, and with all the newest ones that are, too.
func (s *Service) Tickets(ctx context.Context, all bool) (out []Ticket, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		if out, err = tx.Tickets(ctx, true, maxTickets); err != nil || !all {
			return err
		}
		done, err := tx.Tickets(ctx, false, 200)
		out = append(out, done...)
		return err
	})
	return out, err
}

// TakeTicket records who works on a ticket; somebody else may take it over. One that is done is an error with code
// conflict.
func (s *Service) TakeTicket(ctx context.Context, id TicketID, by string, now time.Time) (t Ticket, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		if t, err = openTicket(ctx, tx, id); err != nil || t.TakenBy == by {
			return err
		}
		text := by + " took the ticket"
		if t.TakenBy != "" {
			text += " over from " + t.TakenBy
		}
		t.State, t.TakenBy, t.TakenAt, t.Reason = TicketTaken, by, now, "taken by "+by
		if err := tx.SaveTicket(ctx, t); err != nil {
			return err
		}
		return s.ticketed(ctx, tx, KindTicketTaken, t, by, text+": "+t.Title, now)
	})
	return t, err
}

// EndTicket records that a ticket is done, and why. The reason is required; done twice is an error with code conflict.
func (s *Service) EndTicket(ctx context.Context, id TicketID, reason, by string, now time.Time) (t Ticket, err error) {
	if reason == "" {
		return t, errs.New(errs.Invalid, "say why the ticket is done, in a few words")
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		if t, err = openTicket(ctx, tx, id); err != nil {
			return err
		}
		if err := s.endTicket(ctx, tx, t, by, reason, now); err != nil {
			return err
		}
		t, err = tx.Ticket(ctx, id)
		return err
	})
	return t, err
}

func openTicket(ctx context.Context, tx Tx, id TicketID) (Ticket, error) {
	t, err := tx.Ticket(ctx, id)
	if err == nil && t.State == TicketDone {
		err = errs.New(errs.Conflict, "the ticket is done already: %s", t.Reason)
	}
	return t, err
}
