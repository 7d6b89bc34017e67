package respond

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/respond/diagnose"
)

// ID names an incident, such as INC-42.
type ID string

// Status of an incident; see the package comment.
type Status string

// Statuses of an incident.
const (
	Queued        Status = "queued" // a ticket: nobody is paged, and it waits for the next business day
	Investigating Status = "investigating"
	Identified    Status = "identified"
	Mitigating    Status = "mitigating"
	Resolved      Status = "resolved"
)

// Impact is what the incident cost so far, counted from failed customer requests.
type Impact struct {
	LostRequests int64   `json:"lost_requests"`
	Revenue      float64 `json:"revenue"`
	Currency     string  `json:"currency,omitempty"`
}

// atLeast returns the larger figures of two looks: the live picture remembers an hour, and what was lost stays lost.
func (i Impact) atLeast(o Impact) Impact {
	if o.LostRequests > i.LostRequests {
		i.LostRequests, i.Revenue = o.LostRequests, o.Revenue
	}
	if i.Currency == "" {
		i.Currency = o.Currency
	}
	return i
}

// toll says what the incident cost so far.
func (i Incident) toll() string {
	services := "1 service"
	if n := len(i.Affected); n != 1 {
		services = strconv.Itoa(n) + " services"
	}
	out := fmt.Sprintf("%s affected, %d customer requests lost", services, i.Impact.LostRequests)
	if i.Impact.Revenue > 0 && i.Impact.Currency != "" { // a service without a price has none to lose
		out += fmt.Sprintf(", about %.0f %s", i.Impact.Revenue, i.Impact.Currency)
	}
	return out
}

// Incident is a group of alerts that people and runbooks work on.
type Incident struct {
	ID         ID                  `json:"id"`
	Group      detect.GroupID      `json:"group"`
	Title      string              `json:"title"`
	Severity   detect.Severity     `json:"severity"`
	Status     Status              `json:"status"`
	Service    string              `json:"service"`            // whose alert opened it
	FoundBy    string              `json:"found_by,omitempty"` // the person who declared it, or "customer"; empty: monitoring did
	Commander  string              `json:"commander,omitempty"`
	Command    Command             `json:"command,omitzero"`
	Roles      []Role              `json:"roles,omitempty"`
	Handoff    HandoffID           `json:"handoff,omitempty"` // that is on its way
	Regions    []string            `json:"regions,omitempty"` // of the catalog, that it hits
	OpenedAt   time.Time           `json:"opened_at"`
	OnsetAt    time.Time           `json:"onset_at"` // first sign of trouble, found afterwards
	NamedAt    time.Time           `json:"named_at,omitzero"`
	ToldAt     time.Time           `json:"told_at,omitzero"` // when people were first told of it
	AckedAt    time.Time           `json:"acked_at,omitzero"`
	ResolvedAt time.Time           `json:"resolved_at,omitzero"`
	ReopenedAt time.Time           `json:"reopened_at,omitzero"` // when it came back last
	Alerts     []detect.AlertID    `json:"alerts"`
	Burning    []string            `json:"burning"`  // services with an alert
	Affected   []string            `json:"affected"` // services that fail or are slow, the burning ones among them
	Impact     Impact              `json:"impact"`
	Diagnosis  diagnose.Diagnosis  `json:"diagnosis"`
	Cause      *diagnose.Suspect   `json:"cause,omitempty"` // named cause
	Confidence diagnose.Confidence `json:"confidence,omitempty"`
	Run        string              `json:"run,omitempty"` // newest run
	Reopened   int                 `json:"reopened,omitempty"`
	Muted      bool                `json:"muted,omitempty"` // it ended because nobody is told of its alerts any more; they may still fire
	Reason     string              `json:"reason"`          // why it is in this status
}

// Open reports whether the incident is not resolved.
func (i Incident) Open() bool { return i.Status != Resolved }

// since returns when the incident began, or came back.
func (i Incident) since() time.Time {
	if i.ReopenedAt.After(i.OpenedAt) {
		return i.ReopenedAt
	}
	return i.OpenedAt
}

// attach adds an alert to the incident, and opens it again when it was resolved.
func (i Incident) attach(a detect.Alert, now time.Time) (next Incident, reopened bool) {
	next = i
	if !slices.Contains(i.Alerts, a.ID) {
		next.Alerts = append(slices.Clone(i.Alerts), a.ID)
	}
	for _, s := range named(a) {
		if !slices.Contains(next.Burning, s) {
			next.Burning = append(slices.Clone(i.Burning), s)
		}
		if !slices.Contains(next.Affected, s) {
			next.Affected = append(slices.Clone(i.Affected), s)
		}
	}
	if a.Severity.Worse(i.Severity) {
		next.Severity = a.Severity
	}
	if i.Status == Queued {
		next = next.begun(a)
	}
	if i.Status == Resolved {
		next.Status, next.ResolvedAt, next.Muted = begins(a), time.Time{}, false
		next.Burning = named(a)
		next.Reopened++
		next.ReopenedAt = now
		next.Reason = "an alert fires again: " + a.Headline()
		if a.Again != "" {
			next.Reason = a.Headline() + ": " + a.Again
		}
		return next, true
	}
	return next, false
}

// begins returns the status in which an incident begins with an alert.
func begins(a detect.Alert) Status {
	if a.Ticket() {
		return Queued
	}
	return Investigating
}

// begun returns a queued incident as it is with an alert: one that pages people waits no more.
func (i Incident) begun(a detect.Alert) Incident {
	if i.Status == Queued && !a.Ticket() {
		i.Status, i.Reason = Investigating, a.Reason
	}
	return i
}

// named returns the service of an alert; an alert from outside may have none.
func named(a detect.Alert) []string {
	if a.Service == "" {
		return nil
	}
	return []string{a.Service}
}

// Named reports whether a cause was found; that none was is no cause.
func (i Incident) Named() bool { return i.Cause != nil && i.Cause.Kind != diagnose.Unknown }

// How long a diagnosis is given before it is believed: a clear one at once when it was the same twice, a likely one
// after settle, and after giveUp whatever stands first, or nothing. When nothing was, a clear one may still come.
const (
	settle = 20 * time.Second
	giveUp = 45 * time.Second
)

// name decides whether the incident's cause can be named now, and why.
func name(i Incident, d diagnose.Diagnosis, now time.Time) (named bool, cause diagnose.Suspect, reason string) {
	top, age := d.Top(), now.Sub(i.since())
	same := i.Diagnosis.Top().Service == top.Service && i.Diagnosis.Top().Kind == top.Kind && !i.Diagnosis.At.IsZero()
	switch {
	case i.Named():
		return false, *i.Cause, "already named"
	case d.Confidence == diagnose.High && same:
		return true, top, "two diagnoses in a row agree, clear of other suspects"
	case i.Cause != nil:
		return false, *i.Cause, "still nothing clear"
	case d.Confidence != diagnose.Low && age > settle && same:
		return true, top, "the same suspect for " + settle.String()
	case d.Confidence != diagnose.Low && age > giveUp:
		return true, top, "the most likely after " + giveUp.String()
	case age > giveUp:
		return true, diagnose.Suspect{Kind: diagnose.Unknown}, "nothing stands out after " + giveUp.String()
	}
	return false, diagnose.Suspect{}, "not sure yet"
}
