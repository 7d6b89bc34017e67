package prevent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nightkeeper/internal/loop/detect/slo"
)

// RunID names an experiment run.
type RunID string

// State of an experiment run; see the package comment.
type State string

// States of an experiment run.
const (
	Planned    State = "planned"
	Preflight  State = "preflight"
	Running    State = "running"
	Monitoring State = "monitoring"
	Passed     State = "passed"
	Failed     State = "failed"
	Aborted    State = "aborted"
)

// Over reports whether a run has come to its end.
func (s State) Over() bool { return s == Passed || s == Failed || s == Aborted }

// Hypothesis says what a run found out about the hypothesis.
type Hypothesis string

// What a run can find out. It stays open when the run was ended for another reason than its own objectives.
const (
	Undecided Hypothesis = "open"
	Confirmed Hypothesis = "confirmed"
	Refuted   Hypothesis = "refuted"
)

// Check is one thing that must be so before a fault may begin.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// Result is how a watched objective did while the fault was active.
type Result struct {
	SLO       string  `json:"slo"`
	Service   string  `json:"service"`
	Objective float64 `json:"objective"`
	slo.Counts
	Held bool `json:"held"`
}

// Trigger says what ended a fault.
type Trigger string

// Triggers.
const (
	ByDuration  Trigger = "duration"
	ByThreshold Trigger = "threshold" // too many bad events of a watched objective
	ByAlert     Trigger = "alert"
	ByIncident  Trigger = "incident"
	ByKill      Trigger = "kill"
	ByHolder    Trigger = "holder"   // the fault was over before its time
	ByBlindness Trigger = "blind"    // the objectives could not be watched
	ByShutdown  Trigger = "shutdown" // the program stops
	ByRestart   Trigger = "restart"
)

// Ending is why a fault ended.
type Ending struct {
	Trigger Trigger `json:"trigger"`
	Reason  string  `json:"reason"`
}

// Early reports whether the fault ended before its time.
func (e Ending) Early() bool { return e.Trigger != ByDuration }

// refutes reports whether the ending itself speaks against the hypothesis.
func (e Ending) refutes() bool {
	return e.Trigger == ByThreshold || e.Trigger == ByAlert || e.Trigger == ByIncident
}

// Kill is the order to end a fault now.
type Kill struct {
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Run is an experiment in action, pinned to the experiment as it was at the start.
type Run struct {
	ID         RunID         `json:"id"`
	Experiment Experiment    `json:"experiment"`
	State      State         `json:"state"`
	Reason     string        `json:"reason"`
	StartedBy  string        `json:"started_by"`
	PlannedAt  time.Time     `json:"planned_at"`
	InjectedAt time.Time     `json:"injected_at,omitzero"` // the fault began
	Deadline   time.Time     `json:"deadline,omitzero"`    // the fault is over then in any case
	FaultEnded time.Time     `json:"fault_ended_at,omitzero"`
	CalmAt     time.Time     `json:"calm_at,omitzero"` // the watched objectives were met again
	OverAt     time.Time     `json:"over_at,omitzero"`
	Checks     []Check       `json:"checks,omitempty"`
	Kill       *Kill         `json:"kill,omitempty"`
	Ending     Ending        `json:"ending,omitzero"`
	Hypothesis Hypothesis    `json:"hypothesis"`
	Results    []Result      `json:"results,omitempty"`
	AbortTook  time.Duration `json:"abort_took_ns,omitempty"` // start of the fault to its early end
	Restore    time.Duration `json:"restore_ns,omitempty"`    // end of the fault to calm
	Findings   []string      `json:"findings,omitempty"`
}

// How a fault is held and watched.
const (
	every       = time.Second      // between two looks
	lease       = 5 * time.Second  // how long a fault may outlive its holder
	settle      = 10 * time.Second // how long late spans are waited for
	calmWithin  = time.Minute      // after which a fleet that is not calm is a finding
	startWithin = 2 * time.Minute  // a run that could not be started by then is not started any more
	minBad      = 5                // bad events before a threshold ends a fault
	slowAbort   = 30 * time.Second // an abort that took longer is a finding
)

// glance is what a running experiment sees.
type glance struct {
	now       time.Time
	kill      *Kill
	holder    bool // the fault is over
	results   []Result
	alerts    []string // of watched services, that began to fire since the fault began
	incidents []string // that burn a watched service, opened since
	blind     error
	stopping  bool
}

// look decides whether a running fault ends at a glance, and why.
func look(r Run, g glance) (ends bool, e Ending) {
	after := "after " + g.now.Sub(r.InjectedAt).Round(time.Second).String()
	switch {
	case g.kill != nil:
		return true, Ending{ByKill, fmt.Sprintf("%s pressed the kill switch %s", g.kill.By, after)}
	case g.stopping:
		return true, Ending{ByShutdown, "the program was stopped " + after}
	}
	for _, x := range g.results {
		if share := x.BadShare(); x.Bad() >= minBad && share > r.Experiment.AbortAbove {
			return true, Ending{ByThreshold, fmt.Sprintf("%s: %d of %d events bad %s, %.1f %% where %.1f %% is the limit", x.SLO, x.Bad(), x.Total, after, 100*share, 100*r.Experiment.AbortAbove)}
		}
	}
	switch {
	case len(g.alerts) > 0:
		return true, Ending{ByAlert, fmt.Sprintf("an alert began to fire %s: %s", after, strings.Join(g.alerts, ", "))}
	case len(g.incidents) > 0:
		return true, Ending{ByIncident, fmt.Sprintf("an incident was opened %s: %s", after, strings.Join(g.incidents, ", "))}
	case !g.now.Before(r.Deadline.Add(-every / 2)):
		return true, Ending{ByDuration, "it had its time"}
	case g.blind != nil:
		return true, Ending{ByBlindness, "the objectives could not be watched " + after}
	case g.holder:
		return true, Ending{ByHolder, "the fault was over by itself " + after}
	}
	return false, Ending{}
}

// judge returns what a run found out, when its fault is gone and the fleet was watched for a while.
func judge(r Run) Run {
	held := true
	for k := range r.Results {
		x := &r.Results[k]
		x.Held = slo.Calm(x.Counts, 1-x.Objective)
		switch {
		case x.Total == 0:
			r.Findings = append(r.Findings, fmt.Sprintf("%s saw no traffic during the fault: nothing is proven about it", x.SLO))
		case !x.Held:
			r.Findings = append(r.Findings, fmt.Sprintf("%s missed its objective of %s: %d of %d events bad", x.SLO, percent(x.Objective), x.Bad(), x.Total))
		}
		held = held && x.Held
	}
	calm := !r.CalmAt.IsZero()
	if calm {
		r.Restore = max(r.CalmAt.Sub(r.FaultEnded), 0)
	} else {
		r.Findings = append(r.Findings, fmt.Sprintf("the watched objectives were not met again %s after the fault was gone: it outlives its cause", calmWithin))
	}
	if r.Ending.Early() {
		r.AbortTook = r.FaultEnded.Sub(r.InjectedAt)
		if r.Ending.refutes() && r.AbortTook > slowAbort {
			r.Findings = append(r.Findings, fmt.Sprintf("it took %s until the fault was ended", r.AbortTook.Round(time.Second)))
		}
	}
	switch {
	case r.Ending.Early() && r.Ending.refutes():
		r.State, r.Hypothesis, r.Reason = Aborted, Refuted, r.Ending.Reason
	case r.Ending.Early():
		r.State, r.Hypothesis, r.Reason = Aborted, Undecided, r.Ending.Reason
	case len(r.Results) == 0:
		r.State, r.Hypothesis, r.Reason = Failed, Undecided, "no watched objective is in the catalog any more"
	case !held && slices.ContainsFunc(r.Results, func(x Result) bool { return x.Total > 0 && !x.Held }):
		r.State, r.Hypothesis, r.Reason = Failed, Refuted, r.Findings[0]
	case !held:
		r.State, r.Hypothesis, r.Reason = Failed, Undecided, r.Findings[0]
	case !calm:
		r.State, r.Hypothesis, r.Reason = Failed, Refuted, r.Findings[len(r.Findings)-1]
	default:
		r.State, r.Hypothesis, r.Reason = Passed, Confirmed, fmt.Sprintf("%d watched %s held for %s", len(r.Results), plural(len(r.Results), "objective", "objectives"), r.FaultEnded.Sub(r.InjectedAt).Round(time.Second))
	}
	return r
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

func percent(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", 100*share), "0"), ".") + " %"
}
