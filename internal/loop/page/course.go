package page

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/errs"
	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/page/rota"
)

// PolicyView is an escalation policy as it would go at a time: the line of time of a page of each severity, and what would
// go wrong.
type PolicyView struct {
	Name         string                `json:"name"`
	Title        string                `json:"title"`
	At           time.Time             `json:"at"`
	Services     []string              `json:"services"` // whose pages take it
	Teams        []string              `json:"teams"`    // that have it
	Loops        int                   `json:"loops"`
	AckTimeout   catalog.Duration      `json:"ack_timeout"` // 0 means never
	PageAgain    catalog.Duration      `json:"page_again"`  // when what still fires after a person ended it pages again; 0 means never
	SupportHours *catalog.SupportHours `json:"support_hours,omitempty"`
	Findings     []Finding             `json:"findings"`
	Courses      []Course              `json:"courses"` // the worst severity first
}

// Course is the line of time of a page of one severity when nobody answers.
type Course struct {
	Severity   detect.Severity  `json:"severity"`
	Ticket     bool             `json:"ticket,omitempty"`     // it pages nobody and becomes a ticket
	WaitsUntil time.Time        `json:"waits_until,omitzero"` // support hours begin then: nobody is told before
	Hold       catalog.Duration `json:"hold"`                 // how long a low-risk runbook may keep it from people
	Everybody  bool             `json:"everybody,omitempty"`  // no step finds anybody: everybody in the catalog is told
	Steps      []CourseStep     `json:"steps"`                // of one loop
	Round      catalog.Duration `json:"round"`                // how long one loop takes
	Exhausted  catalog.Duration `json:"exhausted"`            // after all loops nobody is told any more
}

// CourseStep is a step of a course. After counts from when people are told first.
type CourseStep struct {
	Step   int              `json:"step"` // of the policy, from 1 on
	After  catalog.Duration `json:"after"`
	People []CoursePerson   `json:"people"`
}

// CoursePerson is whom a step tells, and by what.
type CoursePerson struct {
	Person string          `json:"person"`
	By     []CourseContact `json:"by"`
}

// CourseContact is one message to a person, by the person's own rules. After counts from when people are told first.
type CourseContact struct {
	Channel string           `json:"channel"`
	After   catalog.Duration `json:"after"`
	Problem string           `json:"problem,omitempty"` // why it would not go out
}

// courseOf returns the line of time of a page of a severity about a service from now on.
func courseOf(c *catalog.Catalog, p *catalog.EscalationPolicy, service string, sev detect.Severity, made []rota.Override, works Works, now time.Time) Course {
	out := Course{Severity: sev, Steps: []CourseStep{}, Hold: catalog.Duration(p.HoldFor(string(sev)))}
	if sev == detect.SEV4 {
		out.Ticket, out.Hold = true, 0
		return out
	}
	if !c.MayHold() {
		out.Hold = 0
	}
	if out.WaitsUntil = c.WaitsUntil(service, p, string(sev), now); !out.WaitsUntil.IsZero() {
		out.Hold, now = 0, out.WaitsUntil
	}
	// The steps are those that a real page would take, so that the two cannot differ.
	pg := Page{Service: service, Severity: sev, Policy: p.Name, State: Open}
	at := time.Duration(0)
	for range p.Steps {
		esc := escalate(pg, c, now.Add(at), made...)
		end := esc.next.Step == 0
		if esc.exhausted || esc.next.Loop > 1 || esc.next.Loop == 1 && !end {
			break // the rest finds nobody: it was the first step of the next loop
		}
		taken := esc.next.Step
		if end {
			taken = len(p.Steps)
		}
		out.Everybody = out.Everybody || len(peopleOf(pg, p.Steps[taken-1], c, made, now.Add(at))) == 0
		step := CourseStep{Step: taken, After: catalog.Duration(at), People: []CoursePerson{}}
		for _, name := range esc.people {
			step.People = append(step.People, coursePerson(c.People[name], sev, at, works))
		}
		out.Steps = append(out.Steps, step)
		at += esc.wait
		pg = esc.next
		if end {
			break
		}
	}
	out.Round, out.Exhausted = catalog.Duration(at), catalog.Duration(at*time.Duration(p.Loops))
	return out
}

func coursePerson(p *catalog.Person, sev detect.Severity, at time.Duration, works Works) CoursePerson {
	out := CoursePerson{Person: p.Name, By: []CourseContact{}}
	for _, w := range p.Reach(string(sev)) {
		x := CourseContact{Channel: w.Channel, After: catalog.Duration(at + w.After)}
		if works != nil && w.Channel != "inbox" {
			x.Problem = works(p.Name, w.Contact)
		}
		out.By = append(out.By, x)
	}
	return out
}

// Policy returns a policy as it would go from now on, or an error with code not_found.
func (s *Service) Policy(ctx context.Context, name string, now time.Time) (PolicyView, error) {
	c := s.Catalog()
	p := c.Policies[name]
	if p == nil {
		return PolicyView{}, errs.New(errs.NotFound, "there is no escalation policy %q; there are %s", name, names(slices.Sorted(maps.Keys(c.Policies))))
	}
	made, err := s.Overrides(ctx, "", now, now.Add(rota.Ahead))
	if err != nil {
		return PolicyView{}, err
	}
	v := PolicyView{Name: name, Title: p.Title(), At: now, Services: servicesOf(c, p), Teams: []string{}, Loops: p.Loops, AckTimeout: p.AckTimeout, PageAgain: catalog.Duration(p.PageAgainAfter()), SupportHours: p.SupportHours,
		Findings: LintPolicy(c, p, made, s.works, now)}
	service := ""
	if v.Services == nil {
		v.Services = []string{}
	} else {
		service = v.Services[0]
	}
	if v.Findings == nil {
		v.Findings = []Finding{}
	}
	for _, t := range slices.Sorted(maps.Keys(c.Teams)) {
		if c.Teams[t].EscalationPolicy == name {
			v.Teams = append(v.Teams, t)
		}
	}
	for _, sev := range append(slices.Clone(paging), detect.SEV4) {
		v.Courses = append(v.Courses, courseOf(c, p, service, sev, made, s.works, now))
	}
	return v, nil
}

// works says why the server cannot use a contact.
func (s *Service) works(person string, c catalog.Contact) string {
	if c.Channel != "inbox" && s.channels[c.Channel] == nil {
		return person + " cannot be told by " + c.Channel + ": the server has no such channel"
	}
	return ""
}

// Words says by what a person is told, and when.
func (p CoursePerson) Words() string {
	var out []string
	for _, c := range p.By {
		text := c.Channel
		if c.After > 0 {
			text += " +" + c.After.String()
		}
		if c.Problem != "" {
			text += " (does not work)"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// Before says what comes before the first step. Show writes a time.
func (c Course) Before(show func(time.Time) string) []string {
	var out []string
	switch {
	case c.Ticket:
		out = append(out, "pages nobody: it becomes a ticket for the next business day")
	case !c.WaitsUntil.IsZero():
		out = append(out, "waits for support hours, until "+show(c.WaitsUntil))
	case c.Hold > 0:
		out = append(out, "a low-risk runbook may keep it from people for "+c.Hold.String())
	}
	if c.Everybody {
		out = append(out, "no step finds anybody: everybody in the catalog is told")
	}
	return out
}

// After says what comes after the last step.
func (c Course) After(v PolicyView) []string {
	if len(c.Steps) == 0 {
		return nil
	}
	var out []string
	if v.Loops > 1 {
		out = append(out, fmt.Sprintf("after %s again from the first step, %d times in all; after %s nobody is told any more", c.Round, v.Loops, c.Exhausted))
	} else {
		out = append(out, fmt.Sprintf("after %s nobody is told any more", c.Exhausted))
	}
	if v.AckTimeout > 0 {
		out = append(out, fmt.Sprintf("a page that is acknowledged and not resolved within %s opens again", v.AckTimeout))
	}
	if v.PageAgain > 0 {
		out = append(out, fmt.Sprintf("alerts that still fire %s after a person said that it is over page again", v.PageAgain))
	}
	return out
}
