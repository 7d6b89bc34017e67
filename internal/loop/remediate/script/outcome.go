package script

// Kind is how a script ended.
type Kind string

// The kinds of end.
const (
	Resolved  Kind = "resolved"  // it called resolve
	Escalated Kind = "escalated" // it called escalate
	Finished  Kind = "finished"  // it fell off its end
	Failed    Kind = "failed"    // fail, or an error in the script itself
)

// Outcome is the end of a script.
type Outcome struct {
	Kind    Kind   `json:"kind"`
	Reason  string `json:"reason,omitempty"`
	Context any    `json:"context,omitempty"` // what escalate was given, canonical
	Site    string `json:"site,omitempty"`    // file:line:col of the call or the error that ended it
	Trace   string `json:"trace,omitempty"`   // stack of a failed script
	Calls   int    `json:"calls"`             // how many effects it asked for
}
