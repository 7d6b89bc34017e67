package learn

import (
	"cmp"
	"slices"
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// ItemID names an action item, such as ACT-7.
type ItemID string

// Priority says how soon an action item is due.
type Priority string

// Priorities: a week, a month, a quarter.
const (
	P0 Priority = "P0"
	P1 Priority = "P1"
	P2 Priority = "P2"
)

// Due returns when an item of the priority is due that was decided at a time; ok is false for an unknown priority.
func (p Priority) Due(from time.Time) (due time.Time, ok bool) {
	days, ok := map[Priority]int{P0: 7, P1: 30, P2: 90}[p]
	return from.Add(time.Duration(days) * 24 * time.Hour), ok
}

// ItemState is how far an action item is; see the package comment.
type ItemState string

// States of an action item.
const (
	Open    ItemState = "open"
	Done    ItemState = "done"
	Dropped ItemState = "dropped"
)

// ActionItem is one change that keeps an incident from coming back.
type ActionItem struct {
	ID         ItemID     `json:"id"`
	Postmortem ID         `json:"postmortem"`
	Incident   respond.ID `json:"incident"`
	Rule       string     `json:"rule,omitempty"` // which rule drafted it; empty when a person added it
	Text       string     `json:"text"`
	Priority   Priority   `json:"priority"`
	Owner      string     `json:"owner"` // team or person
	CreatedAt  time.Time  `json:"created_at"`
	CreatedBy  string     `json:"created_by"`
	DueAt      time.Time  `json:"due_at"`
	State      ItemState  `json:"state"`
	DoneAt     time.Time  `json:"done_at,omitzero"` // or dropped
	DoneBy     string     `json:"done_by,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Experiment string     `json:"experiment,omitempty"` // must have passed after the incident before it is done
	Proof      string     `json:"proof,omitempty"`      // the experiment's run
	Chased     int        `json:"chased,omitempty"`     // how often it was called overdue
}

// Overdue reports whether the item is open and late.
func (a ActionItem) Overdue(now time.Time) bool { return a.State == Open && now.After(a.DueAt) }

// Proof says that an experiment passed in a run.
type Proof struct {
	Experiment string    `json:"experiment"`
	Run        string    `json:"run"`
	At         time.Time `json:"at"` // when the fault of the run began
}

// remedy is an action item that a rule calls for.
type remedy struct {
	rule     string
	priority Priority
	text     string
	proves   bool // the recreated incident proves it
}

// remedies returns what usually keeps a cause of the kind from coming back, the most effective first. It is long because
// it is a table.
func remedies(kind, service string) []remedy {
	switch kind {
	case diagnose.RetryStorm:
		return []remedy{
			{"retry-budget", P0, "Give every caller of " + service + " a retry budget (at most 10 % extra calls) with jittered back-off, and retry at one layer only", true},
			{"breaker", P1, "Put a circuit breaker with a fallback in front of calls to " + service, false},
			{"capacity", P1, "Find what made " + service + " slow and how much load it holds; add capacity or shed load before its limit", false},
		}
	case diagnose.Slow:
		return []remedy{
			{"deadline", P0, "Bound the time that callers wait for " + service + " and let them degrade instead of wait", true},
			{"capacity", P1, "Find what made " + service + " slow and add a test or limit that keeps it from coming back", false},
		}
	case diagnose.Errors:
		return []remedy{
			{"fallback", P0, "Let callers of " + service + " degrade when it fails: fallback, cached answer or a clear refusal", true},
			{"fix", P1, "Fix the failure in " + service + " and add a test that reproduces it", false},
		}
	case diagnose.Crash:
		return []remedy{
			{"fallback", P0, "Let callers of " + service + " degrade while it is down: fallback, cached answer or a clear refusal", true},
			{"redundancy", P1, "Run " + service + " with enough instances, health checks and automatic restart that the loss of one is not seen", false},
		}
	case diagnose.Hang:
		return []remedy{
			{"deadline", P0, "Give every call to " + service + " a deadline and a circuit breaker, so that a service that does not answer does not hold its callers", true},
			{"liveness", P1, "Add a liveness check to " + service + " that notices when it takes calls and does not answer", false},
		}
	case diagnose.PoolExhaustion:
		return []remedy{
			{"pool-size", P0, "Size the connection pool of " + service + " for its peak and bound how long a request may wait for it", false},
			{"pool-alert", P1, "Add an objective or forecast on the pool wait of " + service + " so that it is seen before requests fail", false},
		}
	case diagnose.TrafficSurge:
		return []remedy{
			{"load-shed", P0, "Shed load at " + service + " above what it can serve, lowest value first", false},
			{"autoscale", P1, "Measure the limit of " + service + " with a load test and scale before it", false},
		}
	case diagnose.BadDeploy:
		return []remedy{
			{"canary", P0, "Release " + service + " to a canary first and compare it with the version before", false},
			{"rollback", P1, "Roll " + service + " back automatically when its budget burns after a release", false},
			{"test", P1, "Add a test to the pipeline of " + service + " that would have caught this version", false},
		}
	case diagnose.DataCorruption:
		return []remedy{
			{"integrity", P0, "Check the integrity of the data of " + service + " at write and on a schedule, and alert on the first damaged record", false},
			{"restore", P0, "Assess and restore the damaged data of " + service + "; rehearse the restore", false},
		}
	}
	return []remedy{
		{"understand", P0, "Find the cause: go through traces and logs of " + service + " in the incident's window and record what was missing to see it", false},
	}
}

// items returns the action items that a case calls for, without names.
func items(c Case, suggestion *catalog.Experiment) []ActionItem {
	i := c.Incident
	kind, service := causeKind(i), causeService(i)
	rs := remedies(kind, service)
	if c.runbook() == nil && !diagnose.Suspicious(kind) {
		rs = append(rs, remedy{"runbook", P1, "Write a runbook for " + spoken(kind) + " at " + service, false})
	}
	if late := i.OpenedAt.Sub(i.OnsetAt); late > slowDetection {
		rs = append(rs, remedy{"detection", P1, "Detect it sooner: the alert came " + span(late) + " after the first sign; look at the objectives of " + i.Service, false})
	}
	var out []ActionItem
	for _, r := range rs {
		due, _ := r.priority.Due(i.ResolvedAt)
		rule := kind + "/" + r.rule
		if r.rule == "detection" {
			rule = r.rule // whatever the cause
		}
		a := ActionItem{
			Postmortem: IDOf(i.ID), Incident: i.ID, Rule: rule, Text: r.text, Priority: r.priority,
			Owner: owner(c), DueAt: due, State: Open,
		}
		if r.proves && suggestion != nil {
			a.Experiment = suggestion.Name
		}
		out = append(out, a)
	}
	return out
}

// owner returns the team that owns the service of the cause, or who commanded the incident.
func owner(c Case) string {
	if c.Catalog != nil {
		for _, name := range []string{causeService(c.Incident), c.Incident.Service} {
			if s := c.Catalog.Services[name]; s != nil && s.Team != "" {
				return s.Team
			}
		}
	}
	return c.Incident.Commander
}

// reconcile compares the items there are with those that a later draft calls for: missing ones are added, open ones of
// rules that it no longer calls for are dropped, and all others stay as people have them.
func reconcile(have, want []ActionItem) (add, drop []ActionItem) {
	for _, w := range want {
		if !slices.ContainsFunc(have, func(h ActionItem) bool { return h.Rule == w.Rule }) {
			add = append(add, w)
		}
	}
	for _, h := range have {
		if h.Rule == "" || h.State != Open || slices.ContainsFunc(want, func(w ActionItem) bool { return w.Rule == h.Rule }) {
			continue
		}
		drop = append(drop, h)
	}
	return add, drop
}

// byDue orders items: open ones first, then by due time and name.
func byDue(a, b ActionItem) int {
	open := func(x ActionItem) int {
		if x.State == Open {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(open(a), open(b)), a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
}
