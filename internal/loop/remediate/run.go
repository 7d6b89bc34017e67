package remediate

import (
	"time"

	"nightkeeper/internal/loop/catalog"
	"nightkeeper/internal/loop/detect"
	"nightkeeper/internal/loop/remediate/script"
	"nightkeeper/internal/loop/respond"
	"nightkeeper/internal/loop/respond/diagnose"
)

// RunID names a run.
type RunID string

// State of a run; see the package comment.
type State string

// States of a run.
const (
	Running   State = "running"
	Waiting   State = "waiting" // for an approval
	Succeeded State = "succeeded"
	Escalated State = "escalated"
	Failed    State = "failed"
	Unknown   State = "unknown" // an action may or may not have happened: a person finds out
	Ended     State = "ended"   // the incident was over before the run was
)

// Over reports whether a run has come to its end.
func (s State) Over() bool { return s != Running && s != Waiting && s != Unknown }

// Run is a runbook in action for one incident.
type Run struct {
	ID        RunID             `json:"id"`
	Incident  respond.ID        `json:"incident"`
	Group     detect.GroupID    `json:"group"`
	Runbook   string            `json:"runbook"`
	Title     string            `json:"title"`
	Risk      catalog.Risk      `json:"risk"`
	Approval  catalog.Duration  `json:"approval"` // how long an approval may wait
	Source    script.Source     `json:"source"`   // the text as it was at the start
	Hash      string            `json:"hash"`     // of the source
	API       int               `json:"api"`      // meaning of the script's functions
	Inputs    map[string]any    `json:"inputs"`
	SLOs      []string          `json:"slos"` // objectives that must be calm again
	DryRun    bool              `json:"dry_run,omitempty"`
	State     State             `json:"state"`
	Reason    string            `json:"reason"`
	StartedBy string            `json:"started_by"`
	StartedAt time.Time         `json:"started_at"`
	EndedAt   time.Time         `json:"ended_at,omitzero"`
	Since     map[int]time.Time `json:"since,omitempty"` // when each waiting step began, by its number
	Changed   bool              `json:"changed,omitempty"`
	Turn      int               `json:"turn,omitempty"` // raised by each worker that takes the run; one that lost it writes nothing more
	Settled   []Settlement      `json:"settled,omitempty"`
}

// Approval asks a person whether a run may do what it proposes.
type Approval struct {
	Run       RunID     `json:"run"`
	Seq       int       `json:"seq"`
	Text      string    `json:"text"`
	State     Decision  `json:"state"`
	AskedAt   time.Time `json:"asked_at"`
	Deadline  time.Time `json:"deadline"`
	DecidedBy string    `json:"decided_by,omitempty"`
	DecidedAt time.Time `json:"decided_at,omitzero"`
	Reason    string    `json:"reason,omitempty"`
}

// Decision is what became of an approval. Time running out is never a yes.
type Decision string

// Decisions.
const (
	Pending Decision = "pending"
	Granted Decision = "granted"
	Denied  Decision = "denied"
	Expired Decision = "expired"
)

// plan is what is done about a named cause, and why.
type plan struct {
	runbook *catalog.Runbook
	release bool // tell people now
	reason  string
}

// choose decides whether a runbook runs, asks, or leaves the incident to people.
func choose(c *catalog.Catalog, cause diagnose.Suspect, conf diagnose.Confidence) plan {
	if cause.Kind == diagnose.Unknown {
		return plan{release: true, reason: "no cause was found: an unknown pattern always goes to a person"}
	}
	r := c.RunbookFor(cause.Kind, cause.Service)
	if diagnose.Suspicious(cause.Kind) {
		return plan{release: true, reason: cause.Kind + " always goes to a person; automation must not touch it"}
	}
	switch {
	case r == nil || len(r.Blocks) == 0:
		return plan{release: true, reason: "no runbook is for " + cause.Kind + " of " + cause.Service}
	case r.Risk != catalog.Low:
		return plan{runbook: r, release: true, reason: "runbook " + r.Name + " is of " + string(r.Risk) + " risk: it proposes, a person decides"}
	case conf == diagnose.Low:
		return plan{release: true, reason: "the cause is hardly more than a guess: runbook " + r.Name + " is not started by itself"}
	}
	return plan{runbook: r, reason: "runbook " + r.Name + " is of low risk and for " + cause.Kind}
}

// inputs returns what a script knows about its incident.
func inputs(c *catalog.Catalog, i respond.Incident) map[string]any {
	cause := diagnose.Suspect{Kind: diagnose.Unknown, Service: i.Service}
	if i.Cause != nil {
		cause = *i.Cause
	}
	control := ""
	if s := c.Services[cause.Service]; s != nil {
		control = s.Control
	}
	list := func(ss []string) []any {
		out := make([]any, len(ss))
		for k, s := range ss {
			out[k] = s
		}
		return out
	}
	return map[string]any{"incident": map[string]any{
		"id": string(i.ID), "severity": string(i.Severity), "service": i.Service,
		"cause_service": cause.Service, "cause_kind": cause.Kind, "version": cause.Version, "previous": cause.Previous, "commit": cause.Commit,
		"control": control, "burning": list(i.Burning), "affected": list(i.Affected),
		"onset": i.OnsetAt.Unix(), "summary": i.Diagnosis.Summary,
	}, "params": map[string]any{}}
}

// sourceOf returns a runbook's script.
func sourceOf(r *catalog.Runbook) script.Source {
	src := script.Source{Name: r.File}
	for _, b := range r.Blocks {
		src.Blocks = append(src.Blocks, script.Block{Text: b.Text, FirstLine: b.Line})
	}
	return src
}
