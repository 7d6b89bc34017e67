package detect

import "time"

// Kinds of facts that detect emits.
const (
	KindFired     = "detect.fired"
	KindResolved  = "detect.resolved"
	KindGroupCalm = "detect.calm"     // the last alert of a group resolved
	KindExpected  = "detect.expected" // an alert was held back: an experiment burns the budget on purpose
)

// Fired says that an alert began to fire. First is set for the alert that opened its group.
type Fired struct {
	Alert       Alert  `json:"alert"`
	First       bool   `json:"first"`
	GroupReason string `json:"group_reason"`
}

// AlertResolved says that an alert stopped firing.
type AlertResolved struct {
	Alert Alert `json:"alert"`
}

// GroupCalm says that no alert of the group fires any more.
type GroupCalm struct {
	Group GroupID   `json:"group"`
	At    time.Time `json:"at"`
}
