package respond

import (
	"context"
	"maps"
	"slices"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// Team is a team of the catalog with everything that asks for it at a time.
type Team struct {
	Name      string        `json:"name"`
	Title     string        `json:"title"`
	Manager   string        `json:"manager,omitempty"`
	Members   []Member      `json:"members"`   // by name
	Schedules []page.Duty   `json:"schedules"` // that its policies page, by name
	Policies  []string      `json:"policies"`  // that pages for its services take, by name
	Services  []TeamService `json:"services"`  // that it owns, what fires first
	Incidents []Incident    `json:"incidents"` // open ones with an alert of its services or caused by one, the newest first
	Tickets   []page.Ticket `json:"tickets"`   // that are not done, the oldest first
}

// Member is somebody of a team.
type Member struct {
	Person   string           `json:"person"`
	Title    string           `json:"title"`
	TimeZone string           `json:"time_zone,omitempty"`
	OnCall   []string         `json:"on_call"` // schedules on which the person is at the time, of other teams too
	Ready    []page.Readiness `json:"ready"`   // what is known of each contact
}

// TeamService is a service of a team.
type TeamService struct {
	Service  string          `json:"service"`
	Tier     catalog.Tier    `json:"tier"`
	Firing   int             `json:"firing"`             // alerts that fire and are not muted, counted up to 100
	Severity detect.Severity `json:"severity,omitempty"` // the worst of them
}

// Reachable reports whether a test message by some contact was accepted.
func (m Member) Reachable() bool {
	return slices.ContainsFunc(m.Ready, func(r page.Readiness) bool { return r.OK })
}

// Firing returns how many services of the team have an alert.
func (t Team) Firing() (n int) {
	for _, s := range t.Services {
		if s.Firing > 0 {
			n++
		}
	}
	return n
}

// Teams returns every team of the catalog as it is at a time, by name.
func (s *Service) Teams(ctx context.Context, d *detect.Service, p *page.Service, now time.Time) ([]Team, error) {
	return s.teams(ctx, d, p, slices.Sorted(maps.Keys(s.Catalog().Teams)), now)
}

// Team returns one team as Teams does, or an error with code not_found.
func (s *Service) Team(ctx context.Context, d *detect.Service, p *page.Service, name string, now time.Time) (Team, error) {
	if s.Catalog().Teams[name] == nil {
		return Team{}, errs.New(errs.NotFound, "there is no team %q in the catalog", name)
	}
	ts, err := s.teams(ctx, d, p, []string{name}, now)
	if err != nil {
		return Team{}, err
	}
	return ts[0], nil
}

func (s *Service) teams(ctx context.Context, d *detect.Service, p *page.Service, names []string, now time.Time) ([]Team, error) {
	c := s.Catalog()
	plans, err := p.Plans(ctx, now, now.Add(rota.Ahead))
	if err != nil {
		return nil, err
	}
	ready, err := p.Ready(ctx)
	if err != nil {
		return nil, err
	}
	tickets, err := p.Tickets(ctx, false)
	if err != nil {
		return nil, err
	}
	open, err := s.List(ctx, true, 1000)
	if err != nil {
		return nil, err
	}
	out := make([]Team, 0, len(names))
	for _, name := range names {
		t := teamOf(c, c.Teams[name], plans, ready, tickets, open, now)
		for i := range t.Services {
			if err := firing(ctx, d, &t.Services[i]); err != nil {
				return nil, err
			}
		}
		slices.SortStableFunc(t.Services, func(a, b TeamService) int {
			switch {
			case a.Severity == b.Severity:
				return 0
			case a.Severity.Worse(b.Severity):
				return -1
			}
			return 1
		})
		out = append(out, t)
	}
	return out, nil
}

// firing fills in what fires of a service.
func firing(ctx context.Context, d *detect.Service, s *TeamService) error {
	no := false
	as, err := d.Find(ctx, detect.Filter{State: detect.Firing, Service: s.Service, Muted: &no})
	if err != nil {
		return err
	}
	s.Firing = len(as)
	for _, a := range as {
		if s.Severity == "" || a.Severity.Worse(s.Severity) {
			s.Severity = a.Severity
		}
	}
	return nil
}

// teamOf returns what belongs to a team, but for its alerts.
func teamOf(c *catalog.Catalog, t *catalog.Team, plans []page.Plan, ready []page.Readiness, tickets []page.Ticket, open []Incident, now time.Time) Team {
	out := Team{Name: t.Name, Title: t.Title(), Manager: t.Manager, Members: []Member{}, Schedules: []page.Duty{}, Policies: []string{}, Services: []TeamService{}, Incidents: []Incident{}, Tickets: []page.Ticket{}}
	for _, name := range slices.Sorted(maps.Keys(c.Services)) {
		if c.Services[name].Team == t.Name {
			out.Services = append(out.Services, TeamService{Service: name, Tier: c.TierOf(name)})
		}
	}
	out.Policies = policiesOf(c, t, out.Services)
	asked := schedulesOf(c, t, out.Policies)
	for _, p := range plans {
		if p.Rota == nil || !asked[p.Schedule.Name] {
			continue
		}
		out.Schedules = append(out.Schedules, p.Duty(now))
	}
	for _, name := range slices.Sorted(slices.Values(t.Members)) {
		out.Members = append(out.Members, memberOf(c, name, plans, ready, now))
	}
	for _, i := range open {
		if slices.ContainsFunc(out.Services, func(s TeamService) bool { return i.asks(s.Service) }) {
			out.Incidents = append(out.Incidents, i)
		}
	}
	for _, k := range tickets {
		if k.Team == t.Name {
			out.Tickets = append(out.Tickets, k)
		}
	}
	return out
}

// asks reports whether an incident is for the people of a service: it has an alert, or is the cause that was named.
func (i Incident) asks(service string) bool {
	return i.Service == service || slices.Contains(i.Burning, service) || i.Cause != nil && i.Cause.Service == service
}

// policiesOf names the policies that pages for the services of a team take, and its own.
func policiesOf(c *catalog.Catalog, t *catalog.Team, services []TeamService) []string {
	out := []string{}
	if c.Policies[t.EscalationPolicy] != nil {
		out = append(out, t.EscalationPolicy)
	}
	for _, s := range services {
		if p := c.PolicyFor(s.Service); p != nil {
			out = append(out, p.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// schedulesOf names the schedules of a team: its own, and those that its policies page.
func schedulesOf(c *catalog.Catalog, t *catalog.Team, policies []string) map[string]bool {
	out := map[string]bool{t.OnCall: true, t.Backup: true}
	for _, name := range policies {
		for _, step := range c.Policies[name].Steps {
			for _, to := range step.Targets {
				out[to.Schedule] = true
			}
		}
	}
	return out
}

func memberOf(c *catalog.Catalog, name string, plans []page.Plan, ready []page.Readiness, now time.Time) Member {
	out := Member{Person: name, Title: name, OnCall: []string{}, Ready: []page.Readiness{}}
	if p := c.People[name]; p != nil {
		out.Title, out.TimeZone = p.Title(), p.TimeZone
	}
	for _, p := range plans {
		if p.Rota != nil && slices.Contains(p.Rota.At(now).People(), name) {
			out.OnCall = append(out.OnCall, p.Schedule.Name)
		}
	}
	for _, r := range ready {
		if r.Person == name {
			out.Ready = append(out.Ready, r)
		}
	}
	return out
}
