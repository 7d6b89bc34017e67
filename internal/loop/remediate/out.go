package remediate

// Kinds of facts that remediate emits.
const (
	KindChosen   = "remediate.chosen"  // which runbook, or none, and why
	KindStarted  = "remediate.started" // a run began
	KindActed    = "remediate.acted"   // a step was done
	KindNoted    = "remediate.noted"   // a script printed something
	KindAsked    = "remediate.asked"   // an approval is waiting
	KindDecided  = "remediate.decided" // an approval was granted, denied, or expired
	KindSettled  = "remediate.settled" // a person said whether a step happened
	KindFinished = "remediate.finished"
)

// Changed is the payload of facts about a run.
type Changed struct {
	Run      Run       `json:"run"`
	Approval *Approval `json:"approval,omitempty"`
}

// Acted is the payload of facts about a step.
type Acted struct {
	Run  RunID  `json:"run"`
	Seq  int    `json:"seq"`
	Name string `json:"name"`
	OK   bool   `json:"ok"`
}

// Settled is the payload of the fact that a person said whether a step happened.
type Settled struct {
	Run RunID `json:"run"`
	Settlement
}
