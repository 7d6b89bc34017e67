package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Severities that pages and alerts can have, the worst first.
var severities = []string{"SEV1", "SEV2", "SEV3", "SEV4"}

// days are how weekdays are written, Sunday first as in package time.
var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Hours are a window of the day on some days of the week, as clocks in a time zone show it. A window that ends at or
// before its start passes midnight and belongs to the day on which it starts.
type Hours struct {
	Days     []string `yaml:"days" json:"days"` // mon to sun; empty means every day
	From     string   `yaml:"from" json:"from"` // such as 22:00
	To       string   `yaml:"to" json:"to"`
	TimeZone string   `yaml:"timeZone" json:"time_zone"` // default UTC

	loc *time.Location // of a region, read once when the catalog is checked
}

// window is Hours that were read.
type window struct {
	days     [7]bool
	from, to time.Duration // since midnight
	loc      *time.Location
}

// Check says what is wrong with the hours, and what would be right.
func (h *Hours) Check() error {
	_, err := h.read()
	return err
}

func (h *Hours) read() (window, error) {
	out := window{loc: h.loc}
	if out.loc == nil {
		loc, err := time.LoadLocation(cmp.Or(h.TimeZone, "UTC"))
		if err != nil || h.TimeZone == "Local" {
			return out, fmt.Errorf("%q is not a time zone; write an IANA name such as Europe/Berlin", h.TimeZone)
		}
		out.loc = loc
	}
	for i, name := range days {
		out.days[i] = len(h.Days) == 0 || slices.Contains(h.Days, name)
	}
	for _, d := range h.Days {
		if !slices.Contains(days, d) {
			return out, fmt.Errorf("%q is not a day; write mon, tue, wed, thu, fri, sat or sun", d)
		}
	}
	for _, p := range []struct {
		text string
		into *time.Duration
	}{{h.From, &out.from}, {h.To, &out.to}} {
		if p.text == "" {
			return out, fmt.Errorf("a window of the day has from and to, such as 22:00 and 06:00; one is missing")
		}
		t, err := time.Parse("15:04", p.text)
		if err != nil {
			return out, fmt.Errorf("%q is not a time of day; write it as 22:00", p.text)
		}
		*p.into = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	}
	return out, nil
}

// around returns the windows that begin from yesterday on until in eight days, in order.
func (w window) around(now time.Time) [][2]time.Time {
	d := now.In(w.loc)
	at := func(plus int, clock time.Duration) time.Time {
		return time.Date(d.Year(), d.Month(), d.Day()+plus, 0, int(clock/time.Minute), 0, 0, w.loc)
	}
	over := 0
	if w.to <= w.from {
		over = 1
	}
	var out [][2]time.Time
	for plus := -1; plus <= 8; plus++ {
		if from := at(plus, w.from); w.days[from.Weekday()] {
			out = append(out, [2]time.Time{from, at(plus+over, w.to)})
		}
	}
	return out
}

// Contains reports whether t is within the hours. Hours that cannot be read contain nothing.
func (h *Hours) Contains(t time.Time) bool {
	w, err := h.read()
	return err == nil && slices.ContainsFunc(w.around(t), func(p [2]time.Time) bool { return !t.Before(p[0]) && t.Before(p[1]) })
}

// Next returns when the hours begin or end next after t; zero when they cannot be read.
func (h *Hours) Next(t time.Time) time.Time {
	w, err := h.read()
	if err != nil {
		return time.Time{}
	}
	for _, p := range w.around(t) {
		for _, edge := range p {
			if edge.After(t) {
				return edge
			}
		}
	}
	return time.Time{}
}

// Until returns when the hours that contain t end, counting windows that follow without a pause as one; zero when they do
// not end within a week, or do not contain t.
func (h *Hours) Until(t time.Time) time.Time {
	w, err := h.read()
	if err != nil || !h.Contains(t) {
		return time.Time{}
	}
	end := t
	for _, p := range w.around(t) {
		if !p[0].After(end) && p[1].After(end) {
			end = p[1]
		}
	}
	if end.Sub(t) >= week {
		return time.Time{}
	}
	return end
}

// NextDay returns the first window of the hours that begins after t; zero times when they cannot be read.
func (h *Hours) NextDay(t time.Time) (from, to time.Time) {
	w, err := h.read()
	if err != nil {
		return time.Time{}, time.Time{}
	}
	for _, p := range w.around(t) {
		if p[0].After(t) {
			return p[0], p[1]
		}
	}
	return time.Time{}, time.Time{}
}

// Between returns the windows that touch [from, to), in order, cut to it; to is at most a week after from.
func (h *Hours) Between(from, to time.Time) [][2]time.Time {
	w, err := h.read()
	if err != nil {
		return nil
	}
	var out [][2]time.Time
	for _, p := range w.around(from) {
		if p[1].After(from) && p[0].Before(to) {
			if p[0].Before(from) {
				p[0] = from
			}
			if p[1].After(to) {
				p[1] = to
			}
			out = append(out, p)
		}
	}
	return out
}

// SupportHours say when pages of some severities may wake somebody. Outside of the hours such a page waits until they
// begin.
type SupportHours struct {
	Hours      `yaml:",inline"`
	Severities []string `yaml:"severities" json:"severities,omitempty"` // default SEV3 and SEV4
}

// WaitsUntil returns until when a page of the severity waits; zero when it does not.
func (h *SupportHours) WaitsUntil(severity string, now time.Time) time.Time {
	if h == nil {
		return time.Time{}
	}
	waiting := h.Severities
	if len(waiting) == 0 {
		waiting = []string{"SEV3", "SEV4"}
	}
	if !slices.Contains(waiting, severity) || h.Contains(now) {
		return time.Time{}
	}
	return h.Next(now)
}

// Urgencies of a service.
const (
	UrgencyHigh = "high"
	UrgencyLow  = "low"
)

// WaitsUntil returns until when a page about a service waits for support hours; zero when it does not. The urgency of the
// service decides, and without one the severity.
func (c *Catalog) WaitsUntil(service string, p *EscalationPolicy, severity string, now time.Time) time.Time {
	urgency := ""
	if s := c.Services[service]; s != nil {
		urgency = s.Urgency
	}
	switch {
	case urgency == UrgencyHigh || p == nil:
		return time.Time{}
	case urgency == UrgencyLow:
		hours := c.HoursOf(p)
		if hours.Contains(now) {
			return time.Time{}
		}
		return hours.Next(now)
	}
	return p.SupportHours.WaitsUntil(severity, now)
}

// HoursOf returns when people of a policy work: its support hours, or from 09:00 to 17:00 on the days from Monday to
// Friday in the time zone of the first schedule that it names.
func (c *Catalog) HoursOf(p *EscalationPolicy) Hours {
	usual := Hours{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", To: "17:00", TimeZone: "UTC"}
	if p == nil {
		return usual
	}
	if p.SupportHours != nil {
		return p.SupportHours.Hours
	}
	for _, st := range p.Steps {
		for _, t := range st.Targets {
			if s := c.Schedules[t.Schedule]; s != nil {
				usual.TimeZone = s.TimeZone
				return usual
			}
		}
	}
	return usual
}

// AckTimeoutOf returns after what time an acknowledged page about a service opens again; 0 means never.
func (c *Catalog) AckTimeoutOf(service string, p *EscalationPolicy) time.Duration {
	if s := c.Services[service]; s != nil && s.AckTimeout > 0 {
		return s.AckTimeout.D()
	}
	if p == nil {
		return 0
	}
	return p.AckTimeout.D()
}

// DefaultPageAgain is when alerts page again that still fire after a person said that it is over.
const DefaultPageAgain = 30 * time.Minute

// PageAgainAfter returns after what time an alert of a service pages again that still fires though a person said that it is
// over; 0 means never. Policy is that of the alert itself when its rule names one.
func (c *Catalog) PageAgainAfter(service, policy string) time.Duration {
	p := c.Policies[policy]
	if p == nil {
		p = c.PolicyFor(service)
	}
	return p.PageAgainAfter()
}

// PageAgainAfter returns what the policy says of it, or the default; 0 means never.
func (p *EscalationPolicy) PageAgainAfter() time.Duration {
	if p == nil || p.PageAgain == nil {
		return DefaultPageAgain
	}
	return p.PageAgain.D()
}

// NotifyRule says by which channel a person wants to be told, and how long after the page reached them: not any more when
// somebody has acknowledged by then.
type NotifyRule struct {
	After      Duration `yaml:"after"`
	Channel    string   `yaml:"channel"`
	Severities []string `yaml:"severities"` // empty means all
}

// When is one contact and how long after the page reached the person it is used.
type When struct {
	Contact
	After time.Duration
}

// Reach returns how a person is told of a page of the severity: the inbox at once, and each contact as the person's own
// rules say. A person without a rule that fits is told by every contact at once.
func (p *Person) Reach(severity string) []When {
	out := []When{{Contact{Channel: "inbox"}, 0}}
	for _, r := range p.Notify {
		if len(r.Severities) > 0 && !slices.Contains(r.Severities, severity) {
			continue
		}
		for _, c := range p.Contacts {
			if c.Channel == r.Channel && c.Channel != "inbox" {
				out = append(out, When{c, r.After.D()})
			}
		}
	}
	if len(out) == 1 {
		for _, c := range p.Contacts {
			if c.Channel != "inbox" {
				out = append(out, When{c, 0})
			}
		}
	}
	return out
}

// Is reports whether a target is for pages of a severity.
func (t Target) Is(severity string) bool {
	return len(t.Severities) == 0 || slices.Contains(t.Severities, severity)
}

// usual is the policy of a team that declares who is on call and no policy: the worse it is, the more people are told at
// once.
func (t *Team) usual() *EscalationPolicy {
	worst, bad := []string{"SEV1"}, []string{"SEV1", "SEV2"}
	oncall, manager := Target{Schedule: t.OnCall}, Target{Role: RoleManager}
	first := Step{Targets: []Target{oncall}}
	var second []Target
	if t.Backup != "" {
		first.Targets = append(first.Targets, Target{Schedule: t.Backup, Severities: bad})
		second = append(second, Target{Schedule: t.Backup})
	}
	steps := []Step{first}
	after := Duration(10 * time.Minute)
	if second != nil {
		steps = append(steps, Step{After: after, Targets: second})
	}
	if t.Manager != "" {
		steps[0].Targets = append(steps[0].Targets, Target{Role: RoleManager, Severities: worst})
		steps = append(steps, Step{After: after, Targets: []Target{manager}})
	}
	steps = append(steps, Step{After: Duration(15 * time.Minute), Targets: []Target{{Team: t.Name}}})
	return &EscalationPolicy{Meta: Meta{Name: "team/" + t.Name, DisplayName: "as usual, of team " + t.Title()}, Loops: 3, Steps: steps}
}

// RoleManager is the manager of the team that owns the service of the page.
const RoleManager = "manager"

// usualPolicies gives every team that says who is on call, and has no policy, the usual one.
func (l *loader) usualPolicies() {
	for _, name := range sorted(l.cat.Teams) {
		t := l.cat.Teams[name]
		if t.OnCall == "" || t.EscalationPolicy != "" {
			continue
		}
		p := t.usual()
		l.cat.Policies[p.Name] = p
		t.EscalationPolicy = p.Name
	}
}

func (l *loader) severityList(kind, name, where string, list []string) {
	for i, s := range list {
		l.oneOf(kind, name, fmt.Sprintf("%s[%d]", where, i), "severity", s, severities...)
	}
}

func (l *loader) atLeastMinute(kind, name, field string, d Duration) {
	if d > 0 && d.D() < time.Minute {
		l.at(kind, name, "$.spec."+field, "%s is %s; it must be at least 1m, or 0 for never", field, d)
	}
}

// checkReach checks when a policy may wake somebody.
func (l *loader) checkReach(p *EscalationPolicy) {
	if h := p.SupportHours; h != nil {
		if err := h.Check(); err != nil {
			l.at("EscalationPolicy", p.Name, "$.spec.supportHours", "%s", err)
		}
		l.severityList("EscalationPolicy", p.Name, "$.spec.supportHours.severities", h.Severities)
		if slices.Contains(h.Severities, "SEV1") {
			l.at("EscalationPolicy", p.Name, "$.spec.supportHours.severities", "SEV1 would wait until the morning").Warning = true
		}
	}
	l.atLeastMinute("EscalationPolicy", p.Name, "ackTimeout", p.AckTimeout)
	if p.PageAgain != nil {
		l.atLeastMinute("EscalationPolicy", p.Name, "pageAgain", *p.PageAgain)
	}
}

// checkNotify checks a person's own rules.
func (l *loader) checkNotify(p *Person) {
	soonest := time.Duration(-1)
	for i, r := range p.Notify {
		where := fmt.Sprintf("$.spec.notify[%d]", i)
		l.severityList("Person", p.Name, where+".severities", r.Severities)
		if !slices.ContainsFunc(p.Contacts, func(c Contact) bool { return c.Channel == r.Channel }) {
			l.at("Person", p.Name, where+".channel", "%s has no contact for the channel %q", p.Name, r.Channel)
		}
		if soonest < 0 || r.After.D() < soonest {
			soonest = r.After.D()
		}
	}
	if soonest > 5*time.Minute {
		l.at("Person", p.Name, "$.spec.notify", "the first rule comes after %s: the page may have gone to the next person by then", Duration(soonest)).Warning = true
	}
}
