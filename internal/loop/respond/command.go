package respond

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/kit/event"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page"
	"nightkeeper/internal/loop/page/rota"
)

// Command is how an incident has its commander.
type Command struct {
	Region  string    `json:"region,omitempty"`  // whose people command; empty for the global commander, and without regions
	Reason  string    `json:"reason,omitempty"`  // why this region, or the global commander
	Until   time.Time `json:"until,omitzero"`    // when the region's coverage ends, or the shift of the commander: command is handed over then
	Calling *Calling  `json:"calling,omitempty"` // who is called to take command and has not answered
	Widened bool      `json:"widened,omitempty"` // the global commander was called because several regions are hit
}

// Calling is a call that nobody has answered.
type Calling struct {
	Region string    `json:"region,omitempty"`
	Policy string    `json:"policy"`
	Reason string    `json:"reason"`
	People []string  `json:"people,omitempty"` // called so far, in order
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until,omitzero"` // when the coverage of the region ends
}

// needsCommander reports whether incidents of a severity have a commander.
func needsCommander(s detect.Severity) bool { return s == detect.SEV1 || s == detect.SEV2 }

// calls decides whether somebody is called to command the incident now that duty has the say.
func (i Incident) calls(d catalog.Duty) bool {
	switch {
	case !i.Open() || !needsCommander(i.Severity) || i.ToldAt.IsZero() || d.Policy == "":
		return false
	case i.Commander == "" && i.Command.Calling == nil:
		return true
	}
	return d.Policy == catalog.PolicyGlobal && len(i.Regions) > 1 && !i.Command.Widened
}

// hits adds the regions that labels mean to those that the incident hits.
func (i Incident) hits(c *catalog.Catalog, labels ...string) Incident {
	i.Regions = c.RegionsOf(append(slices.Clone(i.Regions), labels...))
	return i
}

// regionLabels returns what the labels of an alert and of its service say about the region.
func regionLabels(c *catalog.Catalog, a detect.Alert) []string {
	return append([]string{a.Labels["region"]}, servicesIn(c, named(a))...)
}

// servicesIn returns what services say about their regions.
func servicesIn(c *catalog.Catalog, services []string) []string {
	var out []string
	for _, name := range services {
		if s := c.Services[name]; s != nil {
			out = append(out, s.Labels["region"])
		}
	}
	return out
}

// commandGroup returns the group of the page that calls a commander.
func (i Incident) commandGroup() detect.GroupID { return detect.GroupID("command/" + string(i.ID)) }

// afresh returns the incident as it is when it came back: people have not been told. Who commanded keeps it, unless it is
// worse than it was, or another region is on duty: an incident that comes and goes must not wake its commander each time.
func (i Incident) afresh(d catalog.Duty, was detect.Severity) Incident {
	i.ToldAt = time.Time{}
	if d.Policy != "" && (i.Severity.Worse(was) || i.Command.Region != "" && i.Command.Region != d.Region) {
		i.Commander, i.Command = "", Command{}
	}
	return i
}

// tellBack tells the commander that an incident is back of which they have command yet.
func (s *Service) tellBack(ctx context.Context, tx Tx, i Incident, now time.Time) error {
	if i.Commander == "" || i.Reopened == 0 || !needsCommander(i.Severity) {
		return nil
	}
	return tx.Enqueue(ctx, page.TellJob(page.Tell{
		Key: fmt.Sprintf("%s/back/%d", i.ID, i.Reopened), About: string(i.ID), Person: i.Commander, Kind: "command",
		Title: fmt.Sprintf("%s is back, and you have command", i.ID), Text: fmt.Sprintf("%s It came back %s.", i.brief(now), times(i.Reopened)),
		Link: "/incidents/" + string(i.ID),
	}, now))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// called saves an incident, and has its commander called when that is due.
func (s *Service) called(ctx context.Context, tx Tx, i Incident, now time.Time) error {
	d := s.Catalog().Duty(i.Regions, now)
	if !i.calls(d) {
		return tx.SaveIncident(ctx, i)
	}
	i.Command.Calling = &Calling{Region: d.Region, Policy: d.Policy, Reason: d.Reason, Since: now, Until: d.Until}
	i.Command.Widened = i.Command.Widened || d.Policy == catalog.PolicyGlobal && len(i.Regions) > 1
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	return tx.Enqueue(ctx, page.CallJob(page.Call{
		Group: i.commandGroup(), For: string(i.ID), Service: i.Service, Severity: i.Severity, Policy: d.Policy,
		Title: fmt.Sprintf("Take command of %s: %s", i.ID, i.Title), Context: i.brief(now) + " Acknowledge to take command.", Reason: d.Reason,
	}, now))
}

// brief says in a few words how an incident stands, for somebody who is woken.
func (i Incident) brief(now time.Time) string {
	out := fmt.Sprintf("%s, %s since %s", i.Severity, i.Status, catalog.Duration(now.Sub(i.OpenedAt).Round(time.Second)))
	if i.Named() {
		out += "; suspected cause: " + i.Diagnosis.Summary
	}
	return out + "."
}

// told notes that people are told of the incident, and calls its commander.
func (s *Service) told(ctx context.Context, tx Tx, g detect.GroupID, now time.Time) error {
	i, err := tx.IncidentOf(ctx, g)
	if err != nil || !i.Open() {
		return ignoreNotFound(err)
	}
	if i.ToldAt.IsZero() {
		i.ToldAt = now
		if err := s.tellBack(ctx, tx, i, now); err != nil {
			return err
		}
	}
	return s.called(ctx, tx, i, now)
}

// rung notes whom a call has reached.
func (s *Service) rung(ctx context.Context, tx Tx, p page.Page, people []string, now time.Time) error {
	i, err := tx.Incident(ctx, ID(p.For))
	if err != nil || len(people) == 0 {
		return ignoreNotFound(err)
	}
	what, role := callOf(p.Group)
	var text string
	switch {
	case what == callCommand && i.Command.Calling != nil:
		c := *i.Command.Calling
		c.People = join(c.People, people)
		text = fmt.Sprintf("calling %s to take command: %s", list(people), c.Reason)
		i.Command.Calling = &c
	case what == callRole:
		k := i.role(role)
		if k < 0 || i.Roles[k].Person != "" {
			return nil
		}
		i.Roles = slices.Clone(i.Roles)
		i.Roles[k].Calling = join(i.Roles[k].Calling, people)
		text = fmt.Sprintf("calling %s as %s", list(people), role)
	default:
		return nil
	}
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	return s.append(ctx, tx, KindCalled, i, event.System, text, now)
}

// answered gives a person what they were called for.
func (s *Service) answered(ctx context.Context, tx Tx, p page.Page, by string, now time.Time) error {
	i, err := tx.Incident(ctx, ID(p.For))
	if err != nil || !i.Open() || !detect.IsPerson(by) {
		return ignoreNotFound(err)
	}
	switch what, rest := callOf(p.Group); what {
	case callCommand:
		c := i.Command.Calling
		if c == nil {
			return nil
		}
		if err := s.endHandoff(ctx, tx, &i, event.System, by+" answered a call to take command", now); err != nil {
			return err
		}
		text := by + " has command: answered the call"
		if i.Commander != "" && i.Commander != by {
			text += ", instead of " + i.Commander
		}
		i.Commander, i.Command.Region, i.Command.Reason, i.Command.Until, i.Command.Calling = by, c.Region, c.Reason, c.Until, nil
		if err := s.until(ctx, tx, &i, now); err != nil {
			return err
		}
		return s.commands(ctx, tx, i, event.System, text, now)
	case callRole:
		return s.give(ctx, tx, i, rest, by, by, fmt.Sprintf("%s is %s: answered the call", by, rest), now)
	case callHandoff:
		return s.handoffAnswered(ctx, tx, HandoffID(rest), by, now)
	}
	return nil
}

// shiftLooks is how far ahead the end of a commander's shift is looked for.
const shiftLooks = 62 * 24 * time.Hour

// shiftEnds returns when the commander's time on call ends who stands for a region, or for all of them, at a time: on the first
// schedule of the chain that has them then. It is zero when none has, and when no end is near.
func (s *Service) shiftEnds(ctx context.Context, tx Tx, i Incident, at time.Time) (time.Time, error) {
	c := s.Catalog()
	policy := catalog.RegionPolicy(i.Command.Region)
	switch {
	case len(c.Regions) == 0:
		policy = catalog.PolicyCommand
	case i.Command.Region == "":
		policy = catalog.PolicyGlobal
	}
	pol := c.Policies[policy]
	if pol == nil {
		return time.Time{}, nil
	}
	end := at.Add(shiftLooks)
	for _, step := range pol.Steps {
		for _, t := range step.Targets {
			sch := c.Schedules[t.Schedule]
			if sch == nil {
				continue
			}
			made, err := tx.Overrides(ctx, sch.Name, at, end)
			if err != nil {
				return time.Time{}, err
			}
			r, err := rota.New(sch, made)
			if err != nil {
				continue // a checked catalog has no such schedule
			}
			if on := r.Times(i.Commander, at, end); len(on) > 0 && !on[0].From.After(at) && on[0].To.Before(end) {
				return on[0].To, nil
			}
		}
	}
	return time.Time{}, nil
}

// until fills in when the commander's shift ends where their region's coverage does not.
func (s *Service) until(ctx context.Context, tx Tx, i *Incident, at time.Time) (err error) {
	if i.Open() && i.Command.Until.IsZero() {
		i.Command.Until, err = s.shiftEnds(ctx, tx, *i, at)
	}
	return err
}

// commands saves an incident whose commander changed, says so, and sets the timer of the next handoff.
func (s *Service) commands(ctx context.Context, tx Tx, i Incident, actor, text string, now time.Time) error {
	if err := tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	if err := s.append(ctx, tx, KindCommander, i, actor, text, now); err != nil {
		return err
	}
	return s.arm(ctx, tx, i, now)
}

// Command gives the incident to a commander: what was on the way, a call or a handoff, is over.
func (s *Service) Command(ctx context.Context, incident ID, person, by string, now time.Time) error {
	if s.Catalog().People[person] == nil {
		return errs.New(errs.Invalid, "there is no person named %q in the catalog", person)
	}
	return s.Store.Update(ctx, func(tx Tx) error {
		i, err := tx.Incident(ctx, incident)
		if err != nil {
			return err
		}
		reason := by + " gave command to " + person
		if err := s.endHandoff(ctx, tx, &i, by, reason, now); err != nil {
			return err
		}
		if i.Command.Calling != nil {
			i.Command.Calling = nil
			if err := page.EndCall(ctx, tx, i.commandGroup(), reason, now); err != nil {
				return err
			}
		}
		if i.Commander, i.Command.Reason = person, reason; i.Open() {
			if i.Command.Region, i.Command.Until, err = s.regionOf(ctx, tx, person, now); err != nil {
				return err
			}
			if err := s.until(ctx, tx, &i, now); err != nil {
				return err
			}
		}
		return s.commands(ctx, tx, i, by, person+" has command", now)
	})
}

// regionOf returns the region for which a person stands now, with the end of its coverage: one within its hours that has
// the person in its chain at this time. It is empty for anybody else.
func (s *Service) regionOf(ctx context.Context, tx Tx, person string, now time.Time) (string, time.Time, error) {
	c := s.Catalog()
	made, err := overridesAt(ctx, tx, now)
	if err != nil {
		return "", time.Time{}, err
	}
	for _, r := range c.Covering(now) {
		for _, rung := range r.Chain {
			if rung.Role != catalog.RoleGlobal && slices.Contains(onRung(c, rung, made, now), person) {
				return r.Name, r.Coverage.Until(now), nil
			}
		}
	}
	return "", time.Time{}, nil
}

func onRung(c *catalog.Catalog, r catalog.Rung, made []rota.Override, now time.Time) []string {
	if r.Person != "" {
		return []string{r.Person}
	}
	if sch := c.Schedules[r.Schedule]; sch != nil {
		if sh, err := rota.At(sch, made, now); err == nil {
			return sh.People()
		}
	}
	return nil
}

// Watch is a region and who commands for it.
type Watch struct {
	Region   string    `json:"region"`
	Title    string    `json:"title"`
	TimeZone string    `json:"time_zone"`
	On       bool      `json:"on"`            // it is within its hours
	Edge     time.Time `json:"edge,omitzero"` // when that changes; zero when it does not
	Chain    []Post    `json:"chain"`
	Next     string    `json:"next,omitempty"` // the region that is on duty when its coverage ends; empty for the global commander
}

// Post is a step of a region's chain and who stands there.
type Post struct {
	Role   string   `json:"role"`
	People []string `json:"people"`
}

// Watches returns the regions and who commands for them at a time, in order of their names.
func (s *Service) Watches(ctx context.Context, at time.Time) ([]Watch, error) {
	c := s.Catalog()
	out := make([]Watch, 0, len(c.Regions))
	err := s.Store.View(ctx, func(tx Tx) error {
		made, err := overridesAt(ctx, tx, at)
		for _, name := range slices.Sorted(maps.Keys(c.Regions)) {
			r := c.Regions[name]
			w := Watch{Region: name, Title: r.Title(), TimeZone: r.TimeZone, On: r.Coverage.Contains(at), Edge: r.Coverage.Next(at)}
			if w.On {
				if w.Edge = r.Coverage.Until(at); !w.Edge.IsZero() {
					w.Next = c.Duty(nil, w.Edge).Region
				}
			}
			for _, rung := range r.Chain {
				w.Chain = append(w.Chain, Post{rung.Role, onRung(c, rung, made, at)})
			}
			out = append(out, w)
		}
		return err
	})
	return out, err
}

func overridesAt(ctx context.Context, tx Tx, at time.Time) ([]rota.Override, error) {
	return tx.Overrides(ctx, "", at, at.Add(time.Millisecond))
}

// What people are called for; the group of a call begins with it.
const (
	callCommand = "command"
	callRole    = "role"
	callHandoff = "handoff"
)

// callOf returns what a call is for: the role, or the handoff.
func callOf(g detect.GroupID) (what, rest string) {
	what, rest, _ = strings.Cut(string(g), "/")
	if what == callRole {
		_, rest, _ = strings.Cut(rest, "/")
	}
	return what, rest
}

// join returns a followed by those of b that are not in it.
func join(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func list(names []string) string { return strings.Join(names, ", ") }
