package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Region is a part of the world whose people command incidents during its hours.
type Region struct {
	Meta     `yaml:"-"`
	TimeZone string   `yaml:"timeZone"`
	Coverage Hours    `yaml:"coverage"` // as clocks in TimeZone show them
	Serves   []string `yaml:"serves"`   // what alerts and services call the region in their label region, beside its name
	Chain    []Rung   `yaml:"chain"`
}

// Rung is one step of the chain of people who are called to command: exactly one of schedule and person is set.
type Rung struct {
	Role     string   `yaml:"role"` // one of CommandRoles
	Schedule string   `yaml:"schedule"`
	Person   string   `yaml:"person"`
	Timeout  Duration `yaml:"timeout"` // how long to wait for an answer; default 10m
}

// Roles of the people in a region's chain.
const (
	RoleCommander = "commander"
	RoleDeputy    = "deputy"
	RoleGlobal    = "global" // commands what hits several regions, or no region that is on duty
)

// CommandRoles returns the roles of a chain.
func CommandRoles() []string { return []string{RoleCommander, RoleDeputy, RoleGlobal} }

// GlobalWithin is how long after a call for a commander the global commander is called at the latest.
const GlobalWithin = 15 * time.Minute

// defaultTimeout is how long somebody who is called to command has for an answer.
const defaultTimeout = Duration(10 * time.Minute)

// Names of the policies that are made of chains and roles.
const (
	PolicyCommand = "command"        // of the schedules labelled role: commander, in a catalog without regions
	PolicyGlobal  = "command/global" // the global commanders of all regions
)

// RegionPolicy returns the name of the policy that calls a region's commander.
func RegionPolicy(region string) string { return "region/" + region }

// RolePolicy returns the name of the policy that calls whoever is on a role.
func RolePolicy(role string) string { return "role/" + role }

func (r Rung) target() Target { return Target{Schedule: r.Schedule, Person: r.Person} }

// rise is when a target is called, counted from when the page opens.
type rise struct {
	at time.Duration
	Target
}

// rises returns when each step of a chain is called, and whether the global commander had to be called earlier than the
// chain says.
func (r *Region) rises() (out []rise, capped time.Duration) {
	var at time.Duration
	for _, c := range r.Chain {
		x := rise{at, c.target()}
		if c.Role == RoleGlobal && at > GlobalWithin {
			capped = max(capped, at)
			x.at = GlobalWithin
		}
		out = append(out, x)
		at += cmp.Or(c.Timeout, defaultTimeout).D()
	}
	slices.SortStableFunc(out, func(a, b rise) int { return cmp.Compare(a.at, b.at) })
	return out, capped
}

// policy is the escalation policy that calls the region's commander.
func (r *Region) policy() *EscalationPolicy {
	rises, _ := r.rises()
	last := r.Chain[len(r.Chain)-1]
	return commandPolicy(RegionPolicy(r.Name), "Commander of "+r.Title(), rises, cmp.Or(last.Timeout, defaultTimeout))
}

// commandPolicy makes a policy of targets and when they are called; those of one moment are one step. The last step waits
// for last before the first is taken again.
func commandPolicy(name, title string, rises []rise, last Duration) *EscalationPolicy {
	p := &EscalationPolicy{Meta: Meta{Name: name, DisplayName: title}, Loops: 3, made: true}
	for i, x := range rises {
		if i > 0 && x.at == rises[i-1].at {
			s := &p.Steps[len(p.Steps)-1]
			s.Targets = append(s.Targets, x.Target)
			continue
		}
		s := Step{Targets: []Target{x.Target}}
		if i > 0 {
			s.After = Duration(x.at - rises[i-1].at)
		}
		p.Steps = append(p.Steps, s)
	}
	p.Steps[0].After = last // what the first step waits for is the end of the loop before
	return p
}

// Calls reports whether the policy was made of a chain or a role, to call people.
func (p *EscalationPolicy) Calls() bool { return p.made }

// commandPolicies makes the policies that call commanders and roles. A policy of the same name that somebody declared is
// left alone.
func (l *loader) commandPolicies() {
	c := l.cat
	add := func(p *EscalationPolicy) {
		if c.Policies[p.Name] == nil {
			c.Policies[p.Name] = p
		}
	}
	var global []rise
	for _, name := range sorted(c.Regions) {
		r := c.Regions[name]
		if len(r.Chain) == 0 {
			continue
		}
		add(r.policy())
		for _, rung := range r.Chain {
			if x := (rise{0, rung.target()}); rung.Role == RoleGlobal && !slices.ContainsFunc(global, func(g rise) bool { return same(g.Target, x.Target) }) {
				global = append(global, x)
			}
		}
	}
	if len(global) > 0 {
		add(commandPolicy(PolicyGlobal, "Global commander", global, defaultTimeout))
	}
	if len(c.Regions) == 0 {
		var rises []rise
		for _, role := range CommandRoles() {
			for _, name := range sorted(c.Schedules) {
				if c.Schedules[name].Labels["role"] == role {
					rises = append(rises, rise{time.Duration(len(rises)) * defaultTimeout.D(), Target{Schedule: name}})
				}
			}
		}
		if len(rises) > 0 && c.Schedules[rises[0].Schedule].Labels["role"] == RoleCommander {
			add(commandPolicy(PolicyCommand, "Commander", rises, defaultTimeout))
		}
	}
	for _, name := range sorted(c.Roles) {
		r := c.Roles[name]
		rises := []rise{{0, Target{Role: name}}}
		for _, p := range c.rotation(r) {
			rises = append(rises, rise{defaultTimeout.D(), Target{Person: p}})
		}
		add(commandPolicy(RolePolicy(name), "On the role "+r.Title(), rises, defaultTimeout))
	}
}

func same(a, b Target) bool { return a.Person == b.Person && a.Schedule == b.Schedule }

// RegionOf returns the region that a label of an alert or of a service means: by its name, or by what it serves.
func (c *Catalog) RegionOf(label string) *Region {
	if r := c.Regions[strings.ToLower(label)]; r != nil {
		return r
	}
	for _, name := range sorted(c.Regions) {
		if slices.ContainsFunc(c.Regions[name].Serves, func(s string) bool { return strings.EqualFold(s, label) }) {
			return c.Regions[name]
		}
	}
	return nil
}

// Duty is who has to command an incident, and why.
type Duty struct {
	Region string    `json:"region,omitempty"` // empty for the global commander, and in a catalog without regions
	Policy string    `json:"policy,omitempty"` // that calls the commander; empty when nobody can be called
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"` // when the region's coverage ends; zero when it does not
}

// Duty says who has to command an incident that hits the regions of the given labels: the region that is hit when it is
// within its hours; the global commander when several are hit; otherwise the region within its hours that has most time
// left; and the global commander when there is none.
func (c *Catalog) Duty(affected []string, now time.Time) Duty {
	if len(c.Regions) == 0 {
		return c.called(Duty{Policy: PolicyCommand, Reason: "the catalog has no regions"})
	}
	hit := c.RegionsOf(affected)
	if len(hit) > 1 {
		return c.global(now, fmt.Sprintf("it hits %s: the global commander coordinates them", andList(hit)))
	}
	on := c.Covering(now)
	if len(hit) == 1 && slices.ContainsFunc(on, func(r *Region) bool { return r.Name == hit[0] }) {
		return c.regional(c.Regions[hit[0]], fmt.Sprintf("it hits %s, which is within its hours", hit[0]), now)
	}
	if len(on) > 0 {
		reason := "no alert says which region it hits"
		if len(hit) == 1 {
			reason = fmt.Sprintf("it hits %s, which is outside its hours", hit[0])
		}
		return c.regional(on[0], fmt.Sprintf("%s; of the regions within their hours %s has most time left", reason, on[0].Name), now)
	}
	return c.global(now, "no region is within its hours")
}

// called drops a policy that does not exist.
func (c *Catalog) called(d Duty) Duty {
	if c.Policies[d.Policy] == nil {
		d.Policy = ""
	}
	return d
}

func (c *Catalog) regional(r *Region, reason string, now time.Time) Duty {
	return c.called(Duty{Region: r.Name, Policy: RegionPolicy(r.Name), Reason: reason, Until: r.Coverage.Until(now)})
}

// global returns the duty of the global commander. When no chain names one, the region that comes on duty next has it: a
// region that is woken is better than nobody.
func (c *Catalog) global(now time.Time, reason string) Duty {
	if c.Policies[PolicyGlobal] != nil {
		return Duty{Policy: PolicyGlobal, Reason: reason}
	}
	if on := c.Covering(now); len(on) > 0 {
		return c.regional(on[0], reason+"; no chain names one, so it is "+on[0].Name, now)
	}
	next := slices.MinFunc(sorted(c.Regions), func(a, b string) int {
		return cmp.Or(c.Regions[a].Coverage.Next(now).Compare(c.Regions[b].Coverage.Next(now)), cmp.Compare(a, b))
	})
	return c.regional(c.Regions[next], reason+"; no chain names a global commander, so it is "+next+", which is on duty next", now)
}

// RegionsOf returns the names of the regions that labels mean, each once, in order.
func (c *Catalog) RegionsOf(labels []string) []string {
	var out []string
	for _, l := range labels {
		if r := c.RegionOf(l); r != nil && !slices.Contains(out, r.Name) {
			out = append(out, r.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Covering returns the regions that are within their hours, the one with most time left first.
func (c *Catalog) Covering(now time.Time) []*Region {
	var out []*Region
	for _, name := range sorted(c.Regions) {
		if r := c.Regions[name]; r.Coverage.Contains(now) {
			out = append(out, r)
		}
	}
	left := func(r *Region) time.Duration {
		if end := r.Coverage.Until(now); !end.IsZero() {
			return end.Sub(now)
		}
		return 1<<63 - 1
	}
	slices.SortStableFunc(out, func(a, b *Region) int { return cmp.Compare(left(b), left(a)) })
	return out
}

func andList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// checkRegions checks regions and makes their policies.
func (l *loader) checkRegions() {
	c := l.cat
	serves := map[string]string{}
	for _, name := range sorted(c.Regions) {
		r := c.Regions[name]
		bad := func(where, format string, args ...any) *Problem { return l.at("Region", name, where, format, args...) }
		if r.Coverage.TimeZone != "" && r.Coverage.TimeZone != r.TimeZone {
			bad("$.spec.coverage.timeZone", "the hours are those of the region's timeZone, %q; leave this out", r.TimeZone)
		}
		if r.TimeZone == "" {
			bad("$.spec", "timeZone is missing; write an IANA name such as Europe/London")
		} else {
			r.Coverage.loc = l.zone("Region", name, "$.spec.timeZone", r.TimeZone)
		}
		r.Coverage.TimeZone = r.TimeZone
		if r.Coverage.From == "" || r.Coverage.To == "" {
			bad("$.spec", "coverage is missing; write the hours as coverage: {from: \"08:00\", to: \"18:00\"}")
		} else if err := r.Coverage.Check(); err != nil {
			bad("$.spec.coverage", "%s", err)
		}
		for i, s := range append([]string{name}, r.Serves...) {
			key := strings.ToLower(s)
			if other := serves[key]; other != "" && other != name {
				bad(fmt.Sprintf("$.spec.serves[%d]", max(i-1, 0)), "%q is already region %s: an alert from there would have two commanders", s, other)
			}
			serves[key] = name
		}
		l.checkChain(r)
	}
	if len(c.Handoffs) > 1 {
		names := sorted(c.Handoffs)
		l.at("Handoff", names[1], "$.metadata", "there is one Handoff for the whole catalog; %s is another", names[0])
	}
	for _, name := range sorted(c.Handoffs) {
		h := c.Handoffs[name]
		l.severityList("Handoff", name, "$.spec.synchronous", h.Synchronous)
		for where, d := range map[string]Duration{"noticeBefore": h.NoticeBefore, "syncWithin": h.SyncWithin, "asyncWithin": h.AsyncWithin, "questionsFor": h.QuestionsFor} {
			if d.D() < 0 || d.D() > 24*time.Hour {
				l.at("Handoff", name, "$.spec."+where, "%s is %s; give 0s to 24h", where, d)
			}
		}
	}
}

func (l *loader) checkChain(r *Region) {
	if len(r.Chain) == 0 {
		l.at("Region", r.Name, "$.spec", "chain is missing: nobody would be called to command in %s", r.Name)
		return
	}
	for i, c := range r.Chain {
		where := fmt.Sprintf("$.spec.chain[%d]", i)
		l.oneOf("Region", r.Name, where+".role", "role", c.Role, CommandRoles()...)
		if n := count(c.Schedule, c.Person); n != 1 {
			l.at("Region", r.Name, where, "a step of a chain has a schedule or a person; this has %d of them", n)
		}
		l.ref("Region", r.Name, where+".schedule", "Schedule", c.Schedule)
		l.ref("Region", r.Name, where+".person", "Person", c.Person)
		if d := c.Timeout.D(); d != 0 && d < time.Second || d > time.Hour {
			l.at("Region", r.Name, where+".timeout", "timeout is %s; give 1s to 1h", c.Timeout)
		}
	}
	if _, capped := r.rises(); capped > 0 {
		l.at("Region", r.Name, "$.spec.chain", "the global commander would be called after %s; it is called after %s at the latest", Duration(capped), Duration(GlobalWithin)).Warning = true
	}
}
