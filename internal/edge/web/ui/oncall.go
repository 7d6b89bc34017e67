package ui

import (
	"context"
	"net/http"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/respond"
)

// inboxLine is a notification with the page that it is about.
type inboxLine struct {
	page.Notification
	P page.Page
}

type oncallData struct {
	Look     spread // what the calendars show
	Rosters  []rosterShown
	Regions  []regionShown
	Policies []*catalog.EscalationPolicy
	People   []*catalog.Person
	Catalog  *catalog.Catalog
	Inbox    []inboxLine
	Known    bool              // the user is a person of the catalog
	On       map[string]string // who is on call, by schedule
	Now      time.Time
}

func (s *server) oncallPage(r *http.Request) (view, error) {
	ctx, c := r.Context(), s.Catalog()
	sh := shellOf(ctx)
	d := oncallData{Catalog: c, Now: sh.Now, Known: c.People[sh.User.Name] != nil}
	ps, err := s.plans(ctx, sh.Now)
	if err != nil {
		return view{}, err
	}
	d.On = onCall(ps, sh.Now)
	d.Look = spreadOf(r, sh.Now, sh.Zone)
	for k, u := range duties(ps, sh.Now) {
		ro, err := s.roster(ctx, ps[k], u, d.Look, sh.Now)
		if err != nil {
			return view{}, err
		}
		d.Rosters = append(d.Rosters, ro)
	}
	if d.Regions, err = s.regionsShown(ctx, sh.Now, sh.Zone); err != nil {
		return view{}, err
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

// targets says whom a step tells, and who that is at the moment.
func targets(s catalog.Step, on map[string]string) []string {
	var out []string
	for _, t := range s.Targets {
		switch {
		case t.Role == catalog.RoleManager:
			out = append(out, "the manager of the team that owns the service")
		case t.Role != "":
			out = append(out, "whoever is "+t.Role)
		case t.Person != "":
			out = append(out, t.Person)
		case t.Schedule != "":
			who := on[t.Schedule]
			if who == "" {
				who = "nobody"
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
	On       map[string]string // who is on call, by schedule
}

func (s *server) pagePage(r *http.Request) (view, error) {
	ctx := r.Context()
	p, ns, err := s.Page.Get(ctx, page.ID(r.PathValue("id")))
	if err != nil {
		return view{}, err
	}
	slices.Reverse(ns)
	d := pageData{Page: p, Notes: ns, Policy: s.Catalog().Policies[p.Policy]}
	plans, err := s.plans(ctx, shellOf(ctx).Now)
	if err != nil {
		return view{}, err
	}
	d.On = onCall(plans, shellOf(ctx).Now)
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
	id := p.For
	if id == "" {
		facts, err := s.Events(ctx, event.Query{Group: string(p.Group), Kinds: []string{respond.KindOpened}, Limit: 1})
		if err != nil || len(facts) == 0 {
			return nil, err
		}
		id = facts[0].Subject
	}
	i, err := s.Respond.Get(ctx, respond.ID(id))
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
