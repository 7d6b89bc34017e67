package page

import (
	"fmt"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page/rota"
)

// ID names a page.
type ID string

// State of a page; see the package comment.
type State string

// States of a page.
const (
	Held     State = "held"
	Open     State = "open"
	Acked    State = "acked"
	Resolved State = "resolved"
)

// Page is one call for a person, for one group of alerts, or for what a later phase orders.
type Page struct {
	ID         ID              `json:"id"`
	Group      detect.GroupID  `json:"group"`
	Service    string          `json:"service"`
	Severity   detect.Severity `json:"severity"`
	Policy     string          `json:"policy"`
	State      State           `json:"state"`
	Title      string          `json:"title"`
	Context    string          `json:"context,omitempty"` // what was found out before people were told
	Links      detect.Links    `json:"links"`
	Step       int             `json:"step"` // next step of the policy
	Loop       int             `json:"loop"`
	OpenedAt   time.Time       `json:"opened_at"`
	HeldUntil  time.Time       `json:"held_until,omitzero"`
	Kept       bool            `json:"kept,omitempty"` // its hold was made longer once
	ReleasedAt time.Time       `json:"released_at,omitzero"`
	AckedAt    time.Time       `json:"acked_at,omitzero"`
	AckedBy    string          `json:"acked_by,omitempty"`
	ResolvedAt time.Time       `json:"resolved_at,omitzero"`
	Told       []string        `json:"told,omitempty"`  // people told so far, in order
	For        string          `json:"for,omitempty"`   // what a call is about; empty when alerts are what it is about
	First      []string        `json:"first,omitempty"` // people of a call who are told before the steps of the policy
	Asked      bool            `json:"asked,omitempty"` // they were
	Reason     string          `json:"reason"`          // why it is in this state
}

// NotificationID names a notification.
type NotificationID string

// Delivery is how far a notification got.
type Delivery string

// Deliveries. A notification that failed for good says why and stays visible. Not every channel hears whether what the
// provider accepted was delivered.
const (
	Queued    Delivery = "queued"
	Sent      Delivery = "sent" // the provider accepted it
	Delivered Delivery = "delivered"
	Failed    Delivery = "failed"
	Unneeded  Delivery = "unneeded" // somebody took the page before its turn
	Shadow    Delivery = "shadow"   // its turn came and no channel was given it: see Config.Shadow
)

// Notification tells one person of one page by one channel.
type Notification struct {
	ID       NotificationID `json:"id"`
	Page     ID             `json:"page"`
	Person   string         `json:"person"`
	Channel  string         `json:"channel"`
	Address  string         `json:"address,omitempty"`
	Delivery Delivery       `json:"delivery"`
	At       time.Time      `json:"at"`
	OutAt    time.Time      `json:"out_at,omitzero"` // when it was first handed to the channel
	In       NotificationID `json:"in,omitempty"`    // the notification in whose message it goes out
	SentAt   time.Time      `json:"sent_at,omitzero"`

	DueAt       time.Time `json:"due_at,omitzero"` // later than At when the person's own rules say so
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	Error       string    `json:"error,omitempty"`
	Receipt     string    `json:"receipt,omitempty"`
}

// lastWait is how long the last step of a loop waits before the policy starts again.
const lastWait = 5 * time.Minute

// Settle is how long a page is held after a runbook ended well: several recent windows of the fast rule.
const Settle = 3 * time.Minute

// keep returns the page held until Settle from now, when it is held and that was not done before.
func (p Page) keep(reason string, now time.Time) (next Page, kept bool) {
	if p.State != Held || p.Kept {
		return p, false
	}
	p.Kept, p.HeldUntil = true, now.Add(Settle)
	p.Reason = reason + "; held for at most " + catalog.Duration(Settle).String() + " more, until the alert has seen it"
	return p, true
}

// release returns the page told to people from now on.
func (p Page) release(reason string, now time.Time) Page {
	p.State, p.ReleasedAt, p.Reason = Open, now, reason
	return p
}

// escalation is what a step of a policy does.
type escalation struct {
	people    []string
	next      Page
	wait      time.Duration // until the step after; 0 when there is none
	exhausted bool
	reason    string
}

// escalate takes the page's next step: whom to tell, and how long to wait for an answer. Steps that find nobody are
// passed over.
func escalate(p Page, c *catalog.Catalog, now time.Time, made ...rota.Override) escalation {
	if p.Group.Synthetic() {
		return escalation{next: p, people: []string{watcher}, wait: lastWait, reason: "the watchdog tries the way"}
	}
	if len(p.First) > 0 && !p.Asked {
		return byName(p)
	}
	pol := c.Policies[p.Policy]
	if pol == nil || len(pol.Steps) == 0 {
		return escalation{next: p, exhausted: true, reason: "no escalation policy: everybody in the catalog is told", people: everybody(c)}
	}
	out := escalation{next: p}
	if p.Step >= len(pol.Steps) { // the policy was made shorter while the page was open
		out.next.Step, out.next.Loop = 0, p.Loop+1
	}
	for range pol.Steps {
		if out.next.Loop >= pol.Loops {
			out.exhausted = true
			out.reason = fmt.Sprintf("policy %s is exhausted: %d loops without an answer", pol.Name, pol.Loops)
			return out
		}
		step := pol.Steps[out.next.Step]
		out.reason = fmt.Sprintf("step %d of %s, loop %d of %d", out.next.Step+1, pol.Name, out.next.Loop+1, pol.Loops)
		out.people = peopleOf(p, step, c, made, now)
		out.next.Step++
		out.wait = lastWait
		if out.next.Step < len(pol.Steps) {
			out.wait = pol.Steps[out.next.Step].After.D()
		} else {
			out.next.Step, out.next.Loop = 0, out.next.Loop+1
			if pol.Steps[0].After.D() > 0 {
				out.wait = pol.Steps[0].After.D()
			}
		}
		if len(out.people) > 0 {
			return out
		}
	}
	out.people, out.reason = everybody(c), "no step of "+pol.Name+" finds anybody: everybody in the catalog is told"
	return out
}

// peopleOf returns whom a step tells of a page, at the page's severity.
func peopleOf(p Page, s catalog.Step, c *catalog.Catalog, made []rota.Override, now time.Time) []string {
	var out []string
	for _, t := range s.Targets {
		if !t.Is(string(p.Severity)) {
			continue
		}
		for _, name := range targeted(t, p.Service, c, made, now, onSchedule(made, now)) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// onSchedule returns who is on call at a time.
func onSchedule(made []rota.Override, now time.Time) func(*catalog.Schedule) []string {
	return func(s *catalog.Schedule) []string {
		sh, err := rota.At(s, made, now)
		if err != nil {
			return nil
		}
		return sh.People()
	}
}

// targeted returns the people of the catalog whom a target means in a page about a service. On says who is on call.
func targeted(t catalog.Target, service string, c *catalog.Catalog, made []rota.Override, now time.Time, on func(*catalog.Schedule) []string) []string {
	var out []string
	switch {
	case t.Role == catalog.RoleManager:
		if s := c.Services[service]; s != nil && c.Teams[s.Team] != nil {
			out = []string{c.Teams[s.Team].Manager}
		}
	case t.Role != "":
		out = rota.OnRole(c, t.Role, made, now)
	case t.Person != "":
		out = []string{t.Person}
	case t.Schedule != "" && c.Schedules[t.Schedule] != nil:
		out = on(c.Schedules[t.Schedule])
	case t.Team != "" && c.Teams[t.Team] != nil:
		out = slices.Clone(c.Teams[t.Team].Members)
	}
	return slices.DeleteFunc(out, func(name string) bool { return c.People[name] == nil })
}

func everybody(c *catalog.Catalog) []string {
	var out []string
	for name := range c.People {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// contactsOf returns how to reach a person: the inbox always, and each declared contact.
func contactsOf(p *catalog.Person) []catalog.Contact {
	out := []catalog.Contact{{Channel: "inbox"}}
	for _, c := range p.Contacts {
		if c.Channel != "inbox" {
			out = append(out, c)
		}
	}
	return out
}

// reopen returns an acknowledged page open again: nobody has it any more.
func (p Page) reopen(reason string, now time.Time) Page {
	p.State, p.Reason, p.ReleasedAt, p.AckedAt, p.AckedBy = Open, reason, now, time.Time{}, ""
	p.Step, p.Loop = 0, 0
	return p
}

// missed returns whom a page that became worse tells at once: the people that the steps it has taken have for its
// severity, and who do not know of it yet.
func missed(p Page, c *catalog.Catalog, made []rota.Override, now time.Time) []string {
	pol := c.Policies[p.Policy]
	if pol == nil || p.State != Open {
		return nil
	}
	taken := p.Step
	if p.Loop > 0 {
		taken = len(pol.Steps)
	}
	var out []string
	for _, step := range pol.Steps[:min(taken, len(pol.Steps))] {
		for _, name := range peopleOf(p, step, c, made, now) {
			if !slices.Contains(p.Told, name) && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
