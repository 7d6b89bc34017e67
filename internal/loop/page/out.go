package page

// Kinds of facts that page emits.
const (
	KindHeld      = "page.held"
	KindOpened    = "page.opened"    // people are being told from now on
	KindEscalated = "page.escalated" // a step was taken
	KindNotified  = "page.notified"  // a channel accepted a notification
	KindShadowed  = "page.shadowed"  // as a shadow: who would have been told
	KindCompared  = "page.compared"  // what a shadow did was compared with what another system did
	KindDelivered = "page.delivered" // the provider says that it arrived
	KindFailed    = "page.failed"    // a notification could not be delivered
	KindChecked   = "page.checked"   // a test message was sent by a contact of a person
	KindConfirmed = "page.confirmed" // a person says that a test message arrived
	KindAcked     = "page.acked"
	KindReopened  = "page.reopened"  // acknowledged, and not resolved in time: people are told again
	KindUnneeded  = "page.unneeded"  // a message that waited its turn was not sent: the page was taken before
	KindExhausted = "page.exhausted" // nobody answered in any loop
	KindRaised    = "page.raised"
	KindResolved  = "page.resolved"

	KindOverridden     = "page.overridden"      // people were put on call for a while
	KindUnoverridden   = "page.unoverridden"    // that was cancelled
	KindCoverAsked     = "page.cover_asked"     // somebody asks who takes their time on call
	KindCoverTaken     = "page.cover_taken"     // somebody does
	KindCoverCancelled = "page.cover_cancelled" // they do not ask any more
	KindSwapAsked      = "page.swap_asked"      // somebody asks another to swap shifts, or one of two agreed
	KindSwapTaken      = "page.swap_taken"      // both agreed, or somebody who may decided it
	KindSwapRefused    = "page.swap_refused"
	KindSwapCancelled  = "page.swap_cancelled"
	KindHandedOver     = "page.handed_over"    // other people are on call
	KindNoticed        = "page.noticed"        // a channel accepted a notice about being on call
	KindCalendarMoved  = "page.calendar_moved" // a calendar has another address
	KindUnnoticed      = "page.unnoticed"      // a notice could not be delivered
	KindLost           = "page.lost"           // test pages do not arrive: people were told directly
	KindFound          = "page.found"          // test pages arrive again

	KindDeviceAdded   = "page.device_added"   // messages to a person are pushed to a device
	KindDeviceDropped = "page.device_dropped" // they are not any more

	KindTicketOpened = "page.ticket_opened" // alerts that page nobody wait for the next business day
	KindTicketTaken  = "page.ticket_taken"  // somebody works on it
	KindTicketCalm   = "page.ticket_calm"   // its alerts are over, and its policy keeps it
	KindTicketDone   = "page.ticket_done"
)

// Changed is the payload of facts about a page.
type Changed struct {
	Page   Page     `json:"page"`
	People []string `json:"people,omitempty"`
}

// Notified is the payload of facts about a notification.
type Notified struct {
	Page         Page         `json:"page"`
	Notification Notification `json:"notification"`
}
