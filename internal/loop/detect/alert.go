package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect/slo"
)

// AlertID names an alert.
type AlertID string

// GroupID names a group of alerts that are one incident.
type GroupID string

// Severity says how bad an incident is. SEV1 is the worst.
type Severity string

// Severities: customer-facing outage, degraded service, internal tooling, can wait.
const (
	SEV1 Severity = "SEV1"
	SEV2 Severity = "SEV2"
	SEV3 Severity = "SEV3"
	SEV4 Severity = "SEV4"
)

// Worse reports whether s is worse than o.
func (s Severity) Worse(o Severity) bool { return o == "" || (s != "" && s < o) }

// State of an alert.
type State string

// States of an alert; see the package comment.
const (
	Firing   State = "firing"
	Resolved State = "resolved"
)

// Alert says that the error budget of an SLO burns, or what another system reports.
type Alert struct {
	ID          AlertID           `json:"id"`
	SLO         string            `json:"slo,omitempty"`         // of an SLO of ours
	Source      string            `json:"source,omitempty"`      // of another system: its kind
	Integration string            `json:"integration,omitempty"` // the name of the token it came with
	Key         string            `json:"key,omitempty"`         // tells it from others of its integration
	Title       string            `json:"title,omitempty"`
	Service     string            `json:"service"`
	Group       GroupID           `json:"group"`
	GroupKey    string            `json:"group_key,omitempty"`    // alerts with the same one are one incident
	GroupReason string            `json:"group_reason,omitempty"` // why it belongs to its group
	Severity    Severity          `json:"severity"`
	Said        string            `json:"severity_said,omitempty"` // how bad it is in the words of its source
	State       State             `json:"state"`
	Reading     slo.Reading       `json:"reading,omitzero"`
	Reason      string            `json:"reason"`
	Labels      map[string]string `json:"labels,omitempty"` // what matchers see
	Annotations map[string]string `json:"annotations,omitempty"`
	Rule        string            `json:"rule,omitempty"`   // the alert rule that shaped it
	Policy      string            `json:"policy,omitempty"` // escalation policy of that rule
	URL         string            `json:"url,omitempty"`    // where its source shows it
	Muted       []string          `json:"muted,omitempty"`  // why nobody is told; empty when people are
	Told        bool              `json:"told,omitempty"`   // it has a fact of its own; others of a storm are counted
	Again       string            `json:"again,omitempty"`  // why people are told of it once more
	Inhibits    bool              `json:"inhibits,omitempty"`
	Count       int               `json:"count,omitempty"` // how often its source repeated it
	Links       Links             `json:"links"`
	StartsAt    time.Time         `json:"starts_at,omitzero"`     // as its source says
	EndsAt      time.Time         `json:"ends_at,omitzero"`       // it is over then unless its source repeats it
	AutoResolve catalog.Duration  `json:"auto_resolve,omitempty"` // its source says no end: its service's auto-resolve does
	FiredAt     time.Time         `json:"fired_at"`
	UpdatedAt   time.Time         `json:"updated_at,omitzero"` // when its source spoke of it last
	AckedAt     time.Time         `json:"acked_at,omitzero"`   // somebody looks at it, says its source
	AckedBy     string            `json:"acked_by,omitempty"`
	Owner       string            `json:"owner,omitempty"` // whom its source gave it to
	ResolvedAt  time.Time         `json:"resolved_at,omitzero"`
	Resolution  string            `json:"resolution,omitempty"`
}

// Identity returns what at most one firing alert has: the name of the SLO, or the integration and its key.
func (a Alert) Identity() string {
	if a.Source == "" {
		return a.SLO
	}
	return Identity(a.Integration, a.Key)
}

// Identity returns the identity of an alert from outside.
func Identity(integration, key string) string { return integration + "/" + key }

// Ticket reports whether the alert waits for a working day instead of paging.
func (a Alert) Ticket() bool {
	if a.Source == "" {
		return a.Reading.Rule.Class == slo.Ticket
	}
	return a.Severity == SEV4
}

// Headline returns what the alert says in a few words.
func (a Alert) Headline() string {
	switch {
	case a.Source == "" && a.Service != "":
		return a.Service + " burns its error budget"
	case a.Service == "" || strings.Contains(a.Title, a.Service):
		return cmp.Or(a.Title, "an alert without a title")
	case a.Title == "":
		return a.Service
	}
	return a.Service + ": " + a.Title
}

// calm returns what is said when it is over.
func (a Alert) calm() string {
	if a.Source == "" {
		return a.Service + " is back within its objective: " + a.Resolution
	}
	return a.Headline() + " is over: " + a.Resolution
}

// labelsOf returns what matchers see of an alert of an SLO.
func labelsOf(o *catalog.SLO, c *catalog.Catalog, sev Severity) map[string]string {
	out := map[string]string{"alertname": o.Name, "slo": o.Name, "service": o.Service, "severity": string(sev), "source": "slo", "tier": string(c.TierOf(o.Service))}
	if svc := c.Services[o.Service]; svc != nil {
		out["team"] = svc.Team
	}
	return out
}

// Links open the page on exactly the burn window: rate, errors and duration; traces; where the time goes; the runbook.
type Links struct {
	RED     string `json:"red"`
	Traces  string `json:"traces"`
	Profile string `json:"profile"`
	Runbook string `json:"runbook"`
}

// linksFor returns the deep links of an alert as paths of the web page.
func linksFor(service string, from, to time.Time) Links {
	win := fmt.Sprintf("from=%d&to=%d", from.UnixMilli(), to.UnixMilli())
	return Links{
		RED:     "/services/" + service + "?" + win,
		Traces:  "/traces?service=" + service + "&errors=1&" + win,
		Profile: "/services/" + service + "/profile?" + win,
		Runbook: "/runbooks?service=" + service,
	}
}

// severityOf maps what burns and how fast to a severity.
func severityOf(tier catalog.Tier, r slo.Rule) Severity {
	switch {
	case r.Class == slo.Ticket:
		return SEV4
	case tier == catalog.Critical && r.Name == "fast":
		return SEV1
	case tier == catalog.Critical, tier == catalog.Standard && r.Name == "fast":
		return SEV2
	}
	return SEV3
}

// change is what a tick decides about one SLO.
type change struct {
	fire, raise, resolve bool
	reading              slo.Reading
	reason               string
}

// quietAfter is how long an alert without any traffic keeps firing: nothing arriving is not recovery.
const quietAfter = 30 * time.Minute

// decide returns what happens to an SLO's alert at now: open is the firing alert or nil, since the time its last one
// resolved, and gone what is missing because the service is.
func decide(s *catalog.SLO, l *slo.Ledger, gone slo.Absence, open *Alert, since, now time.Time) change {
	if open == nil {
		for _, r := range slo.For(s) {
			reading := slo.Read(l, r, s, gone, since, now)
			if ok, why := reading.Fires(); ok {
				if reading.Missing > 0 {
					why += "; " + gone.String()
				}
				return change{fire: true, reading: reading, reason: why}
			}
		}
		return change{}
	}
	// A budget that burned slowly may burn fast by now: the alert gets worse.
	for _, r := range slo.For(s) {
		if r.Name == open.Reading.Rule.Name {
			break
		}
		worse := slo.Read(l, r, s, gone, time.Time{}, now)
		if ok, why := worse.Fires(); ok {
			return change{raise: true, reading: worse, reason: why}
		}
	}
	reading := slo.Read(l, open.Reading.Rule, s, gone, time.Time{}, now)
	switch {
	case gone.Rate > 0: // what was seen before it went may look calm
	case slo.Calm(reading.Recent, s.Budget()):
		return change{resolve: true, reading: reading, reason: fmt.Sprintf("%d of %d events bad over the last %s: within the objective", reading.Recent.Bad(), reading.Recent.Total, catalog.Duration(reading.Rule.Recent))}
	case reading.Recent.Total == 0 && l.Sum(now.Add(-quietAfter), now).Total == 0 && now.Sub(open.FiredAt) > quietAfter:
		return change{resolve: true, reading: reading, reason: "no traffic for " + quietAfter.String() + ": nothing left to judge"}
	}
	return change{reading: reading}
}

// Group is alerts that are one incident.
type Group struct {
	ID       GroupID   `json:"id"`
	OpenedAt time.Time `json:"opened_at"`
	QuietAt  time.Time `json:"quiet_at,omitzero"` // when its last alert resolved; zero while one fires
	Settled  bool      `json:"settled,omitempty"` // a person said that it is over, and some of it may fire yet
	Services []string  `json:"services"`          // in the order in which they began to burn
	Severity Severity  `json:"severity"`
	Keys     []string  `json:"keys,omitempty"`   // group keys of its alerts from outside
	Alerts   int       `json:"alerts,omitempty"` // how many joined so far
	Untold   int       `json:"untold,omitempty"` // how many of them no fact speaks of yet
	Examples []string  `json:"examples,omitempty"`
	ToldAt   time.Time `json:"told_at,omitzero"` // when a fact spoke of those that joined
}

// Linger is how long a quiet group still takes a relapse: an alert of a service that is in it. Stragglers is how long it
// takes its neighbours too; what burns next to it after that is trouble of its own.
const (
	Linger     = 5 * time.Minute
	stragglers = 20 * time.Second
)

// join returns the group that an alert of the service belongs to, and why; nil when it starts its own. related are the
// services that share trouble with it.
func join(groups []Group, service string, related []string, now time.Time) (*Group, string) {
	for i := range groups {
		g := &groups[i]
		if service == "" || (!g.QuietAt.IsZero() && now.Sub(g.QuietAt) > Linger) {
			continue
		}
		if slices.Contains(g.Services, service) {
			return g, service + " is already part of it"
		}
		for _, s := range g.Services {
			if !g.QuietAt.IsZero() && now.Sub(g.QuietAt) > stragglers {
				break
			}
			if slices.Contains(related, s) {
				return g, service + " and " + s + " are connected in the service graph"
			}
		}
	}
	return nil, "no open group is connected to " + service
}
