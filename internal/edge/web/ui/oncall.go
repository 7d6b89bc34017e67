package ui

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
	"nightkeeper/internal/loop/respond"
)

// stripDays is how far the calendar strip of a schedule looks ahead.
const stripDays = 28

// turn is one shift in a calendar strip, in per cent of its width.
type turn struct {
	rota.Shift
	X, W float64
	Hue  int // which of a few greys its person has
	Now  bool
}

// stripDay is a day line in a calendar strip.
type stripDay struct {
	X    float64
	Text string
}

// rosterShown is a schedule with its next four weeks.
type rosterShown struct {
	duty
	Zone  string
	Turns []turn
	Days  []stripDay
	List  []rota.Shift
}

// inboxLine is a notification with the page that it is about.
type inboxLine struct {
	page.Notification
	P page.Page
}

type oncallData struct {
	Rosters  []rosterShown
	Policies []*catalog.EscalationPolicy
	People   []*catalog.Person
	Catalog  *catalog.Catalog
	Inbox    []inboxLine
	Known    bool // the user is a person of the catalog
	Now      time.Time
}

func (s *server) oncallPage(r *http.Request) (view, error) {
	ctx, c := r.Context(), s.Catalog()
	sh := shellOf(ctx)
	d := oncallData{Catalog: c, Now: sh.Now, Known: c.People[sh.User.Name] != nil}
	for _, u := range duties(c, sh.Now) {
		d.Rosters = append(d.Rosters, roster(u, sh.Zone, sh.Now))
	}
	for _, name := range sortedKeys(c.Policies) {
		d.Policies = append(d.Policies, c.Policies[name])
	}
	for _, name := range sortedKeys(c.People) {
		d.People = append(d.People, c.People[name])
	}
	ns, err := s.Page.Inbox(ctx, sh.User.Name)
	if err != nil {
		return view{}, err
	}
	seen := map[page.ID]bool{}
	for _, n := range ns {
		if seen[n.Page] || len(d.Inbox) >= 20 {
			continue
		}
		seen[n.Page] = true
		p, _, err := s.Page.Get(ctx, n.Page)
		if err != nil {
			return view{}, err
		}
		d.Inbox = append(d.Inbox, inboxLine{n, p})
	}
	return view{Title: "On-call", Live: true, Body: oncallBody(d)}, nil
}

func roster(u duty, zone *time.Location, now time.Time) rosterShown {
	out := rosterShown{duty: u, Zone: u.Schedule.TimeZone}
	if u.Problem != "" {
		return out
	}
	local := now.In(zone)
	from := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	to := from.AddDate(0, 0, stripDays)
	r, err := rota.New(u.Schedule, nil)
	if err != nil {
		out.Problem = err.Error()
		return out
	}
	shifts := r.Between(from, to)
	span := float64(to.Sub(from))
	for _, sh := range shifts {
		if sh.To.IsZero() {
			sh.To = to
		}
		a, b := maxTime(sh.From, from), minTime(sh.To, to)
		t := turn{Shift: sh, X: 100 * float64(a.Sub(from)) / span, W: 100 * float64(b.Sub(a)) / span}
		if len(sh.Duties) > 0 {
			t.Hue = max(slices.Index(u.Schedule.People(), sh.Duties[0].Person), 0) % 4
		}
		t.Now = !now.Before(sh.From) && now.Before(sh.To)
		out.Turns = append(out.Turns, t)
		if sh.To.After(now) && len(out.List) < 6 {
			out.List = append(out.List, sh)
		}
	}
	for k := range stripDays / 7 {
		at := from.AddDate(0, 0, 7*k)
		out.Days = append(out.Days, stripDay{100 * float64(at.Sub(from)) / span, at.Format("Mon 2 Jan")})
	}
	return out
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// targets says whom a step tells, and who that is at the moment.
func targets(s catalog.Step, c *catalog.Catalog, now time.Time) []string {
	var out []string
	for _, t := range s.Targets {
		switch {
		case t.Person != "":
			out = append(out, t.Person)
		case t.Schedule != "":
			who := "nobody"
			if sch := c.Schedules[t.Schedule]; sch != nil {
				if sh, err := rota.At(sch, nil, now); err == nil && len(sh.Duties) > 0 {
					who = strings.Join(sh.People(), ", ")
				}
			}
			out = append(out, "on call for "+t.Schedule+" ("+who+")")
		case t.Team != "":
			out = append(out, "everybody in team "+t.Team)
		}
	}
	return out
}

type pageData struct {
	page.Page
	Notes    []page.Notification
	Facts    []event.Event
	Incident *respond.Incident
	Policy   *catalog.EscalationPolicy
	Catalog  *catalog.Catalog
	Now      time.Time
}

func (s *server) pagePage(r *http.Request) (view, error) {
	ctx := r.Context()
	p, ns, err := s.Page.Get(ctx, page.ID(r.PathValue("id")))
	if err != nil {
		return view{}, err
	}
	slices.Reverse(ns)
	d := pageData{Page: p, Notes: ns, Policy: s.Catalog().Policies[p.Policy], Catalog: s.Catalog(), Now: shellOf(ctx).Now}
	if d.Facts, err = s.Events(ctx, event.Query{Subject: string(p.ID), Limit: 1000}); err != nil {
		return view{}, err
	}
	if d.Incident, err = s.incidentOf(ctx, p); err != nil {
		return view{}, err
	}
	return view{Title: string(p.Severity) + " " + p.Service, Live: true, Group: string(p.Group), Body: pageBody(d)}, nil
}

// incidentOf returns the incident of a page's group, nil when there is none: the facts of the group name it.
func (s *server) incidentOf(ctx context.Context, p page.Page) (*respond.Incident, error) {
	facts, err := s.Events(ctx, event.Query{Group: string(p.Group), Kinds: []string{respond.KindOpened}, Limit: 1})
	if err != nil || len(facts) == 0 {
		return nil, err
	}
	i, err := s.Respond.Get(ctx, respond.ID(facts[0].Subject))
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}
	return &i, err
}

func (s *server) doAck(r *http.Request) (string, error) {
	id := page.ID(r.PathValue("id"))
	if _, err := s.Page.Ack(r.Context(), id, actorOf(r), s.Now()); err != nil {
		return "", err
	}
	if isPart(r) {
		return "", nil
	}
	return "/pages/" + string(id), nil
}

// ackData is the page behind a signed link: it needs no sign-in.
type ackData struct {
	Page   page.Page
	Person string
	Token  string
	Done   bool
}

func (s *server) ackPage(r *http.Request) (view, error) {
	id, person, err := s.Page.OpenAckToken(r.PathValue("token"), s.Now())
	if err != nil {
		return view{}, err
	}
	p, _, err := s.Page.Get(r.Context(), id)
	if err != nil {
		return view{}, err
	}
	return view{Title: "Acknowledge", Bare: true, Body: ackBody(ackData{Page: p, Person: person, Token: r.PathValue("token")})}, nil
}

func (s *server) ackByToken(r *http.Request) (view, error) {
	id, person, err := s.Page.OpenAckToken(r.PathValue("token"), s.Now())
	if err != nil {
		return view{}, err
	}
	p, err := s.Page.Ack(r.Context(), id, person, s.Now())
	if err != nil {
		return view{}, err
	}
	return view{Title: "Acknowledged", Bare: true, Body: ackBody(ackData{Page: p, Person: person, Done: true})}, nil
}
