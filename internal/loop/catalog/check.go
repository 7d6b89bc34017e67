package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/kit/near"
)

const week = 7 * 24 * time.Hour

// check looks at all declarations together: every name that is used must exist.
func (l *loader) check() {
	c := l.cat
	for _, name := range sorted(c.Services) {
		l.checkService(c.Services[name])
	}
	for _, name := range sorted(c.Teams) {
		t := c.Teams[name]
		for i, m := range t.Members {
			l.ref("Team", name, fmt.Sprintf("$.spec.members[%d]", i), "Person", m)
		}
		l.ref("Team", name, "$.spec.escalationPolicy", "EscalationPolicy", t.EscalationPolicy)
		l.ref("Team", name, "$.spec.manager", "Person", t.Manager)
		l.ref("Team", name, "$.spec.onCall", "Schedule", t.OnCall)
		l.ref("Team", name, "$.spec.backup", "Schedule", t.Backup)
	}
	for _, name := range sorted(c.People) {
		l.checkPerson(c.People[name])
	}
	for _, name := range sorted(c.Schedules) {
		l.checkSchedule(c.Schedules[name])
	}
	for _, name := range sorted(c.Policies) {
		l.checkPolicy(c.Policies[name])
	}
	l.checkRegions()
	l.checkRoles()
	l.usualPolicies()
	l.commandPolicies()
	for _, name := range sorted(c.SLOs) {
		l.checkSLO(c.SLOs[name])
	}
	l.checkAlerting()
	l.checkIntake()
	for _, name := range sorted(c.Budgets) {
		l.checkBudget(c.Budgets[name])
	}
	for _, name := range sorted(c.Experiments) {
		l.checkExperiment(c.Experiments[name])
	}
	for _, name := range sorted(c.Runbooks) {
		l.checkRunbook(c.Runbooks[name])
	}
}

// ref reports a name that does not exist, with the nearest one that does. An empty name is no reference.
func (l *loader) ref(kind, name, where, wantKind, want string) {
	if want == "" {
		return
	}
	names := l.names(wantKind)
	if slices.Contains(names, want) {
		return
	}
	hint := ""
	if best := near.To(want, names); best != "" {
		hint = fmt.Sprintf("; did you mean %q?", best)
	}
	l.at(kind, name, where, "there is no %s named %q%s", wantKind, want, hint)
}

func (l *loader) names(kind string) []string {
	switch c := l.cat; kind {
	case "Service":
		return sorted(c.Services)
	case "Team":
		return sorted(c.Teams)
	case "Person":
		return sorted(c.People)
	case "Schedule":
		return sorted(c.Schedules)
	case "EscalationPolicy":
		return sorted(c.Policies)
	case "SLO":
		return sorted(c.SLOs)
	case "Region":
		return sorted(c.Regions)
	}
	return nil
}

func (l *loader) oneOf(kind, name, where, what, got string, allowed ...string) {
	if !slices.Contains(allowed, got) {
		l.at(kind, name, where, "%s is %q; it is one of %s", what, got, strings.Join(allowed, ", "))
	}
}

func (l *loader) zone(kind, name, where, zone string) *time.Location {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		l.at(kind, name, where, "%q is not a time zone; write an IANA name such as Europe/Berlin", zone)
		return time.UTC
	}
	return loc
}

func (l *loader) checkService(s *Service) {
	if s.Tier == "" {
		s.Tier = Standard
	}
	l.oneOf("Service", s.Name, "$.spec.tier", "tier", string(s.Tier), string(Critical), string(Standard), string(Experimental))
	if s.Team == "" {
		l.at("Service", s.Name, "$.spec", "team is missing: every service has an owner")
	}
	l.ref("Service", s.Name, "$.spec.team", "Team", s.Team)
	l.ref("Service", s.Name, "$.spec.escalationPolicy", "EscalationPolicy", s.EscalationPolicy)
	if s.Urgency != "" {
		l.oneOf("Service", s.Name, "$.spec.urgency", "urgency", s.Urgency, UrgencyHigh, UrgencyLow)
	}
	l.atLeastMinute("Service", s.Name, "autoResolve", s.AutoResolve)
	l.atLeastMinute("Service", s.Name, "ackTimeout", s.AckTimeout)
	for i, d := range s.DependsOn {
		l.ref("Service", s.Name, fmt.Sprintf("$.spec.dependsOn[%d]", i), "Service", d)
	}
	if !(s.RevenuePerRequest >= 0 && s.RevenuePerRequest < 1e12) {
		l.at("Service", s.Name, "$.spec.revenuePerRequest", "revenuePerRequest is %v; it must be 0 or more", s.RevenuePerRequest)
	}
	if s.Control != "" && !strings.HasPrefix(s.Control, "http://") && !strings.HasPrefix(s.Control, "https://") {
		l.at("Service", s.Name, "$.spec.control", "control is %q; it must be an http or https URL", s.Control)
	}
}

// Channels returns the channels by which a person can be reached, as contacts call them.
func Channels() []string {
	return []string{"inbox", "email", "webhook", "slack", "telegram", "discord", "mattermost", "teams", "ntfy", "webpush", "sms", "voice"}
}

// isPhone reports whether a text is a telephone number as E.164 writes it.
func isPhone(s string) bool {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

func (l *loader) checkPerson(p *Person) {
	if p.TimeZone != "" {
		l.zone("Person", p.Name, "$.spec.timeZone", p.TimeZone)
	}
	if len(p.Contacts) == 0 {
		l.at("Person", p.Name, "$.spec", "no contacts: %s can only be reached by the inbox on the page", p.Name).Warning = true
	}
	l.checkNotify(p)
	for i, c := range p.Contacts {
		where := fmt.Sprintf("$.spec.contacts[%d]", i)
		l.oneOf("Person", p.Name, where+".channel", "channel", c.Channel, Channels()...)
		if c.Channel != "inbox" && c.Channel != "webpush" && c.Address == "" {
			l.at("Person", p.Name, where, "a %s contact needs an address", c.Channel)
		}
		if (c.Channel == "sms" || c.Channel == "voice") && !isPhone(c.Address) {
			l.at("Person", p.Name, where, "%q is not a telephone number; write it with + and the country, such as +4930123456", c.Address)
		}
		if c.Channel == "email" && !strings.Contains(c.Address, "@") {
			l.at("Person", p.Name, where, "an email contact needs an address with an @")
		}
		if c.Channel == "webhook" && !strings.HasPrefix(c.Address, "http") && strings.ContainsAny(c.Address, ".:/ ") {
			l.at("Person", p.Name, where, "a webhook contact needs an http or https address, or a name of the channels file")
		}
	}
}

func (l *loader) checkPolicy(p *EscalationPolicy) {
	l.checkReach(p)
	if len(p.Steps) == 0 {
		l.at("EscalationPolicy", p.Name, "$.spec", "steps is empty: nobody would be paged")
	}
	if p.Loops < 1 || p.Loops > 9 {
		l.at("EscalationPolicy", p.Name, "$.spec.loops", "loops is %d; it must be from 1 to 9", p.Loops)
	}
	for sev, d := range p.Hold {
		l.oneOf("EscalationPolicy", p.Name, "$.spec.hold", "the key of hold", sev, "SEV1", "SEV2", "SEV3", "SEV4")
		if d.D() > time.Hour {
			l.at("EscalationPolicy", p.Name, "$.spec.hold."+sev, "a page may be held for at most 1h")
		}
	}
	for i, st := range p.Steps {
		where := fmt.Sprintf("$.spec.steps[%d]", i)
		if len(st.Targets) == 0 {
			l.at("EscalationPolicy", p.Name, where, "the step pages nobody; give it targets")
		}
		if i > 0 && st.After.D() <= 0 {
			l.at("EscalationPolicy", p.Name, where, "after is missing; say how long to wait for the step before")
		}
		for j, t := range st.Targets {
			tw := fmt.Sprintf("%s.targets[%d]", where, j)
			if n := count(t.Person, t.Schedule, t.Team, t.Role); n != 1 {
				l.at("EscalationPolicy", p.Name, tw, "a target is exactly one of person, schedule, team and role; this has %d", n)
			}
			if t.Role != "" {
				l.oneOf("EscalationPolicy", p.Name, tw+".role", "role", t.Role, append([]string{RoleManager}, sorted(l.cat.Roles)...)...)
			}
			l.severityList("EscalationPolicy", p.Name, tw+".severities", t.Severities)
			l.ref("EscalationPolicy", p.Name, tw+".person", "Person", t.Person)
			l.ref("EscalationPolicy", p.Name, tw+".schedule", "Schedule", t.Schedule)
			l.ref("EscalationPolicy", p.Name, tw+".team", "Team", t.Team)
		}
	}
}

func (l *loader) checkBudget(p *BudgetPolicy) {
	for i, s := range p.Services {
		l.ref("ErrorBudgetPolicy", p.Name, fmt.Sprintf("$.spec.services[%d]", i), "Service", s)
	}
	l.ref("ErrorBudgetPolicy", p.Name, "$.spec.owner", "Person", p.Owner)
	at, lift := p.Freeze()
	if !(at > 0 && at < 1e6 && lift >= 0 && lift <= at) {
		l.at("ErrorBudgetPolicy", p.Name, "$.spec", "freezeAt is %v and liftBelow is %v; both are shares of the budget spent, and liftBelow is at most freezeAt", at, lift)
	}
	if w := p.Warn(); !(w > 0 && w < 1e6) {
		l.at("ErrorBudgetPolicy", p.Name, "$.spec.warnAt", "warnAt is %v; it is a share of the budget spent, such as 0.8", w)
	}
	for i, a := range p.Allow {
		l.oneOf("ErrorBudgetPolicy", p.Name, fmt.Sprintf("$.spec.allow[%d]", i), "allow", a, "rollback", "security", "reliability")
	}
}

func (l *loader) checkExperiment(e *Experiment) {
	where := "$.spec"
	l.ref("Experiment", e.Name, "$.spec.target", "Service", e.Target)
	l.ref("Experiment", e.Name, "$.spec.fault.from", "Service", e.Fault.From)
	l.oneOf("Experiment", e.Name, "$.spec.fault.kind", "fault.kind", e.Fault.Kind, "latency", "errors")
	if e.Hypothesis == "" {
		l.at("Experiment", e.Name, where, "hypothesis is missing: say what you expect to stay true")
	}
	if !(e.AbortAbove >= 0 && e.AbortAbove <= 1) {
		l.at("Experiment", e.Name, "$.spec.abortAbove", "abortAbove is %v; it is a share of bad events, from 0 to 1", e.AbortAbove)
	}
	if !(e.Fault.Share > 0 && e.Fault.Share <= 1) {
		l.at("Experiment", e.Name, "$.spec.fault", "fault.share is %v; it must be above 0 and at most 1", e.Fault.Share)
	}
	if e.Fault.Kind == "latency" && e.Fault.Latency <= 0 {
		l.at("Experiment", e.Name, "$.spec.fault", "a latency fault needs latency, such as 200ms")
	}
	if e.Duration.D() <= 0 || e.Duration.D() > time.Hour {
		l.at("Experiment", e.Name, where, "duration must be above 0 and at most 1h")
	}
	if len(e.Watch) == 0 {
		l.at("Experiment", e.Name, where, "watch is empty: name the SLOs that must hold")
	}
	for i, s := range e.Watch {
		l.ref("Experiment", e.Name, fmt.Sprintf("$.spec.watch[%d]", i), "SLO", s)
	}
}

func count(ss ...string) int {
	n := 0
	for _, s := range ss {
		if s != "" {
			n++
		}
	}
	return n
}
