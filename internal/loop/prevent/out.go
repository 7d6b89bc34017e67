package prevent

// Kinds of facts that prevent emits.
const (
	KindProposed = "prevent.proposed" // an experiment that recreates an incident
	KindPlanned  = "prevent.planned"
	KindChecked  = "prevent.checked"  // pre-flight, with what it found
	KindInjected = "prevent.injected" // the fault is being made
	KindEnded    = "prevent.ended"    // the fault is gone
	KindKilled   = "prevent.killed"   // somebody pressed the kill switch
	KindFinished = "prevent.finished"
	KindFrozen   = "prevent.frozen"
	KindThawed   = "prevent.thawed"
	KindGated    = "prevent.gated" // the gate answered
)

// Proposed is the payload of KindProposed.
type Proposed struct {
	Experiment Experiment `json:"experiment"`
}

// RunChanged is the payload of facts about an experiment run.
type RunChanged struct {
	Run Run `json:"run"`
}

// FreezeChanged is the payload of KindFrozen and KindThawed.
type FreezeChanged struct {
	Freeze Freeze `json:"freeze"`
}

// Gated is the payload of KindGated.
type Gated struct {
	Verdict Verdict `json:"verdict"`
}
