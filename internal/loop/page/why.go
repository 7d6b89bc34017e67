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
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page/rota"
)

// Why says what decided who was told of an alert, in the order of time.
type Why struct {
	Alert         detect.Alert   `json:"alert"`
	Verdict       string         `json:"verdict"` // one sentence: who was told, or why nobody was
	Told          bool           `json:"told"`    // somebody was
	Reasons       []Reason       `json:"reasons"`
	Page          *Page          `json:"page,omitempty"`
	Notifications []Notification `json:"notifications,omitempty"`
}

// Reason is one decision on the way from an alert to a person. At is zero when it follows from what is declared.
type Reason struct {
	At    time.Time `json:"at,omitzero"`
	About string    `json:"about"` // fires, severity, group, muted, page, told
	Text  string    `json:"text"`
}

// Why answers why people were told of an alert, or were not; of one person when person is given. An alert that is not
// known is an error with code not_found.
func (s *Service) Why(ctx context.Context, alert detect.AlertID, person string, now time.Time) (Why, error) {
	a, err := s.Alert(ctx, alert)
	if err != nil {
		return Why{}, err
	}
	var p *Page
	var ns []Notification
	var facts []event.Event
	if a.Group != "" {
		if facts, err = s.Events(ctx, event.Query{Group: string(a.Group), Last: true, Limit: 1000}); err != nil {
			return Why{}, fmt.Errorf("read what happened to alert %s: %w", alert, err)
		}
		if p, ns, err = s.lastPage(ctx, facts); err != nil {
			return Why{}, err
		}
	}
	made, err := s.Overrides(ctx, "", now, now.Add(time.Millisecond))
	if err != nil {
		return Why{}, fmt.Errorf("read who is on call: %w", err)
	}
	return explain(a, p, ns, facts, rotaNow{s.Catalog(), made, now}, person), nil
}

// rotaNow is what says who is on call at a time.
type rotaNow struct {
	*catalog.Catalog
	made []rota.Override
	at   time.Time
}

// lastPage returns the newest page that the facts of a group speak of; nil when there was none.
func (s *Service) lastPage(ctx context.Context, facts []event.Event) (*Page, []Notification, error) {
	for _, e := range slices.Backward(facts) {
		if !strings.HasPrefix(e.Kind, "page.") || !strings.HasPrefix(e.Subject, "pg_") {
			continue
		}
		p, ns, err := s.Get(ctx, ID(e.Subject))
		if errs.Is(err, errs.NotFound) {
			continue
		}
		slices.Reverse(ns)
		return &p, ns, err
	}
	return nil, nil, nil
}

// explain puts the decisions about an alert into words.
func explain(a detect.Alert, p *Page, ns []Notification, facts []event.Event, c rotaNow, person string) Why {
	w := Why{Alert: a, Page: p, Notifications: ns}
	add := func(at time.Time, about, format string, args ...any) {
		w.Reasons = append(w.Reasons, Reason{at, about, fmt.Sprintf(format, args...)})
	}
	add(a.FiredAt, "fires", "%s", firesBecause(a))
	add(time.Time{}, "severity", "%s", severityBecause(a, c.Catalog))
	switch {
	case a.Group == "" && len(a.Muted) > 0:
	case a.GroupReason == "":
		add(a.FiredAt, "group", "it is part of group %s", a.Group)
	default:
		add(a.FiredAt, "group", "group %s: %s", a.Group, a.GroupReason)
	}
	for _, m := range a.Muted {
		add(time.Time{}, "muted", "%s", m)
	}
	if a.Again != "" {
		add(time.Time{}, "fires", "%s", a.Again)
	}
	if a.Ticket() {
		add(time.Time{}, "page", "a ticket pages nobody: it waits for a working day")
	}
	if p != nil {
		for _, e := range facts {
			if e.Subject == string(p.ID) && strings.HasPrefix(e.Kind, "page.") {
				add(e.At, "page", "%s", e.Text)
			}
		}
	}
	if a.State == detect.Resolved {
		add(a.ResolvedAt, "fires", "it is over: %s", a.Resolution)
	}
	w.Reasons = inOrder(w.Reasons)
	told := tellers(ns, Sent, Delivered)
	w.Told = len(told) > 0
	w.Verdict = verdict(a, p, told, strings.Join(tellers(ns, Shadow), ", "))
	if person != "" {
		w.Verdict = aboutPerson(a, p, ns, c, person, w.Verdict)
	}
	return w
}

// inOrder sorts reasons by time: the page of a group may have opened before the alert fired, and end after it. A reason
// without a time stays behind the one that it follows.
func inOrder(rs []Reason) []Reason {
	type placed struct {
		at time.Time
		Reason
	}
	all := make([]placed, len(rs))
	var at time.Time
	for i, r := range rs {
		if !r.At.IsZero() {
			at = r.At
		}
		all[i] = placed{at, r}
	}
	slices.SortStableFunc(all, func(a, b placed) int { return a.at.Compare(b.at) })
	for i := range all {
		rs[i] = all[i].Reason
	}
	return rs
}

func firesBecause(a detect.Alert) string {
	if a.Source == "" {
		return "objective " + a.SLO + ": " + a.Reason
	}
	said := fmt.Sprintf("%s reported it through %s: %s", a.Source, a.Integration, a.Title)
	switch {
	case a.Count == 1:
		said += fmt.Sprintf("; repeated once, at %s", a.UpdatedAt.UTC().Format("15:04:05 UTC"))
	case a.Count > 1:
		said += fmt.Sprintf("; repeated %d times, the last at %s", a.Count, a.UpdatedAt.UTC().Format("15:04:05 UTC"))
	}
	return said
}

func severityBecause(a detect.Alert, c *catalog.Catalog) string {
	switch {
	case a.Source == "":
		return fmt.Sprintf("%s: the %s rule for a service of tier %s", a.Severity, cmp.Or(a.Reading.Rule.Name, "burn"), c.TierOf(a.Service))
	case a.Rule != "":
		return fmt.Sprintf("%s: rule %s of the catalog", a.Severity, a.Rule)
	case a.Labels["severity"] != "":
		return fmt.Sprintf("%s: its label severity is %q, and no rule of the catalog selects it", a.Severity, a.Labels["severity"])
	case a.Said != "":
		return fmt.Sprintf("%s: its source says %q, and no rule of the catalog selects it", a.Severity, a.Said)
	}
	return fmt.Sprintf("%s: nobody said how bad it is, and no rule of the catalog selects it", a.Severity)
}

// tellers returns the people whose notifications have one of the deliveries, in order, each with the channels.
func tellers(ns []Notification, how ...Delivery) []string {
	var people []string
	by := map[string][]string{}
	for _, n := range ns {
		if !slices.Contains(how, n.Delivery) {
			continue
		}
		if by[n.Person] == nil {
			people = append(people, n.Person)
		}
		if !slices.Contains(by[n.Person], n.Channel) {
			by[n.Person] = append(by[n.Person], n.Channel)
		}
	}
	for i, name := range people {
		people[i] = name + " by " + strings.Join(by[name], " and ")
	}
	return people
}

func verdict(a detect.Alert, p *Page, told []string, shadow string) string {
	switch {
	case len(told) > 0 && !a.Told && a.Source != "":
		return "Told as part of its group: " + strings.Join(told, ", ") + "."
	case len(told) > 0:
		return "Told: " + strings.Join(told, ", ") + "."
	case len(a.Muted) > 0:
		return "Nobody was told: " + a.Muted[0] + "."
	case shadow != "":
		return "Nobody was told, because this server runs as a shadow. It would have told " + shadow + "."
	case p == nil && a.Ticket():
		return "Nobody was told: it is a ticket."
	case p == nil:
		return "Nobody was told yet: the page is about to be opened."
	case p.State == Held:
		return "Nobody was told yet: " + p.Reason + "."
	case p.State == Resolved:
		return "Nobody was told: " + p.Reason + "."
	}
	return "Nobody was reached: " + p.Reason + "."
}

// aboutPerson says why one person was told or was not.
func aboutPerson(a detect.Alert, p *Page, ns []Notification, c rotaNow, person, otherwise string) string {
	who := c.People[person]
	if who == nil {
		return person + " is not a person of the catalog, so nobody can page them."
	}
	var mine []string
	for _, n := range ns {
		if n.Person != person {
			continue
		}
		line := fmt.Sprintf("by %s at %s: %s", n.Channel, n.At.UTC().Format("15:04:05 UTC"), n.Delivery)
		if n.Error != "" {
			line += " (" + n.Error + ")"
		}
		mine = append(mine, line)
	}
	switch {
	case len(mine) > 0 && !slices.ContainsFunc(ns, func(n Notification) bool { return n.Person == person && n.Delivery != Shadow }):
		return person + " was not told, because this server runs as a shadow; it would have been " + strings.Join(mine, "; ") + "."
	case len(mine) > 0:
		return person + " was told " + strings.Join(mine, "; ") + "."
	case p == nil || p.State == Held || len(a.Muted) > 0:
		return person + " was not told. " + otherwise
	}
	pol := c.Policies[p.Policy]
	if pol == nil {
		return person + " was not told. " + otherwise
	}
	for k, step := range pol.Steps {
		if !slices.Contains(peopleOf(*p, step, c.Catalog, c.made, c.at), person) {
			continue
		}
		if p.State == Open {
			return fmt.Sprintf("%s was not told yet: step %d of %s, which comes when nobody acknowledges before it.", person, k+1, pol.Name)
		}
		return fmt.Sprintf("%s was not told: the page was %s before step %d of %s.", person, p.State, k+1, pol.Name)
	}
	return fmt.Sprintf("%s was not told: no step of policy %s finds them at this time.", person, pol.Name)
}
