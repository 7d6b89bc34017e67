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
	KindCalled    = "respond.called" // somebody is called to take command, or for a role
	KindRole      = "respond.role"   // somebody has a role

	KindHandoffAnnounced = "respond.handoff_announced" // command passes soon
	KindHandoffDue       = "respond.handoff_due"       // the incoming commander is asked to take it
	KindHandoffAnswered  = "respond.handoff_answered"  // they are there
	KindHandoffAccepted  = "respond.handoff_accepted"  // command has passed
	KindHandoffOverdue   = "respond.handoff_overdue"   // it has not passed in time
	KindHandoffEnded     = "respond.handoff_ended"     // it is not needed any more
	KindHandoffEdited    = "respond.handoff_edited"    // somebody wrote into its document
	KindHandoffAsked     = "respond.handoff_asked"     // a question to the outgoing commander
	KindHandoffReplied   = "respond.handoff_replied"   // its answer
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

// HandedOff is the payload of facts about a handoff.
type HandedOff struct {
	Handoff Handoff `json:"handoff"`
}
