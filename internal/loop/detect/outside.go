package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
)

// Incoming is an alert as another system reports it.
type Incoming struct {
	Source      string            // kind of system: alertmanager, pagerduty, …
	Integration string            // name of the token it came with
	Key         string            // tells it from others of its integration: a fingerprint or dedup key
	Title       string            // one line
	Severity    string            // the source's own word
	Labels      map[string]string // what matchers see
	Annotations map[string]string
	URL         string    // where the source shows it
	StartsAt    time.Time // zero: now
	EndsAt      time.Time // zero: until the source says so; in the past: it is over; else it is over then unless sent again
}

// severityWords are what sources call severities.
var severityWords = map[string]Severity{
	"critical": SEV1, "page": SEV1, "emergency": SEV1, "fatal": SEV1, "p1": SEV1, "sev1": SEV1, "disaster": SEV1,
	"error": SEV2, "high": SEV2, "major": SEV2, "p2": SEV2, "sev2": SEV2, "alert": SEV2,
	"warning": SEV3, "warn": SEV3, "medium": SEV3, "minor": SEV3, "p3": SEV3, "sev3": SEV3, "average": SEV3,
	"info": SEV4, "information": SEV4, "informational": SEV4, "low": SEV4, "p4": SEV4, "p5": SEV4, "sev4": SEV4, "none": SEV4, "ok": SEV4, "debug": SEV4,
}

// serviceLabels are where the name of the service is looked for when no rule says so.
var serviceLabels = []string{"service", "service_name", "app", "application", "app_kubernetes_io_name", "job"}

// shape makes an alert of what came in: the first rule that selects it decides, and where no rule speaks, the labels that
// everybody uses.
func shape(in Incoming, c *catalog.Catalog, now time.Time) Alert {
	a := Alert{
		State: Firing, Source: in.Source, Integration: in.Integration, Key: in.Key, Title: in.Title, URL: in.URL,
		Labels: in.Labels, Annotations: in.Annotations, FiredAt: now, UpdatedAt: now, StartsAt: in.StartsAt,
	}
	if a.StartsAt.IsZero() {
		a.StartsAt = now
	}
	if a.synthetic() {
		a.Severity, a.GroupKey, a.Reason = SEV1, in.Key, in.Title
		return a
	}
	var rule *catalog.AlertRule
	for _, r := range c.Rules() {
		if holds(r.Matchers, in.Labels) {
			rule = r
			break
		}
	}
	if rule == nil {
		rule = &catalog.AlertRule{}
	}
	a.Rule, a.Policy = rule.Name, rule.EscalationPolicy
	a.Service = serviceOf(rule, in.Labels, c)
	a.EndsAt, a.AutoResolve = endOf(in, a.Service, c, now)
	a.Said = saidOf(rule, in)
	a.Severity = severityFor(rule, a.Said)
	a.Title = cmp.Or(a.Title, in.Annotations["summary"], in.Labels["alertname"], in.Annotations["description"], "an alert without a name")
	a.Title = firstLine(a.Title, 200)
	a.Reason = cmp.Or(in.Annotations["description"], in.Annotations["message"], a.Title)
	a.GroupKey = groupKey(rule, in, a)
	a.Links = Links{RED: in.URL, Runbook: cmp.Or(in.Annotations["runbook_url"], "/runbooks")}
	if a.Service != "" {
		a.Links = linksFor(a.Service, now.Add(-10*time.Minute), now.Add(5*time.Minute))
		if u := in.Annotations["runbook_url"]; u != "" {
			a.Links.Runbook = u
		}
	}
	return a
}

// endOf returns when an alert is over unless it is sent again: as its source says, or for one that says nothing when its
// service has it resolved by itself, after auto.
func endOf(in Incoming, service string, c *catalog.Catalog, now time.Time) (at time.Time, auto catalog.Duration) {
	if s := c.Services[service]; s != nil && s.AutoResolve > 0 && in.EndsAt.IsZero() {
		return now.Add(s.AutoResolve.D()), s.AutoResolve
	}
	return in.EndsAt, 0
}

func serviceOf(r *catalog.AlertRule, l map[string]string, c *catalog.Catalog) string {
	if r.Service != "" {
		return r.Service
	}
	if r.ServiceLabel != "" {
		return l[r.ServiceLabel]
	}
	for _, name := range serviceLabels {
		if v := l[name]; c.Services[v] != nil {
			return v
		}
	}
	return l["service"]
}

// saidOf returns how bad the source says that it is, in its own words; empty when it does not say.
func saidOf(r *catalog.AlertRule, in Incoming) string {
	return cmp.Or(in.Labels[cmp.Or(r.SeverityLabel, "severity")], in.Severity)
}

func severityFor(r *catalog.AlertRule, said string) Severity {
	if r.Severity != "" {
		return Severity(r.Severity)
	}
	if s, ok := r.Severities[said]; ok {
		return Severity(s)
	}
	if s, ok := severityWords[strings.ToLower(said)]; ok {
		return s
	}
	return SEV2 // nobody said how bad it is: better to wake somebody than nobody
}

// groupKey tells which alerts are one incident: those of a rule that share the values of its labels; without a rule,
// alerts of one name, cluster and namespace.
func groupKey(r *catalog.AlertRule, in Incoming, a Alert) string {
	by := r.GroupBy
	if len(by) == 0 {
		by = []string{"alertname", "cluster", "namespace"}
	}
	parts := []string{in.Integration, r.Name}
	known := false
	for _, name := range by {
		v, ok := in.Labels[name]
		known = known || ok
		parts = append(parts, v)
	}
	if !known {
		parts = append(parts, a.Title)
	}
	return strings.Join(parts, "\x1f")
}

func firstLine(s string, most int) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// Receipt says what became of one alert that came in.
type Receipt struct {
	Alert AlertID
	Done  string // fired, repeated, resolved, ignored
}

// What becomes of an alert that comes in.
const (
	DidFire    = "fired"
	DidRepeat  = "repeated"
	DidResolve = "resolved"
	DidNothing = "ignored" // it says that something is over that we know nothing of
)

// take decides what becomes of an alert that came in, given the one of the same key that fires, if any.
func take(in Incoming, known *Alert, c *catalog.Catalog, now time.Time) (next Alert, did, reason string) {
	over := !in.EndsAt.IsZero() && !in.EndsAt.After(now)
	switch {
	case known == nil && over:
		return Alert{}, DidNothing, "it is over, and it was not known"
	case known == nil:
		return shape(in, c, now), DidFire, ""
	case over:
		return *known, DidResolve, "its source says that it is over"
	}
	next = *known
	next.UpdatedAt = now
	next.EndsAt, next.AutoResolve = endOf(in, known.Service, c, now)
	next.Annotations, next.URL = in.Annotations, cmp.Or(in.URL, known.URL)
	next.Count++
	return next.worsen(in, c, now), DidRepeat, ""
}

// worsen returns a firing alert as its source says it again when that is worse: a warning of the same key may have become
// critical. It never becomes better while it fires, and who does not say how bad it is does not say that it is worse.
func (a Alert) worsen(in Incoming, c *catalog.Catalog, now time.Time) Alert {
	if (in.Severity == "" || in.Severity == a.Said) && maps.Equal(in.Labels, a.Labels) {
		return a // as nearly all are
	}
	again := shape(in, c, now)
	if !again.Severity.Worse(a.Severity) || (again.Said == "" && again.Rule == a.Rule) {
		return a
	}
	a.Severity, a.Said, a.Rule, a.Policy = again.Severity, again.Said, again.Rule, again.Policy
	a.Title, a.Reason = again.Title, again.Reason
	a.Labels = maps.Clone(a.Labels) // what people added stays
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	maps.Copy(a.Labels, in.Labels)
	return a
}

// inhibitor returns the alert because of which another one is muted, if any. Nothing inhibits itself.
func inhibitor(a Alert, sources []Alert, c *catalog.Catalog) (*Alert, string) {
	for _, name := range slices.Sorted(maps.Keys(c.Inhibitions)) {
		r := c.Inhibitions[name]
		if !holds(r.TargetMatchers, a.Labels) || holds(r.SourceMatchers, a.Labels) {
			continue
		}
		for i := range sources {
			src := &sources[i]
			same := !slices.ContainsFunc(r.Equal, func(l string) bool { return src.Labels[l] != a.Labels[l] })
			if src.ID != a.ID && same && holds(r.SourceMatchers, src.Labels) {
				return src, fmt.Sprintf("inhibited by %s (%s), rule %s", src.Headline(), src.ID, name)
			}
		}
	}
	return nil, ""
}

// inhibits reports whether an alert may mute others.
func inhibits(a Alert, c *catalog.Catalog) bool {
	if a.synthetic() {
		return false
	}
	for _, r := range c.Inhibitions {
		if holds(r.SourceMatchers, a.Labels) {
			return true
		}
	}
	return false
}

// mutedBy returns why nobody is to be told of an alert, in words; nothing when somebody is.
func mutedBy(a Alert, silences []Silence, sources []Alert, c *catalog.Catalog, now time.Time) []string {
	if a.synthetic() {
		return nil
	}
	var out []string
	for _, s := range silences {
		if s.Active(now) && s.Mutes(a) {
			out = append(out, s.String())
		}
	}
	if _, why := inhibitor(a, sources, c); why != "" {
		out = append(out, why)
	}
	return out
}
