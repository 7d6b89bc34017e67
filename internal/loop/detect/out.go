package detect

import "time"

// Kinds of facts that detect emits.
const (
	KindFired     = "detect.fired"
	KindResolved  = "detect.resolved"
	KindGroupCalm = "detect.calm"     // the last alert of a group resolved
	KindExpected  = "detect.expected" // an alert was held back: an experiment burns the budget on purpose

	KindJoined     = "detect.joined"     // more alerts of a group than are told of one by one
	KindMuted      = "detect.muted"      // alerts of which nobody is told
	KindAcked      = "detect.acked"      // another system says that somebody looks at an alert
	KindUnacked    = "detect.unacked"    // it says that nobody does any more
	KindNoted      = "detect.noted"      // what another system says about an alert
	KindCalled     = "detect.called"     // another system asks for somebody to be told of an alert
	KindSilenced   = "detect.silenced"   // somebody made or changed a silence
	KindUnsilenced = "detect.unsilenced" // somebody ended a silence

	KindHeartbeatSet     = "detect.heartbeat_set"     // somebody made or changed a heartbeat
	KindHeartbeatDropped = "detect.heartbeat_dropped" // somebody removed one
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
	Group  GroupID   `json:"group"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Muted  bool      `json:"muted,omitempty"` // they still fire, and nobody is told of them
}

// Joined counts alerts of a group that came or went together and have no fact of their own.
type Joined struct {
	Group    GroupID  `json:"group"`
	Alerts   int      `json:"alerts,omitempty"`
	Resolved int      `json:"resolved,omitempty"`
	Examples []string `json:"examples,omitempty"`
}

// Muted says that nobody is told of an alert, and how many came with it for which the same holds.
type Muted struct {
	Alert  Alert `json:"alert"`
	Alerts int   `json:"alerts"`
}

// Acked says that somebody looks at an alert, or does not any more, as its source reports.
type Acked struct {
	Alert AlertID   `json:"alert"`
	Group GroupID   `json:"group"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// Noted is what a source says about an alert.
type Noted struct {
	Alert AlertID `json:"alert"`
	Group GroupID `json:"group"`
	Text  string  `json:"text"`
}
