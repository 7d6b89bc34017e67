package respond

import "nightkeeper/internal/loop/respond/diagnose"

// Kinds of facts that respond emits.
const (
	KindOpened    = "respond.opened"
	KindJoined    = "respond.joined"   // another alert belongs to the incident
	KindReopened  = "respond.reopened" // an alert fired again after it was resolved
	KindNamed     = "respond.named"    // the suspected cause
	KindImpact    = "respond.impact"   // who is affected and what it costs
	KindStatus    = "respond.status"
	KindNoted     = "respond.noted" // somebody wrote something down
	KindCommander = "respond.commander"
	KindResolved  = "respond.resolved"
)

// Changed is the payload of facts about an incident.
type Changed struct {
	Incident Incident `json:"incident"`
}

// Named is the payload of KindNamed.
type Named struct {
	Incident   Incident            `json:"incident"`
	Cause      diagnose.Suspect    `json:"cause"`
	Confidence diagnose.Confidence `json:"confidence"`
}
